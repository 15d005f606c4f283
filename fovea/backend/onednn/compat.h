#pragma once

#include <oneapi/dnnl/dnnl.hpp>

// The few oneDNN calls that differ between major versions 2 (2.6 and later) and 3. Version 3 has no
// operation descriptors: a primitive descriptor is made from the memory descriptors directly.
namespace fovea::onednn::compat {

inline dnnl::matmul::primitive_desc matmul_pd(
    const dnnl::engine& engine,
    const dnnl::memory::desc& a,
    const dnnl::memory::desc& b,
    const dnnl::memory::desc& bias,  // zero() for none
    const dnnl::memory::desc& y,
    const dnnl::primitive_attr& attr) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul::primitive_desc(engine, a, b, bias, y, attr);
#else
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, bias, y), attr, engine);
#endif
}

inline void append_relu(dnnl::post_ops& ops) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#else
  ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
#endif
}

// The memory descriptors and strides of a convolution. A dilation of 0 is a dense kernel.
struct ConvDescs {
  dnnl::memory::desc x, w, b, y;  // b is zero() for none
  dnnl::memory::dims stride, dilation, pad_before, pad_after;
};

inline dnnl::convolution_forward::primitive_desc conv_forward_pd(
    const dnnl::engine& engine, const ConvDescs& c, const dnnl::primitive_attr& attr) {
  constexpr auto kind = dnnl::prop_kind::forward_training;
  constexpr auto algorithm = dnnl::algorithm::convolution_direct;
  using Forward = dnnl::convolution_forward;
#if DNNL_VERSION_MAJOR >= 3
  return Forward::primitive_desc(
      engine,
      kind,
      algorithm,
      c.x,
      c.w,
      c.b,
      c.y,
      c.stride,
      c.dilation,
      c.pad_before,
      c.pad_after,
      attr);
#else
  Forward::desc desc(
      kind, algorithm, c.x, c.w, c.b, c.y, c.stride, c.dilation, c.pad_before, c.pad_after);
  return Forward::primitive_desc(desc, attr, engine);
#endif
}

inline dnnl::convolution_backward_data::primitive_desc conv_backward_data_pd(
    const dnnl::engine& engine,
    const ConvDescs& c,
    const dnnl::convolution_forward::primitive_desc& forward,
    const dnnl::primitive_attr& attr) {
  constexpr auto algorithm = dnnl::algorithm::convolution_direct;
  using Backward = dnnl::convolution_backward_data;
#if DNNL_VERSION_MAJOR >= 3
  return Backward::primitive_desc(
      engine,
      algorithm,
      c.x,
      c.w,
      c.y,
      c.stride,
      c.dilation,
      c.pad_before,
      c.pad_after,
      forward,
      attr);
#else
  Backward::desc desc(algorithm, c.x, c.w, c.y, c.stride, c.dilation, c.pad_before, c.pad_after);
  return Backward::primitive_desc(desc, attr, engine, forward);
#endif
}

inline dnnl::convolution_backward_weights::primitive_desc conv_backward_weights_pd(
    const dnnl::engine& engine,
    const ConvDescs& c,
    const dnnl::convolution_forward::primitive_desc& forward,
    const dnnl::primitive_attr& attr) {
  constexpr auto algorithm = dnnl::algorithm::convolution_direct;
  using Backward = dnnl::convolution_backward_weights;
#if DNNL_VERSION_MAJOR >= 3
  return Backward::primitive_desc(
      engine,
      algorithm,
      c.x,
      c.w,
      c.b,
      c.y,
      c.stride,
      c.dilation,
      c.pad_before,
      c.pad_after,
      forward,
      attr);
#else
  Backward::desc desc(
      algorithm, c.x, c.w, c.b, c.y, c.stride, c.dilation, c.pad_before, c.pad_after);
  return Backward::primitive_desc(desc, attr, engine, forward);
#endif
}

}  // namespace fovea::onednn::compat
