#include "cli/weight_fit.h"

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/hub/weight_names.h"

namespace fovea::cli {

namespace {

// Where the number of classes, which is the first extent of a head, is all that keeps weights out.
std::vector<std::string> head_notes(
    const nn::LoadReport& report, const Tree& tensors, int64_t classes) {
  if (!report.missing.empty()) return {};
  std::vector<std::string> notes;
  int64_t theirs = 0;
  for (const std::string& line : report.mismatched) {
    const std::string name = line.substr(0, line.rfind(": expected "));
    const auto it = tensors.find(report.prefix + name);
    if (it == tensors.end() || it->second.rank() == 0) return {};
    const Shape& got = it->second.shape();
    const std::string by_classes =
        fmt::format("{}: expected {}, got {}", name, got.with(0, classes).str(), got.str());
    if (line != by_classes || (theirs != 0 && theirs != got[0])) return {};
    theirs = got[0];
    notes.push_back(fmt::format(
        "{} {} does not fit {} classes; --classes {} would",
        printable(name),
        got.str(),
        classes,
        theirs));
  }
  return notes;
}

}  // namespace

WeightFit fit_weights(
    const models::Architecture& a,
    const Tree& tensors,
    const std::optional<formats::LayerGraph>& graph) {
  WeightFit f;
  f.model.architecture = a;
  f.model.net = models::build(a);
  nn::initialize(*f.model.net, Key(1));
  if (graph) {
    f.match = models::match_graph(*graph, *f.model.net, a.input);
    f.report = f.match->report;
    f.notes = f.match->notes;
  } else {
    const Tree ours = hub::with_our_names(tensors);
    f.report = nn::load(*f.model.net, ours, {.strict = false});
    f.notes = head_notes(f.report, ours, a.classes);
  }
  return f;
}

std::string WeightFit::str() const {
  std::string text = fmt::format("{}: {}\n", model.architecture.name, report.str());
  if (match && report.complete())
    text += fmt::format(
        "  on noise its scores differ by {:.1e} of the largest from the file's network\n",
        match->difference);
  for (const std::string& note : notes) text += "  " + note + "\n";
  return text;
}

std::string WeightFit::refusal(bool partial) const {
  const std::string& name = model.architecture.name;
  if (fits()) return "";
  if (report.loaded == 0)
    return match ? fmt::format("the layers of the file's network are not those of {}", name)
                 : fmt::format("none of the file's tensors fits {}", name);
  if (partial) return "";
  if (report.complete())
    return fmt::format(
        "{} computes otherwise than the file's network; --partial writes it all the same", name);
  if (report.missing.empty() && report.mismatched.empty())
    return fmt::format("the file has tensors that {} has not; --partial leaves them out", name);
  return fmt::format(
      "the weights do not fit {}; --partial takes those that do and starts the others new", name);
}

}  // namespace fovea::cli
