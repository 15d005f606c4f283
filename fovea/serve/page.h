#pragma once

#include <string_view>

namespace fovea::serve {

// One page to try a model on pictures: chosen, dropped, pasted or photographed. Style and script
// are inside, and it asks for /model and /predict alone.
std::string_view page();

// Its Content-Security-Policy: what is inside may run, and only this server may be asked.
inline constexpr std::string_view page_policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob: "
    "data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

}  // namespace fovea::serve
