"""Held-out sets: inputs and labels that training never saw, kept as compressed integers beside the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"
"""Where the zoo's own sets are: `<model>.npz`."""


@dataclass(frozen=True)
class HeldOut:
    """What a model is judged on.

    `inputs`: of the model's dtype, [N, ...]; `inputs[i:i+1]` is one input of the model, batch of one.
    `labels`: N of them; a class index or a text each, or for a detector a sequence of boxes each (`decisions.Box`, score 1).
    """

    inputs: NDArray[Any]
    labels: Sequence[Any]

    def __len__(self) -> int:
        return len(self.inputs)
