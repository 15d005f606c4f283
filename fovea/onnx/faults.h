#pragma once

#include <string>
#include <vector>

#include "fovea/formats/onnx.h"

namespace fovea::onnx {

// What speaks against a graph. Of a kind only the first is told, with the number of the others:
// `node "a" (Acosh) and 3 more: the operator Acosh`.
class Faults {
 public:
  void add(const formats::OnnxFault& f) { add(f, f.what); }
  void add(const formats::OnnxFault& f, const std::string& kind);
  bool empty() const { return kinds_.empty(); }
  std::string str() const;

 private:
  struct Kind {
    std::string name;
    formats::OnnxFault first;
    int others = 0;
  };
  std::vector<Kind> kinds_;
};

// What speaks against one node, without knowing any shape, in version `opset` of the operators.
void find_faults(const formats::OnnxNode& node, int64_t opset, Faults& faults);

}  // namespace fovea::onnx
