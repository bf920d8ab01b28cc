"""A VGG-style network of six convolutions on handwritten digits; trained by `training/digits.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from cedr.frontend.zoo.decisions import top_class
from cedr.frontend.zoo.digit_images import enlarge
from cedr.frontend.zoo.held_out import DATA, HeldOut
from cedr.frontend.zoo.metrics import accuracy
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.trained import trained
from cedr.frontend.zoo.vgg16 import vgg_features

SIZE = 32
BLOCKS = ((16, 16), (32, 32), (64, 64))


class VggDigits(nn.Module):
    """float32 [1, 1, 32, 32] (0 paper, 1 ink) -> [1, 10], raw scores."""

    metric = "accuracy"

    def __init__(self) -> None:
        super().__init__()
        self.features = vgg_features(1, BLOCKS)
        self.classifier = nn.Sequential(
            nn.Linear(64 * 4 * 4, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = torch.flatten(x, 1)
        scores: torch.Tensor = self.classifier(x)
        return scores

    def decide(self, outputs: object) -> int:
        """The digit, 0 to 9."""
        return top_class(outputs)

    def held_out(self) -> HeldOut:
        """Test digits, [N, 1, 32, 32]."""
        with np.load(DATA / "vgg_digits.npz") as file:
            return HeldOut(enlarge(file["images"], SIZE)[:, None], [int(label) for label in file["labels"]])

    def score(self, decisions: Sequence[int]) -> float:
        """The share of digits read right."""
        return accuracy(decisions, self.held_out().labels)


def skeleton() -> nn.Module:
    """The network without weights."""
    return without_weights(VggDigits)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The trained network, and its first held-out digit as the example."""
    module = trained(VggDigits, "vgg_digits")
    return module, (torch.from_numpy(module.held_out().inputs[:1].copy()),)
