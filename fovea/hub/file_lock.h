#pragma once

#include <filesystem>
#include <functional>

namespace fovea::hub {

// Holds an exclusive flock() on a file, made if need be, as huggingface_hub's own lock does. Waits
// for whoever has it, after calling `busy`. Throws IoError.
class FileLock {
 public:
  FileLock(const std::filesystem::path& path, const std::function<void()>& busy);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace fovea::hub
