#include "fovea/models/dense.h"

#include <optional>

#include <fmt/format.h>

#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/shape.h"

namespace fovea::models {

namespace {

template <class M>
bool is(const nn::Module& m) {
  return dynamic_cast<const M*>(&m) != nullptr;
}

[[noreturn]] void fail(const std::string& message) {
  throw std::invalid_argument("[dense] " + message);
}

// One picture of the size (H, W, C), without values.
Tensor picture(const Shape& size) { return nn::shaped({1, size[0], size[1], size[2]}); }

}  // namespace

Dense::Dense(std::unique_ptr<nn::Module> net, const Shape& input)
    : net_(std::move(net)), input_(input) {
  find_slides(input);
  nn::Ctx ctx;
  const Tensor scores = nn::forward(*this, picture(input), ctx);
  if (scores.rank() != 4 || scores.dim(1) != 1 || scores.dim(2) != 1)
    fail(fmt::format(
        "expected a map of scores (N, 1, 1, classes) at the trained input, got {}; the network "
        "gives its scores by other layers than a Flatten, a GlobalAvgPool or an AdaptiveAvgPool2d, "
        "as those read from ONNX, Caffe and ncnn do, so nothing can slide",
        scores.shape().str()));
}

// Runs the network once, for the shapes, and notes which layers see all of a map.
void Dense::find_slides(const Shape& input) {
  std::optional<Slide> flat;  // what a Flatten laid out, until a Linear takes it
  nn::Ctx ctx;
  ctx.instead = [&](const nn::Module& child, const Tensor& x) -> Tensor {
    if (flat && is<nn::Linear>(child)) {
      slides_[ctx.path] = *flat;
      flat.reset();
      return {};
    }
    if (flat && !is<nn::Sequential>(child) && !is<nn::Dropout>(child) && !is<nn::Activation>(child))
      fail(fmt::format(
          "{} stands between a Flatten of {} x {} maps and a linear layer, and cannot slide with "
          "them",
          ctx.path,
          flat->height,
          flat->width));
    if (is<nn::Flatten>(child)) slides_[ctx.path] = {};
    if (x.rank() != 4) return {};
    const Slide all{
        .way = Way::average, .height = x.dim(1), .width = x.dim(2), .channels = x.dim(3)};
    if (is<nn::GlobalAvgPool>(child)) slides_[ctx.path] = all;
    if (is<nn::Flatten>(child) && all.height * all.width > 1) {
      flat = all;
      flat->way = Way::convolve;
    }
    const bool max = is<nn::AdaptiveMaxPool2d>(child);
    if (max || is<nn::AdaptiveAvgPool2d>(child)) {
      const Tensor y = child.forward(x, ctx);
      const bool same = y.shape() == x.shape(), one = y.dim(1) * y.dim(2) == 1;
      if (!same && (max || !one))
        fail(fmt::format(
            "{} makes {} x {} maps of {} x {}: its windows are not alike, so it cannot slide; an "
            "input whose maps have the size it makes would need no pooling",
            ctx.path,
            y.dim(1),
            y.dim(2),
            x.dim(1),
            x.dim(2)));
      slides_[ctx.path] = same ? Slide{} : all;
    }
    return {};
  };
  nn::forward(*net_, picture(input), ctx);
}

Tensor Dense::slide(const Slide& s, const std::string& path, const Tensor& x) const {
  if (s.way == Way::pass) return x;
  if (s.way == Way::average)
    return avg_pool2d(x, {.kernel = {int(s.height), int(s.width)}, .stride = {1, 1}});
  const Tree all = nn::parameters(*net_);
  const Tensor& flat = all.at(path + ".weight");  // (O, C h w), channels first
  const Tensor w =
      transpose(reshape(flat, {flat.dim(0), s.channels, s.height, s.width}), {0, 2, 3, 1});
  const auto bias = all.find(path + ".bias");
  return bias == all.end() ? conv2d(x, w) : conv2d(x, w, bias->second);
}

Tensor Dense::forward(const Tensor& x, nn::Ctx& ctx) const {
  if (x.rank() != 4 || x.dim(1) < input_[0] || x.dim(2) < input_[1])
    fail(fmt::format(
        "expected pictures of at least {} x {}, the size the network was trained at, got {}",
        input_[0],
        input_[1],
        x.shape().str()));
  auto outer = std::move(ctx.instead);
  const std::string root = ctx.path;
  ctx.instead = [&](const nn::Module&, const Tensor& in) -> Tensor {
    const std::string path = root.empty() ? ctx.path : ctx.path.substr(root.size() + 1);
    const auto it = slides_.find(path);
    return it == slides_.end() ? Tensor() : slide(it->second, path, in);
  };
  Tensor scores = net_->forward(x, ctx);
  ctx.instead = std::move(outer);
  return scores;
}

Model make_dense(Model model) {
  model.net = std::make_unique<Dense>(std::move(model.net), model.architecture.input);
  return model;
}

}  // namespace fovea::models
