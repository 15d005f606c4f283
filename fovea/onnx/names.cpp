#include "fovea/onnx/names.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fovea::onnx {

std::string module_name(const std::string& node) {
  if (!node.starts_with("/")) return node;
  std::vector<std::string> parts;
  for (size_t begin = 1; begin <= node.size();) {
    const size_t end = std::min(node.find('/', begin), node.size());
    const std::string part = node.substr(begin, end - begin);
    if (!parts.empty() && part.starts_with(parts.back() + ".")) parts.pop_back();
    parts.push_back(part);
    begin = end + 1;
  }
  return fmt::format("{}", fmt::join(parts, "."));
}

std::string module_path(const formats::OnnxNode& node, bool has_weights) {
  std::string path =
      module_name(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name);
  std::ranges::replace(path, '/', '.');
  if (!has_weights) return path;
  // Exporters number the operators of a module: "conv1.Conv_1".
  const size_t dot = path.rfind('.');
  if (dot == path.npos || dot == 0) return path;
  std::string last = path.substr(dot + 1);
  while (!last.empty() && std::isdigit(static_cast<unsigned char>(last.back()))) last.pop_back();
  if (last == node.op || last == node.op + "_") path.resize(dot);
  return path;
}

}  // namespace fovea::onnx
