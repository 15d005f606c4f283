#pragma once

#include <span>
#include <string>

#include "fovea/core/tensor.h"

// Which kernel an op would run, such as oneDNN's "brgconv:avx512_core"; for tests and benchmarks,
// to see that none falls on the library's slow reference loops ("ref...").
namespace fovea {

class ConvFwd;
class ConvBwdData;
class ConvBwdWeights;
class Matmul;

namespace cpu {

std::string matmul_implementation(const Matmul& op, std::span<const Tensor> in);
std::string conv_implementation(const ConvFwd& op, std::span<const Tensor> in);
std::string conv_implementation(const ConvBwdData& op, std::span<const Tensor> in);
std::string conv_implementation(const ConvBwdWeights& op, std::span<const Tensor> in);

}  // namespace cpu
}  // namespace fovea
