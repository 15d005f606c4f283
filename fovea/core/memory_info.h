#pragma once

#include <cstdint>

// What the system says of memory, in bytes; 0 where it does not tell.
namespace fovea {

int64_t resident_memory();   // of this process
int64_t available_memory();  // without swapping, within the limit of the control group

}  // namespace fovea
