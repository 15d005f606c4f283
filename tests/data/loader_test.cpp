#include "fovea/data/loader.h"

#include <cmath>
#include <cstring>
#include <set>
#include <thread>

#include "fovea/data/digits.h"
#include "fovea/data/source.h"
#include "fovea/data/split.h"
#include "tests/data/files.h"

namespace fovea::data {
namespace {

constexpr int samples = 53;

LoaderOptions train_options(int workers = 1) {
  LoaderOptions o;
  o.batch_size = 8;
  o.preprocess.height = o.preprocess.width = 12;
  o.preprocess.mean = {0.4, 0.5, 0.6};
  o.preprocess.std = {0.2, 0.3, 0.4};
  o.augment = image::Augment(
      {image::RandomCrop{.size = 12, .padding = 2}, image::HorizontalFlip{}, image::ColorJitter{}});
  o.key = Key(7);
  o.shuffle = true;
  o.workers = workers;
  return o;
}

DatasetPtr dataset() { return counting_dataset(samples, 12, 12, 3, 5); }

std::vector<Batch> run(Loader& loader, int64_t epoch, int64_t first = 0) {
  std::vector<Batch> batches;
  loader.start(epoch, first);
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

void expect_same(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.indices, b.indices);
  EXPECT_EQ(a.skipped, b.skipped);
  auto x = a.images.data<float>(), y = b.images.data<float>();
  ASSERT_EQ(x.size(), y.size());
  EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size_bytes()), 0);
  auto u = a.labels.data<int32_t>(), v = b.labels.data<int32_t>();
  EXPECT_TRUE(std::equal(u.begin(), u.end(), v.begin(), v.end()));
}

TEST(Loader, BatchesHoldNormalisedPicturesAndLabels) {
  auto o = train_options();
  o.augment = {};
  o.shuffle = false;
  auto data = dataset();
  Loader loader(data, o);
  auto batches = run(loader, 0);
  ASSERT_EQ(batches.size(), 7u);
  EXPECT_EQ(loader.batches(), 7);
  EXPECT_EQ(batches[6].size(), 5);
  EXPECT_EQ(batches[2].images.shape(), (Shape{8, 12, 12, 3}));
  auto image = data->image(17);
  auto x = batches[2].images.data<float>().subspan(1 * 12 * 12 * 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    double mean = 0.4 + 0.1 * double(i % 3), std = 0.2 + 0.1 * double(i % 3);
    EXPECT_FLOAT_EQ(x[i], float((image.pixels[i] / 255.0 - mean) / std));
  }
  EXPECT_EQ(batches[2].indices[1], 17);
  EXPECT_EQ(batches[2].labels.data<int32_t>()[1], 17 % 5);
  EXPECT_EQ(loader.next(), std::nullopt);
}

TEST(Loader, EachEpochIsAnotherPermutation) {
  Loader loader(dataset(), train_options(2));
  std::vector<std::vector<int64_t>> orders;
  for (int epoch : {0, 1}) {
    std::vector<int64_t> order;
    for (const auto& b : run(loader, epoch))
      order.insert(order.end(), b.indices.begin(), b.indices.end());
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), size_t(samples));
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
}

TEST(Loader, WorkersPrefetchAndCacheChangeNothing) {
  Loader alone(dataset(), train_options(0));
  for (int workers : {1, 4})
    for (int prefetch : {0, 1, 9})
      for (int64_t cache : {int64_t(0), int64_t(1) << 20}) {
        auto o = train_options(workers);
        o.prefetch = prefetch;
        o.cache_bytes = cache;
        Loader loader(dataset(), o);
        for (int epoch : {3, 4}) {
          auto expected = run(alone, epoch), got = run(loader, epoch);
          ASSERT_EQ(got.size(), expected.size());
          for (size_t i = 0; i < got.size(); ++i) expect_same(got[i], expected[i]);
        }
      }
}

// 95 : 5, and a class that has no sample.
DatasetPtr uneven_dataset() {
  std::vector<int> labels(200, 0);
  for (size_t i = 0; i < 10; ++i) labels[i * 20] = 1;
  Pixels pixels{.height = 12, .width = 12, .channels = 3};
  pixels.bytes.assign(200 * 12 * 12 * 3, 7);
  for (size_t i = 0; i < pixels.bytes.size(); ++i) pixels.bytes[i] = uint8_t(i * 2654435761u >> 24);
  return make_pixel_dataset("uneven", {"many", "few", "none"}, std::move(pixels), labels);
}

TEST(Loader, BalancedDrawsShowEachClassAsOften) {
  auto o = train_options(0);
  o.shuffle = false;
  o.balance = true;
  Loader loader(uneven_dataset(), o);
  int64_t few = 0, all = 0;
  std::set<int64_t> seen;
  for (int epoch = 0; epoch < 20; ++epoch)
    for (const Batch& b : run(loader, epoch)) {
      for (int32_t label : b.labels.data<int32_t>()) few += label == 1;
      all += b.size();
      seen.insert(b.indices.begin(), b.indices.end());
    }
  EXPECT_EQ(all, 20 * 200);
  EXPECT_NEAR(double(few) / double(all), 0.5, 4 * 0.5 / std::sqrt(4000.0));
  EXPECT_EQ(seen.size(), 200u);  // a sample of the large class has 2000 / 190 draws on the mean
}

TEST(Loader, BalancedDrawsDependOnSeedAndEpochAlone) {
  auto options = [](int workers) {
    auto o = train_options(workers);
    o.shuffle = false;
    o.balance = true;
    return o;
  };
  Loader alone(uneven_dataset(), options(0));
  const auto first = run(alone, 0), second = run(alone, 1);
  EXPECT_NE(first[0].indices, second[0].indices);
  for (int workers : {1, 4}) {
    Loader loader(uneven_dataset(), options(workers));
    for (size_t from : {size_t(0), size_t(9)}) {
      const auto got = run(loader, 1, int64_t(from));
      ASSERT_EQ(got.size(), second.size() - from);
      for (size_t i = 0; i < got.size(); ++i) expect_same(got[i], second[i + from]);
    }
  }
  auto other = options(0);
  other.key = Key(8);
  Loader reseeded(uneven_dataset(), other);
  EXPECT_NE(run(reseeded, 0)[0].indices, first[0].indices);
  EXPECT_HAS(
      message_of<std::invalid_argument>([&] {
        other.shuffle = true;
        Loader(uneven_dataset(), other);
      }),
      "shuffle or balance");
}

// The ten pictures of the small class come ten times each: not ten times the same.
TEST(Loader, ASampleDrawnTwiceIsAugmentedInTwoWays) {
  auto o = train_options(0);
  o.shuffle = false;
  o.balance = true;
  o.batch_size = 200;
  Loader loader(uneven_dataset(), o);
  const Batch b = run(loader, 0)[0];
  std::map<int64_t, std::set<std::vector<float>>> pictures;
  std::map<int64_t, size_t> draws;
  constexpr size_t each = 12 * 12 * 3;
  auto x = b.images.data<float>();
  for (size_t i = 0; i < b.indices.size(); ++i) {
    auto picture = x.subspan(i * each, each);
    pictures[b.indices[i]].emplace(picture.begin(), picture.end());
    ++draws[b.indices[i]];
  }
  size_t most = 0;
  for (auto& [sample, n] : draws) {
    EXPECT_EQ(pictures[sample].size(), n) << sample;
    most = std::max(most, n);
  }
  EXPECT_GT(most, 5u);
}

TEST(Loader, StartsInTheMiddleOfAnEpoch) {
  for (int workers : {0, 1, 4}) {
    Loader loader(dataset(), train_options(workers));
    auto whole = run(loader, 2);
    auto tail = run(loader, 2, 3);
    ASSERT_EQ(tail.size(), whole.size() - 3);
    for (size_t i = 0; i < tail.size(); ++i) expect_same(tail[i], whole[i + 3]);
    EXPECT_TRUE(run(loader, 2, loader.batches()).empty());
  }
}

TEST(Loader, CanBeRestartedAndDroppedAtAnyTime) {
  Loader reference(dataset(), train_options(0));
  auto expected = run(reference, 1);
  Loader loader(dataset(), train_options(4));
  for (int i = 0; i < 20; ++i) {
    loader.start(0, i % 7);
    if (i % 2) loader.next();
    auto unused = std::make_unique<Loader>(dataset(), train_options(3));
    unused->start(i);
  }
  auto got = run(loader, 1);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) expect_same(got[i], expected[i]);
}

TEST(Loader, DropsAnIncompleteLastBatch) {
  auto o = train_options();
  o.drop_last = true;
  Loader loader(dataset(), o);
  EXPECT_EQ(loader.batches(), 6);
  EXPECT_EQ(run(loader, 0).size(), 6u);
}

TEST(Loader, FramingStepsReplaceTheGeometry) {
  auto o = train_options();
  o.preprocess.resize = Preprocess::Resize::stretch;
  o.preprocess.height = o.preprocess.width = 6;
  o.augment = image::Augment({image::RandomResizedCrop{.size = 6}});
  o.shuffle = false;
  auto data = dataset();
  Loader loader(data, o);
  auto batch = run(loader, 5)[1];
  EXPECT_EQ(batch.images.shape(), (Shape{8, 6, 6, 3}));
  auto key = o.key.fold_in(1).fold_in(5).fold_in(8);
  auto expected = o.augment.apply(data->image(8), key);
  Preprocess only_values = o.preprocess;
  only_values.resize = Preprocess::Resize::none;
  auto values = only_values.apply(std::vector{expected});
  EXPECT_EQ(std::memcmp(batch.images.bytes().data(), values.bytes().data(), values.nbytes()), 0);
}

TEST(Loader, WrongSizeAfterAugmentationIsNamed) {
  auto o = train_options(2);
  o.augment = image::Augment({image::RandomCrop{.size = 10, .padding = 0}});
  Loader loader(dataset(), o);
  auto message = message_of<std::invalid_argument>([&] { run(loader, 0); });
  EXPECT_HAS(message, "[loader] counting #");
  EXPECT_HAS(message, "expected a picture of 12 x 12 after augmentation, got 10 x 10");
}

TEST(Loader, RefusesOptionsThatDoNotFit) {
  auto o = train_options();
  o.batch_size = 0;
  EXPECT_HAS(message_of<std::invalid_argument>([&] { Loader(dataset(), o); }), "batch_size >= 1");
  o = train_options();
  o.max_corrupt = 2;
  EXPECT_HAS(
      message_of<std::invalid_argument>([&] { Loader(dataset(), o); }), "max_corrupt in [0, 1]");
  EXPECT_HAS(message_of<std::invalid_argument>([&] { Loader(nullptr, o); }), "expected a dataset");
  Loader loader(dataset(), train_options());
  EXPECT_HAS(message_of<std::invalid_argument>([&] { loader.start(0, 8); }), "a batch in [0, 7]");
  EXPECT_EQ(loader.next(), std::nullopt);
}

TEST(Loader, CountsTheTimeItsCallerWaits) {
  Loader loader(dataset(), train_options(0));
  run(loader, 0);
  EXPECT_GT(loader.seconds_waited(), 0);
  EXPECT_GT(loader.share_waited(), 0);
  EXPECT_LE(loader.share_waited(), 1);
}

class CorruptTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    for (int i = 0; i < 10; ++i) {
      write_ppm("a/" + std::to_string(i) + ".ppm", 10, 0, 0, 4, 4);
      write_ppm("b/" + std::to_string(i) + ".ppm", 20, 0, 0, 4, 4);
    }
    write("a/3.ppm", "P6\n4 4\n255\ntoo short");
    write("b/9.ppm", "");
  }
  LoaderOptions options(int workers) const {
    LoaderOptions o;
    o.batch_size = 4;
    o.workers = workers;
    return o;
  }
};

TEST_F(CorruptTest, SamplesAreSkippedCountedAndNamed) {
  for (int workers : {0, 1, 4}) {
    Loader loader(open(path()).train, options(workers));
    auto batches = run(loader, 0);
    ASSERT_EQ(batches.size(), 5u);
    EXPECT_EQ(batches[0].indices, (std::vector<int64_t>{0, 1, 2}));
    EXPECT_EQ(batches[0].skipped, 1);
    EXPECT_EQ(batches[0].images.shape(), (Shape{3, 4, 4, 3}));
    EXPECT_EQ(batches[0].labels.shape(), Shape{3});
    EXPECT_FLOAT_EQ(batches[4].images.data<float>()[0], 20.0f / 255);
    ASSERT_EQ(loader.corrupt().size(), 2u);
    EXPECT_HAS(loader.corrupt().at(3), path("a/3.ppm"));
    EXPECT_HAS(loader.corrupt().at(19), path("b/9.ppm"));
    run(loader, 1);
    EXPECT_EQ(loader.corrupt().size(), 2u);
  }
}

TEST_F(CorruptTest, TooManyOfThemAreAnError) {
  write("b/2.ppm", "x");
  for (int workers : {0, 2}) {
    Loader loader(open(path()).train, options(workers));
    auto message = message_of<IoError>([&] { run(loader, 0); });
    EXPECT_HAS(message, "3 of 20 pictures cannot be read, more than the allowed 10 %");
    EXPECT_HAS(message, path("b/2.ppm"));
    auto o = options(workers);
    o.max_corrupt = 0.2;
    Loader patient(open(path()).train, o);
    EXPECT_EQ(run(patient, 0).size(), 5u);
  }
}

TEST_F(CorruptTest, BatchesWithoutAnySampleArePassedOver) {
  auto o = options(1);
  o.batch_size = 1;
  Loader loader(open(path()).train, o);
  auto batches = run(loader, 0);
  ASSERT_EQ(batches.size(), 18u);
  EXPECT_EQ(batches[3].number, 4);
}

TEST(Loader, DigitsOnAColourModel) {
  LoaderOptions o;
  o.preprocess.channels = 3;
  o.preprocess.resize = Preprocess::Resize::stretch;
  o.preprocess.height = o.preprocess.width = 32;
  Loader loader(subset(digits().test, {0, 1, 2}), o);
  auto batches = run(loader, 0);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].images.shape(), (Shape{3, 32, 32, 3}));
  EXPECT_EQ(batches[0].labels.data<int32_t>()[0], 7);
}

TEST(Loader, CifarZipIsTheSameForAnyWorkers) {
  auto zip = test::data_root() / "cifar10" / "cifar10_jpeg_test.zip";
  FOVEA_NEEDS_DATA(zip);
  auto source = open(zip.string());
  auto o = train_options(0);
  o.preprocess.height = o.preprocess.width = 32;
  o.augment = image::Augment({image::RandomCrop{}, image::HorizontalFlip{}});
  o.batch_size = 64;
  auto few = subset(source.test, permutation(source.test->size(), Key(1)));
  Loader alone(few, o);
  o.workers = 4;
  Loader four(few, o);
  alone.start(0, 140);
  four.start(0, 140);
  while (auto expected = alone.next()) {
    auto got = four.next();
    ASSERT_TRUE(got);
    expect_same(*got, *expected);
  }
}

}  // namespace
}  // namespace fovea::data
