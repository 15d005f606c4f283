#include "fovea/formats/tensorboard.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/crc32c.h"
#include "fovea/formats/protobuf.h"

namespace fovea::formats {

namespace fs = std::filesystem;

namespace {

// Field numbers of tensorflow/core/util/event.proto, .../framework/summary.proto and
// .../framework/tensor.proto.
namespace event_field {
constexpr int wall_time = 1, step = 2, file_version = 3, summary = 5;
}
namespace summary_field {
constexpr int value = 1;
}
namespace value_field {
constexpr int tag = 1, simple_value = 2, image = 4, histogram = 5, tensor = 8, metadata = 9;
}
namespace image_field {
constexpr int height = 1, width = 2, colorspace = 3, encoded = 4;
}
namespace histogram_field {
constexpr int min = 1, max = 2, num = 3, sum = 4, sum_squares = 5, bucket_limit = 6, bucket = 7;
}
namespace tensor_field {
constexpr int dtype = 1, shape = 2, string_val = 8, shape_dim = 2, dim_size = 1, dt_string = 7;
}
namespace metadata_field {
constexpr int plugin_data = 1, data_class = 4, plugin_name = 1, data_class_tensor = 2;
}

double system_seconds() {
  using namespace std::chrono;
  return duration<double>(system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

struct PngInfo {
  uint32_t width, height;
  int channels;
};

// Size and channels from the header chunk, which the PNG specification puts first.
PngInfo png_info(std::span<const std::byte> png) {
  constexpr std::string_view start("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
  if (png.size() < 33 || std::memcmp(png.data(), start.data(), start.size()) != 0)
    throw std::invalid_argument(fmt::format(
        "[EventWriter::image] expected a PNG file, got {} bytes of something else", png.size()));
  auto big_endian = [&](size_t at) {
    uint32_t number = 0;
    for (size_t i = at; i < at + 4; ++i) number = number << 8 | uint32_t(png[i]);
    return number;
  };
  int type = int(png[25]);  // 0 grey, 2 colour, 3 palette, 4 grey and alpha, 6 colour and alpha
  return {big_endian(16), big_endian(20), type == 0 ? 1 : type == 4 ? 2 : type == 6 ? 4 : 3};
}

}  // namespace

// An append-only file descriptor.
class EventWriter::File {
 public:
  explicit File(const fs::path& path)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
    if (fd_ < 0 && errno != EEXIST) fail("cannot be created");
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }  // not if another file had the name already

  void write(std::string_view text) {
    while (!text.empty()) {
      ssize_t n = ::write(fd_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be written");
      text.remove_prefix(size_t(n));
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw IoError(
        path_.string(), fmt::format("{}: {}", what, std::generic_category().message(errno)));
  }

  fs::path path_;
  int fd_;
};

EventWriter::EventWriter(const fs::path& folder, Options options)
    : clock_(options.clock ? std::move(options.clock) : system_seconds),
      limit_(size_t(std::max(options.buffer_bytes, 0))) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(folder.string(), "cannot make the folder: " + error.message());
  double now = clock_();
  std::string host = options.host.empty() ? host_name() : options.host;
  for (int n = 0; !file_ || !file_->is_open(); ++n) {
    path_ = folder /
            fmt::format("events.out.tfevents.{:010}.{}.{}.{}", int64_t(now), host, ::getpid(), n);
    file_ = std::make_unique<File>(path_);
  }
  record(ProtoMessage()
             .fixed64(event_field::wall_time, now)
             .bytes(event_field::file_version, "brain.Event:2"));
  flush();
}

EventWriter::~EventWriter() {
  try {
    flush();
  } catch (const IoError&) {
  }
}

void EventWriter::scalar(std::string_view tag, int64_t step, double value) {
  add(step,
      ProtoMessage().bytes(value_field::tag, tag).fixed32(value_field::simple_value, float(value)));
}

void EventWriter::image(std::string_view tag, int64_t step, std::span<const std::byte> png) {
  PngInfo info = png_info(png);
  auto image =
      ProtoMessage()
          .varint(image_field::height, info.height)
          .varint(image_field::width, info.width)
          .varint(image_field::colorspace, uint64_t(info.channels))
          .bytes(image_field::encoded, {reinterpret_cast<const char*>(png.data()), png.size()});
  add(step, ProtoMessage().bytes(value_field::tag, tag).bytes(value_field::image, image));
}

void EventWriter::histogram(
    std::string_view tag, int64_t step, std::span<const float> values, int bins) {
  if (bins < 1)
    throw std::invalid_argument(
        fmt::format("[EventWriter::histogram] expected at least 1 bin, got {}", bins));
  double low = INFINITY, high = -INFINITY, count = 0, sum = 0, sum_squares = 0;
  for (double v : values) {
    if (!std::isfinite(v)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
    count += 1;
    sum += v;
    sum_squares += v * v;
  }
  std::vector<double> limits, counts;
  if (count == 0) {
    low = high = 0;
  } else if (low == high) {
    limits = {high};
    counts = {count};
  } else {
    double width = (high - low) / bins;
    counts.resize(size_t(bins));
    for (int i = 1; i < bins; ++i) limits.push_back(low + i * width);
    limits.push_back(high);
    for (double v : values)
      if (std::isfinite(v)) counts[size_t(std::min(int((v - low) / width), bins - 1))] += 1;
  }
  auto histogram = ProtoMessage()
                       .fixed64(histogram_field::min, low)
                       .fixed64(histogram_field::max, high)
                       .fixed64(histogram_field::num, count)
                       .fixed64(histogram_field::sum, sum)
                       .fixed64(histogram_field::sum_squares, sum_squares)
                       .packed(histogram_field::bucket_limit, limits)
                       .packed(histogram_field::bucket, counts);
  add(step, ProtoMessage().bytes(value_field::tag, tag).bytes(value_field::histogram, histogram));
}

// A string tensor of shape (1) that the "text" plugin claims by its metadata.
void EventWriter::text(std::string_view tag, int64_t step, std::string_view text) {
  auto plugin = ProtoMessage().bytes(metadata_field::plugin_name, "text");
  auto metadata = ProtoMessage()
                      .bytes(metadata_field::plugin_data, plugin)
                      .varint(metadata_field::data_class, metadata_field::data_class_tensor);
  auto shape = ProtoMessage().bytes(
      tensor_field::shape_dim, ProtoMessage().varint(tensor_field::dim_size, 1));
  auto tensor = ProtoMessage()
                    .varint(tensor_field::dtype, tensor_field::dt_string)
                    .bytes(tensor_field::shape, shape)
                    .bytes(tensor_field::string_val, text);
  add(step,
      ProtoMessage()
          .bytes(value_field::tag, tag)
          .bytes(value_field::tensor, tensor)
          .bytes(value_field::metadata, metadata));
}

void EventWriter::add(int64_t step, const ProtoMessage& value) {
  record(ProtoMessage()
             .fixed64(event_field::wall_time, clock_())
             .varint(event_field::step, uint64_t(step))
             .bytes(event_field::summary, ProtoMessage().bytes(summary_field::value, value)));
}

// A TFRecord: length (8 bytes), its masked CRC (4), data, its masked CRC (4).
void EventWriter::record(const ProtoMessage& event) {
  const std::string& data = event.data();
  auto append = [&](const void* bytes, size_t size) {
    waiting_.append(static_cast<const char*>(bytes), size);
    return masked_crc32c({static_cast<const std::byte*>(bytes), size});
  };
  uint64_t size = data.size();
  uint32_t crc = append(&size, sizeof size);
  append(&crc, sizeof crc);
  crc = append(data.data(), data.size());
  append(&crc, sizeof crc);
  if (waiting_.size() > limit_) flush();
}

void EventWriter::flush() {
  std::string records = std::exchange(waiting_, {});
  file_->write(records);
}

}  // namespace fovea::formats
