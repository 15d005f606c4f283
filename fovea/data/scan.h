#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "fovea/data/dataset.h"

namespace fovea::data {

// Decodes every sample and hands it to visit(thread, index, image), which runs in `threads` threads
// at once, numbered from 0; each thread gets its samples in ascending order. Returns the samples
// that cannot be read with their errors; other exceptions end the scan and are thrown on.
std::map<int64_t, std::string> scan(
    const Dataset& dataset,
    int threads,
    const image::DecodeOptions& how,
    const std::function<void(int thread, int64_t index, image::Image image)>& visit);

}  // namespace fovea::data
