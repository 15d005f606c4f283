#include "fovea/doctor/findings_text.h"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/atomic_file.h"

namespace fovea::doctor {

namespace {

using Json = nlohmann::ordered_json;

Json object_of(const Diagnosis& d) {
  Json j{{"healthy", d.healthy()}, {"checked", d.checked}};
  if (d.forecast)
    j["forecast"] = {
        {"pictures", d.forecast->pictures},
        {"parameters", d.forecast->parameters},
        {"trained", d.forecast->trained},
        {"multiply_adds", d.forecast->macs},
        {"step_bytes", d.forecast->step},
        {"weight_bytes", d.forecast->weights},
        {"optimizer_bytes", d.forecast->optimizer},
        {"waiting_bytes", d.forecast->waiting},
        {"peak_bytes", d.forecast->peak()}};
  j["findings"] = Json::array();
  for (const Finding& f : d.findings) {
    Json one{
        {"id", f.id},
        {"severity", name_of(f.severity)},
        {"certainty", f.certainty},
        {"saw", f.saw},
        {"advice", f.advice},
        {"changes", Json::object()}};
    for (const auto& [key, value] : f.changes) one["changes"][key] = value;
    j["findings"].push_back(std::move(one));
  }
  return j;
}

// File names need not be UTF-8, and JSON must be.
std::string text_of(const Json& j) {
  return j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Severity severity_of(const std::string& name) {
  for (Severity s : {Severity::note, Severity::warning})
    if (name == name_of(s)) return s;
  return Severity::problem;
}

Diagnosis diagnosis_of(const Json& j) {
  Diagnosis d;
  d.checked = j.at("checked").get<std::vector<std::string>>();
  if (auto f = j.find("forecast"); f != j.end())
    d.forecast = Forecast{
        .pictures = f->at("pictures").get<int64_t>(),
        .parameters = f->at("parameters").get<int64_t>(),
        .trained = f->at("trained").get<int64_t>(),
        .macs = f->at("multiply_adds").get<double>(),
        .weights = f->at("weight_bytes").get<int64_t>(),
        .optimizer = f->at("optimizer_bytes").get<int64_t>(),
        .step = f->at("step_bytes").get<int64_t>(),
        .waiting = f->at("waiting_bytes").get<int64_t>()};
  for (const Json& one : j.at("findings")) {
    Finding f{
        one.at("id").get<std::string>(),
        severity_of(one.at("severity").get<std::string>()),
        one.at("certainty").get<double>(),
        one.at("saw").get<std::string>(),
        one.at("advice").get<std::string>()};
    for (const auto& [key, value] : one.at("changes").items())
      f.changes.emplace_back(key, value.get<std::string>());
    d.findings.push_back(std::move(f));
  }
  return d;
}

}  // namespace

std::string text_of(const Findings& findings) {
  std::string text;
  for (const Finding& f : findings) {
    text += fmt::format(
        "{} {} ({:.0f} % sure)\n  saw: {}\n  do:  {}\n",
        name_of(f.severity),
        f.id,
        100 * f.certainty,
        f.saw,
        f.advice);
    for (const auto& [key, value] : f.changes)
      text += fmt::format("       --set {}={}\n", key, value);
  }
  return text;
}

std::string json_of(const Diagnosis& d) { return text_of(object_of(d)); }

void write_run_file(const std::string& path, const RunFile& file) {
  const Json j{
      {"v", 1},
      {"before", object_of(file.before)},
      {"run", object_of(file.run)},
      {"error", file.error}};
  write_file_atomic(path, text_of(j));
}

RunFile read_run_file(const std::string& path) {
  std::ifstream file(path);
  try {
    const Json j = Json::parse(file);
    return {
        diagnosis_of(j.at("before")), diagnosis_of(j.at("run")), j.at("error").get<std::string>()};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

}  // namespace fovea::doctor
