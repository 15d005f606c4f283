"""The networks of fovea that the benchmarks use, in PyTorch and under the same names of weights."""
import torch
from torch import nn
from torch.nn import functional as F


class ConvBnRelu(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        c_in = 3
        for stage, c in enumerate((32, 64, 128), 1):
            setattr(self, f"stage{stage}", nn.Sequential(ConvBnRelu(c_in, c), ConvBnRelu(c, c)))
            c_in = c
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(self.stage1(x), 2)
        x = F.max_pool2d(self.stage2(x), 2)
        return self.fc(self.stage3(x).mean((2, 3)))


class Block(nn.Module):
    """A residual block: `convs` are (in, out, kernel, stride)."""

    def __init__(self, convs):
        super().__init__()
        self.depth = len(convs)
        for i, (c_in, c_out, k, s) in enumerate(convs, 1):
            setattr(self, f"conv{i}", nn.Conv2d(c_in, c_out, k, s, k // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(c_out))
        first, last, stride = convs[0][0], convs[-1][1], max(c[3] for c in convs)
        self.downsample = None
        if first != last or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(first, last, 1, stride, bias=False), nn.BatchNorm2d(last))

    def forward(self, x):
        y = x
        for i in range(1, self.depth):
            y = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y)), inplace=True)
        y = getattr(self, f"bn{self.depth}")(getattr(self, f"conv{self.depth}")(y))
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)


class ResNet(nn.Module):
    def __init__(self, blocks, deep, small_stem, classes):
        super().__init__()
        self.small_stem = small_stem
        self.conv1 = (nn.Conv2d(3, 64, 3, 1, 1, bias=False) if small_stem else
                      nn.Conv2d(3, 64, 7, 2, 3, bias=False))
        self.bn1 = nn.BatchNorm2d(64)
        c = 64
        for stage, count in enumerate(blocks):
            w, layers = 64 << stage, []
            for i in range(count):
                s = 2 if stage > 0 and i == 0 else 1
                layers.append(Block([(c, w, 1, 1), (w, w, 3, s), (w, 4 * w, 1, 1)] if deep else
                                    [(c, w, 3, s), (w, w, 3, 1)]))
                c = 4 * w if deep else w
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(c, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        if not self.small_stem:
            x = F.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class LeNet5(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc2(F.relu(self.fc1(x.flatten(1)))))
        return self.fc3(x)


class Vgg16(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers, c_in = [], 3
        for c, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                layers += [nn.Conv2d(c_in, c, 3, padding=1), nn.ReLU(inplace=True)]
                c_in = c
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(25088, 4096), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(4096, classes))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class Fire(nn.Module):
    def __init__(self, c_in, squeeze):
        super().__init__()
        self.squeeze = nn.Conv2d(c_in, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, 4 * squeeze, 1)
        self.expand3x3 = nn.Conv2d(squeeze, 4 * squeeze, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x), inplace=True)
        return torch.cat([F.relu(self.expand1x1(x), inplace=True),
                          F.relu(self.expand3x3(x), inplace=True)], 1)


class SqueezeNet11(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers, c = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(inplace=True)], 64
        for squeeze in (0, 16, 16, 0, 32, 32, 0, 48, 48, 64, 64):
            if squeeze:
                layers.append(Fire(c, squeeze))
                c = 8 * squeeze
            else:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, classes, 1))

    def forward(self, x):
        return F.relu(self.classifier(self.features(x)), inplace=True).mean((2, 3))


class Separable(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv_dw = nn.Conv2d(c_in, c_in, 3, stride, 1, groups=c_in, bias=False)
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv_pw = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv_dw(x)), inplace=True)
        return F.relu(self.bn2(self.conv_pw(x)), inplace=True)


class MobileNetV1(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        stages, c_in = [], 32
        for c, count, stride in ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2)):
            blocks = []
            for i in range(count):
                blocks.append(Separable(c_in, c, stride if i == 0 else 1))
                c_in = c
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.classifier = nn.Linear(1024, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv_stem(x)), inplace=True)
        return self.classifier(self.blocks(x).mean((2, 3)))


NETWORKS = {  # by fovea's names; from channels of the images and classes
    "lenet5": LeNet5,
    "convnet": lambda channels, classes: ConvNet(),
    "resnet18_cifar": lambda channels, classes: ResNet((2, 2, 2, 2), False, True, classes),
    "resnet18": lambda channels, classes: ResNet((2, 2, 2, 2), False, False, classes),
    "resnet50": lambda channels, classes: ResNet((3, 4, 6, 3), True, False, classes),
    "vgg16": lambda channels, classes: Vgg16(classes),
    "squeezenet1_1": lambda channels, classes: SqueezeNet11(classes),
    "mobilenet_v1": lambda channels, classes: MobileNetV1(classes),
}
