"""M5, narrow, on eight words as the synthesiser espeak-ng speaks them; trained by `training/words.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from cedr.frontend.zoo.decisions import top_class
from cedr.frontend.zoo.held_out import DATA, HeldOut
from cedr.frontend.zoo.m5 import M5
from cedr.frontend.zoo.metrics import accuracy
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.trained import trained

WORDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
RATE_HZ = 8000
CHANNELS = 16


class M5Words(M5):
    """float32 [1, 1, 8000], one second at 8 kHz, -1 to 1 -> [1, 8], log probabilities of `WORDS`."""

    metric = "accuracy"

    def __init__(self) -> None:
        super().__init__(classes=len(WORDS), channels=CHANNELS)

    def decide(self, outputs: object) -> int:
        """The word's index in `WORDS`."""
        return top_class(outputs)

    def held_out(self) -> HeldOut:
        """Words spoken by voices that training did not use, [N, 1, 8000]."""
        with np.load(DATA / "m5_words.npz") as file:
            inputs = file["samples"].astype(np.float32)[:, None] / np.float32(32768)
            return HeldOut(inputs, [int(label) for label in file["labels"]])

    def score(self, decisions: Sequence[int]) -> float:
        """The share of words recognised."""
        return accuracy(decisions, self.held_out().labels)


def skeleton() -> nn.Module:
    """The network without weights."""
    return without_weights(M5Words)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The trained network, and its first held-out word as the example."""
    module = trained(M5Words, "m5_words")
    return module, (torch.from_numpy(module.held_out().inputs[:1].copy()),)
