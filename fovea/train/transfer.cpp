#include "fovea/train/transfer.h"

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/nn/load.h"
#include "fovea/ops/reduce.h"

namespace fovea::train {

namespace {

// Colour preprocessing for grey pictures: with the means over the channels.
void make_grey(data::Preprocess& p) {
  auto mean_of = [](std::vector<double>& v) {
    double sum = 0;
    for (double x : v) sum += x;
    if (!v.empty()) v = {sum / double(v.size())};
  };
  p.channels = 1;
  p.bgr = false;
  mean_of(p.mean);
  mean_of(p.std);
}

void resize_input(data::Preprocess& p, int height, int width) {
  const int before = std::max(p.height, p.width);
  if (height > 0 || width > 0) {
    p.height = height > 0 ? height : width;
    p.width = width > 0 ? width : height;
  }
  if (p.short_side > 0 && before > 0)
    p.short_side = p.short_side * std::max(p.height, p.width) / before;
}

// A first convolution (O, 3, kh, kw) as one of the grey picture that the three channels would hold.
void sum_channels(Tree& weights, nn::Module& net) {
  for (const auto& [name, mine] : nn::parameters(net)) {
    auto it = weights.find(name);
    if (it == weights.end() || mine.rank() != 4 || it->second.rank() != 4) continue;
    if (mine.dim(3) == 1 && it->second.dim(1) == 3 && mine.dim(0) == it->second.dim(0))
      it->second = sum(it->second, {1}, {.keep = true});
  }
}

}  // namespace

Surgery operate(const models::Model& old, const SurgeryOptions& o, Key key) {
  if (!old.architecture.members.empty())
    throw std::invalid_argument(
        "[transfer] expected one network, got an ensemble: fine-tune its members and join them "
        "again with `fovea ensemble`");
  if (old.one_by_one)
    throw std::invalid_argument(
        "[transfer] expected a graph of any number of pictures, got one that takes a single one; "
        "export it with a free batch (PyTorch: dynamic_axes)");
  Surgery s;
  models::Model& m = s.model;
  m.preprocess = old.preprocess;
  resize_input(m.preprocess, o.height, o.width);
  const bool to_grey = o.channels == 1 && old.preprocess.channels == 3;
  if (o.channels == 3 && old.preprocess.channels == 1)
    throw std::invalid_argument(
        "[transfer] expected data.channels of 0 or 1: the model knows grey pictures only");
  if (to_grey) make_grey(m.preprocess);
  m.architecture = old.architecture;
  m.architecture.classes = o.classes;
  m.architecture.linear_head = old.architecture.linear_head || o.linear_head;
  m.architecture.input = {
      m.preprocess.height > 0 ? m.preprocess.height : old.architecture.input[0],
      m.preprocess.width > 0 ? m.preprocess.width : old.architecture.input[1],
      m.preprocess.channels};
  m.net = models::build(m.architecture);
  m.licence = old.licence;
  m.head_input = old.head_input;
  nn::initialize(*m.net, key);

  Tree weights = nn::export_tree(*old.net);
  if (to_grey) sum_channels(weights, *m.net);
  const Tree before = nn::parameters(*m.net);
  const nn::LoadReport report = nn::load(*m.net, weights, {.strict = false});
  if (report.loaded == 0)
    throw std::invalid_argument(
        fmt::format("[transfer] nothing of the old model fits the new one; {}", report.str()));
  s.report = report.str();
  const std::set<std::string> absent = report.not_loaded();
  for (const auto& [name, t] : before)
    if (absent.contains(name)) s.fresh.insert(name);
  return s;
}

}  // namespace fovea::train
