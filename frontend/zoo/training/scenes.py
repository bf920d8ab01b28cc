"""Canvases with handwritten digits of several sizes on a dim, uneven background, and the boxes round their ink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cedr.frontend.zoo.digit_images import enlarge
from cedr.frontend.zoo.tiny_yolo_digits import SIZE

MAX_DIGITS = 4
MIN_SIZE, MAX_SIZE = 26, 48
"""A digit's 8x8 image becomes a square of this many pixels."""
INK = 0.3
"""Pixels of a digit brighter than this count as ink for its box."""
GAP = 2
"""Boxes stay this many pixels apart."""


def scene(
    rng: np.random.Generator, images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, int, int]]]:
    """A canvas uint8 [96, 96] and its boxes (x1, y1, x2, y2, digit), 1 to 4 of them; digits drawn from `images`."""
    slope = rng.uniform(-0.1, 0.1, size=2)
    ramp = np.linspace(-1, 1, SIZE)
    canvas = 0.15 + slope[0] * ramp[:, None] + slope[1] * ramp[None, :]
    boxes: list[tuple[int, int, int, int, int]] = []
    wanted = int(rng.integers(1, MAX_DIGITS + 1))
    for _ in range(8 * wanted):
        if len(boxes) == wanted:
            break
        size = int(rng.integers(MIN_SIZE, MAX_SIZE + 1))
        left, top = (int(start) for start in rng.integers(0, SIZE - size + 1, size=2))
        index = int(rng.integers(len(images)))
        drawn = enlarge(images[index : index + 1], size)[0]
        rows, columns = np.flatnonzero((drawn > INK).any(axis=1)), np.flatnonzero((drawn > INK).any(axis=0))
        x1, x2 = left + int(columns[0]), left + int(columns[-1]) + 1
        y1, y2 = top + int(rows[0]), top + int(rows[-1]) + 1
        if any(x1 < b[2] + GAP and b[0] < x2 + GAP and y1 < b[3] + GAP and b[1] < y2 + GAP for b in boxes):
            continue
        place = canvas[top : top + size, left : left + size]
        np.maximum(place, drawn * rng.uniform(0.6, 1.0), out=place)
        boxes.append((x1, y1, x2, y2, int(labels[index])))
    grain = rng.integers(-2, 3, size=canvas.shape) * 4
    return np.clip(np.round(canvas * 255) + grain, 0, 255).astype(np.uint8), boxes
