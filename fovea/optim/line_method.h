#pragma once

#include <vector>

#include "fovea/optim/line_search.h"
#include "fovea/optim/objective.h"

namespace fovea::optim {

// What one step of a LineMethod did.
struct LineStep {
  double loss = 0;   // at the new parameters
  double slope = 0;  // the largest |element| of the slope there
  int evaluations = 0;
  bool moved = false;  // false where no step goes down, or the slope is 0
};

// A method that chooses a direction from slopes, walks along it as far as the strong Wolfe
// conditions say, and so needs no learning rate, but the same objective each time.
class LineMethod {
 public:
  virtual ~LineMethod() = default;
  LineMethod(const LineMethod&) = delete;
  LineMethod& operator=(const LineMethod&) = delete;

  // Replaces the parameters by better ones. Names and shapes must stay the same from step to step.
  // Throws std::invalid_argument for an objective that is not a finite scalar at `params`.
  LineStep step(Tree& params, const Objective& f);

 protected:
  explicit LineMethod(const LineSearchOptions& line) : line_(line) {}

  // Where to go; steepest descent is taken where this does not go down.
  virtual std::vector<double> direction(
      const Objective& f, const Tree& params, const std::vector<double>& slope) = 0;
  // The first step that the line search tries.
  virtual double first_step(const std::vector<double>& slope) const { return 1; }
  // After a step: its way and how the slope changed.
  virtual void learn(const std::vector<double>& way, const std::vector<double>& change) {}
  virtual void forget() {}

 private:
  LineSearchOptions line_;
  std::vector<double> point_;  // that here_ belongs to
  ValueAndSlope here_;
};

struct MinimizeOptions {
  int steps = 100;  // at most
  // Of the largest |element| of the slope. The line search compares values, whose rounding hides
  // slopes below about the root of their precision: 1e-8 in f64, 3e-4 in f32 for values about 1.
  double tolerance = 1e-6;
};

struct Minimized {
  double loss = 0, slope = 0;  // as in LineStep
  int steps = 0, evaluations = 0;
  bool converged = false;  // the slope is within the tolerance
};

// Steps until the slope is within the tolerance, nothing moves, or `steps` are done.
Minimized minimize(
    LineMethod& method, Tree& params, const Objective& f, const MinimizeOptions& o = {});

double dot(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace fovea::optim
