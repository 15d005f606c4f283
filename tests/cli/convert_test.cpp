#include <nlohmann/json.hpp>

#include "fovea/formats/safetensors_tree.h"
#include "tests/cli/command.h"
#include "tests/support/test_data.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliConvert : public CommandTest {};

TEST_F(CliConvert, ReadsPyTorchAndWritesSafetensorsAndNpz) {
  const std::string in = fixture("torch_zip.pth").string();
  Outcome o = fovea("convert " + in + " a.safetensors");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "14 tensors");
  EXPECT_HAS(o.out, "PyTorch, under \"state_dict\"");
  EXPECT_EQ(fovea("convert a.safetensors b.npz").code, 0);
  EXPECT_EQ(fovea("convert b.npz c.safetensors").code, 0);
  Tree a = formats::load_safetensors(path("a.safetensors")).tensors;
  Tree c = formats::load_safetensors(path("c.safetensors")).tensors;
  EXPECT_EQ(a.at("bfloat").to_doubles(), c.at("bfloat").to_doubles());  // f32 on its way
  a.erase("bfloat");
  c.erase("bfloat");
  EXPECT_EQ(fingerprint(a), fingerprint(c));
}

TEST_F(CliConvert, SaysWhatDoesNotFitANetwork) {
  const auto folder = data_root() / "cifar_resnet";
  FOVEA_NEEDS_DATA(folder);
  const std::string in = (folder / "resnet20-12fca82f.th").string();
  Outcome o = fovea("convert " + in + " a.safetensors --model resnet20 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("missing").size() + j.at("unexpected").size() + j.at("mismatched").size(), 0u);
  const Tree got = formats::load_safetensors(path("a.safetensors")).tensors;
  for (const auto& [name, t] :
       formats::load_safetensors(folder / "resnet20-12fca82f.safetensors").tensors) {
    const std::string bare = name.substr(name.find('.') + 1);  // without "module."
    ASSERT_TRUE(got.contains(bare)) << bare;
    EXPECT_EQ(fingerprint({{"t", got.at(bare)}}), fingerprint({{"t", t}})) << bare;
  }

  o = fovea("convert " + in + " b.safetensors --model resnet20 --classes 7");
  EXPECT_EQ(o.code, 4);
  EXPECT_HAS(o.out, "linear.weight (10, 64) does not fit 7 classes; --classes 10 would");
  EXPECT_HAS(o.out, "nothing written");
  EXPECT_FALSE(exists("b.safetensors"));
  o = fovea("convert " + in + " b.safetensors --model resnet20 --classes 7 --partial");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(
      formats::load_safetensors(path("b.safetensors")).tensors.at("linear.weight").shape(),
      Shape({7, 64}));
  o = fovea("convert " + in + " c.safetensors --model resnet18");
  EXPECT_EQ(o.code, 4);
  EXPECT_HAS(o.out, "missing: ");
  EXPECT_HAS(o.out, "unused: ");
}

TEST_F(CliConvert, WritesAWholeModelWherePreprocessingIsGiven) {
  // One linear layer of ncnn: the second score is the sum of the pixels, the first a constant.
  write(
      "net.param",
      "7767517\n2 2\nInput data 0 1 data 0=4 1=4 2=1\nInnerProduct anything 1 1 data y 0=2 1=1 "
      "2=32\n");
  std::vector<float> numbers(34, 0);
  std::fill_n(numbers.begin() + 16, 16, 1.0F);
  numbers[32] = 8;
  write(
      "net.bin",
      std::string(4, '\0') +
          std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * 4));
  write("names.txt", "dark\nbright\n");
  const std::string words =
      "convert net.param m.safetensors --model linear --input 4 4 1 --classes 2";
  Outcome o = fovea(words + " --preprocess unit --class-names names.txt --json");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(Json::parse(o.out).at("whole"), true);
  EXPECT_LT(Json::parse(o.out).at("difference"), 1e-6);
  write_grey("a.pgm", 4, 255);
  write_grey("b.pgm", 4, 0);
  o = fovea("predict m.safetensors a.pgm b.pgm --top 1");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, "a.pgm  bright 100.0 %\nb.pgm  dark 100.0 %\n");

  EXPECT_EQ(fovea(words).code, 0);  // weights alone
  EXPECT_EQ(fovea("predict m.safetensors a.pgm").code, 3);
  EXPECT_EQ(fovea(words + " --preprocess imagenet").code, 2);
  o = fovea(words + " --preprocess unit --class-names a.pgm");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "--class-names: expected 2 names, got");
  o = fovea("convert net.param b.safetensors --model linear --input 4 4 1 --classes 3");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "layer 1 of those with weights does not fit: \"anything\"");
}

TEST_F(CliConvert, RefusesWhatItCannotDo) {
  write("evil.pth", "\x80\2cposix\nsystem\nU\2ls\x85R.");
  Outcome o = fovea("convert evil.pth a.safetensors");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "refers to posix.system");
  o = fovea("convert a.h5 a.safetensors");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "cannot read \"a.h5\": expected a name that ends in .safetensors");
  o = fovea("convert a.npz a.pth");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "cannot write \"a.pth\"");
  EXPECT_EQ(fovea("convert a.npz a.safetensors").code, 3);  // no such file
  o = fovea("convert a.npz a.safetensors --classes 3");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "need --model NAME");
  EXPECT_FALSE(exists("a.safetensors"));
}

}  // namespace
}  // namespace fovea::test
