#pragma once

#include <string>

namespace fovea::cpu {

// What the SIMD kernels were dispatched to on this machine: "AVX3", "AVX2", "SSE4", ...
std::string instruction_set();

// All that bits depend on besides shapes and threads: "AVX3, oneDNN 2.6.3, convolution rule 1".
std::string arithmetic();

}  // namespace fovea::cpu
