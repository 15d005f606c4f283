#pragma once

#include <optional>

#include "fovea/backend/conv_route.h"
#include "fovea/backend/cpu/conv_finish.h"
#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"

// Convolution of 3 x 3 filters by Winograd's algorithm (Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks"). Tiles of 2 x 2 outputs take 2.25 times fewer multiplications
// than the sum itself, tiles of 4 x 4 four times fewer, at errors below 1e-6 and 4e-6 of the
// largest output forward. Bits depend on sizes and threads() alone.
namespace fovea::cpu {

enum class WinogradTile : int { two = 2, four = 4 };  // outputs along an edge

// The tile of a route, unless it is another's.
std::optional<WinogradTile> winograd_tile(ConvRoute route);

// 3 x 3 filters, stride 1, no dilation, no groups.
bool winograd_applies(const ConvExtents& e);

// How many floats the transformed weights take.
int64_t winograd_weights_size(const ConvExtents& e, WinogradTile tile, ConvPass pass);

// w (O, 3, 3, I) -> `packed`, for the forward pass or backward to x, in the order in which the
// products of this process read it.
void winograd_weights(
    const ConvExtents& e, WinogradTile tile, ConvPass pass, const float* w, float* packed);

// The weights of a run: as winograd_weights left them, or plain, to be transformed on the way.
struct WinogradFilters {
  const float* packed = nullptr;
  const float* plain = nullptr;
};

// Bytes of scratch memory that a pass over plain weights takes; `bias`: and makes its gradient too.
int64_t winograd_scratch(const ConvExtents& e, WinogradTile tile, ConvPass pass);
int64_t winograd_weights_scratch(const ConvExtents& e, WinogradTile tile, bool bias);

// x (N, H, W, I) and weights -> y (N, Ho, Wo, O).
void winograd_forward(
    const ConvExtents& e,
    WinogradTile tile,
    const float* x,
    const WinogradFilters& filters,
    const ConvFinish& finish,
    float* y,
    Run& run);

// dy (N, Ho, Wo, O) and weights, packed for this pass or plain -> dx (N, H, W, I).
void winograd_backward_data(
    const ConvExtents& e,
    WinogradTile tile,
    const float* dy,
    const WinogradFilters& filters,
    float* dx,
    Run& run);

// x and dy -> dw (O, 3, 3, I) and, unless null, db (O).
void winograd_backward_weights(
    const ConvExtents& e,
    WinogradTile tile,
    const float* x,
    const float* dy,
    float* dw,
    float* db,
    Run& run);

}  // namespace fovea::cpu
