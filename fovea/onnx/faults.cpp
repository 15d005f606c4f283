#include "fovea/onnx/faults.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/onnx/call.h"

namespace fovea::onnx {

void Faults::add(const formats::OnnxFault& f, const std::string& kind) {
  auto it = std::ranges::find(kinds_, kind, &Kind::name);
  if (it == kinds_.end())
    kinds_.push_back({kind, f});
  else
    ++it->others;
}

std::string Faults::str() const {
  std::string text;
  for (const Kind& k : kinds_)
    text += fmt::format(
        "{}{}{}{}",
        text.empty() ? "" : "; ",
        k.first.where,
        k.others > 0 ? fmt::format(" and {} more", k.others) : "",
        k.first.what);
  return text;
}

void find_faults(const formats::OnnxNode& node, int64_t opset, Faults& faults) {
  if (!node.domain.empty())
    return faults.add({node.str(), fmt::format(": operators of the domain {}", node.domain)});
  const Operator* row = find_operator(node.op);
  if (!row) return faults.add({node.str(), fmt::format(": the operator {}", node.op)});
  if (opset < row->since)
    faults.add(
        {node.str(), fmt::format(": version {} of the operator; from {} on", opset, row->since)});
  const std::string known = fmt::format(" {} ", row->attributes);
  for (const auto& [name, a] : node.attributes)
    if (known.find(fmt::format(" {} ", name)) == std::string::npos)
      faults.add({node.str(), fmt::format(": attribute {}", name)});
}

}  // namespace fovea::onnx
