"""What a call touches of a buffer at each point of its grid, in closed form, and which tasks that puts in order.

A `Reach` is a box per grid point: an affine offset per dimension of the buffer and a static size. Two reaches of two
grids conflict where their boxes meet; `inverse` says which points of the one grid those are, as a box whose bounds are
affine in the indices of the other. Nothing here enumerates tiles, and nothing here knows operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod

from cedr.dialects.cedr.affine import Affine

Region = tuple[tuple[int, int], ...]
"""A box of elements: (first, end) per dimension, the end exclusive."""
Bounds = tuple[Affine, Affine]
Box = tuple[Bounds, ...]
"""Points of a grid: lower and upper index per dimension, both inclusive, affine in the indices of another grid; to be
clamped to the domain."""

MAX_PIECES = 16
"""A kernel's map with gaps is taken apart into at most this many boxes."""
MAX_REGIONS = 24
"""What is left of an access is kept as at most this many boxes."""


def lowest_terms(value: Affine) -> Affine:
    """The same function with the smallest divisor: `(d0 * 2 + 3) floordiv 4` is `(d0 + 1) floordiv 2`."""
    if value.divisor == 1:
        return value
    common = gcd(value.divisor, *value.coefficients)
    if common == 1:
        return value
    return Affine(tuple(c // common for c in value.coefficients), value.constant // common, value.divisor // common)


@dataclass(frozen=True)
class Reach:
    """The box of a buffer that one operand of one call touches at each point of its grid.

    extents: the grid's domain. shape: the buffer's, as the grid sees it. exact: every element of the box is touched at
    every point (else: no element outside of it is).
    """

    extents: tuple[int, ...]
    shape: tuple[int, ...]
    offsets: tuple[Affine, ...]
    sizes: tuple[int, ...]
    exact: bool = True

    @staticmethod
    def of(
        extents: Sequence[int],
        shape: Sequence[int],
        offsets: Sequence[Affine],
        sizes: Sequence[int],
        exact: bool = True,
    ) -> Reach:
        """As the constructor, dimensions of one index dropped from the offsets: they are constant."""
        fixed = tuple(extents)
        if 1 in fixed:
            offsets = [
                Affine(tuple(c if e > 1 else 0 for c, e in zip(o.coefficients, fixed, strict=True)), o.constant)
                for o in offsets
            ]
        return Reach(fixed, tuple(shape), tuple(offsets), tuple(sizes), exact)

    def hull(self) -> Region:
        """The smallest box around what all points touch."""
        found = []
        for offset, size in zip(self.offsets, self.sizes, strict=True):
            low, high = offset.bounds(self.extents)
            found.append((low, high + size))
        return tuple(found)

    def fills_hull(self) -> bool:
        """Whether every element of the hull is touched at some point."""
        used: set[int] = set()
        for offset, size in zip(self.offsets, self.sizes, strict=True):
            span = size
            for stride, dim in sorted((abs(c), i) for i, c in enumerate(offset.coefficients) if c):
                if stride > span or dim in used:
                    return False
                used.add(dim)
                span += stride * (self.extents[dim] - 1)
        return self.exact

    def depends_on(self, dim: int) -> bool:
        return any(o.coefficients[dim] for o in self.offsets)

    def contains(self, other: Reach) -> bool:
        """Whether, at every point of their common grid, this box holds the other. False where that is not plain."""
        if self.shape != other.shape or self.extents != other.extents:
            return False
        for a, a_size, b, b_size in zip(self.offsets, self.sizes, other.offsets, other.sizes, strict=True):
            if a.coefficients != b.coefficients:
                return False
            if a.constant > b.constant or a.constant + a_size < b.constant + b_size:
                return False
        return True


# Kernels.


def image(bounds: Sequence[int], results: Sequence[Affine]) -> tuple[list[tuple[tuple[int, int], ...]], bool]:
    """What a map of a loop nest reaches: boxes of (first, size) per dimension, and whether they are exactly that.

    Loops whose step leaves gaps (the two sides of a border, say) are taken apart if that makes few boxes; otherwise the
    box stands around the gaps.
    """
    gaps: set[int] = set()
    for result in results:
        reached = 0
        for stride, loop in sorted((abs(c), i) for i, c in enumerate(result.coefficients) if c and bounds[i] > 1):
            if stride > reached + result.divisor:
                gaps.add(loop)
            reached += stride * (bounds[loop] - 1)
    exact = True
    split: list[int] = []
    for loop in sorted(gaps, key=lambda i: bounds[i]):
        if prod(bounds[i] for i in (*split, loop)) <= MAX_PIECES:
            split.append(loop)
        else:
            exact = False
    users = [sum(1 for r in results if r.coefficients[i]) for i in range(len(bounds))]
    if any(n > 1 and bounds[i] > 1 and i not in split for i, n in enumerate(users)):
        exact = False
    pieces: dict[tuple[tuple[int, int], ...], None] = {}
    inner = [1 if i in split else b for i, b in enumerate(bounds)]
    for values in product(*(range(bounds[i]) for i in split)):
        piece = []
        for result in results:
            constant = result.constant + sum(result.coefficients[i] * v for i, v in zip(split, values, strict=True))
            low, high = Affine(result.coefficients, constant, result.divisor).bounds(inner)
            piece.append((low, high - low + 1))
        pieces[tuple(piece)] = None
    return list(pieces), exact


# One buffer under several shapes.


def common_groups(a: Sequence[int], b: Sequence[int]) -> list[tuple[range, range]]:
    """The dimensions of two row-major shapes of as many elements, in groups of as many elements on both sides."""
    groups = []
    i = j = 0
    while i < len(a) or j < len(b):
        start_i, start_j = i, j
        size_a = size_b = 1
        if i < len(a):
            size_a, i = a[i], i + 1
        if j < len(b):
            size_b, j = b[j], j + 1
        while size_a != size_b:
            if size_a < size_b:
                size_a, i = size_a * a[i], i + 1
            else:
                size_b, j = size_b * b[j], j + 1
        groups.append((range(start_i, i), range(start_j, j)))
    return groups


def collapse(reach: Reach, groups: Sequence[range]) -> Reach:
    """The reach with each group of dimensions as one: exact where its box is one run of elements, else around it."""
    offsets, sizes, shape, exact = [], [], [], reach.exact
    for group in groups:
        offset, size, stride = Affine.const(0, len(reach.extents)), 1, 1
        whole = True
        for dim in reversed(group):
            offset = offset + reach.offsets[dim] * stride
            if reach.sizes[dim] > 1:
                exact = exact and whole
                size += (reach.sizes[dim] - 1) * stride
            whole = whole and reach.sizes[dim] == reach.shape[dim]
            stride *= reach.shape[dim]
        offsets.append(offset)
        sizes.append(size)
        shape.append(stride)
    return Reach(reach.extents, tuple(shape), tuple(offsets), tuple(sizes), exact)


def aligned(a: Reach, b: Reach) -> tuple[Reach, Reach]:
    """Both reaches over one shape."""
    if a.shape == b.shape:
        return a, b
    groups = common_groups(a.shape, b.shape)
    return collapse(a, [g for g, _ in groups]), collapse(b, [g for _, g in groups])


# Points of another grid.


def inverse(target: Reach, own: Reach, last_step: bool = False) -> Box | None:
    """The points of the target's grid whose box meets this one's; None if there are none.

    Exact where each dimension of the buffer is cut by one dimension of the target's grid at most. A second one in the
    same dimension of the buffer, or a second dimension of the buffer cut by the same index, leaves points in that need
    not be. last_step: of the target's innermost dimension, if its box does not depend on it, only the last index.
    """
    a, b = aligned(target, own)
    count = len(a.extents)
    ranges: list[Bounds | None] = [None] * count
    guards: list[Affine] = []
    for a_offset, a_size, b_offset, b_size in zip(a.offsets, a.sizes, b.offsets, b.sizes, strict=True):
        dims = [i for i, c in enumerate(a_offset.coefficients) if c]
        if not dims:
            # They meet where a <= b + b_size - 1 and b <= a + a_size - 1.
            for guard in (
                b_offset + (b_size - 1 - a_offset.constant),
                b_offset * -1 + (a_offset.constant + a_size - 1),
            ):
                smallest, largest = guard.bounds(b.extents)
                if largest < 0:
                    return None
                if smallest < 0:
                    guards.append(guard)
            continue
        alike = len(dims) > 1 and a.extents == b.extents and a_offset.coefficients == b_offset.coefficients
        if alike and _same_point(a_offset, a_size, b_offset, b_size, a.extents, dims):
            for i in dims:
                index = Affine.dim(i, len(b.extents))
                ranges[i] = (index, index)
            continue
        lead = max(dims, key=lambda i: (abs(a_offset.coefficients[i]), -i))
        stride = a_offset.coefficients[lead]
        others = Affine(tuple(0 if i == lead else c for i, c in enumerate(a_offset.coefficients)), a_offset.constant)
        others_low, others_high = others.bounds(a.extents)
        up = b_offset + (b_size - 1 - others_low)
        down = b_offset + -(others_high + a_size - 1)
        if stride > 0:
            bounds = ceildiv(down, stride), up.floordiv(stride)
        else:
            bounds = ceildiv(up * -1, -stride), (down * -1).floordiv(-stride)
        low, high = lowest_terms(bounds[0]), lowest_terms(bounds[1])
        if low.bounds(b.extents)[0] > a.extents[lead] - 1 or high.bounds(b.extents)[1] < 0:
            return None
        if ranges[lead] is None:
            ranges[lead] = (low, high)
    innermost = count - 1 if last_step and count and not target.depends_on(count - 1) else -1
    box: list[Bounds] = []
    for i, (extent, found) in enumerate(zip(a.extents, ranges, strict=True)):
        if found is not None:
            box.append(tidy(found, extent, b.extents))
            continue
        first = extent - 1 if i == innermost else 0
        low, high = Affine.const(first, len(b.extents)), Affine.const(extent - 1, len(b.extents))
        # A free dimension carries conditions on the other grid's indices: empty where one is negative.
        if guards:
            high = guards.pop() * extent + (extent - 1)
        if guards and i != innermost:
            low = guards.pop() * -extent
        box.append((low, high))
    return tuple(box)


def _same_point(a: Affine, a_size: int, b: Affine, b_size: int, extents: Sequence[int], dims: Sequence[int]) -> bool:
    """Whether two boxes with the same strides meet at equal indices and at no others, in one dimension of a buffer."""
    ranges = [(-(e - 1), e - 1) for e in extents]
    return _narrow(ranges, a, a_size, b, b_size) and all(ranges[i] == (0, 0) for i in dims)


def ceildiv(value: Affine, divisor: int) -> Affine:
    return (value + (divisor - 1)).floordiv(divisor)


def tidy(bounds: Bounds, extent: int, own: Sequence[int]) -> Bounds:
    """Bounds clamped where a clamp holds everywhere: simple to read and to compare."""
    low, high = bounds
    num_dims = low.num_dims
    if extent == 1 and certainly_met(low, high, extent, own):
        return Affine.const(0, num_dims), Affine.const(0, num_dims)
    if low.bounds(own)[1] <= 0:
        low = Affine.const(0, num_dims)
    if high.bounds(own)[0] >= extent - 1:
        high = Affine.const(extent - 1, num_dims)
    return low, high


def ordered(low: Affine, high: Affine, own: Sequence[int]) -> bool:
    """Whether low <= high at every point. False where that is not plain."""
    if low.divisor == high.divisor and low.coefficients == high.coefficients:
        return low.constant <= high.constant
    if low.is_linear() and high.is_linear():
        return (high - low).bounds(own)[0] >= 0
    return low.bounds(own)[1] <= high.bounds(own)[0]


def certainly_met(low: Affine, high: Affine, extent: int, own: Sequence[int]) -> bool:
    return low.bounds(own)[1] <= extent - 1 and high.bounds(own)[0] >= 0 and ordered(low, high, own)


def is_certain(box: Box, extents: Sequence[int], own: Sequence[int]) -> bool:
    """Whether the box is empty at no point of the waiting grid."""
    return all(certainly_met(low, high, e, own) for (low, high), e in zip(box, extents, strict=True))


def is_whole(bounds: Bounds, extent: int, own: Sequence[int]) -> bool:
    """Whether the bounds take in a whole dimension at every point."""
    return bounds[0].bounds(own)[1] <= 0 and bounds[1].bounds(own)[0] >= extent - 1


def box_contains(outer: Box, inner: Box, extents: Sequence[int], own: Sequence[int]) -> bool:
    """Whether the outer box holds the inner one at every point. False where that is not plain."""
    for (a_low, a_high), (b_low, b_high), extent in zip(outer, inner, extents, strict=True):
        if not (a_low.bounds(own)[1] <= 0 or ordered(a_low, b_low, own)):
            return False
        if not (a_high.bounds(own)[0] >= extent - 1 or ordered(b_high, a_high, own)):
            return False
    return True


def swept_range(bounds: Bounds, extent: int, own: Sequence[int], dim: int) -> tuple[int, int] | None:
    """(first, end) of the indices that bounds, which depend on index `dim` of the waiting grid alone, take in as it runs.

    None if they leave gaps, or depend on another index.
    """
    low, high = bounds
    if any(c for value in bounds for i, c in enumerate(value.coefficients) if i != dim):
        return None
    stride, other, steps = low.coefficients[dim], high.coefficients[dim], own[dim]

    def values(step: int) -> tuple[int, int]:
        return (low.constant + stride * step) // low.divisor, (high.constant + other * step) // high.divisor

    if stride == other and low.divisor == high.divisor:
        # floor((x + s + k) / m) <= floor((x + l) / m) + 1 if s + k <= l + m.
        if abs(stride) + low.constant > high.constant + high.divisor or low.constant > high.constant:
            return None
        ends = values(0), values(steps - 1)
        first, last = max(min(v for v, _ in ends), 0), min(max(v for _, v in ends), extent - 1)
        return (first, last + 1) if first <= last else None
    found: tuple[int, int] | None = None
    for step in range(steps):
        first, last = values(step)
        first, end = max(first, 0), min(last, extent - 1) + 1
        if first >= end:
            continue
        if found is None:
            found = first, end
        elif first > found[1] or end < found[0]:
            return None
        else:
            found = min(first, found[0]), max(end, found[1])
    return found


def swept_region(box: Box, extents: Sequence[int], own: Sequence[int], dims: Sequence[int]) -> Region | None:
    """Points of the target that the box takes in as the indices `dims` of the waiting grid run, whatever the others are.

    None where that is no box, or not plain.
    """
    used: set[int] = set()
    region = []
    for bounds, extent in zip(box, extents, strict=True):
        if is_whole(bounds, extent, own):
            region.append((0, extent))
            continue
        depends = {i for value in bounds for i, c in enumerate(value.coefficients) if c}
        if not depends:
            first, end = max(bounds[0].constant, 0), min(bounds[1].constant, extent - 1) + 1
            if first >= end:
                return None
            region.append((first, end))
            continue
        (dim,) = depends if len(depends) == 1 else (-1,)
        if dim not in dims or dim in used:
            return None
        found = swept_range(bounds, extent, own, dim)
        if found is None:
            return None
        used.add(dim)
        region.append(found)
    return tuple(region)


def fills(regions: Sequence[Region], extents: Sequence[int]) -> bool:
    """Whether boxes together take in a whole domain."""
    left: list[Region] = [tuple((0, e) for e in extents)]
    for region in regions:
        left = [part for old in left for part in subtract(old, region)]
        if not left or len(left) > MAX_REGIONS:
            break
    return not left


# One grid with itself.


def _narrow(ranges: list[tuple[int, int]], a: Affine, a_size: int, b: Affine, b_size: int) -> bool:
    """Narrow the differences of indices (b's minus a's) to those at which two boxes of equal strides can meet in one
    dimension of a buffer; False if there are none."""
    low, high = a.constant - b.constant - b_size + 1, a.constant - b.constant + a_size - 1
    terms = sorted(((abs(c), c, i) for i, c in enumerate(a.coefficients) if c), reverse=True)
    rest = sum(size * max(map(abs, ranges[i])) for size, _, i in terms)
    for size, coefficient, i in terms:
        rest -= size * max(map(abs, ranges[i]))
        first, last = low - rest, high + rest
        if coefficient < 0:
            first, last = -last, -first
        bottom, top = max(-(-first // size), ranges[i][0]), min(last // size, ranges[i][1])
        if bottom > top:
            return False
        ranges[i] = (bottom, top)
        if bottom != top:
            return True
        low, high = low - coefficient * bottom, high - coefficient * bottom
    return low <= 0 <= high


def differences(a: Reach, b: Reach) -> list[tuple[int, int]] | None:
    """Per dimension of their common grid, the differences (index of b minus index of a) at which two boxes can meet.

    None if they never do. Where their strides differ, all differences.
    """
    a, b = aligned(a, b)
    ranges = [(-(e - 1), e - 1) for e in a.extents]
    for (low, end), (other_low, other_end) in zip(a.hull(), b.hull(), strict=True):
        if end <= other_low or other_end <= low:
            return None
    for a_offset, a_size, b_offset, b_size in zip(a.offsets, a.sizes, b.offsets, b.sizes, strict=True):
        if a_offset.coefficients == b_offset.coefficients and not _narrow(ranges, a_offset, a_size, b_offset, b_size):
            return None
    return ranges


def earlier_points(ranges: Sequence[tuple[int, int]], extents: Sequence[int]) -> Iterator[Box]:
    """Boxes of the points before a point, in index order, whose differences to it are in the ranges."""
    count = len(extents)

    def bounds(i: int, smallest: int, largest: int) -> Bounds:
        index, extent = Affine.dim(i, count), extents[i]
        low = Affine.const(0, count) if largest >= extent - 1 else index - largest
        high = Affine.const(extent - 1, count) if smallest <= -(extent - 1) else index - smallest
        return low, high

    for k in range(count):
        low, high = ranges[k]
        if high >= 1:
            here = [(Affine.dim(i, count), Affine.dim(i, count)) for i in range(k)]
            here.append(bounds(k, max(low, 1), high))
            here += [bounds(i, *ranges[i]) for i in range(k + 1, count)]
            yield tuple(here)
        if not low <= 0 <= high:
            return


def holds_zero(ranges: Sequence[tuple[int, int]]) -> bool:
    return all(low <= 0 <= high for low, high in ranges)


# Regions of a buffer.


def meet(a: Region, b: Region) -> bool:
    return all(x < y2 and y < x2 for (x, x2), (y, y2) in zip(a, b, strict=True))


def subtract(region: Region, hole: Region) -> list[Region]:
    """What is left of a box without another, as boxes."""
    if not meet(region, hole):
        return [region]
    left: list[Region] = []
    current = list(region)
    for dim, ((low, end), (hole_low, hole_end)) in enumerate(zip(region, hole, strict=True)):
        if low < hole_low:
            left.append((*current[:dim], (low, hole_low), *current[dim + 1 :]))
        if hole_end < end:
            left.append((*current[:dim], (hole_end, end), *current[dim + 1 :]))
        current[dim] = (max(low, hole_low), min(end, hole_end))
    return left


def flat_region(region: Region, shape: Sequence[int], groups: Sequence[range]) -> tuple[Region, bool]:
    """A box with each group of dimensions as one, and whether it is exactly that run of elements."""
    reach = Reach(
        (), tuple(shape), tuple(Affine.const(low, 0) for low, _ in region), tuple(end - low for low, end in region)
    )
    flat = collapse(reach, groups)
    return flat.hull(), flat.exact


def remove(regions: Sequence[Region], shape: Sequence[int], hole: Region, hole_shape: Sequence[int]) -> list[Region]:
    """Boxes of a buffer without another box of it, which may be seen under another shape."""
    if tuple(shape) == tuple(hole_shape):
        left = [part for region in regions for part in subtract(region, hole)]
        return left if len(left) <= MAX_REGIONS else list(regions)
    groups = common_groups(shape, hole_shape)
    flat_hole, exact = flat_region(hole, hole_shape, [g for _, g in groups])
    if not exact:
        return list(regions)
    left = []
    for region in regions:
        flat, _ = flat_region(region, shape, [g for g, _ in groups])
        if not all(low <= a and b <= high for (a, b), (low, high) in zip(flat, flat_hole, strict=True)):
            left.append(region)
    return left
