#include "fovea/doctor/page.h"

#include <fmt/format.h>

#include "fovea/image/draw.h"
#include "fovea/image/encode.h"
#include "fovea/train/run_report.h"

namespace fovea::doctor {

std::vector<train::Remark> remarks_of(const Findings& findings) {
  std::vector<train::Remark> remarks;
  for (const Finding& f : findings)
    remarks.push_back({f.id, std::string(name_of(f.severity)), f.certainty, f.saw, f.advice});
  return remarks;
}

void write_page(const std::string& path, const std::string& title, const Diagnosis& d) {
  report::HtmlReport html("fovea doctor", title);
  train::add_remarks(html, remarks_of(d.findings));
  if (d.forecast) {
    html.section("What training will need");
    auto mb = [](int64_t bytes) { return fmt::format("{:.1f} MB", double(bytes) / 1e6); };
    const Forecast& f = *d.forecast;
    const report::Table table{
        {"", "forecast"},
        {{"parameters", fmt::format("{}", f.parameters)},
         {"of them trained", fmt::format("{}", f.trained)},
         {"multiply-adds a picture", fmt::format("{:.0f}", f.macs)},
         {"memory of a step", mb(f.step)},
         {"of the weights", mb(f.weights)},
         {"of the optimiser", mb(f.optimizer)},
         {"of batches made ahead", mb(f.waiting)},
         {"of tensors in all", mb(f.peak())}}};
    html.table(table);
  }
  if (!d.sheet.empty()) {
    html.section("What the network is shown");
    html.paragraph(
        "Training pictures after preprocessing and augmentation, each under its label. Would you "
        "know them?");
    html.gallery(d.sheet);
  }
  html.write(path);
}

void write_sheet(const std::string& path, const Diagnosis& d) {
  if (d.sheet.empty()) throw std::invalid_argument("[doctor] there is no picture for a sheet");
  std::vector<image::Image> images;
  std::vector<std::string> captions;
  for (const report::Picture& p : d.sheet) {
    images.push_back(p.image);
    captions.push_back(p.title);
  }
  image::save(path, image::contact_sheet(images, captions));
}

}  // namespace fovea::doctor
