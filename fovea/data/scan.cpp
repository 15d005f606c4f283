#include "fovea/data/scan.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "fovea/core/errors.h"

namespace fovea::data {

std::map<int64_t, std::string> scan(
    const Dataset& dataset,
    int threads,
    const image::DecodeOptions& how,
    const std::function<void(int, int64_t, image::Image)>& visit) {
  std::map<int64_t, std::string> corrupt;
  std::exception_ptr error;
  std::mutex mutex;
  std::atomic<int64_t> next = 0;
  auto work = [&](int thread) {
    try {
      for (int64_t i; (i = next++) < dataset.size();) {
        try {
          visit(thread, i, dataset.image(i, how));
        } catch (const IoError& e) {
          std::lock_guard lock(mutex);
          corrupt.emplace(i, e.what());
        }
      }
    } catch (...) {
      std::lock_guard lock(mutex);
      error = std::current_exception();
      next = dataset.size();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(work, t);
    work(0);
  }
  if (error) std::rethrow_exception(error);
  return corrupt;
}

}  // namespace fovea::data
