#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "fovea/formats/layer_graph.h"

namespace fovea::formats {

// Sets the weights of a graph from a .caffemodel, whose blobs must be those that the layers of the
// description have. `name` is the file's, for errors. Throws IoError.
void take_caffe_weights(
    LayerGraph& graph, std::span<const std::byte> file, const std::string& name);

}  // namespace fovea::formats
