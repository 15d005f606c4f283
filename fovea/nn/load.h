#pragma once

#include <set>
#include <string>
#include <vector>

#include "fovea/nn/module.h"

// Weights in and out, by name, in PyTorch's layout.
namespace fovea::nn {

struct LoadReport {
  int loaded = 0;
  std::string prefix;                   // before the names in the tree: "module."
  std::vector<std::string> rivals;      // prefixes with as many of the names: "ema."
  std::vector<std::string> missing;     // the module's, not in the tree
  std::vector<std::string> unused;      // the tree's, not in the module
  std::vector<std::string> mismatched;  // "fc.weight: expected (10, 64), got (1000, 64)"

  bool complete() const { return missing.empty() && unused.empty() && mismatched.empty(); }
  std::string str() const;  // a few lines, naming near names
  // The module's names that kept their values: missing, or of another shape or type.
  std::set<std::string> not_loaded() const;
};

struct LoadOptions {
  // Throw unless every name, shape and type fits; `num_batches_tracked` may be absent.
  bool strict = true;
  // Take the tensors under the prefix ("module.", "_orig_mod.model.") with the most of the module's
  // names, where those are more than without one.
  bool strip_prefixes = true;
};

// Takes the tensors of a PyTorch-layout tree (a torchvision checkpoint, our own file) into the
// module. Floats become those of the module's type if it holds them; whole numbers, which may be
// quantised weights, become no floats.
LoadReport load(Module& m, const Tree& tree, const LoadOptions& o = {});

// Parameters and state in PyTorch's layout, evaluated; what load() reads.
Tree export_tree(Module& m);

}  // namespace fovea::nn
