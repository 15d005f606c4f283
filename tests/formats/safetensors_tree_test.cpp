#include "fovea/formats/safetensors_tree.h"

#include "tests/formats/files.h"

namespace fovea::formats {
namespace {

class SafetensorsTree : public FolderTest {};

TEST_F(SafetensorsTree, RoundTrip) {
  Tree tree{
      {"fc.weight", Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3})},
      {"bn.num_batches_tracked", Tensor::from<int64_t>({7}, {})},
      {"mask", Tensor::from<bool>({true, false}, {2})}};
  save_safetensors(folder_ / "m.safetensors", tree, {{"k", "v"}});
  SavedTree saved = load_safetensors(folder_ / "m.safetensors");
  EXPECT_EQ(fingerprint(saved.tensors), fingerprint(tree));
  EXPECT_EQ(saved.metadata, (Metadata{{"k", "v"}}));
}

TEST_F(SafetensorsTree, ShardedSet) {
  Tensor a = Tensor::from<float>({1, 2}, {2}), b = Tensor::from<float>({3}, {1});
  save_safetensors(folder_ / "m-1.safetensors", {{"a", a}}, {{"format", "pt"}});
  save_safetensors(folder_ / "m-2.safetensors", {{"b", b}}, {{"format", "pt"}});
  auto index = folder_ / "model.safetensors.index.json";
  auto error_with = [&](const std::string& json) {
    write_file(index, json);
    return io_error([&] { load_safetensors(index); });
  };

  EXPECT_EQ(
      error_with(R"({"metadata":{"total_size":12},
                    "weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})"),
      "");
  SavedTree saved = load_safetensors(index);
  EXPECT_EQ(fingerprint(saved.tensors), fingerprint({{"a", a}, {"b", b}}));
  EXPECT_EQ(saved.metadata, (Metadata{{"format", "pt"}}));

  EXPECT_HAS(error_with("{"), "expected a JSON object with a weight_map");
  EXPECT_HAS(error_with(R"({"weight_map":{"a":1}})"), "expected file names");
  EXPECT_HAS(
      error_with(R"({"weight_map":{"a":"../m-1.safetensors"}})"),
      "expected shards in the same folder, tensor 'a' is in '../m-1.safetensors'");
  EXPECT_HAS(
      error_with(R"({"weight_map":{"a":"m-1.safetensors","c":"m-1.safetensors"}})"),
      "m-1.safetensors does not hold tensor 'c'");
  EXPECT_HAS(
      error_with(R"({"weight_map":{"c":"m-1.safetensors"}})"),
      "m-1.safetensors holds tensor 'a', which the weight_map does not put there");
  EXPECT_HAS(error_with(R"({"weight_map":{"a":"absent.safetensors"}})"), "No such file");
}

}  // namespace
}  // namespace fovea::formats
