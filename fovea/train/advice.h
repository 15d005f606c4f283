#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/train/codes.h"

// Which way to learn from few or many pictures that are like or unlike those a network knows
// (CS231n, "Transfer learning").
namespace fovea::train {

// How well what an old network makes of pictures tells new classes apart: the share of pictures
// that lie nearer to the mean of their own class, taken without them, than to any other's
// (leave-one-out nearest class mean; Mensink et al. 2013, "Distance-based image classification").
struct Separation {
  int64_t pictures = 0, classes = 0;  // looked at
  double right = 0;                   // mean over the classes, so that guessing gives 1 / classes
  double error = 0;                   // the standard error of guessing with so many pictures

  double chance() const { return 1 / double(classes); }
  double closed() const { return (right - chance()) / (1 - chance()); }  // of the way to all right
};

// Features count by their deviations, and a mean of m pictures has its squared distances times
// m / (m + 1), so that none is nearer for being a mean of more. Classes with a single picture are
// left out; nothing comes where fewer than two classes remain.
std::optional<Separation> separation_of(const Codes& codes);

// Samples to look at: at most 256 of at most 64 classes, and equally many of each that has enough.
// Empty where fewer than two classes have two.
std::vector<int64_t> separation_samples(const data::Dataset& dataset, Key key);

enum class Likeness : uint8_t { unknown, unlike, like };

// Like those learnt before: a third of the way from guessing to all right is closed, and that by
// more than two standard errors of guessing. Unknown where it may have been chance, and where there
// was nothing to look at.
Likeness likeness_of(const std::optional<Separation>& separation);

struct Advice {
  std::string mode;  // "features", "last" or "all"
  bool many = false;
  Likeness likeness = Likeness::unknown;
  double mean = 0;       // training pictures of a class
  int64_t smallest = 0;  // of the class with fewest
  std::optional<Separation> separation;
  std::string reason;  // in words
};

// `counts` are the training pictures of each class: many are 1000 on the mean. Where the likeness
// is unknown, few get what trains least, the classifier alone.
Advice advise(std::span<const int64_t> counts, const std::optional<Separation>& separation);

// The reason, and the table of all four ways with the chosen one marked.
std::string advice_text(const Advice& advice);
std::string_view name_of(Likeness likeness);  // "like"

}  // namespace fovea::train
