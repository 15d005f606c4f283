#pragma once

#include <optional>
#include <string_view>

namespace fovea::serve {

// Whether a Content-Type is a form with files (RFC 7578).
bool is_form(std::string_view content_type);

// The field `name` of a form: a part of `body`, or nothing where the form does not have it or is
// not whole. Throws std::invalid_argument for a Content-Type without a usable boundary.
std::optional<std::string_view> form_field(
    std::string_view content_type, std::string_view body, std::string_view name);

}  // namespace fovea::serve
