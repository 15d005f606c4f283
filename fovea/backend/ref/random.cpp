#include "fovea/backend/ref/random.h"

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/random.h"

namespace fovea::ref {

namespace {

uint32_t bits_at(Key key, size_t i) { return key.block(i / 4)[i % 4]; }

void random_kernel(
    const Primitive& primitive, std::span<const Tensor>, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const Random&>(primitive);
  if (p.what() == RandomKind::bernoulli) {
    auto y = out[0].mutable_data<bool>();
    uint64_t threshold = threshold_of(p.a());
    for (size_t i = 0; i < y.size(); ++i) y[i] = bits_at(p.key(), i) < threshold;
    return;
  }
  auto y = out[0].mutable_data<float>();
  auto a = float(p.a()), b = float(p.b());
  for (size_t i = 0; i < y.size(); ++i) {
    if (p.what() == RandomKind::uniform) {
      y[i] = uniform_from(bits_at(p.key(), i), a, b);
    } else {
      float z[2];  // lanes 0 and 1 make one pair, 2 and 3 another
      size_t pair = i - i % 2;
      normal_pair(bits_at(p.key(), pair), bits_at(p.key(), pair + 1), z, z + 1);
      y[i] = a + b * z[i % 2];
    }
  }
}

}  // namespace

void dropout(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const Dropout&>(primitive);
  uint64_t threshold = threshold_of(p.rate());
  const Shape& shape = in[0].shape();
  size_t channels = p.channels() ? size_t(shape.back()) : 1;
  size_t image = p.channels() ? size_t(shape.without(0).numel()) : 1;
  visit_dtype(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto y = out[0].mutable_data<T>();
    for (size_t i = 0; i < y.size(); ++i) {
      size_t unit = p.channels() ? i / image * channels + i % channels : i;
      bool keep = bits_at(p.key(), unit) >= threshold;
      y[i] = keep ? T(double(x[i]) / (1 - p.rate())) : T(0.0);
    }
  });
}

void register_random(KernelTable& table) {
  table.add<Random>(Device::ref, random_kernel);
  table.add<Dropout>(Device::ref, dropout);
}

}  // namespace fovea::ref
