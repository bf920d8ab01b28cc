"""From the gradient of a road's image to the lane: edges, region of interest, lines, lane, drawing. NumPy only.

The steps are those of CEDR's lane detection (UA-RCL/CEDR 96eeda6). They are integer arithmetic and comparisons but for one
angle, so that this and the same steps in C (examples/applications/lane_detection/lane.h) find the same lines, bit by bit,
on every machine. Images are indexed [row, column]; points are (x, y), y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

PI = 3.141593
"""As the application has it: with it no angle but 0 is exactly one of those that are tested."""
WEAK, STRONG = 40.0, 50.0
"""Below the first a gradient is no edge; between the two it is one where a neighbour is above the second."""
ANGLES = 180
THRESHOLD, LENGTH, GAP = 30, 30, 200
"""Of a line: votes, pixels that it spans in one direction, pixels in a row that it may miss."""
SHIFT = 16
"""Bits after the point of the fixed-point numbers."""

NEIGHBOURS = {0.0: (0, 1), 45.0: (-1, 1), 90.0: (-1, 0), 135.0: (-1, -1)}
"""(rows, columns) to one of the two neighbours along a gradient of this angle, in degrees; the other is opposite."""

BAND_COLOUR, CAR_COLOUR, LANE_COLOUR = (0, 255, 0), (255, 0, 0), (0, 0, 255)


class Line(NamedTuple):
    """A piece of a straight line: its ends."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True)
class Lane:
    """Where the markings are in one row of the image: columns of the left and the right one."""

    left: int
    right: int
    row: int

    @property
    def centre(self) -> int:
        """The column in the middle."""
        return (self.left + self.right) // 2

    def __str__(self) -> str:
        return f"lane ({self.centre}, {self.row}) between ({self.left}, {self.row}) and ({self.right}, {self.row})"


class Random:
    """glibc's rand() after srand(1): the additive feedback generator of its stdlib/random_r.c, r[i] = r[i-3] + r[i-31]."""

    def __init__(self) -> None:
        state = [1]
        for _ in range(30):
            state.append(16807 * state[-1] % 2147483647)
        self._state = state
        self._next = 3
        for _ in range(310):
            self()

    def __call__(self) -> int:
        """A number from 0 to 2^31 - 1."""
        i = self._next
        number = (self._state[i] + self._state[(i - 3) % 31]) % 2**32
        self._state[i] = number
        self._next = (i + 1) % 31
        return number >> 1


def edges(magnitude: Floats, x: Floats, y: Floats) -> Floats:
    """Pixels of the magnitude [H, W] that are edges, the others 0; x, y: the gradient's parts.

    In raster order and in place, so that the neighbours above and to the left are those that are left. On the border
    there are none. A pixel whose gradient's angle is exactly 0, 45, 90 or 135 degrees has to be as large as both its
    neighbours along it; one below WEAK is none; one between WEAK and STRONG has to have one of its four neighbours above
    STRONG.
    """
    height, width = magnitude.shape
    result = magnitude.copy()
    for row, column in np.argwhere(result >= WEAK).tolist():
        value = result[row, column]
        if row in (0, height - 1) or column in (0, width - 1):
            result[row, column] = 0
            continue
        angle = math.atan2(y[row, column], x[row, column]) * 180 / PI
        if angle < 0:
            angle += 180
        if angle in NEIGHBOURS:
            down, right = NEIGHBOURS[angle]
            if value < result[row + down, column + right] or value < result[row - down, column - right]:
                result[row, column] = 0
                continue
        if WEAK < value < STRONG:
            up_left = max(result[row - 1, column], result[row, column - 1])
            if not max(up_left, result[row + 1, column], result[row, column + 1]) > STRONG:
                result[row, column] = 0
    result[result < WEAK] = 0
    return result


def region_of_interest(height: int, width: int) -> NDArray[np.bool_]:
    """[H, W]: where the lane is looked for.

    The middle half of the lower two fifths, and on either side of it a triangle that widens it towards the bottom. A point
    is within a triangle if the three triangles that it makes with two corners have together its area; the areas are
    integers, rounded down, so some points within are missed.
    """
    top, left, right, margin = 3 * height // 5, width // 4, 3 * width // 4, width // 24
    inside = np.zeros((height, width), bool)
    inside[top:, left:right] = True
    for inner, outer in ((left, margin), (right, width - margin)):
        y, x = np.mgrid[top:height, min(inner, outer) : max(inner, outer) + 1]
        a, b, c, point = (inner, top), (inner, height), (outer, height), (x, y)
        pieces = _area(point, b, c) + _area(a, point, c) + _area(a, b, point)
        inside[top:, min(inner, outer) : max(inner, outer) + 1] |= pieces == _area(a, b, c)
    return inside


_Point = tuple[int | NDArray[np.int64], int | NDArray[np.int64]]


def _area(a: _Point, b: _Point, c: _Point) -> NDArray[np.int64]:
    """Of the triangle with these corners (x, y), rounded down."""
    twice = a[0] * (b[1] - c[1]) + b[0] * (c[1] - a[1]) + c[0] * (a[1] - b[1])
    area: NDArray[np.int64] = np.abs(twice) // 2
    return area


class Hough:
    """The progressive probabilistic Hough transform: Matas, Galambos and Kittler, "Robust detection of lines using the
    progressive probabilistic Hough transform", 2000; the steps as in OpenCV.

    Points vote one by one, drawn at random; where the votes of a point's best angle reach THRESHOLD, the line is followed
    in both directions and its points are taken out. A drawn number may be one more than there are points: it then means
    what was there before, first of all (0, 0), which is no edge.
    """

    def __init__(self, edges: NDArray[np.bool_]):
        self.edges = edges.copy()
        height, width = edges.shape
        angles = np.arange(ANGLES) * (math.pi / ANGLES)
        self._cos = np.rint(np.cos(angles) * 2**SHIFT).astype(np.int64)
        self._sin = np.rint(np.sin(angles) * 2**SHIFT).astype(np.int64)
        self._offset = width + height
        self._votes = np.zeros((ANGLES, 2 * self._offset + 1), np.int64)

    def lines(self) -> list[Line]:
        """All lines, in the order in which they are found."""
        points = [(x, y) for y, x in np.argwhere(self.edges).tolist()]
        count = len(points)
        points.append((0, 0))
        random = Random()
        found = []
        while count:
            index = random() % (count + 1)
            x, y = points[index]
            points[index] = points[count - 1]
            count -= 1
            if self.edges[y, x] and (angle := self._vote(x, y)) is not None and (line := self._follow(x, y, angle)):
                found.append(line)
        return found

    def _distances(self, x: int, y: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Where the point votes: every angle, and the distance from the origin of its line through the point."""
        distance = (x * self._cos + y * self._sin + 2 ** (SHIFT - 1)) >> SHIFT
        return np.arange(ANGLES), distance + self._offset

    def _vote(self, x: int, y: int) -> int | None:
        """Votes; the angle with the most votes if they are enough."""
        cells = self._distances(x, y)
        self._votes[cells] += 1
        votes = self._votes[cells]
        best = int(votes.argmax())
        return best if votes[best] >= THRESHOLD else None

    def _steps(self, x: int, y: int, angle: int, direction: int) -> Iterator[tuple[int, int]]:
        """The pixels (x, y) of the line through a point, from it outwards, as far as the image goes."""
        height, width = self.edges.shape
        right, down = -int(self._sin[angle]), int(self._cos[angle])
        flat = abs(right) > abs(down)
        along, across = (right, down) if flat else (down, right)
        step = direction * (1 if along > 0 else -1)
        slope = direction * int(math.copysign((abs(across) * 2**SHIFT + abs(along) // 2) // abs(along), across))
        position = x if flat else y
        other = ((y if flat else x) << SHIFT) + 2 ** (SHIFT - 1)
        while True:
            column, row = (position, other >> SHIFT) if flat else (other >> SHIFT, position)
            if not (0 <= column < width and 0 <= row < height):
                return
            yield column, row
            position += step
            other += slope

    def _follow(self, x: int, y: int, angle: int) -> Line | None:
        """The line through a point at an angle, None if it is short; its edges are taken out, and their votes if it is not."""
        ends = []
        for direction in (1, -1):
            end, gap = (x, y), 0
            for column, row in self._steps(x, y, angle, direction):
                if self.edges[row, column]:
                    end, gap = (column, row), 0
                else:
                    gap += 1
                    if gap > GAP:
                        break
            ends.append(end)
        line = Line(*ends[0], *ends[1])
        is_long = abs(line.x2 - line.x1) >= LENGTH or abs(line.y2 - line.y1) >= LENGTH
        for direction, end in zip((1, -1), ends, strict=True):
            for column, row in self._steps(x, y, angle, direction):
                if self.edges[row, column]:
                    if is_long:
                        self._votes[self._distances(column, row)] -= 1
                    self.edges[row, column] = False
                if (column, row) == end:
                    break
        return line if is_long else None


def lane_between(lines: list[Line], height: int) -> Lane | None:
    """The lane between the last line that falls and the last one that rises to the right by more than 1 in 2, in the row
    four fifths down; None where there is none of a kind. A line is first carried on to two rows, in whole pixels."""
    row = 4 * height // 5
    found: dict[bool, int] = {}
    for line in lines:
        slope = (line.y2 - line.y1) / (line.x2 - line.x1) if line.x1 != line.x2 else 0.0
        if abs(slope) > 0.5:
            top, bottom = 2 * height // 3, height
            whole = Line(_column(line, top), top, _column(line, bottom), bottom)
            found[slope > 0] = _column(whole, row)
    return Lane(found[False], found[True], row) if len(found) == 2 else None


def _column(line: Line, y: int) -> int:
    """Where a line that is not level crosses a row, rounded towards 0."""
    numerator = (line.x1 - line.x2) * y - (line.x1 * line.y2 - line.y1 * line.x2)
    denominator = line.y1 - line.y2
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def find_lane(magnitude: Floats, x: Floats, y: Floats) -> Lane | None:
    """The lane in the gradient image [H, W] of a road: its magnitude and its parts; None where there is none."""
    found = edges(magnitude, x, y) > 0
    return lane_between(Hough(found & region_of_interest(*found.shape)).lines(), len(found))


def decision(lane: Lane | None) -> str:
    """The lane as a text."""
    return "no lane" if lane is None else str(lane)


def draw(image: Pixels, lane: Lane | None, half_rows: int, car_radius: int, lane_radius: int) -> Pixels:
    """The image [H, W, 3] with the lane in it: a band between the markings, a disc at the car, one at the lane's centre."""
    drawn = image.copy()
    if lane is None:
        return drawn
    height, width, _ = image.shape
    y, x = np.mgrid[:height, :width]
    left, right = sorted((lane.left, lane.right))
    drawn[(y >= lane.row - half_rows) & (y < lane.row + half_rows) & (x >= left) & (x <= right)] = BAND_COLOUR
    for column, radius, colour in ((width // 2, car_radius, CAR_COLOUR), (lane.centre, lane_radius, LANE_COLOUR)):
        drawn[(y - lane.row) ** 2 + (x - column) ** 2 <= radius**2] = colour
    return drawn
