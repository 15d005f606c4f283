#include "fovea/train/regions.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/data/point_dataset.h"
#include "fovea/train/signals.h"

namespace fovea::train {

namespace {

constexpr size_t most_marks = 2000;  // points drawn into a chart

struct Choice {
  int of = 0;        // the class
  double share = 0;  // 0: no surer than by chance; 1: certain
};

std::vector<Choice> choices(const Tensor& scores) {
  const auto values = scores.eval().data<float>();
  const auto n = size_t(scores.dim(0)), classes = size_t(scores.dim(1));
  std::vector<Choice> out(n);
  for (size_t i = 0; i < n; ++i) {
    const auto row = values.subspan(i * classes, classes);
    const auto best = std::ranges::max_element(row);
    double sum = 0;
    for (float v : row) sum += std::exp(double(v) - *best);
    const double chance = 1 / double(classes);
    out[i] = {int(best - row.begin()), (1 / sum - chance) / (1 - chance)};
  }
  return out;
}

// A square of the plane that holds the points.
struct Window {
  double x_low, x_high, y_low, y_high;
};

Window window_of(const data::Points& points, double margin) {
  Window w{INFINITY, -INFINITY, INFINITY, -INFINITY};
  for (const auto& [x, y] : points.at) {
    w = {
        std::min<double>(w.x_low, x),
        std::max<double>(w.x_high, x),
        std::min<double>(w.y_low, y),
        std::max<double>(w.y_high, y)};
  }
  const double side = std::max({w.x_high - w.x_low, w.y_high - w.y_low, 1e-6});
  const double x = (w.x_low + w.x_high) / 2, y = (w.y_low + w.y_high) / 2;
  const double half = (0.5 + margin) * side;
  return {x - half, x + half, y - half, y + half};
}

image::Image picture_of(const Window& w, const Scorer& scorer, int side) {
  std::vector<float> places;
  for (int r = 0; r < side; ++r)
    for (int c = 0; c < side; ++c) {
      places.push_back(float(w.x_low + (w.x_high - w.x_low) * (c + 0.5) / side));
      places.push_back(float(w.y_low + (w.y_high - w.y_low) * (r + 0.5) / side));
    }
  report::Grid classes{side, side, {}}, shares{side, side, {}};
  for (const Choice& c : choices(scorer(Tensor::from<float>(places, {int64_t(side) * side, 2})))) {
    classes.values.push_back(c.of);
    shares.values.push_back(c.share);
  }
  return report::region_picture(classes, shares);
}

void check(const data::Points& points, int side) {
  if (points.at.empty() || points.at.size() != points.labels.size() || side < 2)
    throw std::invalid_argument(fmt::format(
        "[regions] expected points, a label for each, and a side of 2 or more, got {}, {} and {}",
        points.at.size(),
        points.labels.size(),
        side));
}

}  // namespace

Tensor tensor_of(const data::Points& points) {
  std::vector<float> values;
  for (const auto& p : points.at) values.insert(values.end(), p.begin(), p.end());
  return Tensor::from<float>(values, {int64_t(points.at.size()), 2});
}

double accuracy_on(const data::Points& points, const Scorer& scorer) {
  check(points, 2);
  const std::vector<Choice> all = choices(scorer(tensor_of(points)));
  double right = 0;
  for (size_t i = 0; i < all.size(); ++i) right += all[i].of == points.labels[i];
  return right / double(all.size());
}

report::FieldChart region_chart(
    const data::Points& points, const Scorer& scorer, const RegionOptions& o) {
  check(points, o.side);
  const Window w = window_of(points, o.margin);
  report::FieldChart chart{.title = o.title};
  chart.x_low = w.x_low;
  chart.x_high = w.x_high;
  chart.y_low = w.y_low;
  chart.y_high = w.y_high;
  chart.picture = picture_of(w, scorer, o.side);
  for (size_t i : spread(points.at.size(), most_marks))
    chart.marks.push_back(
        {points.at[i][0],
         points.at[i][1],
         points.labels[i],
         points.classes[size_t(points.labels[i])]});
  return chart;
}

image::Image region_thumbnail(const data::Points& points, const Scorer& scorer, int side) {
  check(points, side);
  const Window w = window_of(points, 0.06);
  image::Image picture = picture_of(w, scorer, side);
  for (size_t i = 0; i < points.at.size(); ++i) {
    const int x = int((points.at[i][0] - w.x_low) / (w.x_high - w.x_low) * side);
    const int y = side - 1 - int((points.at[i][1] - w.y_low) / (w.y_high - w.y_low) * side);
    image::fill_rect(
        picture,
        {.top = y - 1, .left = x - 1, .height = 2, .width = 2},
        report::series_colour(points.labels[i]));
  }
  return picture;
}

Scorer scorer_of(const models::Model& model) {
  FOVEA_ASSERT(model.preprocess.takes_points());
  return [&model](const Tensor& points) {
    const auto at = points.data<float>();
    Tensor inputs = Tensor::empty({points.dim(0), 1, 1, 2});
    auto out = inputs.mutable_data<float>();
    for (size_t i = 0; i + 1 < at.size(); i += 2) {
      const auto y = model.preprocess.normalised(std::array{at[i], at[i + 1]});
      std::ranges::copy(y, out.subspan(i).begin());
    }
    return model.scores(inputs);
  };
}

report::Figure region_figure(const report::FieldChart& chart, const std::string& remark) {
  return {
      report::field_chart(chart),
      "The colour of each place is the class the model gives it, the stronger the surer it is." +
          (remark.empty() ? "" : " " + remark)};
}

void add_region_frames(
    report::HtmlReport& page, const std::vector<RegionFrame>& frames, const std::string& unit) {
  std::vector<report::Picture> pictures;
  for (const RegionFrame& f : frames)
    pictures.push_back(
        {f.picture,
         fmt::format("{} {}", unit, f.moment),
         fmt::format("{:.1f} % right", 100 * f.accuracy)});
  page.gallery(pictures);
}

}  // namespace fovea::train
