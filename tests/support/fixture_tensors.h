#pragma once

#include <string>
#include <vector>

#include "fovea/core/tensor.h"
#include "fovea/formats/safetensors.h"
#include "tests/support/test_data.h"

namespace fovea::test {

// The tensors of a file under tests/fixtures, on the CPU.
class FixtureTensors {
 public:
  explicit FixtureTensors(const std::string& file)
      : file_(formats::SafetensorsFile::open(fixture(file))) {}

  Tensor operator[](const std::string& name) const {
    const formats::TensorView& view = file_.at(name);
    return Tensor::from_bytes(view.bytes, view.shape, view.dtype);
  }
  std::vector<int> ints(const std::string& name) const {
    std::vector<int> values;
    for (double v : (*this)[name].to_doubles()) values.push_back(int(v));
    return values;
  }
  bool contains(const std::string& name) const { return file_.contains(name); }

 private:
  formats::SafetensorsFile file_;
};

}  // namespace fovea::test
