#pragma once

#include "fovea/core/kernel.h"

// The fast CPU backend: f32 kernels with SIMD chosen at run time and one OpenMP team per op. Other
// dtypes are handed to the reference kernel of the same op.
namespace fovea::cpu {

void register_all(KernelTable& table);  // calls the functions below, one per family

void register_conv(KernelTable& table);
void register_elementwise(KernelTable& table);
void register_loss(KernelTable& table);
void register_reduce(KernelTable& table);
void register_shape(KernelTable& table);
void register_features(KernelTable& table);
void register_index(KernelTable& table);
void register_join(KernelTable& table);
void register_matmul(KernelTable& table);
void register_nearest(KernelTable& table);
void register_norm(KernelTable& table);
void register_pad(KernelTable& table);
void register_pool(KernelTable& table);
void register_random(KernelTable& table);
void register_resize(KernelTable& table);
void register_slice(KernelTable& table);
void register_softmax(KernelTable& table);
void register_sort(KernelTable& table);
void register_update(KernelTable& table);

}  // namespace fovea::cpu
