#pragma once

#include <string>

namespace fovea::cpu {

// What the SIMD kernels were dispatched to on this machine: "AVX3", "AVX2", "SSE4", ...
std::string instruction_set();

}  // namespace fovea::cpu
