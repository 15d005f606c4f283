#include <algorithm>

#include <gtest/gtest.h>

#include "fovea/doctor/examine.h"
#include "fovea/train/recipe.h"
#include "tests/support/folder.h"

namespace fovea::doctor {
namespace {

class Features : public test::FolderTest {
 protected:
  // Whether inputs of these pale pictures that are not normalised are found fault with.
  bool blames_inputs(const std::string& first_layer) const {
    for (int i = 0; i < 20; ++i) {
      write_ppm("data/red/" + std::to_string(i) + ".ppm", 230, 160 + i, 150);
      write_ppm("data/blue/" + std::to_string(i) + ".ppm", 150, 160 + i, 230);
    }
    train::Config c = train::recipe_config();
    c.read_toml_text(
        "[data]\nnormalize = \"none\"\nval = 0.2\n[train]\nbatch = 8\n[[model.layers]]\ntype = \"" +
            first_layer + "\"\n[[model.layers]]\ntype = \"linear\"\nout = 2\n",
        "recipe.toml");
    c.set("data.source", path("data"), "test");
    const Diagnosis d = examine(c, {.steps = 5, .seconds = 5});
    return std::ranges::any_of(
        d.findings, [](const Finding& f) { return f.id == "input.unnormalised"; });
  }
};

TEST_F(Features, MayReadColoursAsTheyAre) {
  EXPECT_TRUE(blames_inputs("flatten"));
  EXPECT_FALSE(blames_inputs("hue_histogram"));
}

}  // namespace
}  // namespace fovea::doctor
