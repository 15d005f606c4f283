#include "fovea/core/kernel.h"

#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fovea {

std::byte* Workspace::get(size_t bytes) {
  blocks_.push_back(std::make_unique<Storage>(bytes, device_));
  return blocks_.back()->data();
}

void KernelTable::copy(Device::Kind from, Device::Kind to) {
  std::map<Place, Kernel> copies;
  for (const auto& [key, kernel] : table_)
    if (key.second == from) copies[{key.first, to}] = kernel;
  table_.merge(copies);
}

Kernel KernelTable::find(const Primitive& primitive, Device::Kind device) const {
  std::type_index type(typeid(primitive));
  if (auto it = table_.find({type, device}); it != table_.end()) return it->second;
  std::vector<std::string_view> have;
  for (const auto& [key, kernel] : table_)
    if (key.first == type) have.push_back(name_of(key.second));
  throw std::invalid_argument(fmt::format(
      "no kernel for {}; available: {}",
      name_of(device),
      have.empty() ? "none" : fmt::format("{}", fmt::join(have, ", "))));
}

Prepared KernelTable::prepare(
    const Primitive& primitive, std::span<const Tensor> in, Device::Kind device) const {
  if (auto it = prepares_.find({typeid(primitive), device}); it != prepares_.end())
    if (Prepared prepared = it->second(primitive, in); prepared.run) return prepared;
  auto run = [kernel = find(primitive, device), &primitive](
                 std::span<const Tensor> inputs, std::span<Tensor> outputs, Run& r) {
    kernel(primitive, inputs, outputs, r);
  };
  return {.run = run, .packed = {}};
}

int64_t KernelTable::scratch(
    const Primitive& primitive, std::span<const Tensor> in, Device::Kind device) const {
  auto it = scratches_.find({typeid(primitive), device});
  return it == scratches_.end() ? 0 : it->second(primitive, in);
}

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    register_backends(t);
    return t;
  }();
  return table;
}

}  // namespace fovea
