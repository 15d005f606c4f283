#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fovea/core/dtype.h"

// ONNX's numbers for element types (TensorProto.DataType).
namespace fovea::formats {

std::optional<Dtype> dtype_of_onnx(int32_t type);  // absent for a type that fovea does not have
int32_t onnx_type(Dtype dtype);
std::string onnx_type_name(int32_t type);  // "FLOAT16", or "number 99"

}  // namespace fovea::formats
