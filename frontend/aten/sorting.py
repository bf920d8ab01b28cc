"""Order along a dim: sort, topk, median, kthvalue, searchsorted.

The rank of an element is the number of those before it, counted one by one; so every order here is stable. A NaN comes
after every number, as in PyTorch.
"""

import math
from collections.abc import Sequence

import torch
from xdsl.dialects.builtin import Float32Type, Float64Type, i32, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap

from cedr.frontend.aten.indexing import gather, zero_if_equal
from cedr.frontend.aten.registry import Unsupported, converts, normalise_dim
from cedr.frontend.aten.scans import cumsum
from cedr.frontend.builder import PARALLEL, REDUCTION, Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import is_integer

aten = torch.ops.aten


@converts(aten.sort.default)
def sort(b: Builder, x: SSAValue, dim: int, descending: bool) -> tuple[SSAValue, SSAValue]:
    """(the elements in order along a dim, their positions)."""
    return _in_order(b, x, dim, 0, None, descending=descending)


@converts(aten.sort.stable)
def sort_stable(b: Builder, x: SSAValue, stable: bool | None, dim: int, descending: bool) -> tuple[SSAValue, SSAValue]:
    """(the elements in order along a dim, their positions), equal ones as they stood."""
    return sort(b, x, dim, descending)


@converts(aten.topk.default)
def topk(b: Builder, x: SSAValue, k: int, dim: int, largest: bool, in_order: bool) -> tuple[SSAValue, SSAValue]:
    """(the k largest or smallest elements along a dim in order, their positions)."""
    return _in_order(b, x, dim, 0, k, descending=largest)


@converts(aten.kthvalue.default)
def kthvalue(b: Builder, x: SSAValue, k: int, dim: int, keepdim: bool) -> tuple[SSAValue, SSAValue]:
    """(the k-th smallest element along a dim, counted from 1, its position)."""
    return _one(b, _in_order(b, x, dim, k - 1, 1, descending=False), shape_of(x), dim, keepdim)


@converts(aten.median.dim)
def median(b: Builder, x: SSAValue, dim: int, keepdim: bool) -> tuple[SSAValue, SSAValue]:
    """(the element in the middle along a dim, the lower one of two, its position); the first NaN where there is one."""
    if not shape_of(x):
        return sort(b, x, 0, False)
    dim = normalise_dim(dim, len(shape_of(x)))
    size = shape_of(x)[dim]
    positions = _positions(b, x, dim, (size - 1) // 2, 1, descending=False)
    if not is_integer(element_type(x)):
        positions = b.pointwise(
            [positions, _first_nan(b, x, dim)],
            lambda s, args: s.select(s.compare("lt", args[1], s.like(size, args[1])), args[1], args[0]),
            i64,
        )
    return _one(b, (gather(b, x, dim, positions, False), positions), shape_of(x), dim, keepdim)


@converts(aten.median.default)
def median_all(b: Builder, x: SSAValue) -> SSAValue:
    """The element in the middle of all."""
    count = math.prod(shape_of(x))
    if not count:
        raise Unsupported("the median of no elements; give it at least one")
    return median(b, b.reshape(x, (count,)), 0, False)[0]


@converts(aten.nanmedian.dim)
def nanmedian(b: Builder, x: SSAValue, dim: int, keepdim: bool) -> tuple[SSAValue, SSAValue]:
    """(the element in the middle of the numbers along a dim, the lower one of two, its position); NaN where there is no
    number."""
    if not shape_of(x) or is_integer(element_type(x)):
        return median(b, x, dim, keepdim)
    dim = normalise_dim(dim, len(shape_of(x)))
    numbers = b.pointwise([x], lambda s, args: s.cast(s.not_(s.is_nan(args[0])), i64), i64)

    def middle(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        zero, one = s.like(0, args[0]), s.like(1, args[0])
        return s.floor_div(s.max(s.sub(args[0], one), zero), s.like(2, zero))

    rank = b.pointwise([b.sum(numbers, (dim,), keepdim=True)], middle, i64)  # a NaN comes last
    found = tuple(gather(b, part, dim, rank, False) for part in _in_order(b, x, dim, 0, None, descending=False))
    return _one(b, (found[0], found[1]), shape_of(x), dim, keepdim)


@converts(aten.nanmedian.default)
def nanmedian_all(b: Builder, x: SSAValue) -> SSAValue:
    """The element in the middle of all numbers."""
    count = math.prod(shape_of(x))
    if not count:
        raise Unsupported("the median of no elements; give it at least one")
    return nanmedian(b, b.reshape(x, (count,)), 0, False)[0]


@converts(aten.mode.default)
def mode(b: Builder, x: SSAValue, dim: int, keepdim: bool) -> tuple[SSAValue, SSAValue]:
    """(the most frequent element along a dim, the least of several, the position of its last one); a NaN only
    where there is no number."""
    if not shape_of(x):
        return x, b.splat(0, (), i64)
    shape, rank = shape_of(x), len(shape_of(x))
    dim = normalise_dim(dim, rank)
    own = AffineMap.identity(rank)
    kept = AffineMap(rank, 0, tuple(AffineDimExpr(axis) for axis in range(rank) if axis != dim))
    pair = AffineMap(rank + 1, 0, tuple(AffineDimExpr(axis) for axis in range(rank)))
    other = AffineMap(rank + 1, 0, tuple(AffineDimExpr(rank if axis == dim else axis) for axis in range(rank)))
    iterators = [REDUCTION if axis == dim else PARALLEL for axis in range(rank)]
    rest = [size for axis, size in enumerate(shape) if axis != dim]
    (counts,) = b.generic(
        [(x, pair), (x, other)],
        [(b.splat(0, shape, i64), pair)],
        [PARALLEL] * rank + [REDUCTION],
        lambda s, args: (s.add(args[2], s.cast(s.compare("eq", args[0], args[1]), i64)),),
    )
    most = b.max(counts, (dim,))

    def better(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        value, count, highest, best, at = args
        unset = s.compare("lt", at, s.like(0, at))
        hit = s.and_(s.compare("eq", count, highest), s.or_(unset, s.compare("le", value, best)))
        return s.select(hit, value, best), s.select(hit, s.index(dim, i64), at)

    found = b.generic(
        [(x, own), (counts, own), (most, kept)],
        [(b.splat(0, rest, element_type(x)), kept), (b.splat(-1, rest, i64), kept)],
        iterators,
        better,
    )
    values, positions = (b.keep_dims(result, shape, (dim,)) if keepdim else result for result in found)
    return values, positions


@converts(aten.searchsorted.Tensor)
def searchsorted(
    b: Builder,
    boundaries: SSAValue,
    x: SSAValue,
    narrow: bool,
    right: bool,
    side: str | None,
    sorter: SSAValue | None,
) -> SSAValue:
    """How many boundaries (sorted along the last dim, of x's leading dims or of none) are below each element of x."""
    right = right or side == "right"
    if sorter is not None:
        boundaries = gather(b, boundaries, -1, sorter, False)
    rank, own = len(shape_of(x)), len(shape_of(boundaries))
    lead: list[AffineExpr] = [AffineDimExpr(dim) for dim in range(own - 1)]
    (count,) = b.generic(
        [
            (boundaries, AffineMap(rank + 1, 0, (*lead, AffineDimExpr(rank)))),
            (x, AffineMap(rank + 1, 0, tuple(AffineDimExpr(dim) for dim in range(rank)))),
        ],
        [(b.splat(0, shape_of(x), i64), AffineMap(rank + 1, 0, tuple(AffineDimExpr(dim) for dim in range(rank))))],
        [PARALLEL] * rank + [REDUCTION],
        lambda s, args: (s.add(args[2], s.cast(_below(s, args[0], args[1], right), i64)),),
    )
    return b.cast(count, i32) if narrow else count


@converts(aten.searchsorted.Scalar)
def searchsorted_number(
    b: Builder,
    boundaries: SSAValue,
    number: float,
    narrow: bool,
    right: bool,
    side: str | None,
    sorter: SSAValue | None,
) -> SSAValue:
    """How many of the sorted boundaries[n] are below a number, or with `right` not above it."""
    type_ = element_type(boundaries)
    if is_integer(type_) and not float(number).is_integer():
        raise Unsupported("looks for a number that is not whole among integers; convert them to a float dtype first")
    return searchsorted(b, boundaries, b.splat(number, (), type_), narrow, right, side, sorter)


@converts(aten.bucketize.Scalar)
def bucketize_number(b: Builder, number: float, boundaries: SSAValue, narrow: bool, right: bool) -> SSAValue:
    """How many of the sorted boundaries[n] are below a number, or with `right` not above it."""
    return searchsorted_number(b, boundaries, number, narrow, right, None, None)


@converts(aten.bucketize.Tensor)
def bucketize(b: Builder, x: SSAValue, boundaries: SSAValue, narrow: bool, right: bool) -> SSAValue:
    """How many of the sorted boundaries[n] are below each element of x."""
    return searchsorted(b, boundaries, x, narrow, right, None, None)


@converts(aten.repeat_interleave.Tensor)
def repeats(b: Builder, counts: SSAValue, output_size: int) -> SSAValue:
    """Each index of counts[n] as often as its count says. Counts of another sum than the output's size end the program with a
    message."""
    if 0 in (output_size, *shape_of(counts)):
        return b.splat(0, (output_size,), element_type(counts))
    ends = cumsum(b, counts, 0, None)
    exact = zero_if_equal(b, b.slice_dim(ends, 0, shape_of(ends)[0] - 1, 1), output_size)
    places = b.pointwise([exact], lambda s, args: s.add(s.index(0, i64), args[0]), i64, (output_size,))
    return b.cast(searchsorted(b, ends, places, False, True, None, None), element_type(counts))


@converts(aten.histc.default)
def histc(b: Builder, x: SSAValue, bins: int, low: float, high: float) -> SSAValue:
    """How many elements are in each of `bins` equal parts of [low, high], or where these are the same of [least, largest];
    the last part has its upper end too."""
    type_ = element_type(x)
    if type_ not in (Float32Type(), Float64Type()):
        raise Unsupported(
            f"a histogram of {type_}, which rounds the limits of the parts; convert the tensor to float32 first"
        )
    flat = b.reshape(x, (math.prod(shape_of(x)),))
    if 0 in shape_of(flat):
        return b.splat(0, (bins,), type_)
    ends = [b.splat(number, (), type_) for number in (low, high)]
    if low == high:
        ends = [b.min(flat, (0,)), b.max(flat, (0,))]

    def part_of(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        value, first, last = args
        # A range of one number reaches one to either side.
        single, one = s.compare("eq", first, last), s.like(1, first)
        first = s.select(single, s.sub(first, one), first)
        last = s.select(single, s.add(last, one), last)
        inside = s.and_(s.compare("ge", value, first), s.compare("le", value, last))
        part = s.div(s.mul(s.sub(s.select(inside, value, first), first), s.like(bins, value)), s.sub(last, first))
        part = s.cast(part, i64)
        return s.select(inside, s.min(part, s.like(bins - 1, part)), s.like(-1, part))

    parts = b.pointwise([flat, *ends], part_of, i64)
    bin_, element = AffineDimExpr(0), AffineDimExpr(1)
    (counts,) = b.generic(
        [(parts, AffineMap(2, 0, (element,)))],
        [(b.splat(0, (bins,), i64), AffineMap(2, 0, (bin_,)))],
        [PARALLEL, REDUCTION],
        lambda s, args: (s.add(args[1], s.cast(s.compare("eq", args[0], s.index(0, i64)), i64)),),
    )
    return b.cast(counts, type_)


def _below(s: Scalars, boundary: SSAValue, x: SSAValue, right: bool) -> SSAValue:
    """Whether a boundary is below x, or with `right` not above it; every boundary that is a number is below a NaN."""
    if right:
        return s.not_(_before(s, x, boundary, descending=False))
    return _before(s, boundary, x, descending=False)


def _before(s: Scalars, x: SSAValue, y: SSAValue, *, descending: bool) -> SSAValue:
    """Whether x comes before y."""
    if descending:
        x, y = y, x
    less = s.compare("lt", x, y)
    if is_integer(s.type_of(x)):
        return less
    return s.or_(less, s.and_(s.is_nan(y), s.not_(s.is_nan(x))))


def _in_order(
    b: Builder, x: SSAValue, dim: int, first: int, count: int | None, *, descending: bool
) -> tuple[SSAValue, SSAValue]:
    """(elements, positions) of the ranks from `first` on along a dim, `count` of them or all."""
    positions = _positions(b, x, dim, first, count, descending=descending)
    return gather(b, x, dim, positions, False), positions


def _positions(b: Builder, x: SSAValue, dim: int, first: int, count: int | None, *, descending: bool) -> SSAValue:
    """Where the elements of the ranks from `first` on stand along a dim, `count` of them or all."""
    if not shape_of(x):
        positions = _positions(b, b.reshape(x, (1,)), 0, first, count, descending=descending)
        return b.reshape(positions, ()) if shape_of(positions) == (1,) else positions
    shape, rank = shape_of(x), len(shape_of(x))
    dim = normalise_dim(dim, rank)
    result = list(shape)
    result[dim] = shape[dim] - first if count is None else count
    if 0 in shape or 0 in result:
        return b.empty(result, i64)
    identity = AffineMap(rank + 1, 0, tuple(AffineDimExpr(axis) for axis in range(rank)))
    other = AffineMap(rank + 1, 0, tuple(AffineDimExpr(rank if axis == dim else axis) for axis in range(rank)))
    iterators = [PARALLEL] * rank + [REDUCTION]

    def count_before(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        y, own, before = args
        earlier = _before(s, y, own, descending=descending)
        later = _before(s, own, y, descending=descending)
        tie = s.and_(s.not_(later), s.compare("lt", s.index(rank, i64), s.index(dim, i64)))
        return (s.add(before, s.cast(s.or_(earlier, tie), i64)),)

    def position_of(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        found = s.compare("eq", args[0], s.add(s.index(dim, i64), s.constant(first, i64)))
        return (s.select(found, s.index(rank, i64), args[1]),)

    (ranks,) = b.generic([(x, other), (x, identity)], [(b.splat(0, shape, i64), identity)], iterators, count_before)
    return b.generic([(ranks, other)], [(b.splat(0, result, i64), identity)], iterators, position_of)[0]


def _first_nan(b: Builder, x: SSAValue, dim: int) -> SSAValue:
    """The position of the first NaN along a dim, which is kept; its size where there is none."""
    shape = shape_of(x)
    kept = AffineMap(len(shape), 0, tuple(AffineDimExpr(axis) for axis in range(len(shape)) if axis != dim))
    rest = [size for axis, size in enumerate(shape) if axis != dim]
    (first,) = b.generic(
        [(x, AffineMap.identity(len(shape)))],
        [(b.splat(shape[dim], rest, i64), kept)],
        [REDUCTION if axis == dim else PARALLEL for axis in range(len(shape))],
        lambda s, args: (s.select(s.is_nan(args[0]), s.min(args[1], s.index(dim, i64)), args[1]),),
    )
    return b.keep_dims(first, shape, (dim,))


def _one(
    b: Builder, found: tuple[SSAValue, SSAValue], shape: Sequence[int], dim: int, keepdim: bool
) -> tuple[SSAValue, SSAValue]:
    """(element, position), without the dim of size one unless it is kept."""
    if not shape or keepdim:
        return found
    rest = [size for axis, size in enumerate(shape) if axis != normalise_dim(dim, len(shape))]
    return b.reshape(found[0], rest), b.reshape(found[1], rest)
