#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fovea/core/errors.h"
#include "fovea/data/loader.h"
#include "fovea/nn/module.h"

// What a run says when its numbers are no longer finite; private to the room.
namespace fovea::train {

// Which step it is about.
struct StepPlace {
  int64_t step = 0, epoch = 0;  // from 0
  double lr = 0;
};

// The error of a step whose loss was not finite, with the samples of its batch and what to try.
NonFiniteError with_batch(
    const NonFiniteError& e,
    const data::Batch& batch,
    const data::Dataset& dataset,
    const StepPlace& at);

// Throws NonFiniteError naming a parameter that is not finite and the optimiser that made it so. An
// infinite gradient may come with a finite loss; such weights must not reach a file.
void check_weights(nn::Module& net, std::string_view optimizer, const StepPlace& at);

}  // namespace fovea::train
