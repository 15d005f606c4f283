#include "fovea/formats/npz.h"

#include "fovea/formats/zip_archive.h"
#include "tests/formats/files.h"
#include "tests/support/test_data.h"

namespace fovea::formats {
namespace {

class Npz : public FolderTest {};

std::string error(const std::string& file) {
  return io_error([&] { parse_npz(bytes_of(file), "x.npz"); });
}

TEST_F(Npz, RoundTripKeepsNamesAndBits) {
  const auto path = folder_ / "a.npz";
  const Tree tree{
      {"layer1.0.weight", Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3})},
      {"steps", Tensor::from<int64_t>({7}, {})},
      {"none", Tensor::from(std::vector<float>(), {0, 3})}};
  write_npz(path, tree);
  const Tree back = read_npz(path);
  EXPECT_EQ(fingerprint(back), fingerprint(tree));
  const std::string first = read_file(path);
  write_npz(path, tree);
  EXPECT_EQ(read_file(path), first);  // no times in it
  for (size_t size = 0; size < first.size(); size += 7) EXPECT_NE(error(first.substr(0, size)), "");
  EXPECT_THROW(write_npz(path, {{"b", Tensor::empty({1}, Dtype::bf16)}}), std::invalid_argument);
  EXPECT_EQ(read_file(path), first);
}

TEST_F(Npz, ReadsWhatNumpyWroteAndPacked) {
  const Tree tree = read_npz(test::fixture("numpy.npz"));
  ASSERT_EQ(tree.size(), 2u);
  EXPECT_EQ(tree.at("grid").to_vector(), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(tree.at("grid").shape(), Shape({2, 3}));
  EXPECT_EQ(tree.at("zeros").shape(), Shape({100, 100}));
}

TEST_F(Npz, RefusesNamesThatLeadOutAndLies) {
  const auto path = folder_ / "a.zip";
  auto written = [&](const std::string& name) {
    write_zip(path, std::vector<ZipEntry>{{name, "abc", {}}});
    return error(read_file(path));
  };
  EXPECT_HAS(written("../a.npy"), "leads out of the archive");
  EXPECT_HAS(written("/a.npy"), "leads out of the archive");
  EXPECT_HAS(written("a/../../b.npy"), "leads out of the archive");
  EXPECT_HAS(written("a..npy"), "x.npz:a..npy");  // a name like any other
  EXPECT_HAS(written("a.txt"), "expected .npy files");
  EXPECT_HAS(error("PK no zip"), "expected a whole zip archive");

  // The packed zeros, claiming more than deflate can reach.
  std::string bomb = read_file(test::fixture("numpy.npz"));
  const size_t central = bomb.rfind("PK\1\2"), local = bomb.rfind("PK\3\4");
  ASSERT_NE(central, bomb.npos);
  ASSERT_NE(local, bomb.npos);
  for (size_t i = 0; i < 4; ++i)
    bomb[central + 24 + i] = bomb[local + 22 + i] = char(i == 3 ? 0x7f : 0xff);
  EXPECT_HAS(error(bomb), "it looks like a zip bomb");
}

TEST_F(Npz, ChangedBytesGiveATreeOrAnIoError) {
  std::string file = read_file(test::fixture("numpy.npz"));
  int refused = 0;
  for (char& c : file) {
    const char kept = c;
    c = char(~c);
    refused += !error(file).empty();
    c = kept;
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace fovea::formats
