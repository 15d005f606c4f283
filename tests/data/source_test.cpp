#include "fovea/data/source.h"

#include <thread>

#include "fovea/data/file_tree.h"
#include "tests/data/files.h"

namespace fovea::data {
namespace {

using Strings = std::vector<std::string>;

class SourceTest : public FolderTest {
 protected:
  // classes x count pictures of colour (10 * class, number, 0) under prefix.
  void write_classes(const std::string& prefix, const Strings& classes, int count = 2) const {
    for (size_t c = 0; c < classes.size(); ++c)
      for (int n = 0; n < count; ++n)
        write_ppm(
            prefix + classes[c] + "/" + std::to_string(n) + ".ppm", uint8_t(10 * c), uint8_t(n), 0);
  }
  std::string refused(const std::string& spec, const OpenOptions& options = {}) const {
    return message_of<std::invalid_argument>([&] { open(spec, options); });
  }
};

// Checks the tree that scripts/fixtures/data_archives.py describes.
void check_photos(const Source& source, size_t val_size) {
  EXPECT_EQ(source.classes, (Strings{"Zebra", "ant", "bee"}));
  ASSERT_TRUE(source.train && source.val);
  EXPECT_FALSE(source.test);
  ASSERT_EQ(source.train->size(), 9);
  ASSERT_EQ(size_t(source.val->size()), val_size);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(source.train->label(i), i / 3);
    auto image = source.train->image(i);
    ASSERT_EQ(image.pixels.size(), 12u);
    EXPECT_EQ(image.at(1, 1, 0), 10 * (i / 3));
    EXPECT_EQ(image.at(1, 1, 1), i % 3);
    EXPECT_EQ(image.at(1, 1, 2), 200);
  }
  for (int i = 0; i < int(val_size); ++i)
    EXPECT_EQ(source.val->image(i).at(0, 0, 0), 10 * source.val->label(i));
}

TEST(Archives, ZipIsReadInPlace) {
  auto source = open(test::fixture("data_tree.zip").string());
  check_photos(source, 6);
  EXPECT_TRUE(source.train->sample_name(0).ends_with("data_tree.zip:photos/train/Zebra/0.PPM"))
      << source.train->sample_name(0);
}

TEST(Archives, TarsAreReadInPlaceWithHardLinks) {
  for (const char* name : {"data_tree.tar", "data_tree_gnu.tar", "data_tree.tar.gz"}) {
    SCOPED_TRACE(name);
    check_photos(open(test::fixture(name).string()), 7);
  }
}

TEST(Archives, FingerprintsDoNotDependOnThePacking) {
  auto zip = open(test::fixture("data_tree.zip").string());
  auto tar = open(test::fixture("data_tree.tar").string());
  EXPECT_EQ(fingerprint(*zip.train), fingerprint(*tar.train));
  EXPECT_NE(fingerprint(*zip.train), fingerprint(*zip.val));
  EXPECT_TRUE(fingerprint(*zip.train).starts_with("9x3-"));
}

TEST(Archives, ManyThreadsReadAtOnce) {
  for (const char* name : {"data_tree.zip", "data_tree.tar"}) {
    auto source = open(test::fixture(name).string());
    std::vector<std::jthread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          int sample = (i + t) % 9;
          wrong += source.train->image(sample).at(0, 0, 1) != sample % 3;
        }
      });
    threads.clear();
    EXPECT_EQ(wrong, 0) << name;
  }
}

class DamagedArchive : public FolderTest {};

TEST_F(DamagedArchive, EveryTruncationIsAnErrorOrLeavesReadablePictures) {
  for (const char* name : {"data_tree.zip", "data_tree.tar", "data_tree.tar.gz"}) {
    auto whole = read_file(test::fixture(name));
    for (size_t size = 0; size < whole.size(); size += std::max<size_t>(1, whole.size() / 97)) {
      write(name, whole.substr(0, size));
      try {
        auto source = open(path(name));
        for (const auto& d : {source.train, source.val})
          for (int64_t i = 0; d && i < d->size(); ++i) EXPECT_EQ(d->image(i).pixels.size(), 12u);
      } catch (const IoError& e) {
        EXPECT_HAS(std::string(e.what()), name);
      } catch (const std::invalid_argument& e) {
        EXPECT_HAS(std::string(e.what()), name);
      }
    }
  }
}

TEST_F(DamagedArchive, FlippedBytesNeverCrash) {
  for (const char* name : {"data_tree.zip", "data_tree.tar", "data_tree.tar.gz"}) {
    auto whole = read_file(test::fixture(name));
    for (size_t at = 0; at < whole.size(); at += std::max<size_t>(1, whole.size() / 211)) {
      auto broken = whole;
      broken[at] = char(broken[at] ^ 0xff);
      write(name, broken);
      try {
        auto source = open(path(name));
        for (const auto& d : {source.train, source.val})
          for (int64_t i = 0; d && i < d->size(); ++i) {
            try {
              d->image(i);
            } catch (const IoError& e) {
              EXPECT_HAS(std::string(e.what()), name);
            }
          }
      } catch (const IoError&) {
      } catch (const std::invalid_argument&) {
      }
    }
  }
}

TEST_F(DamagedArchive, NamesTheArchive) {
  write("garbage.zip", "this is no zip archive");
  EXPECT_HAS(message_of<IoError>([&] { open(path("garbage.zip")); }), "expected a zip archive");
  write("garbage.tar", std::string(2000, 'x'));
  EXPECT_HAS(message_of<IoError>([&] { open(path("garbage.tar")); }), "expected a tar archive");
}

TEST_F(SourceTest, FolderPerClassIsSortedByByte) {
  write_classes("", {"b", "B", "a", "10", "9"});
  write_ppm("a/deeper/x.ppm", 1, 2, 3);
  write("a/notes.txt", "no picture");
  auto source = open(path());
  EXPECT_EQ(source.classes, (Strings{"10", "9", "B", "a", "b"}));
  EXPECT_EQ(class_counts(*source.train), (std::vector<int64_t>{2, 2, 2, 3, 2}));
  EXPECT_FALSE(source.val || source.test);
  EXPECT_EQ(source.held_out(), source.train);
  EXPECT_EQ(source.train->sample_name(0), path("10/0.ppm"));
}

TEST_F(SourceTest, EveryExtensionInAnyCaseIsListed) {
  for (const char* end : {"JPG", "jpeg", "Png", "ppm", "bmp", "pgm", "pbm", "webp"})
    write(std::string("a/x.") + end, "garbage");
  write_classes("", {"b"});
  auto source = open(path());
  EXPECT_EQ(class_counts(*source.train), (std::vector<int64_t>{8, 2}));
  EXPECT_HAS(message_of<IoError>([&] { source.train->image(0); }), path("a/x."));
  EXPECT_TRUE(source.notes.empty());
}

TEST_F(SourceTest, KindsThatNoDecoderReadsAreLeftOutAndNamed) {
  write("a/x.TIF", "II*");
  write("b/y.tiff", "MM");
  write("b/z.gif", "GIF8");
  EXPECT_HAS(
      refused(path()),
      "which holds 3 files: a/x.TIF, b/y.tiff, b/z.gif; JPEG, PNG, WebP, BMP and PPM are read.");
  write_classes("", {"a", "b"});
  auto source = open(path());
  EXPECT_EQ(class_counts(*source.train), (std::vector<int64_t>{2, 2}));
  ASSERT_EQ(source.notes.size(), 1u);
  EXPECT_HAS(source.notes[0], "3 pictures of a kind that is not supported, left out");
  EXPECT_HAS(source.notes[0], "such as a/x.TIF; convert them to PNG or JPEG");
  // A class of nothing else is empty.
  write("c/w.tif", "II*");
  EXPECT_HAS(refused(path()), "the train split has no pictures of 1 of 3 classes: c (");
  EXPECT_HAS(refused(path()), "4 pictures of a kind that is not supported");
}

TEST_F(SourceTest, NamesOfClassesAreUtf8) {
  write_classes("train/", {"caf\xe9", "pla\u00ee"});
  write_classes("val/", {"caf\u00e9", "pla\u00ee"});
  auto source = open(path());
  EXPECT_EQ(source.classes, (Strings{"caf\u00e9", "pla\u00ee"}));
  EXPECT_EQ(class_counts(*source.train), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(class_counts(*source.val), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(source.train->classes(), source.classes);
  ASSERT_EQ(source.notes.size(), 1u);
  EXPECT_HAS(source.notes[0], "not in UTF-8 are read as Latin-1: caf\u00e9");
}

TEST_F(SourceTest, OtherNamesOfSplitsAreKnown) {
  write_classes("Training/", {"a", "b"});
  write_classes("validation/", {"a", "b"}, 1);
  write_classes("test/", {"a", "b"}, 3);
  auto source = open(path());
  EXPECT_EQ(source.train->size(), 4);
  EXPECT_EQ(source.val->size(), 2);
  EXPECT_EQ(source.test->size(), 6);
  EXPECT_EQ(source.held_out(), source.test);
  write_classes("valid/", {"a", "b"});
  EXPECT_HAS(refused(path()), "two folders for the val split: valid and validation");
}

TEST_F(SourceTest, ValIsMatchedByNameWhenItLacksAClass) {
  write_classes("train/", {"ant", "bee", "cat"});
  write_ppm("val/bee/0.ppm", 10, 0, 0);
  write_ppm("val/cat/0.ppm", 20, 0, 0);
  auto message = refused(path());
  EXPECT_HAS(message, "the val split has no pictures of 1 of 3 classes: ant");
  EXPECT_HAS(message, "allow missing classes");
  auto source = open(path(), {.allow_missing_classes = true});
  ASSERT_EQ(source.val->size(), 2);
  EXPECT_EQ(source.val->label(0), 1);
  EXPECT_EQ(source.val->label(1), 2);
  EXPECT_EQ(source.val->classes(), source.classes);
  ASSERT_EQ(source.notes.size(), 1u);
  EXPECT_HAS(source.notes[0], "ant");
}

TEST_F(SourceTest, ValWithAnExtraClassIsRefused) {
  write_classes("train/", {"ant", "bee"});
  write_classes("val/", {"ant", "bee", "wasp", "fly"});
  auto message = refused(path(), {.allow_missing_classes = true});
  EXPECT_HAS(message, "not among the 2 expected ones: fly, wasp; expected ant, bee");
}

TEST_F(SourceTest, ClassesOfAModelDecideTheLabels) {
  write_classes("", {"cat", "bee"});
  auto source = open(path(), {.classes = {"cat", "ant", "bee"}});
  EXPECT_EQ(source.classes, (Strings{"cat", "ant", "bee"}));
  EXPECT_EQ(class_counts(*source.train), (std::vector<int64_t>{2, 0, 2}));
  EXPECT_EQ(source.train->image(0).at(0, 0, 0), 10);  // folder bee comes first
  EXPECT_EQ(source.train->label(0), 2);
  EXPECT_HAS(refused(path(), {.classes = {"cat", "ant"}}), "not among the 2 expected ones: bee");
}

TEST_F(SourceTest, OfManyClassesSomeAreNamed) {
  write_classes("", {"class 99x", "other"});
  Strings classes;
  for (int i = 0; i < 1000; ++i) classes.push_back("class " + std::to_string(i));
  const std::string message = refused(path(), {.classes = classes});
  EXPECT_HAS(message, "class 8, class 9 and 990 more");
  EXPECT_HAS(message, "did you mean \"class 99");
  EXPECT_LT(message.size(), 1000u);
}

TEST_F(SourceTest, OneClassIsRefused) {
  write_classes("", {"only"});
  EXPECT_HAS(refused(path()), "has 1 class: only; expected at least 2");
  EXPECT_EQ(open(path(), {.min_classes = 1}).train->size(), 2);
}

TEST_F(SourceTest, EmptyClassIsRefused) {
  write_classes("", {"a", "b"});
  std::filesystem::create_directories(folder_ / "c");
  EXPECT_HAS(refused(path()), "the train split has no pictures of 1 of 3 classes: c");
  EXPECT_EQ(open(path(), {.allow_missing_classes = true}).classes.size(), 3u);
}

TEST_F(SourceTest, ATrainOfVehiclesIsAClass) {
  write_classes("", {"train", "bus"});
  EXPECT_EQ(open(path()).classes, (Strings{"bus", "train"}));
}

TEST_F(SourceTest, StrayPicturesAreNoted) {
  write_classes("train/", {"a", "b"});
  write_ppm("train/stray.ppm", 0, 0, 0);
  write_ppm("test/1.ppm", 0, 0, 0);
  auto source = open(path());
  EXPECT_EQ(source.train->size(), 4);
  EXPECT_FALSE(source.test);
  ASSERT_EQ(source.notes.size(), 2u);
  EXPECT_HAS(source.notes[0], "test has pictures but no class folders");
  EXPECT_HAS(source.notes[1], "train/stray.ppm");
}

TEST_F(SourceTest, PicturesWithoutClassFoldersAreRefused) {
  write_ppm("1.ppm", 0, 0, 0);
  EXPECT_HAS(refused(path()), "expected a folder per class");
}

TEST_F(SourceTest, FolderWithoutPicturesSaysWhatItFound) {
  write("a/table.csv", "1,2");
  auto message = refused(path());
  EXPECT_HAS(message, "holds 1 files: a/table.csv");
  EXPECT_HAS(message, "Expected \"digits\"");
  write("table.txt", "1,2");
  EXPECT_HAS(refused(path("table.txt")), "neither an archive nor CIFAR records");
  write("table.csv", "1,2");
  EXPECT_HAS(
      message_of<IoError>([&] { open(path("table.csv")); }),
      "line 1: expected x,y,class with two numbers, got \"1,2\"");
}

TEST_F(SourceTest, UnknownPathSuggestsANearOne) {
  write_classes("flowers/", {"a", "b"});
  auto message = refused(path("flowes"));
  EXPECT_HAS(message, "there is no such file or folder");
  EXPECT_HAS(message, "did you mean \"" + path("flowers") + "\"?");
  EXPECT_HAS(refused("digit"), "did you mean \"digits\"?");
}

TEST_F(SourceTest, SplitsFromDifferentPlaces) {
  write_classes("first/train/", {"a", "b"});
  write_classes("second/", {"b", "a"}, 1);
  auto source = open("train=" + path("first") + ",test=" + path("second"));
  EXPECT_EQ(source.train->size(), 4);
  EXPECT_EQ(source.test->size(), 2);
  EXPECT_EQ(source.test->classes(), source.classes);
  auto twice = "train=" + path("first") + ",train=" + path("second");
  EXPECT_HAS(refused(twice), "names train twice");
}

TEST_F(SourceTest, FolderOfSplitArchives) {
  auto zip = read_file(test::fixture("data_tree.zip"));
  write("photos_train.zip", zip);
  write("photos_test.zip", zip);
  auto source = open(path());
  EXPECT_EQ(source.train->size(), 9);
  EXPECT_EQ(source.test->size(), 6);  // the held-out split of the second archive
  write("more_test.tar", read_file(test::fixture("data_tree.tar")));
  EXPECT_HAS(refused(path()), "two archives for the test split");
}

TEST(CifarZips, OpenInPlace) {
  auto root = test::data_root() / "cifar10";
  FOVEA_NEEDS_DATA(root / "cifar10_jpeg_test.zip");
  auto source = open(
      "train=" + (root / "cifar10_jpeg_train.zip").string() +
      ",test=" + (root / "cifar10_jpeg_test.zip").string());
  EXPECT_EQ(source.classes.front(), "airplane");
  EXPECT_EQ(source.classes.back(), "truck");
  EXPECT_EQ(class_counts(*source.train), std::vector<int64_t>(10, 5000));
  EXPECT_EQ(class_counts(*source.test), std::vector<int64_t>(10, 1000));
  auto image = source.test->image(9999);
  EXPECT_EQ(image.height, 32);
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(source.test->label(9999), 9);
}

}  // namespace
}  // namespace fovea::data
