#include "fovea/backend/conv_route.h"

#include "fovea/backend/conv_rule.h"
#include "fovea/backend/cpu/direct.h"
#include "fovea/backend/cpu/winograd.h"

namespace fovea::cpu {

namespace {

// Tiles that take as long to multiply as the weights take to transform (there and back for their
// gradient), or prepared ones to read.
int64_t weights_as_tiles(ConvPass pass, bool prepared) {
  if (pass == ConvPass::backward_weights) return 16;
  return prepared ? 6 : 8;
}

}  // namespace

ConvRoute fixed_conv_route(ConvPass pass, const ConvExtents& e, bool prepared) {
  if (direct_applies(pass, e)) return ConvRoute::direct;
  if (!winograd_applies(e)) return ConvRoute::library;
  if (e.in < 16 || e.out < 16) return ConvRoute::library;
  const bool to_x = pass == ConvPass::backward_data;
  const int64_t h = to_x ? e.h : e.ho, w = to_x ? e.w : e.wo;
  // Multiplications for each pair of channels.
  auto products = [&](int64_t tile) {
    const int64_t tiles = e.n * ((h + tile - 1) / tile) * ((w + tile - 1) / tile);
    return (tile + 2) * (tile + 2) * (tiles + weights_as_tiles(pass, prepared));
  };
  const int64_t small = products(2), large = products(4), direct = 9 * e.n * h * w;
  const bool small_pays = e.in * e.out >= 512;
  if (small_pays && small <= large && 10 * small <= 9 * direct) return ConvRoute::winograd2;
  return 10 * large <= 9 * direct ? ConvRoute::winograd4 : ConvRoute::library;
}

ConvRoute conv_route(ConvPass pass, const ConvExtents& e, bool prepared) {
  const auto& exceptions = conv_rule_in_use().exceptions;
  ConvRecorder* recorder = ConvRecorder::active();
  if ((!exceptions.empty() || recorder) && winograd_applies(e) && !direct_applies(pass, e)) {
    const ConvPlace place = place_of(pass, e, prepared);
    if (recorder) recorder->record(place, e);
    if (auto found = exceptions.find(place); found != exceptions.end()) return found->second;
  }
  return fixed_conv_route(pass, e, prepared);
}

std::string_view name_of(ConvRoute route) {
  switch (route) {
    case ConvRoute::winograd2:
      return "winograd2";
    case ConvRoute::winograd4:
      return "winograd4";
    case ConvRoute::direct:
      return "direct";
    default:
      return "library";
  }
}

std::string_view name_of(ConvPass pass) {
  switch (pass) {
    case ConvPass::forward:
      return "forward";
    case ConvPass::backward_data:
      return "backward_data";
    default:
      return "backward_weights";
  }
}

}  // namespace fovea::cpu
