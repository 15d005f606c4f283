// Bound by OpenCV, which blurs every picture into a pyramid first. Pictures are shared among our
// own threads, and OpenCV opens none of its own meanwhile.
#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <opencv2/features2d.hpp>
#include <vector>

#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/opencv.h"
#include "fovea/core/errors.h"
#include "fovea/ops/features.h"

namespace fovea {

namespace {

constexpr int64_t length = 128;
constexpr float to_unit = 1.0f / 512;  // OpenCV stretches vectors of length 1 by it

// One thread for OpenCV, until the scope ends. The number belongs to the whole process, so only one
// such scope exists at a time.
class OneThread {
 public:
  OneThread() : lock_(only()), before_(cv::getNumThreads()) { cv::setNumThreads(1); }
  ~OneThread() { cv::setNumThreads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  static std::mutex& only() {
    static std::mutex mutex;
    return mutex;
  }
  std::lock_guard<std::mutex> lock_;
  int before_;
};

// Pixels (H, W, C) as grey bytes that reach from the smallest finite value, which others count as,
// to the largest.
template <class T>
cv::Mat grey_of(const T* x, const Shape& shape) {
  const int64_t pixels = shape[1] * shape[2], channels = shape[3];
  std::vector<double> grey(size_t(pixels), 0);
  for (int64_t i = 0; i < pixels; ++i)
    for (int64_t c = 0; c < channels; ++c) grey[size_t(i)] += double(x[i * channels + c]);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (double g : grey)
    if (std::isfinite(g)) low = std::min(low, g), high = std::max(high, g);
  const double scale = high > low ? 255 / (high - low) : 0;
  const auto height = int(shape[1]), width = int(shape[2]);
  cv::Mat image(height, width, CV_8UC1);
  for (int64_t i = 0; i < pixels; ++i) {
    const double level = (grey[size_t(i)] - low) * scale;
    image.data[i] = std::isfinite(level) ? uint8_t(std::lround(level)) : uint8_t(0);
  }
  return image;
}

// On the grid, by row. A keypoint's size is the diameter of Lowe's keypoint, of whose radius a cell
// has three halves.
std::vector<cv::KeyPoint> grid_of(const Shape& to, const SiftOptions& o) {
  std::vector<cv::KeyPoint> points;
  const float middle = 2 * float(o.cell) - 0.5f;
  for (int64_t r = 0; r < to[1]; ++r)
    for (int64_t c = 0; c < to[2]; ++c)
      points.emplace_back(
          middle + float(c * o.step), middle + float(r * o.step), float(o.cell) * 2 / 3, 0.0f);
  return points;
}

// The descriptors of one picture, (grid, 128).
template <class T>
void describe(
    cv::SIFT& sift, const T* x, const Shape& shape, const std::vector<cv::KeyPoint>& grid, T* y) {
  std::vector<cv::KeyPoint> points = grid;
  cv::Mat descriptors;
  sift.compute(grey_of(x, shape), points, descriptors);
  FOVEA_ASSERT(points.size() == grid.size() && descriptors.cols == length);
  for (int64_t i = 0; i < int64_t(grid.size()); ++i)
    for (int64_t k = 0; k < length; ++k)
      y[i * length + k] = T(descriptors.at<float>(int(i), int(k)) * to_unit);
}

void sift_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const SiftOptions& o = static_cast<const Sift&>(primitive).options();
  const Shape& from = in[0].shape();
  const Shape& to = out[0].shape();
  const std::vector<cv::KeyPoint> grid = grid_of(to, o);
  const int64_t read = from[1] * from[2] * from[3], written = to[1] * to[2] * to[3];
  const OneThread one_thread;
  std::exception_ptr error;  // OpenCV throws, which must not leave a team of threads
  std::mutex mutex;
  visit_real(in[0].dtype(), [&]<class T>() {
    const T* x = in[0].data<T>().data();
    T* y = out[0].mutable_data<T>().data();
    cpu::parallel_for(to[0], 4, [&](int64_t begin, int64_t end) {
      try {
        const cv::Ptr<cv::SIFT> sift = cv::SIFT::create();
        for (int64_t n = begin; n < end; ++n)
          describe(*sift, x + n * read, from, grid, y + n * written);
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
      }
    });
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace

void register_opencv(KernelTable& table) { table.add<Sift>(Device::ref, sift_kernel); }

}  // namespace fovea
