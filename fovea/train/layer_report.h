#pragma once

#include "fovea/report/html.h"
#include "fovea/train/layer_log.h"

namespace fovea::train {

// A section on the layers in the course of a run: histograms of activations, weights and their
// gradients over time, how far steps moved the weights, and what died or saturated. Nothing for
// fewer than two records.
void add_layers_over_time(report::HtmlReport& html, const std::vector<LayerRecord>& records);

}  // namespace fovea::train
