#pragma once

#include "fovea/classic/fitted.h"
#include "fovea/nn/module.h"

namespace fovea::classic {

// exp(-|x - c|^2 / 2 s^2) of every row of x (N, D) and every centre (K, D), with log s (K): (N, K).
Tensor gaussians(const Tensor& x, const Tensor& centres, const Tensor& log_widths);

// The hidden layer of a radial basis function network (Broomhead and Lowe 1988): x (N, D) ->
// (N, units), 1 at a unit's centre and falling to 0 away from it. Fitting puts the centres where
// k-means finds clusters among the examples (Moody and Darken 1989), with one width for all:
// `width` times the root of the mean squared distance of an example to its centre. A linear layer
// behind it is trained as usual, and with `train` so are centres (units, D) and log_widths (units),
// which are state otherwise. What comes before it must not learn itself, as the centres would not
// follow.
class Rbf : public nn::Module, public Fitted {
 public:
  struct Options {
    int64_t in = 0, units = 0;
    double width = 1;
    bool train = false;
    int64_t samples = 10000;  // examples that k-means looks at, at most
  };
  explicit Rbf(const Options& o);

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;
  void fit(const Examples& e) override;

 private:
  Options o_;
  Tensor centres_, log_widths_;
};

}  // namespace fovea::classic
