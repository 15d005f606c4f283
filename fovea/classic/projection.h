#pragma once

#include <string_view>
#include <vector>

#include "fovea/classic/fitted.h"
#include "fovea/nn/module.h"

namespace fovea::classic {

enum class ProjectionKind : uint8_t {
  pca,     // onto the axes of the largest variance
  random,  // onto normal vectors of variance 1 / dims, which keep distances (Johnson and
           // Lindenstrauss 1984)
};
ProjectionKind projection_named(std::string_view name);  // "pca" or "random"; throws, listing both

// y = (x - mean) basis^T: x (N, D) -> (N, dims). State: mean (D) and basis (dims, D).
class Projection : public nn::Module, public Fitted {
 public:
  struct Options {
    ProjectionKind kind = ProjectionKind::pca;
    int64_t in = 0, dims = 0;
    // For pca: axes divided by sqrt(variance + 1e-5), so that variances become 1.
    bool whiten = false;
  };
  explicit Projection(const Options& o);

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;
  void fit(const Examples& e) override;

 private:
  Options o_;
  Tensor mean_, basis_;
};

// The axes of the largest variance: mean (D), unit axes (count, D), each with its largest component
// positive, and the variances along them, largest first.
struct PrincipalAxes {
  Tensor mean, axes;
  std::vector<double> variances;
};

// Of x (N, D) with N > count and D >= count, by subspace iteration (Halko, Martinsson and Tropp
// 2011, "Finding structure with randomness", algorithm 4.4), which needs no covariance matrix. What
// it gives is within f32 rounding, and neighbouring axes of nearly equal variance may mix.
PrincipalAxes principal_axes(const Tensor& x, int64_t count, Key key);

}  // namespace fovea::classic
