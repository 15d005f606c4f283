#include "fovea/train/tune.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/models/frozen.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/step.h"
#include "fovea/train/step_profile.h"

namespace fovea::train {

namespace {

using cpu::ConvPlace;
using cpu::ConvRoute;

std::map<ConvPlace, ConvExtents> places_of(models::Model& model, const TuneOptions& o) {
  const data::Batch batch = made_up_batch(model, o.batch);
  cpu::ConvRecorder recorder;
  if (o.training) {
    optim::Sgd optimizer({.lr = 1e-3});
    train_step(model, optimizer, batch, Key(1));
  } else {
    models::freeze(*model.net, batch.images.shape()).run(batch.images);
  }
  return recorder.places();
}

size_t index_of(ConvRoute route) {
  return size_t(std::ranges::find(cpu::conv_routes, route) - cpu::conv_routes.begin());
}

}  // namespace

double TunedConv::of(ConvRoute route) const { return seconds[index_of(route)]; }

std::vector<TunedConv> tune(
    models::Model& model,
    const TuneOptions& o,
    const std::function<void(size_t done, size_t of)>& progress) {
  cpu::use_conv_rule({});
  const auto places = places_of(model, o);
  std::vector<TunedConv> convs;
  for (const auto& [place, e] : places) {
    if (progress) progress(convs.size(), places.size());
    TunedConv conv{.place = place};
    conv.seconds = cpu::time_conv_routes(place, e, o.rounds);
    conv.fixed = cpu::fixed_conv_route(place.pass, e, place.prepared);
    const auto quickest = std::ranges::min_element(conv.seconds) - conv.seconds.begin();
    conv.best = cpu::conv_routes[size_t(quickest)];
    if (conv.gain() < least_gain) conv.best = conv.fixed;
    convs.push_back(conv);
  }
  std::ranges::stable_sort(convs, std::greater(), [](const TunedConv& c) { return c.of(c.fixed); });
  return convs;
}

void apply(const std::vector<TunedConv>& convs, TunedRule& rule) {
  for (const TunedConv& c : convs) {
    if (c.best == c.fixed)
      rule.exceptions.erase(c.place);
    else
      rule.exceptions[c.place] = c.best;
  }
}

std::string tuning_text(const std::vector<TunedConv>& convs) {
  if (convs.empty()) return "no 3 x 3 convolutions of stride 1: there is nothing to choose\n";
  std::string text = fmt::format(
      "{:<17} {:<22} {:>5} {:>10} {:>10} {:>10}  {:<10} {:<10} {:>5}\n",
      "milliseconds of",
      "input",
      "to",
      "library",
      "winograd2",
      "winograd4",
      "rule",
      "best",
      "gain");
  double fixed = 0, best = 0;
  for (const TunedConv& c : convs) {
    const ConvPlace& p = c.place;
    text += fmt::format(
        "{:<17} {:<22} {:>5} {:>10.3f} {:>10.3f} {:>10.3f}  {:<10} {:<10} {:>5.2f}\n",
        cpu::name_of(p.pass),
        fmt::format("({}, {}, {}, {})", p.n, p.h, p.w, p.in),
        p.out,
        1e3 * c.seconds[0],
        1e3 * c.seconds[1],
        1e3 * c.seconds[2],
        cpu::name_of(c.fixed),
        cpu::name_of(c.best),
        c.gain());
    fixed += c.of(c.fixed);
    best += c.of(c.best);
  }
  return text + fmt::format(
                    "each once: {:.2f} ms by the fixed rule, {:.2f} ms by the best routes\n",
                    1e3 * fixed,
                    1e3 * best);
}

}  // namespace fovea::train
