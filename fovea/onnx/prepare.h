#pragma once

#include "fovea/formats/onnx.h"

namespace fovea::onnx {

// A model as it was read, in the form that runs here: tensors of float16 and bfloat16 as float32,
// and every node behind those that make its inputs, which files need not keep to. Nodes in a ring
// stay as they are.
void prepare(formats::OnnxModel& m);

bool is_half(Dtype t);  // f16 or bf16

}  // namespace fovea::onnx
