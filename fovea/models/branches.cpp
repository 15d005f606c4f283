#include "fovea/models/branches.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/join.h"

namespace fovea::models {

BranchLayer conv(std::string_view name, int64_t out, std::array<int64_t, 2> kernel) {
  return {.name = name, .out = out, .kernel = kernel};
}

BranchLayer valid_conv(std::string_view name, int64_t out, int stride) {
  return {.name = name, .out = out, .stride = stride, .pad = false};
}

BranchLayer max_pool(std::string_view name, int stride) {
  return {.name = name, .kind = BranchLayer::Kind::max_pool, .stride = stride, .pad = stride == 1};
}

BranchLayer avg_pool(std::string_view name, bool count_pad) {
  return {.name = name, .kind = BranchLayer::Kind::avg_pool, .count_pad = count_pad};
}

std::unique_ptr<nn::Module> make_layer(int64_t in, const BranchLayer& layer, bool batch_norm) {
  const int high = layer.pad ? int(layer.kernel[0] / 2) : 0;
  const int wide = layer.pad ? int(layer.kernel[1] / 2) : 0;
  const std::array<int, 2> stride{layer.stride, layer.stride};
  const std::array<int, 4> pad{high, high, wide, wide};
  if (layer.kind == BranchLayer::Kind::conv) {
    const nn::Conv2d::Options o{
        .in = in, .out = layer.out, .kernel = layer.kernel, .conv = {.stride = stride, .pad = pad}};
    if (batch_norm) return std::make_unique<ConvBnRelu>(o, 1e-3);
    return std::make_unique<ConvRelu>(o);
  }
  const Pool2dOptions o{
      .kernel = {3, 3}, .stride = stride, .pad = pad, .count_include_pad = layer.count_pad};
  if (layer.kind == BranchLayer::Kind::max_pool) return std::make_unique<nn::MaxPool2d>(o);
  return std::make_unique<nn::AvgPool2d>(o);
}

Branches::Branches(int64_t in, const std::vector<Branch>& branches, bool batch_norm) {
  for (const Branch& branch : branches) {
    Way way;
    int64_t channels = in;
    auto after = [&](int64_t from, const BranchLayer& layer) {
      return layer.kind == BranchLayer::Kind::conv ? layer.out : from;
    };
    for (const BranchLayer& layer : branch.chain) {
      way.chain.push_back({std::string(layer.name), make_layer(channels, layer, batch_norm)});
      channels = after(channels, layer);
    }
    for (const BranchLayer& layer : branch.ends) {
      way.ends.push_back({std::string(layer.name), make_layer(channels, layer, batch_norm)});
      out_ += after(channels, layer);
    }
    if (branch.ends.empty()) out_ += channels;
    ways_.push_back(std::move(way));
  }
}

Tensor Branches::forward(const Tensor& x, nn::Ctx& ctx) const {
  std::vector<Tensor> parts;
  for (const Way& way : ways_) {
    Tensor y = x;
    for (const Layer& layer : way.chain) y = ctx.run(layer.name, *layer.module, y);
    for (const Layer& layer : way.ends) parts.push_back(ctx.run(layer.name, *layer.module, y));
    if (way.ends.empty()) parts.push_back(y);
  }
  return concat(parts, -1);
}

void Branches::visit(Visitor& v) {
  for (Way& way : ways_) {
    for (Layer& layer : way.chain) v.child(layer.name, *layer.module);
    for (Layer& layer : way.ends) v.child(layer.name, *layer.module);
  }
}

Tensor HeadPool::forward(const Tensor& x, nn::Ctx&) const {
  auto fits = [&](int64_t size) { return size >= 5 && (size - 5) / 3 + 1 == side_; };
  if (fits(x.dim(1)) && fits(x.dim(2))) return avg_pool2d(x, {.kernel = {5, 5}, .stride = {3, 3}});
  return adaptive_avg_pool2d(x, side_, side_);
}

}  // namespace fovea::models
