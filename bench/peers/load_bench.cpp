// Makes batches for training from a folder of JPEGs on one thread, as load_step.py does.
#include <cmath>
#include <vector>

#include "fovea/backend/instruction_set.h"
#include "fovea/core/version.h"
#include "fovea/data/loader.h"
#include "fovea/data/source.h"
#include "worker.h"

namespace fovea::bench {

namespace {

// Mean and deviation of each channel of some batches.
std::vector<double> statistics(const std::vector<Tensor>& batches) {
  std::vector<double> sum(3), squares(3);
  double n = 0;
  for (const Tensor& batch : batches) {
    auto x = batch.data<float>();
    for (size_t i = 0; i < x.size(); ++i) {
      sum[i % 3] += double(x[i]);
      squares[i % 3] += double(x[i]) * double(x[i]);
    }
    n += double(x.size() / 3);
  }
  std::vector<double> result;
  for (size_t c = 0; c < 3; ++c) result.push_back(sum[c] / n);
  for (size_t c = 0; c < 3; ++c)
    result.push_back(std::sqrt(squares[c] / n - result[c] * result[c]));
  return result;
}

}  // namespace

void run_loading(const Flags& flags) {
  set_threads(1);
  const double base = memory_mb("VmRSS");
  data::LoaderOptions options{.batch_size = flags.batch};
  options.preprocess.resize = data::Preprocess::Resize::stretch;
  options.preprocess.height = options.preprocess.width = int(flags.size);
  options.preprocess.mean = {0.485, 0.456, 0.406};
  options.preprocess.std = {0.229, 0.224, 0.225};
  options.augment =
      image::Augment({image::RandomResizedCrop{.size = int(flags.size)}, image::HorizontalFlip{}});
  options.shuffle = options.drop_last = true;
  options.workers = 0;
  options.cache_bytes = 0;
  data::Loader loader(data::open(flags.folder).train, options);

  int64_t epoch = 0;
  auto next = [&] {
    auto batch = loader.next();
    while (!batch) {
      loader.start(epoch++);
      batch = loader.next();
    }
    return batch->images;
  };
  std::vector<Tensor> first;
  for (int i = 0; i < flags.warmup; ++i) first.push_back(next());
  nlohmann::ordered_json ready{
      {"version", version()},
      {"instruction_set", cpu::instruction_set()},
      {"base_mb", base},
      {"statistics", statistics(first)}};
  serve(ready, next);
}

}  // namespace fovea::bench
