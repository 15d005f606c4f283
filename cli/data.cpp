// fovea data: what a source holds.
#include <algorithm>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "fovea/core/device.h"
#include "fovea/core/errors.h"
#include "fovea/data/balance.h"
#include "fovea/data/source.h"
#include "fovea/data/statistics.h"
#include "fovea/image/draw.h"
#include "fovea/image/encode.h"
#include "fovea/report/table.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string source, sheet;
  int per_class = 8;
};

// Sizes and readability, by decoding every picture once.
struct Survey {
  std::vector<int> heights, widths;
  std::map<int, int64_t> channels;
  std::vector<std::string> corrupt;
};

Survey survey(const data::Dataset& d) {
  Survey s;
  for (int64_t i = 0; i < d.size(); ++i) {
    try {
      image::Image picture = d.image(i);
      s.heights.push_back(picture.height);
      s.widths.push_back(picture.width);
      ++s.channels[picture.channels];
    } catch (const IoError& e) {
      s.corrupt.push_back(e.what());
    }
  }
  std::sort(s.heights.begin(), s.heights.end());
  std::sort(s.widths.begin(), s.widths.end());
  return s;
}

std::string spread(const std::vector<int>& sorted) {
  if (sorted.empty()) return "-";
  if (sorted.front() == sorted.back()) return std::to_string(sorted.front());
  return fmt::format(
      "{} to {}, median {}", sorted.front(), sorted.back(), sorted[sorted.size() / 2]);
}

data::ChannelStats statistics(const data::Dataset& d, const Survey& s) {
  data::Preprocess p;
  p.channels = s.channels.contains(3) || s.channels.contains(4) ? 3 : 1;
  return data::channel_stats(d, p, threads());
}

std::string numbers(const std::vector<double>& values) {
  std::string text;
  for (double v : values) text += (text.empty() ? "" : ", ") + fmt::format("{:.4f}", v);
  return text;
}

nlohmann::ordered_json json_of(
    const data::Dataset& d, const Survey& s, const data::ChannelStats& c) {
  nlohmann::ordered_json j{
      {"name", d.name()},
      {"samples", d.size()},
      {"fingerprint", data::fingerprint(d)},
      {"corrupt", s.corrupt},
      {"mean", c.mean},
      {"std", c.std}};
  if (!s.heights.empty()) {
    j["height"] = {s.heights.front(), s.heights[s.heights.size() / 2], s.heights.back()};
    j["width"] = {s.widths.front(), s.widths[s.widths.size() / 2], s.widths.back()};
  }
  for (const auto& [channels, n] : s.channels) j["channels"][std::to_string(channels)] = n;
  std::vector<int64_t> counts = data::class_counts(d);
  for (size_t k = 0; k < counts.size(); ++k) j["classes"][d.classes()[k]] = counts[k];
  return j;
}

// A few pictures of each class under their class names.
void write_sheet(const data::Dataset& d, const Options& o) {
  std::vector<std::vector<int64_t>> chosen(d.classes().size());
  for (int64_t i = 0; i < d.size(); ++i) {
    auto& list = chosen[size_t(d.label(i))];
    if (int(list.size()) < o.per_class) list.push_back(i);
  }
  std::vector<image::Image> pictures;
  std::vector<std::string> captions;
  for (size_t c = 0; c < chosen.size(); ++c) {
    for (int64_t i : chosen[c]) {
      try {
        pictures.push_back(d.image(i));
        captions.push_back(d.classes()[c]);
      } catch (const IoError&) {  // counted in the survey
      }
    }
  }
  image::save(o.sheet, image::contact_sheet(pictures, captions, {.columns = o.per_class}));
}

void print_text(const data::Dataset& d, const Survey& s, const data::ChannelStats& c) {
  print(fmt::format(
      "{}: {} pictures, {} classes\n  height  {}\n  width   {}\n  mean    {}\n  std     {}\n",
      d.name(),
      d.size(),
      d.classes().size(),
      spread(s.heights),
      spread(s.widths),
      numbers(c.mean),
      numbers(c.std)));
  if (!s.corrupt.empty())
    print(fmt::format("  {} cannot be read, the first: {}\n", s.corrupt.size(), s.corrupt[0]));
}

int run(const Options& o, const Globals& g) {
  check_output("--sheet", o.sheet, {".png", ".jpg", ".jpeg"});
  data::Source source = data::open(o.source, {.allow_missing_classes = true, .min_classes = 1});
  for (const std::string& text : source.notes) tell(g, "note: " + text);
  nlohmann::ordered_json j;
  report::Table counts;
  counts.columns = {"class"};
  counts.rows.resize(source.classes.size());
  for (size_t k = 0; k < source.classes.size(); ++k) counts.rows[k] = {source.classes[k]};
  if (source.train)
    if (auto uneven = data::imbalance(*source.train)) tell(g, "note: " + *uneven);
  int64_t corrupt = 0;
  for (auto [name, split] :
       {std::pair{"train", source.train}, {"val", source.val}, {"test", source.test}}) {
    if (!split) continue;
    Survey s = survey(*split);
    corrupt += int64_t(s.corrupt.size());
    data::ChannelStats c = statistics(*split, s);
    if (g.json)
      j[name] = json_of(*split, s, c);
    else
      print_text(*split, s, c);
    counts.columns.push_back(name);
    std::vector<int64_t> n = data::class_counts(*split);
    for (size_t k = 0; k < n.size(); ++k) counts.rows[k].push_back(std::to_string(n[k]));
  }
  print(g.json ? json_text(j) : fmt::format("\n{}", report::text_table(counts)));
  if (!o.sheet.empty()) {
    write_sheet(source.train ? *source.train : *source.held_out(), o);
    tell(g, file_line("picture", o.sheet));
  }
  return corrupt ? int(bad_data) : int(ok);
}

}  // namespace

Verb data_verb() {
  return {
      "data",
      "Count and measure a dataset, and draw a contact sheet",
      {"fovea data digits",
       "fovea data photos/ --sheet photos.png",
       "fovea data photos.zip --json"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option("source", o->source, "digits, a folder or an archive, as for train")
            ->type_name("SOURCE")
            ->required();
        app.add_option("--sheet", o->sheet, "Write a contact sheet here")->type_name("FILE.png");
        app.add_option("--per-class", o->per_class, "Pictures of each class on the sheet")
            ->check(positive());
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
