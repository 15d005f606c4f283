// Written by scripts/make_torchvision_table.py.
#include "fovea/hub/torchvision_table.h"

namespace fovea::hub {

// Model, weights, file, short side, size, interpolation, mean and std, default or not.
std::string_view torchvision_rows() {
  return R"(resnet18 IMAGENET1K_V1 resnet18-f37072fd.pth 256 224 bilinear imagenet default
resnet34 IMAGENET1K_V1 resnet34-b627a593.pth 256 224 bilinear imagenet default
resnet50 IMAGENET1K_V1 resnet50-0676ba61.pth 256 224 bilinear imagenet -
resnet50 IMAGENET1K_V2 resnet50-11ad3fa6.pth 232 224 bilinear imagenet default
resnet101 IMAGENET1K_V1 resnet101-63fe2227.pth 256 224 bilinear imagenet -
resnet101 IMAGENET1K_V2 resnet101-cd907fc2.pth 232 224 bilinear imagenet default
resnet152 IMAGENET1K_V1 resnet152-394f9c45.pth 256 224 bilinear imagenet -
resnet152 IMAGENET1K_V2 resnet152-f82ba261.pth 232 224 bilinear imagenet default
wide_resnet50_2 IMAGENET1K_V1 wide_resnet50_2-95faca4d.pth 256 224 bilinear imagenet -
wide_resnet50_2 IMAGENET1K_V2 wide_resnet50_2-9ba9bcbe.pth 232 224 bilinear imagenet default
wide_resnet101_2 IMAGENET1K_V1 wide_resnet101_2-32ee1156.pth 256 224 bilinear imagenet -
wide_resnet101_2 IMAGENET1K_V2 wide_resnet101_2-d733dc28.pth 232 224 bilinear imagenet default
resnext50_32x4d IMAGENET1K_V1 resnext50_32x4d-7cdf4587.pth 256 224 bilinear imagenet -
resnext50_32x4d IMAGENET1K_V2 resnext50_32x4d-1a0047aa.pth 232 224 bilinear imagenet default
resnext101_32x8d IMAGENET1K_V1 resnext101_32x8d-8ba56ff5.pth 256 224 bilinear imagenet -
resnext101_32x8d IMAGENET1K_V2 resnext101_32x8d-110c445d.pth 232 224 bilinear imagenet default
vgg11 IMAGENET1K_V1 vgg11-8a719046.pth 256 224 bilinear imagenet default
vgg11_bn IMAGENET1K_V1 vgg11_bn-6002323d.pth 256 224 bilinear imagenet default
vgg13 IMAGENET1K_V1 vgg13-19584684.pth 256 224 bilinear imagenet default
vgg13_bn IMAGENET1K_V1 vgg13_bn-abd245e5.pth 256 224 bilinear imagenet default
vgg16 IMAGENET1K_V1 vgg16-397923af.pth 256 224 bilinear imagenet default
vgg16_bn IMAGENET1K_V1 vgg16_bn-6c64b313.pth 256 224 bilinear imagenet default
vgg19 IMAGENET1K_V1 vgg19-dcbb9e9d.pth 256 224 bilinear imagenet default
vgg19_bn IMAGENET1K_V1 vgg19_bn-c79401a0.pth 256 224 bilinear imagenet default
squeezenet1_0 IMAGENET1K_V1 squeezenet1_0-b66bff10.pth 256 224 bilinear imagenet default
squeezenet1_1 IMAGENET1K_V1 squeezenet1_1-b8a52dc0.pth 256 224 bilinear imagenet default
mobilenet_v2 IMAGENET1K_V1 mobilenet_v2-b0353104.pth 256 224 bilinear imagenet -
mobilenet_v2 IMAGENET1K_V2 mobilenet_v2-7ebf99e0.pth 232 224 bilinear imagenet default
alexnet IMAGENET1K_V1 alexnet-owt-7be5be79.pth 256 224 bilinear imagenet default
googlenet IMAGENET1K_V1 googlenet-1378be20.pth 256 224 bilinear halves default
inception_v3 IMAGENET1K_V1 inception_v3_google-0cc3c7bd.pth 342 299 bilinear halves default
mobilenet_v3_large IMAGENET1K_V1 mobilenet_v3_large-8738ca79.pth 256 224 bilinear imagenet -
mobilenet_v3_large IMAGENET1K_V2 mobilenet_v3_large-5c1a4163.pth 232 224 bilinear imagenet default
mobilenet_v3_small IMAGENET1K_V1 mobilenet_v3_small-047dcff4.pth 256 224 bilinear imagenet default
densenet121 IMAGENET1K_V1 densenet121-a639ec97.pth 256 224 bilinear imagenet default
densenet161 IMAGENET1K_V1 densenet161-8d451a50.pth 256 224 bilinear imagenet default
densenet169 IMAGENET1K_V1 densenet169-b2777c0a.pth 256 224 bilinear imagenet default
densenet201 IMAGENET1K_V1 densenet201-c1103571.pth 256 224 bilinear imagenet default
efficientnet_b0 IMAGENET1K_V1 efficientnet_b0_rwightman-7f5810bc.pth 256 224 bicubic imagenet default
convnext_tiny IMAGENET1K_V1 convnext_tiny-983f1562.pth 236 224 bilinear imagenet default)";
}

}  // namespace fovea::hub
