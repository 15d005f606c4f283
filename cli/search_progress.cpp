#include "cli/search_progress.h"

#include <cstdio>

#include <fmt/format.h>

#include "cli/environment.h"
#include "cli/progress.h"
#include "fovea/core/text.h"

namespace fovea::cli {

namespace {

void line(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

}  // namespace

std::string shown_score(double score, search::Measure measure) {
  return measure == search::Measure::accuracy ? fmt::format("{:.2f} %", 100 * score)
                                              : fmt::format("{:.4f}", score);
}

void SearchProgress::note(const std::string& text) {
  if (!quiet_) line(coloured("note", Colour::yellow) + ": " + text);
}

void SearchProgress::on_stage(const search::Stage& stage) {
  if (quiet_) return;
  std::string text = fmt::format("stage {}", stage.number + 1);
  if (stage.epochs > 0) text += ", " + counted(stage.epochs, "epoch");
  text += ":";
  for (const search::Dimension& d : stage.space)
    text += fmt::format(" {}={}", d.key, search::shortened(d.str()));
  line(coloured(text, Colour::bold));
}

void SearchProgress::on_trial(const search::Progress& p) {
  if (quiet_) return;
  const search::Trial& t = p.trial;
  const auto score = search::score(t, measure_);
  const bool by_epochs = p.stage_epochs > 0 && !t.fitted();
  std::string text = fmt::format(
      "trial {:>3}  {}  {}  {}",
      t.number,
      by_epochs ? fmt::format("epoch {}/{}", t.epochs.size(), p.stage_epochs) : length_of(t),
      score ? shown_score(*score, measure_) : std::string(name_of(t.state)),
      search::text_of(t.values));
  if (t.state == search::State::failed) text += coloured("  " + t.reason, Colour::red);
  if (p.best == &t) text += coloured("  best", Colour::green);
  line(text + coloured("  " + duration(p.seconds), Colour::dim));
}

}  // namespace fovea::cli
