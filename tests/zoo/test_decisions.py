"""Boxes, suppression, sameness of decisions, and the two metrics, on examples worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cedr.frontend.zoo.decisions import Box, arrays, iou, same_decision, suppress, top_class
from cedr.frontend.zoo.metrics import accuracy, mean_average_precision
from cedr.frontend.zoo.yolo_boxes import Head, detect, sigmoid


def square(x: float, score: float = 1.0, class_index: int = 0, y: float = 0.0) -> Box:
    """A box of 10 by 10 pixels at (x, y)."""
    return Box(x, y, x + 10, y + 10, score, class_index)


def test_iou() -> None:
    assert iou(square(0), square(0)) == 1
    assert iou(square(0), square(5)) == pytest.approx(50 / 150)
    assert iou(square(0), square(5, y=5)) == pytest.approx(25 / 175)
    assert iou(square(0), square(10)) == 0
    assert iou(square(0), square(20)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_suppression_keeps_the_best_of_each_heap() -> None:
    """IoU with a neighbour at distance 2: 80/120 = 0.67; at 4: 60/140 = 0.43; at 6: 40/160 = 0.25."""
    a, b, c = square(0, 0.9), square(2, 0.8), square(4, 0.7)
    other_class, far = square(1, 0.6, class_index=1), square(50, 0.95)
    given = [c, other_class, b, far, a]
    assert suppress(given, 0.45) == [far, a, c, other_class]  # b overlaps a by 0.67, c only the removed b by as much
    assert suppress(given, 0.4) == [far, a, other_class]  # now c overlaps a by too much as well
    assert suppress(given, 0.7) == [far, a, b, c, other_class]
    assert suppress([], 0.5) == []


def test_suppression_breaks_ties_as_given() -> None:
    a, b = square(0, 0.5), square(1, 0.5)
    assert suppress([a, b], 0.5) == [a]
    assert suppress([b, a], 0.5) == [b]


def test_same_classes_and_texts() -> None:
    assert same_decision(3, 3)
    assert not same_decision(3, 4)
    assert same_decision("yes", "yes")
    assert not same_decision("3", 3)
    assert same_decision(None, None)
    assert not same_decision(None, 0)
    assert not same_decision([], 0)


def test_same_boxes() -> None:
    a, b = square(0, 0.9), square(50, 0.8)
    close = Box(0.02, 0, 10.02, 10, 0.5, 0)  # IoU 9.98/10.02 = 0.996; the score may differ
    off = Box(0.1, 0, 10.1, 10, 0.9, 0)  # IoU 9.9/10.1 = 0.980
    assert same_decision([a, b], [b, close])
    assert not same_decision([a, b], [b, off])
    assert not same_decision([a, b], [a])
    assert not same_decision([a], [a, b])
    assert not same_decision([a], [a._replace(class_index=1)])
    assert not same_decision([a, b], [a, a])
    assert same_decision([], [])


def test_top_class_reads_tensors_and_arrays() -> None:
    assert top_class(torch.tensor([[0.0, 2.0, 1.0]], requires_grad=True)) == 1
    assert top_class([np.array([[0.0, 1.0, 2.0]])]) == 2
    assert top_class((torch.tensor([[5.0, 5.0]]),)) == 0
    assert [array.shape for array in arrays((torch.zeros(2), np.zeros(3)))] == [(2,), (3,)]
    with pytest.raises(ValueError, match="too many values"):
        top_class([np.zeros(2), np.zeros(2)])


def test_accuracy() -> None:
    assert accuracy([1, 2, 3, 4], [1, 2, 0, 4]) == 0.75
    with pytest.raises(ValueError, match="longer"):
        accuracy([1], [1, 2])


def test_average_precision_by_hand() -> None:
    """Three labels on two images. Ranked: true (.9), false (.8), true (.7), twice the same (.6).

    Precision after each: 1, 1/2, 2/3, 2/4; recall 1/3, 1/3, 2/3, 2/3. The area: 1 x 1/3 + 2/3 x 1/3 + 0 x 1/3 = 5/9.
    """
    truth = [[square(0), square(30)], [square(0)]]
    found = [[square(1, 0.9), square(60, 0.8), square(0, 0.6)], [square(2, 0.7)]]
    assert mean_average_precision(found, truth) == pytest.approx(5 / 9)


def test_average_precision_uses_the_best_precision_at_a_recall_or_beyond() -> None:
    """Ranked: false (.9), true (.8), true (.7): precision 0, 1/2, 2/3, so both labels count with 2/3."""
    truth = [[square(0), square(30)]]
    found = [[square(60, 0.9), square(0, 0.8), square(30, 0.7)]]
    assert mean_average_precision(found, truth) == pytest.approx(2 / 3)


def test_mean_over_the_labelled_classes() -> None:
    """Class 0 perfect, class 1 missed, class 2 not labelled (its false boxes count for no class): (1 + 0) / 2."""
    truth = [[square(0), square(30, class_index=1)]]
    found = [[square(0, 0.9), square(30, 0.9), square(60, 0.9, class_index=2)]]
    assert mean_average_precision([found[0][:1] + found[0][2:]], truth) == 0.5
    assert mean_average_precision(truth, truth) == 1
    assert mean_average_precision([[]], truth) == 0


def test_the_iou_threshold_counts() -> None:
    """A box 5 of 10 pixels aside overlaps by 1/3; 3 aside by 70/130 = 0.54."""
    assert mean_average_precision([[square(5, 0.9)]], [[square(0)]]) == 0
    assert mean_average_precision([[square(3, 0.9)]], [[square(0)]]) == 1
    assert mean_average_precision([[square(3, 0.9)]], [[square(0)]], iou_threshold=0.6) == 0


def test_a_box_on_another_image_is_not_a_hit() -> None:
    assert mean_average_precision([[], [square(0, 0.9)]], [[square(0)], []]) == 0


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        values = sigmoid(np.array([-700.0, -1.0, 0.0, 1.0, 700.0]))
    assert values == pytest.approx([0, 1 / (1 + math.e), 0.5, math.e / (1 + math.e), 1], abs=1e-12)


def test_a_head_decodes_by_the_papers_formula() -> None:
    """Cell (row 1, column 2), anchor 1 of (8, 4), stride 16: centre (16 (2 + 0.5), 16 (1 + 0.5)), size (2 x 8, 4)."""
    head = Head(16, ((4.0, 4.0), (8.0, 4.0)))
    raw = np.full((1, 2 * (5 + 3), 2, 3), -20.0, dtype=np.float32)
    cell = raw[0, 8:, 1, 2]
    cell[:] = (0, 0, math.log(2), 0, 20, -20, math.log(3), -20)
    (box,) = head.boxes(raw, 0.5)
    assert box == pytest.approx((40 - 8, 24 - 2, 40 + 8, 24 + 2, 0.75, 1), abs=1e-5)
    assert head.boxes(raw, 0.76) == []


def test_detect_joins_heads_and_suppresses_between_them() -> None:
    heads = (Head(32, ((8.0, 8.0),)), Head(16, ((8.0, 8.0),)))
    coarse = np.full((1, 6, 1, 1), -20.0, dtype=np.float32)
    fine = np.full((1, 6, 2, 2), -20.0, dtype=np.float32)
    coarse[0, :, 0, 0] = (0, 0, 0, 0, 20, 1)  # centre (16, 16)
    fine[0, :, 0, 0] = (20, 20, 0, 0, 20, 2)  # centre (16, 16) as well, score higher
    assert [box.score for box in detect([coarse, fine], heads, 0.5, 0.45)] == pytest.approx([1 / (1 + math.exp(-2))])
    fine[0, :, 0, 0] = (-20, -20, 0, 0, 20, 2)  # centre (0, 0)
    assert len(detect([coarse, fine], heads, 0.5, 0.45)) == 2
    with pytest.raises(ValueError, match="zip"):
        detect([coarse], heads, 0.5, 0.45)
