#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fovea/core/tensor.h"
#include "fovea/data/points.h"
#include "fovea/models/model_file.h"
#include "fovea/report/field.h"
#include "fovea/report/html.h"

// Which class a classifier gives to each place of the plane.
namespace fovea::train {

// Any classifier of points: f32 (n, 2) -> f32 scores (n, C), the largest of the class it chooses;
// their softmax says how sure it is.
using Scorer = std::function<Tensor(const Tensor& points)>;

// The scores of a model of points, which outlives this.
Scorer scorer_of(const models::Model& model);

struct RegionOptions {
  std::string title = "Decision regions";
  int side = 160;        // pixels of the picture
  double margin = 0.12;  // round the points, of their extent
};

// The regions with the points in them.
report::FieldChart region_chart(
    const data::Points& points, const Scorer& scorer, const RegionOptions& o = {});

// The same as a small picture without axes.
image::Image region_thumbnail(const data::Points& points, const Scorer& scorer, int side = 150);

// A moment while regions formed.
struct RegionFrame {
  int64_t moment = 0;
  double accuracy = 0;
  image::Image picture;
};

// What shows them on any page: a chart with its caption, and a gallery, whose frames say "step 12"
// for the moment 12 in steps.
report::Figure region_figure(const report::FieldChart& chart, const std::string& remark = {});
void add_region_frames(
    report::HtmlReport& page, const std::vector<RegionFrame>& frames, const std::string& unit);

Tensor tensor_of(const data::Points& points);  // f32 (n, 2)

// Share of the points that get their own class.
double accuracy_on(const data::Points& points, const Scorer& scorer);

}  // namespace fovea::train
