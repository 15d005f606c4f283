#pragma once

#include "fovea/core/kernel.h"

// The reference backend: one naive loop per op, any dtype it makes sense for (f64 too), no threads.
// It is the truth the fast kernels are tested against, so it is written to be read.
namespace fovea::ref {

void register_all(KernelTable& table);  // calls the functions below, one per family

void register_chain(KernelTable& table);
void register_conv(KernelTable& table);
void register_elementwise(KernelTable& table);
void register_features(KernelTable& table);
void register_index(KernelTable& table);
void register_join(KernelTable& table);
void register_loss(KernelTable& table);
void register_matmul(KernelTable& table);
void register_nearest(KernelTable& table);
void register_norm(KernelTable& table);
void register_pad(KernelTable& table);
void register_pool(KernelTable& table);
void register_random(KernelTable& table);
void register_reduce(KernelTable& table);
void register_resize(KernelTable& table);
void register_shape(KernelTable& table);
void register_slice(KernelTable& table);
void register_softmax(KernelTable& table);
void register_sort(KernelTable& table);
void register_update(KernelTable& table);

}  // namespace fovea::ref
