#pragma once

#include <array>
#include <cstdint>

#include "fovea/image/image.h"

namespace fovea::image {

struct Rect {
  int top = 0, left = 0, height = 0, width = 0;
};

// What lies outside an image: one value, the nearest edge pixel, or the mirror image without
// repeating the edge.
enum class Border : uint8_t { constant, edge, reflect };

struct Padding {
  int top = 0, bottom = 0, left = 0, right = 0;
};

Image crop(const Image& image, const Rect& rect);  // throws unless rect lies inside
Image pad(
    const Image& image, const Padding& by, Border border = Border::constant, uint8_t fill = 0);

// The middle (height, width); a smaller image is padded with zeros, as torchvision's CenterCrop
// does.
Image center_crop(const Image& image, int height, int width);

Image flip_horizontal(Image image);             // mirrors left and right
Image flip_vertical(Image image);               // mirrors top and bottom
Image rotate90(const Image& image, int turns);  // clockwise; any whole number of quarter turns

// Undoes an EXIF orientation 1..8, so that the picture stands upright.
Image orient(Image image, int orientation);

// Maps an output position to the input position it shows, both in pixels with centres at half
// integers: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5].
struct Affine {
  std::array<double, 6> m{1, 0, 0, 0, 1, 0};
};

// How a picture is moved about its centre; applied to it in the order stretch, shear, rotation,
// translation.
struct AffineOptions {
  double rotate = 0;                        // degrees, clockwise
  double translate_x = 0, translate_y = 0;  // pixels
  double stretch_x = 1, stretch_y = 1;      // > 1 enlarges
  double shear_x = 0, shear_y = 0;          // degrees
};

Affine make_affine(int height, int width, const AffineOptions& options);  // throws when singular

// Samples bilinearly (no antialias: for moderate shrinking only) into an image of the same size.
Image warp(
    const Image& image, const Affine& map, Border border = Border::constant, uint8_t fill = 0);

// Radial distortion (Brown, "Decentering distortion of lenses", 1966): the output at radius r, in
// half diagonals from the centre, shows the input at r (1 + k1 r^2 + k2 r^4). Positive k1 gives a
// barrel, negative a pincushion.
Image lens_distortion(
    const Image& image,
    double k1,
    double k2 = 0,
    Border border = Border::constant,
    uint8_t fill = 0);

}  // namespace fovea::image
