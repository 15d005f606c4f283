#include "fovea/train/signals.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/nn/grad.h"
#include "fovea/ops/norm.h"

namespace fovea::train {

namespace {

constexpr size_t most_counted = size_t(1) << 15;

// The nonlinearity that a node is, or "".
std::string nonlinearity_of(const Primitive& p) {
  constexpr std::string_view names[] = {
      "relu",
      "leaky_relu",
      "elu",
      "gelu",
      "silu",
      "softplus",
      "sigmoid",
      "tanh",
      "hard_sigmoid",
      "hard_swish",
      "clamp"};
  if (std::ranges::find(names, p.name()) != std::end(names)) return std::string(p.name());
  const auto* norm = dynamic_cast<const BatchNormTrain*>(&p);
  const auto* scale = dynamic_cast<const ScaleShift*>(&p);
  return (norm && norm->options().relu) || (scale && scale->relu()) ? "relu" : "";
}

std::vector<LayerSignal> activations_below(const Tensor& scores) {
  std::vector<LayerSignal> all;
  std::map<std::string, int> met;
  for (const auto& node : reachable(std::span(&scores, 1))) {
    const std::string op = nonlinearity_of(*node->primitive);
    if (op.empty() || !node->path) continue;
    std::string name = node->path->empty() ? op : *node->path;
    if (const int n = ++met[name]; n > 1) name += fmt::format(" #{}", n);
    all.push_back({name, op, Node::output(node, 0), {}});
  }
  all.push_back({"scores", "", scores, {}});
  return all;
}

// A batch norm of the graph below some scores, with the mean and 1 / std of its batch.
struct NormNode {
  std::string name;
  double eps = 0;
  Tensor mean, rstd;
};

std::vector<NormNode> norms_below(const Tensor& scores, const Tree& state) {
  std::vector<NormNode> all;
  for (const auto& node : reachable(std::span(&scores, 1))) {
    const auto* norm = dynamic_cast<const BatchNormTrain*>(node->primitive.get());
    if (!norm || !node->path || !state.contains(*node->path + ".running_var")) continue;
    all.push_back({*node->path, norm->options().eps, Node::output(node, 1), Node::output(node, 2)});
  }
  return all;
}

NormDrift drift_of(const NormNode& norm, const Tree& state) {
  const std::vector<float> old_mean = state.at(norm.name + ".running_mean").to_vector();
  const std::vector<float> old_var = state.at(norm.name + ".running_var").to_vector();
  const auto m = norm.mean.data<float>(), r = norm.rstd.data<float>();
  double means = 0, variances = 0;
  for (size_t c = 0; c < m.size(); ++c) {
    const double var = std::max(1 / (double(r[c]) * r[c]), norm.eps), old = old_var[c] + norm.eps;
    means += std::pow(m[c] - old_mean[c], 2) / old;
    variances += std::pow(std::log(var / old), 2);
  }
  const double n = double(m.size());
  return {norm.name, std::sqrt(means / n), std::sqrt(variances / n)};
}

// The place of each value in the order in which the graph below `scores` reads them.
std::map<const Value*, size_t> first_uses(const Tensor& scores) {
  std::map<const Value*, size_t> place;
  for (const auto& node : reachable(std::span(&scores, 1)))
    for (const Tensor& t : node->inputs) place.try_emplace(t.value().get(), place.size());
  return place;
}

template <class T>
std::vector<T> some_of(std::vector<T> all, size_t most) {
  std::vector<T> some;
  for (size_t i : spread(all.size(), most)) some.push_back(std::move(all[i]));
  return some;
}

// The step shares no factor with the size, so that all channels have their turn.
std::vector<float> evenly(std::span<const float> values) {
  const size_t n = values.size();
  size_t step = n / most_counted + 1;
  while (std::gcd(step, n) > 1) ++step;
  std::vector<float> some;
  some.reserve(n / step + 1);
  for (size_t i = 0; i < n; i += step) some.push_back(values[i]);
  return some;
}

void mean_and_std(const std::vector<float>& values, double& mean, double& std) {
  double sum = 0, squares = 0;
  for (float v : values) sum += v;
  mean = sum / double(std::max<size_t>(values.size(), 1));
  for (float v : values) squares += (v - mean) * (v - mean);
  std = std::sqrt(squares / double(std::max<size_t>(values.size(), 1)));
}

Histogram count(const std::vector<float>& values, double low, double high) {
  Histogram h{low, high, {}};
  if (values.empty() || !(low < high)) return h;
  h.shares.assign(histogram_bins, 0);
  for (float v : values) {
    const double at = (v - low) / (high - low) * histogram_bins;
    ++h.shares[size_t(std::clamp(at, 0.0, histogram_bins - 1.0))];
  }
  for (double& s : h.shares) s /= double(values.size());
  return h;
}

Histogram histogram_of(std::vector<float> values) {
  std::erase_if(values, [](float v) { return v == 0 || !std::isfinite(v); });
  if (values.empty()) return {};
  auto quantile = [&](double share) {
    auto at = values.begin() + int64_t(share * double(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return double(*at);
  };
  double low = quantile(0.002), high = quantile(0.998);
  if (low > 0 && low < 0.1 * high) low = 0;
  if (low == high) {
    const double half = 0.5 * std::max(std::abs(low), 1e-6);
    low -= half;
    high += half;
  }
  return count(values, low, high);
}

Histogram sizes_of(std::vector<float> values) {
  std::erase_if(values, [](float v) { return v == 0 || !std::isfinite(v); });
  for (float& v : values) v = std::log10(std::abs(v));
  return count(values, gradient_low, gradient_high);
}

// Channels lie last.
double dead_share(const Tensor& t) {
  const auto values = t.data<float>();
  const auto channels = size_t(t.dim(-1));
  std::vector<char> alive(channels, 0);
  for (size_t row = 0; row + channels <= values.size(); row += channels)
    for (size_t c = 0; c < channels; ++c) alive[c] |= char(values[row + c] != 0);
  return double(std::ranges::count(alive, 0)) / double(std::max<size_t>(channels, 1));
}

double share_at_ends(const std::vector<float>& values, double low, double high) {
  const double near = 0.01 * (high - low) / 2;
  const auto n =
      std::ranges::count_if(values, [&](float v) { return v < low + near || v > high - near; });
  return double(n) / double(std::max<size_t>(values.size(), 1));
}

}  // namespace

double norm_of(std::span<const float> values) {
  double sum = 0;
  for (float v : values) sum += double(v) * v;
  return std::sqrt(sum);
}

std::map<std::string, double> update_ratios(const Tree& before, const Tree& after) {
  std::map<std::string, double> ratios;
  for (const auto& [name, old] : before) {
    if (old.rank() < 2) continue;
    const auto a = old.data<float>(), b = after.at(name).data<float>();
    double moved = 0;
    for (size_t i = 0; i < a.size(); ++i) moved += (double(b[i]) - a[i]) * (double(b[i]) - a[i]);
    const double size = norm_of(a);
    if (size > 0 && moved > 0) ratios[name] = std::sqrt(moved) / size;
  }
  return ratios;
}

std::vector<size_t> spread(size_t n, size_t most) {
  std::vector<size_t> places;
  const size_t shown = std::min(n, most);
  for (size_t k = 0; k < shown; ++k) places.push_back(shown > 1 ? k * (n - 1) / (shown - 1) : 0);
  return places;
}

Signals signals_of(nn::Module& net, const data::Batch& batch, const SignalOptions& o) {
  nn::Ctx ctx;
  ctx.training = true;
  ctx.key = o.key;
  if (o.frozen) ctx.frozen = o.frozen->modules;
  Signals s;
  const Tensor scores = nn::forward(net, batch.images, ctx);
  const Tensor loss = nn::total_loss(
      scores, ctx, [&](const Tensor& t) { return classification_loss(t, batch.labels, o.loss); });
  s.activations = some_of(activations_below(scores), o.most);
  const Tree state = nn::state(net);
  const std::vector<NormNode> norms = norms_below(scores, state);
  for (const auto& [name, t] : nn::parameters(net))
    if (t.rank() >= 2 && !(o.frozen && o.frozen->holds(name)))
      s.weights.push_back({name, "", t, {}});
  const auto place = first_uses(scores);
  std::ranges::stable_sort(s.weights, {}, [&](const LayerSignal& w) {
    const auto at = place.find(w.values.value().get());
    return at == place.end() ? place.size() : at->second;
  });
  s.weights = some_of(std::move(s.weights), o.most);

  std::vector<Tensor> values;
  for (const auto* list : {&s.activations, &s.weights})
    for (const LayerSignal& signal : *list) values.push_back(signal.values);
  const std::vector<Tensor> gradients = grad(loss, values);
  std::vector<Tensor> wanted = values;
  wanted.insert(wanted.end(), gradients.begin(), gradients.end());
  wanted.push_back(loss);
  for (const NormNode& norm : norms) wanted.insert(wanted.end(), {norm.mean, norm.rstd});
  eval(wanted);
  for (const NormNode& norm : norms) s.drifts.push_back(drift_of(norm, state));
  size_t i = 0;
  for (auto* list : {&s.activations, &s.weights})
    for (LayerSignal& signal : *list) signal.gradient = gradients[i++];
  s.loss = loss.item<double>();
  return s;
}

SignalStats stats_of(const LayerSignal& signal) {
  SignalStats s{.name = signal.name, .op = signal.op};
  const std::vector<float> values = evenly(signal.values.data<float>());
  const std::vector<float> gradient = evenly(signal.gradient.data<float>());
  mean_and_std(values, s.mean, s.std);
  mean_and_std(gradient, s.gradient_mean, s.gradient_std);
  s.zero = double(std::ranges::count(values, 0.f)) / double(std::max<size_t>(values.size(), 1));
  if (s.op == "relu") s.dead = dead_share(signal.values);
  if (s.op == "tanh") s.saturated = share_at_ends(values, -1, 1);
  if (s.op == "sigmoid" || s.op == "hard_sigmoid") s.saturated = share_at_ends(values, 0, 1);
  s.values = histogram_of(values);
  s.gradient = sizes_of(gradient);
  return s;
}

std::vector<SignalStats> stats_of(const std::vector<LayerSignal>& signals) {
  std::vector<SignalStats> all;
  for (const LayerSignal& s : signals) all.push_back(stats_of(s));
  return all;
}

std::vector<double> resampled(const Histogram& h, double low, double high, int bins) {
  std::vector<double> out(size_t(bins), 0.0);
  const double from_width = (h.high - h.low) / double(std::max<size_t>(h.shares.size(), 1));
  const double to_width = (high - low) / bins;
  for (size_t i = 0; i < h.shares.size(); ++i) {
    // A bin's share goes to those it overlaps, in proportion.
    const double a = h.low + double(i) * from_width, b = a + from_width;
    const int first = std::clamp(int((a - low) / to_width), 0, bins - 1);
    const int last = std::clamp(int((b - low) / to_width), 0, bins - 1);
    for (int k = first; k <= last; ++k) {
      const double overlap =
          std::min(b, low + (k + 1) * to_width) - std::max(a, low + k * to_width);
      out[size_t(k)] += h.shares[i] * std::max(0.0, overlap) / from_width;
    }
  }
  return out;
}

data::Batch sample_batch(const Recipe& recipe, const Setup& setup, int64_t most) {
  data::LoaderOptions o = loader_options(recipe, setup, false);
  o.batch_size = std::min(most, setup.source.train->size());
  o.shuffle = true;
  o.workers = 0;
  o.cache_bytes = 0;
  data::Loader loader(setup.source.train, o);
  loader.start(0);
  auto first = loader.next();
  if (!first) throw std::invalid_argument("there is no picture to train on");
  return *first;
}

}  // namespace fovea::train
