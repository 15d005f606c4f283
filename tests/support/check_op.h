#pragma once

#include <string>
#include <vector>

#include "fovea/autograd/transforms.h"

// One checker for every op.
namespace fovea::test {

struct OpCase {
  std::string name;
  Fn f;
  std::vector<Tensor> inputs;  // f32 inputs are differentiated, the others passed on
  std::vector<std::vector<double>> expected = {};  // closed form of each output, where known
  double tolerance = 1e-4;           // cpu against ref, relative to the largest element
  double gradient_tolerance = 1e-6;  // analytic against numerical, f64 on ref
  bool gradient = true;
  bool second = false;  // check second derivatives as well
};

// ref against `expected`; cpu against ref; eager against lazy; gradcheck in f64 on ref; gradients
// on cpu against ref; second derivatives where declared.
void check_op(const OpCase& c);

// f32 on the CPU, uniform in [lo, hi).
Tensor random_input(const Shape& shape, uint64_t seed, double lo = -1, double hi = 1);
// The numbers 0, 1, ..., n - 1 times `step`, in random order: no two alike, for max and sort.
Tensor distinct_input(const Shape& shape, uint64_t seed, double step = 0.1);
Tensor int_input(const Shape& shape, uint64_t seed, int lo, int hi);  // i32 in [lo, hi)

// The largest difference over the largest expected magnitude (at least 1e-6).
double relative_error(const Tensor& got, const Tensor& expected);

// The message of the std::exception that f throws; fails the test if it throws none.
std::string message_of(const std::function<void()>& f);

}  // namespace fovea::test
