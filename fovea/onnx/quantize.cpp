#include <fmt/format.h>

#include "fovea/onnx/call.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

// Numbers as integers of 8 bits and back: y = x / scale + zero point, rounded to even and kept to
// the range. What is between the two operators is computed in f32 and so is as the quantised
// network would have it but for the rounding of sums.
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

// Input i, one number or one for each position of the axis, beside x.
Tensor beside(const Call& c, size_t i) {
  const Value& x = c[0];
  const Value& t = c[i];
  if (c.integer("block_size", 0) != 0) throw Unsupported("block_size");
  if (t.rank() <= 1 && t.tensor.numel() == 1) return reshape(t.tensor, Shape{});
  const int axis = x.axis(c.integer("axis", 1));
  if (t.rank() != 1 || t.tensor.dim(0) != x.tensor.dim(axis))
    throw std::invalid_argument(fmt::format(
        "input {}: expected a number for each position of the axis, got {} for {}",
        i,
        t.shape().str(),
        x.shape().str()));
  Shape shape;
  for (int k = 0; k < x.rank(); ++k) shape.push_back(k == axis ? t.tensor.dim(0) : 1);
  return reshape(t.tensor, shape);
}

Tensor scale_of(const Call& c) {
  if (c[1].dtype() != Dtype::f32)
    throw Unsupported("a scale of type " + std::string(name_of(c[1].dtype())));
  return beside(c, 1);
}

// f32, and halves, which are kept as f32.
void expect_float_type(int64_t number, const char* attribute) {
  if (number != 0 && number != 1 && number != 10 && number != 16)
    throw Unsupported(fmt::format("{} = type number {}", attribute, number));
}

Values quantize(const Call& c) {
  Dtype dtype = c.has(2) ? c[2].dtype() : Dtype::u8;
  const int64_t asked = c.integer("output_dtype", 0);
  if (asked != 0 && asked != 2 && asked != 3)
    throw Unsupported(fmt::format("output_dtype = type number {}", asked));
  if (!c.has(2) && asked == 3) dtype = Dtype::i8;
  if (dtype != Dtype::u8 && dtype != Dtype::i8)
    throw Unsupported("a zero point of type " + std::string(name_of(dtype)));
  expect_float_type(c.integer("precision", 0), "precision");
  Tensor y = round(cast(c[0].tensor, Dtype::f32) / scale_of(c));
  if (c.has(2)) y = y + cast(beside(c, 2), Dtype::f32);
  const double lowest = dtype == Dtype::u8 ? 0 : -128;
  return {{cast(clamp(y, lowest, lowest + 255), dtype), c[0].last}};
}

Values dequantize(const Call& c) {
  const Dtype dtype = c[0].dtype();
  if (dtype != Dtype::u8 && dtype != Dtype::i8 && dtype != Dtype::i32)
    throw Unsupported("numbers of type " + std::string(name_of(dtype)));
  expect_float_type(c.integer("output_dtype", 0), "output_dtype");
  Tensor x = cast(c[0].tensor, Dtype::f32);
  if (c.has(2)) x = x - cast(beside(c, 2), Dtype::f32);
  return {{x * scale_of(c), c[0].last}};
}

}  // namespace

std::vector<Operator> quantize_operators() {
  return {
      {"QuantizeLinear", quantize, "axis block_size output_dtype precision saturate", 10},
      {"DequantizeLinear", dequantize, "axis block_size output_dtype", 10},
  };
}

}  // namespace fovea::onnx
