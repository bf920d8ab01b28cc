"""From YOLOv3's raw heads to boxes, and back to the targets it is trained on. NumPy only.

Section 2.1 of Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018: in cell (row, column) of a head with
stride s, anchor (w, h) and raw outputs (x, y, width, height, objectness, classes...) propose a box with centre
s (column + sigmoid(x), row + sigmoid(y)) and size (w exp(width), h exp(height)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cedr.frontend.zoo.decisions import Box, suppress

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """One head of the network: its stride in pixels and its anchors (width, height) in pixels."""

    stride: int
    anchors: tuple[tuple[float, float], ...]

    def boxes(self, raw: NDArray[np.floating], threshold: float) -> list[Box]:
        """Boxes whose score (objectness times best class's probability) is at least `threshold`.

        raw: [1, anchors (5 + classes), H, W]. Order: anchor, row, column. Computed in float64.
        """
        _, channels, rows, columns = raw.shape
        count = len(self.anchors)
        cells = raw.astype(np.float64).reshape(count, channels // count, rows, columns)
        size = np.array(self.anchors)[:, :, None, None]
        x = self.stride * (np.arange(columns)[None, None, :] + sigmoid(cells[:, 0]))
        y = self.stride * (np.arange(rows)[None, :, None] + sigmoid(cells[:, 1]))
        width, height = np.moveaxis(size * np.exp(np.clip(cells[:, 2:4], -20, 20)), 1, 0) / 2
        best = cells[:, 5:].argmax(axis=1)
        score = sigmoid(cells[:, 4]) * sigmoid(cells[:, 5:].max(axis=1))
        chosen = score >= threshold
        corners = np.stack([x - width, y - height, x + width, y + height], axis=-1)[chosen].tolist()
        return [
            Box(x1, y1, x2, y2, float(value), int(index))
            for (x1, y1, x2, y2), value, index in zip(corners, score[chosen], best[chosen], strict=True)
        ]


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    decayed = np.exp(-np.abs(x))
    result: Floats = np.where(x >= 0, 1, decayed) / (1 + decayed)
    return result


def detect(
    outputs: list[NDArray[np.floating]], heads: tuple[Head, ...], threshold: float, iou_threshold: float
) -> list[Box]:
    """The boxes of all heads, one raw output each, after the threshold and non-maximum suppression within classes."""
    found = [box for head, raw in zip(heads, outputs, strict=True) for box in head.boxes(raw, threshold)]
    return suppress(found, iou_threshold)
