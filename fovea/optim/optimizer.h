#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fovea/core/tree.h"
#include "fovea/ops/update.h"
#include "fovea/optim/group.h"

namespace fovea::optim {

// Turns gradients into new parameters. Nothing is computed here: step() replaces each parameter and
// its state by a lazy update of the old one, and evaluating the parameters runs it. Let go of the
// old values first and of the gradients, and the new ones are written over them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  std::string_view name() const { return name_; }  // "adam"

  // Updates the parameters that have a gradient in `grads`; the others stay. Throws
  // std::invalid_argument, and changes nothing, if a gradient has no parameter or another shape, if
  // loaded state does not fit, or if a group matches no parameter.
  void step(Tree& params, const Tree& grads);
  int64_t steps() const { return steps_; }  // taken so far

  void set_lr(double lr);  // from the next step on
  double lr() const { return lr_; }

  // What the next step depends on besides lr: "momentum/layer1.0.conv1.weight" and so on, shaped as
  // the parameter. A parameter that had no gradient in some steps also has "missed/<name>", an i64
  // scalar counting them. With load_state the steps continue bit by bit; it throws
  // std::invalid_argument, and changes nothing, for the state of another optimiser.
  Tree state() const;
  void load_state(const Tree& state, int64_t steps);

 protected:
  struct Settings {
    double lr = 0;
    double weight_decay = 0;
    std::vector<ParamGroup> groups;
  };
  // What one step of one parameter depends on.
  struct At {
    double lr = 0;
    double weight_decay = 0;
    int64_t t = 1;  // the how-manyth update of this parameter, from 1
  };
  // `slots` names the state tensors of a parameter, in the order of the update's states; they begin
  // as zeros.
  Optimizer(std::string name, std::vector<std::string> slots, Settings settings);

  // Throws std::invalid_argument, "[name] expected `what`, got `value`", unless `good`.
  void check(bool good, std::string_view what, double value) const;

 private:
  virtual std::shared_ptr<const Update> rule(const At& at) const = 0;

  struct Entry {  // of one parameter
    std::vector<Tensor> slots;
    int64_t updates = 0;
  };
  void check_step(const Tree& params, const Tree& grads) const;

  std::string name_;
  std::vector<std::string> slots_;
  double lr_ = 0, weight_decay_ = 0;
  std::vector<ParamGroup> groups_;
  bool groups_match_ = false;  // each a parameter, as the first step of a session found
  std::map<std::string, Entry> entries_;
  int64_t steps_ = 0;
};

}  // namespace fovea::optim
