#pragma once

#include <string_view>

#include "fovea/models/blocks.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/stochastic_depth.h"

namespace fovea::models {

// Each channel times a gate in [0, 1] that follows from the means of all channels (Hu et al. 2018,
// "Squeeze-and-excitation networks"): x gate(fc2(act(fc1(mean over the pixels)))).
// Children: fc1, fc2, 1x1 convolutions with bias.
class SqueezeExcite : public nn::Module {
 public:
  struct Options {
    int64_t channels = 0, squeezed = 0;
    std::string_view act = "relu", gate = "hard_sigmoid";
  };
  explicit SqueezeExcite(const Options& o);
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  nn::Conv2d fc1_, fc2_;
  nn::Activation act_, gate_;
};

// The block of MobileNet v3 and EfficientNet: a 1x1 convolution to `wide` channels where those are
// not `in`, a filter for each channel alone, squeeze-and-excitation where asked for, a 1x1
// convolution to `out` without activation, and the identity beside them where shapes agree. Batch
// norm behind each convolution. Keys: block.{i}, numbered as in torchvision.
class MobileBlock : public nn::Module {
 public:
  struct Options {
    int64_t in = 0, wide = 0, out = 0, kernel = 3;
    int stride = 1;
    std::string_view act;
    SqueezeExcite::Options excite;  // none where squeezed is 0; its channels are `wide`
    nn::BatchNorm::Options bn;
    double drop = 0;  // of the branch, see nn::StochasticDepth
  };
  explicit MobileBlock(const Options& o);
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  bool shortcut_;
  nn::Sequential block_;
  nn::StochasticDepth drop_;
};

}  // namespace fovea::models
