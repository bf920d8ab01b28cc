"""M5: Dai et al., "Very deep convolutional neural networks for raw waveforms", 2017, table 1.

A convolution of 80 taps and stride 4, three of 3 taps, batch norm and a max pool of 4 after each, the mean over time,
and one linear layer. The convolutions are padded so that each layer has the length the table gives (2000 after the
first pool for the paper's 32000 samples, 500 for the 8000 here).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 5
INPUT_SHAPE = (1, 1, 8000)
CLASSES = 35
"""As many as Speech Commands has words."""


class M5(nn.Module):
    """float32 [1, 1, samples] -> [1, classes], log probabilities. `channels` is the width of the first convolution."""

    def __init__(self, classes: int = CLASSES, channels: int = 128) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, channels, 80, stride=4, padding=38)
        self.bn1 = nn.BatchNorm1d(channels)
        self.conv2 = nn.Conv1d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm1d(channels)
        self.conv3 = nn.Conv1d(channels, 2 * channels, 3, padding=1)
        self.bn3 = nn.BatchNorm1d(2 * channels)
        self.conv4 = nn.Conv1d(2 * channels, 4 * channels, 3, padding=1)
        self.bn4 = nn.BatchNorm1d(4 * channels)
        self.pool = nn.MaxPool1d(4)
        self.linear = nn.Linear(4 * channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(functional.relu(self.bn1(self.conv1(x))))
        x = self.pool(functional.relu(self.bn2(self.conv2(x))))
        x = self.pool(functional.relu(self.bn3(self.conv3(x))))
        x = self.pool(functional.relu(self.bn4(self.conv4(x))))
        x = x.mean(dim=-1)
        x = self.linear(x)
        return functional.log_softmax(x, dim=-1)


def skeleton() -> nn.Module:
    """M5 without weights."""
    return without_weights(M5)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """M5 with seeded weights, and noise as its example."""
    return seeded(M5, SEED, centring=1.0, input_deviation=0.25), (noise(INPUT_SHAPE, SEED),)
