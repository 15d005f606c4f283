#include "fovea/data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/data/balance.h"
#include "fovea/data/image_cache.h"
#include "fovea/data/point_dataset.h"
#include "fovea/data/split.h"

namespace fovea::data {

namespace {

using Clock = std::chrono::steady_clock;
using image::Image;

double seconds_since(Clock::time_point t) {
  return std::chrono::duration<double>(Clock::now() - t).count();
}

// Streams below the loader's key.
enum : uint64_t { order_stream, augment_stream };

bool frames_itself(const image::Augment& augment) {
  return std::any_of(augment.steps().begin(), augment.steps().end(), [](const image::Step& s) {
    return std::holds_alternative<image::Resize>(s) ||
           std::holds_alternative<image::ResizeShort>(s) ||
           std::holds_alternative<image::CenterCrop>(s) ||
           std::holds_alternative<image::RandomResizedCrop>(s) ||
           std::holds_alternative<image::RandomScaleCrop>(s);
  });
}

void check(const LoaderOptions& o) {
  o.preprocess.check();
  if (o.batch_size < 1 || o.workers < 0 || o.prefetch < 0)
    throw std::invalid_argument(fmt::format(
        "[loader] expected batch_size >= 1, workers >= 0 and prefetch >= 0, got {}, {} and {}",
        o.batch_size,
        o.workers,
        o.prefetch));
  if (o.shuffle && o.balance)
    throw std::invalid_argument("[loader] expected shuffle or balance, got both");
  if (!(o.max_corrupt >= 0 && o.max_corrupt <= 1))
    throw std::invalid_argument(
        fmt::format("[loader] expected max_corrupt in [0, 1], got {}", o.max_corrupt));
  if (o.views && !o.augment.steps().empty())
    throw std::invalid_argument("[loader] expected views or augmentation, got both");
}

void check(const Dataset& dataset, const LoaderOptions& o) {
  check(o);
  const bool points = holds_points(dataset);
  if (points != o.preprocess.takes_points())
    throw std::invalid_argument(fmt::format(
        "[loader] {}: the model takes {}, and these are {}",
        dataset.name(),
        points ? "pictures" : "points of the plane",
        points ? "points of the plane" : "pictures"));
  if (points && !o.augment.steps().empty())
    throw std::invalid_argument(fmt::format(
        "[loader] {}: points of the plane cannot be augmented: leave out [[augment]]",
        dataset.name()));
}

// An epoch's order; shared with the workers that are still busy with it.
struct Epoch {
  int64_t number = 0;
  std::vector<int64_t> order;
};

struct Made {
  Batch batch;
  std::vector<std::pair<int64_t, std::string>> corrupt;  // sample, error
  std::exception_ptr error;
};

// Turns samples into batches; any thread.
class Maker {
 public:
  Maker(DatasetPtr dataset, LoaderOptions options)
      : dataset_(std::move(dataset)),
        options_(std::move(options)),
        normalise_(options_.preprocess),
        frames_itself_(frames_itself(options_.augment)),
        cache_(dataset_->size(), needs_cache() ? options_.cache_bytes : 0) {
    if (options_.views) views_.emplace(options_.preprocess, *options_.views);
  }

  int64_t cached_bytes() const { return cache_.bytes(); }

  Made make(const Epoch& epoch, int64_t number) const {
    Made made;
    made.batch.number = number;
    try {
      fill(epoch, made);
    } catch (...) {
      made.error = std::current_exception();
    }
    return made;
  }

 private:
  bool needs_cache() const {
    if (options_.views) return false;
    bool changed = !frames_itself_ && options_.preprocess.resize != Preprocess::Resize::none;
    return !dataset_->in_memory() || changed;
  }

  // The picture before augmentation.
  std::shared_ptr<const Image> prepared(int64_t sample) const {
    if (auto kept = cache_.get(sample)) return kept;
    const auto& p = options_.preprocess;
    auto how = p.decode_options();
    // A crop may enlarge a part, so more detail is kept for it.
    if (frames_itself_) how.min_size = p.reduced_decode ? 4 * std::max(p.height, p.width) : 0;
    Image decoded = dataset_->image(sample, how);
    auto image = std::make_shared<const Image>(
        frames_itself_ ? with_channels(std::move(decoded)) : p.geometry(std::move(decoded)));
    cache_.put(sample, image);
    return image;
  }

  Image with_channels(Image image) const {
    Preprocess only_channels;
    only_channels.channels = options_.preprocess.channels;
    only_channels.convert_channels = options_.preprocess.convert_channels;
    return only_channels.geometry(std::move(image));
  }

  void append_point(int64_t sample, int64_t capacity, Tensor& inputs, Batch& batch) const {
    if (inputs.is_empty()) inputs = Tensor::empty({capacity, 1, 1, 2}, Dtype::f32, options_.device);
    const auto y = options_.preprocess.normalised(*dataset_->point(sample));
    std::ranges::copy(y, inputs.mutable_data<float>().subspan(batch.indices.size() * 2).begin());
    batch.indices.push_back(sample);
  }

  // Appends the sample's values, augmented by `key`, to the batch, whose tensor is made with the
  // first of them.
  void append(int64_t sample, Key key, int64_t capacity, Tensor& images, Batch& batch) const {
    auto image = prepared(sample);
    if (!options_.augment.steps().empty())
      image = std::make_shared<const Image>(options_.augment.apply(*image, key));
    const auto& p = options_.preprocess;
    int64_t h = image->height, w = image->width;
    if (images.is_empty())
      images = Tensor::empty({capacity, h, w, p.channels}, Dtype::f32, options_.device);
    bool fits = images.dim(1) == h && images.dim(2) == w &&
                (p.height == 0 || (h == p.height && w == p.width));
    if (!fits)
      throw std::invalid_argument(fmt::format(
          "expected a picture of {} x {}{}, got {} x {}",
          p.height ? p.height : images.dim(1),
          p.height ? p.width : images.dim(2),
          options_.augment.steps().empty() ? "" : " after augmentation",
          h,
          w));
    size_t each = image->pixels.size();
    normalise_(*image, images.mutable_data<float>().subspan(batch.indices.size() * each, each));
    batch.indices.push_back(sample);
  }

  void fill(const Epoch& epoch, Made& made) const {
    auto first = made.batch.number * options_.batch_size;
    auto n = std::min(options_.batch_size, int64_t(epoch.order.size()) - first);
    Key key = options_.key.fold_in(augment_stream).fold_in(uint64_t(epoch.number));
    Tensor images;
    std::optional<ViewBatch> views;
    if (views_) views.emplace(*views_);
    for (int64_t i = first; i < first + n; ++i) {
      int64_t sample = epoch.order[size_t(i)];
      // A sample that was drawn twice is not the same picture twice.
      Key of_sample = key.fold_in(uint64_t(sample));
      if (options_.balance) of_sample = of_sample.fold_in(uint64_t(i));
      try {
        if (views) {
          views->add(dataset_->image(sample, views_->decode_options()));
          made.batch.indices.push_back(sample);
        } else if (options_.preprocess.takes_points()) {
          append_point(sample, n, images, made.batch);
        } else {
          append(sample, of_sample, n, images, made.batch);
        }
      } catch (const IoError& e) {
        made.corrupt.emplace_back(sample, e.what());
      } catch (const std::invalid_argument& e) {
        throw std::invalid_argument(
            fmt::format("[loader] {}: {}", dataset_->sample_name(sample), e.what()));
      } catch (const std::exception& e) {
        throw std::runtime_error(
            fmt::format("[loader] {}: {}", dataset_->sample_name(sample), e.what()));
      }
    }
    made.batch.skipped = int64_t(made.corrupt.size());
    if (views) made.batch.views = views->take(options_.device);
    finish(images, made.batch);
  }

  // Sets the tensors of a batch, cut to the samples that could be read.
  void finish(const Tensor& images, Batch& batch) const {
    if (batch.indices.empty()) return;
    batch.images = images;
    if (!images.is_empty() && images.dim(0) != batch.size()) {
      batch.images =
          Tensor::empty(images.shape().with(0, batch.size()), Dtype::f32, options_.device);
      auto out = batch.images.mutable_data<float>();
      std::memcpy(out.data(), images.data<float>().data(), out.size_bytes());
    }
    batch.labels = Tensor::empty({batch.size()}, Dtype::i32, options_.device);
    auto labels = batch.labels.mutable_data<int32_t>();
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = dataset_->label(batch.indices[i]);
  }

  DatasetPtr dataset_;
  LoaderOptions options_;
  Normaliser normalise_;
  bool frames_itself_;
  mutable ImageCache cache_;
  std::optional<Views> views_;
};

}  // namespace

struct Loader::State {
  State(DatasetPtr dataset_, LoaderOptions options_)
      : dataset(std::move(dataset_)), options(std::move(options_)), maker(dataset, options) {
    auto n = dataset->size(), b = options.batch_size;
    batches = options.drop_last ? n / b : (n + b - 1) / b;
    int depth = options.prefetch ? options.prefetch : 2 * options.workers;
    ring.resize(size_t(std::max(depth, 1)));
    if (options.balance) by_class = samples_by_class(*dataset);
  }

  DatasetPtr dataset;
  LoaderOptions options;
  Maker maker;
  int64_t batches = 0;
  std::vector<std::vector<int64_t>> by_class;  // for LoaderOptions::balance

  std::vector<int64_t> order(int64_t number) const {
    const int64_t n = dataset->size();
    const Key key = options.key.fold_in(order_stream).fold_in(uint64_t(number));
    if (options.balance) return draw_balanced(by_class, n, key);
    if (options.shuffle) return permutation(n, key);
    std::vector<int64_t> as_is(static_cast<size_t>(n));
    std::iota(as_is.begin(), as_is.end(), int64_t(0));
    return as_is;
  }

  std::mutex mutex;
  std::condition_variable work, done;
  std::shared_ptr<const Epoch> epoch;     // another object for each start()
  std::vector<std::optional<Made>> ring;  // batch b waits in slot b % size
  int64_t to_make = 0, to_take = 0;       // batch numbers
  bool stop = false;

  std::map<int64_t, std::string> corrupt;
  Clock::time_point started = Clock::now();
  double waited = 0, passed = 0;  // seconds

  std::vector<std::jthread> threads;  // last member: joined before the rest goes

  bool may_make() const {
    return epoch && to_make < batches && to_make < to_take + int64_t(ring.size());
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [&] { return stop || may_make(); });
      if (stop) return;
      auto mine = epoch;
      int64_t number = to_make++;
      lock.unlock();
      Made made = maker.make(*mine, number);
      lock.lock();
      if (mine != epoch) continue;  // start() was called meanwhile
      ring[size_t(number) % ring.size()] = std::move(made);
      done.notify_one();
    }
  }

  Made take() {
    if (threads.empty()) return maker.make(*epoch, to_take++);
    std::unique_lock lock(mutex);
    auto& slot = ring[size_t(to_take) % ring.size()];
    done.wait(lock, [&] { return slot.has_value(); });
    Made made = std::move(*slot);
    slot.reset();
    ++to_take;
    work.notify_one();
    return made;
  }

  void note_corrupt(const Made& made) {
    for (const auto& [sample, message] : made.corrupt) corrupt.emplace(sample, message);
    if (double(corrupt.size()) <= options.max_corrupt * double(dataset->size())) return;
    std::vector<std::string> messages;
    for (const auto& [sample, message] : corrupt) messages.push_back(message);
    throw IoError(
        dataset->name(),
        fmt::format(
            "{} of {} pictures cannot be read, more than the allowed {:.4g} %: {}",
            corrupt.size(),
            dataset->size(),
            100 * options.max_corrupt,
            list_of(messages, 3)));
  }
};

Loader::Loader(DatasetPtr dataset, LoaderOptions options) {
  if (!dataset || dataset->size() == 0)
    throw std::invalid_argument("[loader] expected a dataset with samples, got none");
  check(*dataset, options);
  state_ = std::make_unique<State>(std::move(dataset), std::move(options));
  for (int i = 0; i < state_->options.workers; ++i)
    state_->threads.emplace_back([s = state_.get()] { s->run(); });
}

Loader::~Loader() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->work.notify_all();
}

int64_t Loader::batches() const { return state_->batches; }

void Loader::start(int64_t number, int64_t first_batch) {
  auto& s = *state_;
  if (number < 0 || first_batch < 0 || first_batch > s.batches)
    throw std::invalid_argument(fmt::format(
        "[loader] expected an epoch >= 0 and a batch in [0, {}], got {} and {}",
        s.batches,
        number,
        first_batch));
  auto epoch = std::make_shared<Epoch>();
  epoch->number = number;
  epoch->order = s.order(number);
  {
    std::lock_guard lock(s.mutex);
    s.epoch = std::move(epoch);
    for (auto& slot : s.ring) slot.reset();
    s.to_make = s.to_take = first_batch;
  }
  s.waited = s.passed = 0;
  s.started = Clock::now();
  s.work.notify_all();
}

std::optional<Batch> Loader::next() {
  auto& s = *state_;
  while (s.epoch && s.to_take < s.batches) {
    auto asked = Clock::now();
    Made made = s.take();
    s.waited += seconds_since(asked);
    s.passed = seconds_since(s.started);
    if (made.error) std::rethrow_exception(made.error);
    s.note_corrupt(made);
    if (made.batch.size() > 0) return std::move(made.batch);
  }
  return std::nullopt;
}

const std::map<int64_t, std::string>& Loader::corrupt() const { return state_->corrupt; }
double Loader::seconds_waited() const { return state_->waited; }
int64_t Loader::cached_bytes() const { return state_->maker.cached_bytes(); }
double Loader::share_waited() const {
  return state_->passed > 0 ? state_->waited / state_->passed : 0;
}

}  // namespace fovea::data
