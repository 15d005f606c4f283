#pragma once

#include "fovea/data/source.h"
#include "fovea/models/model_file.h"
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

// The filters of the first convolution, or the templates of a first linear layer over pixels: as
// files have them, (O, C, h, w); empty where the first layer looks like neither.
Tensor first_layer_weights(models::Model& model);

}  // namespace fovea::train
