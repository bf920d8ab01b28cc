"""MobileNetV2: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, table 2.

3,504,872 parameters for 1000 classes at width 1, as torchvision's `mobilenet_v2`.
"""

from __future__ import annotations

import torch
from torch import nn

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 2
INPUT_SHAPE = (1, 3, 224, 224)
BOTTLENECKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, output channels, repetitions and stride of the first one: the paper's t, c, n and s."""


def convolution(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True
) -> nn.Sequential:
    """A convolution without bias, batch norm, and ReLU6 unless left out."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    return nn.Sequential(*layers, *([nn.ReLU6()] if activation else []))


class InvertedResidual(nn.Module):
    """1x1 to more channels, 3x3 on each of them, 1x1 back without activation; a shortcut where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential(
            *([convolution(in_channels, hidden, 1)] if expansion != 1 else []),
            convolution(hidden, hidden, 3, stride, groups=hidden),
            convolution(hidden, out_channels, 1, activation=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.has_shortcut else y


class MobileNetV2(nn.Module):
    """float32 [N, 3, H, W] -> [N, classes], raw scores."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(3, 32, 3, stride=2)]
        in_channels = 32
        for expansion, channels, repetitions, stride in BOTTLENECKS:
            for repetition in range(repetitions):
                layers.append(InvertedResidual(in_channels, channels, stride if repetition == 0 else 1, expansion))
                in_channels = channels
        self.features = nn.Sequential(*layers, convolution(in_channels, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = x.mean((2, 3))
        scores: torch.Tensor = self.classifier(x)
        return scores


def skeleton() -> nn.Module:
    """MobileNetV2 without weights."""
    return without_weights(MobileNetV2)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """MobileNetV2 with seeded weights, and noise as its example."""
    return seeded(MobileNetV2, SEED, centring=0.3), (noise(INPUT_SHAPE, SEED),)
