#include "fovea/serve/metrics.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace fovea::serve {

namespace {

std::string head(std::string_view name, std::string_view type, std::string_view help) {
  return fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

}  // namespace

Metrics::Metrics(std::vector<size_t> batch_sizes)
    : batch_sizes_(std::move(batch_sizes)), batches_(batch_sizes_.size(), 0) {}

void Metrics::answered(std::string_view path, int status) {
  const std::scoped_lock lock(mutex_);
  ++answers_[{std::string(path), status}];
}

void Metrics::predicted(double seconds) {
  const std::scoped_lock lock(mutex_);
  latest_[predictions_++ % window] = seconds;
  seconds_ += seconds;
}

void Metrics::ran(size_t pictures) {
  const std::scoped_lock lock(mutex_);
  pictures_ += pictures;
  for (size_t i = 0; i < batch_sizes_.size(); ++i) batches_[i] += pictures <= batch_sizes_[i];
}

uint64_t Metrics::predictions() const {
  const std::scoped_lock lock(mutex_);
  return predictions_;
}

std::string Metrics::text(size_t waiting) const {
  const std::scoped_lock lock(mutex_);
  uint64_t errors = 0;
  std::string out = head("fovea_requests_total", "counter", "Requests answered.");
  for (const auto& [key, count] : answers_) {
    out += fmt::format(
        "fovea_requests_total{{path=\"{}\",status=\"{}\"}} {}\n", key.first, key.second, count);
    if (key.second >= 400) errors += count;
  }
  out += head("fovea_errors_total", "counter", "Requests answered with a status of 400 or more.");
  out += fmt::format("fovea_errors_total {}\n", errors);

  out +=
      head("fovea_prediction_seconds", "summary", "Time from a whole request to its prediction.");
  const auto kept = size_t(std::min<uint64_t>(predictions_, window));
  std::vector<double> sorted(latest_.begin(), latest_.begin() + int64_t(kept));
  std::ranges::sort(sorted);
  for (double q : {0.5, 0.9, 0.99})
    if (kept > 0)
      out += fmt::format(
          "fovea_prediction_seconds{{quantile=\"{}\"}} {:.6f}\n",
          q,
          sorted[std::min(kept - 1, size_t(std::ceil(q * double(kept))) - 1)]);
  out += fmt::format(
      "fovea_prediction_seconds_sum {:.6f}\nfovea_prediction_seconds_count {}\n",
      seconds_,
      predictions_);

  out += head("fovea_batch_pictures", "histogram", "Pictures of a batch.");
  for (size_t i = 0; i < batch_sizes_.size(); ++i)
    out +=
        fmt::format("fovea_batch_pictures_bucket{{le=\"{}\"}} {}\n", batch_sizes_[i], batches_[i]);
  out += fmt::format(
      "fovea_batch_pictures_bucket{{le=\"+Inf\"}} {0}\nfovea_batch_pictures_sum {1}\n"
      "fovea_batch_pictures_count {0}\n",
      batches_.back(),
      pictures_);
  out += head("fovea_waiting_pictures", "gauge", "Pictures that wait for a batch.");
  return out + fmt::format("fovea_waiting_pictures {}\n", waiting);
}

}  // namespace fovea::serve
