#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

void register_all(KernelTable& table) {
  register_elementwise(table);
  register_matmul(table);
  register_reduce(table);
  register_shape(table);
}

}  // namespace fovea::ref
