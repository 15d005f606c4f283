#pragma once

#include <memory>
#include <span>
#include <vector>

#include "fovea/core/primitive.h"

// One step of each optimiser as one elementwise primitive over a parameter, its state and its
// gradient, so that a step is one pass over memory and may write where the old values were. What
// depends on the step number (bias corrections, first steps) is settled on the host in double.
// In the formulas p is the parameter and g the gradient; primes mark the new values.
namespace fovea {

// Inputs (p, state..., g), all of one shape and dtype, f32 or f64; outputs (p', state'...). The
// gradient comes last so that each output finds its own old value first to write over.
class Update : public Primitive {
 public:
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  virtual int states() const = 0;  // tensors of state
};

// Applies `rule`: (p', state'...). Throws std::invalid_argument where shapes or dtypes differ.
std::vector<Tensor> update(
    std::shared_ptr<const Update> rule,
    const Tensor& param,
    std::span<const Tensor> state,
    const Tensor& grad);

// g += weight_decay p; v' = momentum v + (1 - dampening) g; p' = p - lr v', or with Nesterov
// p - lr (g + momentum v'). Without momentum there is no v and p' = p - lr g.
class SgdUpdate : public Update {
 public:
  struct Rule {
    double lr = 0, momentum = 0, dampening = 0, weight_decay = 0;
    bool nesterov = false;
  };
  explicit SgdUpdate(const Rule& rule) : rule_(rule) {}
  const Rule& rule() const { return rule_; }
  std::string_view name() const override { return "sgd"; }
  int states() const override { return rule_.momentum != 0; }

 private:
  Rule rule_;
};

// g += weight_decay p; s' = s + g^2; p' = p - lr g / (sqrt(s') + eps).
class AdagradUpdate : public Update {
 public:
  struct Rule {
    double lr = 0, eps = 0, weight_decay = 0;
  };
  explicit AdagradUpdate(const Rule& rule) : rule_(rule) {}
  const Rule& rule() const { return rule_; }
  std::string_view name() const override { return "adagrad"; }
  int states() const override { return 1; }

 private:
  Rule rule_;
};

// g += weight_decay p; s' = alpha s + (1 - alpha) g^2; when centered, m' = alpha m + (1 - alpha) g
// and d = sqrt(s' - m'^2) + eps, else d = sqrt(s') + eps. With momentum v' = momentum v + g / d and
// p' = p - lr v', else p' = p - lr g / d. The state is (s[, m][, v]).
class RmspropUpdate : public Update {
 public:
  struct Rule {
    double lr = 0, alpha = 0, eps = 0, momentum = 0, weight_decay = 0;
    bool centered = false;
  };
  explicit RmspropUpdate(const Rule& rule) : rule_(rule) {}
  const Rule& rule() const { return rule_; }
  std::string_view name() const override { return "rmsprop"; }
  int states() const override { return 1 + rule_.centered + (rule_.momentum != 0); }

 private:
  Rule rule_;
};

// g += weight_decay p; s' = rho s + (1 - rho) g^2; x = sqrt((u + eps) / (s' + eps)) g;
// u' = rho u + (1 - rho) x^2; p' = p - lr x. The state is (s, u).
class AdadeltaUpdate : public Update {
 public:
  struct Rule {
    double lr = 0, rho = 0, eps = 0, weight_decay = 0;
  };
  explicit AdadeltaUpdate(const Rule& rule) : rule_(rule) {}
  const Rule& rule() const { return rule_; }
  std::string_view name() const override { return "adadelta"; }
  int states() const override { return 2; }

 private:
  Rule rule_;
};

// g += weight_decay p; m' = beta1 m + (1 - beta1) g; s' = beta2 s + (1 - beta2) g^2;
// p' = shrink p - lr (m' / correction1) / (sqrt(s' / correction2) + eps), where correction_i is
// 1 - beta_i^t: the state stays raw. Adam has shrink = 1, AdamW weight_decay = 0. State (m, s).
class AdamUpdate : public Update {
 public:
  struct Rule {
    double lr = 0, beta1 = 0, beta2 = 0, eps = 0;
    double weight_decay = 0, shrink = 1;
    double correction1 = 1, correction2 = 1;
  };
  explicit AdamUpdate(const Rule& rule) : rule_(rule) {}
  const Rule& rule() const { return rule_; }
  std::string_view name() const override { return "adam"; }
  int states() const override { return 2; }

 private:
  Rule rule_;
};

// p' = p + weight (g - p): a running average p of values g. Stays put where g equals p.
class AverageUpdate : public Update {
 public:
  explicit AverageUpdate(double weight) : weight_(weight) {}
  double weight() const { return weight_; }
  std::string_view name() const override { return "average"; }
  int states() const override { return 0; }

 private:
  double weight_;
};

}  // namespace fovea
