#include "fovea/models/registry.h"

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/models/alexnet.h"
#include "fovea/models/all_cnn.h"
#include "fovea/models/convnet.h"
#include "fovea/models/convnext.h"
#include "fovea/models/densenet.h"
#include "fovea/models/efficientnet.h"
#include "fovea/models/espnet.h"
#include "fovea/models/fitnet.h"
#include "fovea/models/fractalnet.h"
#include "fovea/models/googlenet.h"
#include "fovea/models/highway.h"
#include "fovea/models/inception_resnet_v2.h"
#include "fovea/models/inception_v3.h"
#include "fovea/models/inception_v4.h"
#include "fovea/models/lenet.h"
#include "fovea/models/mlp.h"
#include "fovea/models/mobilenet_v1.h"
#include "fovea/models/mobilenet_v2.h"
#include "fovea/models/mobilenet_v3.h"
#include "fovea/models/nin.h"
#include "fovea/models/preact_resnet.h"
#include "fovea/models/resnet.h"
#include "fovea/models/resnet_cifar.h"
#include "fovea/models/squeezenet.h"
#include "fovea/models/vgg.h"

namespace fovea::models {

namespace {

std::vector<Entry> table() {
  std::vector<Entry> rows;
  for (auto family : {mlp_entries,          lenet_entries,         convnet_entries,
                      resnet_cifar_entries, resnet_entries,        vgg_entries,
                      squeezenet_entries,   mobilenet_v1_entries,  mobilenet_v2_entries,
                      alexnet_entries,      nin_entries,           googlenet_entries,
                      inception_v3_entries, inception_v4_entries,  inception_resnet_v2_entries,
                      highway_entries,      all_cnn_entries,       fitnet_entries,
                      mobilenet_v3_entries, preact_resnet_entries, fractalnet_entries,
                      densenet_entries,     efficientnet_entries,  convnext_entries,
                      espnet_entries})
    rows.insert(rows.end(), family().begin(), family().end());
  return rows;
}

}  // namespace

std::span<const Entry> all() {
  static const std::vector<Entry> rows = table();
  return rows;
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const Entry& e : all()) list.emplace_back(e.name);
  return list;
}

const Entry& find(std::string_view name) {
  for (const Entry& e : all())
    if (e.name == name) return e;
  throw std::invalid_argument(fmt::format(
      "unknown model \"{}\"{}; `fovea models` lists the networks",
      name,
      did_you_mean(name, names())));
}

}  // namespace fovea::models
