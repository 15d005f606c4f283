#include "fovea/nn/containers.h"

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"

namespace fovea::nn {

void Sequential::add(std::string name, std::unique_ptr<Module> m) {
  for (const auto& [other, child] : children_)
    if (other == name)
      throw std::invalid_argument(fmt::format("[Sequential] two children are named \"{}\"", name));
  children_.emplace_back(std::move(name), std::move(m));
}

Tensor Sequential::forward(const Tensor& x, Ctx& ctx) const {
  Tensor y = x;
  for (const auto& [name, child] : children_) y = ctx.run(name, *child, y);
  return y;
}

void Sequential::visit(Visitor& v) {
  for (auto& [name, child] : children_) v.child(name, *child);
}

Tensor Residual::forward(const Tensor& x, Ctx& ctx) const {
  Tensor y = ctx.run("body", *body_, x);
  Tensor skip = shortcut_ ? ctx.run("shortcut", *shortcut_, x) : x;
  if (!(y.shape() == skip.shape()))
    throw std::invalid_argument(fmt::format(
        "[Residual] expected the body to keep the shape of the shortcut {}, got {}; give it a "
        "shortcut that changes the size alike, such as a strided 1x1 convolution",
        skip.shape().str(),
        y.shape().str()));
  return y + skip;
}

Tensor AuxiliaryHead::forward(const Tensor& x, Ctx& ctx) const {
  if (ctx.training) ctx.auxiliary.push_back({head_->forward(x, ctx), weight_});
  return x;
}

void Residual::visit(Visitor& v) {
  v.child("body", *body_);
  if (shortcut_) v.child("shortcut", *shortcut_);
}

}  // namespace fovea::nn
