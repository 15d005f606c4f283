#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fovea::serve {

// What a server has done, for Prometheus. From any thread.
class Metrics {
 public:
  explicit Metrics(std::vector<size_t> batch_sizes);  // ascending

  void answered(std::string_view path, int status);
  void predicted(double seconds);
  void ran(size_t pictures);  // a batch

  // In the text format of Prometheus, version 0.0.4. Quantiles are those of the last predictions.
  std::string text(size_t waiting) const;
  uint64_t predictions() const;

 private:
  static constexpr size_t window = 1024;

  const std::vector<size_t> batch_sizes_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> answers_;  // by path and status
  std::array<double, window> latest_{};                      // seconds, a ring
  uint64_t predictions_ = 0;
  double seconds_ = 0;
  std::vector<uint64_t> batches_;  // by size
  uint64_t pictures_ = 0;          // in all batches
};

}  // namespace fovea::serve
