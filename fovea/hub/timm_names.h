#pragma once

#include "fovea/core/tree.h"

namespace fovea::hub {

// timm's weights of MobileNet v2 and v3, EfficientNet-B0 and ConvNeXt-Tiny as torchvision has them;
// other trees as they are. timm numbers the blocks of a stage, "blocks.2.1.conv_pw", keeps linear
// layers as convolutions of 1 x 1, and its MobileNet v3 has an epsilon of 1e-5 in batch norm, where
// ours has 1e-3: its scale makes up for that. (Weights of timm's tf_mobilenetv3, of the same names
// but with 1e-3, must not come here.)
Tree from_timm(const Tree& tree);

}  // namespace fovea::hub
