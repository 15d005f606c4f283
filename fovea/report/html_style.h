#pragma once

#include <string_view>

namespace fovea::report {

// The style sheet of every report.
extern const std::string_view html_style;

}  // namespace fovea::report
