#include "fovea/doctor/forecast.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "fovea/core/memory_info.h"
#include "fovea/doctor/checks.h"
#include "fovea/graph/peak_memory.h"
#include "fovea/models/summary.h"
#include "fovea/ops/create.h"
#include "fovea/optim/factory.h"
#include "fovea/report/table.h"
#include "fovea/train/step.h"

namespace fovea::doctor {

namespace {

int64_t bytes_of(const Tree& tree) {
  int64_t sum = 0;
  for (const auto& item : tree) sum += int64_t(item.second.nbytes());
  return sum;
}

}  // namespace

std::string Forecast::str() const {
  auto mb = [](int64_t bytes) { return fmt::format("{:.3g} MB", double(bytes) / 1e6); };
  return fmt::format(
      "{} parameters, {} of them trained; {} multiply-adds a picture; memory at most {}: "
      "{} a step, {} weights, {} of the optimiser, {} batches made ahead",
      report::short_count(double(parameters)),
      report::short_count(double(trained)),
      report::short_count(macs),
      mb(peak()),
      mb(step),
      mb(weights),
      mb(optimizer),
      mb(waiting));
}

Forecast forecast(const Patient& p) {
  models::Model& model = p.setup.model;
  const Shape& in = model.architecture.input;
  const int64_t n = std::max<int64_t>(2, std::min(p.recipe.batch, p.setup.source.train->size()));
  Forecast f;
  const models::Summary s = models::summarize(*model.net, in);
  f.parameters = s.parameters;
  f.macs = s.macs;
  Tree parameters = nn::parameters(*model.net);
  f.weights = bytes_of(parameters) + bytes_of(nn::state(*model.net));
  if (p.recipe.ema > 0) f.weights += bytes_of(parameters);

  data::Batch batch;
  batch.images = zeros({n, in[0], in[1], in[2]});
  batch.labels = zeros({n}, Dtype::i32);
  f.waiting = 2 * p.recipe.workers * int64_t(batch.images.nbytes());
  Tensor logits;
  nn::LossAndGrad r = train::loss_and_grad(
      model, batch, Key(1), {.loss = p.setup.loss, .frozen = &p.frozen}, logits);
  f.trained = numel_of(r.grads);
  std::vector<Tensor> wanted = values_of(r.grads);
  for (const Tensor& t : values_of(r.updates)) wanted.push_back(t);
  wanted.insert(wanted.end(), {r.loss, logits});
  f.step = graph::peak_memory(wanted) + int64_t(batch.images.nbytes() + batch.labels.nbytes());
  const auto optimizer = optim::make_optimizer(p.recipe.optimizer);
  optimizer->step(parameters, r.grads);
  f.optimizer = bytes_of(optimizer->state());
  return f;
}

void check_memory(const Forecast& f, const Patient& p, const CheckOptions& o, Findings& found) {
  const int64_t there = o.memory > 0 ? o.memory : available_memory();
  if (there == 0 || f.peak() < there * 9 / 10) return;
  // What grows with the batch must fit into three quarters of what the rest leaves.
  const double left = 0.75 * double(there - f.weights - f.optimizer);
  const double fits = left / double(f.step + f.waiting) * double(p.recipe.batch);
  Finding found_one{
      "memory.short",
      f.peak() > there ? Severity::problem : Severity::warning,
      0.8,
      fmt::format("{}; there are {:.3g} MB", f.str(), double(there) / 1e6),
      "take smaller batches or pictures, or a smaller network"};
  if (fits >= 8)
    found_one.changes = {{"train.batch", std::to_string(std::bit_floor(uint64_t(fits)))}};
  found.push_back(std::move(found_one));
}

}  // namespace fovea::doctor
