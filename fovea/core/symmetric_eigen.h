#pragma once

#include <span>
#include <vector>

namespace fovea {

// Eigenvalues of a symmetric matrix, largest first, and unit eigenvectors as rows of (n, n), each
// with its largest component positive.
struct Eigen {
  std::vector<double> values, vectors;
};

// Cyclic Jacobi rotations (Jacobi, 1846): accurate to rounding, O(n^3) a sweep, meant for n up to a
// few hundred. `a` is (n, n); only its symmetric part is used. Throws std::invalid_argument for
// another number of values and for values that are not finite.
Eigen symmetric_eigen(std::span<const double> a, int n);

}  // namespace fovea
