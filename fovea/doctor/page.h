#pragma once

#include <string>
#include <vector>

#include "fovea/doctor/examine.h"
#include "fovea/train/examiner.h"

// What the doctor says, to look at.
namespace fovea::doctor {

std::vector<train::Remark> remarks_of(const Findings& findings);

// One HTML file: findings, forecast and pictures.
void write_page(const std::string& path, const std::string& title, const Diagnosis& d);

// The pictures of Diagnosis::sheet as one image. Throws std::invalid_argument where there are none.
void write_sheet(const std::string& path, const Diagnosis& d);

}  // namespace fovea::doctor
