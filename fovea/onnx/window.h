#pragma once

#include <array>

#include "fovea/onnx/call.h"

// What convolutions and pooling have in common: sliding windows over one or two spatial axes.
namespace fovea::onnx {

// Input i as images; a row of features (N, C, L) counts as an image of height 1, (N, C, 1, L).
Tensor images_of(const Call& c, size_t i, const char* what);

// The images back in the number of axes that input 0 has.
Value images_like_input(const Call& c, const Tensor& images);

// The attributes kernel_shape, strides, dilations, pads and auto_pad, for height and width.
struct SlidingWindow {
  std::array<int64_t, 2> kernel, stride, dilation;
  std::array<int64_t, 4> pad;  // top, bottom, left, right
};

// `kernel` is that of the weights, or (0, 0) where kernel_shape must say it. Padding by auto_pad is
// for images of height and width `size`.
SlidingWindow sliding_window(
    const Call& c, std::array<int64_t, 2> kernel, std::array<int64_t, 2> size);

// One number an axis, for height and width; a missing attribute gives `otherwise`.
std::array<int64_t, 2> pair_of(const Call& c, const char* attribute, int64_t otherwise);

}  // namespace fovea::onnx
