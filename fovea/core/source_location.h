#pragma once

namespace fovea {

// Where a call was written. Stands in for std::source_location, which clang 14 does not have.
class SourceLocation {
 public:
  constexpr SourceLocation() = default;

  // As a default argument: the place of the call that leaves it out.
  static constexpr SourceLocation current(
      const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return SourceLocation(file, line);
  }

  constexpr const char* file_name() const { return file_; }
  constexpr unsigned line() const { return line_; }

 private:
  constexpr SourceLocation(const char* file, unsigned line) : file_(file), line_(line) {}

  const char* file_ = "";
  unsigned line_ = 0;
};

}  // namespace fovea
