#pragma once

#include <string>
#include <vector>

#include "fovea/data/preprocess.h"
#include "fovea/hub/hub.h"

namespace fovea::hub {

// What torchvision records of a file of weights.
struct TorchvisionWeights {
  std::string model, weights, file;  // "resnet18", "IMAGENET1K_V1", "resnet18-f37072fd.pth"
  data::Preprocess preprocess;
  bool standard = false;  // what torchvision calls DEFAULT
};

const std::vector<TorchvisionWeights>& torchvision_weights();

// By torchvision's name of the model, and of the weights: "IMAGENET1K_V2", "DEFAULT", or empty for
// the first. Throws std::invalid_argument with what there is.
const TorchvisionWeights& find_weights(const std::string& model, const std::string& weights);

// The file in torch.hub's folder of checkpoints, fetched unless it is there; its SHA-256 must begin
// as its name says.
PulledFile get_weights(const TorchvisionWeights& weights, const HubOptions& options);

// The names of ImageNet's 1000 classes, as torchvision records them.
std::vector<std::string> imagenet_classes();

}  // namespace fovea::hub
