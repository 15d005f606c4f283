#pragma once

#include <string>
#include <string_view>

namespace fovea::cpu {

// What the SIMD kernels were dispatched to on this machine: "AVX3", "AVX2", "SSE4", ...
std::string instruction_set();

// Keeps our kernels, not those of oneDNN (ONEDNN_MAX_CPU_ISA), from everything better than this
// set. To be called before the first of them runs. Throws std::invalid_argument for a name that is
// none.
void limit_instruction_set(std::string_view name);

// All that bits depend on besides shapes and threads: "AVX3, oneDNN 2.6.3, convolution rule 2",
// with ", tuned NAME" after it where another rule is in use.
std::string arithmetic();

}  // namespace fovea::cpu
