#pragma once

#include <span>

#include "fovea/data/source.h"
#include "fovea/models/model_file.h"
#include "fovea/report/html.h"
#include "fovea/train/recipe.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/trainer.h"

namespace fovea::train {

// Writes report.html into the run: curves, the layers over time, regions of the plane where the
// data are points of it, the loss surfaces that the run keeps, confusion matrix, worst mistakes,
// first-layer filters, the data as the model saw it, and the recipe.
void write_run_report(
    const RunFolder& run,
    const Recipe& recipe,
    models::Model& model,
    const data::Source& source,
    const TrainResult& result);

// Writes it anew from what the folder of a finished run holds, with its best model judged again.
// Throws std::invalid_argument for a run that has not come to its end.
void rewrite_run_report(
    const std::string& folder, const std::optional<std::vector<Remark>>& remarks);

// What the best model makes of validation and test split, where the data has them.
void judge(
    const models::Model& best,
    const data::Source& source,
    const Recipe& recipe,
    TrainResult& result);

// A section with what an examiner says.
void add_remarks(report::HtmlReport& html, std::span<const Remark> remarks);

// Samples of a training split as the network meets them, after preprocessing and augmentation,
// under the names of their classes. Those that cannot be read are left out, and so are points.
std::vector<report::Picture> pictures_as_shown(
    const Recipe& recipe,
    const models::Model& model,
    const data::Dataset& dataset,
    std::span<const int64_t> which);

// The filters of the first convolution, or the templates of a first linear layer over pixels: as
// files have them, (O, C, h, w); empty where the first layer looks like neither.
Tensor first_layer_weights(models::Model& model);

}  // namespace fovea::train
