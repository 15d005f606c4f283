#pragma once

#include <string>

#include "fovea/data/points.h"
#include "fovea/data/preprocess.h"
#include "fovea/data/source.h"

// Points of the plane as data to train on.
namespace fovea::data {

DatasetPtr make_point_dataset(std::string name, Points points);

// Whether the samples are points, not pictures.
bool holds_points(const Dataset& dataset);

// All points of a dataset that holds such; of another it throws std::invalid_argument.
Points points_of(const Dataset& dataset);

// One of toy_sets() with three classes where that is open: 300 points to train on, 300 to test on.
Source toy_source(const std::string& name);

// Inputs (1, 1, 2): the points, or with `normalise` at mean 0 and deviation 1 along each axis.
Preprocess point_preprocess(const Points& points, bool normalise = true);

}  // namespace fovea::data
