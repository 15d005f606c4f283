#include "fovea/onnx/open.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/text.h"
#include "fovea/onnx/any_batch.h"
#include "fovea/onnx/graph.h"
#include "fovea/onnx/head.h"
#include "fovea/onnx/prepare.h"

namespace fovea::onnx {

namespace {

using formats::OnnxModel;
using formats::OnnxNode;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw std::invalid_argument(fmt::format("{}: {}", path, what));
}

std::string shape_text(const formats::OnnxValue& v) {
  if (!v.shape) return "of unknown shape";
  std::string text;
  for (int64_t n : *v.shape)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", n < 0 ? "any" : std::to_string(n));
  return fmt::format("({})", text);
}

OnnxNode* maker_of(OnnxModel& m, const std::string& value) {
  for (OnnxNode& node : m.nodes)
    if (std::ranges::find(node.outputs, value) != node.outputs.end()) return &node;
  return nullptr;
}

// Takes away a softmax over the classes at the end. Says what probabilities it cannot undo.
std::string leave_out_softmax(OnnxModel& m) {
  static const std::set<std::string_view> changes_form{"Reshape", "Flatten", "Squeeze"};
  bool form_changed = false;
  for (OnnxNode* node = maker_of(m, m.outputs[0].name); node && !node->inputs.empty();
       node = maker_of(m, node->inputs[0])) {
    if (node->op == "Sigmoid")
      return "ends in a sigmoid: a probability of its own for each class, not one class of many";
    if (node->op == "Softmax") {
      auto given = node->attributes.find("axis");
      const int64_t axis = given != node->attributes.end() ? given->second.integer
                           : m.opset() < 13                ? 1
                                                           : -1;
      if (axis != 1 && (axis != -1 || form_changed))
        return fmt::format("{}: expected a softmax over the classes, axis 1", node->str());
      node->op = "Identity";
      node->attributes.clear();
      break;
    }
    if (changes_form.contains(node->op))
      form_changed = true;
    else if (node->op != "Identity" && node->op != "Dropout")
      break;
  }
  return "";
}

// Scores (N, C, 1, 1) as (N, C).
void flatten_output(OnnxModel& m) {
  OnnxNode node;
  node.op = "Flatten";
  node.inputs = {m.outputs[0].name};
  node.outputs = {m.outputs[0].name + ".flat"};
  m.outputs[0].name = node.outputs[0];
  m.outputs[0].shape.reset();
  m.nodes.push_back(std::move(node));
}

std::string metadata_of(const OnnxModel& m, const std::string& key) {
  auto it = m.metadata.find(key);
  return it == m.metadata.end() ? "" : it->second;
}

// What the file records of its preprocessing, or else the options say.
std::string preprocess_text(const OnnxModel& m, const std::string& path, const OpenOptions& o) {
  const std::string own = metadata_of(m, "preprocess");
  if (own.empty()) return o.preprocess;
  if (!o.preprocess.empty()) fail(path, "records its preprocessing; no other can be given");
  try {
    return data::Preprocess::from_json(own).to_json();
  } catch (const std::invalid_argument& e) {
    throw IoError(path, e.what());
  }
}

// The extents (H, W, C) of its pictures; the options and the preprocessing settle free ones.
Shape image_of(
    const OnnxModel& m,
    const std::string& preprocess,
    const std::string& path,
    const OpenOptions& o) {
  const formats::OnnxValue& x = m.inputs[0];
  const bool last = channels_last(x);
  if (!x.shape || x.shape->size() != 4 || (!last && (*x.shape)[1] != 1 && (*x.shape)[1] != 3))
    fail(
        path,
        fmt::format(
            "expected an input of pictures (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, got "
            "\"{}\" {}",
            x.name,
            shape_text(x)));
  const std::vector<int64_t>& s = *x.shape;
  data::Preprocess recorded;
  if (preprocess.starts_with("{")) recorded = data::Preprocess::from_json(preprocess);
  auto extent = [&](int64_t own, int64_t given, int recorded_side) {
    if (own > 0 && given > 0 && own != given)
      fail(path, fmt::format("its input {} has one size only; leave out the size", shape_text(x)));
    const int64_t n = own > 0 ? own : given > 0 ? given : recorded_side;
    if (n <= 0)
      fail(
          path,
          fmt::format(
              "its input {} may have any size; say which by --size or --input", shape_text(x)));
    return n;
  };
  return {
      extent(s[last ? 1 : 2], o.height, recorded.height),
      extent(s[last ? 2 : 3], o.width, recorded.width),
      s[last ? 3 : 1]};
}

// Of a graph that reads integers: pixels as they are, since anything else would be fractions.
void check_integers(
    const formats::OnnxValue& x, const data::Preprocess& p, const std::string& path) {
  if (!x.dtype || is_float(*x.dtype)) return;
  const bool holds_pixels =
      *x.dtype == Dtype::u8 || *x.dtype == Dtype::i32 || *x.dtype == Dtype::i64;
  auto all = [](const std::vector<double>& values, double wanted) {
    return std::ranges::all_of(values, [&](double v) { return v == wanted; });
  };
  if (!holds_pixels || p.scale != 1 || !all(p.mean, 0) || !all(p.std, 1))
    fail(
        path,
        fmt::format(
            "its input \"{}\" is {}{}",
            x.name,
            x.type,
            holds_pixels ? ", so it takes pixels as they are: expected --preprocess bytes, or a "
                           ".json file of scale 1 without mean and std"
                         : ", which pixels from 0 to 255 do not fit"));
}

data::Preprocess preprocess_of(
    const OnnxModel& m,
    const Shape& image,
    std::string name,
    const std::string& path,
    const OpenOptions& o) {
  if (name.empty() && o.classifies)
    fail(
        path,
        "does not record how pictures become its input; say it by --preprocess: imagenet, caffe, "
        "unit, signed, bytes, or a .json file with what a fovea model records");
  const auto dtype = m.inputs[0].dtype;
  if (name.empty())
    return data::Preprocess::named(
        dtype && !is_float(*dtype) ? "bytes" : "unit", int(image[0]), int(image[1]), int(image[2]));
  data::Preprocess p;
  try {
    p = data::Preprocess::named(name, int(image[0]), int(image[1]), int(image[2]));
  } catch (const std::invalid_argument& e) {
    fail(path, e.what());
  }
  check_integers(m.inputs[0], p, path);
  return p;
}

// The shapes of the scores of one picture and of what is tapped as `tap`, if that exists.
struct Shapes {
  Shape scores, tapped;
};

Shapes shapes_of(
    const nn::Module& net, const Shape& image, const std::string& tap, const std::string& path) {
  EvalModeScope lazy(EvalMode::lazy);
  nn::Ctx ctx;
  ctx.wanted_taps = {tap};
  try {
    const Tensor y = nn::forward(net, nn::shaped({1, image[0], image[1], image[2]}), ctx);
    return {y.shape(), ctx.taps.contains(tap) ? ctx.taps.at(tap).shape() : Shape{}};
  } catch (const std::invalid_argument& e) {
    fail(path, fmt::format("does not run on pictures {}: {}", image.str(), e.what()));
  }
}

// Whether two pictures at once give twice the `scores` of one. Exports may declare any batch and
// hold one of their example in a constant.
bool takes_two(const nn::Module& net, const Shape& image, const Shape& scores) {
  if (scores.rank() == 0) return false;
  Shape wanted = scores;
  wanted[0] *= 2;
  EvalModeScope lazy(EvalMode::lazy);
  nn::Ctx ctx;
  try {
    return nn::forward(net, nn::shaped({2, image[0], image[1], image[2]}), ctx).shape() == wanted;
  } catch (const std::invalid_argument&) {
  } catch (const UnsupportedError&) {
  }
  return false;
}

std::vector<std::string> classes_of(
    const OnnxModel& m, int64_t count, const std::string& path, const OpenOptions& o) {
  std::vector<std::string> names = o.classes;
  if (const std::string own = metadata_of(m, "classes"); !own.empty()) {
    if (!names.empty()) fail(path, "records its class names; no others can be given");
    try {
      names = nlohmann::json::parse(own).get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception& e) {
      throw IoError(path, fmt::format("class names: {}", e.what()));
    }
  }
  if (names.empty()) names = models::numbered_classes(count);
  if (int64_t(names.size()) != count)
    fail(path, fmt::format("expected {} class names, got {}", count, names.size()));
  return names;
}

models::Model open_onnx(const std::string& path, const OpenOptions& o) {
  OnnxModel m = formats::read_onnx(path);
  prepare(m);
  for (auto* ends : {&m.inputs, &m.outputs})
    for (formats::OnnxValue& v : *ends)
      if (v.dtype && is_half(*v.dtype)) {
        v.dtype = Dtype::f32;
        v.type = name_of(Dtype::f32);
      }
  if (m.inputs.size() != 1 || m.outputs.size() != 1)
    fail(
        path,
        fmt::format(
            "expected a graph of one input and one output, got {} and {}",
            m.inputs.size(),
            m.outputs.size()));
  models::Model model;
  const std::string preprocess = preprocess_text(m, path, o);
  const Shape image = image_of(m, preprocess, path, o);
  model.architecture = {.name = "onnx", .input = image, .classes = 1};
  model.preprocess = preprocess_of(m, image, preprocess, path, o);
  int64_t& batch = (*m.inputs[0].shape)[0];
  if (batch > 1) fail(path, fmt::format("takes batches of {} only; export it for any or 1", batch));
  const std::string kept = leave_out_softmax(m);
  if (o.classifies && !kept.empty()) fail(path, kept);

  auto net = build(m, path);
  const std::optional<Head> head = find_head(m);
  const Shapes shapes = shapes_of(*net, image, head ? head->input : "", path);
  if (batch < 0 && !takes_two(*net, image, shapes.scores)) batch = 1;
  model.one_by_one = batch == 1;
  Shape scores = shapes.scores;
  const bool makes_plain = head && head->linear && head->is_output && !head->plain &&
                           shapes.tapped.rank() == 2 && scores.numel() == head->classes;
  if (makes_plain) {
    make_plain(m, *head);
    scores = {1, head->classes};
  } else if (scores.rank() == 4 && scores[1] == 1 && scores[2] == 1) {
    flatten_output(m);
    scores = {scores[0], scores[3]};
  }
  model.head_input = head_input(m);
  const bool classifier = scores.rank() == 2 && scores[0] == 1;
  if (o.classifies && !classifier)
    fail(
        path,
        fmt::format(
            "expected scores (N, classes) for each picture, got \"{}\" {} for one",
            m.outputs[0].name,
            scores.str()));
  net = build(m, path);
  if (classifier) {
    model.architecture.classes = scores[1];
    model.classes = classes_of(m, scores[1], path, o);
    if (o.batches && model.one_by_one)
      if (auto any = with_any_batch(m, *net, image)) {
        m = std::move(*any);
        net = build(m, path);
        model.one_by_one = false;
      }
    OnnxModel graph = net->without_weights();
    graph.outputs[0].shape = {-1, scores[1]};
    model.architecture.graph = formats::unchecked_onnx_bytes(graph);
  }
  model.net = std::move(net);
  return model;
}

}  // namespace

bool is_onnx(const std::string& path) { return lower(path).ends_with(".onnx"); }

models::Model open(const std::string& path, const OpenOptions& o) {
  if (is_onnx(path)) return open_onnx(path, o);
  if (!o.preprocess.empty() || !o.classes.empty())
    fail(path, "a fovea model brings its preprocessing and class names; no others can be given");
  return models::load_model(path);
}

}  // namespace fovea::onnx
