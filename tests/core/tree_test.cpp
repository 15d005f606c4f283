#include "fovea/core/tree.h"

#include <set>

#include <gtest/gtest.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea {
namespace {

Tree example() {
  return {
      {"b.weight", Tensor::from<float>({1, 2, 3, 4}, {2, 2})},
      {"a.bias", Tensor::from<float>({5}, {1})},
      {"a10", zeros({0})},
  };
}

TEST(Tree, IsInByteOrderOfNames) {
  Tree tree = example();
  EXPECT_EQ(values_of(tree)[0].numel(), 1);
  EXPECT_EQ(values_of(tree)[2].numel(), 4);
  EXPECT_EQ(numel_of(tree), 5);
}

TEST(Tree, MapsEveryTensor) {
  std::vector<std::string> names;
  Tree doubled = map_tree(example(), [&](const std::string& name, const Tensor& t) {
    names.push_back(name);
    return t * 2;
  });
  EXPECT_EQ(names, (std::vector<std::string>{"a.bias", "a10", "b.weight"}));
  EXPECT_EQ(doubled.at("b.weight").to_vector(), (std::vector<float>{2, 4, 6, 8}));
}

TEST(Tree, FingerprintTellsEveryDifference) {
  std::set<std::string> seen{fingerprint(example())};
  EXPECT_EQ(fingerprint(example()), *seen.begin());
  EXPECT_EQ(seen.begin()->size(), 32u);
  auto changed = [&](auto&& change) {
    Tree tree = example();
    change(tree);
    EXPECT_TRUE(seen.insert(fingerprint(tree)).second);
  };
  changed([](Tree& t) { t.erase("a10"); });
  changed([](Tree& t) { t["c"] = t["a10"]; });
  changed([](Tree& t) { t["a.bias"] = t["a.bias"] + 1e-6; });
  changed([](Tree& t) { t["b.weight"] = reshape(t["b.weight"], {4}); });
  changed([](Tree& t) { t["a10"] = zeros({0}, Dtype::f64); });
  changed([](Tree& t) { t["a10"] = zeros({0, 1}); });
}

}  // namespace
}  // namespace fovea
