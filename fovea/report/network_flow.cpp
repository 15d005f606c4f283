#include "fovea/report/network_flow.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::report {

namespace {

// A repeated block is folded where that saves so many rows.
constexpr int worth_folding = 3;

void check(std::span<const NetworkLayer> layers) {
  std::vector<bool> read(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    if ((i > 0) == layers[i].inputs.empty())
      throw std::invalid_argument(fmt::format(
          "[network_chart] expected inputs for every layer but the first, got {} for layer {}",
          layers[i].inputs.size(),
          i));
    for (size_t from : layers[i].inputs) {
      if (from >= i)
        throw std::invalid_argument(fmt::format(
            "[network_chart] expected layers to read earlier ones, got {} for layer {}", from, i));
      read[from] = true;
    }
  }
  for (size_t i = 0; i + 1 < layers.size(); ++i)
    if (!read[i])
      throw std::invalid_argument(
          fmt::format("[network_chart] expected somebody to read layer {}, got nobody", i));
}

// Takes a network apart between two layers at a time. Layers are numbered along every way, so a
// layer is on all ways from s to t exactly if no connection jumps over its number.
class Splitter {
 public:
  explicit Splitter(std::span<const NetworkLayer> layers) : layers_(layers) {}

  // What stands between s and t, of which `inside` are in order; `direct` if s also feeds t.
  Flow between(size_t s, size_t t, const std::vector<size_t>& inside, bool direct) const {
    Flow flow;
    if (inside.empty()) return flow;
    if (direct) {
      flow.push_back(side_by_side(s, t, inside, true));
      return flow;
    }
    std::vector<size_t> part;
    size_t from = s;
    auto close = [&](size_t to) {
      const bool whole = from == s && to == t;
      if (!part.empty()) flow.push_back(side_by_side(from, to, part, !whole && reads(to, from)));
      part.clear();
      from = to;
    };
    size_t reach = farthest(s, s, t, inside);  // of the connections that begin before a layer
    for (size_t layer : inside) {
      if (reach <= layer) {
        close(layer);
        flow.push_back({.layer = layer});
      } else {
        part.push_back(layer);
      }
      reach = std::max(reach, farthest(layer, s, t, inside));
    }
    close(t);
    return flow;
  }

 private:
  bool reads(size_t layer, size_t from) const {
    return std::ranges::find(layers_[layer].inputs, from) != layers_[layer].inputs.end();
  }

  // The last reader of a layer among `inside` and t; the direct way from s to t is looked at apart.
  size_t farthest(size_t layer, size_t s, size_t t, const std::vector<size_t>& inside) const {
    if (layer != s && reads(t, layer)) return t;
    for (auto it = inside.rbegin(); it != inside.rend(); ++it)
      if (reads(*it, layer)) return *it;
    return layer;
  }

  FlowItem side_by_side(size_t s, size_t t, const std::vector<size_t>& inside, bool direct) const {
    FlowItem item{.kind = FlowItem::Kind::branches};
    if (direct) item.skips.push_back({s, t});
    for (const auto& part : components(inside)) {
      if (part.size() == inside.size() && !direct) return tangle(s, t, inside);
      item.branches.push_back(between(s, t, part, false));
    }
    return item;
  }

  // Layers that are connected without s and t, each group in order.
  std::vector<std::vector<size_t>> components(const std::vector<size_t>& inside) const {
    std::map<size_t, size_t> group;
    for (size_t layer : inside) group[layer] = layer;
    for (size_t layer : inside)
      for (size_t from : layers_[layer].inputs) {
        if (!group.contains(from)) continue;
        const size_t old = group[from], now = group[layer];
        for (auto& [member, number] : group)
          if (number == old || number == now) number = std::min(old, now);
      }
    std::map<size_t, std::vector<size_t>> parts;
    for (size_t layer : inside) parts[group[layer]].push_back(layer);
    std::vector<std::vector<size_t>> list;
    for (auto& [number, part] : parts) list.push_back(std::move(part));
    return list;
  }

  FlowItem tangle(size_t s, size_t t, const std::vector<size_t>& inside) const {
    FlowItem item{.kind = FlowItem::Kind::tangle, .branches = {{}}};
    std::vector<size_t> order = inside;
    order.insert(order.begin(), s);
    order.push_back(t);
    for (size_t i = 1; i < order.size(); ++i) {
      if (order[i] != t) item.branches[0].push_back({.layer = order[i]});
      for (size_t from : layers_[order[i]].inputs)
        if (from != order[i - 1] && std::ranges::find(order, from) != order.end())
          item.skips.push_back({from, order[i]});
    }
    return item;
  }

  std::span<const NetworkLayer> layers_;
};

// What two blocks must have in common to be drawn as one.
std::string look(const Flow& flow, std::span<const NetworkLayer> layers) {
  std::string text;
  for (const FlowItem& item : flow) {
    text += fmt::format("({}:", int(item.kind));
    if (item.kind == FlowItem::Kind::layer) {
      const NetworkLayer& l = layers[item.layer];
      text += fmt::format("{} {} {}", int(l.kind), l.text, l.detail);
      for (const NetworkStep& step : l.before) text += " <" + step.name;
      for (const NetworkStep& step : l.after) text += " >" + step.name;
    }
    for (const Flow& branch : item.branches) text += "|" + look(branch, layers);
    text += fmt::format("{})", item.skips.size());
  }
  return text;
}

void layers_of(const Flow& flow, std::vector<size_t>& list) {
  for (const FlowItem& item : flow) {
    if (item.kind == FlowItem::Kind::layer) list.push_back(item.layer);
    for (const Flow& branch : item.branches) layers_of(branch, list);
  }
}

struct Repetition {
  size_t period = 1;
  int times = 1, saved = 0;  // rows
};

Repetition repetition_at(const Flow& flow, const std::vector<std::string>& looks, size_t i) {
  Repetition best;
  for (size_t period = 1; i + 2 * period <= flow.size(); ++period) {
    if (flow[i + period - 1].kind != FlowItem::Kind::layer) continue;
    size_t same = 0;
    while (i + same + period < flow.size() && looks[i + same] == looks[i + same + period]) ++same;
    const int times = int(same / period) + 1;
    const int rows = rows_of({flow.begin() + long(i), flow.begin() + long(i + period)});
    if ((times - 1) * rows > best.saved) best = {period, times, (times - 1) * rows};
  }
  return best;
}

NetworkFlow fold(const Flow& flow, std::span<const NetworkLayer> layers) {
  NetworkFlow folded;
  std::vector<std::string> looks;
  for (const FlowItem& item : flow) looks.push_back(look({item}, layers));
  for (size_t i = 0; i < flow.size();) {
    const Repetition r = repetition_at(flow, looks, i);
    if (r.saved < worth_folding) {
      folded.items.push_back(flow[i++]);
      continue;
    }
    const auto begin = flow.begin() + long(i);
    FlowItem item{
        .kind = FlowItem::Kind::repeat,
        .branches = {{begin, begin + long(r.period)}},
        .times = r.times};
    i += r.period * size_t(r.times);
    item.last = flow[i - 1].layer;
    std::vector<size_t> all, once;
    layers_of({begin, flow.begin() + long(i)}, all);
    layers_of(item.branches[0], once);
    for (size_t k = once.size(); k < all.size(); ++k) folded.drawn[all[k]] = once[k % once.size()];
    folded.items.push_back(std::move(item));
  }
  return folded;
}

}  // namespace

int rows_of(const Flow& flow) {
  int rows = 0;
  for (const FlowItem& item : flow) {
    int most = item.kind == FlowItem::Kind::layer;
    for (const Flow& branch : item.branches) most = std::max(most, rows_of(branch));
    rows += most;
  }
  return rows;
}

NetworkFlow network_flow(std::span<const NetworkLayer> layers, int most_rows) {
  if (layers.size() < 2)
    throw std::invalid_argument(fmt::format(
        "[network_chart] expected an input and at least one layer, got {}", layers.size()));
  check(layers);
  const size_t last = layers.size() - 1;
  std::vector<size_t> inside(last - 1);
  std::iota(inside.begin(), inside.end(), size_t(1));
  const bool direct = std::ranges::count(layers[last].inputs, 0u) > 0;
  Flow flow = Splitter(layers).between(0, last, inside, direct && !inside.empty());
  flow.insert(flow.begin(), FlowItem{.layer = 0});
  flow.push_back({.layer = last});
  if (rows_of(flow) <= most_rows) return {flow, {}};
  return fold(flow, layers);
}

}  // namespace fovea::report
