#include "fovea/backend/conv_rule.h"

#include <utility>

namespace fovea::cpu {

namespace {

ConvRule rule_in_use;
thread_local ConvRecorder* recorder = nullptr;

}  // namespace

ConvPlace place_of(ConvPass pass, const ConvExtents& e, bool prepared) {
  return {pass, prepared, e.n, e.h, e.w, e.in, e.ho, e.wo, e.out};
}

void use_conv_rule(ConvRule rule) { rule_in_use = std::move(rule); }
const ConvRule& conv_rule_in_use() { return rule_in_use; }

ConvRecorder::ConvRecorder() : previous_(std::exchange(recorder, this)) {}
ConvRecorder::~ConvRecorder() { recorder = previous_; }
ConvRecorder* ConvRecorder::active() { return recorder; }

}  // namespace fovea::cpu
