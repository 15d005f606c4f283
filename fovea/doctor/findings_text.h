#pragma once

#include <string>

#include "fovea/doctor/examine.h"

// Findings for people and for programs.
namespace fovea::doctor {

std::string text_of(const Findings& findings);  // a few lines each

std::string json_of(const Diagnosis& d);

// A run's doctor.json: what was found before its first step, and of its record.
struct RunFile {
  Diagnosis before, run;
  std::string error;  // what ended the run, where something did
};
void write_run_file(const std::string& path, const RunFile& file);

// An empty one where there is no such file, or no whole one.
RunFile read_run_file(const std::string& path);

}  // namespace fovea::doctor
