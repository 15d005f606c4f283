#include <cmath>
#include <set>

#include "fovea/core/errors.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/hub/pull.h"
#include "fovea/hub/timm_config.h"
#include "fovea/hub/torchvision.h"
#include "fovea/hub/url.h"
#include "fovea/hub/weight_names.h"
#include "fovea/models/registry.h"
#include "fovea/ops/create.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::test {
namespace {

TEST(HubSource, NamesRepositoriesAndWeights) {
  hub::Source s = hub::parse_source("hf://org/name");
  EXPECT_EQ(s.name, "org/name");
  EXPECT_EQ(s.revision + s.file, "");
  s = hub::parse_source("hf://org/name@refs%2Fpr%2F1/sub/model.safetensors");
  EXPECT_EQ(s.name, "org/name");
  EXPECT_EQ(s.revision, "refs/pr/1");
  EXPECT_EQ(s.file, "sub/model.safetensors");
  EXPECT_EQ(hub::parse_source("hf://gpt2@v1").revision, "v1");
  EXPECT_EQ(hub::parse_source("timm://resnet18.a1_in1k").name, "timm/resnet18.a1_in1k");
  EXPECT_EQ(hub::parse_source("timm://densenet121").name, "timm/densenet121.tv_in1k");
  s = hub::parse_source("torchvision://resnet50@DEFAULT");
  EXPECT_TRUE(s.torchvision);
  EXPECT_EQ(hub::find_weights(s.name, s.revision).file, "resnet50-11ad3fa6.pth");
  s = hub::parse_source("resnet50");
  EXPECT_TRUE(s.torchvision);
  EXPECT_EQ(hub::find_weights(s.name, s.revision).file, "resnet50-0676ba61.pth");
  EXPECT_EQ(hub::parse_source("inception_v4").name, "timm/inception_v4.tf_in1k");
}

TEST(HubSource, RefusesOthersWithAReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"ftp://x", "expected hf://org/name, timm://name"},
      {"org/name", "expected hf://org/name, timm://name"},
      {"hf://../name", "expected a repository"},
      {"hf://org/na me", "expected a repository"},
      {"hf://a--b/c", "without \"--\" and \"..\""},
      {"hf://a/b..c", "without \"--\" and \"..\""},
      {"hf://org/name@../x", "expected a branch"},
      {"hf://org/name@..", "expected a branch"},
      {"hf://org/name/../../x", "expected the name of a file"},
      {"torchvision://resnet19", "did you mean \"resnet18\"?"},
      {"torchvision://resnet50@V3", "there are IMAGENET1K_V1"},
      {"resnet19", "did you mean"},
      {"lenet5", "neither torchvision nor timm publishes weights of lenet5"},
  };
  for (const auto& [text, why] : cases)
    EXPECT_HAS(message_of([t = text] { hub::parse_source(t); }), why) << text;
}

TEST(HubSource, KnowsFilesOfWeightsByTheirNames) {
  for (const char* text : {"hf://org/name/config.json", "hf://org/name@v1/README.md"})
    EXPECT_HAS(
        message_of([&] { hub::check_weights(hub::parse_source(text)); }),
        "expected a file of weights")
        << text;
  for (const char* text :
       {"hf://org/name",
        "hf://org/name/model.safetensors",
        "hf://org/name/net.PTH",
        "hf://org/name/pytorch_model.bin.index.json",
        "resnet18"})
    hub::check_weights(hub::parse_source(text));
}

TEST(HubTorchvision, HasWeightsForEachNetworkThatNamesThem) {
  for (const models::Entry& e : models::all()) {
    if (e.torchvision.model.empty()) continue;
    const std::string model(e.torchvision.model), full(e.torchvision.weights);
    const auto& row = hub::find_weights(model, full.substr(full.find('.') + 1));
    row.preprocess.check();
    EXPECT_EQ(row.preprocess.height, e.input[0]) << model;
  }
  int standard = 0;
  std::set<std::string> models;
  for (const auto& row : hub::torchvision_weights()) {
    standard += row.standard;
    models.insert(row.model);
  }
  EXPECT_EQ(size_t(standard), models.size());
  EXPECT_EQ(hub::torchvision_weights().size(), 40u);
  EXPECT_EQ(hub::find_weights("googlenet", "").preprocess.mean, std::vector(3, 0.5));
  EXPECT_EQ(hub::find_weights("efficientnet_b0", "").preprocess.filter, image::Filter::bicubic);
  const std::vector<std::string> names = hub::imagenet_classes();
  ASSERT_EQ(names.size(), 1000u);
  EXPECT_EQ(names[0], "tench");
  EXPECT_EQ(names[281], "tabby");
  EXPECT_EQ(names[999], "toilet tissue");
}

TEST(HubUrl, ResolvesAndEncodes) {
  EXPECT_EQ(hub::origin_of("HTTPS://Hub.co:8080/a?b"), "https://hub.co:8080");
  EXPECT_EQ(hub::origin_of("http://hub.co\\@evil"), "");  // evil's, to libcurl
  EXPECT_EQ(hub::origin_of("file:///etc"), "");
  EXPECT_EQ(hub::resolved("https://a.b/c/d", "/e"), "https://a.b/e");
  EXPECT_EQ(hub::resolved("https://a.b/c/d", "//x.y/e"), "https://x.y/e");
  EXPECT_EQ(hub::resolved("https://a.b/c/d", "e"), "https://a.b/c/e");
  EXPECT_EQ(hub::resolved("https://a.b/c/d", "http://x/e"), "http://x/e");
  EXPECT_EQ(hub::resolved("https://a.b/c/d", "/e?u=http://x/y"), "https://a.b/e?u=http://x/y");
  EXPECT_EQ(hub::resolved("https://a.b/c/d", "e?u=http://x/y"), "https://a.b/c/e?u=http://x/y");
  EXPECT_EQ(hub::resolved("https://a.b/c/d?at=x/y", "e"), "https://a.b/c/e");
  EXPECT_EQ(hub::resolved("https://a.b/c/d?at=x/y", "?e"), "https://a.b/c/d?e");
  EXPECT_EQ(hub::resolved("https://a.b/c/d#f", "#e"), "https://a.b/c/d#e");
  EXPECT_EQ(hub::resolved("https://a.b?at=x/y", "e"), "https://a.b/e");
  EXPECT_EQ(hub::resolved("https://a.b", "/e"), "https://a.b/e");
  EXPECT_EQ(hub::encoded("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_EQ(hub::encoded("a/b#", true), "a/b%23");
}

TEST(HubNames, AreThoseOfToday) {
  const Tree old{
      {"features.denseblock1.denselayer2.norm.1.weight", ones({3})},
      {"features.denseblock1.denselayer2.conv.2.weight", ones({3, 2, 1, 1})},
      {"features.norm5.weight", ones({3})}};
  const Tree now = hub::with_our_names(old);
  EXPECT_EQ(now.size(), 3u);
  EXPECT_TRUE(now.contains("features.denseblock1.denselayer2.norm1.weight"));
  EXPECT_TRUE(now.contains("features.denseblock1.denselayer2.conv2.weight"));
  EXPECT_TRUE(now.contains("features.norm5.weight"));
  const Tree vgg = hub::with_our_names(
      {{"features.0.weight", ones({4, 3, 3, 3})},
       {"pre_logits.fc1.weight", ones({6, 4, 7, 7})},
       {"pre_logits.fc1.bias", ones({6})},
       {"pre_logits.fc2.weight", ones({6, 6, 1, 1})},
       {"head.fc.weight", ones({5, 6})}});
  EXPECT_EQ(vgg.at("classifier.0.weight").shape(), Shape({6, 196}));
  EXPECT_EQ(vgg.at("classifier.0.bias").shape(), Shape({6}));
  EXPECT_EQ(vgg.at("classifier.3.weight").shape(), Shape({6, 6}));
  EXPECT_EQ(vgg.at("classifier.6.weight").shape(), Shape({5, 6}));
  EXPECT_EQ(vgg.at("features.0.weight").shape(), Shape({4, 3, 3, 3}));
}

// Each parameter of ours from timm's names and shapes (timm 1.0.31), and what is computed the same.
TEST(HubNames, TimmsMobileNetworksAndConvNextAreOurs) {
  EXPECT_TRUE(hub::with_our_names({{"conv_stem.weight", ones({16, 3, 3, 3})},
                                   {"blocks.1.0.conv_pwl.weight", ones({24, 64, 1, 1})},
                                   {"blocks.0.0.conv_dw", ones({1})},
                                   {"classifier", ones({1})}})
                  .contains("classifier"));  // names without a point stay
  const Tree v3 = hub::with_our_names(
      {{"conv_stem.weight", ones({16, 3, 3, 3})},
       {"conv_head.weight", ones({1280, 960, 1, 1})},
       {"conv_head.bias", ones({1280})},
       {"classifier.bias", ones({10})},
       {"blocks.0.0.conv_dw.weight", ones({16, 1, 3, 3})},
       {"blocks.0.0.conv_pw.weight", ones({16, 16, 1, 1})},
       {"blocks.1.0.conv_pwl.weight", ones({24, 64, 1, 1})},
       {"blocks.1.1.conv_dw.weight", ones({72, 1, 3, 3})},
       {"blocks.1.1.bn2.weight", Tensor::from<float>({3}, {1})},
       {"blocks.1.1.bn2.running_var", ones({1})},
       {"blocks.1.1.conv_pwl.weight", ones({24, 72, 1, 1})},
       {"blocks.2.0.conv_pwl.weight", ones({40, 72, 1, 1})},
       {"blocks.2.0.se.conv_reduce.weight", ones({24, 72, 1, 1})},
       {"blocks.3.0.conv.weight", ones({960, 160, 1, 1})},
       {"blocks.3.0.bn1.num_batches_tracked", ones({})}});
  for (const char* name :
       {"features.0.0.weight",
        "features.1.block.0.0.weight",
        "features.1.block.1.0.weight",
        "features.2.block.2.0.weight",
        "features.3.block.1.0.weight",
        "features.3.block.2.0.weight",
        "features.4.block.3.0.weight",
        "features.4.block.2.fc1.weight",
        "features.5.0.weight",
        "features.5.1.num_batches_tracked",
        "classifier.0.bias",
        "classifier.3.bias"})
    EXPECT_TRUE(v3.contains(name)) << name;
  EXPECT_EQ(v3.at("classifier.0.weight").shape(), Shape({1280, 960}));
  // timm's epsilon is 1e-5, ours 1e-3.
  EXPECT_NEAR(
      v3.at("features.3.block.1.1.weight").item<double>() / std::sqrt(1 + 1e-3),
      3 / std::sqrt(1 + 1e-5),
      1e-6);

  const Tree v2 = hub::with_our_names(
      {{"conv_stem.weight", ones({32, 3, 3, 3})},
       {"conv_head.weight", ones({1280, 320, 1, 1})},
       {"bn2.weight", ones({1280})},
       {"classifier.weight", ones({10, 1280})},
       {"blocks.0.0.conv_pw.weight", ones({16, 32, 1, 1})},
       {"blocks.1.0.conv_pwl.weight", ones({24, 96, 1, 1})},
       {"blocks.1.1.conv_pwl.weight", ones({24, 144, 1, 1})},
       {"blocks.1.1.bn3.bias", ones({24})}});
  for (const char* name :
       {"features.0.0.weight",
        "features.1.conv.1.weight",
        "features.2.conv.2.weight",
        "features.3.conv.3.bias",
        "features.4.0.weight",
        "features.4.1.weight",
        "classifier.1.weight"})
    EXPECT_TRUE(v2.contains(name)) << name;

  const Tree b0 = hub::with_our_names(
      {{"conv_stem.weight", ones({32, 3, 3, 3})},
       {"conv_head.weight", ones({1280, 320, 1, 1})},
       {"blocks.0.0.se.conv_expand.weight", ones({32, 8, 1, 1})},
       {"blocks.0.0.se.conv_reduce.weight", ones({8, 32, 1, 1})},
       {"blocks.0.0.conv_pw.weight", ones({16, 32, 1, 1})},
       {"blocks.1.0.conv_pwl.weight", ones({24, 96, 1, 1})},
       {"blocks.1.1.conv_pwl.weight", ones({24, 144, 1, 1})}});
  for (const char* name :
       {"features.1.0.block.1.fc2.weight",
        "features.1.0.block.2.0.weight",
        "features.2.1.block.2.0.weight",
        "features.3.0.weight"})
    EXPECT_TRUE(b0.contains(name)) << name;

  const Tree next = hub::with_our_names(
      {{"stem.1.weight", ones({96})},
       {"stages.0.blocks.0.conv_dw.weight", ones({96, 1, 7, 7})},
       {"stages.0.blocks.2.gamma", ones({96})},
       {"stages.1.downsample.1.weight", ones({192, 96, 2, 2})},
       {"stages.1.blocks.0.mlp.fc2.bias", ones({192})},
       {"head.norm.weight", ones({768})},
       {"head.fc.weight", ones({10, 768})}});
  for (const char* name :
       {"features.0.1.weight",
        "features.1.0.block.0.weight",
        "features.2.1.weight",
        "features.3.0.block.5.bias",
        "classifier.0.weight",
        "classifier.2.weight"})
    EXPECT_TRUE(next.contains(name)) << name;
  EXPECT_EQ(next.at("features.1.2.layer_scale").shape(), Shape({96, 1, 1}));

  // Names like these are no reason to write anywhere.
  const Tree odd{
      {"conv_stem.weight", ones({1})},
      {"blocks.1.0.conv_pwl.weight", ones({1})},
      {"blocks.99999999999.0.conv_dw.weight", ones({1})},
      {"blocks.0.2147483647.conv_dw.weight", ones({1})}};
  EXPECT_TRUE(hub::with_our_names(odd).contains("blocks.0.2147483647.conv_dw.weight"));
}

class HubModel : public FolderTest {
 protected:
  std::string config(const std::string& inner, const std::string& outer = "") const {
    return R"({"architecture": "mobilenetv1_100", "num_classes": 3, "num_features": 1024, )" +
           outer + R"("pretrained_cfg": {"tag": "x_in1k", "input_size": [3, 32, 32],)" + inner +
           R"("interpolation": "bicubic", "crop_pct": 0.9, "mean": [0.5, 0.4, 0.3],)" +
           R"("std": [0.2, 0.3, 0.4], "first_conv": "conv_stem", "classifier": "classifier"}})";
  }
  hub::TimmConfig parsed(const std::string& text) const {
    write("config.json", text);
    return hub::read_timm_config(path("config.json"));
  }
  // Files that lie there already, as pull() returns them.
  hub::Pulled pulled(const std::string& text) const {
    write("config.json", text);
    hub::Pulled p;
    p.files.push_back({.name = "config.json", .path = path("config.json")});
    p.files.push_back({.name = "model.safetensors", .path = path("model.safetensors")});
    return p;
  }
  void write_weights(int64_t classes) const {
    auto net = models::build({.name = "mobilenet_v1", .input = {32, 32, 3}, .classes = classes});
    nn::initialize(*net, Key(7));
    formats::save_safetensors(path("model.safetensors"), nn::export_tree(*net));
  }
};

TEST_F(HubModel, ReadsTimmsConfig) {
  const hub::TimmConfig c = parsed(config(R"("license": "mit", )"));
  EXPECT_EQ(c.architecture, "mobilenetv1_100");
  EXPECT_EQ(c.tag, "x_in1k");
  EXPECT_EQ(c.classes, 3);
  EXPECT_EQ(c.first_conv, "conv_stem");
  EXPECT_EQ(c.classifier, "classifier");
  EXPECT_EQ(c.licence, "mit");
  EXPECT_EQ(c.preprocess.height, 32);
  EXPECT_EQ(c.preprocess.short_side, 35);  // floor(32 / 0.9)
  EXPECT_EQ(c.preprocess.filter, image::Filter::bicubic);
  EXPECT_EQ(c.preprocess.mean, (std::vector{0.5, 0.4, 0.3}));
  EXPECT_EQ(c.preprocess.std, (std::vector{0.2, 0.3, 0.4}));
  EXPECT_EQ(
      parsed(config("", R"("label_names": ["a", "b", "c"], )")).names,
      (std::vector<std::string>{"a", "b", "c"}));

  const std::pair<std::string, const char*> cases[] = {
      {"[]", "expected timm's description of a network"},
      {R"({"model_type": "bert"})", "expected timm's description of a network"},
      {"{", "parse error"},
      {config("", R"("model_args": {"depth": 3}, )"), "follows no \"model_args\""},
      {config(R"("crop_mode": "squash", )"), "crop_mode: expected \"center\", got \"squash\""},
      {config("", R"("label_names": ["a"], )"), "label_names: expected 3 names, got 1"},
      {R"({"architecture": "x", "num_classes": 3, "input_size": [3, 32, 48]})", "input_size"},
      {R"({"architecture": "x", "num_classes": 3, "input_size": [3, 9, 9], "crop_pct": 1e-9})",
       "a crop_pct over 0.01"},
      {R"({"architecture": "x", "num_classes": 0})", "num_classes: expected 1 to"}};
  for (const auto& [text, why] : cases)
    EXPECT_HAS(message_of([&, t = text] { parsed(t); }), why) << text;
}

TEST_F(HubModel, MakesAModelOfTimmsFiles) {
  write_weights(3);
  models::Model model = hub::model_of(pulled(config("", R"("label_names": ["a", "b", "c"], )")));
  EXPECT_EQ(model.architecture.name, "mobilenet_v1");
  EXPECT_EQ(model.architecture.input, Shape({32, 32, 3}));
  EXPECT_EQ(model.classes, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(model.preprocess.short_side, 35);
  EXPECT_EQ(
      fingerprint(nn::export_tree(*model.net)),
      fingerprint(formats::load_safetensors(path("model.safetensors")).tensors));
  models::save_model(path("model.safetensors"), model);
  EXPECT_EQ(hub::model_of(pulled("{}")).classes, model.classes);  // a fovea model as it is
}

TEST_F(HubModel, SaysWhatDoesNotFit) {
  write_weights(4);
  auto failure = [&](const hub::Pulled& p) { return message_of([&] { hub::model_of(p); }); };
  EXPECT_HAS(
      failure(pulled(config(""))),
      "config.json says 3 classes, classifier.weight has shape (4, 1024)");
  std::string other = config("");
  other.replace(other.find("mobilenetv1_100"), 15, "vit_base_patch16_224");
  EXPECT_HAS(failure(pulled(other)), "no counterpart of timm's vit_base_patch16_224");
  other = config("");
  other.replace(other.find("mobilenetv1_100"), 15, "mobilenetv2_100");
  other.replace(other.find("\"num_classes\": 3"), 16, "\"num_classes\": 4");
  EXPECT_HAS(failure(pulled(other)), "the weights do not fit mobilenet_v2 of `fovea models`");
  hub::Pulled alone = pulled("{}");
  alone.files.erase(alone.files.begin());
  EXPECT_HAS(failure(alone), "no config.json says of what");
}

}  // namespace
}  // namespace fovea::test
