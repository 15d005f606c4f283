#pragma once

#include <deque>

#include "fovea/optim/line_method.h"

namespace fovea::optim {

struct LbfgsOptions {
  int history = 10;  // pairs of steps and changes of the slope that are kept
  LineSearchOptions line = {};
};

// L-BFGS: the inverse of the second derivatives as the last steps show it, in memory of 2 history n
// numbers (Liu and Nocedal 1989; Nocedal and Wright 2006, algorithms 7.4 and 7.5, the scale of
// equation 7.20). For the whole data set at once: the noise of small batches spoils the pairs.
class Lbfgs : public LineMethod {
 public:
  explicit Lbfgs(const LbfgsOptions& o = {});

 private:
  std::vector<double> direction(
      const Objective& f, const Tree& params, const std::vector<double>& slope) override;
  double first_step(const std::vector<double>& slope) const override;
  void learn(const std::vector<double>& way, const std::vector<double>& change) override;
  void forget() override { pairs_.clear(); }

  struct Pair {
    std::vector<double> way, change;
    double rho = 0;  // 1 / <way, change>
  };
  size_t history_;
  std::deque<Pair> pairs_;  // oldest first
};

}  // namespace fovea::optim
