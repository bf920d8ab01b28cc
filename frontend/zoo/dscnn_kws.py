"""DS-CNN keyword spotter: "DS-CNN (S)" of Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", arXiv
1711.07128, as in MLPerf Tiny (mlcommons/tiny, keyword spotting).

A 10x4 convolution of stride 2 over 49 frames of 10 MFCC features, four blocks of a 3x3 convolution per channel and a 1x1
convolution, 64 channels throughout. MLPerf Tiny counts 24,908: 23,756 parameters here and 1,152 running statistics.
"""

from __future__ import annotations

import torch
from torch import nn

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 64
INPUT_SHAPE = (1, 1, 49, 10)


def normed(layer: nn.Conv2d) -> nn.Sequential:
    """The convolution, batch norm, ReLU."""
    return nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU())


class DsCnn(nn.Module):
    """float32 [N, 1, 49, 10] -> [N, classes], probabilities."""

    def __init__(self, classes: int = 12, channels: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((1, 1, 4, 5))  # TensorFlow's "same" for a kernel of 10x4 at stride 2
        self.stem = normed(nn.Conv2d(1, channels, (10, 4), stride=2))
        layers: list[nn.Module] = []
        for _ in range(blocks):
            layers.append(normed(nn.Conv2d(channels, channels, 3, padding=1, groups=channels)))
            layers.append(normed(nn.Conv2d(channels, channels, 1)))
        self.blocks = nn.Sequential(*layers)
        self.pool = nn.AvgPool2d((25, 5))
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(self.pad(x))
        x = self.blocks(x)
        x = self.pool(x).flatten(1)
        x = self.linear(x)
        return torch.softmax(x, dim=-1)


def skeleton() -> nn.Module:
    """DS-CNN without weights."""
    return without_weights(DsCnn)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """DS-CNN with seeded weights, and noise as its example."""
    return seeded(DsCnn, SEED, centring=0.6, input_deviation=0.05), (noise(INPUT_SHAPE, SEED),)
