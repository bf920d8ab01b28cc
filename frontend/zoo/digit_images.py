"""scikit-learn's handwritten digits as images: enlarged exactly, split once for training and once for judging."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 4
"""Of each class, every fourth digit (in the data set's order) is a test digit; all others may be trained on."""


def enlarge(images: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Bilinear enlargement: uint8 [N, 8, 8] with values 0 to 16 -> float32 [N, size, size], 0 to 1.

    Pixel centres are aligned as in `align_corners=False`, edges repeat. For sizes that are powers of two every step is
    exact in float32, so the result does not depend on the machine.
    """
    weights = _interpolation(images.shape[-1], size)
    scaled = images.astype(np.float32) / np.float32(16)
    enlarged: NDArray[np.float32] = weights @ scaled @ weights.T
    return enlarged


@cache
def _interpolation(source: int, target: int) -> NDArray[np.float32]:
    centres = (np.arange(target) + 0.5) * source / target - 0.5
    low = np.floor(centres).astype(int)
    share = centres - low
    weights = np.zeros((target, source))
    np.add.at(weights, (np.arange(target), np.clip(low, 0, source - 1)), 1 - share)
    np.add.at(weights, (np.arange(target), np.clip(low + 1, 0, source - 1)), share)
    return weights.astype(np.float32)


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """All 1797 digits: images [N, 8, 8] 0 to 16, labels [N], and which are test digits [N]. Needs scikit-learn."""
    from sklearn import datasets

    digits = datasets.load_digits()
    labels = digits.target.astype(np.int64)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        is_test[np.flatnonzero(labels == label)[TEST_SHARE - 1 :: TEST_SHARE]] = True
    return digits.images.astype(np.uint8), labels, is_test
