#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fovea/report/field.h"
#include "fovea/report/html.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/setup.h"

// The loss around a trained model, or along the path of its training, on a plane through its
// weights (Li et al. 2018, "Visualizing the loss landscape of neural nets").
namespace fovea::train {

// Parameters origin + x a + y b; parameters that a and b lack stay as they are.
struct Plane {
  Tree origin, a, b;
};

// A direction of normal numbers with each filter (each row of a linear layer) as long as the
// model's (section 4); biases, and scales and shifts of norms, do not move.
Tree filter_normalised_direction(nn::Module& net, Key key);

struct PlaneRange {
  double x_low = -1, x_high = 1, y_low = -1, y_high = 1;
  int side = 25;  // places along each axis, at least 2
};

// The plane through the last of some parameters along the two directions in which they differ most
// (their principal components, section 7), both of length 1, and where each of them lies on it.
struct PathPlane {
  Plane plane;
  std::vector<double> x, y;
  double explained = 0;  // share of the squared distances from the last that lies in the plane

  PlaneRange around() const;  // a square that holds them
};
PathPlane plane_of(const std::vector<Tree>& path);  // at least three of the same names

// What batch norm divides by: with weights that were moved, running statistics are of another
// network and the loss off the middle says little.
enum class NormStatistics : uint8_t { batch, running };

struct PlaneLoss {
  LossOptions loss;
  NormStatistics statistics = NormStatistics::batch;  // dropout is off under both
  std::function<void(int done, int of)> progress = {};
};

// The mean loss over the batches at side * side places. The network is put back afterwards.
report::Grid losses_on(
    nn::Module& net,
    const std::vector<data::Batch>& batches,
    const Plane& plane,
    const PlaneRange& range,
    const PlaneLoss& o = {});

// The same with each of some parameters, such as those of a path.
std::vector<double> losses_with(
    nn::Module& net,
    const std::vector<data::Batch>& batches,
    const std::vector<Tree>& path,
    const PlaneLoss& o = {});

struct SurfaceOptions {
  int side = 25;
  double reach = 1;  // from -reach to reach along random directions
  int64_t pictures = 512;
  std::string split = "train";
  uint64_t seed = 1;  // of the directions
  bool path = false;  // the plane of the run's snapshots (train.snapshots) instead
  NormStatistics statistics = NormStatistics::batch;
  std::function<void(int done, int of)> progress = {};
};

struct LossSurface {
  std::string title;
  std::string split;
  int64_t pictures = 0;
  NormStatistics statistics = NormStatistics::batch;
  PlaneRange range;
  report::Grid losses;
  PathPlane path;  // with x and y of the snapshots, where the plane is theirs
  // Of the snapshots themselves, which may lie off the plane; the last one is its origin.
  std::vector<double> path_losses;

  bool is_path() const { return !path.x.empty(); }
};

// Of the best model of a finished run, on samples of its data without augmentation.
LossSurface loss_surface(const std::string& run_folder, const SurfaceOptions& o = {});

// The same of what is open already: the setup of the recipe, and the best model's network.
LossSurface loss_surface(
    const RunFolder& run,
    const Recipe& recipe,
    const Setup& setup,
    nn::Module& net,
    const SurfaceOptions& o);

// Keeps a surface, without its directions, in the run's folder, from where its report has it:
// surface.json around the model, surface-path.json along the path.
void keep_surface(const RunFolder& run, const LossSurface& s);
std::vector<LossSurface> kept_surfaces(const RunFolder& run);  // throws IoError for other files

// Both of them for the report of a run that has just ended (report.loss_surface). Gives back what
// could not be drawn, and why.
std::vector<std::string> map_losses(
    const RunFolder& run, const Recipe& recipe, const Setup& setup, nn::Module& net);

// Heat map by the logarithm of the loss, with lines of equal loss.
report::FieldChart surface_chart(const LossSurface& s);
report::Figure surface_figure(const LossSurface& s);  // with a caption
// Its numbers, that figure, and cuts through it; for a section of any page.
void add_surface(report::HtmlReport& page, const LossSurface& s);

// FILE.html, FILE.svg or FILE.csv. Throws std::invalid_argument for another ending, IoError where
// it cannot be written.
void write_loss_surface(const LossSurface& s, const std::string& path);

}  // namespace fovea::train
