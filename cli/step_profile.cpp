#include "cli/step_profile.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"

namespace fovea::cli {

namespace {

const char* name_of(train::Bound b) {
  return b == train::Bound::arithmetic ? "arithmetic"
         : b == train::Bound::memory   ? "memory"
                                       : "overhead";
}

nlohmann::ordered_json json_of(const train::StepProfile& p) {
  nlohmann::ordered_json j{
      {"title", p.title},
      {"training", p.training},
      {"batch", p.batch},
      {"threads", p.threads},
      {"seconds", p.seconds},
      {"median_seconds", p.median()},
      {"images_per_second", double(p.batch) / p.median()},
      {"kernel_seconds", p.kernel_seconds()},
      {"waited_seconds", p.waited},
      {"gflop", p.flops() * 1e-9},
      {"peak_bytes", p.peak_bytes},
      {"machine",
       {{"fma_gflops", p.peak.fma},
        {"sgemm_gflops", p.peak.sgemm},
        {"copy_gbytes_per_second", p.peak.memory}}}};
  for (const train::LayerCost& c : p.layers)
    j["layers"].push_back(
        {{"path", c.path},
         {"op", c.op},
         {"shapes", c.shapes},
         {"calls", c.calls},
         {"seconds", c.seconds},
         {"gflop", c.flops * 1e-9},
         {"gbyte", c.bytes * 1e-9},
         {"share_of_peak", train::share_of_peak(c, p.peak)},
         {"bound", name_of(train::bound_of(c, p.peak))}});
  return j;
}

}  // namespace

void print_profile(const train::StepProfile& p, const std::string& html, const Globals& g) {
  print(g.json ? json_text(json_of(p)) : train::profile_text(p));
  if (html.empty()) return;
  train::write_profile_html(p, html);
  tell(g, file_line("page", html));
}

}  // namespace fovea::cli
