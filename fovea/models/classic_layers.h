#pragma once

#include <string_view>

#include "fovea/models/layer_reader.h"

// Classical methods as layers of a list.
namespace fovea::models {

// Their types, for the table in layers.cpp; private to the room.
const std::vector<LayerMaker>& classic_layer_makers();

// A method by its name in a recipe.
struct ClassicOptions {
  std::string method;               // knn, svm, l2svm, softmax, rbf or tree
  int64_t k = 5;                    // of knn, as metric and search are
  std::string metric = "l2";        // or l1
  std::string search = "auto";      // exhaustive, tree, or auto: the faster for such dimensions
  std::string projection = "none";  // before it: pca or random
  int64_t dims = 0;                 // of the projection
  bool whiten = false;              // by pca
  int64_t units = 500;              // of rbf
  int64_t depth = 10;               // of tree
};

bool is_classic(std::string_view name);

// The layers of the method for inputs of `values` numbers: a flatten, the projection if any, and
// then the nearest neighbours, the tree, or one linear layer, behind radial basis functions for
// rbf; what tells the other three apart is the loss they are trained with. Throws for an unknown
// projection and for dimensions that do not fit.
std::vector<LayerSpec> classic_layers(const ClassicOptions& o, int64_t values, int64_t classes);

}  // namespace fovea::models
