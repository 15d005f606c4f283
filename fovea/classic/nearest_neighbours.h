#pragma once

#include "fovea/classic/fitted.h"
#include "fovea/nn/module.h"
#include "fovea/ops/nearest.h"

namespace fovea::classic {

// k nearest neighbours (Cover and Hart 1967; CS231n lecture 2): keeps the training examples, and
// has the k nearest of them vote; see nearest() and neighbour_votes() for ties and scores. f32 x
// (N, D) -> log p (N, classes). State: points (M, D) and labels (M), with the tree order and radii
// (M) too; labels are by the index an example has in training.
class NearestNeighbours : public nn::Module, public Fitted {
 public:
  struct Options {
    int64_t dims = 0, classes = 0, k = 1;
    Metric metric = Metric::l2;
    bool tree = false;    // search through a PointTree: faster in few dimensions
    int64_t samples = 0;  // M of a network that is loaded; 0 before fitting
  };
  explicit NearestNeighbours(const Options& o);

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;
  void fit(const Examples& e) override;
  std::map<std::string, std::string> sizes() const override;

 private:
  Options o_;
  PointTree points_;  // without a tree its points alone
  Tensor labels_;
};

// The points in the order of a PointTree, f32 (M, D). The farthest point of a stretch is the next
// vantage point.
PointTree plant_tree(const Tensor& points, Metric metric);

}  // namespace fovea::classic
