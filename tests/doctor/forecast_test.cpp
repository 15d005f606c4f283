// What training will need, before it needs it, and the page that shows it.
#include "fovea/doctor/forecast.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fovea/core/allocator.h"
#include "fovea/core/memory_info.h"
#include "fovea/doctor/page.h"
#include "fovea/image/decode.h"
#include "fovea/optim/factory.h"
#include "fovea/train/step.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::doctor {
namespace {

// As MobileNet has it.
const char* const depthwise = R"(
[[model.layers]]
type = "conv"
out = 32
stride = 2
norm = "batch"
act = "relu"
[[model.layers]]
type = "conv"
out = 32
groups = 32
norm = "batch"
act = "relu"
[[model.layers]]
type = "conv"
out = 64
kernel = 1
norm = "batch"
act = "relu"
[[model.layers]]
type = "conv"
out = 64
kernel = 5
stride = 2
groups = 64
norm = "batch"
act = "relu"
[[model.layers]]
type = "global_pool"
[[model.layers]]
type = "linear"
out = 10
)";

train::Config config_of(const std::map<std::string, std::string>& changes) {
  train::Config c = train::recipe_config();
  if (changes.contains("model.name") && changes.at("model.name") == "layers")
    c.read_toml_text(depthwise, "test.toml");
  c.set("data.limit", "200", "test");
  c.set("data.workers", "0", "test");
  for (const auto& [key, value] : changes) c.set(key, value, "test");
  return c;
}

// What steps took at most, with weights and optimiser state, while the network already lay there.
double measured(const train::Config& config) {
  Patient p{train::Recipe(config)};
  const auto optimizer = optim::make_optimizer(p.recipe.optimizer);
  auto bytes = [](const Tree& tree) {
    int64_t sum = 0;
    for (const auto& item : tree) sum += int64_t(item.second.nbytes());
    return sum;
  };
  nn::Module& net = *p.setup.model.net;
  const int64_t lies_there = bytes(nn::parameters(net)) + bytes(nn::state(net));
  const int64_t before = host_allocator().stats().live;
  const data::Batch batch = p.batch(p.recipe.batch);
  host_allocator().reset_peak();
  for (uint64_t step = 0; step < 2; ++step)
    train::train_step(
        p.setup.model, *optimizer, batch, Key(step), {.loss = p.setup.loss, .frozen = &p.frozen});
  return double(host_allocator().stats().peak - before + lies_there);
}

TEST(DoctorForecast, ComesWithinAQuarterOfWhatAStepTakes) {
  const std::vector<std::map<std::string, std::string>> recipes{
      {{"model.name", "linear"}, {"train.batch", "64"}},
      {{"model.name", "two_layer"}, {"optimizer.name", "sgd"}, {"train.batch", "64"}},
      {{"model.name", "lenet5"}, {"train.batch", "64"}},
      {{"model.name", "convnet"}, {"train.batch", "16"}, {"data.channels", "3"}},
      {{"model.name", "resnet20"}, {"train.batch", "32"}, {"data.height", "32"}},
      {{"model.name", "layers"}, {"train.batch", "8"}, {"data.height", "32"}},
      {{"model.pattern", "[(conv-relu)-pool]*2-(fc-relu)"},
       {"model.norm", "batch"},
       {"train.batch", "32"},
       {"optimizer.name", "sgd"},
       {"optimizer.momentum", "0.9"}},
  };
  for (const auto& changes : recipes) {
    const std::string name = changes.contains("model.name") ? changes.at("model.name") : "pattern";
    SCOPED_TRACE(name);
    const train::Config config = config_of(changes);
    const Patient p{train::Recipe(config)};
    const Forecast f = forecast(p);
    EXPECT_EQ(f.waiting, 0);
    EXPECT_EQ(f.parameters, nn::count_parameters(*p.setup.model.net));
    const double ratio = double(f.peak()) / measured(config);
    RecordProperty("ratio_" + name, fmt::format("{:.3f}", ratio));
    EXPECT_NEAR(ratio, 1, 0.25) << f.str();
  }
}

TEST(DoctorForecast, CountsWhatIsTrainedAndWhatWaits) {
  const Patient p{train::Recipe(
      config_of({{"model.name", "lenet5"}, {"model.freeze", "conv1"}, {"data.workers", "2"}}))};
  const Forecast f = forecast(p);
  EXPECT_EQ(f.parameters - f.trained, 6 * 25 + 6);
  EXPECT_EQ(f.optimizer, 2 * 4 * f.trained);  // both moments of AdamW
  EXPECT_EQ(f.waiting, 4 * 128 * 28 * 28 * 4);
  EXPECT_HAS(f.str(), "multiply-adds a picture; memory at most ");
}

TEST(DoctorForecast, SaysWhenMemoryIsShort) {
  const Patient p{train::Recipe(config_of({{"model.name", "lenet5"}}))};
  const Forecast f = forecast(p);
  auto look = [&](int64_t memory) {
    Findings found;
    check_memory(f, p, {.memory = memory}, found);
    return found;
  };
  EXPECT_TRUE(look(2 * f.peak()).empty());
  EXPECT_EQ(look(f.peak() * 21 / 20).at(0).severity, Severity::warning);
  const Finding half = look(f.peak() / 2).at(0);
  EXPECT_EQ(half.id, "memory.short");
  EXPECT_EQ(half.severity, Severity::problem);
  EXPECT_EQ(half.changes.at(0).second, "32");
  EXPECT_GT(resident_memory(), 1 << 20);
  EXPECT_GT(available_memory(), 1 << 20);
}

class DoctorPage : public test::FolderTest {};

TEST_F(DoctorPage, ShowsFindingsForecastAndPictures) {
  Patient p{train::Recipe(config_of({{"model.name", "linear"}, {"train.label_smoothing", "0.8"}}))};
  CheckOptions o = quiet_options();
  o.sheet = true;
  Diagnosis d = examine(p, o);
  EXPECT_EQ(d.sheet.size(), 40u);  // four of each digit
  write_page(path("page.html"), "a <recipe>", d);
  const std::string page = read("page.html");
  for (const char* text :
       {"a &lt;recipe&gt;", "loss.smoothing", "0.8 of each target", "data:image/png"})
    EXPECT_HAS(page, text);
  write_sheet(path("sheet.png"), d);
  EXPECT_GT(image::load(path("sheet.png")).width, 8 * 96);
  d.sheet.clear();
  EXPECT_THROW(write_sheet(path("sheet.png"), d), std::invalid_argument);
}

}  // namespace
}  // namespace fovea::doctor
