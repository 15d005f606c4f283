#include "fovea/data/digits.h"

#include <cstddef>

#include <fmt/format.h>
#include <zlib.h>

#include "fovea/core/errors.h"

extern "C" const unsigned char fovea_digits_begin[];
extern "C" const unsigned char fovea_digits_end[];

namespace fovea::data {

namespace {

constexpr size_t train_count = 10000, test_count = 2000, side = 28;
constexpr size_t picture = side * side, count = train_count + test_count;

DatasetPtr part(const std::vector<uint8_t>& raw, size_t first, size_t n, std::string name) {
  Pixels pixels{.height = int(side), .width = int(side), .channels = 1};
  auto begin = raw.begin() + ptrdiff_t(first * picture);
  pixels.bytes.assign(begin, begin + ptrdiff_t(n * picture));
  auto label = raw.begin() + ptrdiff_t(count * picture + first);
  std::vector<std::string> classes;
  for (int c = 0; c < 10; ++c) classes.push_back(std::to_string(c));
  return make_pixel_dataset(
      std::move(name), std::move(classes), std::move(pixels), {label, label + ptrdiff_t(n)});
}

Source unpack() {
  std::vector<uint8_t> raw(count * (picture + 1));
  uLongf size = raw.size();
  int code = uncompress(
      raw.data(), &size, fovea_digits_begin, uLong(fovea_digits_end - fovea_digits_begin));
  FOVEA_ASSERT(code == Z_OK && size == raw.size());
  Source source;
  source.train = part(raw, 0, train_count, "digits/train");
  source.test = part(raw, train_count, test_count, "digits/test");
  source.classes = source.train->classes();
  return source;
}

}  // namespace

Source digits() {
  static const Source source = unpack();
  return source;
}

}  // namespace fovea::data
