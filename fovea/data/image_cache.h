#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "fovea/image/image.h"

namespace fovea::data {

// Pictures by sample number, kept until a byte limit is reached; any thread.
class ImageCache {
 public:
  ImageCache(int64_t samples, int64_t max_bytes)
      : images_(size_t(max_bytes > 0 ? samples : 0)), max_bytes_(max_bytes) {}

  // Null when there is none.
  std::shared_ptr<const image::Image> get(int64_t i) const {
    if (images_.empty()) return nullptr;
    std::lock_guard lock(mutex_of(i));
    return images_[size_t(i)];
  }

  // Keeps the picture if it fits below the limit.
  void put(int64_t i, const std::shared_ptr<const image::Image>& image) {
    if (images_.empty()) return;
    auto bytes = int64_t(image->pixels.size() + sizeof(image::Image));
    std::lock_guard lock(mutex_of(i));
    if (images_[size_t(i)] || used_.fetch_add(bytes) + bytes > max_bytes_) return;
    images_[size_t(i)] = image;
  }

  int64_t bytes() const { return std::min(used_.load(), max_bytes_); }

 private:
  std::mutex& mutex_of(int64_t i) const { return mutexes_[size_t(i) % mutexes_.size()]; }

  std::vector<std::shared_ptr<const image::Image>> images_;
  int64_t max_bytes_;
  std::atomic<int64_t> used_ = 0;
  mutable std::array<std::mutex, 64> mutexes_;
};

}  // namespace fovea::data
