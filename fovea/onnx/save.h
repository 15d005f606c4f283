#pragma once

#include <string>

#include "fovea/models/model_file.h"

namespace fovea::onnx {

struct SaveOptions {
  double tolerance = 1e-4;  // of the largest score: how far the written network may be off
};

struct SaveReport {
  int nodes = 0;
  double difference = 0;  // largest, over the largest score, of the file read again
};

// Writes a model for other programs as ONNX, version 17 of the operators: input "input"
// (N, C, H, W), normalised, output "scores", N free. Batch norm lies in the weights of the
// convolution before it. The metadata have the class names (JSON, key "classes") and the
// preprocessing (key "preprocess"). The bytes pass ONNX's own checker and are loaded again and
// compared before they replace what is at `path`. Throws UnsupportedError (fovea/onnx/graph.h)
// listing every kind of op that has no form in ONNX here, std::runtime_error where the scores
// differ by more than the tolerance or are not finite, and IoError.
SaveReport save(const models::Model& model, const std::string& path, const SaveOptions& o = {});

}  // namespace fovea::onnx
