#include "cli/weight_files.h"

#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/formats/npz.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/formats/torch_file.h"
#include "fovea/nn/load.h"
#include "fovea/onnx/graph.h"
#include "fovea/ops/elementwise.h"

namespace fovea::cli {

namespace {

WeightFile read_safetensors(const std::string& path, std::string_view) {
  auto [tensors, metadata] = formats::load_safetensors(path);
  return {.tensors = std::move(tensors), .metadata = std::move(metadata)};
}

void write_safetensors(const std::string& path, const WeightFile& file) {
  formats::Metadata metadata = file.metadata;
  metadata.emplace("format", "pt");
  formats::save_safetensors(path, file.tensors, metadata);
}

WeightFile read_torch(const std::string& path, std::string_view key) {
  formats::TorchFile file = formats::load_torch(path, key);
  return {
      .tensors = std::move(file.tensors),
      .key = std::move(file.key),
      .skipped = std::move(file.skipped),
      .others = std::move(file.others)};
}

// Parameters and state under the file's names.
WeightFile read_onnx(const std::string& path, std::string_view) {
  return {.tensors = nn::export_tree(*onnx::load(path))};
}

WeightFile read_npz(const std::string& path, std::string_view) {
  return {.tensors = formats::read_npz(path)};
}

// NumPy has no bf16; f32 holds each of its numbers.
void write_npz(const std::string& path, const WeightFile& file) {
  formats::write_npz(path, map_tree(file.tensors, [](const std::string&, const Tensor& t) {
                       return t.dtype() == Dtype::bf16 ? cast(t, Dtype::f32) : t;
                     }));
}

// The weights, which lie beside the description.
std::filesystem::path beside(const std::string& path, const char* extension) {
  auto weights = std::filesystem::path(path).replace_extension(extension);
  if (std::filesystem::exists(path) && !std::filesystem::exists(weights))
    throw IoError(
        path,
        fmt::format(
            "it needs its weights beside it, and there is no {}", weights.filename().string()));
  return weights;
}

formats::LayerGraph ncnn_graph(const std::string& path) {
  beside(path, ".bin");
  return formats::load_ncnn(path);
}

formats::LayerGraph caffe_graph(const std::string& path) {
  return formats::load_caffe(path, beside(path, ".caffemodel"));
}

template <formats::LayerGraph (*graph)(const std::string&)>
WeightFile weights_of(const std::string& path, std::string_view) {
  return {.tensors = graph(path).weights};
}

constexpr WeightFormat torch(std::string_view suffix) {
  return {suffix, "PyTorch", read_torch, nullptr, nullptr, true};
}

template <class Can>
const WeightFormat& format_of(const std::string& path, const char* verb, Can can) {
  const std::string small = lower(path);
  std::string known;
  for (const WeightFormat& f : weight_formats()) {
    if (!can(f)) continue;
    if (small.ends_with(f.suffix)) return f;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", f.suffix);
  }
  throw std::invalid_argument(fmt::format(
      "cannot {} \"{}\": expected a name that ends in {}{}",
      verb,
      path,
      known,
      verb == std::string_view("write") ? ", or in .onnx for a fovea model" : ""));
}

}  // namespace

const std::vector<WeightFormat>& weight_formats() {
  static const std::vector<WeightFormat> rows{
      {".safetensors", "safetensors", read_safetensors, write_safetensors},
      {".safetensors.index.json", "a sharded set of safetensors", read_safetensors, nullptr},
      {".npz", "NumPy's arrays", read_npz, write_npz},
      torch(".pth"),
      torch(".pt"),
      torch(".th"),
      torch(".bin"),
      torch(".ckpt"),
      torch(".tar"),  // .pth.tar
      torch(".pkl"),
      {".bin.index.json", "a sharded set of PyTorch", read_torch, nullptr},
      {".onnx", "ONNX", read_onnx, nullptr},
      {".param", "ncnn, with the .bin beside it", weights_of<ncnn_graph>, nullptr, ncnn_graph},
      {".prototxt",
       "Caffe, with the .caffemodel beside it",
       weights_of<caffe_graph>,
       nullptr,
       caffe_graph},
  };
  return rows;
}

const WeightFormat& format_to_read(const std::string& path) {
  if (lower(path).ends_with(".caffemodel"))
    throw std::invalid_argument(fmt::format(
        "\"{}\" holds weights without their network: name the .prototxt beside it, such as {}",
        path,
        std::filesystem::path(path).replace_extension(".prototxt").string()));
  return format_of(path, "read", [](const WeightFormat& f) { return f.read != nullptr; });
}

const WeightFormat& format_to_write(const std::string& path) {
  return format_of(path, "write", [](const WeightFormat& f) { return f.write != nullptr; });
}

}  // namespace fovea::cli
