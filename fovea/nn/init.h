#pragma once

#include "fovea/core/random.h"
#include "fovea/core/tensor.h"

// How weights begin. Fans are counted for weights (O, ..., I): fan_in is everything but O, fan_out
// everything but I.
namespace fovea::nn {

// A rule for filling one tensor; see the functions below.
struct Init {
  enum class Rule : uint8_t {
    constant,
    normal,
    uniform,
    fan_normal,
    fan_uniform,
    sparse,
    identity
  };
  enum class Fan : uint8_t { in, out, average };
  Rule rule = Rule::constant;
  Fan fan = Fan::in;
  double scale = 0;  // the constant, the standard deviation, the bound, or the gain of a fan rule
  int count = 0;     // non-zeros per row, for sparse
};

Init constant(double value);
Init normal(double std);     // INI-02: 0.01 collapses in deep nets
Init uniform(double bound);  // on [-bound, bound]
// Variance 1 / fan_in; with Fan::average Glorot's 2 / (fan_in + fan_out) (Glorot and Bengio 2010).
Init xavier_normal(Init::Fan fan = Init::Fan::in);
Init xavier_uniform(Init::Fan fan = Init::Fan::average);
// Variance 2 / fan, for ReLU (He et al. 2015, "Delving deep into rectifiers").
Init he_normal(Init::Fan fan = Init::Fan::in);
Init he_uniform(Init::Fan fan = Init::Fan::in);
// U(-1/sqrt(fan_in), 1/sqrt(fan_in)), which PyTorch uses for linear layers.
Init lecun_uniform();
Init sparse(int count, double std);  // each output joined to `count` random inputs, or to all
Init identity();                     // 1 where output = input (and the kernel's centre), else 0

// A leaf f32 tensor of this shape, filled from the key.
Tensor make(const Init& init, const Shape& shape, Key key);

// The same rule by its name in a recipe ("he_normal", "xavier_uniform", ...); throws, listing all.
// "sparse" joins each output to ten inputs with He's standard deviation for that many, sqrt(2/10).
Init init_named(std::string_view name);

}  // namespace fovea::nn
