#pragma once

#include <array>
#include <string_view>

#include "fovea/nn/module.h"

// What the inception networks are made of.
namespace fovea::models {

// A layer inside a branch: a convolution with ReLU, or a 3x3 pooling.
struct BranchLayer {
  enum class Kind : uint8_t { conv, max_pool, avg_pool };
  std::string_view name;
  Kind kind = Kind::conv;
  int64_t out = 0;  // of a convolution; a pooling keeps its channels
  std::array<int64_t, 2> kernel{3, 3};
  int stride = 1;
  bool pad = true;        // half the kernel on each side
  bool count_pad = true;  // averages count the padding
};

BranchLayer conv(std::string_view name, int64_t out, std::array<int64_t, 2> kernel = {1, 1});
// 3x3 without padding.
BranchLayer valid_conv(std::string_view name, int64_t out, int stride = 1);
// Padded with stride 1, not padded with more.
BranchLayer max_pool(std::string_view name, int stride = 1);
BranchLayer avg_pool(std::string_view name, bool count_pad);

// Layers one after another, and behind them, where there are `ends`, each of these side by side.
struct Branch {
  std::vector<BranchLayer> chain, ends = {};
};

// Behind a convolution either batch norm with an epsilon of 1e-3, as all inception networks have it
// but the first, or a bias alone. Keys: {name}.conv, {name}.bn, or those of the convolution.
std::unique_ptr<nn::Module> make_layer(int64_t in, const BranchLayer& layer, bool batch_norm);

// x (N, H, W, in) -> (N, H', W', out): what the branches make of x, joined along the channels
// (Szegedy et al. 2015, section 4). Keys: those of the layers, whose names may hold dots.
class Branches : public nn::Module {
 public:
  Branches(int64_t in, const std::vector<Branch>& branches, bool batch_norm = true);
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;
  int64_t out() const { return out_; }

 private:
  struct Layer {
    std::string name;
    std::unique_ptr<nn::Module> module;
  };
  struct Way {
    std::vector<Layer> chain, ends;
  };
  std::vector<Way> ways_;
  int64_t out_ = 0;
};

// The pooling before an auxiliary head: 5x5 windows with stride 3 where they give side x side
// pixels, as they do for the size the network was designed for, else windows that share the image.
class HeadPool : public nn::Module {
 public:
  explicit HeadPool(int64_t side) : side_(side) {}
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;

 private:
  int64_t side_;
};

}  // namespace fovea::models
