#pragma once

#include <array>
#include <string_view>

#include "fovea/ops/conv.h"

// Which code runs a convolution. The rule is fixed: it depends on the shape alone, so that results
// keep their bits. conv_rule.h lets a user put another one in its place.
namespace fovea::cpu {

enum class ConvPass : uint8_t { forward, backward_data, backward_weights };

// oneDNN, our own Winograd convolution (winograd.h) in tiles of 2 x 2 or 4 x 4, or our own sums
// over few channels (direct.h).
enum class ConvRoute { library, winograd2, winograd4, direct };

// Our own sums where direct_applies. Winograd's algorithm for 3 x 3 filters of stride 1 where both
// are true:
// - there are at least 16 channels each way, and for the small tile 512 pairs of them: with fewer,
//   the transforms outweigh the products they save;
// - the multiplications of the tile that needs fewer, and of as many more tiles as transforming the
//   weights costs, are at most nine tenths of the sum's own.
// Measured on AVX-512 and AVX2 (bench/kernels/01-winograd.md). `prepared` says that the weights are
// transformed already.
ConvRoute fixed_conv_route(ConvPass pass, const ConvExtents& e, bool prepared = false);

// The same, or what the rule in use says.
ConvRoute conv_route(ConvPass pass, const ConvExtents& e, bool prepared = false);

// Raised whenever the rule changes, here or in how the engine splits its work; checkpoints record
// it.
inline constexpr int conv_rule = 6;

// Those that another rule may choose between.
inline constexpr std::array conv_routes{
    ConvRoute::library, ConvRoute::winograd2, ConvRoute::winograd4};

// "library", "winograd2", "winograd4" or "direct".
std::string_view name_of(ConvRoute route);

// "forward", "backward_data" or "backward_weights".
std::string_view name_of(ConvPass pass);

}  // namespace fovea::cpu
