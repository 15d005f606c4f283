#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Five convolutions and three linear layers.
//
// alexnet_paper is the network of Krizhevsky et al. 2012, section 3: pictures of 227 x 227 (the 224
// of the paper does not give its 55 x 55), convolutions 2, 4 and 5 in two groups, local response
// norm and then 3x3 pooling with stride 2 behind the first two. zfnet is that of Zeiler and Fergus
// 2014, figure 3: 7x7 windows with stride 2 first (padded by 1, to 110 x 110), then 5x5 with stride
// 2 and no padding, no groups, poolings that round up. Where it says "contrast normalised", the
// norm is AlexNet's, behind the pooling.
// Keys: conv{1..5}, fc{6..8}.
//
// alexnet is torchvision's: the narrower one of Krizhevsky 2014, without norms or groups.
// Keys: features.{0,3,6,8,10}, classifier.{1,4,6}.
//
// Other sizes are averaged to 6x6 before the first linear layer. Weights begin by He's rule.
std::span<const Entry> alexnet_entries();

}  // namespace fovea::models
