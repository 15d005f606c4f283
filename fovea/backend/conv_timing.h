#pragma once

#include <array>

#include "fovea/backend/conv_rule.h"

namespace fovea::cpu {

// Seconds that each of conv_routes takes for a convolution at a place, on made-up numbers: medians
// of `rounds` in which the routes take turns. `e` must be one that winograd_applies to.
std::array<double, conv_routes.size()> time_conv_routes(
    const ConvPlace& place, const ConvExtents& e, int rounds = 5);

}  // namespace fovea::cpu
