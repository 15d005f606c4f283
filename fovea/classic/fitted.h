#pragma once

#include <map>
#include <string>
#include <string_view>

#include "fovea/core/random.h"
#include "fovea/core/tensor.h"

namespace fovea::classic {

// What a layer is fitted to.
struct Examples {
  Tensor x;       // f32 (N, D), what reaches the layer from the training pictures, laid out whole
  Tensor labels;  // i32 (N), in 0..classes-1
  int64_t classes = 0;
  Key key;  // of whatever is drawn at random
};

// Throws std::invalid_argument, "[who] expected ...", unless x is finite f32 of at least one
// example with `in` values (or of maps with `in` channels) and the labels fit. Evaluates both.
void check_examples(const Examples& e, int64_t in, std::string_view who);

// A layer that learns from one look at all training data instead of steps along gradients. Such a
// layer is a Module as well: what it learns is its state, so model files hold it. Before it is
// fitted or loaded its forward gives a tensor of the right shape and no meaning.
class Fitted {
 public:
  virtual ~Fitted() = default;

  // Throws std::invalid_argument for examples that do not fit the layer's options.
  virtual void fit(const Examples& e) = 0;

  // The options of its row in a list of layers that say what shapes its state has, as fitting left
  // them: {"samples", "5000"}.
  virtual std::map<std::string, std::string> sizes() const { return {}; }
};

}  // namespace fovea::classic
