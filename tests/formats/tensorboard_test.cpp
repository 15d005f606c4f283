#include "fovea/formats/tensorboard.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <stdexcept>

#include "fovea/formats/crc32c.h"
#include "tests/formats/files.h"

namespace fovea::formats {
namespace {

template <class T>
T load(std::string_view text, size_t at = 0) {
  T value{};
  if (at + sizeof value > text.size()) throw std::out_of_range("record ends early");
  std::memcpy(&value, text.data() + at, sizeof value);
  return value;
}

// A decoded message: the fields by number, scalars as their raw bytes widened to 8.
struct Field {
  uint64_t number = 0;
  std::string bytes;
  double as_double() const { return load<double>(bytes); }
  float as_float() const { return load<float>(bytes); }
};
using Message = std::multimap<int, Field>;

Message decode(std::string_view text) {
  Message message;
  size_t at = 0;
  auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      auto byte = uint8_t(text.at(at++));
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < text.size()) {
    uint64_t tag = varint();
    Field field;
    size_t size = 0;
    switch (tag & 7) {
      case 0:
        field.number = varint();
        break;
      case 1:
        size = 8;
        break;
      case 2:
        size = varint();
        break;
      case 5:
        size = 4;
        break;
      default:
        throw std::runtime_error("unknown wire type");
    }
    if (size > text.size() - at) throw std::out_of_range("field ends early");
    field.bytes = text.substr(at, size);
    at += size;
    message.emplace(int(tag >> 3), field);
  }
  return message;
}

const Field& one(const Message& message, int number) {
  if (message.count(number) != 1) throw std::runtime_error("field missing or repeated");
  return message.find(number)->second;
}

// The events of a file, each record's two checksums verified.
std::vector<Message> read_events(const std::filesystem::path& path) {
  std::string file = read_file(path);
  std::vector<Message> events;
  for (size_t at = 0; at < file.size();) {
    auto size = load<uint64_t>(file, at);
    EXPECT_EQ(load<uint32_t>(file, at + 8), masked_crc32c(bytes_of(file.substr(at, 8))));
    std::string data = file.substr(at + 12, size);
    EXPECT_EQ(load<uint32_t>(file, at + 12 + size), masked_crc32c(bytes_of(data)));
    events.push_back(decode(data));
    at += 16 + size;
  }
  return events;
}

Message value_of(const Message& event) { return decode(one(decode(one(event, 5).bytes), 1).bytes); }

std::vector<double> doubles(const Field& field) {
  std::vector<double> values;
  for (size_t at = 0; at < field.bytes.size(); at += 8)
    values.push_back(load<double>(field.bytes, at));
  return values;
}

class Events : public FolderTest {
 protected:
  // A writer whose clock moves a quarter of a second at each look.
  EventWriter::Options options() {
    return {.clock = [this] { return now_ += 0.25; }, .host = "host"};
  }
  double now_ = 1000;
};

TEST_F(Events, FileBeginsWithItsVersion) {
  EventWriter writer(folder_ / "a" / "b", options());
  std::string name = writer.path().filename();
  EXPECT_EQ(name.substr(0, 36), "events.out.tfevents.0000001000.host.");
  auto events = read_events(writer.path());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(one(events[0], 3).bytes, "brain.Event:2");
  EXPECT_EQ(one(events[0], 1).as_double(), 1000.25);
}

TEST_F(Events, TwoWritersInOneSecondGetTwoFiles) {
  auto clock = [] { return 5.0; };
  EventWriter a(folder_, {.clock = clock}), b(folder_, {.clock = clock});
  EXPECT_NE(a.path(), b.path());
}

TEST_F(Events, Scalars) {
  EventWriter writer(folder_, options());
  writer.scalar("loss/train", 3, 0.5);
  writer.scalar("loss/train", 1ll << 40, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(read_events(writer.path()).size(), 1u);  // still in the buffer
  writer.flush();
  auto events = read_events(writer.path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(one(events[1], 1).as_double(), 1000.5);
  EXPECT_EQ(one(events[1], 2).number, 3u);
  EXPECT_EQ(one(value_of(events[1]), 1).bytes, "loss/train");
  EXPECT_EQ(one(value_of(events[1]), 2).as_float(), 0.5f);
  EXPECT_EQ(one(events[2], 2).number, 1ull << 40);
  EXPECT_TRUE(std::isnan(one(value_of(events[2]), 2).as_float()));
}

TEST_F(Events, BufferIsWrittenWhenFullAndAtTheEnd) {
  std::filesystem::path path;
  {
    auto small = options();
    small.buffer_bytes = 0;
    EventWriter writer(folder_, small);
    path = writer.path();
    writer.scalar("a", 0, 1);
    EXPECT_EQ(read_events(path).size(), 2u);
  }
  {
    EventWriter writer(folder_, options());
    path = writer.path();
    writer.scalar("a", 0, 1);
  }
  EXPECT_EQ(read_events(path).size(), 2u);
}

TEST_F(Events, ImageTakesItsSizeFromThePng) {
  // Signature and IHDR of a 3x2 colour image; the rest is passed through unread.
  std::string png("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\3\0\0\0\2\x8\2\0\0\0....rest", 37);
  EventWriter writer(folder_, options());
  writer.image("input", 7, bytes_of(png));
  writer.flush();
  Message image = decode(one(value_of(read_events(writer.path()).at(1)), 4).bytes);
  EXPECT_EQ(one(image, 1).number, 2u);
  EXPECT_EQ(one(image, 2).number, 3u);
  EXPECT_EQ(one(image, 3).number, 3u);
  EXPECT_EQ(one(image, 4).bytes, png);
  EXPECT_THROW(writer.image("input", 7, bytes_of(std::string("GIF89a"))), std::invalid_argument);
}

TEST_F(Events, HistogramCountsFiniteValues) {
  std::vector<float> values{0, 1, 2, 3, 4, 4, NAN, INFINITY};
  EventWriter writer(folder_, options());
  writer.histogram("weights", 1, values, 4);
  writer.histogram("constant", 1, std::vector<float>(5, 2.0f));
  writer.histogram("nothing", 1, {});
  writer.flush();
  auto events = read_events(writer.path());
  Message h = decode(one(value_of(events.at(1)), 5).bytes);
  EXPECT_EQ(one(h, 1).as_double(), 0);
  EXPECT_EQ(one(h, 2).as_double(), 4);
  EXPECT_EQ(one(h, 3).as_double(), 6);
  EXPECT_EQ(one(h, 4).as_double(), 14);
  EXPECT_EQ(one(h, 5).as_double(), 46);
  EXPECT_EQ(doubles(one(h, 6)), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(doubles(one(h, 7)), (std::vector<double>{1, 1, 1, 3}));

  Message constant = decode(one(value_of(events.at(2)), 5).bytes);
  EXPECT_EQ(doubles(one(constant, 6)), std::vector<double>{2});
  EXPECT_EQ(doubles(one(constant, 7)), std::vector<double>{5});
  Message nothing = decode(one(value_of(events.at(3)), 5).bytes);
  EXPECT_EQ(one(nothing, 3).as_double(), 0);
  EXPECT_EQ(one(nothing, 6).bytes, "");
  EXPECT_THROW(writer.histogram("w", 0, values, 0), std::invalid_argument);
}

TEST_F(Events, TextIsATensorOfTheTextPlugin) {
  EventWriter writer(folder_, options());
  writer.text("note", 2, "**caf\u00e9**");
  writer.flush();
  Message value = value_of(read_events(writer.path()).at(1));
  Message tensor = decode(one(value, 8).bytes);
  EXPECT_EQ(one(tensor, 1).number, 7u);
  EXPECT_EQ(one(tensor, 8).bytes, "**caf\u00e9**");
  EXPECT_EQ(one(decode(one(decode(one(tensor, 2).bytes), 2).bytes), 1).number, 1u);
  EXPECT_EQ(one(decode(one(decode(one(value, 9).bytes), 1).bytes), 1).bytes, "text");
}

TEST_F(Events, UnwritableFolderIsAnError) {
  write_file(folder_ / "file", "");
  EXPECT_HAS(io_error([&] { EventWriter writer(folder_ / "file"); }), "file");
}

}  // namespace
}  // namespace fovea::formats
