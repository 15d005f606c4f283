#pragma once

#include <memory>
#include <string>

#include "fovea/models/layers.h"

// How a layer of a list comes to be; private to the room.
namespace fovea::models {

// The options of one layer, read with types; unknown names are refused at once.
class Reader {
 public:
  Reader(const LayerSpec& spec, const LayerType& type);

  std::string text(std::string_view name) const;
  template <class T>
  T number(std::string_view name) const;                // int or double
  int integer(std::string_view name, int least) const;  // of an option that is `whole`
  bool flag(std::string_view name) const;

 private:
  const LayerSpec& spec_;
  const LayerType& type_;
};

// A type of layer, and what makes one of it for inputs of a shape.
struct LayerMaker {
  LayerType type;
  std::unique_ptr<nn::Module> (*make)(const Reader& r, const Shape& in);
};

// D of features (N, D); throws for other inputs.
int64_t features(const Shape& in);

}  // namespace fovea::models
