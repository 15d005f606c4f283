// Real weights: the CIFAR ResNets of Idelbayev (akamaster/pytorch_resnet_cifar10) against scores
// computed in double precision by another program.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fovea/data/loader.h"
#include "fovea/data/source.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/models/model_file.h"
#include "tests/support/test_data.h"

namespace fovea::models {
namespace {

struct Golden {
  const char* name;
  const char* weights;
};

class CifarResNet : public testing::TestWithParam<Golden> {
 protected:
  Model load() const {
    Model m;
    m.architecture = {.name = GetParam().name, .input = {32, 32, 3}, .classes = 10};
    m.net = build(m.architecture);
    nn::load(*m.net, formats::load_safetensors(folder / (weights() + ".safetensors")).tensors);
    m.preprocess = {
        .height = 32, .width = 32, .mean = {.485, .456, .406}, .std = {.229, .224, .225}};
    m.classes.assign(10, "");
    return m;
  }
  std::string weights() const { return GetParam().weights; }
  nlohmann::json golden() const {
    std::ifstream file(folder / "golden.json");
    return nlohmann::json::parse(file).at("models").at(weights());
  }

  static void expect_near(const Tensor& scores, const nlohmann::json& expected) {
    std::vector<double> got = scores.to_doubles();
    for (size_t i = 0; i < expected.size(); ++i)
      for (size_t c = 0; c < 10; ++c)
        EXPECT_NEAR(got[i * 10 + c], expected[i][c].get<double>(), 1e-4) << i << ", " << c;
  }

  struct Result {
    int64_t correct = 0;
    Tensor first;  // scores of the first batch
  };
  static Result run(const Model& m, const data::DatasetPtr& dataset, int64_t limit) {
    Result r;
    data::Loader loader(dataset, {.batch_size = 100, .preprocess = m.preprocess});
    loader.start(0);
    while (auto batch = loader.next()) {
      if (batch->number * 100 >= limit) break;
      Tensor scores = m.scores(batch->images).eval();
      if (r.first.is_empty()) r.first = scores;
      auto s = scores.data<float>();
      auto truth = batch->labels.eval().data<int32_t>();
      for (size_t i = 0; i < truth.size(); ++i) {
        auto row = s.begin() + int64_t(i * 10);
        r.correct += std::max_element(row, row + 10) - row == truth[i];
      }
    }
    return r;
  }

  const std::filesystem::path folder = test::data_root() / "cifar_resnet";
  const std::filesystem::path cifar = test::data_root() / "cifar10";
};

TEST_P(CifarResNet, ScoresAndCorrectCountOfTheFirstTrainingRecords) {
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(cifar / "train_first4000.bin");
  data::Source source = data::open((cifar / "train_first4000.bin").string());
  ASSERT_EQ(source.train->size(), 4000);
  bool short_run = weights() != "resnet20-12fca82f";  // the larger network only for its scores
  Result r = run(load(), source.train, short_run ? 100 : 4000);
  expect_near(r.first, golden().at("train_first4_logits_f64"));
  if (short_run) return;
  EXPECT_EQ(r.correct, golden().at("correct_of_train_first4000").get<int64_t>());
}

TEST_P(CifarResNet, ScoresOfTheFirstJpegPictures) {
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(cifar / "cifar10_jpeg_test.zip");
  data::Source source = data::open("test=" + (cifar / "cifar10_jpeg_test.zip").string());
  expect_near(run(load(), source.test, 100).first, golden().at("jpeg_test_first4_logits_f64"));
}

// Half a minute each: --gtest_also_run_disabled_tests.
TEST_P(CifarResNet, DISABLED_CorrectCountOfAllJpegPictures) {
  FOVEA_NEEDS_DATA(cifar / "cifar10_jpeg_test.zip");
  data::Source source = data::open("test=" + (cifar / "cifar10_jpeg_test.zip").string());
  EXPECT_EQ(
      run(load(), source.test, 10000).correct,
      golden().at("correct_of_jpeg_test_10000").get<int64_t>());
}

INSTANTIATE_TEST_SUITE_P(
    Golden,
    CifarResNet,
    testing::Values(
        Golden{"resnet20", "resnet20-12fca82f"}, Golden{"resnet32", "resnet32-d509ac18"}),
    [](const auto& p) { return std::string(p.param.name); });

}  // namespace
}  // namespace fovea::models
