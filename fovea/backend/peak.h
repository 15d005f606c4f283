#pragma once

namespace fovea {

// What the machine does at most. Measuring takes half a second.
struct Peak {
  double fma = 0;     // GFLOP/s of fused multiply-adds on registers
  double sgemm = 0;   // GFLOP/s of our matrix product, 2048 x 2048
  double memory = 0;  // GB/s read and written by copying 128 MiB
};

Peak measure_peak(int threads);  // with so many threads

}  // namespace fovea
