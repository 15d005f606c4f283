#pragma once

namespace fovea {

// What a path leads to, for messages: "a regular file", "a folder", "a pipe", "a device" or "a
// socket". `mode` is stat()'s.
const char* file_kind(unsigned mode);

}  // namespace fovea
