#pragma once

#include "fovea/core/primitive.h"

// Softmax and its relatives along one axis. The maximum is subtracted before the exponential, so
// that no score overflows: the results for s and s + 1000 are the same.
namespace fovea {

Tensor softmax(const Tensor& x, int axis = -1);      // e^x / sum e^x
Tensor log_softmax(const Tensor& x, int axis = -1);  // x - log sum e^x

struct LogSumExpOptions {
  bool keep = false;  // the axis stays as 1
};
Tensor logsumexp(const Tensor& x, int axis = -1, const LogSumExpOptions& o = {});  // log sum e^x

enum class SoftmaxOp : uint8_t { softmax, log_softmax, logsumexp };

// Over the last axis, which logsumexp leaves as 1.
class Softmax : public Primitive {
 public:
  explicit Softmax(SoftmaxOp op) : op_(op) {}
  SoftmaxOp op() const { return op_; }

  std::string_view name() const override;
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1200 + size_t(op_); }

 private:
  SoftmaxOp op_;
};

}  // namespace fovea
