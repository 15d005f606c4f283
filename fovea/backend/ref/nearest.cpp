#include "fovea/ops/nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

namespace {

// A tree's points are gone through one by one, too.
void nearest_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& [k, metric] = static_cast<const Nearest&>(primitive).options();
  const int64_t n = in[0].dim(0), m = in[1].dim(0), dims = in[0].dim(1);
  const float *x = in[0].data<float>().data(), *points = in[1].data<float>().data();
  const int32_t* order = in.size() > 2 ? in[2].data<int32_t>().data() : nullptr;
  int32_t* indices = out[0].mutable_data<int32_t>().data();
  float* distances = out[1].mutable_data<float>().data();
  std::vector<std::pair<double, int32_t>> all;
  for (int64_t i = 0; i < n; ++i) {
    all.clear();
    for (int64_t j = 0; j < m; ++j) {
      double d = gap(metric, x + i * dims, points + j * dims, dims);
      if (std::isnan(d)) d = std::numeric_limits<double>::infinity();
      all.emplace_back(d, order ? order[j] : int32_t(j));
    }
    std::partial_sort(all.begin(), all.begin() + k, all.end());
    for (int64_t j = 0; j < k; ++j) {
      const auto [d, index] = all[size_t(j)];
      indices[i * k + j] = index;
      distances[i * k + j] = float(metric == Metric::l2 ? std::sqrt(d) : d);
    }
  }
}

void votes_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto classes = size_t(static_cast<const NeighbourVotes&>(primitive).classes());
  const auto n = size_t(in[0].dim(0)), k = size_t(in[0].dim(1));
  const auto indices = in[0].data<int32_t>(), labels = in[1].data<int32_t>();
  auto y = out[0].mutable_data<float>();
  std::vector<size_t> votes(classes), met;  // classes in the order of their nearest neighbours
  for (size_t i = 0; i < n; ++i) {
    std::ranges::fill(votes, 0);
    met.clear();
    for (size_t j = 0; j < k; ++j) {
      const int32_t index = indices[i * k + j];
      if (index < 0 || size_t(index) >= labels.size())
        throw std::invalid_argument(
            fmt::format("expected indices in 0..{}, got {}", labels.size() - 1, index));
      const int32_t label = labels[size_t(index)];
      if (label < 0 || size_t(label) >= classes)
        throw std::invalid_argument(
            fmt::format("expected labels in 0..{}, got {}", classes - 1, label));
      if (votes[size_t(label)]++ == 0) met.push_back(size_t(label));
    }
    std::vector<double> p(classes, 1 / double(classes));
    double total = 1;
    for (size_t c : met) {
      auto equal = [&](size_t other) { return votes[other] == votes[c]; };
      const auto ties = double(std::ranges::count_if(met, equal));
      const auto before = double(std::count_if(met.begin(), std::ranges::find(met, c), equal));
      const double share = double(votes[c]) + (ties - 1 - before) / (2 * ties);
      p[c] += share;
      total += share;
    }
    for (size_t c = 0; c < classes; ++c) y[i * classes + c] = float(std::log(p[c] / total));
  }
}

}  // namespace

void register_nearest(KernelTable& table) {
  table.add<Nearest>(Device::ref, nearest_kernel);
  table.add<NeighbourVotes>(Device::ref, votes_kernel);
}

}  // namespace fovea::ref
