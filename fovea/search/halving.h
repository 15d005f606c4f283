#pragma once

#include <string>
#include <vector>

namespace fovea::search {

enum class Stopping : uint8_t { hyperband, halving, none };

Stopping stopping_of(const std::string& name);  // throws std::invalid_argument for other names
std::string_view name_of(Stopping s);

// One bracket of successive halving (Jamieson and Talwalkar 2016): `trials` begin; each rung is the
// epoch up to which those that are left train; the best 1 / eta of them go on to the next.
struct Bracket {
  int trials = 1;
  std::vector<int> rungs;  // rising; the last is the most a trial gets

  friend bool operator==(const Bracket&, const Bracket&) = default;
};

// How many of `begun` trials train on rung `rung`, counted from 0; at least one.
int survivors(int begun, int rung, int eta);

// What a bracket begun with so many trials takes.
struct BracketCost {
  int eta = 3;
  int jobs = 1;                  // trials at the same time
  double seconds_per_epoch = 0;  // of one trial
};
double seconds_of(const Bracket& b, int trials, const BracketCost& cost);

// How many trials, at most `wanted`, a bracket can begin with to end within so many seconds;
// perhaps none.
int trials_that_fit(const Bracket& b, int wanted, const BracketCost& cost, double seconds);

// The brackets that a search goes through in turns, for trials of at most `epochs` epochs:
//   hyperband  from many trials that begin with few epochs to few that get all of them, algorithm 1
//              of Li et al. 2018, "Hyperband: a novel bandit-based approach to hyperparameter
//              optimization"
//   halving    the first of these alone
//   none       one trial after another, each with all its epochs
// Throws std::invalid_argument unless epochs >= 1 and eta >= 2.
std::vector<Bracket> brackets(Stopping how, int epochs, int eta);

}  // namespace fovea::search
