#pragma once

#include "fovea/data/loader.h"

namespace fovea::train {

// Mixing pictures of a batch in pairs; 0 is off. With both, each batch draws one of the two.
struct MixOptions {
  double mixup = 0;   // alpha of MixUp (Zhang et al. 2018); 0.2 to 0.4 in the paper
  double cutmix = 0;  // alpha of CutMix (Yun et al. 2019); 1 in the paper
};

struct MixedBatch {
  Tensor images;     // (N, H, W, C)
  Tensor labels;     // i32 (N), of what the pictures were
  Tensor others;     // i32 (N), of what was mixed into them; empty where nothing was
  double share = 1;  // of the pictures themselves in the result, and of `labels` in the loss
};

// Pairs each picture with another by a random order and mixes all by one share from
// Beta(alpha, alpha): MixUp adds the pictures with the weights share and 1 - share, CutMix pastes a
// rectangle of the other with 1 - share of the area, anywhere; what the edge cuts off counts for
// the picture itself.
MixedBatch mix_batch(const data::Batch& batch, const MixOptions& o, Key key);

// From Beta(alpha, alpha), in [0, 1].
double draw_beta(double alpha, Rng& rng);

}  // namespace fovea::train
