#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "fovea/onnx/call.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/softmax.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

// (N, L, heads d) as (N, heads, L, d); of four axes as it is.
Tensor heads_of(const Call& c, size_t i, const char* heads) {
  const Tensor x = c[i].plain();
  if (x.rank() == 4) return x;
  const int64_t count = c.integer(heads, 0);
  if (x.rank() != 3 || count < 1 || x.dim(2) % count != 0)
    throw std::invalid_argument(fmt::format(
        "input {}: expected (N, heads, L, d), or (N, L, heads d) and {} that divides it, got {}",
        i,
        heads,
        x.shape().str()));
  return transpose(reshape(x, Shape{x.dim(0), x.dim(1), count, x.dim(2) / count}), {0, 2, 1, 3});
}

// What is added to the scores (..., queries, keys): 0, or -inf for keys that may not be seen. Empty
// where every query sees all of them.
Tensor bias_of(const Call& c, const Tensor& q, const Tensor& k) {
  const Tensor zero = full(Shape{}, 0, q.dtype());
  const Tensor never = full(Shape{}, -std::numeric_limits<double>::infinity(), q.dtype());
  Tensor bias;
  if (c.has(3)) {
    bias = c[3].plain();
    if (bias.rank() < 2 || bias.dim(-1) != k.dim(2))
      throw Unsupported(fmt::format("a mask {} for {} keys", bias.shape().str(), k.dim(2)));
    if (bias.dtype() == Dtype::boolean) bias = where(bias, zero, never);
  }
  if (c.integer("is_causal", 0) != 0) {
    const Tensor query = reshape(arange(q.dim(2), Dtype::i32), Shape{q.dim(2), 1});
    const Tensor causal = where(less(query, arange(k.dim(2), Dtype::i32)), never, zero);
    bias = bias.is_empty() ? causal : bias + causal;
  }
  return bias;
}

// softmax(q k^T scale + bias) v for each head (Vaswani et al. 2017); queries that see no key give
// 0.
Values attention(const Call& c) {
  if (!is_float(c[0].dtype()))
    throw Unsupported("numbers of type " + std::string(name_of(c[0].dtype())));
  if (c.has(4) || c.has(5) || c.wants(1) || c.wants(2)) throw Unsupported("past keys and values");
  if (c.has(6)) throw Unsupported("nonpad_kv_seqlen");
  if (c.wants(3)) throw Unsupported("the output qk_matmul_output");
  if (c.integer("softmax_precision", 1) == 11) throw Unsupported("softmax_precision of f64");
  const Tensor q = heads_of(c, 0, "q_num_heads");
  Tensor k = heads_of(c, 1, "kv_num_heads"), v = heads_of(c, 2, "kv_num_heads");
  if (k.dim(1) < 1 || v.dim(1) != k.dim(1) || q.dim(1) % k.dim(1) != 0)
    throw std::invalid_argument(
        fmt::format("{} heads of queries, {} of keys, {} of values", q.dim(1), k.dim(1), v.dim(1)));
  if (const int64_t times = q.dim(1) / k.dim(1); times > 1) {
    k = repeat(k, times, 1);
    v = repeat(v, times, 1);
  }
  const double scale = c.number("scale", 1 / std::sqrt(double(q.dim(3))));
  Tensor scores = matmul(q * scale, k, {.transpose_b = true});
  if (const double cap = c.number("softcap", 0); cap > 0) scores = tanh(scores / cap) * cap;
  const Tensor bias = bias_of(c, q, k);
  Tensor shares = softmax(bias.is_empty() ? scores : scores + bias, -1);
  if (!bias.is_empty()) {
    const Tensor most = max(bias, {bias.rank() - 1}, {.keep = true});
    const Tensor sees = greater(most, Tensor(-std::numeric_limits<double>::infinity()));
    shares = where(sees, shares, full(Shape{}, 0, q.dtype()));
  }
  const Tensor y = matmul(shares, v);
  if (c[0].rank() == 4) return {{y}};
  return {{reshape(transpose(y, {0, 2, 1, 3}), Shape{y.dim(0), y.dim(2), y.dim(1) * y.dim(3)})}};
}

}  // namespace

std::vector<Operator> attention_operators() {
  return {
      {"Attention",
       attention,
       "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision",
       23},
  };
}

}  // namespace fovea::onnx
