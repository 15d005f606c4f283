#include "fovea/backend/ref/softmax.h"

#include <algorithm>
#include <cmath>

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/softmax.h"

namespace fovea::ref {

void softmax(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  SoftmaxOp op = static_cast<const Softmax&>(primitive).op();
  auto n = size_t(in[0].dim(-1));
  visit_real(in[0].dtype(), [&]<class T>() {
    auto all = in[0].data<T>();
    auto y = out[0].mutable_data<T>();
    for (size_t row = 0; row * n < all.size(); ++row) {
      auto x = all.subspan(row * n, n);
      double top = double(*std::ranges::max_element(x)), total = 0;
      if (std::isinf(top)) top = 0;  // all -inf, or an inf that is to show
      for (T v : x) total += std::exp(double(v) - top);
      double log_total = top + std::log(total);
      if (op == SoftmaxOp::logsumexp) y[row] = T(log_total);
      for (size_t i = 0; i < n; ++i) {
        if (op == SoftmaxOp::softmax) y[row * n + i] = T(std::exp(double(x[i]) - top) / total);
        if (op == SoftmaxOp::log_softmax) y[row * n + i] = T(double(x[i]) - log_total);
      }
    }
  });
}

void register_softmax(KernelTable& table) { table.add<Softmax>(Device::ref, softmax); }

}  // namespace fovea::ref
