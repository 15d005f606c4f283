#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fovea/nn/module.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

// A layer as one op of its input and its parameters, for check_op.
namespace fovea::nn {

struct LayerCase {
  std::string name;
  Tensor x;
  bool training = false;
  double tolerance = 1e-4;
};

// Parameters are random; state keeps its values. Parameters come in byte order of their names.
inline test::OpCase as_op(Module& m, const LayerCase& c) {
  initialize(m, Key(5));
  std::vector<std::string> names;
  std::vector<Tensor> inputs{c.x};
  for (const auto& [name, t] : parameters(m)) {
    names.push_back(name);
    inputs.push_back(test::random_input(t.shape(), 40 + names.size(), 0.2, 1));
  }
  Tree kept = state(m);
  auto f = [&m, names, kept, training = c.training](std::span<const Tensor> in) {
    Tree values;
    for (size_t i = 0; i < names.size(); ++i) values[names[i]] = in[i + 1];
    for (const auto& [name, t] : kept) {
      Tensor moved = to_device(t, in[0].device());
      values[name] = is_float(t.dtype()) ? cast(moved, in[0].dtype()) : moved;
    }
    assign(m, values);
    Ctx ctx;
    ctx.training = training;
    ctx.key = Key(7);
    return std::vector<Tensor>{forward(m, in[0], ctx)};
  };
  return {.name = c.name, .f = f, .inputs = inputs, .tolerance = c.tolerance};
}

// Forward on both backends and the gradients of the input and of every parameter.
inline void check_layer(Module& m, const LayerCase& c) { test::check_op(as_op(m, c)); }

inline Tensor run(const Module& m, const Tensor& x, bool training = false) {
  Ctx ctx;
  ctx.training = training;
  return forward(m, x, ctx).eval();
}

inline std::vector<std::string> names_of(const Tree& tree) {
  std::vector<std::string> names;
  for (const auto& [name, t] : tree) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace fovea::nn
