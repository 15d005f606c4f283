#pragma once

#include <span>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea {

// Runs the nodes below `outputs` in the order they were made. A node lets go of its inputs as soon
// as it has run, so each buffer is freed, or written over in place, at its last use. What a kernel
// throws comes out as EvalError with op, module path and source line.
void eval(std::span<const Tensor> outputs);
void eval(std::initializer_list<Tensor> outputs);
void eval(const std::vector<Tensor>& outputs);

// lazy: ops only build the graph. eager: each op runs at once, through the same primitives.
enum class EvalMode : unsigned char { lazy, eager };
EvalMode eval_mode();

class EvalModeScope {
 public:
  explicit EvalModeScope(EvalMode mode);
  ~EvalModeScope();
  EvalModeScope(const EvalModeScope&) = delete;
  EvalModeScope& operator=(const EvalModeScope&) = delete;

 private:
  EvalMode previous_;
};

// While alive, on this thread, every op's outputs are searched for NaN and infinity; the first op
// that makes one from finite inputs throws NonFiniteError with its name and module path.
class NanGuard {
 public:
  NanGuard();
  ~NanGuard();
  NanGuard(const NanGuard&) = delete;
  NanGuard& operator=(const NanGuard&) = delete;
};

}  // namespace fovea
