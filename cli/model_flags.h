#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "fovea/models/model_file.h"
#include "fovea/onnx/open.h"

namespace fovea::cli {

// Opens a model file, by its ending .onnx or else fovea's own, with what the user knows of an ONNX
// file that does not say it.
struct OpenFlags {
  std::string preprocess, class_names;
  int64_t size = 0;

  void add_to(Arguments& app, std::string& model);                 // with the argument MODEL
  void add_description_to(Arguments& app, const std::string& of);  // all but --size
  models::Model open(const std::string& path) const;
  bool given() const { return !preprocess.empty() || !class_names.empty(); }
  onnx::OpenOptions options() const;  // with what the named files hold
};

// The option --preprocess of a verb, and what it says: the name, or what the file that it names
// holds.
void add_preprocess_to(Arguments& app, std::string& preprocess, const std::string& of);
std::string preprocess_text(const std::string& preprocess);

// A model file, or the network of that name, whose weights are not set. `input` (height, width,
// channels) and `classes` change what a name builds; of a file `input` is the size that its graph
// leaves free. Throws IoError and std::invalid_argument.
models::Model measured_model(
    const std::string& name, const std::vector<int64_t>& input, int64_t classes);

// The network that a verb measures, new or from a file, and how many pictures at once.
struct ModelFlags {
  std::string model;
  std::vector<int64_t> input;
  int64_t batch = 0, classes = 0;
  bool train = false;

  void add_to(Arguments& app);
  models::Model load() const;
  int64_t pictures() const;  // at once
};

}  // namespace fovea::cli
