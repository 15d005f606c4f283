#pragma once

#include "fovea/data/source.h"

namespace fovea::data {

// The first 10,000 training and 2,000 test pictures of MNIST (LeCun, Cortes, Burges), which are
// part of the library: (28, 28, 1) each, classes "0" to "9". Unpacked on the first call.
Source digits();

}  // namespace fovea::data
