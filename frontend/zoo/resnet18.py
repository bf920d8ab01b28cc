"""ResNet-18: He et al., "Deep Residual Learning for Image Recognition", 2016, table 1, as torchvision's `resnet18`.

11,689,512 parameters for 1000 classes.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 18
INPUT_SHAPE = (1, 3, 224, 224)
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""Channels and stride of each stage of two blocks; the stride is that of its first block."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + self.downsample(x))


class ResNet18(nn.Module):
    """float32 [N, 3, H, W] -> [N, classes], raw scores."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        blocks: list[nn.Module] = []
        in_channels = 64
        for channels, stride in STAGES:
            blocks += [BasicBlock(in_channels, channels, stride), BasicBlock(channels, channels, 1)]
            in_channels = channels
        self.blocks = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        x = self.blocks(x)
        x = self.avgpool(x)
        x = torch.flatten(x, 1)
        scores: torch.Tensor = self.fc(x)
        return scores


def skeleton() -> nn.Module:
    """ResNet-18 without weights."""
    return without_weights(ResNet18)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """ResNet-18 with seeded weights, and noise as its example."""
    return seeded(ResNet18, SEED, centring=0.6), (noise(INPUT_SHAPE, SEED),)
