#include "fovea/data/cifar.h"
#include "fovea/data/cifar_pickle.h"
#include "fovea/data/digits.h"
#include "fovea/data/idx.h"
#include "fovea/data/source.h"
#include "tests/data/files.h"

namespace fovea::data {
namespace {

using namespace std::string_literals;

std::string big_endian(std::initializer_list<uint32_t> words) {
  std::string text;
  for (uint32_t w : words)
    for (int shift = 24; shift >= 0; shift -= 8) text += char(w >> shift & 0xff);
  return text;
}

class IdxTest : public FolderTest {
 protected:
  // Two pictures of 2 x 3 with values 0..11, labels 4 and 2.
  void write_pair(const std::string& split = "train", const std::string& end = "") const {
    std::string values;
    for (int i = 0; i < 12; ++i) values += char(i);
    write(split + "-images-idx3-ubyte" + end, images_header + values);
    write(split + "-labels-idx1-ubyte" + end, big_endian({2049, 2}) + "\4\2");
  }
  std::string error() const {
    return message_of<IoError>([&] { open(path()); });
  }
  std::string images_header = big_endian({2051, 2, 2, 3});
  OpenOptions any{.allow_missing_classes = true};
};

TEST_F(IdxTest, ReadsImagesAndLabels) {
  write_pair();
  write_pair("t10k");
  auto source = open(path(), any);
  ASSERT_EQ(source.train->size(), 2);
  ASSERT_EQ(source.test->size(), 2);
  EXPECT_EQ(source.classes.size(), 10u);
  EXPECT_EQ(source.train->label(0), 4);
  auto image = source.train->image(1);
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.channels, 1);
  EXPECT_EQ(image.at(1, 2), 11);
  EXPECT_EQ(source.train->image(1, {.channels = 3}).channels, 3);
  EXPECT_EQ(source.train->sample_name(1), path("train #1"));
  EXPECT_THROW(source.train->image(2), std::out_of_range);
}

TEST_F(IdxTest, ReadsGzip) {
  write("train-images.idx3-ubyte.gz", read_file(test::fixture("data_images-idx3-ubyte.gz")));
  write("train-labels.idx1-ubyte.gz", read_file(test::fixture("data_labels-idx1-ubyte.gz")));
  auto source = open(path(), any);
  ASSERT_EQ(source.train->size(), 3);
  EXPECT_EQ(source.train->label(2), 9);
  EXPECT_EQ(source.train->image(2).at(1, 3), 23);
}

TEST_F(IdxTest, FashionHasNamedClasses) {
  write_pair("fashion/train");
  EXPECT_EQ(open(path("fashion"), any).classes[9], "Ankle boot");
}

TEST_F(IdxTest, DamagedFilesAreNamed) {
  write_pair();
  auto name = path("train-images-idx3-ubyte");
  write("train-images-idx3-ubyte", images_header + std::string(11, 'x'));
  EXPECT_HAS(error(), name);
  EXPECT_HAS(error(), "expected 12 bytes after the header for extents 2 x 2 x 3, got 11");
  write("train-images-idx3-ubyte", images_header + std::string(13, 'x'));
  EXPECT_HAS(error(), "got 13");
  write("train-images-idx3-ubyte", "abc");
  EXPECT_HAS(error(), "expected an idx header of 16 bytes, got 3");
  write("train-images-idx3-ubyte", big_endian({2049, 2, 2, 3}) + std::string(12, 'x'));
  EXPECT_HAS(error(), "expected the idx magic number 2051, got 2049");
  write("train-images-idx3-ubyte", big_endian({2051, 0xffffffff, 0xffffffff, 0xffffffff}));
  EXPECT_HAS(error(), "cannot have extents");
  write("train-images-idx3-ubyte", big_endian({2051, 1, 2, 3}) + std::string(6, 'x'));
  EXPECT_HAS(error(), "expected 1 labels, one per image, got 2");
  std::filesystem::remove(folder_ / "train-labels-idx1-ubyte");
  EXPECT_HAS(error(), "expected a file of labels beside it");
}

TEST_F(IdxTest, TruncatedGzipIsAnError) {
  auto whole = read_file(test::fixture("data_images-idx3-ubyte.gz"));
  write("train-labels-idx1-ubyte.gz", read_file(test::fixture("data_labels-idx1-ubyte.gz")));
  for (size_t size = 0; size < whole.size(); ++size) {
    write("train-images-idx3-ubyte.gz", whole.substr(0, size));
    EXPECT_HAS(error(), "damaged or truncated gzip file") << size;
  }
}

TEST(Mnist, FullFiles) {
  auto root = test::data_root() / "mnist";
  FOVEA_NEEDS_DATA(root);
  auto source = open(root.string());
  EXPECT_EQ(source.train->size(), 60000);
  EXPECT_EQ(source.test->size(), 10000);
  EXPECT_EQ(class_counts(*source.test)[1], 1135);  // LeCun's table of the test set
  auto embedded = digits();
  for (int64_t i : {0, 1, 4321, 9999}) {
    EXPECT_EQ(embedded.train->image(i), source.train->image(i));
    EXPECT_EQ(embedded.train->label(i), source.train->label(i));
  }
  for (int64_t i : {0, 1999}) {
    EXPECT_EQ(embedded.test->image(i), source.test->image(i));
    EXPECT_EQ(embedded.test->label(i), source.test->label(i));
  }
}

TEST(Digits, AreEmbedded) {
  auto source = open("digits");
  ASSERT_EQ(source.train->size(), 10000);
  ASSERT_EQ(source.test->size(), 2000);
  EXPECT_EQ(
      source.classes, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  EXPECT_EQ(source.train->label(0), 5);
  EXPECT_EQ(source.test->label(0), 7);
  auto five = source.train->image(0);
  EXPECT_EQ(five.height, 28);
  EXPECT_EQ(five.width, 28);
  int64_t sum = 0;
  for (uint8_t p : five.pixels) sum += p;
  EXPECT_EQ(sum, 27525);  // the first training picture of MNIST
  EXPECT_EQ(source.train->sample_name(17), "digits/train #17");
  EXPECT_EQ(fingerprint(*source.train), fingerprint(*digits().train));
}

class CifarTest : public FolderTest {
 protected:
  // Records of 32 x 32 whose plane c of record r holds 10 * r + c, but 77 in red at (1, 2).
  static std::string records(std::initializer_list<int> labels, bool fine = false) {
    std::string text;
    int r = 0;
    for (int label : labels) {
      if (fine) text += '\0';
      text += char(label);
      for (int c = 0; c < 3; ++c) text += std::string(1024, char(10 * r + c));
      text[text.size() - 3 * 1024 + 34] = 77;
      ++r;
    }
    return text;
  }
  std::string error() const {
    return message_of<IoError>([&] { open(path("x.bin")); });
  }
  OpenOptions any{.allow_missing_classes = true};
};

TEST_F(CifarTest, ReadsTheTenClassFolder) {
  write("cifar/data_batch_1.bin", records({3, 9}));
  write("cifar/data_batch_2.bin", records({0}));
  write("cifar/test_batch.bin", records({1}));
  write("cifar/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  auto source = open(path(), any);
  ASSERT_EQ(source.train->size(), 3);
  ASSERT_EQ(source.test->size(), 1);
  EXPECT_EQ(source.classes[9], "j");
  EXPECT_EQ(source.train->label(1), 9);
  auto image = source.train->image(1);
  EXPECT_EQ(image.at(1, 2, 0), 77);
  EXPECT_EQ(image.at(1, 1, 0), 10);
  EXPECT_EQ(image.at(31, 31, 2), 12);
  write("cifar/batches.meta.txt", "a\nb\n");
  EXPECT_HAS(message_of<IoError>([&] { open(path(), any); }), "expected 10 class names, got 2");
}

TEST_F(CifarTest, ReadsTheHundredClassFolderByFineLabel) {
  write("train.bin", records({99, 5}, true));
  write("test.bin", records({7}, true));
  auto source = open(path(), any);
  EXPECT_EQ(source.classes.size(), 100u);
  EXPECT_EQ(source.train->label(0), 99);
  EXPECT_EQ(source.test->label(0), 7);
  EXPECT_EQ(source.train->image(1).at(0, 0, 1), 11);
}

TEST_F(CifarTest, ASingleFileIsTheTrainingSplit) {
  write("x.bin", records({1, 2}));
  EXPECT_EQ(open(path("x.bin"), any).classes.size(), 10u);
  write("y.bin", records({55}, true));
  EXPECT_EQ(open(path("y.bin"), any).train->label(0), 55);
}

TEST_F(CifarTest, DamagedFilesAreNamed) {
  write("x.bin", records({1, 2}).substr(0, 5000));
  EXPECT_HAS(error(), path("x.bin"));
  EXPECT_HAS(error(), "expected whole CIFAR-10 records of 3073 bytes, got 5000 bytes");
  write("x.bin", records({1, 10}));
  EXPECT_HAS(error(), "expected a CIFAR-10 label below 10, got 10");
  write("x.bin", "");
  EXPECT_HAS(error(), "expected whole");
}

// What scripts/fixtures/cifar_pickle.py writes.
void check_planes(const Dataset& d, int64_t i, int number) {
  image::Image picture = d.image(i);
  ASSERT_EQ(picture.height, 32);
  ASSERT_EQ(picture.channels, 3);
  for (int c = 0; c < 3; ++c) EXPECT_EQ(picture.at(31, 30, c), 10 * number + c) << i;
  EXPECT_EQ(picture.at(1, 2, 0), 77);
  EXPECT_EQ(picture.at(2, 1, 0), 10 * number);
}

TEST(CifarForPython, TarballOfCifar10) {
  auto source =
      open(test::fixture("cifar10_python.tar.gz").string(), {.allow_missing_classes = true});
  ASSERT_EQ(source.classes.size(), 10u);
  EXPECT_EQ(source.classes[1], "automobile");
  ASSERT_EQ(source.train->size(), 10);  // one of the batches is stored by columns
  ASSERT_EQ(source.test->size(), 2);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(source.train->label(i), i % 2 ? 9 - i / 2 : i / 2);
    check_planes(*source.train, i, i);
  }
  EXPECT_EQ(source.test->label(1), 4);
  check_planes(*source.test, 1, 11);
}

TEST(CifarForPython, TarballOfCifar100) {
  auto source =
      open(test::fixture("cifar100_python.tar.gz").string(), {.allow_missing_classes = true});
  ASSERT_EQ(source.classes.size(), 100u);
  EXPECT_EQ(source.classes[42], "fine 42");
  ASSERT_EQ(source.train->size(), 3);
  EXPECT_EQ(source.train->label(2), 97);
  check_planes(*source.train, 2, 2);
  EXPECT_EQ(source.test->label(0), 96);
  check_planes(*source.test, 0, 3);
}

class CifarPickle : public FolderTest {
 protected:
  // The error of a batch in which the first `from` is `to`, of the same length where offsets
  // matter.
  std::string error(const std::string& from, const std::string& to) const {
    std::string text = read_file(test::fixture("cifar10_python.pickle"));
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return message(text.replace(at, from.size(), to));
  }
  static std::string message(const std::string& text) {
    return message_of<IoError>([&] {
      parse_cifar_pickle(
          {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "batch", "labels");
    });
  }
};

TEST_F(CifarPickle, RunsNothing) {
  EXPECT_HAS(
      error("cnumpy\ndtype\n", "cos\nsystem\n"),
      "batch: refers to os.system, which this reader does not know and will not run (at byte 155)");
  EXPECT_HAS(error("cnumpy\ndtype\n", "cnumpy\nload\n"), "refers to numpy.load");
}

TEST_F(CifarPickle, OtherContentIsNamed) {
  EXPECT_HAS(error("labels", "lables"), "expected a dict with \"labels\"");
  EXPECT_HAS(error("U\2u1", "U\2f4"), "expected \"data\" to be an array of u8 (n, 3072)");
  EXPECT_HAS(error("M\x00\x0c\x86"s, "M\x01\x0c\x86"s), "array of u8 (n, 3072)");
  EXPECT_HAS(error("K\2M\x00\x0c\x86"s, "K\3M\x00\x0c\x86"s), "expected 9216 bytes for 3 pictures");
  EXPECT_HAS(error("K\x09"s + "e", "e"), "expected a label for each of 2 pictures, got 1");
  EXPECT_HAS(error("K\x09"s + "e", "Ne"), "expected labels that are whole numbers");
  EXPECT_HAS(message("\x80\x02N."), "expected a dict with \"data\"");
  EXPECT_HAS(message("\x80\x06N."), "protocol 2");
}

TEST_F(CifarPickle, EveryTruncationAndFlippedByteIsAnErrorOrABatch) {
  std::string whole = read_file(test::fixture("cifar10_python.pickle"));
  for (size_t size = 0; size < whole.size(); size += size < 300 ? 1 : 97)
    EXPECT_NE(message(whole.substr(0, size)), "") << size;
  for (size_t at = 0; at < 300; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string text = whole;
      text[at] = char(text[at] ^ (1 << bit));
      message(text);
    }
}

TEST_F(CifarPickle, LabelsOutOfRangeNameTheFile) {
  std::string text = read_file(test::fixture("cifar10_python.pickle"));
  text.replace(text.find("K\x09"s + "e"), 2, "K\x0a");
  write("data_batch_1", text);
  write("batches.meta", "");
  EXPECT_HAS(
      message_of<IoError>([&] { open(path()); }),
      path("data_batch_1") + ": expected CIFAR-10 labels below 10, got 10 for picture 1");
  write("data_batch_1", read_file(test::fixture("cifar10_python.pickle")));
  EXPECT_HAS(message_of<IoError>([&] { open(path()); }), path("batches.meta"));
}

TEST(Cifar, RealRecords) {
  auto file = test::data_root() / "cifar10" / "train_first4000.bin";
  FOVEA_NEEDS_DATA(file);
  auto source = open(file.string());
  EXPECT_EQ(source.train->size(), 4000);
  EXPECT_EQ(source.classes[source.train->label(0)], "frog");
  EXPECT_EQ(source.train->image(0).at(0, 0, 0), 59);
  EXPECT_EQ(source.train->image(0).at(0, 0, 2), 63);
}

}  // namespace
}  // namespace fovea::data
