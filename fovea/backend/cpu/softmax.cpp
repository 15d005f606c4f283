#include "fovea/ops/softmax.h"

#include <algorithm>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/softmax_rows.h"
#include "fovea/backend/ref/softmax.h"

namespace fovea::cpu {

namespace {

constexpr int64_t grain = 8 * 1024;  // elements a thread should have at least

void softmax(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::softmax(primitive, in, out, run);
  SoftmaxOp op = static_cast<const Softmax&>(primitive).op();
  int64_t n = in[0].dim(-1), y_row = op == SoftmaxOp::logsumexp ? 1 : n;
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  parallel_for(in[0].numel() / n, std::max<int64_t>(1, grain / n), [&](int64_t begin, int64_t end) {
    softmax_rows(op, x + begin * n, y + begin * y_row, end - begin, n);
  });
}

}  // namespace

void register_softmax(KernelTable& table) { table.add<Softmax>(Device::cpu, softmax); }

}  // namespace fovea::cpu
