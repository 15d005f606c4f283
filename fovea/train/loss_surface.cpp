#include "fovea/train/loss_surface.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/models/model_file.h"
#include "fovea/nn/restore.h"
#include "fovea/ops/elementwise.h"
#include "fovea/train/fit.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/signals.h"

namespace fovea::train {

namespace {

double dot(const Tree& a, const Tree& b) {
  double sum = 0;
  for (const auto& [name, t] : a) {
    const auto x = t.data<float>(), y = b.at(name).data<float>();
    for (size_t i = 0; i < x.size(); ++i) sum += double(x[i]) * y[i];
  }
  return sum;
}

// sum_i w[i] trees[i], evaluated.
Tree combined(const std::vector<Tree>& trees, const std::vector<double>& w) {
  Tree sum;
  for (size_t i = 0; i < trees.size(); ++i)
    for (const auto& [name, t] : trees[i]) {
      Tensor& s = sum[name];
      s = s.is_empty() ? t * w[i] : s + t * w[i];
    }
  eval(values_of(sum));
  return sum;
}

// The largest eigenvalue of a symmetric matrix without negative ones, with its vector, by power
// iteration; the matrix loses it.
double take_largest(std::vector<std::vector<double>>& m, std::vector<double>& vector) {
  const size_t n = m.size();
  vector.assign(n, 0);
  for (size_t i = 0; i < n; ++i) vector[i] = 1 + 0.37 * double(i % 7);
  double value = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> next(n, 0);
    double norm = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) next[i] += m[i][j] * vector[j];
      norm += next[i] * next[i];
    }
    value = std::sqrt(norm);
    if (value <= 0) return 0;
    for (size_t i = 0; i < n; ++i) vector[i] = next[i] / value;
  }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) m[i][j] -= value * vector[i] * vector[j];
  return value;
}

// The mean loss over batches under one set of parameters after the other. The network is put back
// at the end.
class Losses {
 public:
  Losses(nn::Module& net, const std::vector<data::Batch>& batches, const PlaneLoss& o)
      : net_(net), restore_(net), batches_(batches), loss_(o.loss) {
    how_.training = o.statistics == NormStatistics::batch;
    how_.still = true;
  }

  // With some parameters moved away from `origin`.
  double operator()(const Tree& origin, const Tree& moved = {}) {
    nn::assign(net_, origin);
    nn::assign(net_, moved);
    double sum = 0;
    int64_t samples = 0;
    for (const data::Batch& b : batches_) {
      nn::Ctx ctx = how_;
      const Tensor scores = nn::forward(net_, b.images, ctx);
      sum += classification_loss(scores, b.labels, loss_).item<double>() * double(b.size());
      samples += b.size();
    }
    return sum / double(std::max<int64_t>(samples, 1));
  }

 private:
  nn::Module& net_;
  nn::Restore restore_;
  const std::vector<data::Batch>& batches_;
  LossOptions loss_;
  nn::Ctx how_;
};

std::vector<data::Batch> batches_of(
    const Recipe& recipe, const Setup& setup, const SurfaceOptions& o) {
  const data::DatasetPtr& all = setup.source.split(o.split);
  std::vector<int64_t> some;
  for (size_t i : spread(size_t(all->size()), size_t(std::max<int64_t>(o.pictures, 2))))
    some.push_back(int64_t(i));
  data::LoaderOptions how = loader_options(recipe, setup, false);
  how.batch_size = std::max<int64_t>(2, how.batch_size);
  how.workers = 0;
  how.cache_bytes = 0;
  data::Loader loader(data::subset(all, some), how);
  loader.start(0);
  std::vector<data::Batch> batches;
  while (auto batch = loader.next()) batches.push_back(*batch);
  // A batch of one has no statistics.
  if (batches.size() > 1 && batches.back().size() < 2) batches.pop_back();
  return batches;
}

std::vector<Tree> snapshots_of(const RunFolder& run) {
  const std::vector<std::string> files = snapshot_files(run.path());
  if (files.size() < 3)
    throw std::invalid_argument(fmt::format(
        "the path of a run needs three snapshots or more, and {} has {}: train it with --set "
        "train.snapshots=3 or more, at most train.epochs",
        run.path().string(),
        files.size()));
  std::vector<Tree> path;
  for (const std::string& file : files)
    path.push_back(nn::parameters(*models::load_model(file).net));
  return path;
}

}  // namespace

Tree filter_normalised_direction(nn::Module& net, Key key) {
  Tree direction;
  for (const auto& [name, t] : nn::parameters(net)) {
    if (t.rank() < 2) continue;
    Tensor d = nn::make(nn::normal(1), t.shape(), key.fold_in(direction.size()));
    const auto w = t.eval().data<float>();
    auto v = d.mutable_data<float>();
    const auto filters = size_t(t.dim(0)), size = w.size() / std::max<size_t>(filters, 1);
    for (size_t f = 0; f < filters; ++f) {
      double of_w = 0, of_v = 0;
      for (size_t i = f * size; i < (f + 1) * size; ++i) {
        of_w += double(w[i]) * w[i];
        of_v += double(v[i]) * v[i];
      }
      const double scale = std::sqrt(of_w) / std::max(std::sqrt(of_v), 1e-30);
      for (size_t i = f * size; i < (f + 1) * size; ++i) v[i] = float(v[i] * scale);
    }
    direction[name] = d;
  }
  return direction;
}

PathPlane plane_of(const std::vector<Tree>& path) {
  if (path.size() < 3)
    throw std::invalid_argument(
        fmt::format("[plane_of] expected three sets of parameters or more, got {}", path.size()));
  std::vector<Tree> moves;  // from the last
  double total = 0;
  for (size_t i = 0; i + 1 < path.size(); ++i)
    moves.push_back(combined({path[i], path.back()}, {1, -1}));
  std::vector<std::vector<double>> gram(moves.size(), std::vector<double>(moves.size()));
  for (size_t i = 0; i < moves.size(); ++i) {
    for (size_t j = 0; j <= i; ++j) gram[i][j] = gram[j][i] = dot(moves[i], moves[j]);
    total += gram[i][i];
  }
  PathPlane p;
  p.plane.origin = path.back();
  for (auto [direction, at] : {std::pair{&p.plane.a, &p.x}, std::pair{&p.plane.b, &p.y}}) {
    std::vector<double> vector;
    const double value = take_largest(gram, vector);
    if (value <= 1e-12 * total || total == 0)
      throw std::invalid_argument(
          "[plane_of] expected parameters that span a plane, but they lie on a line");
    p.explained += value / total;
    for (double& v : vector) v /= std::sqrt(value);  // a direction of length 1
    *direction = combined(moves, vector);
    for (const Tree& move : moves) at->push_back(dot(*direction, move));
    at->push_back(0);
  }
  return p;
}

PlaneRange PathPlane::around() const {
  const auto [x_low, x_high] = std::ranges::minmax(x);
  const auto [y_low, y_high] = std::ranges::minmax(y);
  const double half = 0.6 * std::max({x_high - x_low, y_high - y_low, 1e-6});
  const double cx = (x_low + x_high) / 2, cy = (y_low + y_high) / 2;
  return {.x_low = cx - half, .x_high = cx + half, .y_low = cy - half, .y_high = cy + half};
}

report::Grid losses_on(
    nn::Module& net,
    const std::vector<data::Batch>& batches,
    const Plane& plane,
    const PlaneRange& range,
    const PlaneLoss& o) {
  if (range.side < 2 || batches.empty())
    throw std::invalid_argument(fmt::format(
        "[losses_on] expected 2 places or more along each axis and batches, got {} and {}",
        range.side,
        batches.size()));
  Losses loss_of(net, batches, o);
  report::Grid g{range.side, range.side, {}};
  for (int r = 0; r < g.rows; ++r)
    for (int c = 0; c < g.columns; ++c) {
      const double x = range.x_low + (range.x_high - range.x_low) * c / (g.columns - 1);
      const double y = range.y_low + (range.y_high - range.y_low) * r / (g.rows - 1);
      Tree moved;
      for (const auto& [name, t] : plane.a)
        moved[name] = plane.origin.at(name) + t * x + plane.b.at(name) * y;
      eval(values_of(moved));
      g.values.push_back(loss_of(plane.origin, moved));
      if (o.progress) o.progress(r * g.columns + c + 1, g.rows * g.columns);
    }
  return g;
}

std::vector<double> losses_with(
    nn::Module& net,
    const std::vector<data::Batch>& batches,
    const std::vector<Tree>& path,
    const PlaneLoss& o) {
  Losses loss_of(net, batches, o);
  std::vector<double> losses;
  for (const Tree& parameters : path) losses.push_back(loss_of(parameters));
  return losses;
}

LossSurface loss_surface(
    const RunFolder& run,
    const Recipe& recipe,
    const Setup& setup,
    nn::Module& net,
    const SurfaceOptions& o) {
  LossSurface s{.title = recipe.name, .split = o.split, .statistics = o.statistics};
  std::vector<Tree> path;
  if (o.path) {
    path = snapshots_of(run);
    s.path = plane_of(path);
    s.range = s.path.around();
  } else {
    s.path.plane = {
        .origin = nn::parameters(net),
        .a = filter_normalised_direction(net, Key(o.seed).fold_in(0)),
        .b = filter_normalised_direction(net, Key(o.seed).fold_in(1))};
    s.range = {.x_low = -o.reach, .x_high = o.reach, .y_low = -o.reach, .y_high = o.reach};
  }
  if (s.path.plane.a.empty())
    throw std::invalid_argument(fmt::format(
        "{} has no weights of two axes or more, so there is no loss surface", recipe.name));
  s.range.side = o.side;
  const std::vector<data::Batch> batches = batches_of(recipe, setup, o);
  for (const data::Batch& b : batches) s.pictures += b.size();
  const PlaneLoss how{.loss = setup.loss, .statistics = o.statistics, .progress = o.progress};
  s.losses = losses_on(net, batches, s.path.plane, s.range, how);
  s.path_losses = losses_with(net, batches, path, how);
  return s;
}

LossSurface loss_surface(const std::string& run_folder, const SurfaceOptions& o) {
  if (!(o.reach > 0) || o.side < 2 || o.pictures < 2)
    throw std::invalid_argument(fmt::format(
        "[loss_surface] expected a reach above 0, and 2 places and 2 pictures or more, got {}, {} "
        "and {}",
        o.reach,
        o.side,
        o.pictures));
  const RunFolder run = RunFolder::open(run_folder);
  Config config = recipe_config();
  config.read_toml(run.file("recipe.toml"));
  const Recipe recipe(config);
  use_processors(recipe);
  Setup setup = set_up(recipe);
  setup.model = models::load_model(run.file("model.safetensors"));
  check_learns_by_steps(setup.model, "a loss surface");
  return loss_surface(run, recipe, setup, *setup.model.net, o);
}

}  // namespace fovea::train
