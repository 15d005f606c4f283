#include "fovea/backend/conv_timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "fovea/backend/cpu/engine.h"
#include "fovea/backend/cpu/winograd.h"
#include "fovea/core/tensor.h"

namespace fovea::cpu {

namespace {

using Values = std::shared_ptr<Storage>;
using Call = std::function<void(Run&)>;

constexpr Device host{Device::cpu};
constexpr double least_seconds = 4e-3;  // of a turn

Values made_up(int64_t count) {
  auto values = std::make_shared<Storage>(size_t(count) * sizeof(float), host);
  auto* p = reinterpret_cast<float*>(values->data());
  for (int64_t i = 0; i < count; ++i) p[i] = float(uint32_t(i) * 2654435761u) / 2147483648.0f - 1;
  return values;
}

float* floats(const Values& v) { return reinterpret_cast<float*>(v->data()); }

// One convolution by each route, on the same numbers.
struct Bench {
  ConvPlace place;
  ConvCall call;
  Values x, w, y;

  Bench(const ConvPlace& at, const ConvExtents& e)
      : place(at),
        call{at.pass, e},
        x(made_up(e.n * e.h * e.w * e.in)),
        w(made_up(e.out * 9 * e.in)),
        y(made_up(e.n * e.ho * e.wo * e.out)) {}

  Call by(ConvRoute route) const {
    const auto tile = winograd_tile(route);
    switch (place.pass) {
      case ConvPass::forward:
        return tile ? forward(*tile) : forward();
      case ConvPass::backward_data:
        if (!tile)
          return [*this](Run& r) { conv_backward_data(call, floats(y), floats(w), floats(x), r); };
        return [*this, tile](Run& r) {
          const WinogradFilters filters{.plain = floats(w)};
          winograd_backward_data(call.e, *tile, floats(y), filters, floats(x), r);
        };
      default:
        if (!tile)
          return [*this](Run& r) {
            conv_backward_weights(call, floats(x), floats(y), floats(w), nullptr, r);
          };
        return [*this, tile](Run& r) {
          winograd_backward_weights(call.e, *tile, floats(x), floats(y), floats(w), nullptr, r);
        };
    }
  }

  Call forward() const {
    PackedForward packed;
    if (place.prepared) packed = pack_conv_forward(call, floats(w));
    return [*this, packed](Run& r) {
      if (packed)
        packed(floats(x), nullptr, floats(y), r);
      else
        conv_forward(call, floats(x), floats(w), nullptr, floats(y), r);
    };
  }

  Call forward(WinogradTile tile) const {
    Values packed;
    if (place.prepared) {
      packed = made_up(winograd_weights_size(call.e, tile, place.pass));
      winograd_weights(call.e, tile, place.pass, floats(w), floats(packed));
    }
    return [*this, tile, packed](Run& r) {
      const WinogradFilters filters{
          .packed = packed ? floats(packed) : nullptr, .plain = packed ? nullptr : floats(w)};
      winograd_forward(call.e, tile, floats(x), filters, {}, floats(y), r);
    };
  }
};

double seconds(const Call& call, int times) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) {
    Workspace scratch(host);
    Run run{host, scratch};
    call(run);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / times;
}

}  // namespace

std::array<double, conv_routes.size()> time_conv_routes(
    const ConvPlace& place, const ConvExtents& e, int rounds) {
  const Bench bench(place, e);
  std::array<Call, conv_routes.size()> calls;
  std::array<int, conv_routes.size()> times{};
  std::array<std::vector<double>, conv_routes.size()> taken;
  for (size_t i = 0; i < calls.size(); ++i) {
    calls[i] = bench.by(conv_routes[i]);
    seconds(calls[i], 1);
    times[i] = std::clamp(int(std::ceil(least_seconds / seconds(calls[i], 1))), 1, 1000);
  }
  for (int round = 0; round < rounds; ++round)
    for (size_t i = 0; i < calls.size(); ++i) taken[i].push_back(seconds(calls[i], times[i]));
  std::array<double, conv_routes.size()> medians{};
  for (size_t i = 0; i < calls.size(); ++i) {
    std::ranges::nth_element(taken[i], taken[i].begin() + rounds / 2);
    medians[i] = taken[i][size_t(rounds) / 2];
  }
  return medians;
}

}  // namespace fovea::cpu
