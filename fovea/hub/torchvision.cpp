#include "fovea/hub/torchvision.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/hub/torchvision_table.h"

namespace fovea::hub {

namespace {

std::vector<TorchvisionWeights> read_rows() {
  std::vector<TorchvisionWeights> rows;
  std::istringstream in{std::string(torchvision_rows())};
  TorchvisionWeights row;
  std::string filter, statistics, standard;
  while (in >> row.model >> row.weights >> row.file >> row.preprocess.short_side >>
         row.preprocess.height >> filter >> statistics >> standard) {
    data::Preprocess& p = row.preprocess;
    p.resize = data::Preprocess::Resize::short_side;
    p.width = p.height;
    p.filter = filter == "bicubic" ? image::Filter::bicubic : image::Filter::bilinear;
    const bool halves = statistics == "halves";
    p.mean = halves ? std::vector{0.5, 0.5, 0.5} : std::vector{0.485, 0.456, 0.406};
    p.std = halves ? std::vector{0.5, 0.5, 0.5} : std::vector{0.229, 0.224, 0.225};
    row.standard = standard == "default";
    rows.push_back(row);
  }
  return rows;
}

// "f37072fd" of "resnet18-f37072fd.pth", as torch.hub reads it.
std::string hash_in(const std::string& file) {
  const size_t dash = file.rfind('-'), dot = file.rfind('.');
  FOVEA_ASSERT(dash != file.npos && dot != file.npos && dash < dot);
  return file.substr(dash + 1, dot - dash - 1);
}

}  // namespace

const std::vector<TorchvisionWeights>& torchvision_weights() {
  static const std::vector<TorchvisionWeights> rows = read_rows();
  return rows;
}

const TorchvisionWeights& find_weights(const std::string& model, const std::string& weights) {
  std::vector<std::string> models, known;
  for (const TorchvisionWeights& row : torchvision_weights()) {
    models.push_back(row.model);
    if (row.model != model) continue;
    known.push_back(row.weights);
    if (weights.empty() || weights == row.weights || (weights == "DEFAULT" && row.standard))
      return row;
  }
  if (known.empty())
    throw std::invalid_argument(fmt::format(
        "torchvision has no weights for \"{}\" that fit a network of `fovea models`{}",
        model,
        did_you_mean(model, models)));
  throw std::invalid_argument(fmt::format(
      "torchvision has no weights \"{}\" for {}; there are {} and DEFAULT",
      weights,
      model,
      list_of(known)));
}

PulledFile get_weights(const TorchvisionWeights& weights, const HubOptions& options) {
  PulledFile file{.name = weights.file, .path = options.checkpoints / weights.file};
  if (!std::filesystem::exists(file.path)) {
    if (options.offline)
      throw IoError(
          file.path.string(),
          "it is not in the cache, and this is offline: pull it with a network");
    NetworkOptions network = options.network;
    network.endpoint.clear();
    network.token.clear();
    file.downloaded = Network(network).download(
        {.url = options.torchvision + "/" + weights.file,
         .name = weights.file,
         .to = file.path,
         .incomplete = options.checkpoints / (weights.file + ".incomplete"),
         .lock = options.checkpoints / ".locks" / (weights.file + ".lock"),
         .size = {},
         .hash = Hash::sha256,
         .expected = hash_in(weights.file)});
    if (file.downloaded) file.checked = Hash::sha256;
  }
  file.bytes = std::filesystem::file_size(file.path);
  return file;
}

std::vector<std::string> imagenet_classes() {
  std::vector<std::string> names(1);
  for (char c : imagenet_names())
    if (c == '|' || c == '\n')
      names.emplace_back();
    else
      names.back() += c;
  return names;
}

}  // namespace fovea::hub
