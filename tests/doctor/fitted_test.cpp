#include <gtest/gtest.h>

#include "fovea/doctor/examine.h"
#include "fovea/train/recipe.h"

namespace fovea::doctor {
namespace {

// Of a model that is fitted at once there are no weights and no steps to look at.
TEST(Examine, LooksAtDataAndRecipeOfNearestNeighbours) {
  train::Config c = train::recipe_config();
  c.set("model.name", "knn", "test");
  c.set("data.limit", "300", "test");
  const Diagnosis d = examine(c);
  EXPECT_TRUE(d.healthy());
  EXPECT_EQ(d.checked, (std::vector<std::string>{"data", "recipe"}));
}

}  // namespace
}  // namespace fovea::doctor
