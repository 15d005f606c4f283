#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "fovea/image/decode.h"
#include "fovea/image/image.h"

namespace fovea::data {

// What was found is not data of the expected form: no pictures, one class, classes that do not
// match. The message says what would be accepted.
class DataError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Labelled pictures, each decoded when it is asked for. All functions may be called from any
// thread. An index outside [0, size()) throws std::out_of_range.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual const std::string& name() const = 0;  // where it came from: a path, "digits/train"
  virtual const std::vector<std::string>& classes() const = 0;
  virtual int64_t size() const = 0;
  virtual int label(int64_t i) const = 0;                // an index into classes()
  virtual std::string sample_name(int64_t i) const = 0;  // the file, or "digits/train #17"

  // The picture of sample i. Throws IoError naming the sample when it cannot be read. Of `how`,
  // sources that hold pixels rather than files follow only `channels`.
  virtual image::Image image(int64_t i, const image::DecodeOptions& how = {}) const = 0;

  // The place of sample i, where samples are points of the plane (point_dataset.h): those have no
  // picture, and image() throws std::invalid_argument.
  virtual std::optional<std::array<float, 2>> point(int64_t /*i*/) const { return {}; }

  // True where image() is a copy from memory, so that caching it gains nothing.
  virtual bool in_memory() const { return false; }

  // Hash of names, sizes and labels (and of pixels where they are in memory): equal for equal data
  // wherever it lies.
  virtual uint64_t hash() const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

// Size, classes and hash of a dataset as one word, "10000x10-92ab3f0011223344", which a model file
// keeps to say what it was trained on.
std::string fingerprint(const Dataset& dataset);

// Number of samples of each class.
std::vector<int64_t> class_counts(const Dataset& dataset);

// Pictures of one size held as bytes, (n, height, width, channels).
struct Pixels {
  int height = 0, width = 0, channels = 0;
  std::vector<uint8_t> bytes = {};
};

// A dataset in memory. Throws std::invalid_argument unless there is a picture for every label and
// every label names a class.
DatasetPtr make_pixel_dataset(
    std::string name, std::vector<std::string> classes, Pixels pixels, std::vector<int> labels);

// The samples of `base` at `indices`, in that order; throws on an index out of range. `name`
// replaces the base's name where given.
DatasetPtr subset(DatasetPtr base, std::vector<int64_t> indices, std::string name = {});

// The samples of `base` with labels that are indices into `classes`, matched by name: class folders
// never get another number because one of them is missing. Samples of a class that `classes` lacks
// throw std::invalid_argument naming it. Names that are not UTF-8 are matched as to_utf8 reads
// them. Returns `base` itself when nothing changes.
DatasetPtr with_classes(DatasetPtr base, const std::vector<std::string>& classes);

}  // namespace fovea::data
