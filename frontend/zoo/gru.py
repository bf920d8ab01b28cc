"""GRU keyword spotter: "GRU (L)" of Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", arXiv 1711.07128.

One layer of 400 units over 49 frames of 10 MFCC features (1 s in windows of 40 ms every 20 ms), a linear layer on the
last state, 12 classes. 499,212 parameters: the paper's 498,012 and the second bias vector that PyTorch's cell has.
"""

from __future__ import annotations

import torch
from torch import nn

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 400
INPUT_SHAPE = (1, 49, 10)


class Gru(nn.Module):
    """float32 [N, frames, features] -> [N, classes], raw scores."""

    def __init__(self, classes: int = 12, features: int = 10, units: int = 400) -> None:
        super().__init__()
        self.gru = nn.GRU(features, units, batch_first=True)
        self.linear = nn.Linear(units, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, last = self.gru(x)
        scores: torch.Tensor = self.linear(last[0])
        return scores


def skeleton() -> nn.Module:
    """The GRU without weights."""
    return without_weights(Gru)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The GRU with seeded weights, and noise as its example."""
    return seeded(Gru, SEED, centring=0.0), (noise(INPUT_SHAPE, SEED),)
