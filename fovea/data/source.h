#pragma once

#include <string>
#include <vector>

#include "fovea/data/dataset.h"

namespace fovea::data {

// What a user names with --data: up to three datasets that share one list of classes.
struct Source {
  DatasetPtr train, val, test;  // null where the source has none
  std::vector<std::string> classes;
  std::vector<std::string> notes;  // what the user should know: classes missing in val, stray files

  // The best split to judge a model on: test, else val, else train.
  const DatasetPtr& held_out() const { return test ? test : val ? val : train; }
  // "train", "val" or "test"; empty: held_out(). Throws std::invalid_argument where it is not
  // there.
  const DatasetPtr& split(const std::string& name) const;
};

struct OpenOptions {
  // The classes of a trained model; every split is matched to them by name. Classes without
  // pictures are then fine. Empty: the classes of the training split are the list.
  std::vector<std::string> classes = {};
  // Allows classes of the list that have no pictures in a split; they become notes.
  bool allow_missing_classes = false;
  // A training source with fewer classes is refused. Not looked at when `classes` are given.
  int min_classes = 2;
};

// Opens a source by name or path:
//   digits                   the embedded MNIST digits
//   DIR, FILE.zip, FILE.tar  a folder or an archive, read in place, with one of
//     MNIST idx files        train-images-idx3-ubyte, ..., also .gz; Fashion-MNIST too
//     CIFAR binaries         data_batch_1.bin ... test_batch.bin, or train.bin and test.bin
//     CIFAR for Python       data_batch_1 ... test_batch, or train and test, and their meta file
//     a folder per class     or train, val (valid, validation) and test with a folder per class
//     each split archives         files such as photos_train.zip and photos_test.zip
//   FILE.bin                 one file of CIFAR-10 or CIFAR-100 records
//   moons, circles, spiral, blobs   points of the plane (see points.h), unless such a path is there
//   FILE.csv                 points of the plane, lines of x,y,class
//   train=A,val=B,test=C     each of these from a source of its own
// Classes are sorted byte-wise by folder name and matched between splits by name, never by order.
// Throws IoError for what cannot be read, DataError saying what was found and what would be
// accepted otherwise.
Source open(const std::string& spec, const OpenOptions& options = {});

}  // namespace fovea::data
