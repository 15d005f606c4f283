#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fovea/core/random.h"
#include "fovea/image/color.h"
#include "fovea/image/geometry.h"
#include "fovea/image/image.h"
#include "fovea/image/resize.h"

namespace fovea::image {

// One step of preprocessing or augmentation each: parameters, and apply(), which takes its chances
// from `rng` alone. check() throws std::invalid_argument for parameters that do not fit together.

// The picture at (height, width), whatever its aspect ratio.
struct Resize {
  int height = 224, width = 224;
  int filter = int(Filter::bilinear);
  Image apply(const Image& image, Rng& rng) const;
};

// The shorter side at `size`; see resize_short_side.
struct ResizeShort {
  int size = 256;
  int filter = int(Filter::bilinear);
  Image apply(const Image& image, Rng& rng) const;
};

// The middle (size, size).
struct CenterCrop {
  int size = 224;
  Image apply(const Image& image, Rng& rng) const;
};

struct HorizontalFlip {
  double p = 0.5;
  Image apply(Image image, Rng& rng) const;
};

struct VerticalFlip {
  double p = 0.5;
  Image apply(Image image, Rng& rng) const;
};

// Pads every side, then takes a (size, size) anywhere (He et al., "Deep residual learning", 2015,
// for CIFAR with size 32, padding 4). Smaller pictures are padded until they fit.
struct RandomCrop {
  int size = 32;
  int padding = 4;
  int border = int(Border::constant);
  int fill = 0;
  Image apply(Image image, Rng& rng) const;
};

// A part with area and aspect ratio drawn at random, resized to (size, size): Szegedy et al.,
// "Going deeper with convolutions", 2014, in torchvision's form.
struct RandomResizedCrop {
  int size = 224;
  double area_min = 0.08, area_max = 1;
  double ratio_min = 3.0 / 4, ratio_max = 4.0 / 3;
  int filter = int(Filter::bilinear);
  void check() const;
  Image apply(const Image& image, Rng& rng) const;
};

// Shorter side drawn from [short_min, short_max], then a (size, size) anywhere (VGG, ResNet).
struct RandomScaleCrop {
  int size = 224;
  int short_min = 256, short_max = 480;
  int filter = int(Filter::bilinear);
  void check() const;
  Image apply(const Image& image, Rng& rng) const;
};

// Brightness, contrast and saturation by factors from [1 - v, 1 + v], hue by a shift from [-v, v],
// in an order drawn at random, as torchvision's ColorJitter.
struct ColorJitter {
  double brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0;
  Image apply(Image image, Rng& rng) const;
};

// One colour offset for the whole picture along the principal axes of RGB, each axis scaled by its
// eigenvalue times N(0, std): Krizhevsky et al., "ImageNet classification", 2012, section 4.1. The
// default axes are ImageNet's; ColorMoments finds those of other data.
struct Lighting {
  double std = 0.1;
  ColorPca pca{
      {0.485, 0.456, 0.406},
      {0.2175, 0.0188, 0.0045},
      {{{-0.5675, -0.5808, -0.5836}, {0.7192, -0.0045, -0.6948}, {0.4009, -0.8140, 0.4203}}}};
  Image apply(Image image, Rng& rng) const;
};

// Rotation, translation, scale, stretch and shear about the centre, each drawn evenly from both
// directions.
struct RandomAffine {
  double rotate = 15;      // degrees
  double translate = 0.1;  // share of the side
  double scale = 0.1;      // factor up to 1 + scale or down to its inverse
  double stretch = 0.1;    // the same for the ratio of width to height
  double shear = 5;        // degrees
  int border = int(Border::reflect);
  int fill = 0;
  Image apply(Image image, Rng& rng) const;
};

// Barrel and pincushion distortion with k1 from [-strength, strength].
struct RandomLens {
  double strength = 0.2;
  int border = int(Border::reflect);
  int fill = 0;
  Image apply(Image image, Rng& rng) const;
};

// Overwrites a rectangle: Zhong et al., "Random erasing data augmentation", 2017.
struct RandomErasing {
  double p = 0.5;
  double area_min = 0.02, area_max = 0.33;
  double ratio_min = 0.3, ratio_max = 3.3;
  int fill = -1;  // a value, or -1 for random ones
  void check() const;
  Image apply(Image image, Rng& rng) const;
};

using Step = std::variant<
    Resize,
    ResizeShort,
    CenterCrop,
    HorizontalFlip,
    VerticalFlip,
    RandomCrop,
    RandomResizedCrop,
    RandomScaleCrop,
    ColorJitter,
    Lighting,
    RandomAffine,
    RandomLens,
    RandomErasing>;

// Steps one after another. The result depends on the image and the key alone; every step has a
// random stream of its own, so changing one does not change what the others draw.
class Augment {
 public:
  Augment() = default;
  explicit Augment(std::vector<Step> steps);  // throws when parameters do not fit together

  Image apply(const Image& image, const Key& key) const;
  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

// The table a recipe reader works from.
struct StepParameter {
  std::string_view name, doc;
  double value = 0;  // default
  double min = 0, max = 0;
  bool integer = false;
};

struct StepInfo {
  std::string_view name, doc;
  std::vector<StepParameter> parameters;
};

const std::vector<StepInfo>& step_table();

// A step by its name in the table, with some parameters changed. Throws std::invalid_argument for
// an unknown name or parameter, listing the known ones, and for a value out of range.
Step make_step(std::string_view name, const std::map<std::string, double>& parameters = {});

std::string_view name_of(const Step& step);
std::map<std::string, double> parameters_of(const Step& step);  // as make_step takes them

// The four corners, the centre, and their mirror images: 10 of (height, width), in torchvision's
// order. The image must be at least that large.
std::vector<Image> ten_crop(const Image& image, int height, int width);

}  // namespace fovea::image
