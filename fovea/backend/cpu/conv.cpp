#include "fovea/ops/conv.h"

#include <algorithm>
#include <array>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/depthwise.h"
#include "fovea/backend/cpu/dnnl_compat.h"
#include "fovea/backend/cpu/dnnl_implementation.h"
#include "fovea/backend/cpu/dnnl_plan.h"
#include "fovea/backend/cpu/narrow.h"
#include "fovea/backend/cpu/winograd.h"
#include "fovea/backend/ref/conv.h"

// Convolution by oneDNN or, where conv_route says so, Winograd's algorithm; bound by flops.
// Activations stay (N, H, W, C); weights, stored (O, kh, kw, I / groups), are reordered at each
// call into the layout the library picks, because with plain ones it falls on loops a thousand
// times slower. Measured on a Zen 4 core pair, NHWC runs as fast as the blocked layouts, at the
// speed of dnnl_sgemm.
namespace fovea::cpu {

namespace {

struct Call {
  PlanKind kind;
  ConvExtents e;
  bool bias = false, relu = false;
};

// `ours` is how the caller's memory lies; the others are what the library is asked to run on.
enum class Layouts { ours, any_weights, any_all };

// In the library's order of axes: images N, C, H, W, weights (G,) O, I, H, W.
compat::ConvDescs descs_of(const Call& c, Layouts layouts) {
  using dims = dnnl::memory::dims;
  constexpr auto f32 = dnnl::memory::data_type::f32;
  const ConvExtents& e = c.e;
  const auto images =
      layouts == Layouts::any_all ? dnnl::memory::format_tag::any : dnnl::memory::format_tag::nhwc;
  const int64_t in = e.in / e.groups, out = e.out / e.groups, row = e.kw * in, filter = e.kh * row;
  dims w_dims{e.groups, out, in, e.kh, e.kw}, w_strides{out * filter, filter, 1, row, in};
  if (e.groups == 1) {
    w_dims.erase(w_dims.begin());
    w_strides.erase(w_strides.begin());
  }
  compat::ConvDescs d;
  d.x = {{e.n, e.in, e.h, e.w}, f32, images};
  d.y = {{e.n, e.out, e.ho, e.wo}, f32, images};
  d.w = layouts == Layouts::ours ? dnnl::memory::desc(w_dims, f32, w_strides) : any_desc(w_dims);
  if (c.bias) d.b = dense_desc({e.out});
  d.stride = {e.down.stride, e.right.stride};
  d.dilation = {e.down.dilation - 1, e.right.dilation - 1};  // the library counts from 0
  d.pad_before = {e.down.before, e.right.before};
  d.pad_after = {e.down.after, e.right.after};
  return d;
}

Plan make_forward(const Call& c, Layouts layouts, const dnnl::engine& engine) {
  const auto ours = descs_of(c, Layouts::ours);
  dnnl::primitive_attr attr = plan_attributes();
  if (c.relu) {
    dnnl::post_ops ops;
    compat::append_relu(ops);
    attr.set_post_ops(ops);
  }
  auto pd = compat::conv_forward_pd(engine, descs_of(c, layouts), attr);
  std::vector<PlanArgument> args{
      {DNNL_ARG_SRC, ours.x, pd.src_desc()},
      {DNNL_ARG_WEIGHTS, ours.w, pd.weights_desc()},
      {DNNL_ARG_DST, ours.y, pd.dst_desc(), true}};
  if (c.bias) args.push_back({DNNL_ARG_BIAS, ours.b, pd.bias_desc()});
  return Plan(dnnl::convolution_forward(pd), pd, std::move(args));
}

Plan make_backward_data(const Call& c, Layouts layouts, const dnnl::engine& engine) {
  const auto ours = descs_of(c, Layouts::ours), theirs = descs_of(c, layouts);
  auto hint = compat::conv_forward_pd(engine, theirs, plan_attributes());
  auto pd = compat::conv_backward_data_pd(engine, theirs, hint, plan_attributes());
  return Plan(
      dnnl::convolution_backward_data(pd),
      pd,
      {{DNNL_ARG_DIFF_DST, ours.y, pd.diff_dst_desc()},
       {DNNL_ARG_WEIGHTS, ours.w, pd.weights_desc()},
       {DNNL_ARG_DIFF_SRC, ours.x, pd.diff_src_desc(), true}});
}

Plan make_backward_weights(const Call& c, Layouts layouts, const dnnl::engine& engine) {
  const auto ours = descs_of(c, Layouts::ours), theirs = descs_of(c, layouts);
  auto hint = compat::conv_forward_pd(engine, theirs, plan_attributes());
  auto pd = compat::conv_backward_weights_pd(engine, theirs, hint, plan_attributes());
  std::vector<PlanArgument> args{
      {DNNL_ARG_SRC, ours.x, pd.src_desc()},
      {DNNL_ARG_DIFF_DST, ours.y, pd.diff_dst_desc()},
      {DNNL_ARG_DIFF_WEIGHTS, ours.w, pd.diff_weights_desc(), true}};
  if (c.bias) args.push_back({DNNL_ARG_DIFF_BIAS, ours.b, pd.diff_bias_desc(), true});
  return Plan(dnnl::convolution_backward_weights(pd), pd, std::move(args));
}

// NHWC activations, unless the library has only its reference loops for them (some kernels wider
// than the image), where its own layouts have more.
Plan make_plan(const Call& c, const dnnl::engine& engine) {
  auto make = c.kind == PlanKind::conv_forward         ? make_forward
              : c.kind == PlanKind::conv_backward_data ? make_backward_data
                                                       : make_backward_weights;
  Plan plan = make(c, Layouts::any_weights, engine);
  if (!plan.is_reference()) return plan;
  return make(c, Layouts::any_all, engine);
}

std::shared_ptr<const Plan> plan_for(const Call& c) {
  const ConvExtents& e = c.e;
  PlanKey key{
      {int64_t(c.kind),
       threads(),
       e.n,
       e.h,
       e.w,
       e.in,
       e.out,
       e.kh,
       e.kw,
       e.groups,
       e.down.stride,
       e.down.before,
       e.down.after,
       e.down.dilation,
       e.right.stride,
       e.right.before,
       e.right.after,
       e.right.dilation,
       c.bias,
       c.relu}};
  return cached_plan(key, [&](const dnnl::engine& engine) { return make_plan(c, engine); });
}

void* address(const Tensor& t) { return const_cast<std::byte*>(t.bytes().data()); }

bool any_empty(std::span<const Tensor> in) {
  for (const Tensor& t : in)
    if (t.numel() == 0) return true;
  return false;
}

bool is_1x1(const ConvExtents& e) {
  const int64_t padding = e.down.before + e.down.after + e.right.before + e.right.after;
  return e.kh * e.kw * e.groups == 1 && padding == 0;
}

// A 1 x 1 convolution of every pixel. Its weights' gradient is dy^T x, which dnnl_sgemm computes up
// to twice as fast as the convolution primitive does when there are more filters than channels.
bool is_pointwise(const ConvExtents& e) { return is_1x1(e) && e.h == e.ho && e.w == e.wo; }

// A 1 x 1 convolution with more weights than pixels, as the last layers of a ResNet have for one
// image: reordering the weights would take longer than x w^T itself.
bool is_mostly_weights(const Call& c) {
  const int64_t pixels = c.e.n * c.e.ho * c.e.wo;
  return is_1x1(c.e) && !c.bias && !c.relu && c.e.in * c.e.out >= pixels * (c.e.in + c.e.out);
}

// The pixels of x (N, H, W, C) that a stride visits, as (pixels, C).
const float* visited_pixels(const ConvExtents& e, const float* x, Run& run) {
  if (e.h == e.ho && e.w == e.wo) return x;
  float* to = run.scratch.get<float>(size_t(e.n * e.ho * e.wo * e.in)).data();
  for (int64_t row = 0; row < e.n * e.ho; ++row) {
    const int64_t from = row / e.ho * e.h + row % e.ho * e.down.stride;
    for (int64_t j = 0; j < e.wo; ++j)
      std::copy_n(x + (from * e.w + j * e.right.stride) * e.in, e.in, to + (row * e.wo + j) * e.in);
  }
  return to;
}

void forward_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (out[0].dtype() != Dtype::f32 || any_empty(in))
    return ref::conv_forward(primitive, in, out, run);
  const auto& op = static_cast<const ConvFwd&>(primitive);
  const bool bias = in.size() > 2;
  const Call c{PlanKind::conv_forward, op.extents(in), bias, op.relu()};
  if (is_mostly_weights(c))
    return product_transposed(
        c.e.n * c.e.ho * c.e.wo,
        c.e.out,
        c.e.in,
        visited_pixels(c.e, in[0].data<float>().data(), run),
        in[1].data<float>().data(),
        out[0].mutable_data<float>().data());
  if (auto tile = winograd_tile(conv_route(ConvPass::forward, c.e)))
    return winograd_forward(
        c.e,
        *tile,
        in[0].data<float>().data(),
        {.plain = in[1].data<float>().data()},
        {.bias = bias ? in[2].data<float>().data() : nullptr, .relu = c.relu},
        out[0].mutable_data<float>().data(),
        run);
  std::array<void*, 4> pointers{
      address(in[0]), address(in[1]), address(out[0]), bias ? address(in[2]) : nullptr};
  plan_for(c)->execute(std::span(pointers).first(bias ? 4 : 3), run);
}

void backward_data_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (out[0].dtype() != Dtype::f32 || any_empty(in))
    return ref::conv_backward_data(primitive, in, out, run);
  const auto& op = static_cast<const ConvBwdData&>(primitive);
  const ConvExtents e = op.extents(in);
  const float *dy = in[0].data<float>().data(), *w = in[1].data<float>().data();
  float* dx = out[0].mutable_data<float>().data();
  if (needs_narrow_data(e)) return narrow_data(e, dy, w, dx, run);
  if (auto tile = winograd_tile(conv_route(ConvPass::backward_data, e)))
    return winograd_backward_data(e, *tile, dy, {.plain = w}, dx, run);
  std::array<void*, 3> pointers{address(in[0]), address(in[1]), address(out[0])};
  plan_for({PlanKind::conv_backward_data, e})->execute(pointers, run);
}

void backward_weights_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (out[0].dtype() != Dtype::f32 || any_empty(in))
    return ref::conv_backward_weights(primitive, in, out, run);
  const auto& op = static_cast<const ConvBwdWeights&>(primitive);
  const Call c{PlanKind::conv_backward_weights, op.extents(in), op.bias()};
  if (is_pointwise(c.e) && !c.bias)
    return transposed_product(
        c.e.out,
        c.e.in,
        c.e.n * c.e.h * c.e.w,
        in[1].data<float>().data(),
        in[0].data<float>().data(),
        out[0].mutable_data<float>().data());
  const float *x = in[0].data<float>().data(), *dy = in[1].data<float>().data();
  float* dw = out[0].mutable_data<float>().data();
  float* db = c.bias ? out[1].mutable_data<float>().data() : nullptr;
  if (needs_depthwise_weights(c.e)) return depthwise_weights(c.e, x, dy, dw, db, run);
  if (auto tile = winograd_tile(conv_route(ConvPass::backward_weights, c.e)))
    return winograd_backward_weights(c.e, *tile, x, dy, dw, db, run);
  std::array<void*, 4> pointers{
      address(in[0]), address(in[1]), address(out[0]), c.bias ? address(out[1]) : nullptr};
  plan_for(c)->execute(std::span(pointers).first(c.bias ? 4 : 3), run);
}

// The name of our own kernel where conv_route picks one, or else of the library's.
std::string implementation_of(ConvPass pass, const Call& c) {
  const ConvRoute route = conv_route(pass, c.e);
  if (route != ConvRoute::library) return "fovea:" + std::string(name_of(route));
  return plan_for(c)->implementation();
}

}  // namespace

std::string conv_implementation(const ConvFwd& op, std::span<const Tensor> in) {
  const Call c{PlanKind::conv_forward, op.extents(in), in.size() > 2, op.relu()};
  return is_mostly_weights(c) ? "dnnl_sgemm" : implementation_of(ConvPass::forward, c);
}

std::string conv_implementation(const ConvBwdData& op, std::span<const Tensor> in) {
  if (needs_narrow_data(op.extents(in))) return "fovea:narrow";
  return implementation_of(ConvPass::backward_data, {PlanKind::conv_backward_data, op.extents(in)});
}

std::string conv_implementation(const ConvBwdWeights& op, std::span<const Tensor> in) {
  if (needs_depthwise_weights(op.extents(in))) return "fovea:depthwise";
  if (is_pointwise(op.extents(in)) && !op.bias()) return "dnnl_sgemm";
  return implementation_of(
      ConvPass::backward_weights, {PlanKind::conv_backward_weights, op.extents(in), op.bias()});
}

void register_conv(KernelTable& table) {
  table.add<ConvFwd>(Device::cpu, forward_kernel);
  table.add<ConvBwdData>(Device::cpu, backward_data_kernel);
  table.add<ConvBwdWeights>(Device::cpu, backward_weights_kernel);
}

}  // namespace fovea::cpu
