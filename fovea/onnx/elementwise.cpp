#include "fovea/ops/elementwise.h"

#include <cmath>
#include <limits>

#include "fovea/onnx/call.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/random.h"
#include "fovea/ops/shape.h"

// Operators that act on each element alone.
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

void expect_float(const Call& c) {
  if (!is_float(c[0].dtype()))
    throw Unsupported("numbers of type " + std::string(name_of(c[0].dtype())));
}

template <Tensor (*f)(const Tensor&)>
Values unary(const Call& c) {
  expect_float(c);
  return {{f(c[0].tensor), c[0].last}};
}

// abs, neg and sign of integers as well.
template <Tensor (*f)(const Tensor&)>
Values signed_unary(const Call& c) {
  const Dtype dtype = c[0].dtype();
  const bool direct = is_float(dtype);
  return {{cast(f(direct ? c[0].tensor : cast(c[0].tensor, Dtype::f64)), dtype), c[0].last}};
}

Values identity(const Call& c) { return {{c[0].tensor, c[0].last}}; }

// f applied to all inputs two by two, from the left.
template <Tensor (*f)(const Tensor&, const Tensor&)>
Values fold(const Call& c) {
  Values in = c.in;
  if (in.empty()) throw std::invalid_argument("expected an input");
  const bool last = align(in);
  Tensor y = in[0].tensor;
  for (size_t i = 1; i < in.size(); ++i) y = f(y, in[i].tensor);
  return {{y, last}};
}

// Before version 7, the second input was laid along `axis` of the first, if at all.
Values old_broadcast(const Call& c) {
  Values in{c[0], c[1]};
  if (c.opset >= 7) return in;
  if (c.integer("broadcast", 0) == 0) {
    if (!(in[0].shape() == in[1].shape()))
      throw std::invalid_argument("shapes differ, and broadcast is 0");
  } else if (c.given("axis")) {
    const int64_t axis = c.integer("axis", 0);
    Tensor b = in[1].plain();
    Shape shape = b.shape();
    if (axis < 0 || axis + b.rank() > in[0].rank())
      throw std::invalid_argument("axis outside of the first input");
    while (axis + shape.rank() < in[0].rank()) shape.push_back(1);
    in[1] = {reshape(b, shape), false};
  }
  return in;
}

template <Tensor (*f)(const Tensor&, const Tensor&)>
Values binary(const Call& c) {
  Values in = old_broadcast(c);
  const bool last = align(in);
  return {{f(in[0].tensor, in[1].tensor), last}};
}

// Integers are divided towards zero.
Tensor divide(const Tensor& a, const Tensor& b) {
  if (is_float(a.dtype())) return div(a, b);
  return cast(div(cast(a, Dtype::f64), cast(b, Dtype::f64)), a.dtype());
}

// The result has the type of the base.
Tensor power(const Tensor& a, const Tensor& b) {
  const Dtype dtype = is_float(a.dtype()) ? a.dtype() : Dtype::f64;
  return cast(pow(cast(a, dtype), cast(b, dtype)), a.dtype());
}

// The rest of a division: with the sign of the divisor or, by fmod, of the dividend.
Values modulo(const Call& c) {
  Values in{c[0], c[1]};
  const bool last = align(in);
  const Dtype dtype = in[0].dtype();
  const bool by_dividend = c.integer("fmod", 0) != 0;
  if (is_float(dtype) && !by_dividend)
    throw std::invalid_argument(
        "expected fmod = 1 for numbers of type " + std::string(name_of(dtype)));
  const Tensor a = cast(in[0].tensor, Dtype::f64), b = cast(in[1].tensor, Dtype::f64);
  const Tensor q = div(a, b);
  const Tensor whole = by_dividend ? sign(q) * floor(abs(q)) : floor(q);
  return {{cast(a - whole * b, dtype), last}};
}

Values leaky(const Call& c) {
  expect_float(c);
  return {{leaky_relu(c[0].tensor, c.number("alpha", 0.01)), c[0].last}};
}

// The slope is broadcast to x; before version 7, one a channel.
Values prelu(const Call& c) {
  expect_float(c);
  Value slope = c[1];
  if (slope.rank() == 1 && slope.tensor.numel() > 1 && c[0].rank() > 2 && c.opset < 7) {
    Shape shape{slope.tensor.numel()};
    while (shape.rank() + 1 < c[0].rank()) shape.push_back(1);
    slope.tensor = reshape(slope.tensor, shape);
  }
  Values in{c[0], slope};
  const bool last = align(in);
  return {
      {where(less(in[0].tensor, Tensor(0.0)), in[0].tensor * in[1].tensor, in[0].tensor), last}};
}

Values elu(const Call& c) {
  expect_float(c);
  return {{fovea::elu(c[0].tensor, c.number("alpha", 1)), c[0].last}};
}

Values selu(const Call& c) {
  expect_float(c);
  const double alpha = c.number("alpha", 1.67326319217681884765625);
  const double gamma = c.number("gamma", 1.05070102214813232421875);
  return {{fovea::elu(c[0].tensor, alpha) * gamma, c[0].last}};
}

Values celu(const Call& c) {
  expect_float(c);
  const double alpha = c.number("alpha", 1);
  return {{fovea::elu(c[0].tensor / alpha) * alpha, c[0].last}};
}

Values thresholded(const Call& c) {
  expect_float(c);
  const Tensor& x = c[0].tensor;
  return {{where(greater(x, Tensor(c.number("alpha", 1))), x, full_like(x, 0)), c[0].last}};
}

Values hard_sigmoid(const Call& c) {
  expect_float(c);
  const double alpha = c.number("alpha", 0.2), beta = c.number("beta", 0.5);
  return {{clamp(c[0].tensor * alpha + beta, 0, 1), c[0].last}};
}

Tensor softsign(const Tensor& x) { return x / (abs(x) + 1.0); }
Tensor mish(const Tensor& x) { return x * tanh(softplus(x)); }

Values gelu(const Call& c) {
  expect_float(c);
  const Tensor& x = c[0].tensor;
  const std::string form = c.text("approximate", "none");
  if (form == "none") return {{fovea::gelu(x), c[0].last}};
  if (form != "tanh") throw Unsupported("approximate = " + form);
  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016.
  const Tensor inner = (x + x * square(x) * 0.044715) * std::sqrt(2 / 3.14159265358979323846);
  return {{x * 0.5 * (tanh(inner) + 1.0), c[0].last}};
}

Values clip(const Call& c) {
  const Value& x = c[0];
  if (is_float(x.dtype()) && c.opset < 11) {
    const double most = std::numeric_limits<float>::max();
    return {{clamp(x.tensor, c.number("min", -most), c.number("max", most)), x.last}};
  }
  if (is_float(x.dtype()) && (!c.has(1) || c[1].known) && (!c.has(2) || c[2].known)) {
    const double inf = std::numeric_limits<double>::infinity();
    const double lo = c.has(1) ? c.numbers(1).at(0) : -inf;
    const double hi = c.has(2) ? c.numbers(2).at(0) : inf;
    if (lo <= hi) return {{clamp(x.tensor, lo, hi), x.last}};
    return {{full_like(x.tensor, hi), x.last}};
  }
  Tensor y = x.tensor;
  if (c.has(1)) y = maximum(y, c[1].tensor);
  if (c.has(2)) y = minimum(y, c[2].tensor);
  return {{y, x.last}};
}

Values mean_of(const Call& c) {
  Values sum = fold<add>(c);
  return {{sum[0].tensor / double(c.in.size()), sum[0].last}};
}

Values dropout(const Call& c) {
  const Value& x = c[0];
  if (c.opset < 7 && c.integer("is_test", 0) == 0) throw Unsupported("is_test = 0");
  if (c.has(2) && c.numbers(2).at(0) != 0) throw Unsupported("training_mode");
  const double rate = c.has(1) ? c.numbers(1).at(0) : c.number("ratio", 0.5);
  const Shape& shape = x.tensor.shape();
  const Dtype mask = c.opset >= 10 ? Dtype::boolean : x.dtype();
  if (!c.draws || rate == 0) {
    Values out{{x.tensor, x.last}};
    if (c.wants(1)) out.push_back({ones(shape, mask), x.last, true});
    return out;
  }
  const Key key = c.ctx.next_key();
  Values out{{fovea::dropout(x.tensor, rate, key), x.last}};
  if (c.wants(1))
    out.push_back({cast(greater(fovea::dropout(ones(shape), rate, key), 0), mask), x.last});
  return out;
}

// Halves are kept as float32.
Values cast_to(const Call& c) {
  constexpr std::pair<int64_t, Dtype> types[] = {
      {1, Dtype::f32},
      {2, Dtype::u8},
      {3, Dtype::i8},
      {6, Dtype::i32},
      {7, Dtype::i64},
      {9, Dtype::boolean},
      {10, Dtype::f32},
      {11, Dtype::f64},
      {16, Dtype::f32}};
  for (const auto& [number, dtype] : types)
    if (c.integer("to", 0) == number) return {{cast(c[0].tensor, dtype), c[0].last}};
  throw Unsupported("to = type number " + std::to_string(c.integer("to", 0)));
}

Values cast_like(const Call& c) { return {{cast(c[0].tensor, c[1].dtype()), c[0].last}}; }

}  // namespace

std::vector<Operator> elementwise_operators() {
  constexpr std::string_view old = "axis broadcast";
  return {
      {"Relu", unary<relu>},
      {"LeakyRelu", leaky, "alpha"},
      {"PRelu", prelu},
      {"Elu", elu, "alpha"},
      {"Selu", selu, "alpha gamma"},
      {"Celu", celu, "alpha"},
      {"ThresholdedRelu", thresholded, "alpha"},
      {"Sigmoid", unary<sigmoid>},
      {"HardSigmoid", hard_sigmoid, "alpha beta"},
      {"HardSwish", unary<hard_swish>},
      {"Tanh", unary<tanh>},
      {"Softplus", unary<softplus>},
      {"Softsign", unary<softsign>},
      {"Mish", unary<mish>},
      {"Gelu", gelu, "approximate"},
      {"Clip", clip, "min max"},
      {"Add", binary<add>, old},
      {"Sub", binary<sub>, old},
      {"Mul", binary<mul>, old},
      {"Div", binary<divide>, old},
      {"Pow", binary<power>, old},
      {"Mod", modulo, "fmod", 10},
      {"Max", fold<maximum>},
      {"Min", fold<minimum>},
      {"Sum", fold<add>},
      {"Mean", mean_of},
      {"Sqrt", unary<sqrt>},
      {"Exp", unary<exp>},
      {"Log", unary<log>},
      {"Abs", signed_unary<abs>},
      {"Neg", signed_unary<neg>},
      {"Sign", signed_unary<sign>},
      {"Floor", unary<floor>},
      {"Ceil", unary<ceil>},
      {"Round", unary<round>},
      {"Erf", unary<erf>},
      {"Sin", unary<sin>},
      {"Cos", unary<cos>},
      {"Reciprocal", unary<reciprocal>},
      {"Identity", identity},
      {"Dropout", dropout, "ratio is_test seed"},
      {"Cast", cast_to, "to saturate round_mode"},
      {"CastLike", cast_like, "saturate round_mode", 15},
  };
}

}  // namespace fovea::onnx
