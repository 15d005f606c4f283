#include "fovea/doctor/record.h"

#include <cmath>

namespace fovea::doctor {

namespace {

double value_of(const train::Metrics& m, const char* name, double otherwise) {
  auto at = m.values.find(name);
  return at == m.values.end() ? otherwise : at->second;
}

}  // namespace

Record read_record(const std::vector<train::Metrics>& lines) {
  Record r;
  for (const train::Metrics& m : lines) {
    auto value = [&](const char* name, double otherwise = NAN) {
      return value_of(m, name, otherwise);
    };
    if (m.event == "begin") {
      r.classes = int64_t(value("classes", 0));
      r.val_samples = int64_t(value("val_samples", 0));
      r.steps = int64_t(value("steps", 0));
    } else if (m.event == "step") {
      const double own = value("resident_mb", 0) - value("pictures_mb", 0);
      r.points.push_back(
          {m.step, m.epoch, value("train_loss"), value("train_top1"), value("lr"), own});
    } else if (m.event == "epoch") {
      r.epochs.push_back(
          {m.epoch,
           value("train_loss"),
           value("train_top1"),
           value("val_loss"),
           value("val_top1"),
           value("waited", 0),
           value("seconds", 0)});
    } else if (m.event == "look") {
      r.looks.push_back({m.step, m.values});
    }
    r.ended = m.event == "end";
    r.broken = m.event == "broken";
    if (r.broken) r.broken_step = m.step;
  }
  return r;
}

}  // namespace fovea::doctor
