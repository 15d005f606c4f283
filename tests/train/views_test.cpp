#include <algorithm>
#include <cmath>

#include "fovea/image/augment.h"
#include "fovea/image/geometry.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/slice.h"
#include "fovea/train/evaluate.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::train {
namespace {

using Crops = data::ViewOptions::Crops;

constexpr int classes = 3;

// A linear classifier of 6 x 6 crops of pictures whose shorter side is 8.
models::Model linear_model() {
  models::Model m;
  m.architecture = {
      .name = "layers",
      .input = {6, 6, 3},
      .classes = classes,
      .layers = {{"flatten", {}}, {"linear", {{"out", std::to_string(classes)}}}}};
  m.preprocess = {
      .resize = data::Preprocess::Resize::short_side, .height = 6, .width = 6, .short_side = 8};
  m.classes = {"a", "b", "c"};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  return m;
}

image::Image picture(int seed, int height = 8, int width = 11) {
  image::Image image(height, width, 3);
  uint32_t state = uint32_t(seed) + 1;
  for (uint8_t& v : image.pixels) v = uint8_t((state = state * 1664525u + 1013904223u) >> 24);
  return image;
}

data::DatasetPtr dataset(int n, int height = 8, int width = 11) {
  data::Pixels pixels{.height = height, .width = width, .channels = 3};
  std::vector<int> labels;
  for (int i = 0; i < n; ++i) {
    image::Image image = picture(i, height, width);
    pixels.bytes.insert(pixels.bytes.end(), image.pixels.begin(), image.pixels.end());
    labels.push_back(i % classes);
  }
  return data::make_pixel_dataset("noise", {"a", "b", "c"}, std::move(pixels), std::move(labels));
}

// The probabilities of one crop, by hand.
std::vector<double> probabilities(const models::Model& m, const image::Image& crop) {
  Tensor x = Tensor::empty({1, crop.height, crop.width, 3});
  data::Normaliser normalise(m.preprocess);
  normalise(crop, x.mutable_data<float>());
  std::vector<float> scores = m.scores(x).to_vector();
  double sum = 0;
  for (float s : scores) sum += std::exp(double(s));
  std::vector<double> p;
  for (float s : scores) p.push_back(std::exp(double(s)) / sum);
  return p;
}

std::vector<double> mean_probabilities(
    const models::Model& m, const std::vector<image::Image>& crops) {
  std::vector<double> mean(classes, 0);
  for (const image::Image& crop : crops) {
    std::vector<double> p = probabilities(m, crop);
    for (size_t c = 0; c < classes; ++c) mean[c] += p[c] / double(crops.size());
  }
  return mean;
}

TEST(ViewScores, AreTheMeanProbabilitiesOfTheCrops) {
  models::Model m = linear_model();
  const data::Views views(m.preprocess, {.crops = Crops::ten, .short_sides = {8, 9, 13}});
  data::ViewBatch batch(views);
  for (int i = 0; i < 2; ++i) batch.add(picture(i));
  Tensor log_p = ViewScores(m, views)(batch.take(), 2).scores;
  ASSERT_EQ(log_p.shape(), (Shape{2, classes}));
  for (int i = 0; i < 2; ++i) {
    std::vector<image::Image> crops;
    for (int side : {8, 9, 13})
      for (image::Image& c : image::ten_crop(image::resize_short_side(picture(i), side), 6, 6))
        crops.push_back(std::move(c));
    ASSERT_EQ(crops.size(), 30u);
    std::vector<double> expected = mean_probabilities(m, crops);
    for (size_t c = 0; c < classes; ++c)
      EXPECT_NEAR(std::exp(log_p.data<float>()[size_t(i) * classes + c]), expected[c], 1e-6);
  }
}

TEST(ViewScores, LeaveASureModelFinite) {
  models::Model m = linear_model();
  Tree weights = nn::parameters(*m.net);
  for (auto& [name, t] : weights) t = (t * 1e4).eval();
  nn::assign(*m.net, weights);
  const data::Views views(m.preprocess, {.crops = Crops::ten});
  data::ViewBatch batch(views);
  batch.add(picture(1));
  for (float v : ViewScores(m, views)(batch.take(), 1).scores.to_vector())
    EXPECT_TRUE(std::isfinite(v));
}

// Scores of `rows` pictures, the first, whatever the batch has.
class OfTheFirst : public nn::Module {
 public:
  OfTheFirst(std::unique_ptr<nn::Module> net, int64_t rows) : net_(std::move(net)), rows_(rows) {}
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    return slice(ctx.run("net", *net_, x), 0, {.start = 0, .stop = rows_});
  }
  void visit(Visitor& v) override { v.child("net", *net_); }

 private:
  std::unique_ptr<nn::Module> net_;
  int64_t rows_;
};

TEST(ViewScores, RunAModelOfOnePictureOneByOne) {
  models::Model m = linear_model();
  const data::Views views(m.preprocess, {.crops = Crops::ten});
  auto scores = [&] {
    data::ViewBatch batch(views);
    for (int i = 0; i < 3; ++i) batch.add(picture(i));
    return ViewScores(m, views)(batch.take(), 3).scores;
  };
  const Tensor expected = scores();
  m.net = std::make_unique<OfTheFirst>(std::move(m.net), 1);
  EXPECT_HAS(
      test::message_of([&] { scores(); }), "expected a row for each of 30 pictures, got (1, 3)");
  m.one_by_one = true;
  EXPECT_LE(test::relative_error(scores(), expected), 1e-5);
}

TEST(ViewScores, RefuseWhatIsNoNumber) {
  models::Model m = linear_model();
  Tree weights = nn::parameters(*m.net);
  for (auto& [name, t] : weights)
    if (t.rank() == 1) t = Tensor::from({0.f, std::nanf(""), 0.f}, {classes});
  nn::assign(*m.net, weights);
  const data::Views views(m.preprocess);
  data::ViewBatch batch(views);
  for (int i = 0; i < 2; ++i) batch.add(picture(i));
  EXPECT_HAS(
      test::message_of([&] { predict(ViewScores(m, views), batch); }),
      "expected finite scores, got nan for picture 0, counted from 0");
  EXPECT_THROW(evaluate(m, dataset(4)), NonFiniteScores);
}

TEST(Views, EvaluateAveragesThem) {
  models::Model m = linear_model();
  data::DatasetPtr data = dataset(7);
  const data::ViewOptions views{.crops = Crops::ten};
  Evaluation e = evaluate(m, data, {.batch_size = 30, .views = views});
  EXPECT_EQ(e.samples, 7);
  double loss = 0;
  int right = 0;
  for (int64_t i = 0; i < 7; ++i) {
    std::vector<double> p = mean_probabilities(m, image::ten_crop(data->image(i), 6, 6));
    loss -= std::log(p[size_t(data->label(i))]) / 7;
    right += std::max_element(p.begin(), p.end()) - p.begin() == data->label(i);
  }
  EXPECT_NEAR(e.loss, loss, 1e-5);
  EXPECT_EQ(e.correct(), right);
}

// The crop of a picture must not be resized and cropped again.
TEST(Views, PredictSeesWhatEvaluateSees) {
  models::Model m = linear_model();
  image::Image image = picture(3, 16, 20);
  std::vector<double> expected = probabilities(m, m.preprocess.geometry(image));
  Prediction p = predict(m, {&image, 1}, classes)[0];
  for (size_t k = 0; k < classes; ++k)
    EXPECT_NEAR(p.probabilities[k], expected[size_t(p.classes[k])], 1e-6);
  EXPECT_GE(p.probabilities[0], p.probabilities[1]);
}

}  // namespace
}  // namespace fovea::train
