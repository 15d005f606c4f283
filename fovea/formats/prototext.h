#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fovea::formats {

// The text form of protocol buffers (protobuf.dev, "Text Format"), without a schema: fields in the
// order of the file. A scalar's text is without its quotes.
struct ProtoText {
  struct Field;
  std::vector<Field> fields;

  static ProtoText parse(std::string_view text, const std::string& name);  // throws IoError

  // The first field of a name, or null; and all of them.
  const Field* find(std::string_view key) const;
  std::vector<const Field*> all(std::string_view key) const;
  // The scalar of a field, or the fallback.
  std::string text(std::string_view key, const std::string& fallback = "") const;
};

struct ProtoText::Field {
  std::string key;
  std::string scalar;  // of a field that is no message
  ProtoText message;
};

}  // namespace fovea::formats
