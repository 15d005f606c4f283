#pragma once

#include <string>
#include <vector>

#include "fovea/hub/hub.h"
#include "fovea/models/model_file.h"

namespace fovea::hub {

// What somebody asked for.
//   hf://org/name[@revision][/file]   a repository of the Hugging Face hub, or one file of it
//   timm://resnet18.a1_in1k[@...]     the same as hf://timm/resnet18.a1_in1k
//   torchvision://resnet18[@WEIGHTS]  weights of torchvision; without @: the first it published
//   resnet18                          a network of `fovea models`: torchvision's weights, or timm's
struct Source {
  bool torchvision = false;
  std::string name;      // of the repository, or of torchvision's model
  std::string revision;  // or the name of the weights; empty: "main", or the first
  std::string file;      // empty: the weights and config.json
};

// Throws std::invalid_argument.
Source parse_source(const std::string& text);

struct Pulled {
  Source source;
  std::string commit;             // of the hub
  std::vector<PulledFile> files;  // the weights last; those of a sharded set by their index
};

// Throws std::invalid_argument where one file is named that is none of weights, as model_of wants
// it: before it is fetched.
void check_weights(const Source& source);

// Brings the files into the caches and says where they are. Of a repository: config.json, and
// model.safetensors, or a sharded set with its index, or pytorch_model.bin, whichever is there
// first. Throws IoError.
Pulled pull(const Source& source, const HubOptions& options);

// The files as a whole model: a fovea model as it is; otherwise the network of `fovea models` that
// torchvision's table or timm's config.json names, with its preprocessing and class names. Throws
// IoError with what does not fit.
models::Model model_of(const Pulled& pulled);

}  // namespace fovea::hub
