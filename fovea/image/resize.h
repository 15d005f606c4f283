#pragma once

#include <cstdint>

#include "fovea/image/image.h"

namespace fovea::image {

// Interpolation kernels, numbered as in Pillow.
enum class Filter : uint8_t { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4 };

// A region of an image in pixels, edges not corners of pixels: the whole is {0, 0, width, height}.
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
};

// The image at (height, width), equal to Pillow's Image.resize: the kernel widens with the shrink
// factor (antialias), columns first, then rows, coefficients in fixed point with 22 bits, rounding
// to 8 bits after each pass; bicubic has a = -0.5; pictures with alpha are premultiplied meanwhile.
Image resize(const Image& image, int height, int width, Filter filter = Filter::bilinear);

// The same for the part of the image inside `box`, as Pillow's resize(box=...): sides may be
// fractions of a pixel, and kernels reach across the edges of the box.
Image resize(
    const Image& image, int height, int width, const Box& box, Filter filter = Filter::bilinear);

// Makes the shorter side `size` and keeps the aspect ratio; the longer one is rounded down, as
// torchvision's Resize(size) does.
Image resize_short_side(const Image& image, int size, Filter filter = Filter::bilinear);

}  // namespace fovea::image
