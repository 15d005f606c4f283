#include "fovea/models/pattern.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/nn/activation.h"

namespace fovea::models {

namespace {

struct Stage {
  std::string act;
  int convs = 1;
  bool pool = false;
};

struct Parsed {
  std::vector<Stage> stages;  // with repetition
  std::string fc_act;
  int fcs = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : given_(text), text_(lower(std::string(text))) {}

  Parsed parse() {
    Parsed p;
    stages(p);
    bool more = accept("-");
    if (more && accept("(")) {
      p.fc_act = activation_behind("fc");
      p.fcs = times(0, 2);
      more = accept("-");
    }
    if (more && !accept("softmax"))
      fail(p.fc_act.empty() ? "\"(fc-\" or \"softmax\"" : "\"softmax\"");
    skip_spaces();
    if (at_ != text_.size()) fail("\"-\" or the end");
    return p;
  }

 private:
  void stages(Parsed& p) {
    do {
      expect("[");
      expect("(");
      Stage stage;
      stage.act = activation_behind("conv");
      stage.convs = times(1, 5);
      if (accept("-")) {
        expect("pool");
        stage.pool = true;
      }
      expect("]");
      p.stages.insert(p.stages.end(), size_t(times(1, 20)), stage);
    } while (next_is("-[") && accept("-"));
  }

  // "conv-relu)", whose bracket is open.
  std::string activation_behind(std::string_view layer) {
    expect(layer);
    expect("-");
    skip_spaces();
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    std::string name = text_.substr(begin, at_ - begin);
    const auto known = nn::activation_names();
    if (std::ranges::find(known, name) == known.end()) {
      at_ = begin;
      fail("an activation such as \"relu\"", did_you_mean(name, known));
    }
    expect(")");
    return name;
  }

  // "*3", or nothing for once.
  int times(int least, int most) {
    if (!accept("*")) return 1;
    skip_spaces();
    const size_t begin = at_;
    int n = 0;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0)
      n = std::min(1000, 10 * n + (text_[at_++] - '0'));
    if (begin == at_ || n < least || n > most) {
      at_ = begin;
      fail(fmt::format("a number from {} to {}", least, most));
    }
    return n;
  }

  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  // Whether these characters come next, spaces apart.
  bool next_is(std::string_view what) {
    const size_t begin = at_;
    const bool all = std::ranges::all_of(what, [&](char c) { return accept({&c, 1}); });
    at_ = begin;
    return all;
  }
  bool accept(std::string_view what) {
    skip_spaces();
    if (text_.compare(at_, what.size(), what) != 0) return false;
    at_ += what.size();
    return true;
  }
  void expect(std::string_view what) {
    if (!accept(what)) fail(fmt::format("\"{}\"", what));
  }
  [[noreturn]] void fail(const std::string& expected, const std::string& fix = "") {
    skip_spaces();
    throw std::invalid_argument(fmt::format(
        "[pattern] expected {} at character {} of \"{}\", got {}{}",
        expected,
        at_ + 1,
        given_,
        at_ < text_.size() ? fmt::format("\"{}\"", given_.substr(at_)) : "its end",
        fix));
  }

  std::string_view given_;
  std::string text_;
  size_t at_ = 0;
};

int width_of(const std::vector<int>& widths, size_t i) {
  return widths.size() == 1 ? widths[0] : widths[i];
}

void check_widths(const char* what, const std::vector<int>& widths, size_t needed) {
  if (widths.size() > 1 && widths.size() != needed)
    throw std::invalid_argument(fmt::format(
        "[pattern] expected one number or {} for the {}, got {}", needed, what, widths.size()));
  for (int w : widths)
    if (w < 1)
      throw std::invalid_argument(
          fmt::format("[pattern] expected {} of at least 1, got {}", what, w));
}

}  // namespace

std::vector<LayerSpec> expand_pattern(std::string_view pattern, const PatternOptions& o) {
  const Parsed p = Parser(pattern).parse();
  check_widths("widths of the stages", o.widths, p.stages.size());
  check_widths("widths of the fc layers", o.fc_widths, size_t(p.fcs));

  std::vector<LayerSpec> layers;
  for (size_t s = 0; s < p.stages.size(); ++s) {
    const int out = o.widths.empty() ? 32 << std::min<size_t>(s, 4) : width_of(o.widths, s);
    for (int i = 0; i < p.stages[s].convs; ++i)
      layers.push_back(
          {"conv", {{"out", std::to_string(out)}, {"norm", o.norm}, {"act", p.stages[s].act}}});
    if (p.stages[s].pool) layers.push_back({"max_pool", {}});
  }
  layers.push_back({"flatten", {}});
  for (int i = 0; i < p.fcs; ++i) {
    const int out = o.fc_widths.empty() ? 512 : width_of(o.fc_widths, size_t(i));
    layers.push_back({"linear", {{"out", std::to_string(out)}, {"act", p.fc_act}}});
  }
  layers.push_back({"linear", {{"out", std::to_string(o.classes)}}});
  return layers;
}

}  // namespace fovea::models
