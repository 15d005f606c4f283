#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fovea/search/trial.h"

namespace fovea::search {

// What makes two searches the same: settings by name.
using Settings = std::map<std::string, std::string>;

struct Stage {
  int number = 0;  // from 0
  int epochs = 0;  // the most a trial of it gets; 0 where models are fitted at once
  Space space = {};
  bool done = false;
  std::vector<std::string> notes = {};  // what it found, told when it ended
};

// A search on disk, in one SQLite file with the tables setting, stage, dimension, note, trial,
// value, epoch and progress. Each call is a transaction: a kill loses nothing that was written
// before. One process at a time; not for several threads at once. Throws IoError.
class Store {
 public:
  // Opens or makes the file. Throws std::invalid_argument naming the first difference where it
  // holds a search with other settings; IoError where it is no such file, has the tables of another
  // version, or is in use.
  Store(const std::string& path, const Settings& settings);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  double seconds() const;  // the search has taken so far, all sessions together
  void set_seconds(double seconds);

  std::vector<Stage> stages() const;
  void put(const Stage& stage);  // adds it, or replaces the one of its number

  std::vector<Trial> trials() const;
  void add(std::span<const Trial> trials);
  void update(const Trial& trial);                                     // state, reason and seconds
  void put_epochs(int64_t trial, std::span<const TrialEpoch> epochs);  // adds or replaces

 private:
  struct Database;
  std::unique_ptr<Database> db_;
};

}  // namespace fovea::search
