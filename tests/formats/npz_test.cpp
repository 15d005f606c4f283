#include "fovea/formats/npz.h"

#include "fovea/formats/npy.h"
#include "fovea/formats/zip_archive.h"
#include "tests/formats/files.h"
#include "tests/support/test_data.h"

namespace fovea::formats {
namespace {

using namespace std::string_literals;

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
  // write_zip refuses such names itself: they come in afterwards.
  auto written = [&](const std::string& name) {
    const std::string stand_in(name.size(), 'n');
    write_zip(path, std::vector<ZipEntry>{{stand_in, "abc", {}}});
    std::string file = read_file(path);
    for (size_t at; (at = file.find(stand_in)) != file.npos;) file.replace(at, name.size(), name);
    return error(file);
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

TEST_F(Npz, NamesThatNoArchiveShouldHaveAreNotWritten) {
  const auto path = folder_ / "a.npz";
  for (const std::string& name :
       {"../x"s, "/x"s, "a\\b"s, "a\0b"s, "a\nb"s, "\xff"s, std::string(70'000, 'x')}) {
    try {
      write_npz(path, {{name, Tensor::from<float>({1}, {1})}});
      ADD_FAILURE() << name.substr(0, 10);
    } catch (const std::invalid_argument& e) {
      EXPECT_HAS(std::string(e.what()), "cannot write an archive with the name '");
    }
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  write_npz(path, {{"größe", Tensor::from<float>({1}, {1})}});
  EXPECT_TRUE(read_npz(path).contains("größe"));
  write_npz(path, {});
  EXPECT_TRUE(read_npz(path).empty());
}

// Before anything is unpacked.
TEST_F(Npz, AnEntryOfAnotherSizeThanItsHeaderSaysIsRefused) {
  const auto path = folder_ / "a.npz";
  const Tensor t = Tensor::from<float>({1, 2}, {2});
  const std::string zeros(100'000, '\0');
  write_zip(path, std::vector<ZipEntry>{{"a.npy", npy_header(t), bytes_of(zeros)}});
  EXPECT_HAS(error(read_file(path)), "x.npz:a.npy: expected 136 bytes, got 100128");
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
