"""The two figures the zoo's models are judged by. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cedr.frontend.zoo.decisions import Box, iou


def accuracy(decisions: Sequence[Any], labels: Sequence[Any]) -> float:
    """The share of decisions equal to their labels."""
    return sum(bool(decision == label) for decision, label in zip(decisions, labels, strict=True)) / len(labels)


def mean_average_precision(
    found: Sequence[Sequence[Box]], truth: Sequence[Sequence[Box]], iou_threshold: float = 0.5
) -> float:
    """mAP at one IoU threshold: the mean over the classes that occur in `truth` of their average precision.

    `found[i]` and `truth[i]` belong to image i. Per class, as PASCAL VOC does: boxes in falling order of score (ties:
    as given); a box counts as true if the labelled box of its image that it overlaps most reaches the threshold and no
    better box has taken it. The average precision is the area under precision over recall, where the precision at a
    recall is the best at that recall or beyond (VOC 2010 and later: all points, no sampling).
    """
    classes = sorted({box.class_index for boxes in truth for box in boxes})
    return float(np.mean([_average_precision(found, truth, index, iou_threshold) for index in classes]))


def _average_precision(
    found: Sequence[Sequence[Box]], truth: Sequence[Sequence[Box]], class_index: int, iou_threshold: float
) -> float:
    labelled = [[box for box in boxes if box.class_index == class_index] for boxes in truth]
    ranked = sorted(
        ((image, box) for image, boxes in enumerate(found) for box in boxes if box.class_index == class_index),
        key=lambda pair: -pair[1].score,
    )
    taken: set[tuple[int, int]] = set()
    correct = np.zeros(len(ranked))
    for rank, (image, box) in enumerate(ranked):
        overlaps = [iou(box, label) for label in labelled[image]]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= iou_threshold and (image, best) not in taken:
            taken.add((image, best))
            correct[rank] = 1
    true_so_far = np.cumsum(correct)
    precision = true_so_far / np.arange(1, len(ranked) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    # Recall rises by one label at each true box, so the area is the mean of the envelope there.
    return float(envelope[correct == 1].sum() / sum(len(boxes) for boxes in labelled))
