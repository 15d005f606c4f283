#include "fovea/formats/torch_file.h"

#include <algorithm>
#include <cstring>

#include "fovea/formats/safetensors_tree.h"
#include "tests/formats/files.h"
#include "tests/support/test_data.h"

namespace fovea::formats {
namespace {

using namespace std::string_literals;

void expect_equal(const Tree& got, const Tree& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [name, t] : expected) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(got.contains(name));
    EXPECT_EQ(got.at(name).str(), t.str());
    EXPECT_TRUE(std::ranges::equal(got.at(name).bytes(), t.bytes()));
  }
}

std::string error(const std::string& file) {
  return io_error([&] { parse_torch(bytes_of(file), "x.pth"); });
}

class TorchFixture : public testing::TestWithParam<const char*> {};

TEST_P(TorchFixture, HasTheTensorsThatTorchWrote) {
  const TorchFile file = load_torch(test::fixture(GetParam()));
  EXPECT_EQ(file.key, "state_dict");
  EXPECT_TRUE(file.skipped.empty());
  Tree tensors = file.tensors,
       expected = load_safetensors(test::fixture("torch.safetensors")).tensors;
  // NumPy, which wrote the expected values, has no bf16.
  EXPECT_EQ(tensors.at("bfloat").dtype(), Dtype::bf16);
  EXPECT_EQ(tensors.at("bfloat").to_doubles(), expected.at("bfloat").to_doubles());
  tensors.erase("bfloat");
  expected.erase("bfloat");
  expect_equal(tensors, expected);
}

TEST_P(TorchFixture, TruncatedAnywhereIsRefused) {
  const std::string whole = read_file(test::fixture(GetParam()));
  for (size_t size = 0; size < whole.size(); size += size < 200 ? 1 : 37)
    EXPECT_NE(error(whole.substr(0, size)), "") << size;
  EXPECT_NE(error(whole.substr(0, whole.size() - 1)), "");
}

// A changed byte may change a number, but must never end in anything else than a tree or IoError.
TEST_P(TorchFixture, ChangedBytesGiveATreeOrAnIoError) {
  std::string file = read_file(test::fixture(GetParam()));
  int refused = 0;
  for (size_t i = 0; i < file.size(); i += 5) {
    const char kept = file[i];
    file[i] = char(kept ^ (i % 2 ? 0xff : 0x01));
    refused += !error(file).empty();
    file[i] = kept;
  }
  EXPECT_GT(refused, 50);
}

INSTANTIATE_TEST_SUITE_P(
    Containers, TorchFixture, testing::Values("torch_zip.pth", "torch_stream.pth"), [](auto& p) {
      return std::string(p.param).substr(6, 3);
    });

// A stream of pickles around one object, and then the storages, each of four bytes an element.
std::string stream(const std::string& object, const std::string& storages = "") {
  return "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3.\x80\2}.\x80\2"s +
         object + "." +
         (storages.empty() ? "\x80\2]."s
                           : "\x80\2](U\1"
                             "0e."s +
                                 storages);
}

// The arguments of a tensor of floats, with whole numbers as opcodes.
std::string arguments_of(
    const std::string& numel, const std::string& view, const std::string& metadata = "") {
  return "((U\7storagectorch\nFloatStorage\nU\1"
         "0U\3"
         "cpu"s +
         numel + "NtQ" + view +
         "\x89"
         "ccollections\nOrderedDict\n)R" +
         metadata + "t";
}
const std::string rebuild = "ctorch._utils\n_rebuild_tensor_v2\n";

// {"w": a tensor of floats}.
std::string tensor(const std::string& numel, const std::string& view) {
  return "}U\1w" + rebuild + arguments_of(numel, view) + "Rs";
}
const std::string three = "\3\0\0\0\0\0\0\0aaaabbbbcccc"s;

class ShardedTorch : public FolderTest {};

// The index is checked as that of safetensors.
TEST_F(ShardedTorch, IsReadAsOne) {
  const auto index = folder_ / "pytorch_model.bin.index.json";
  std::filesystem::copy_file(test::fixture("torch_zip.pth"), folder_ / "one.bin");
  const Tree whole = load_torch(folder_ / "one.bin").tensors;
  auto write_index = [&](const std::string& shard, const std::string& last) {
    std::string map;
    for (const auto& [name, t] : whole)
      map +=
          (map.empty() ? "" : ", ") + ('"' + name) + R"(": ")" + (map.empty() ? last : shard) + '"';
    write_file(index, R"({"weight_map": {)" + map + "}}");
  };
  write_index("one.bin", "one.bin");
  expect_equal(load_torch(index).tensors, whole);
  write_index("one.bin", "two.bin");
  EXPECT_HAS(io_error([&] { load_torch(index); }), "which the weight_map does not put there");
  write_index("one.bin", "../one.bin");
  EXPECT_HAS(io_error([&] { load_torch(index); }), "expected shards in the same folder");
  write_index("two.bin", "two.bin");
  EXPECT_HAS(io_error([&] { load_torch(index); }), "No such file");
}

TEST(TorchFile, ReadsAStreamWrittenByHand) {
  const std::string file = stream(tensor("K\3", "K\1K\2\x85K\1\x85"), three);
  const TorchFile read = parse_torch(bytes_of(file), "x.pth");
  EXPECT_EQ(read.key, "");
  ASSERT_TRUE(read.tensors.contains("w"));
  EXPECT_EQ(read.tensors.at("w").shape(), Shape({2}));
  EXPECT_EQ(std::memcmp(read.tensors.at("w").bytes().data(), "bbbbcccc", 8), 0);
}

TEST(TorchFile, EveryOffsetAndLengthIsChecked) {
  const std::string big = "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f"s;
  auto of = [](const std::string& arguments) {
    return error(stream(tensor("K\3", arguments), three));
  };
  EXPECT_HAS(of("K\2K\2\x85K\1\x85"), "leaves its storage of 3 elements");
  EXPECT_HAS(of("K\0K\2\x85K\3\x85"s), "leaves its storage of 3 elements");
  EXPECT_HAS(of(big + "K\2\x85K\1\x85"), "leaves its storage");
  EXPECT_HAS(of("K\0"s + big + big + "\x86" + big + big + "\x86"), "leaves its storage");
  EXPECT_HAS(of("K\0"s + big + "\x85K\0\x85"s), "leaves its storage");
  EXPECT_HAS(of("K\0J\0\0\0\1\x85K\0\x85"s), "save expanded ones with .contiguous()");
  EXPECT_HAS(of("K\0K\2\x85)"s), "expected a stride for each");
  EXPECT_HAS(of("J\xff\xff\xff\xffK\2\x85K\1\x85"), "expected whole numbers from 0 on");
  EXPECT_HAS(of("K\0K\2K\1\x85"s), "expected at most 8 sizes");
  EXPECT_HAS(of("K\0(KKKKKKKKKKKKKKKKKKtK\1\x85"s), "expected at most 8 sizes");
  const std::string good = "K\0K\3\x85K\1\x85"s;
  EXPECT_HAS(error(stream(tensor("K\4", good), three)), "expected 4 elements of 4 bytes, got 12");
  EXPECT_HAS(error(stream(tensor("K\3", good), three.substr(0, 19))), "the file is truncated");
  EXPECT_HAS(
      error(stream(
          tensor("K\3", good),
          "\xff\xff\xff\xff\xff\xff\xff\xff"
          "aaaa")),
      "has 18446744073709551615 elements, there is room for 1");
  EXPECT_HAS(error(stream(tensor("K\3", good), three + "a")), "nothing behind the last storage");
  EXPECT_HAS(error(stream(tensor("K\3", good))), "holds no storage '0'");
}

const std::string small = tensor("K\3", "K\0K\3\x85K\1\x85"s);

std::string text(const std::string& name) { return "U" + std::string(1, char(name.size())) + name; }
// A dict of those entries.
std::string dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string made = "}";
  for (const auto& [name, value] : entries) made += text(name) + value + "s";
  return made;
}

TEST(TorchFile, FindsTheWeightsAmongWhatATrainingProgramSaved) {
  auto read = [](const std::string& object, std::string_view key = {}) {
    return parse_torch(bytes_of(stream(object, three)), "x.pth", key);
  };
  const std::string one = rebuild + arguments_of("K\3", "K\0))"s) + "R";  // the best score so far
  TorchFile file = read(dict({{"epoch", "K\3"}, {"best_acc1", one}, {"state_dict", small}}));
  EXPECT_EQ(file.key, "state_dict");
  EXPECT_EQ(file.tensors.size(), 1u);
  EXPECT_TRUE(file.tensors.contains("w"));
  EXPECT_TRUE(file.others.empty());

  file = read(dict({{"model", dict({{"state_dict", small}})}, {"optimizer", small}}));
  EXPECT_EQ(file.key, "model.state_dict");
  file = read(dict({{"state_dict", small}, {"model_ema", small}}));
  EXPECT_EQ(file.key, "state_dict");
  EXPECT_EQ(file.others, std::vector<std::string>{"model_ema"});

  const std::string two = dict({{"backbone", small}, {"head", dict({{"v", one}})}});
  EXPECT_EQ(read(two, "head").tensors.begin()->first, "v");
  EXPECT_EQ(read(two, "head").key, "head");
  auto refused = [](const std::string& object, std::string_view key = {}) {
    return io_error([&] { parse_torch(bytes_of(stream(object, three)), "x.pth", key); });
  };
  EXPECT_HAS(refused(two), "\"backbone\"");
  EXPECT_HAS(refused(two), "choose one with --key");
  EXPECT_HAS(
      refused(two, "tail"), "holds no tensors under \"tail\"; it has some under \"backbone\"");
}

TEST(TorchFile, ExpandedTensorsAreWrittenOut) {
  const std::string file = stream(tensor("K\3", "K\0K\2K\3\x86K\0K\1\x86"s), three);
  const Tensor w = parse_torch(bytes_of(file), "x.pth").tensors.at("w");
  EXPECT_EQ(w.shape(), Shape({2, 3}));
  EXPECT_EQ(std::memcmp(w.bytes().data(), "aaaabbbbccccaaaabbbbcccc", 24), 0);
}

TEST(TorchFile, AViewOfTheOtherSignIsRefused) {
  const std::string view = "K\0K\3\x85K\1\x85"s;
  const std::string negated =
      rebuild + arguments_of("K\3", view, "}" + text("neg") + "\x88s") + "R";
  EXPECT_HAS(
      error(stream(dict({{"w", negated}}), three)),
      "tensor 'w' is a view of another sign ('neg'); save it as t.resolve_neg()");
}

TEST(TorchFile, BuffersAndParametersWithAttributesAreTensors) {
  const std::string inner = arguments_of("K\3", "K\0K\3\x85K\1\x85"s);
  const std::string buffer = "ctorch._tensor\n_rebuild_from_type_v2\n(" + rebuild +
                             "ctorch.nn.parameter\nBuffer\n" + inner + "}tR";
  const std::string parameter = "ctorch._utils\n_rebuild_parameter_with_state\n(" + rebuild +
                                inner + "R\x88" + "ccollections\nOrderedDict\n)R}tR";
  const std::string set = "\x8f(K\1\x90";
  const TorchFile file = parse_torch(
      bytes_of(stream(dict({{"b", buffer}, {"p", parameter}, {"s", set}}), three)), "x.pth");
  EXPECT_EQ(file.skipped, std::vector<std::string>{"s"});
  for (const char* name : {"b", "p"}) {
    ASSERT_TRUE(file.tensors.contains(name));
    EXPECT_EQ(std::memcmp(file.tensors.at(name).bytes().data(), "aaaabbbbcccc", 12), 0);
  }
}

TEST(TorchFile, WhatAPickleWouldRunIsRefusedByName) {
  EXPECT_HAS(error("cos\nsystem\n(S'ls'\ntR."), "refers to os.system");
  EXPECT_HAS(
      error(stream("ctorch._utils\n_rebuild_sparse_tensor\n)R")),
      "_rebuild_sparse_tensor, which this reader does not know and will not run; save sparse "
      "tensors as t.to_dense()");
  EXPECT_HAS(error(stream("cposix\nsystem\nU\2ls\x85R")), "refers to posix.system");
  EXPECT_HAS(error(stream("c__builtin__\neval\nU\2ls\x85R")), "refers to __builtin__.eval");
  EXPECT_HAS(error(stream("ctorch.storage\n_load_from_bytes\nU\2ls\x85R")), "_load_from_bytes");
  EXPECT_HAS(
      error(stream("c__main__\nNet\n)\x81")),
      "refers to __main__.Net, which this reader does not know and will not run; where the file "
      "holds a whole module, save its weights alone: torch.save(model.state_dict(), ...)");
}

TEST(TorchFile, SaysWhatItExpectedAndWhatCame) {
  EXPECT_HAS(error(stream("}U\5epochK\3s")), "got a dict of \"epoch\"");
  EXPECT_HAS(error(stream("]")), "got no dict");
  EXPECT_HAS(
      error(stream("}q\0U\1"
                   "ah\0s"s)),
      "got a dict of \"a\"");  // that holds itself
  EXPECT_HAS(error("\x80\2}."), "expected the magic number of torch.save");
  EXPECT_HAS(error("version https://git-lfs"), "Git LFS pointer");
  EXPECT_HAS(error("hello"), "expected a file of torch.save");
  EXPECT_HAS(error(""), "expected a file of torch.save");
}

TEST(TorchFile, TheOldFilesOfCifarResNetsEqualTheirSafetensors) {
  const auto folder = test::data_root() / "cifar_resnet";
  FOVEA_NEEDS_DATA(folder);
  for (std::string name : {"resnet20-12fca82f", "resnet32-d509ac18"}) {
    const TorchFile file = load_torch(folder / (name + ".th"));
    EXPECT_EQ(file.key, "state_dict");
    expect_equal(file.tensors, load_safetensors(folder / (name + ".safetensors")).tensors);
  }
}

TEST(TorchFile, FastestDetEqualsItsSafetensors) {
  const auto folder = test::data_root() / "fastestdet";
  FOVEA_NEEDS_DATA(folder);
  expect_equal(
      load_torch(folder / "fastestdet_coco_ap05_0.253.pth").tensors,
      load_safetensors(folder / "fastestdet.safetensors").tensors);
}

}  // namespace
}  // namespace fovea::formats
