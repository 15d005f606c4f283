#include "fovea/hub/weight_names.h"

#include <utility>

#include "fovea/hub/timm_names.h"
#include "fovea/ops/shape.h"

namespace fovea::hub {

namespace {

std::string densenet_name(std::string name) {
  const size_t layer = name.find(".denselayer");
  if (layer == name.npos) return name;
  for (const char* old : {".norm.1.", ".norm.2.", ".conv.1.", ".conv.2."})
    if (const size_t at = name.find(old, layer); at != name.npos)
      name.erase(name.find('.', at + 1), 1);
  return name;
}

// True if `name` began with it.
bool replace_front(std::string& name, std::string_view old, std::string_view now) {
  if (!name.starts_with(old)) return false;
  name.replace(0, old.size(), now);
  return true;
}

}  // namespace

Tree with_our_names(const Tree& tree) {
  const bool timm_vgg = tree.contains("pre_logits.fc1.weight");
  Tree renamed;
  for (const auto& [old, t] : from_timm(tree)) {
    std::string name = densenet_name(old);
    bool matrix = false;
    if (timm_vgg) {
      matrix = replace_front(name, "pre_logits.fc1.", "classifier.0.") ||
               replace_front(name, "pre_logits.fc2.", "classifier.3.");
      replace_front(name, "head.fc.", "classifier.6.");
    }
    renamed[name] = matrix && t.rank() == 4 ? reshape(t, {t.dim(0), -1}) : t;
  }
  return renamed;
}

}  // namespace fovea::hub
