#pragma once

#include <string>
#include <string_view>

namespace fovea::report {

// Text for HTML and XML, in elements and in quoted attributes: the five special characters become
// entities; what XML forbids (control characters, bytes that are not UTF-8) becomes U+FFFD.
std::string escape(std::string_view text);

}  // namespace fovea::report
