"""VGG16: configuration D of Simonyan and Zisserman, "Very Deep Convolutional Networks", 2015.

138,357,544 parameters for 1000 classes.
"""

from __future__ import annotations

import torch
from torch import nn

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 16
INPUT_SHAPE = (1, 3, 224, 224)
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels of the 3x3 convolutions, block by block; each block ends in a 2x2 max pool."""


def vgg_features(in_channels: int, blocks: tuple[tuple[int, ...], ...]) -> nn.Sequential:
    """VGG's convolutions: [1, in_channels, H, W] -> [1, blocks[-1][-1], H >> len(blocks), W >> len(blocks)]."""
    layers: list[nn.Module] = []
    for block in blocks:
        for out_channels in block:
            layers += [nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU()]
            in_channels = out_channels
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Vgg16(nn.Module):
    """float32 [1, 3, 224, 224] -> [1, classes], raw scores."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = vgg_features(3, BLOCKS)
        self.pool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = self.pool(x)
        x = torch.flatten(x, 1)
        scores: torch.Tensor = self.classifier(x)
        return scores


def skeleton() -> nn.Module:
    """VGG16 without weights."""
    return without_weights(Vgg16)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """VGG16 with seeded weights, and noise as its example."""
    return seeded(Vgg16, SEED, centring=0.4), (noise(INPUT_SHAPE, SEED),)
