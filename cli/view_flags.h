#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "fovea/data/views.h"
#include "fovea/models/model_file.h"

namespace fovea::cli {

// Which views of a picture a model is tested on.
struct ViewFlags {
  std::string views = "center";
  std::vector<int> scales;
  bool dense = false;

  void add_to(Arguments& app);
  data::ViewOptions options() const;
  models::Model fitted(models::Model model) const;  // with its network dense where asked for
  void tell_of(const data::Views& views, const Globals& g) const;  // where they are not the default
};

}  // namespace fovea::cli
