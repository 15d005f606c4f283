#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/core/tensor.h"
#include "fovea/image/decode.h"
#include "fovea/image/image.h"
#include "fovea/image/resize.h"

namespace fovea::data {

// How a picture becomes the input of a model. It is recorded in the model file, and whatever feeds
// the model (training, prediction, explanation, export, serving) runs this and nothing else.
struct Preprocess {
  enum class Resize : uint8_t {
    none,        // pictures must have the size already
    stretch,     // to (height, width), whatever the aspect ratio
    short_side,  // shorter side to short_side, then the middle (height, width)
  };

  int channels = 3;              // 1 grey, 3 colours, or 2: points of the plane, (1, 1, 2)
  bool convert_channels = true;  // grey to RGB by copying, RGB to grey by luma; else an error
  Resize resize = Resize::none;
  int height = 0, width = 0;  // of the result; 0 and 0 with Resize::none: any size
  int short_side = 0;
  image::Filter filter = image::Filter::bilinear;
  bool reduced_decode = false;    // JPEGs over twice the size are decoded at 1/2, 1/4 or 1/8
  double scale = 1.0 / 255;       // y = (pixel * scale - mean[c]) / std[c]
  std::vector<double> mean, std;  // one per channel of the result; empty: 0 and 1
  bool bgr = false;               // channel order of the result: blue first

  // timm's evaluation: the shorter side at floor(size / crop_pct), then the middle (size, size).
  static Preprocess with_crop_pct(int size, double crop_pct);

  // What networks from elsewhere expect, for an input of this size:
  // "imagenet" (torchvision): RGB in [0, 1], less mean, by std of ImageNet; the shorter side at 8/7
  // of
  //   the longer extent, then the middle;
  // "caffe" (its model zoo): BGR in [0, 255] less (104, 117, 123); the same with 256/227;
  // "unit" and "signed": RGB in [0, 1] and [-1, 1]; "bytes": RGB in [0, 255]; all three stretched;
  // or, beginning with "{", what to_json() gives. Throws std::invalid_argument for other names, for
  // grey pictures with the first two, and for JSON of another size.
  static Preprocess named(std::string_view name, int height, int width, int channels = 3);

  // Throws std::invalid_argument for values that do not fit together.
  void check() const;

  // What to decode a file with before geometry().
  image::DecodeOptions decode_options() const;

  // Channels, resize and crop: the picture the model sees, still as bytes. Throws
  // std::invalid_argument for another number of channels when convert_channels is off, and for
  // another size with Resize::none.
  image::Image geometry(image::Image image) const;
  // The same before the crop of Resize::short_side.
  image::Image resized(image::Image image) const;

  // Pictures of any size -> f32 (N, height, width, channels), normalised.
  Tensor apply(std::span<const image::Image> images) const;

  bool takes_points() const { return channels == 2; }
  // A point of the plane as an input.
  std::array<float, 2> normalised(const std::array<float, 2>& point) const;

  // Throws std::invalid_argument unless x is f32 (N, height, width, channels): tensors are taken as
  // they are and never converted.
  void check_input(const Tensor& x) const;

  // One JSON object with the keys channels, convert_channels, resize ("none", "stretch",
  // "short_side"), height, width, short_side, interpolation ("nearest", "lanczos", "bilinear",
  // "bicubic", "box"), reduced_decode, scale, mean, std, channel_order ("rgb", "bgr").
  std::string to_json() const;
  // Missing keys keep their defaults; unknown keys and wrong types throw std::invalid_argument.
  static Preprocess from_json(const std::string& text);

  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

// The last step of Preprocess alone, by table: 256 results per channel, so every machine gets the
// same bits.
class Normaliser {
 public:
  explicit Normaliser(const Preprocess& preprocess);

  // A picture with the right channels -> height * width * channels values.
  void operator()(const image::Image& image, std::span<float> out) const;

 private:
  int channels_;
  bool bgr_;
  std::vector<float> table_;  // (channels, 256)
};

}  // namespace fovea::data
