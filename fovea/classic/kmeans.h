#pragma once

#include "fovea/core/random.h"
#include "fovea/core/tensor.h"

namespace fovea::classic {

// Squared Euclidean distances of every row of x (N, D) to every row of y (M, D): (N, M), by
// |x|^2 - 2 x y^T + |y|^2, and not below 0. Differentiable.
Tensor squared_distances(const Tensor& x, const Tensor& y);

struct KMeansOptions {
  int64_t clusters = 1;
  int iterations = 20;  // at most: it stops where no point changes its cluster
  Key key = Key(0);
};

struct Clusters {
  Tensor centres;    // f32 (clusters, D)
  Tensor assigned;   // i32 (N), the nearest centre of each point
  double error = 0;  // mean squared distance of the points to it
};

// Lloyd's algorithm from centres chosen by k-means++ (Arthur and Vassilvitskii 2007), for points x
// f32 (N, D). A cluster that loses all its points takes over the point farthest from its centre.
// Throws std::invalid_argument for fewer points than clusters.
Clusters kmeans(const Tensor& x, const KMeansOptions& o);

// At most `count` rows of x (N, D), drawn without replacement.
Tensor some_rows(const Tensor& x, int64_t count, Key key);

}  // namespace fovea::classic
