#include "fovea/serve/multipart.h"

#include <stdexcept>
#include <string>

#include "fovea/core/text.h"

namespace fovea::serve {

namespace {

// The value of `key` among "; key=value" or "; key=\"value\"", or "".
std::string_view parameter(std::string_view text, std::string_view key) {
  const std::string small = lower(std::string(text)), wanted = std::string(key) + "=";
  for (size_t at = small.find(';'); at != small.npos; at = small.find(';', at + 1)) {
    size_t begin = small.find_first_not_of(" \t", at + 1);
    if (begin == small.npos || small.compare(begin, wanted.size(), wanted) != 0) continue;
    begin += wanted.size();
    if (begin < text.size() && text[begin] == '"') {
      const size_t end = text.find('"', begin + 1);
      return end == text.npos ? "" : text.substr(begin + 1, end - begin - 1);
    }
    return text.substr(begin, text.find_first_of("; \t", begin) - begin);
  }
  return "";
}

// The name that the head of a part gives.
std::string_view name_in(std::string_view head) {
  const std::string wanted = "content-disposition:";
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    if (lower(std::string(line.substr(0, wanted.size()))) == wanted) return parameter(line, "name");
    head = end == head.npos ? "" : head.substr(end + 2);
  }
  return "";
}

}  // namespace

bool is_form(std::string_view content_type) {
  return lower(std::string(content_type)).starts_with("multipart/form-data");
}

std::optional<std::string_view> form_field(
    std::string_view content_type, std::string_view body, std::string_view name) {
  constexpr size_t longest_boundary = 70, longest_head = 4096;  // the first by RFC 2046
  const std::string_view boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > longest_boundary)
    throw std::invalid_argument(
        "expected a form whose Content-Type names a boundary of 1 to 70 characters");
  const std::string first = "--" + std::string(boundary), between = "\r\n" + first;
  size_t at = 0;
  if (!body.starts_with(first)) {
    at = body.find(between);
    if (at == body.npos) return std::nullopt;
    at += 2;
  }
  for (;;) {
    at += first.size();
    if (body.substr(at, 2) != "\r\n") return std::nullopt;  // "--": the end
    const size_t head_end = body.substr(at, longest_head).find("\r\n\r\n");
    if (head_end == body.npos) return std::nullopt;
    const size_t begin = at + head_end + 4, end = body.find(between, begin);
    if (end == body.npos) return std::nullopt;
    if (name_in(body.substr(at + 2, head_end)) == name) return body.substr(begin, end - begin);
    at = end + 2;
  }
}

}  // namespace fovea::serve
