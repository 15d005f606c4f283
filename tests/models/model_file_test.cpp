#include "fovea/models/model_file.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/core/version.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/models/registry.h"
#include "tests/models/siblings.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::models {
namespace {

using test::message_of;

class ModelFile : public test::FolderTest {
 protected:
  static Model make(const std::string& name, const Shape& input, int classes = 3) {
    Model m;
    m.architecture = {.name = name, .input = input, .classes = classes};
    m.net = build(m.architecture);
    nn::initialize(*m.net, Key(1));
    m.preprocess.height = int(input[0]);
    m.preprocess.width = int(input[1]);
    m.preprocess.channels = int(input[2]);
    m.preprocess.mean.assign(size_t(input[2]), 0.25);
    m.preprocess.std.assign(size_t(input[2]), 0.5);
    for (int c = 0; c < classes; ++c) m.classes.push_back("class " + std::to_string(c));
    m.data_fingerprint = "12x3-00";
    m.metrics = {{"val_top1", 0.1 + 0.2}};
    m.licence = "CC0";
    return m;
  }

  std::string error_of(const std::string& name) const {
    try {
      load_model(path(name));
    } catch (const IoError& e) {
      EXPECT_EQ(e.path(), path(name));
      return e.what();
    }
    ADD_FAILURE() << "it loaded";
    return "";
  }

  // The file with its description changed: `from` replaced by `to` once.
  std::string error_with(const std::string& from, const std::string& to) const {
    auto [tensors, metadata] = formats::load_safetensors(path("m.safetensors"));
    size_t at = metadata["fovea"].find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << metadata["fovea"];
    metadata["fovea"].replace(at, from.size(), to);
    formats::save_safetensors(path("changed.safetensors"), tensors, metadata);
    return error_of("changed.safetensors");
  }
};

TEST_F(ModelFile, EveryModelRoundTripsBitForBit) {
  for (const Entry& e : all()) {
    const Shape input = small_input(e);
    const int64_t classes = std::max<int64_t>(4, least_classes(e.name));
    if (nn::count_parameters(*e.make({.classes = classes, .input = input})) > 12'000'000)
      continue;  // made of the layers of the others
    Model m = make(std::string(e.name), input, classes);
    save_model(path("m.safetensors"), m);
    Model back = load_model(path("m.safetensors"));
    EXPECT_EQ(back.architecture, m.architecture);
    EXPECT_EQ(back.preprocess, m.preprocess);
    EXPECT_EQ(back.classes, m.classes);
    EXPECT_EQ(back.metrics, m.metrics);
    EXPECT_EQ(back.data_fingerprint, m.data_fingerprint);
    EXPECT_EQ(back.licence, m.licence);
    EXPECT_EQ(back.version, version());
    EXPECT_EQ(fingerprint(nn::parameters(*back.net)), fingerprint(nn::parameters(*m.net)))
        << e.name;
    EXPECT_EQ(fingerprint(nn::state(*back.net)), fingerprint(nn::state(*m.net))) << e.name;
    Tensor x = test::random_input({1, input[0], input[1], input[2]}, 1);
    EXPECT_EQ(back.scores(x).to_vector(), m.scores(x).to_vector()) << e.name;
  }
}

TEST_F(ModelFile, AListOfLayersRoundTrips) {
  Model m = make("linear", {8, 8, 1});
  m.architecture.name = "layers";
  m.architecture.layers = {{"flatten", {}}, {"linear", {{"out", "3"}}}};
  m.net = build(m.architecture);
  nn::initialize(*m.net, Key(1));
  save_model(path("m.safetensors"), m);
  EXPECT_EQ(load_model(path("m.safetensors")).architecture, m.architecture);
}

TEST_F(ModelFile, CutAtEveryKibibyteIsAnErrorNotACrash) {
  Model m = make("convnet", {16, 16, 3});
  save_model(path("m.safetensors"), m);
  std::string whole = read("m.safetensors");
  ASSERT_GT(whole.size(), 1u << 20);
  write("cut.safetensors", whole);
  for (size_t blocks = (whole.size() - 1) / 1024 + 1; blocks-- > 0;) {
    std::filesystem::resize_file(path("cut.safetensors"), blocks * 1024);
    ASSERT_FALSE(error_of("cut.safetensors").empty()) << blocks;
  }
  write("cut.safetensors", std::string_view(whole).substr(0, whole.size() - 1));
  error_of("cut.safetensors");
  write("long.safetensors", whole + "x");
  error_of("long.safetensors");
}

// Every byte of length and header set to something else: whatever it now says, it loads or is an
// IoError.
TEST_F(ModelFile, AnyChangedHeaderByteIsAnErrorOrHarmless) {
  Model m = make("linear", {4, 4, 1});
  save_model(path("m.safetensors"), m);
  std::string whole = read("m.safetensors");
  size_t header = 8 + size_t(uint8_t(whole[0])) + 256 * size_t(uint8_t(whole[1]));
  ASSERT_LT(header, whole.size());
  int refused = 0;
  for (size_t at = 0; at < header; ++at)
    for (char c : {'9', '"'}) {
      std::string changed = whole;
      changed[at] = c;
      write("changed.safetensors", changed);
      try {
        load_model(path("changed.safetensors"));
      } catch (const IoError&) {
        ++refused;
      }
    }
  EXPECT_GT(refused, int(header) / 2);
}

TEST_F(ModelFile, LyingHeadersAreRefused) {
  Model m = make("linear", {4, 4, 1});
  save_model(path("m.safetensors"), m);
  std::string whole = read("m.safetensors");
  auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    write("changed.safetensors", text);
    return error_of("changed.safetensors");
  };
  EXPECT_HAS(changed("[0,12]", "[0,16]"), "changed.safetensors");  // overlaps the next tensor
  EXPECT_HAS(changed("[12,204]", "[12,999]"), "changed.safetensors");
  EXPECT_HAS(changed("\"shape\":[3]", "\"shape\":[9]"), "changed.safetensors");
  std::string huge = whole;
  huge.replace(0, 8, std::string("\x00\xe4\x0b\x54\x02\x00\x00\x00", 8));  // a header of 10 GB
  write("huge.safetensors", huge);
  EXPECT_HAS(error_of("huge.safetensors"), "header");
}

TEST_F(ModelFile, ALyingDescriptionIsRefused) {
  Model m = make("lenet5", {28, 28, 1});
  save_model(path("m.safetensors"), m);
  EXPECT_HAS(error_with("\"lenet5\"", "\"lenet6\""), "unknown model \"lenet6\"");
  EXPECT_HAS(error_with("\"format\":1", "\"format\":2"), "written by a newer fovea");
  EXPECT_HAS(error_with("\"class 2\"", "\"class 2\",\"class 3\""), "expected 3 class names, got 4");
  EXPECT_HAS(error_with("\"classes\":3", "\"classes\":4"), "expected 4 class names, got 3");
  EXPECT_HAS(error_with("[28,28,1]", "[32,28,1]"), "fc1.weight: expected");
  EXPECT_HAS(error_with("[28,28,1]", "[999999,999999,1]"), "not a whole fovea model");
  EXPECT_HAS(error_with("[28,28,1]", "28"), "not a whole fovea model");
  EXPECT_HAS(error_with("{\"format\"", "[\"format\""), "not a whole fovea model");
  EXPECT_HAS(error_with("\"bilinear\"", "\"cubist\""), "not a whole fovea model");
  EXPECT_HAS(error_with("\"height\":28", "\"height\":-1"), "not a whole fovea model");
}

TEST_F(ModelFile, AMissingTensorIsNamed) {
  Model m = make("lenet5", {28, 28, 1});
  save_model(path("m.safetensors"), m);
  auto [tensors, metadata] = formats::load_safetensors(path("m.safetensors"));
  tensors.erase("fc2.bias");
  formats::save_safetensors(path("m.safetensors"), tensors, metadata);
  EXPECT_HAS(error_of("m.safetensors"), "1 missing: fc2.bias");
}

TEST_F(ModelFile, WeightsAloneAreExplained) {
  formats::save_safetensors(path("w.safetensors"), {{"a", test::random_input({2}, 1)}});
  EXPECT_HAS(error_of("w.safetensors"), "these are weights alone");
  EXPECT_HAS(error_of("w.safetensors"), "--set model.init=");
  EXPECT_HAS(error_of("none.safetensors"), "none.safetensors");
  std::filesystem::create_directory(path("folder"));
  EXPECT_HAS(error_of("folder"), "folder");
}

TEST_F(ModelFile, ScoresTakeWhatThePreprocessingGives) {
  Model m = make("lenet5", {28, 28, 1});
  EXPECT_HAS(
      message_of([&] {
        m.scores(test::random_input({1, 28, 28, 3}, 1));
      }),
      "(N, 28, 28, 1)");
}

}  // namespace
}  // namespace fovea::models
