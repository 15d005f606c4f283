#include "fovea/search/search_report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/number_list.h"
#include "fovea/core/text.h"
#include "fovea/report/html.h"
#include "fovea/report/svg_dots.h"

namespace fovea::search {

namespace {

constexpr size_t most_rows = 15;

report::Unit unit_of(Measure m) {
  return m == Measure::accuracy ? report::Unit::percent : report::Unit::plain;
}

std::string words_of(Measure m) {
  return m == Measure::accuracy ? "validation accuracy" : "validation loss";
}

std::string shown(double v, Measure m) {
  return m == Measure::accuracy ? fmt::format("{:.2f} %", 100 * v) : fmt::format("{:.4f}", v);
}

std::string title_of(const Trial& t, Measure m) {
  const auto s = score(t, m);
  return fmt::format(
      "trial {}, {}, {}: {}",
      t.number,
      s ? shown(*s, m) : std::string(name_of(t.state)),
      length_of(t),
      text_of(t.values));
}

// The choices of a key in all stages, in the order of the first.
const std::vector<std::string>& choices_of(const SearchResult& r, const std::string& key) {
  const auto d = std::ranges::find(r.stages.front().space, key, &Dimension::key);
  return d->choices;
}

double place_of(const Dimension& d, const std::string& value) {
  if (d.scale != Scale::choice) return parse_number<double>(value).value_or(NAN);
  return double(std::ranges::find(d.choices, value) - d.choices.begin());
}

void add_cards(report::HtmlReport& html, const SearchResult& r, const std::vector<size_t>& ranked) {
  const auto failed = std::ranges::count(r.trials, State::failed, &Trial::state);
  const auto stopped = std::ranges::count(r.trials, State::stopped, &Trial::state);
  std::vector<report::Card> cards;
  if (!ranked.empty()) {
    const Trial& best = r.trials[ranked.front()];
    cards.push_back(
        {"Best " + words_of(r.measure),
         shown(*score(best, r.measure), r.measure),
         fmt::format("trial {}, {}", best.number, length_of(best))});
  }
  cards.push_back(
      {"Trials",
       std::to_string(r.trials.size()),
       fmt::format("{} stopped early, {} failed", stopped, failed),
       failed * 2 > std::ssize(r.trials) ? report::Tone::warning : report::Tone::neutral});
  cards.push_back({"Time", fmt::format("{:.0f} s", r.seconds)});
  html.cards(cards);
}

report::Svg parallel_of(const SearchResult& r, const std::vector<size_t>& ranked) {
  report::ParallelChart chart{.title = "Values of each trial, and how it did"};
  chart.description =
      "A line for each trial; the darker the better, and the best one in a colour of its own.";
  chart.width = int(std::max<size_t>(760, 150 * (r.stages.front().space.size() + 1)));
  const Space& space = r.stages.front().space;
  for (const Dimension& d : space)
    chart.axes.push_back({.name = d.key, .log = d.scale == Scale::log, .names = d.choices});
  chart.axes.push_back({.name = std::string(name_of(r.measure)), .unit = unit_of(r.measure)});
  for (size_t i = 0; i < r.trials.size(); ++i) {
    const Trial& t = r.trials[i];
    const auto rank = std::ranges::find(ranked, i) - ranked.begin();
    report::ParallelLine line{.title = title_of(t, r.measure)};
    for (const Dimension& d : space) line.values.push_back(place_of(d, t.values.at(d.key)));
    line.values.push_back(score(t, r.measure).value_or(NAN));
    line.strength = 1 - double(rank) / double(std::max<size_t>(ranked.size(), 1));
    if (!t.epochs.empty() || t.state == State::failed) chart.lines.push_back(std::move(line));
  }
  return report::parallel_chart(chart);
}

report::Svg scatter_of(const SearchResult& r, const Dimension& d) {
  report::DotChart chart{.title = d.key};
  chart.description = "A dot for each trial; crosses are trials that failed.";
  chart.x_label = d.key;
  chart.unit = unit_of(r.measure);
  chart.log_x = d.scale == Scale::log;
  chart.x_names = choices_of(r, d.key);
  for (const Stage& stage : r.stages)
    chart.series.push_back({.name = fmt::format("stage {}", stage.number + 1)});
  for (const Trial& t : r.trials) {
    const double x = place_of(d, t.values.at(d.key));
    if (t.state == State::failed) chart.without.push_back(x);
    if (const auto s = score(t, r.measure))
      chart.series[size_t(t.stage)].dots.push_back({x, *s, title_of(t, r.measure)});
  }
  return report::dot_chart(chart);
}

report::Table table_of(const SearchResult& r, std::span<const size_t> ranked) {
  report::Table table;
  table.columns = {"trial", "stage", "epochs", words_of(r.measure), "state"};
  for (const Dimension& d : r.stages.front().space) table.columns.push_back(d.key);
  for (size_t i : ranked) {
    const Trial& t = r.trials[i];
    table.rows.push_back(
        {std::to_string(t.number),
         std::to_string(t.stage + 1),
         t.fitted() ? "-" : std::to_string(t.epochs.size()),
         shown(*score(t, r.measure), r.measure),
         std::string(name_of(t.state))});
    for (const Dimension& d : r.stages.front().space)
      table.rows.back().push_back(t.values.at(d.key));
  }
  return table;
}

void add_stages(report::HtmlReport& html, const SearchResult& r) {
  report::Table table;
  table.columns = {"stage", "trials", "epochs"};
  for (const Dimension& d : r.stages.front().space) table.columns.push_back(d.key);
  for (const Stage& stage : r.stages) {
    table.rows.push_back(
        {std::to_string(stage.number + 1),
         std::to_string(std::ranges::count(r.trials, stage.number, &Trial::stage)),
         stage.epochs > 0 ? std::to_string(stage.epochs) : "-"});
    for (const Dimension& d : stage.space) table.rows.back().push_back(d.str());
  }
  html.section("Stages");
  html.paragraph(
      "What each stage drew from. A range shrinks around the best value; where that lies at an "
      "edge that the trials get better towards, the range moves beyond it.");
  html.table(table);
}

void add_failures(report::HtmlReport& html, const SearchResult& r) {
  report::Table table;
  table.columns = {"trial", "reason", "values"};
  for (const Trial& t : r.trials)
    if (t.state == State::failed)
      table.rows.push_back({std::to_string(t.number), t.reason, text_of(t.values)});
  if (table.rows.empty()) return;
  html.section("What failed");
  html.table(table);
}

}  // namespace

void write_search_report(
    const SearchResult& r, const std::string& path, const std::string& best_toml) {
  const auto ranked = ranking(r.trials, r.measure);
  report::HtmlReport html(
      "Search: " + r.name, counted(int64_t(r.trials.size()), "trial") + " of a recipe");
  html.section("How it went");
  add_cards(html, r, ranked);
  for (const Stage& stage : r.stages)
    for (const std::string& text : stage.notes)
      html.note(report::Tone::neutral, fmt::format("Stage {}. {}", stage.number + 1, text));
  for (const std::string& text : r.notes) html.note(report::Tone::warning, text);
  if (!r.stages.empty() && !r.trials.empty()) {
    const report::Figure parallel[] = {{parallel_of(r, ranked)}};
    html.figures(parallel);
    html.section("The best trials");
    html.table(table_of(r, std::span(ranked).first(std::min(ranked.size(), most_rows))));

    html.section("Key by key");
    html.paragraph("Each trial is a dot; a cross at the foot is a trial that failed.");
    std::vector<report::Figure> scatters;
    for (const Dimension& d : r.stages.front().space) scatters.push_back({scatter_of(r, d)});
    report::BarChart bars{.title = "What made a difference", .unit = report::Unit::percent};
    bars.description = "The part of the differences that each key explains by itself.";
    for (const Importance& i : importance(r.trials, r.stages.front().space, r.measure))
      bars.bars.push_back({i.key, i.share});
    if (!bars.bars.empty())
      scatters.push_back(
          {report::bar_chart(bars),
           "Of the ranks of the first stage's trials, what lies between groups of near values. A "
           "hint: it sees no joint effects, and with few trials it is rough."});
    html.figures(scatters);
    add_stages(html, r);
    add_failures(html, r);
  }
  if (!best_toml.empty()) {
    html.section("The best recipe");
    html.code(best_toml);
  }
  html.write(path);
}

}  // namespace fovea::search
