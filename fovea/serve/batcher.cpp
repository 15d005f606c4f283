#include "fovea/serve/batcher.h"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

namespace fovea::serve {

namespace {

void check(const models::Model& model, const BatcherOptions& o) {
  const std::pair<const char*, int> counts[] = {
      {"workers", o.workers}, {"batch", o.batch}, {"queue", o.queue}};
  for (const auto& [name, value] : counts)
    if (value < 1)
      throw std::invalid_argument(
          fmt::format("[serve] {}: expected at least 1, got {}", name, value));
  if (!(o.wait >= 0))
    throw std::invalid_argument(fmt::format("[serve] wait: expected 0 ms or more, got {}", o.wait));
  models::check_classifies(*model.net, model.architecture);
  if (model.preprocess.height == 0)
    throw std::invalid_argument(
        "[serve] expected a model whose preprocessing gives pictures one size, got one that takes "
        "any; convert it with a preprocessing that resizes");
}

// Powers of two, and the largest.
std::vector<size_t> sizes_to(size_t largest) {
  std::vector<size_t> sizes;
  for (size_t n = 1; n < largest; n *= 2) sizes.push_back(n);
  sizes.push_back(largest);
  return sizes;
}

}  // namespace

std::vector<size_t> batch_sizes(const models::Model& model, const BatcherOptions& o) {
  check(model, o);
  return sizes_to(model.one_by_one ? 1 : size_t(o.batch));
}

Batcher::Batcher(const models::Model& model, const BatcherOptions& o)
    : options_(o),
      sizes_(batch_sizes(model, o)),
      views_(model.preprocess),
      scores_(model, views_, sizes_.size()) {
  const data::Preprocess& p = model.preprocess;
  warm(p.channels, p.height, p.width);
  for (int i = 0; i < o.workers; ++i) workers_.emplace_back([this] { work(); });
}

Batcher::~Batcher() {
  {
    const std::scoped_lock lock(mutex_);
    hurried_ = ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Batcher::warm(int channels, int height, int width) const {
  for (size_t size : sizes_) {
    data::ViewBatch batch(views_);
    for (size_t i = 0; i < size; ++i) batch.add({image::Image(height, width, channels)});
    train::predict(scores_, batch, 1);
  }
}

train::Prediction Batcher::predict(std::vector<image::Image> views, int k) {
  Job job{.views = std::move(views), .k = k, .since = Clock::now(), .result = {}};
  std::future<train::Prediction> result = job.result.get_future();
  {
    const std::scoped_lock lock(mutex_);
    if (jobs_.size() >= size_t(options_.queue))
      throw Busy(fmt::format("{} pictures wait already; try again in a moment", jobs_.size()));
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return result.get();
}

size_t Batcher::waiting() const {
  const std::scoped_lock lock(mutex_);
  return jobs_.size();
}

void Batcher::hurry() {
  {
    const std::scoped_lock lock(mutex_);
    hurried_ = true;
  }
  changed_.notify_all();
}

void Batcher::work() {
  for (;;) {
    std::vector<Job> jobs = take();
    if (jobs.empty()) return;
    const int pictures = int(jobs.size());
    if (options_.ran) options_.ran(pictures);
    run(std::move(jobs));
  }
}

// Waits for pictures, and for a full batch as long as the first of them may wait; none at the end.
std::vector<Batcher::Job> Batcher::take() {
  const std::chrono::duration<double, std::milli> wait(options_.wait);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty()) return {};
    const auto until = jobs_.front().since + std::chrono::duration_cast<Clock::duration>(wait);
    if (hurried_ || jobs_.size() >= sizes_.back() || Clock::now() >= until) break;
    changed_.wait_until(lock, until);
  }
  const size_t size = *std::prev(std::ranges::upper_bound(sizes_, jobs_.size()));
  std::vector<Job> jobs;
  for (size_t i = 0; i < size; ++i) {
    jobs.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  }
  if (!jobs_.empty()) changed_.notify_one();
  return jobs;
}

void Batcher::run(std::vector<Job> jobs) const {
  size_t answered = 0;
  try {
    data::ViewBatch batch(views_);
    int k = 1;
    for (Job& job : jobs) {
      batch.add(std::move(job.views));
      k = std::max(k, job.k);
    }
    std::vector<train::Prediction> all = train::predict(scores_, batch, k);
    for (; answered < jobs.size(); ++answered) {
      train::Prediction& p = all[answered];
      const size_t wanted = std::min(p.classes.size(), size_t(std::max(jobs[answered].k, 1)));
      p.classes.resize(wanted);
      p.probabilities.resize(wanted);
      jobs[answered].result.set_value(std::move(p));
    }
  } catch (...) {
    for (; answered < jobs.size(); ++answered)
      jobs[answered].result.set_exception(std::current_exception());
  }
}

}  // namespace fovea::serve
