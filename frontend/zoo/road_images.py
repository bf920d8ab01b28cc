"""Pictures of roads, each with the place of its lane. NumPy only.

The same seed gives the same picture. As files:

    python -m cedr.frontend.zoo.road_images -o DIR --seed 3

writes DIR/input/image.ppm, which the C forms of lane detection read, an empty DIR/output and DIR/image.npy (for
`cedr run lane_detection --input`), and prints where the lane is.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.lane_lines import Lane, Pixels

HEIGHT, WIDTH = 540, 960
HELD_OUT_SEEDS = range(1, 5)
TOLERANCE = 10
"""Pixels by which a lane's centre may be off: the detector takes any edge of a marking, which the blurs widen, for it."""


@dataclass(frozen=True)
class Road:
    """A picture, uint8 [H, W, 3], and its lane: where the middles of the two markings are, four fifths down."""

    image: Pixels
    lane: Lane

    @property
    def tensor(self) -> NDArray[np.float32]:
        """[1, 3, H, W], what the zoo's models take."""
        return np.ascontiguousarray(self.image.transpose(2, 0, 1)[None], np.float32)

    def write(self, path: Path) -> None:
        """As a PPM file (P6)."""
        height, width, _ = self.image.shape
        path.write_bytes(f"P6\n{width} {height}\n255\n".encode() + self.image.tobytes())


def road(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Road:
    """A straight road to a vanishing point near the middle, two light markings on it, a sky with a sun, noise.

    A pixel is mixed of what it covers; brightness falls towards the bottom; noise of standard deviation 3.
    """
    rng = np.random.default_rng(seed)
    scale = width / WIDTH
    row = 4 * height // 5
    left, right = rng.uniform(290, 370) * scale, rng.uniform(610, 700) * scale
    horizon = height * rng.uniform(0.40, 0.45)
    vanishing = width / 2 + rng.uniform(-25, 25) * scale
    y, x = np.mgrid[:height, :width] + 0.0
    depth = np.clip((y - horizon) / (row - horizon), 0, None)
    """0 at the horizon, 1 in the row of the lane: a length there is so much as long."""

    def strip(centre: float, half_width: float) -> NDArray[np.float64]:
        """What share of each pixel is within a strip along the road."""
        middle = vanishing + (centre - vanishing) * depth
        share: NDArray[np.float64] = np.clip(half_width * depth - np.abs(x - middle) + 0.5, 0, 1) * (depth > 0)
        return share

    def mix(
        below: NDArray[np.float64], colour: tuple[int, int, int], share: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return below + (np.array(colour) - below) * share[..., None]

    ground = np.clip(y - horizon + 0.5, 0, 1)
    picture = np.array((110.0, 160.0, 220.0)) + 40 * (y / height)[..., None]
    sun = np.hypot(x - width * rng.uniform(0.1, 0.9), y - height * 0.12)
    picture = mix(picture, (255, 240, 190), np.clip(30 * scale - sun + 0.5, 0, 1))
    picture = mix(picture, (70, 120, 50), ground)
    middle, half_width = (left + right) / 2, (right - left) / 2
    picture = mix(picture, (85, 85, 90), strip(middle, 1.5 * half_width))
    for centre in (left, right):
        picture = mix(picture, (235, 235, 225), strip(centre, 3 * scale))
    picture = picture * (1.05 - 0.1 * (y / height)[..., None]) + rng.normal(0, 3, picture.shape)
    image = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return Road(image, Lane(round(left), round(right), row))


@cache
def held_out_roads() -> HeldOut:
    """Roads that are not the example, labelled by the lane as a text."""
    roads = [road(seed) for seed in HELD_OUT_SEEDS]
    return HeldOut(np.concatenate([one.tensor for one in roads]), [str(one.lane) for one in roads])


def share_found(decisions: Sequence[str], displacement: float) -> float:
    """The share of the held-out roads' lanes whose centre was found, TOLERANCE around what a detector's `displacement` to
    the right lets expect."""
    found = [
        decision.startswith("lane") and abs(_centre(decision) - _centre(label) - displacement) <= TOLERANCE
        for decision, label in zip(decisions, held_out_roads().labels, strict=True)
    ]
    return sum(found) / len(found)


def _centre(lane: str) -> int:
    number = re.search(r"-?\d+", lane)
    assert number is not None  # narrowing only: a lane as a text begins with its centre
    return int(number.group())


def main(arguments: list[str] | None = None) -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m cedr.frontend.zoo.road_images", description="draw a road")
    parser.add_argument("-o", dest="directory", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.add_argument("--seed", type=int, default=0, help="which road (default: 0, the zoo's example)")
    parser.add_argument("--height", type=int, default=HEIGHT, help=f"rows (default: {HEIGHT})")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"columns (default: {WIDTH})")
    options = parser.parse_args(arguments)
    made = road(options.seed, options.height, options.width)
    for name in ("input", "output"):
        (options.directory / name).mkdir(parents=True, exist_ok=True)
    made.write(options.directory / "input" / "image.ppm")
    np.save(options.directory / "image.npy", made.tensor)
    print(made.lane)


if __name__ == "__main__":
    main()
