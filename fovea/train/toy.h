#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/data/points.h"
#include "fovea/report/svg.h"
#include "fovea/train/config.h"
#include "fovea/train/loss_surface.h"
#include "fovea/train/regions.h"

// A classifier trained on points of the plane, watched while it learns.
namespace fovea::train {

// What a recipe for points has where nothing else was set: 200 epochs of batches of 32 at a rate of
// 0.01, with one hidden layer of 100 ReLUs; 50 units for rbf.
void set_toy_defaults(Config& config);

struct ToyOptions {
  int frames = 9;    // pictures over the training, the first and the last moment with them
  int side = 160;    // pixels of the large picture
  int surface = 25;  // places along each axis of the loss surface; 0: none
};

struct ToyRun {
  std::string title;
  double loss = 0, accuracy = 0;  // on all points, at the end
  int64_t steps = 0, parameters = 0;
  std::vector<RegionFrame> frames;    // by steps
  report::Series losses, accuracies;  // over the steps, on all points
  report::FieldChart regions;         // at the end
  // The plane of the way the weights went, where that is no line.
  std::optional<LossSurface> path;
};

// Trains what the recipe says, but for its data: network or classical method on inputs (1, 1, 2),
// loss, regularisation, optimiser, schedule, epochs, batch, clipping and seed. Points are brought
// to mean 0 and deviation 1 for it. Nothing is written.
ToyRun train_toy(const Config& config, const data::Points& points, const ToyOptions& o = {});

// The pictures as one page, FILE.html. Throws IoError where it cannot be written.
void write_toy(const ToyRun& run, const std::string& path);

}  // namespace fovea::train
