#pragma once

#include <string>

#include "fovea/doctor/patient.h"

namespace fovea::doctor {

// What training a recipe will need, read off the graph of a step; nothing runs. Bytes.
struct Forecast {
  int64_t parameters = 0, trained = 0;  // numbers
  double macs = 0;                      // multiply-adds of one picture, forward
  int64_t weights = 0;                  // with running statistics and averaged weights
  int64_t optimizer = 0;                // state of the optimiser
  int64_t step = 0;     // activations, gradients and scratch memory at their most, with the batch
  int64_t waiting = 0;  // batches that the loader makes ahead

  int64_t peak() const { return weights + optimizer + step + waiting; }
  std::string str() const;  // in one line
};

Forecast forecast(const Patient& patient);

}  // namespace fovea::doctor
