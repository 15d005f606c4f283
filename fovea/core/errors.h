#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace fovea {

// What a caller gets for a file that cannot be read or written: path, byte offset where known,
// cause. Caller mistakes in arguments are std::invalid_argument, our own bugs std::logic_error.
class IoError : public std::runtime_error {
 public:
  IoError(std::string path, const std::string& message, std::optional<uint64_t> offset = {});

  const std::string& path() const { return path_; }
  std::optional<uint64_t> offset() const { return offset_; }

 private:
  std::string path_;
  std::optional<uint64_t> offset_;
};

// An op failed while the graph ran; the message names op, module path and source line.
class EvalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A value that must be finite was not; see NanGuard in core/eval.h.
class NonFiniteError : public EvalError {
 public:
  NonFiniteError(const std::string& message, std::string op, std::string path)
      : EvalError(message), op_(std::move(op)), path_(std::move(path)) {}

  const std::string& op() const { return op_; }
  const std::string& path() const { return path_; }

 private:
  std::string op_, path_;
};

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace fovea

// For our own invariants, in every build type. Caller mistakes are checked in the ops instead.
#define FOVEA_ASSERT(condition) \
  ((condition) ? void(0) : ::fovea::assert_failed(#condition, __FILE__, __LINE__))
