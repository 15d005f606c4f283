#include "fovea/core/tree.h"

#include <fmt/format.h>

#include "fovea/core/eval.h"

namespace fovea {

std::vector<Tensor> values_of(const Tree& tree) {
  std::vector<Tensor> values;
  values.reserve(tree.size());
  for (const auto& [name, t] : tree) values.push_back(t);
  return values;
}

Tree map_tree(const Tree& tree, const std::function<Tensor(const std::string&, const Tensor&)>& f) {
  Tree out;
  for (const auto& [name, t] : tree) out.emplace_hint(out.end(), name, f(name, t));
  return out;
}

int64_t numel_of(const Tree& tree) {
  int64_t n = 0;
  for (const auto& [name, t] : tree) n += t.numel();
  return n;
}

std::string fingerprint(const Tree& tree) {
  using u128 = unsigned __int128;
  u128 hash = (u128(0x6c62272e07bb0142) << 64) | 0x62b821756295c58d;
  const u128 prime = (u128(1) << 88) | 0x13b;
  auto add = [&](const void* data, size_t size) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (size_t i = 0; i < size; ++i) hash = (hash ^ p[i]) * prime;
  };
  eval(values_of(tree));
  for (const auto& [name, t] : tree) {
    std::string head = fmt::format("{}\n{}\n", name, t.str());
    add(head.data(), head.size());
    auto bytes = t.bytes();
    add(bytes.data(), bytes.size());
  }
  return fmt::format("{:016x}{:016x}", uint64_t(hash >> 64), uint64_t(hash));
}

}  // namespace fovea
