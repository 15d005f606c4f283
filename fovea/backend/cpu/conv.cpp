#include "fovea/ops/conv.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/direct.h"
#include "fovea/backend/cpu/engine.h"
#include "fovea/backend/cpu/implementation.h"
#include "fovea/backend/cpu/narrow.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/winograd.h"
#include "fovea/backend/ref/conv.h"

// Convolution by our own Winograd kernels where conv_route says so, else by the engine.
namespace fovea::cpu {

namespace {

ConvCall call_of(const ConvFwd& op, std::span<const Tensor> in) {
  return {ConvPass::forward, op.extents(in), op.has_bias(in), op.relu(), op.residual()};
}
ConvCall call_of(const ConvBwdData& op, std::span<const Tensor> in) {
  return {ConvPass::backward_data, op.extents(in)};
}
ConvCall call_of(const ConvBwdWeights& op, std::span<const Tensor> in) {
  return {ConvPass::backward_weights, op.extents(in), op.bias()};
}

const float* from(const Tensor& t) { return t.data<float>().data(); }
float* to(Tensor& t) { return t.mutable_data<float>().data(); }

bool any_empty(std::span<const Tensor> in) {
  for (const Tensor& t : in)
    if (t.numel() == 0) return true;
  return false;
}

// The engine adds to what is in y, so the residual is put there first, unless it lies there.
void place_residual(std::span<const Tensor> in, std::span<Tensor> out) {
  const float* residual = from(in.back());
  float* y = to(out[0]);
  if (residual == y) return;
  parallel_for(out[0].numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    std::copy_n(residual + begin, end - begin, y + begin);
  });
}

ConvFinish finish_of(const ConvCall& c, std::span<const Tensor> in) {
  return {
      .bias = c.bias ? from(in[2]) : nullptr,
      .residual = c.residual ? from(in.back()) : nullptr,
      .relu = c.relu};
}

void library_forward(
    const ConvCall& c, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (c.residual) place_residual(in, out);
  conv_forward(c, from(in[0]), from(in[1]), c.bias ? from(in[2]) : nullptr, to(out[0]), run);
}

void forward_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (out[0].dtype() != Dtype::f32 || any_empty(in))
    return ref::conv_forward(primitive, in, out, run);
  const ConvCall c = call_of(static_cast<const ConvFwd&>(primitive), in);
  const ConvRoute route = conv_route(c.pass, c.e);
  if (route == ConvRoute::direct)
    return direct_forward(c.e, from(in[0]), from(in[1]), finish_of(c, in), to(out[0]), run);
  if (auto tile = winograd_tile(route))
    return winograd_forward(
        c.e, *tile, from(in[0]), {.plain = from(in[1])}, finish_of(c, in), to(out[0]), run);
  library_forward(c, in, out, run);
}

Prepared prepare_winograd(const ConvCall& c, WinogradTile tile, const Tensor& w) {
  const auto size = size_t(winograd_weights_size(c.e, tile, c.pass));
  auto packed = std::make_shared<Storage>(size * sizeof(float), Device{Device::cpu});
  auto* filters = reinterpret_cast<float*>(packed->data());
  winograd_weights(c.e, tile, c.pass, from(w), filters);
  auto run = [=](std::span<const Tensor> in, std::span<Tensor> out, Run& r) {
    const auto* own = reinterpret_cast<const float*>(packed->data());
    winograd_forward(c.e, tile, from(in[0]), {.packed = own}, finish_of(c, in), to(out[0]), r);
  };
  return {.run = run, .packed = {1}};
}

// Packs, or transforms, the weights once.
Prepared prepare_forward(const Primitive& primitive, std::span<const Tensor> in) {
  if (in[0].dtype() != Dtype::f32 || any_empty(in) || !in[1].is_evaluated()) return {};
  const ConvCall c = call_of(static_cast<const ConvFwd&>(primitive), in);
  const ConvRoute route = conv_route(c.pass, c.e, true);
  if (route == ConvRoute::direct) return {};  // its few weights are packed each time
  if (auto tile = winograd_tile(route)) return prepare_winograd(c, *tile, in[1]);
  PackedForward packed = pack_conv_forward(c, from(in[1]));
  if (!packed)  // only the route is chosen once
    return {.run = [c](std::span<const Tensor> inputs, std::span<Tensor> out, Run& r) {
      library_forward(c, inputs, out, r);
    }};
  auto run = [c, packed](std::span<const Tensor> inputs, std::span<Tensor> out, Run& r) {
    if (c.residual) place_residual(inputs, out);
    packed(from(inputs[0]), c.bias ? from(inputs[2]) : nullptr, to(out[0]), r);
  };
  return {.run = run, .packed = {1}};
}

void backward_data_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (out[0].dtype() != Dtype::f32 || any_empty(in))
    return ref::conv_backward_data(primitive, in, out, run);
  const ConvCall c = call_of(static_cast<const ConvBwdData&>(primitive), in);
  if (needs_narrow_data(c.e)) return narrow_data(c.e, from(in[0]), from(in[1]), to(out[0]), run);
  if (auto tile = winograd_tile(conv_route(c.pass, c.e)))
    return winograd_backward_data(c.e, *tile, from(in[0]), {.plain = from(in[1])}, to(out[0]), run);
  conv_backward_data(c, from(in[0]), from(in[1]), to(out[0]), run);
}

void backward_weights_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (out[0].dtype() != Dtype::f32 || any_empty(in))
    return ref::conv_backward_weights(primitive, in, out, run);
  const ConvCall c = call_of(static_cast<const ConvBwdWeights&>(primitive), in);
  float* db = c.bias ? to(out[1]) : nullptr;
  const ConvRoute route = conv_route(c.pass, c.e);
  if (route == ConvRoute::direct)
    return direct_weights(c.e, from(in[0]), from(in[1]), to(out[0]), db, run);
  if (auto tile = winograd_tile(route))
    return winograd_backward_weights(c.e, *tile, from(in[0]), from(in[1]), to(out[0]), db, run);
  conv_backward_weights(c, from(in[0]), from(in[1]), to(out[0]), db, run);
}

int64_t scratch_of_pass(const ConvCall& c) {
  if (c.pass == ConvPass::backward_data && needs_narrow_data(c.e)) return narrow_data_scratch(c.e);
  const ConvRoute route = conv_route(c.pass, c.e);
  if (route == ConvRoute::direct)
    return c.pass == ConvPass::forward ? direct_forward_scratch(c.e) : direct_weights_scratch(c.e);
  const auto tile = winograd_tile(route);
  if (!tile) return scratch_of(c);
  return c.pass == ConvPass::backward_weights ? winograd_weights_scratch(c.e, *tile, c.bias)
                                              : winograd_scratch(c.e, *tile, c.pass);
}

template <class Op>
int64_t scratch(const Primitive& primitive, std::span<const Tensor> in) {
  if (in[0].dtype() != Dtype::f32 || any_empty(in)) return 0;
  return scratch_of_pass(call_of(static_cast<const Op&>(primitive), in));
}

std::string name_of(const ConvCall& c) {
  if (c.pass == ConvPass::backward_data && needs_narrow_data(c.e)) return "fovea:narrow";
  const ConvRoute route = conv_route(c.pass, c.e);
  return route == ConvRoute::library ? implementation_of(c)
                                     : fmt::format("fovea:{}", name_of(route));
}

}  // namespace

std::string conv_implementation(const ConvFwd& op, std::span<const Tensor> in) {
  return name_of(call_of(op, in));
}
std::string conv_implementation(const ConvBwdData& op, std::span<const Tensor> in) {
  return name_of(call_of(op, in));
}
std::string conv_implementation(const ConvBwdWeights& op, std::span<const Tensor> in) {
  return name_of(call_of(op, in));
}

void register_conv(KernelTable& table) {
  table.add<ConvFwd>(Device::cpu, forward_kernel);
  table.add_prepare<ConvFwd>(Device::cpu, prepare_forward);
  table.add<ConvBwdData>(Device::cpu, backward_data_kernel);
  table.add<ConvBwdWeights>(Device::cpu, backward_weights_kernel);
  table.add_scratch<ConvFwd>(Device::cpu, scratch<ConvFwd>);
  table.add_scratch<ConvBwdData>(Device::cpu, scratch<ConvBwdData>);
  table.add_scratch<ConvBwdWeights>(Device::cpu, scratch<ConvBwdWeights>);
}

}  // namespace fovea::cpu
