#pragma once

#include <string_view>

#include "fovea/formats/torch_file.h"
#include "fovea/formats/torch_tensors.h"

namespace fovea::formats {

// The weights among what a training program saved: those under `key`, or where it is empty under
// the entry that usually has them, "state_dict" and the like; the object itself where that is a
// state dict; or the one entry that holds tensors. Throws IoError naming what there is.
TorchFile read_state(TorchTensors& tensors, std::string_view key);

}  // namespace fovea::formats
