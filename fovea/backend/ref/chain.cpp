#include "fovea/ops/chain.h"

#include <vector>

#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

namespace {

// best[c]: the highest score of a chain up to here that ends in c; came[t][c]: the label before it.
template <class T>
void decode_chain(const T* unary, const T* pair, int64_t length, int64_t classes, int32_t* labels) {
  const auto n = size_t(classes);
  std::vector<double> best(unary, unary + n), next(n);
  std::vector<int32_t> came(size_t(length) * n, 0);
  auto first_highest = [n](auto&& score) {
    size_t top = 0;
    for (size_t a = 1; a < n; ++a)
      if (score(a) > score(top)) top = a;
    return top;
  };
  for (size_t t = 1; t < size_t(length); ++t) {
    for (size_t c = 0; c < n; ++c) {
      auto through = [&](size_t a) { return best[a] + double(pair[a * n + c]); };
      const size_t from = first_highest(through);
      came[t * n + c] = int32_t(from);
      next[c] = through(from) + double(unary[t * n + c]);
    }
    best.swap(next);
  }
  size_t at = first_highest([&](size_t a) { return best[a]; });
  for (size_t t = size_t(length); t-- > 0;) {
    labels[t] = int32_t(at);
    at = size_t(came[t * n + at]);
  }
}

void chain_decode_kernel(
    const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const int64_t length = in[0].dim(1), classes = in[0].dim(2);
  int32_t* labels = out[0].mutable_data<int32_t>().data();
  visit_real(in[0].dtype(), [&]<class T>() {
    const T *unary = in[0].data<T>().data(), *pair = in[1].data<T>().data();
    for (int64_t i = 0; i < in[0].dim(0); ++i)
      decode_chain(unary + i * length * classes, pair, length, classes, labels + i * length);
  });
}

}  // namespace

void register_chain(KernelTable& table) {
  table.add<ChainDecode>(Device::ref, chain_decode_kernel);
}

}  // namespace fovea::ref
