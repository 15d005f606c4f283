#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fovea/core/random.h"
#include "fovea/core/tensor.h"
#include "fovea/data/dataset.h"
#include "fovea/data/preprocess.h"
#include "fovea/data/views.h"
#include "fovea/image/augment.h"

namespace fovea::data {

struct Batch {
  Tensor images;                 // f32 (n, height, width, channels), normalised
  std::vector<ViewGroup> views;  // instead of images, where LoaderOptions::views asks for them
  Tensor labels;                 // i32 (n)
  std::vector<int64_t> indices;  // of the n samples in the dataset
  int64_t number = 0;            // in the epoch; a run resumes with start(epoch, number + 1)
  int64_t skipped = 0;           // samples left out because they cannot be read

  int64_t size() const { return int64_t(indices.size()); }
};

struct LoaderOptions {
  int64_t batch_size = 128;
  Preprocess preprocess;
  // Augmentation runs on the result of Preprocess::geometry; one with a step that frames the
  // picture itself (Resize, ResizeShort, CenterCrop, RandomResizedCrop, RandomScaleCrop) runs on
  // the decoded picture instead. Either way the result must have the size that `preprocess` says.
  image::Augment augment;
  // Gives the batches views of every picture; for testing, so without augmentation, and nothing is
  // kept in memory.
  std::optional<ViewOptions> views;
  Key key;               // of the order and the augmentation
  bool shuffle = false;  // another order each epoch
  // Instead: an epoch draws as many samples as there are, with replacement, each class as often as
  // any other (draw_balanced); a sample drawn twice is augmented in two ways.
  bool balance = false;
  bool drop_last = false;  // leaves out an incomplete last batch
  int workers = 1;         // threads; 0 makes each batch when it is asked for
  int prefetch = 0;        // batches made ahead; 0: two per worker
  // Pictures are kept in memory, as they are before augmentation, up to this many bytes; 0: never.
  int64_t cache_bytes = int64_t(1) << 30;
  Device device = default_device();  // of the batches
  // Share of unreadable samples beyond which next() throws instead of skipping them.
  double max_corrupt = 0.1;
};

// Makes batches of a dataset in worker threads. Content and order depend on the options, the epoch
// and the batch number alone: not on workers, prefetch, cache, or where an epoch was entered. For
// use from one thread.
class Loader {
 public:
  // Throws std::invalid_argument for options that do not fit.
  Loader(DatasetPtr dataset, LoaderOptions options);
  ~Loader();  // stops the workers, also in the middle of an epoch
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int64_t batches() const;  // in an epoch

  // Begins an epoch at a batch; what was made ahead for another one is dropped.
  void start(int64_t epoch, int64_t first_batch = 0);

  // The next batch with samples in it; nothing at the end of the epoch or before start(). Throws
  // what went wrong in a worker, naming the sample, and IoError naming the first files when more
  // than max_corrupt of the samples cannot be read.
  std::optional<Batch> next();

  // Unreadable samples met so far, each with its error.
  const std::map<int64_t, std::string>& corrupt() const;

  // Since start(): seconds that next() kept its caller waiting, also as a share of the time passed.
  double seconds_waited() const;
  double share_waited() const;

  int64_t cached_bytes() const;  // of pictures kept in memory

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fovea::data
