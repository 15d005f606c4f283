#include <algorithm>
#include <array>

#include "fovea/backend/cpu/conv_gemm.h"
#include "fovea/backend/cpu/depthwise.h"
#include "fovea/backend/cpu/engine.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/onednn/compat.h"
#include "fovea/backend/onednn/plan.h"

// Convolution by oneDNN, bound by flops. Activations stay (N, H, W, C); weights, stored
// (O, kh, kw, I / groups), are reordered at each call into the layout the library picks, because
// with plain ones it falls on loops a thousand times slower. Measured on a Zen 4 core pair, NHWC
// runs as fast as the blocked layouts, at the speed of dnnl_sgemm.
namespace fovea::cpu {

namespace {

using onednn::Access;
using onednn::Plan;
using onednn::PlanArgument;
using onednn::PlanKey;
namespace compat = onednn::compat;

// `ours` is how the caller's memory lies; the others are what the library is asked to run on.
enum class Layouts { ours, any_weights, any_all };

// In the library's order of axes: images N, C, H, W, weights (G,) O, I, H, W.
compat::ConvDescs descs_of(const ConvCall& c, Layouts layouts) {
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
  d.w = layouts == Layouts::ours ? dnnl::memory::desc(w_dims, f32, w_strides)
                                 : onednn::any_desc(w_dims);
  if (c.bias) d.b = onednn::dense_desc({e.out});
  d.stride = {e.down.stride, e.right.stride};
  d.dilation = {e.down.dilation - 1, e.right.dilation - 1};  // the library counts from 0
  d.pad_before = {e.down.before, e.right.before};
  d.pad_after = {e.down.after, e.right.after};
  return d;
}

Plan make_forward(const ConvCall& c, Layouts layouts, const dnnl::engine& engine) {
  const auto ours = descs_of(c, Layouts::ours);
  dnnl::primitive_attr attr = onednn::plan_attributes();
  dnnl::post_ops ops;
  if (c.residual) ops.append_sum();
  if (c.relu) compat::append_relu(ops);
  attr.set_post_ops(ops);
  auto pd = compat::conv_forward_pd(engine, descs_of(c, layouts), attr);
  std::vector<PlanArgument> args{
      {DNNL_ARG_SRC, ours.x, pd.src_desc()},
      {DNNL_ARG_WEIGHTS, ours.w, pd.weights_desc()},
      {DNNL_ARG_DST, ours.y, pd.dst_desc(), c.residual ? Access::add : Access::write}};
  if (c.bias) args.push_back({DNNL_ARG_BIAS, ours.b, pd.bias_desc()});
  return Plan(dnnl::convolution_forward(pd), pd, std::move(args));
}

Plan make_backward_data(const ConvCall& c, Layouts layouts, const dnnl::engine& engine) {
  const auto ours = descs_of(c, Layouts::ours), theirs = descs_of(c, layouts);
  auto hint = compat::conv_forward_pd(engine, theirs, onednn::plan_attributes());
  auto pd = compat::conv_backward_data_pd(engine, theirs, hint, onednn::plan_attributes());
  return Plan(
      dnnl::convolution_backward_data(pd),
      pd,
      {{DNNL_ARG_DIFF_DST, ours.y, pd.diff_dst_desc()},
       {DNNL_ARG_WEIGHTS, ours.w, pd.weights_desc()},
       {DNNL_ARG_DIFF_SRC, ours.x, pd.diff_src_desc(), Access::write}});
}

Plan make_backward_weights(const ConvCall& c, Layouts layouts, const dnnl::engine& engine) {
  const auto ours = descs_of(c, Layouts::ours), theirs = descs_of(c, layouts);
  auto hint = compat::conv_forward_pd(engine, theirs, onednn::plan_attributes());
  auto pd = compat::conv_backward_weights_pd(engine, theirs, hint, onednn::plan_attributes());
  std::vector<PlanArgument> args{
      {DNNL_ARG_SRC, ours.x, pd.src_desc()},
      {DNNL_ARG_DIFF_DST, ours.y, pd.diff_dst_desc()},
      {DNNL_ARG_DIFF_WEIGHTS, ours.w, pd.diff_weights_desc(), Access::write}};
  if (c.bias) args.push_back({DNNL_ARG_DIFF_BIAS, ours.b, pd.diff_bias_desc(), Access::write});
  return Plan(dnnl::convolution_backward_weights(pd), pd, std::move(args));
}

// NHWC activations, unless the library has only its reference loops for them (some kernels wider
// than the image), where its own layouts have more.
Plan make_plan(const ConvCall& c, const dnnl::engine& engine) {
  auto make = c.pass == ConvPass::forward         ? make_forward
              : c.pass == ConvPass::backward_data ? make_backward_data
                                                  : make_backward_weights;
  Plan plan = make(c, Layouts::any_weights, engine);
  if (!plan.is_reference()) return plan;
  return make(c, Layouts::any_all, engine);
}

std::shared_ptr<const Plan> plan_for(const ConvCall& c) {
  const ConvExtents& e = c.e;
  PlanKey key{
      {1 + int64_t(c.pass),
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
       c.relu,
       c.residual}};
  return onednn::cached_plan(key, [&](const dnnl::engine& engine) { return make_plan(c, engine); });
}

bool is_1x1(const ConvExtents& e) {
  const int64_t padding = e.down.before + e.down.after + e.right.before + e.right.after;
  return e.kh * e.kw * e.groups == 1 && padding == 0;
}

// The gradient of a 1 x 1 convolution's weights is dy^T x, which dnnl_sgemm computes up to twice as
// fast as the convolution primitive does, also where a stride makes x be copied before.
bool is_product(const ConvCall& c) {
  return c.pass == ConvPass::backward_weights && is_1x1(c.e) && !c.bias;
}

// Without AVX-512, the library computes the gradient of other weights at half of our own product's
// speed (where Winograd's algorithm does not apply), unless there are few channels.
bool is_gathered_product(const ConvCall& c) {
  return c.pass == ConvPass::backward_weights && !onednn::has_avx512() && c.e.groups == 1 &&
         c.e.kh * c.e.kw > 1 && std::min(c.e.in, c.e.out) >= 128;
}

// A 1 x 1 convolution with more weights than pixels, as the last layers of a ResNet have for one
// image: reordering the weights would take longer than x w^T itself.
bool is_mostly_weights(const ConvCall& c) {
  const int64_t pixels = c.e.n * c.e.ho * c.e.wo;
  return is_1x1(c.e) && !c.bias && !c.relu && !c.residual &&
         c.e.in * c.e.out >= pixels * (c.e.in + c.e.out);
}

// How many floats of x are copied where a stride leaves some out.
int64_t visited_size(const ConvExtents& e) {
  return e.h == e.ho && e.w == e.wo ? 0 : e.n * e.ho * e.wo * e.in;
}

// The pixels of x (N, H, W, C) that a stride visits, as (pixels, C).
const float* visited_pixels(const ConvExtents& e, const float* x, Run& run) {
  const int64_t size = visited_size(e);
  if (size == 0) return x;
  float* to = run.scratch.get<float>(size_t(size)).data();
  const int64_t grain = std::max<int64_t>(1, (1 << 15) / (e.wo * e.in));
  parallel_for(e.n * e.ho, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t from = row / e.ho * e.h + row % e.ho * e.down.stride;
      for (int64_t j = 0; j < e.wo; ++j)
        std::copy_n(
            x + (from * e.w + j * e.right.stride) * e.in, e.in, to + (row * e.wo + j) * e.in);
    }
  });
  return to;
}

void* unconst(const float* p) { return const_cast<float*>(p); }  // the library takes void* for all

}  // namespace

void conv_forward(
    const ConvCall& c, const float* x, const float* w, const float* b, float* y, Run& run) {
  if (is_mostly_weights(c))
    return onednn::product_transposed(
        c.e.n * c.e.ho * c.e.wo, c.e.out, c.e.in, visited_pixels(c.e, x, run), w, y);
  const std::array<void*, 4> pointers{unconst(x), unconst(w), y, unconst(b)};
  plan_for(c)->execute(std::span(pointers).first(c.bias ? 4 : 3), run);
}

PackedForward pack_conv_forward(const ConvCall& c, const float* w) {
  auto plan = plan_for(c);
  std::shared_ptr<Storage> packed = plan->pack(1, unconst(w));
  if (!packed) return {};
  return [c, plan, packed](const float* x, const float* b, float* y, Run& run) {
    const std::array<void*, 4> pointers{unconst(x), packed->data(), y, unconst(b)};
    plan->execute(std::span(pointers).first(c.bias ? 4 : 3), run, 1);
  };
}

void conv_backward_data(const ConvCall& c, const float* dy, const float* w, float* dx, Run& run) {
  const std::array<void*, 3> pointers{unconst(dy), unconst(w), dx};
  plan_for(c)->execute(pointers, run);
}

void conv_backward_weights(
    const ConvCall& c, const float* x, const float* dy, float* dw, float* db, Run& run) {
  if (is_product(c))
    return onednn::transposed_product(
        c.e.out, c.e.in, c.e.n * c.e.ho * c.e.wo, dy, visited_pixels(c.e, x, run), dw, run);
  if (needs_depthwise_weights(c.e)) return depthwise_weights(c.e, x, dy, dw, db, run);
  if (is_gathered_product(c)) return gemm_conv_backward_weights(c.e, x, dy, dw, db, run);
  const std::array<void*, 4> pointers{unconst(x), unconst(dy), dw, db};
  plan_for(c)->execute(std::span(pointers).first(c.bias ? 4 : 3), run);
}

int64_t scratch_of(const ConvCall& c) {
  const int64_t copied = visited_size(c.e) * int64_t(sizeof(float));
  if (c.pass == ConvPass::forward && is_mostly_weights(c)) return copied;
  if (is_product(c))
    return copied + onednn::transposed_product_scratch(c.e.out, c.e.in, c.e.n * c.e.ho * c.e.wo);
  if (c.pass == ConvPass::backward_weights && needs_depthwise_weights(c.e))
    return depthwise_weights_scratch(c.e);
  if (is_gathered_product(c)) return gemm_conv_scratch(c.e, c.pass, c.bias);
  return plan_for(c)->scratch();
}

std::string implementation_of(const ConvCall& c) {
  if (c.pass == ConvPass::forward && is_mostly_weights(c)) return "dnnl_sgemm";
  if (c.pass == ConvPass::backward_weights && needs_depthwise_weights(c.e))
    return "fovea:depthwise";
  if (is_gathered_product(c)) return "fovea:gemm";
  if (is_product(c)) return std::string(onednn::transposed_product_name(c.e.out, c.e.in));
  return plan_for(c)->implementation();
}

}  // namespace fovea::cpu
