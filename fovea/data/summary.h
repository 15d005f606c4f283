#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fovea/data/source.h"
#include "fovea/data/statistics.h"
#include "fovea/image/draw.h"

namespace fovea::data {

// Smallest, middle and largest of a number over all pictures.
struct Spread {
  int min = 0, median = 0, max = 0;
};

struct SplitSummary {
  std::string split, name, fingerprint;  // "train"; where it came from
  int64_t size = 0;
  std::vector<int64_t> counts;  // per class
  Spread height, width;         // as decoded
  int channels = 0;             // 3 as soon as one picture has colours
  ChannelStats stats;           // of pixels in [0, 1]; grey pictures count as RGB among colours
  std::map<std::string, std::string> corrupt;  // sample name -> error
};

struct Summary {
  std::vector<std::string> classes, notes;
  std::vector<SplitSummary> splits;  // those that the source has: train, val, test

  // One JSON object with the same names; splits is a list, counts an object by class name.
  std::string to_json() const;
};

// Decodes every picture of the source once.
Summary summarise(const Source& source, int threads = 1);

// The first `per_class` readable pictures of each of the first `max_classes` classes, a row a
// class, captioned with the class name.
image::Image contact_sheet(
    const Dataset& dataset,
    int per_class = 8,
    int max_classes = 20,
    image::SheetOptions options = {});

}  // namespace fovea::data
