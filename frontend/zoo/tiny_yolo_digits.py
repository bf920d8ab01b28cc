"""YOLOv3-tiny, a quarter as wide, finding handwritten digits on 96x96 canvases; trained by `training/detection.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from cedr.frontend.zoo.decisions import Box, arrays
from cedr.frontend.zoo.held_out import DATA, HeldOut
from cedr.frontend.zoo.metrics import mean_average_precision
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.tiny_yolo import TinyYolo
from cedr.frontend.zoo.trained import trained
from cedr.frontend.zoo.yolo_boxes import Head, detect

SIZE = 96
BASE = 4
CLASSES = 10
HEADS = (
    Head(32, ((26.0, 39.0), (29.0, 41.0), (32.0, 46.0))),
    Head(16, ((18.0, 27.0), (21.0, 31.0), (24.0, 35.0))),
)
"""In the order of the outputs: coarse, fine."""
THRESHOLD = 0.25
IOU_THRESHOLD = 0.45


class TinyYoloDigits(TinyYolo):
    """float32 [1, 1, 96, 96], 0 to 1 -> raw heads [1, 45, 3, 3] and [1, 45, 6, 6]."""

    metric = "mAP50"

    def __init__(self) -> None:
        super().__init__(classes=CLASSES, in_channels=1, base=BASE)

    def decide(self, outputs: object) -> list[Box]:
        """The digits found: boxes in pixels, best score first."""
        return detect(arrays(outputs), HEADS, THRESHOLD, IOU_THRESHOLD)

    def held_out(self) -> HeldOut:
        """Canvases [N, 1, 96, 96] with test digits, and for each a list of boxes, score 1."""
        with np.load(DATA / "tiny_yolo_digits.npz") as file:
            inputs = file["canvases"].astype(np.float32)[:, None] / np.float32(255)
            labels: list[list[Box]] = [[] for _ in inputs]
            for image, x1, y1, x2, y2, digit in file["boxes"].tolist():
                labels[image].append(Box(x1, y1, x2, y2, 1.0, digit))
            return HeldOut(inputs, labels)

    def score(self, decisions: Sequence[list[Box]]) -> float:
        """mAP at IoU 0.5 over the ten digits."""
        return mean_average_precision(decisions, self.held_out().labels)


def skeleton() -> nn.Module:
    """The network without weights."""
    return without_weights(TinyYoloDigits)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The trained network, and its first held-out canvas as the example."""
    module = trained(TinyYoloDigits, "tiny_yolo_digits")
    return module, (torch.from_numpy(module.held_out().inputs[:1].copy()),)
