#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "fovea/data/views.h"
#include "fovea/train/evaluate.h"

namespace fovea::serve {

struct BatcherOptions {
  int workers = 2;  // batches that run at once
  int batch = 8;    // pictures of a batch at most
  int queue = 64;   // pictures that may wait
  double wait = 2;  // ms a picture waits for others while a worker is free
  std::function<void(int pictures)> ran = {};  // as a batch begins, from any worker
};

// More pictures came than may wait; come again a little later.
class Busy : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The sizes of batches that a model is frozen for: 1, 2, 4, ... and the largest; of a model that
// takes one picture at a time, 1. Throws std::invalid_argument for numbers below 1 and for a model
// that takes pictures of any size, each of which would need a plan of its own.
std::vector<size_t> batch_sizes(const models::Model& model, const BatcherOptions& o);

// Joins pictures that come at about the same time into batches. The model is frozen once for each
// of batch_sizes, and several workers run those plans, each in an arena of its own. A worker takes
// the largest of these sizes that so many pictures wait for. Probabilities are those of
// train::predict within 1e-6: batches of other sizes round otherwise.
class Batcher {
 public:
  // Freezes and warms all plans. Throws as batch_sizes does. The model must outlive this.
  Batcher(const models::Model& model, const BatcherOptions& o);
  ~Batcher();  // runs what still waits
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // What the model sees of a picture: the work before the batch, done by whoever asks.
  std::vector<image::Image> views(const image::Image& picture) const { return views_.of(picture); }
  image::DecodeOptions decode_options() const { return views_.decode_options(); }

  // The k most probable classes. Returns when the batch has run; from any thread. Throws Busy.
  train::Prediction predict(std::vector<image::Image> views, int k);

  size_t waiting() const;  // pictures
  void hurry();            // from now on no picture waits for others

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    std::vector<image::Image> views;
    int k = 0;
    Clock::time_point since;
    std::promise<train::Prediction> result;
  };

  void warm(int channels, int height, int width) const;
  void work();
  std::vector<Job> take();
  void run(std::vector<Job> jobs) const;

  BatcherOptions options_;
  std::vector<size_t> sizes_;  // ascending
  data::Views views_;
  train::ViewScores scores_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool hurried_ = false, ending_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace fovea::serve
