#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/core/tree.h"

// Networks as Caffe and ncnn store them: a list of layers that read and write named values, and
// their weights. models/graph_net.h makes a module of one.
namespace fovea::formats {

struct GraphLayer {
  // "input", "conv", "linear", "pool", "relu", "lrn", "dropout", "concat", "softmax", "batch_norm",
  // "scale", "eltwise", "split" or "flatten".
  std::string type;
  std::string name;
  std::vector<std::string> inputs, outputs;  // names of values; a layer may write over its input
  // conv: out, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left,
  // pad_bottom, pad_right, groups, relu; linear: out, relu; pool: the windows as for conv, average,
  // global, floor, without_pad; relu: slope; lrn: size, alpha, beta, k; batch_norm: eps; eltwise:
  // op (0 product, 1 sum, 2 maximum). Caffe's conv, linear and scale also: bias.
  std::map<std::string, double, std::less<>> options = {};

  double option(std::string_view key, double fallback) const;
  bool has_weights() const;  // conv, linear, batch_norm and scale
};

struct LayerGraph {
  std::vector<GraphLayer> layers;  // each after those that it reads
  Shape input;                     // (H, W, C); without extents where the file has none
  // "LAYER.weight", "LAYER.bias", of batch norm also "LAYER.running_mean" and ".running_var", f32,
  // in PyTorch's layout; empty where only the description was read.
  Tree weights;
};

// ncnn's .param (text, magic 7767517) and the .bin beside it: weights in f32, f16 or with a table
// of 256 values. Throws IoError with the line or the offset for other layers and storage.
LayerGraph load_ncnn(const std::filesystem::path& param);
LayerGraph parse_ncnn(
    std::string_view param, std::span<const std::byte> bin, const std::string& name);

// Caffe's .prototxt and, unless the path is empty, the .caffemodel with its weights. Layers of the
// training phase, of data and of losses are left out. Caffe's poolings round up, and its networks
// take pictures with blue first. Throws IoError.
LayerGraph load_caffe(
    const std::filesystem::path& prototxt, const std::filesystem::path& caffemodel = {});
LayerGraph parse_caffe(
    std::string_view prototxt, std::span<const std::byte> caffemodel, const std::string& name);

}  // namespace fovea::formats
