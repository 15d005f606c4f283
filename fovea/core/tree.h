#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea {

// Named tensors, "layer1.0.conv1.weight" -> Tensor, in byte order of the names.
using Tree = std::map<std::string, Tensor>;

std::vector<Tensor> values_of(const Tree& tree);
Tree map_tree(const Tree& tree, const std::function<Tensor(const std::string&, const Tensor&)>& f);
int64_t numel_of(const Tree& tree);

// FNV-1a hash (128 bits, hex) of names, dtypes, shapes and bytes, to compare trees bit by bit.
// Not cryptographic. Evaluates the tree.
std::string fingerprint(const Tree& tree);

}  // namespace fovea
