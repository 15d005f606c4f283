#include "fovea/backend/cpu/engine.h"
#include "fovea/backend/cpu/gemm.h"

namespace fovea::cpu {

void multiply(
    const Product& p, const float* a, const float* b, const float* bias, float* y, Run& run) {
  for (int64_t i = 0; i < p.batch; ++i) {
    const float* ai = p.a_shared ? a : a + i * p.m * p.k;
    const float* bi = p.b_shared ? b : b + i * p.k * p.n;
    gemm(
        {p.m, p.n, p.k},
        p.transpose_a ? strided_rows(ai, 1, p.m) : strided_rows(ai, p.k, 1),
        p.transpose_b ? strided_rows(bi, p.k, 1) : strided_rows(bi, 1, p.n),
        {.y = y + i * p.m * p.n, .stride = p.n, .bias = p.bias ? bias : nullptr},
        run);
  }
}

std::string implementation_of(const Product&) { return "fovea:gemm"; }

int64_t scratch_of(const Product& p) { return p.batch * gemm_scratch({p.m, p.n, p.k}); }

std::string engine_name() { return "own products"; }

int64_t primitives_made() { return 0; }

}  // namespace fovea::cpu
