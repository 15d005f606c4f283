#include "cli/search_progress.h"

#include <cstdio>

#include <fmt/format.h>

#include "cli/environment.h"
#include "cli/output_file.h"
#include "cli/progress.h"

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
  std::string text = fmt::format("stage {}, {}:", stage.number + 1, counted(stage.epochs, "epoch"));
  for (const search::Dimension& d : stage.space) text += fmt::format(" {}={}", d.key, d.str());
  line(coloured(text, Colour::bold));
}

void SearchProgress::on_trial(const search::Progress& p) {
  if (quiet_) return;
  const search::Trial& t = p.trial;
  const auto score = search::score(t, measure_);
  std::string text = fmt::format(
      "trial {:>3}  epoch {}/{}  {}  {}",
      t.number,
      t.epochs.size(),
      p.stage_epochs,
      score ? shown_score(*score, measure_) : std::string(name_of(t.state)),
      search::text_of(t.values));
  if (t.state == search::State::failed) text += coloured("  " + t.reason, Colour::red);
  if (p.best == &t) text += coloured("  best", Colour::green);
  line(text + coloured("  " + duration(p.seconds), Colour::dim));
}

}  // namespace fovea::cli
