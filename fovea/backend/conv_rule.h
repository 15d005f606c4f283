#pragma once

#include <compare>
#include <map>
#include <string>

#include "fovea/backend/conv_route.h"

// Another rule than the fixed one, as `fovea tune` measures it.
namespace fovea::cpu {

// All that the route of a 3 x 3 convolution of stride 1 depends on.
struct ConvPlace {
  ConvPass pass = ConvPass::forward;
  bool prepared = false;
  int64_t n = 0, h = 0, w = 0, in = 0;  // x
  int64_t ho = 0, wo = 0, out = 0;      // y

  friend auto operator<=>(const ConvPlace&, const ConvPlace&) = default;
};

ConvPlace place_of(ConvPass pass, const ConvExtents& e, bool prepared);

// The fixed rule but for some places. `name` tells one such rule from another in checkpoints.
struct ConvRule {
  std::string name;
  std::map<ConvPlace, ConvRoute> exceptions;
};

// For this process. To be called while nothing runs, and before weights are prepared: what was
// prepared keeps its route. An empty rule brings the fixed one back.
void use_conv_rule(ConvRule rule);
const ConvRule& conv_rule_in_use();

// While alive, keeps what conv_route is asked on this thread where there is more than one route.
class ConvRecorder {
 public:
  ConvRecorder();
  ~ConvRecorder();
  ConvRecorder(const ConvRecorder&) = delete;
  ConvRecorder& operator=(const ConvRecorder&) = delete;

  const std::map<ConvPlace, ConvExtents>& places() const { return places_; }

  void record(const ConvPlace& place, const ConvExtents& e) { places_.emplace(place, e); }
  static ConvRecorder* active();

 private:
  std::map<ConvPlace, ConvExtents> places_;
  ConvRecorder* previous_;
};

}  // namespace fovea::cpu
