#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

void register_all(KernelTable& table) {
  register_chain(table);
  register_conv(table);
  register_elementwise(table);
  register_features(table);
  register_index(table);
  register_join(table);
  register_loss(table);
  register_matmul(table);
  register_nearest(table);
  register_norm(table);
  register_pad(table);
  register_pool(table);
  register_random(table);
  register_reduce(table);
  register_resize(table);
  register_shape(table);
  register_slice(table);
  register_softmax(table);
  register_sort(table);
  register_update(table);
}

}  // namespace fovea::ref
