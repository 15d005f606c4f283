// What the doctor says of a model that is fine-tuned.
#include <gtest/gtest.h>

#include "fovea/doctor/examine.h"
#include "tests/support/folder.h"

namespace fovea::doctor {
namespace {

class DoctorFinetune : public test::FolderTest {};

// Caffe's inputs have a deviation near 70 by design, and no setting of a fine-tuning changes that.
TEST_F(DoctorFinetune, TakesInputsAsTheOldModelPreparesThem) {
  models::Model m;
  m.architecture = {.name = "lenet5", .input = {28, 28, 3}, .classes = 10};
  m.preprocess = data::Preprocess::named("caffe", 28, 28, 3);
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  m.classes = models::numbered_classes(10);
  models::save_model(path("old.safetensors"), m);
  train::Config c = train::recipe_config();
  c.set("data.limit", "200", "test");
  c.set("data.workers", "0", "test");
  c.set("model.from", path("old.safetensors"), "test");
  const Diagnosis d = examine(c, quiet_options());
  for (const Finding& f : d.findings)
    EXPECT_FALSE(f.id.starts_with("input.") || f.id == "setup") << f.saw;
}

}  // namespace
}  // namespace fovea::doctor
