#include "fovea/formats/onnx/dtype.h"

#include <onnx/onnx_pb.h>

#include <fmt/format.h>

namespace fovea::formats {

namespace {

using Proto = ::onnx::TensorProto;

constexpr std::pair<Dtype, int32_t> types[] = {
    {Dtype::f32, Proto::FLOAT},
    {Dtype::f16, Proto::FLOAT16},
    {Dtype::bf16, Proto::BFLOAT16},
    {Dtype::f64, Proto::DOUBLE},
    {Dtype::i8, Proto::INT8},
    {Dtype::u8, Proto::UINT8},
    {Dtype::i32, Proto::INT32},
    {Dtype::i64, Proto::INT64},
    {Dtype::boolean, Proto::BOOL},
};

}  // namespace

std::optional<Dtype> dtype_of_onnx(int32_t type) {
  for (const auto& [ours, theirs] : types)
    if (theirs == type) return ours;
  return {};
}

int32_t onnx_type(Dtype dtype) {
  for (const auto& [ours, theirs] : types)
    if (ours == dtype) return theirs;
  return Proto::UNDEFINED;
}

std::string onnx_type_name(int32_t type) {
  const std::string name = ::onnx::TensorProto_DataType_Name(Proto::DataType(type));
  return name.empty() ? fmt::format("number {}", type) : name;
}

}  // namespace fovea::formats
