#pragma once

#include <map>
#include <memory>
#include <string>

#include "fovea/models/model_file.h"

namespace fovea::models {

// A network slid over pictures larger than its input, (N, H, W, C) -> scores (N, Ho, Wo, classes),
// in one pass (Sermanet et al. 2014, "OverFeat"; Long et al. 2015, "Fully convolutional networks").
//
// What sees all of the last maps, h x w of them at the input it was trained at, becomes a window of
// h x w that moves by one: a linear layer behind a Flatten becomes a convolution, (O, C h w) as
// (O, h, w, C), and a global average pooling becomes an average pooling. The linear layers behind
// those run at each position. An adaptive pooling that changes nothing at the trained input goes.
//
// At the trained input the map is 1 x 1 and has the scores of the plain network. Without padding
// inside the network each position has the scores of a crop of that size, taken every s pixels with
// s the product of the strides; with padding, positions see neighbours where a crop sees zeros.
// Gates that average whole maps (squeeze and excitation) average those of the larger picture.
class Dense : public nn::Module {
 public:
  // `input` (H, W, C) is what `net` was trained at. Throws std::invalid_argument naming the layer
  // that cannot slide.
  Dense(std::unique_ptr<nn::Module> net, const Shape& input);

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override { net_->visit(v); }  // under the names of `net`

 private:
  enum class Way : uint8_t { pass, average, convolve };
  struct Slide {
    Way way = Way::pass;
    int64_t height = 1, width = 1, channels = 1;  // of the window
  };
  void find_slides(const Shape& input);
  Tensor slide(const Slide& s, const std::string& path, const Tensor& x) const;

  std::unique_ptr<nn::Module> net_;
  Shape input_;
  std::map<std::string, Slide> slides_;  // by the path of the layer
};

// The model with its network as Dense.
Model make_dense(Model model);

}  // namespace fovea::models
