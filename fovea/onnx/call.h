#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/formats/onnx.h"
#include "fovea/nn/module.h"
#include "fovea/onnx/value.h"

// One operator of a graph at work.
namespace fovea::onnx {

// Thrown by operators: a form of the operator that fovea does not do.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Thrown by operators in a dry run: the result's shape depends on what an input holds.
struct NotKnown {};

// What an operator is given: inputs, attributes, and the version of the operator set.
struct Call {
  const formats::OnnxNode& node;
  int64_t opset;
  std::vector<Value> in;  // empty where an optional input is left out
  nn::Ctx& ctx;
  bool training = false;
  bool draws = false;  // dropout is at work: in training, and when predictions are sampled
  bool dry = false;    // inputs of the graph have no values

  bool has(size_t i) const { return i < in.size() && !in[i].is_empty(); }
  const Value& operator[](size_t i) const;  // throws where it is left out
  bool wants(size_t output) const;          // whether somebody named that output

  bool given(const char* attribute) const { return node.attributes.contains(attribute); }
  int64_t integer(const char* attribute, int64_t otherwise) const;
  double number(const char* attribute, double otherwise) const;
  std::string text(const char* attribute, const std::string& otherwise) const;
  std::vector<int64_t> integers(
      const char* attribute, const std::vector<int64_t>& otherwise = {}) const;

  // What input i holds; throws NotKnown in a dry run where it depends on the graph's inputs.
  std::vector<int64_t> held(size_t i) const;
  std::vector<double> numbers(size_t i) const;
  // The same from the input where it is given, else from the attribute.
  std::vector<int64_t> integers(size_t i, const char* attribute) const;
};

using Run = std::vector<Value> (*)(const Call& c);

// A row of the table: the attributes it understands, by name with a space between, and from which
// version of the operator set on it is understood.
struct Operator {
  std::string_view name;
  Run run;
  std::string_view attributes = "";
  int64_t since = 1;
};

const Operator* find_operator(std::string_view name);  // null if fovea does not have it

// The rows of each family.
std::vector<Operator> elementwise_operators();
std::vector<Operator> logic_operators();
std::vector<Operator> convolution_operators();
std::vector<Operator> pool_operators();
std::vector<Operator> norm_operators();
std::vector<Operator> reduce_operators();
std::vector<Operator> shape_operators();
std::vector<Operator> part_operators();
std::vector<Operator> index_operators();
std::vector<Operator> matrix_operators();
std::vector<Operator> einsum_operators();
std::vector<Operator> attention_operators();
std::vector<Operator> quantize_operators();
std::vector<Operator> resize_operators();
std::vector<Operator> constant_operators();

// A tensor of integers that is known.
Value known_integers(const std::vector<int64_t>& values, const Shape& shape);

}  // namespace fovea::onnx
