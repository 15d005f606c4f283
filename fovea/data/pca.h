#pragma once

#include <span>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea::data {

// Eigenvalues of a symmetric matrix, largest first, and unit eigenvectors as rows of (n, n), each
// with its largest component positive.
struct Eigen {
  std::vector<double> values, vectors;
};

// Cyclic Jacobi rotations (Jacobi, 1846): accurate to rounding, O(n^3) a sweep, meant for n up to a
// few hundred. `a` is (n, n); only its symmetric part is used.
Eigen symmetric_eigen(std::span<const double> a, int n);

// Principal component analysis, fitted on training vectors and applied to any.
struct Pca {
  std::vector<double> mean;  // (D)
  Eigen axes;                // of the covariance X^T X / N of the centred training data

  int dims() const { return int(mean.size()); }
  // Share of the variance that the first k axes hold.
  double explained(int k) const;

  // x (N, D) -> f32 (N, k), k = keep or D: centred and turned into the axes, so that the covariance
  // of the training data is diagonal. Evaluates x.
  Tensor rotate(const Tensor& x, int keep = 0) const;
  // The same with every axis divided by sqrt(eigenvalue + eps), so that the covariance becomes the
  // identity where eigenvalues are well above eps.
  Tensor whiten(const Tensor& x, int keep = 0, double eps = 1e-5) const;
};

Pca fit_pca(const Tensor& x);  // x (N, D), N >= 2

}  // namespace fovea::data
