"""YOLOv3-tiny: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018, layers as in Darknet's yolov3-tiny.cfg.

8,852,366 parameters for 3 channels and 80 classes; Darknet's yolov3-tiny.weights holds 8,858,734 numbers, these and the
6,368 running statistics of batch norm.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 3
INPUT_SHAPE = (1, 3, 416, 416)
ANCHORS = 3
"""Box shapes that each cell of a head proposes."""


class ConvBlock(nn.Module):
    """Convolution without bias that keeps height and width, batch norm, leaky ReLU of slope 0.1."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.leaky_relu(self.bn(self.conv(x)), 0.1)


class TinyYolo(nn.Module):
    """float32 [1, in_channels, H, W] -> raw heads [1, C, H/32, W/32] and [1, C, H/16, W/16], C = 3 (5 + classes).

    H and W are multiples of 32. The channels of a head are, anchor by anchor: x, y, width, height, objectness, one
    score per class. `base` is the width of the first convolution, 16 in the published network; all others follow it.
    """

    def __init__(self, classes: int = 80, in_channels: int = 3, base: int = 16) -> None:
        super().__init__()
        outputs = ANCHORS * (5 + classes)
        self.conv0 = ConvBlock(in_channels, base, 3)
        self.conv2 = ConvBlock(base, 2 * base, 3)
        self.conv4 = ConvBlock(2 * base, 4 * base, 3)
        self.conv6 = ConvBlock(4 * base, 8 * base, 3)
        self.conv8 = ConvBlock(8 * base, 16 * base, 3)
        self.conv10 = ConvBlock(16 * base, 32 * base, 3)
        self.conv12 = ConvBlock(32 * base, 64 * base, 3)
        self.conv13 = ConvBlock(64 * base, 16 * base, 1)
        self.conv14 = ConvBlock(16 * base, 32 * base, 3)
        self.head15 = nn.Conv2d(32 * base, outputs, 1)
        self.conv18 = ConvBlock(16 * base, 8 * base, 1)
        self.conv21 = ConvBlock(24 * base, 16 * base, 3)
        self.head22 = nn.Conv2d(16 * base, outputs, 1)
        self.pool = nn.MaxPool2d(2, 2)
        self.pool_in_place = nn.Sequential(nn.ConstantPad2d((0, 1, 0, 1), float("-inf")), nn.MaxPool2d(2, 1))
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool(self.conv0(x))
        x = self.pool(self.conv2(x))
        x = self.pool(self.conv4(x))
        x = self.pool(self.conv6(x))
        fine = self.conv8(x)
        x = self.pool(fine)
        x = self.pool_in_place(self.conv10(x))
        x = self.conv12(x)
        coarse = self.conv13(x)
        coarse_head = self.head15(self.conv14(coarse))
        x = self.upsample(self.conv18(coarse))
        x = torch.cat((x, fine), dim=1)
        fine_head = self.head22(self.conv21(x))
        return coarse_head, fine_head


def skeleton() -> nn.Module:
    """YOLOv3-tiny without weights."""
    return without_weights(TinyYolo)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """YOLOv3-tiny with seeded weights, and noise as its example."""
    return seeded(TinyYolo, SEED, centring=0.6), (noise(INPUT_SHAPE, SEED),)
