#pragma once

#include <string>
#include <string_view>

// The little that is needed of RFC 3986.
namespace fovea::hub {

// "https://host:port" in small letters, or "" for what is neither http nor https.
std::string origin_of(std::string_view url);

// Where `location`, whole or relative, leads from `base`.
std::string resolved(const std::string& base, const std::string& location);

// Every character but letters, digits and -._~ as %XX, "/" too unless `slashes` may stay.
std::string encoded(std::string_view text, bool slashes = false);

// What a server sent, fit for a message: printable ASCII, at most 200 characters.
std::string printable(std::string_view text);

}  // namespace fovea::hub
