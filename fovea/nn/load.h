#pragma once

#include <set>
#include <string>
#include <vector>

#include "fovea/nn/module.h"

// Weights in and out, by name, in PyTorch's layout.
namespace fovea::nn {

struct LoadReport {
  int loaded = 0;
  std::vector<std::string> missing;     // the module's, not in the tree
  std::vector<std::string> unused;      // the tree's, not in the module
  std::vector<std::string> mismatched;  // "fc.weight: expected (10, 64), got (1000, 64)"

  bool complete() const { return missing.empty() && unused.empty() && mismatched.empty(); }
  std::string str() const;  // a few lines, naming near names
  // The module's names that kept their values: missing, or of another shape.
  std::set<std::string> not_loaded() const;
};

struct LoadOptions {
  // Throw unless every name and shape fits; `num_batches_tracked` may be absent.
  bool strict = true;
  // Stripped from the tree's names where all of them carry one: "module.", "_orig_mod.", ...
  bool strip_prefixes = true;
};

// Takes the tensors of a PyTorch-layout tree (a torchvision checkpoint, our own file) into the
// module.
LoadReport load(Module& m, const Tree& tree, const LoadOptions& o = {});

// Parameters and state in PyTorch's layout, evaluated; what load() reads.
Tree export_tree(Module& m);

}  // namespace fovea::nn
