#include "fovea/classic/visual_words.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/classic/kmeans.h"
#include "fovea/ops/index.h"
#include "fovea/ops/nearest.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea::classic {

VisualWords::VisualWords(const Options& o) : o_(o), words_(nn::shaped({o.words, o.in})) {
  if (o.in < 1 || o.words < 1 || o.samples < 1)
    throw std::invalid_argument(fmt::format(
        "[words] expected in, words and samples of at least 1, got {}, {} and {}",
        o.in,
        o.words,
        o.samples));
}

Tensor VisualWords::forward(const Tensor& x, nn::Ctx&) const {
  if (x.rank() != 4 || x.dim(3) != o_.in || x.dim(1) * x.dim(2) < 1)
    throw std::invalid_argument(fmt::format(
        "[words] expected maps of descriptors (N, H, W, {}), got {}", o_.in, x.shape().str()));
  const Tensor word = nearest(reshape(x, {-1, o_.in}), words_).indices;
  const Tensor each = one_hot(word, o_.words);
  return mean(reshape(each, {x.dim(0), x.dim(1) * x.dim(2), o_.words}), {1});
}

void VisualWords::fit(const Examples& e) {
  const Tensor descriptors =
      some_rows(reshape(e.x, {-1, o_.in}).eval(), o_.samples, e.key.fold_in(0));
  words_ = kmeans(descriptors, {.clusters = o_.words, .key = e.key.fold_in(1)}).centres;
}

}  // namespace fovea::classic
