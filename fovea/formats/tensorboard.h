#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fovea::formats {

class ProtoMessage;

// Writes one TensorBoard event file: TFRecords (tensorflow/core/lib/io/record_writer.h) of Event
// messages (tensorflow/core/util/event.proto). TensorBoard reads the file while it grows. Tags with
// slashes ("loss/train") are grouped by their first part. Failures throw IoError.
class EventWriter {
 public:
  struct Options {
    std::function<double()> clock = {};  // seconds since 1970; by default the system's
    std::string host = {};               // part of the file name; by default the machine's name
    int buffer_bytes = 64 << 10;         // records are written out when more than this is waiting
  };

  // Makes the folder and in it a new file events.out.tfevents.<seconds>.<host>.<process>.<n>.
  explicit EventWriter(const std::filesystem::path& folder) : EventWriter(folder, Options{}) {}
  EventWriter(const std::filesystem::path& folder, Options options);
  ~EventWriter();  // writes out what is waiting; errors are lost, so call flush() first
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  void scalar(std::string_view tag, int64_t step, double value);

  // `png` is a whole PNG file; its size is read from it.
  void image(std::string_view tag, int64_t step, std::span<const std::byte> png);

  // Counts the finite values in `bins` equal bins between their minimum and maximum.
  void histogram(std::string_view tag, int64_t step, std::span<const float> values, int bins = 64);

  // Shown as Markdown.
  void text(std::string_view tag, int64_t step, std::string_view text);

  void flush();

  const std::filesystem::path& path() const { return path_; }

 private:
  void add(int64_t step, const ProtoMessage& value);
  void record(const ProtoMessage& event);

  std::function<double()> clock_;
  std::filesystem::path path_;
  class File;
  std::unique_ptr<File> file_;
  std::string waiting_;
  size_t limit_;
};

}  // namespace fovea::formats
