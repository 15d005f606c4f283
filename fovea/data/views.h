#pragma once

#include <span>
#include <string>
#include <vector>

#include "fovea/core/device.h"
#include "fovea/core/tensor.h"
#include "fovea/data/preprocess.h"

namespace fovea::data {

// What a picture is tested as; by default what Preprocess::geometry gives.
struct ViewOptions {
  enum class Crops : uint8_t {
    center,  // the middle
    flip,    // the middle and its mirror image
    ten,     // four corners, the middle, and the mirror images of these (Krizhevsky et al. 2012,
             // "ImageNet classification", section 4.1)
  };
  Crops crops = Crops::center;
  // The shorter side is resized to each of these, as in He et al. 2016, "Deep residual learning",
  // section 3.4, with 224, 256, 384, 480 and 640; empty: as the preprocessing says.
  std::vector<int> short_sides = {};
  bool whole = false;  // all of the resized picture instead of its middle; not with ten crops

  friend bool operator==(const ViewOptions&, const ViewOptions&) = default;
};

// The views of pictures that a model is tested on. The size of a crop, the filter, the channels and
// the normalisation are those of its preprocessing.
class Views {
 public:
  // Throws std::invalid_argument where the picture is not larger than the crop by design: without
  // short sides, when the preprocessing has none, and for a short side below the crop.
  explicit Views(const Preprocess& preprocess, ViewOptions options = {});

  int count() const;        // of a picture
  std::string str() const;  // "50 views: ten crops of 224 x 224 at 224, 256, 384, 480, 640"
  // How many pictures make about the work of `n` of the model's own size; at least 1.
  int64_t pictures(int64_t n) const;

  const ViewOptions& options() const { return options_; }
  const Preprocess& preprocess() const { return scales_[0]; }
  image::DecodeOptions decode_options() const;  // for of()

  // Still as bytes: scale by scale, ten crops in torchvision's order.
  std::vector<image::Image> of(const image::Image& picture) const;

 private:
  ViewOptions options_;
  std::vector<Preprocess> scales_;
};

// Views of one size of some pictures of a batch.
struct ViewGroup {
  Tensor images;            // f32 (m, height, width, channels), normalised
  std::vector<int64_t> of;  // m places in the batch, of the pictures they show
};

// Collects the views of a batch of pictures.
class ViewBatch {
 public:
  explicit ViewBatch(const Views& views) : views_(&views) {}  // which must outlive it

  // What goes wrong in Views::of is thrown and leaves the batch as it was.
  void add(const image::Image& picture);
  void add(std::vector<image::Image> views);  // of one picture, from Views::of
  int64_t size() const { return size_; }      // pictures

  // All views by size, in the order in which sizes were met; the batch is empty then.
  std::vector<ViewGroup> take(Device device = default_device());

 private:
  struct Part {
    std::vector<image::Image> images;  // of one size
    std::vector<int64_t> of;
  };
  const Views* views_;
  std::vector<Part> parts_;
  int64_t size_ = 0;
};

}  // namespace fovea::data
