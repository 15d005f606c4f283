#pragma once

#include <span>

#include "fovea/data/source.h"
#include "fovea/models/model_file.h"
#include "fovea/report/html.h"
#include "fovea/train/recipe.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/trainer.h"

namespace fovea::train {

// Writes report.html into the run: curves, the layers over time, confusion matrix, worst mistakes,
// first-layer filters, the data as the model saw it, and the recipe.
void write_run_report(
    const RunFolder& run,
    const Recipe& recipe,
    models::Model& model,
    const data::Source& source,
    const TrainResult& result);

// A section with what an examiner says.
void add_remarks(report::HtmlReport& html, std::span<const Remark> remarks);

// Samples of a training split as the network meets them, after preprocessing and augmentation,
// under the names of their classes. Those that cannot be read are left out.
std::vector<report::Picture> pictures_as_shown(
    const Recipe& recipe,
    const models::Model& model,
    const data::Dataset& dataset,
    std::span<const int64_t> which);

// The filters of the first convolution, or the templates of a first linear layer over pixels: as
// files have them, (O, C, h, w); empty where the first layer looks like neither.
Tensor first_layer_weights(models::Model& model);

}  // namespace fovea::train
