#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// The first inception network (Szegedy et al. 2015, table 1), in two forms. googlenet_paper has
// biases, local response norm around the second stage and 5x5 convolutions. googlenet is
// torchvision's: batch norm, 3x3 convolutions in place of the 5x5 ones, another window in the last
// pooling; its weights were made for pictures scaled to [-1, 1]. Two auxiliary heads, behind 4a and
// 4d, run in training only, their losses times 0.3.
// Keys: conv1, conv2, conv3, inception{3a..5b}.{branch1,branch{2,3}.{0,1},branch4.1}, fc,
// aux{1,2}.{conv,fc1,fc2}.
std::span<const Entry> googlenet_entries();

// Channels of one inception module. Without `reduce3` and `reduce5` the 3x3 and 5x5 convolutions
// see all of the input, without `proj` the pooling keeps its channels: the naive module of figure
// 2a.
struct InceptionWidths {
  int64_t one = 0, reduce3 = 0, three = 0, reduce5 = 0, five = 0, proj = 0;
};

struct InceptionOptions {
  int64_t in = 0;
  InceptionWidths widths;
  bool torchvision = false;  // batch norm, and 3x3 in place of 5x5
};

// x (N, H, W, in) -> (N, H, W, one + three + five + (proj or in)).
std::unique_ptr<nn::Module> inception_module(const InceptionOptions& o);

}  // namespace fovea::models
