#pragma once

#include "fovea/classic/fitted.h"
#include "fovea/nn/module.h"

namespace fovea::classic {

// A bag of visual words (Csurka et al. 2004): maps of descriptors (N, H, W, D), such as SIFT's or
// HoG's blocks, become (N, words), the share of places whose descriptor is nearest to each word.
// Fitting makes the words from the examples by k-means. State: words (words, D). No gradient flows
// to x.
class VisualWords : public nn::Module, public Fitted {
 public:
  struct Options {
    int64_t in = 0, words = 0;
    int64_t samples = 20000;  // descriptors that k-means looks at, at most
  };
  explicit VisualWords(const Options& o);

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override { v.state("words", words_); }
  void fit(const Examples& e) override;

 private:
  Options o_;
  Tensor words_;
};

}  // namespace fovea::classic
