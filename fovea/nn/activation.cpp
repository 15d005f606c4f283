#include "fovea/nn/activation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/text.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/softmax.h"

namespace fovea::nn {

namespace {

struct Row {
  const char* name;
  double alpha;
  Tensor (*f)(const Tensor& x, double alpha);
};

// clang-format off
const Row rows[] = {
    {"relu", 0, [](const Tensor& x, double) { return relu(x); }},
    {"leaky_relu", 0.01, [](const Tensor& x, double alpha) { return leaky_relu(x, alpha); }},
    {"elu", 1, [](const Tensor& x, double alpha) { return elu(x, alpha); }},
    {"gelu", 0, [](const Tensor& x, double) { return gelu(x); }},
    {"silu", 0, [](const Tensor& x, double) { return silu(x); }},
    {"softplus", 0, [](const Tensor& x, double) { return softplus(x); }},
    {"sigmoid", 0, [](const Tensor& x, double) { return sigmoid(x); }},
    {"tanh", 0, [](const Tensor& x, double) { return tanh(x); }},
    {"hard_sigmoid", 0, [](const Tensor& x, double) { return hard_sigmoid(x); }},
    {"hard_swish", 0, [](const Tensor& x, double) { return hard_swish(x); }},
    {"relu6", 0, [](const Tensor& x, double) { return relu6(x); }},
    {"softmax", 0, [](const Tensor& x, double) { return softmax(x); }},
    {"identity", 0, [](const Tensor& x, double) { return x; }},
};
// clang-format on

}  // namespace

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

Activation::Activation(std::string_view name, std::optional<double> alpha) {
  for (const Row& row : rows) {
    if (row.name != name) continue;
    f_ = row.f;
    alpha_ = alpha.value_or(row.alpha);
    return;
  }
  throw std::invalid_argument(fmt::format(
      "unknown activation \"{}\"{}; known: {}",
      name,
      did_you_mean(name, activation_names()),
      fmt::join(activation_names(), ", ")));
}

Tensor Activation::forward(const Tensor& x, Ctx&) const { return f_(x, alpha_); }

PRelu::PRelu(int64_t channels, double begin) : begin_(begin), weight_(shaped({channels})) {}

void PRelu::visit(Visitor& v) { v.param("weight", weight_, {.init = constant(begin_)}); }

}  // namespace fovea::nn
