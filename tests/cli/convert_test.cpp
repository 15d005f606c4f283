#include <nlohmann/json.hpp>

#include "fovea/formats/safetensors_tree.h"
#include "fovea/ops/create.h"
#include "tests/cli/command.h"
#include "tests/support/test_data.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliConvert : public CommandTest {
 protected:
  // A file with weights for `--model linear --input 4 4 1 --classes 2`, and what else is wanted.
  Tree linear_weights(const std::string& prefix = "") const {
    return {{prefix + "1.weight", ones({2, 16})}, {prefix + "1.bias", zeros({2})}};
  }
  void save(const std::string& name, const Tree& tree) const {
    formats::save_safetensors(path(name), tree);
  }
  const std::string into_linear = " --model linear --input 4 4 1 --classes 2 ";
};

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
  for (const char* partial : {"", " --partial"}) {
    o = fovea(
        std::string("convert net.param b.safetensors --model linear --input 4 4 1 --classes 3") +
        partial);
    EXPECT_EQ(o.code, 4) << o.err;
    EXPECT_HAS(o.out, "net.param: 2 tensors");
    EXPECT_HAS(o.out, "layer 1 of those with weights: expected \"1\" (bias (3), weight (3, 16)), ");
    EXPECT_HAS(o.out, "got \"anything\" (bias (2), weight (2, 16))");
    EXPECT_HAS(o.out, "nothing written: the layers of the file's network are not those of linear");
    EXPECT_FALSE(exists("b.safetensors"));
  }
  o = fovea("convert net.param b.safetensors --model linear --input 4 4 1 --classes 3 --json");
  EXPECT_EQ(o.code, 4) << o.err;
  EXPECT_EQ(Json::parse(o.out).at("written"), false);
  EXPECT_EQ(Json::parse(o.out).at("mismatched").size(), 1u);
}

TEST_F(CliConvert, TakesTheNamesThatCheckpointsHave) {
  write_grey("a.pgm", 4, 0);
  for (const char* name : {"a.pth.tar", "a.ckpt", "a.tar", "a.pkl", "A.CKPT"}) {
    std::filesystem::copy_file(fixture("torch_zip.pth"), path(name));
    const Outcome o = fovea(std::string("convert ") + name + " a.safetensors");
    EXPECT_EQ(o.code, 0) << name << o.err;
    EXPECT_HAS(o.out, "PyTorch, under \"state_dict\"");
  }
  for (const char* file : {"torch_zip.pth", "torch_stream.pth"}) {
    std::filesystem::copy_file(fixture(file), path(file));
    const std::string stem = std::string(file).substr(0, std::string(file).find('.'));
    const Outcome o = fovea(std::string("predict ") + file + " a.pgm");
    EXPECT_EQ(o.code, 3);
    EXPECT_HAS(
        o.err,
        "`fovea convert " + stem + ".pth " + stem + ".safetensors --model NAME --preprocess NAME`");
  }
  const Outcome o = fovea("convert net.caffemodel b.safetensors");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "name the .prototxt beside it, such as net.prototxt");
}

TEST_F(CliConvert, TakesTheEntryOfACheckpointThatIsNamed) {
  std::filesystem::copy_file(fixture("torch_zip.pth"), path("x.pth"));
  Outcome o = fovea("convert x.pth a.safetensors --key state_dict --json");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(Json::parse(o.out).at("key"), "state_dict");
  o = fovea("convert x.pth b.safetensors --key model.ema");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "\"model.ema\"");
  o = fovea("convert a.safetensors b.npz --key state_dict");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "--key is for checkpoints of PyTorch, whose weights lie under a name; a.safet");
  EXPECT_FALSE(exists("b.safetensors") || exists("b.npz"));
}

TEST_F(CliConvert, SaysWhichPrefixItLeftOut) {
  Tree swa = linear_weights("module.");
  swa["n_averaged"] = Tensor::from<int64_t>({5}, {});
  save("swa.safetensors", swa);
  Outcome o = fovea("convert swa.safetensors a.safetensors" + into_linear);
  EXPECT_EQ(o.code, 4) << o.err;
  EXPECT_HAS(o.out, "the file has tensors that linear has not; --partial leaves them out");
  o = fovea("convert swa.safetensors a.safetensors --partial" + into_linear);
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "linear: 2 tensors loaded, from under \"module.\"");
  const Tree got = formats::load_safetensors(path("a.safetensors")).tensors;
  EXPECT_EQ(fingerprint(got), fingerprint(linear_weights()));
  const Json j = Json::parse(
      fovea("convert swa.safetensors a.safetensors --partial --json" + into_linear).out);
  EXPECT_EQ(j.at("prefix"), "module.");
  EXPECT_EQ(j.at("unexpected"), Json::array({"n_averaged"}));
}

TEST_F(CliConvert, WritesNoNetworkOfNothingButNewWeights) {
  save("other.safetensors", {{"a.weight", ones({2, 16})}, {"1.weight", ones({3, 16})}});
  Outcome o = fovea("convert other.safetensors a.safetensors --partial" + into_linear);
  EXPECT_EQ(o.code, 4) << o.err;
  EXPECT_HAS(o.out, "nothing written: none of the file's tensors fits linear");
  EXPECT_FALSE(exists("a.safetensors"));

  Tree whole_numbers = linear_weights();
  whole_numbers["1.weight"] = ones({2, 16}, Dtype::i8);
  save("quantised.safetensors", whole_numbers);
  o = fovea("convert quantised.safetensors a.safetensors" + into_linear);
  EXPECT_EQ(o.code, 4) << o.err;
  EXPECT_HAS(o.out, "1.weight: expected f32, got i8");
  EXPECT_FALSE(exists("a.safetensors"));
}

TEST_F(CliConvert, AdvisesOnClassesWhereNothingElseIsAmiss) {
  const auto notes = [&](int64_t units, int64_t classes) {
    save(
        "w.safetensors",
        {{"1.weight", ones({units, 16})},
         {"1.bias", ones({units})},
         {"3.weight", ones({classes, units})},
         {"3.bias", ones({classes})}});
    const Outcome o = fovea(
        "convert w.safetensors a.safetensors --model two_layer --input 4 4 1 --classes 10 --json");
    EXPECT_EQ(o.code, classes == 10 && units == 100 ? 0 : 4) << o.err;
    return Json::parse(o.out).at("notes");
  };
  EXPECT_EQ(
      notes(100, 7),
      Json::array(
          {"3.bias (7) does not fit 10 classes; --classes 7 would",
           "3.weight (7, 100) does not fit 10 classes; --classes 7 would"}));
  EXPECT_EQ(notes(100, 10), Json::array());
  EXPECT_EQ(notes(50, 10), Json::array());  // 100 units, which begins like 10 classes
  EXPECT_EQ(notes(50, 7), Json::array());   // another network
}

TEST_F(CliConvert, NamesDoNotReachTheTerminalAsTheyAre) {
  const std::string name = "x\n\x1b[31mfake";
  Tree tree = linear_weights();
  tree[name] = ones({1});
  save("hostile.safetensors", tree);
  Outcome o = fovea("convert hostile.safetensors a.safetensors" + into_linear);
  EXPECT_EQ(o.code, 4) << o.err;
  EXPECT_HAS(o.out, "1 unused: x??[31mfake\n");
  EXPECT_EQ((o.out + o.err).find('\x1b'), std::string::npos);
  o = fovea("convert hostile.safetensors a.safetensors --json" + into_linear);
  EXPECT_EQ(Json::parse(o.out).at("unexpected"), Json::array({name}));
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
