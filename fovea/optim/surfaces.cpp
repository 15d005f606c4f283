#include "fovea/optim/surfaces.h"

#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/ops/elementwise.h"

namespace fovea::optim {

namespace {

Tensor ravine(const Tensor& x, const Tensor& y) { return square(x) * 0.05 + square(y); }

Tensor rosenbrock(const Tensor& x, const Tensor& y) {
  return square(1 - x) + 100 * square(y - square(x));
}

Tensor beale(const Tensor& x, const Tensor& y) {
  const Tensor y2 = square(y);
  return square(1.5 - x + x * y) + square(2.25 - x + x * y2) + square(2.625 - x + x * y2 * y);
}

Tensor saddle(const Tensor& x, const Tensor& y) {
  const Tensor y2 = square(y);
  return square(x) - y2 + 0.25 * square(y2);
}

Tensor himmelblau(const Tensor& x, const Tensor& y) {
  return square(square(x) + y - 11) + square(x + square(y) - 7);
}

}  // namespace

const std::vector<Surface>& surfaces() {
  static const std::vector<Surface> all{
      {"ravine",
       "0.05 x^2 + y^2",
       "zigzag: the slope points across the valley",
       ravine,
       {-8, 1.6},
       {{0, 0}},
       0,
       {-10, 4, -3, 3}},
      {"rosenbrock",
       "(1 - x)^2 + 100 (y - x^2)^2",
       "a curved valley, flat along its bottom (Rosenbrock 1960)",
       rosenbrock,
       {-1.2, 1},
       {{1, 1}},
       0,
       {-1.8, 1.8, -0.8, 2.2}},
      {"beale",
       "(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2",
       "plains with steep corners (Beale 1958)",
       beale,
       {1, 1},
       {{3, 0.5}},
       0,
       {-0.5, 4.2, -1.2, 1.8}},
      {"saddle",
       "x^2 - y^2 + y^4 / 4",
       "a saddle point that the path leads straight to",
       saddle,
       {-1.6, 0.001},
       {{0, -1.4142135623730951}, {0, 1.4142135623730951}},
       -1,
       {-2, 2, -2, 2}},
      {"himmelblau",
       "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
       "four minima: where the path ends depends on the method (Himmelblau 1972)",
       himmelblau,
       {-4.8, 0.3},
       {{3, 2},
        {-2.8051180869527449, 3.1313125182505730},
        {-3.7793102533777469, -3.2831859912861694},
        {3.5844283403304917, -1.8481265269644034}},
       0,
       {-5, 5, -5, 5}},
  };
  return all;
}

const Surface& surface(std::string_view name) {
  std::vector<std::string> known;
  for (const Surface& s : surfaces()) {
    if (s.name == name) return s;
    known.emplace_back(s.name);
  }
  throw std::invalid_argument(
      fmt::format("[surface] expected one of {}, got \"{}\"", list_of(known), name));
}

}  // namespace fovea::optim
