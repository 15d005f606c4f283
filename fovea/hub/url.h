#pragma once

#include <string>
#include <string_view>

// The little that is needed of RFC 3986.
namespace fovea::hub {

// "https://host:port" in small letters, or "" for what is neither http nor https, and for a name of
// a user or a backslash before the path, which programs read in two ways.
std::string origin_of(std::string_view url);

// Where `location`, whole or relative, leads from `base`, a whole URL (section 5.2; "." and ".."
// stay, libcurl takes them out).
std::string resolved(const std::string& base, const std::string& location);

// Every character but letters, digits and -._~ as %XX, "/" too unless `slashes` may stay.
std::string encoded(std::string_view text, bool slashes = false);

}  // namespace fovea::hub
