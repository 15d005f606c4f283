#include "fovea/core/run_kernel.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/profile.h"

namespace fovea {

namespace {

thread_local int nan_guards = 0;

std::string describe(const Node& node) {
  std::string at = node.path && !node.path->empty() ? fmt::format(" in {}", *node.path) : "";
  return fmt::format(
      "[{}]{} ({}:{})", node.primitive->name(), at, node.where.file_name(), node.where.line());
}

bool all_finite(const Tensor& t) {
  auto finite = [&]<class T>() {
    for (T x : t.data<T>())
      if (!std::isfinite(double(x))) return false;
    return true;
  };
  return !is_float(t.dtype()) || visit_dtype(t.dtype(), finite);
}

// "f32 (2, 3) from -1.5 to 88.7"
std::string range_of(const Tensor& t) {
  if (!is_float(t.dtype()) || t.numel() == 0) return t.str();
  auto range = [&]<class T>() {
    const auto [low, high] =
        std::ranges::minmax_element(t.data<T>(), {}, [](T x) { return double(x); });
    return fmt::format("{} from {:.4g} to {:.4g}", t.str(), double(*low), double(*high));
  };
  return visit_dtype(t.dtype(), range);
}

void check_finite(
    const Node& node, std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  for (const Tensor& out : outputs) {
    if (all_finite(out)) continue;
    std::string cause = "from finite inputs", broken, separator = ": ";
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].is_evaluated()) continue;
      cause += std::exchange(separator, ", ") + range_of(inputs[i]);
      if (!all_finite(inputs[i]))
        broken = fmt::format("its input {} {} already was not finite", i, inputs[i].str());
    }
    if (!broken.empty()) cause = broken;
    throw NonFiniteError(
        fmt::format("{} made a NaN or an infinity, {}", describe(node), cause),
        std::string(node.primitive->name()),
        node.path ? *node.path : "");
  }
}

std::string shapes_of(std::span<const Tensor> in, std::span<const Tensor> out) {
  std::string text;
  for (const Tensor& t : in)
    text += fmt::format("{}{}", text.empty() ? "" : " x ", t.shape().str());
  text += " ->";
  for (const Tensor& t : out) text += fmt::format(" {}", t.shape().str());
  return text;
}

void record(
    Profile& profile,
    const Node& node,
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    double seconds) {
  const Cost cost = node.primitive->cost(in, out);
  profile.record(
      {std::string(node.primitive->name()),
       node.path ? *node.path : "",
       shapes_of(in, out),
       seconds,
       cost.flops,
       cost.bytes});
}

}  // namespace

void run_kernel(
    const Node& node, std::span<const Tensor> in, std::span<Tensor> out, const KernelCall& call) {
  Workspace scratch(node.device);
  Run run{node.device, scratch};
  try {
    const auto start = std::chrono::steady_clock::now();
    call(in, out, run);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (Profile* profile = Profile::active()) record(*profile, node, in, out, took.count());
    if (nan_guards > 0) check_finite(node, in, out);
  } catch (const NonFiniteError&) {
    throw;
  } catch (const std::exception& e) {
    throw EvalError(fmt::format("{}: {}", describe(node), e.what()));
  }
}

NanGuard::NanGuard() { ++nan_guards; }
NanGuard::~NanGuard() { --nan_guards; }

}  // namespace fovea
