"""Decisions: what a model's outputs mean, and when two decisions are the same. NumPy only.

A decision is a class index, a text, or a list of `Box`. `decide` of a model makes one from raw outputs, be they eager's
tensors or arrays that compiled code wrote, so that both are judged by the same rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

SAME_BOX_IOU = 0.99
"""Two boxes of one class that overlap at least this much are the same box."""


class Box(NamedTuple):
    """An object found: corners in pixels of the model's input, score 0 to 1, class index."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    class_index: int


Decision: TypeAlias = int | str | list[Box]


def arrays(outputs: Any) -> list[NDArray[Any]]:
    """A model's outputs (one array or tensor, or a sequence of them) as NumPy arrays."""
    if isinstance(outputs, (list, tuple)):
        return [_array(output) for output in outputs]
    return [_array(outputs)]


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def top_class(outputs: Any) -> int:
    """The class with the largest output: [1, classes] (scores of any scale) -> its index, the lowest one on a tie."""
    (scores,) = arrays(outputs)
    return int(np.argmax(scores.reshape(-1)))


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2, ...); 0 if both are empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union > 0 else 0.0


def suppress(boxes: Sequence[Box], iou_threshold: float) -> list[Box]:
    """Greedy non-maximum suppression within each class.

    Best score first (ties: as given), a box stays unless it overlaps a box of its class that stayed by more than
    `iou_threshold`. The result is in falling order of score.
    """
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(box.class_index != other.class_index or iou(box, other) <= iou_threshold for other in kept):
            kept.append(box)
    return kept


def same_decision(a: Decision | None, b: Decision | None) -> bool:
    """Equal classes or texts; for boxes a one-to-one match with equal class and IoU >= `SAME_BOX_IOU`, in any order.

    Each box of `a` takes the free box of `b` it overlaps most. With boxes that suppression left apart, nothing else
    can reach 0.99, so this greedy match misses none. Decisions of different kinds are not the same.
    """
    if not isinstance(a, list) or not isinstance(b, list):
        return type(a) is type(b) and a == b
    if len(a) != len(b):
        return False
    free = list(b)
    for box in a:
        rivals = [(iou(box, other), -i) for i, other in enumerate(free) if other.class_index == box.class_index]
        overlap, negated = max(rivals, default=(0.0, 0))
        if overlap < SAME_BOX_IOU:
            return False
        del free[-negated]
    return True
