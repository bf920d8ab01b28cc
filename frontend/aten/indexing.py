"""Reads and writes at positions that a tensor gives: index, gather, embedding, index_put, scatter.

Reads extract elements in the body of a generic. A write is turned round: every element of the result looks through the
positions, in order, for those that mean it; so nothing is written twice and the last write wins, as in PyTorch.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from cedr.frontend.aten.registry import Unsupported, converts, normalise_dim
from cedr.frontend.builder import PARALLEL, REDUCTION, Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars, highest_number, lowest_number
from cedr.frontend.types import is_boolean, is_integer

aten = torch.ops.aten

Combine = Callable[[Scalars, SSAValue, SSAValue], SSAValue]
"""(old element, written element) to new element."""


@converts(aten.index.Tensor)
def index(b: Builder, x: SSAValue, indices: Sequence[SSAValue | None]) -> SSAValue:
    """x[indices]: the given dims are read at the indices, broadcast together; negative ones count from the end.

    Their dims stand where the indexed ones stood if these are next to each other, else first.
    """
    _check_integers(indices)
    shape = shape_of(x)
    picked = {dim: value for dim, value in enumerate(indices) if value is not None}
    if not picked:
        return x
    positions, lead = _positions_shape(picked)
    kept = [dim for dim in range(len(shape)) if dim not in picked]
    result = [*(shape[dim] for dim in kept[:lead]), *positions, *(shape[dim] for dim in kept[lead:])]
    loops = dict(zip(kept, (*range(lead), *range(lead + len(positions), len(result))), strict=True))

    def body(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        given = dict(zip(picked, args, strict=False))
        at = [_from_end(s, given[dim], size) if dim in given else s.loop(loops[dim]) for dim, size in enumerate(shape)]
        return (s.extract(x, at),)

    return b.generic(
        [(value, _broadcast_at(shape_of(value), positions, lead, len(result))) for value in picked.values()],
        [(b.empty(result, element_type(x)), AffineMap.identity(len(result)))],
        [PARALLEL] * len(result),
        body,
    )[0]


@converts(aten.embedding.default)
def embedding(
    b: Builder, weight: SSAValue, indices: SSAValue, padding_index: int, by_frequency: bool, sparse: bool
) -> SSAValue:
    """Rows of W[n, e] at indices[*s]: Y[*s, e]. What the other arguments say concerns gradients only."""
    rows = shape_of(indices)
    result = (*rows, shape_of(weight)[1])
    return b.generic(
        [(indices, AffineMap(len(result), 0, tuple(AffineDimExpr(dim) for dim in range(len(rows)))))],
        [(b.empty(result, element_type(weight)), AffineMap.identity(len(result)))],
        [PARALLEL] * len(result),
        lambda s, args: (s.extract(weight, [args[0], s.loop(len(rows))]),),
    )[0]


@converts(aten.index_select.default)
def index_select(b: Builder, x: SSAValue, dim: int, indices: SSAValue) -> SSAValue:
    """The slices of x along a dim at indices[n]."""
    shape = shape_of(x)
    if not shape:
        return b.reshape(index_select(b, b.reshape(x, (1,)), 0, b.reshape(indices, (1,))), ())
    dim = normalise_dim(dim, len(shape))
    indices = b.reshape(indices, (math.prod(shape_of(indices)),))
    result = [shape_of(indices)[0] if axis == dim else size for axis, size in enumerate(shape)]
    return b.generic(
        [(indices, AffineMap(len(result), 0, (AffineDimExpr(dim),)))],
        [(b.empty(result, element_type(x)), AffineMap.identity(len(result)))],
        [PARALLEL] * len(result),
        lambda s, args: (s.extract(x, [args[0] if axis == dim else s.loop(axis) for axis in range(len(shape))]),),
    )[0]


@converts(aten.gather.default)
def gather(b: Builder, x: SSAValue, dim: int, indices: SSAValue, sparse: bool) -> SSAValue:
    """The elements of x at the indices' own positions but for one dim, where the index is taken."""
    if not shape_of(x) or not shape_of(indices):
        whole = gather(b, _at_least_1d(b, x), 0, _at_least_1d(b, indices), sparse)
        return b.reshape(whole, shape_of(indices))
    rank = len(shape_of(x))
    dim = normalise_dim(dim, rank)
    return b.pointwise(
        [indices],
        lambda s, args: s.extract(x, [args[0] if axis == dim else s.loop(axis) for axis in range(rank)]),
        element_type(x),
    )


@converts(aten.index_put.default)
def index_put(
    b: Builder, x: SSAValue, indices: Sequence[SSAValue | None], values: SSAValue, accumulate: bool
) -> SSAValue:
    """x with x[indices] set to the values, which broadcast, or with the values added there."""
    masks = [value for value in indices if value is not None and is_boolean(element_type(value))]
    if masks:
        return _masked_put(b, x, indices, values, accumulate)
    _check_integers(indices)
    shape = shape_of(x)
    picked = {dim: value for dim, value in enumerate(indices) if value is not None}
    if not picked:
        raise Unsupported("sets a whole tensor by no index; assign the values themselves")
    positions, lead = _positions_shape(picked)
    kept = [dim for dim in range(len(shape)) if dim not in picked]
    rank = len(shape)
    loops = rank + len(positions)
    # Dims of the values: those kept before, those of the positions (loops after x's dims), those kept after.
    place = [*kept[:lead], *range(rank, loops), *kept[lead:]]
    sizes = [*(shape[dim] for dim in kept[:lead]), *positions, *(shape[dim] for dim in kept[lead:])]
    given = shape_of(values)
    first = len(place) - len(given)
    values_map = tuple(
        AffineConstantExpr(0) if size == 1 and sizes[first + axis] != 1 else AffineDimExpr(place[first + axis])
        for axis, size in enumerate(given)
    )

    def hit(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        return _all(
            s,
            [
                s.compare("eq", _from_end(s, s.cast(arg, i64), shape[dim]), s.index(dim, i64))
                for dim, arg in zip(picked, args, strict=False)
            ],
        )

    maps = [_broadcast_at(shape_of(value), positions, rank, loops) for value in picked.values()]
    combine: Combine = (lambda s, old, new: s.add(old, new)) if accumulate else (lambda s, old, new: new)
    return _search(b, x, [*zip(picked.values(), maps, strict=True)], (values, values_map), positions, hit, combine)


def _masked_put(
    b: Builder, x: SSAValue, indices: Sequence[SSAValue | None], values: SSAValue, accumulate: bool
) -> SSAValue:
    """x[mask] = value: of one mask and one value, a choice per element."""
    (mask, *others) = [value for value in indices if value is not None]
    if others or indices[0] is None or math.prod(shape_of(values)) != 1:
        raise Unsupported("sets the elements at a mask to several values; use torch.where with values of x's shape")
    shape = shape_of(x)
    mask = b.reshape(mask, (*shape_of(mask), *[1] * (len(shape) - len(shape_of(mask)))))
    return b.pointwise(
        [mask, x, b.reshape(values, ())],
        lambda s, args: s.select(args[0], s.add(args[1], args[2]) if accumulate else args[2], args[1]),
        element_type(x),
        shape,
    )


@converts(aten.scatter.src)
def scatter(b: Builder, x: SSAValue, dim: int, indices: SSAValue, source: SSAValue) -> SSAValue:
    """x with the source's elements set at the indices along a dim."""
    return _scatter(b, x, dim, indices, source, lambda s, old, new: new)


@converts(aten.scatter.value)
def scatter_value(b: Builder, x: SSAValue, dim: int, indices: SSAValue, value: float) -> SSAValue:
    """x with a number set at the indices along a dim."""
    return scatter(b, x, dim, indices, b.splat(value, shape_of(indices), element_type(x)))


@converts(aten.scatter_add.default)
def scatter_add(b: Builder, x: SSAValue, dim: int, indices: SSAValue, source: SSAValue) -> SSAValue:
    """x with the source's elements added at the indices along a dim."""
    return _scatter(b, x, dim, indices, source, lambda s, old, new: s.add(old, new))


@converts(aten.scatter.reduce)
def scatter_by(b: Builder, x: SSAValue, dim: int, indices: SSAValue, source: SSAValue, reduce: str) -> SSAValue:
    """x with the source's elements added to it or multiplied at the indices along a dim."""
    return scatter_reduce(b, x, dim, indices, source, {"add": "sum", "multiply": "prod"}[reduce], True)


@converts(aten.scatter.value_reduce)
def scatter_value_by(b: Builder, x: SSAValue, dim: int, indices: SSAValue, value: float, reduce: str) -> SSAValue:
    """x with a number added or multiplied at the indices along a dim."""
    return scatter_by(b, x, dim, indices, b.splat(value, shape_of(indices), element_type(x)), reduce)


_STEPS: dict[str, Combine] = {
    "sum": lambda s, old, new: s.add(old, new),
    "mean": lambda s, old, new: s.add(old, new),
    "prod": lambda s, old, new: s.mul(old, new),
    "amax": lambda s, old, new: s.max(old, new),
    "amin": lambda s, old, new: s.min(old, new),
}


@converts(aten.scatter_reduce.two)
def scatter_reduce(
    b: Builder, x: SSAValue, dim: int, indices: SSAValue, source: SSAValue, reduce: str, include_self: bool
) -> SSAValue:
    """x reduced with the source's elements at the indices along a dim; without `include_self`, x where none is."""
    type_ = element_type(x)
    if is_boolean(type_) or (reduce == "mean" and is_integer(type_)):
        raise Unsupported(f"reduces {type_} by '{reduce}'; convert the tensors to float32 first")
    start = x
    if not include_self:
        neutral = {"amax": lowest_number(type_), "amin": highest_number(type_), "prod": 1}.get(reduce, 0)
        start = b.splat(neutral, shape_of(x), type_)
    result = _scatter(b, start, dim, indices, source, _STEPS[reduce])
    if include_self and reduce != "mean":
        return result
    ones, zeros = b.splat(1, shape_of(indices), type_), b.splat(0, shape_of(x), type_)
    count = _scatter(b, zeros, dim, indices, ones, _STEPS["sum"])

    def finish(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        total, times, old = args
        one = s.like(1, times)
        if reduce == "mean":
            total = s.div(total, s.add(times, one) if include_self else s.max(times, one))
        return total if include_self else s.select(s.compare("eq", times, s.like(0, times)), old, total)

    return b.pointwise([result, count, x], finish, type_)


def _scatter(b: Builder, x: SSAValue, dim: int, indices: SSAValue, source: SSAValue, combine: Combine) -> SSAValue:
    """x combined with source[p] at p, but for one dim the index at p."""
    if not shape_of(x) or not shape_of(indices):
        shape = shape_of(x)
        lifted = [_at_least_1d(b, value) for value in (x, indices, source)]
        return b.reshape(_scatter(b, lifted[0], 0, lifted[1], lifted[2], combine), shape)
    shape, taken = shape_of(x), shape_of(indices)
    dim = normalise_dim(dim, len(shape))
    source = b.slice(source, [0] * len(taken), taken)
    # Positions that no index is given for name no element: -1.
    rest = [0 if axis == dim else size - given for axis, (size, given) in enumerate(zip(shape, taken, strict=True))]
    none = [0] * len(rest)
    indices, source = b.pad(indices, none, rest, -1), b.pad(source, none, rest, 0)
    rank = len(shape)
    results: list[AffineExpr] = [AffineDimExpr(rank if axis == dim else axis) for axis in range(rank)]

    def hit(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        return s.compare("eq", s.cast(args[0], i64), s.index(dim, i64))

    map_ = AffineMap(rank + 1, 0, tuple(results))
    return _search(b, x, [(indices, map_)], (source, tuple(results)), (taken[dim],), hit, combine)


def _search(
    b: Builder,
    x: SSAValue,
    indices: Sequence[tuple[SSAValue, AffineMap]],
    values: tuple[SSAValue, Sequence[AffineExpr]],
    steps: Sequence[int],
    hit: Callable[[Scalars, Sequence[SSAValue]], SSAValue],
    combine: Combine,
) -> SSAValue:
    """x, each element combined with the values of the steps, in order, at which `hit(indices)` holds."""
    rank = len(shape_of(x))
    loops = rank + len(steps)
    if 0 in steps or 0 in shape_of(x):
        return x

    def body(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        *at, new, old = args
        return (s.select(hit(s, at), combine(s, old, new), old),)

    return b.generic(
        [*indices, (values[0], AffineMap(loops, 0, tuple(values[1])))],
        [(x, AffineMap(loops, 0, tuple(AffineDimExpr(dim) for dim in range(rank))))],
        [PARALLEL] * rank + [REDUCTION] * len(steps),
        body,
    )[0]


@converts(aten.as_strided.default)
def as_strided(b: Builder, x: SSAValue, size: Sequence[int], stride: Sequence[int], offset: int | None) -> SSAValue:
    """Elements of x's memory at strides; x has to be dense there and the elements within it."""
    order = b.dense_order()
    count = math.prod(shape_of(x))
    first = offset or 0
    last = first + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if order is None or (last >= count and 0 not in size):
        raise Unsupported("reads memory that is not the tensor's own; index the tensor that the memory belongs to")
    flat = b.reshape(b.transpose(x, order), (count,))
    place: AffineExpr = AffineConstantExpr(first)
    for dim, step in enumerate(stride):
        if step:
            place = place + AffineDimExpr(dim) * step
    return b.indexed(flat, [place], size)


def _check_integers(indices: Sequence[SSAValue | None]) -> None:
    if any(value is not None and is_boolean(element_type(value)) for value in indices):
        raise Unsupported("a mask's number of elements depends on data; use torch.where")


def _positions_shape(picked: dict[int, SSAValue]) -> tuple[tuple[int, ...], int]:
    """(shape of the indices broadcast together, how many of the dims that are not indexed stand before them)."""
    dims = list(picked)
    adjacent = dims == list(range(dims[0], dims[-1] + 1))
    return tuple(np.broadcast_shapes(*map(shape_of, picked.values()))), dims[0] if adjacent else 0


def _broadcast_at(shape: Sequence[int], positions: Sequence[int], lead: int, loops: int) -> AffineMap:
    """The map that reads a tensor which broadcasts to `positions`, whose loops begin at `lead`."""
    first = len(positions) - len(shape)
    return AffineMap(
        loops,
        0,
        tuple(
            AffineConstantExpr(0) if size == 1 and positions[first + axis] != 1 else AffineDimExpr(lead + first + axis)
            for axis, size in enumerate(shape)
        ),
    )


def _from_end(s: Scalars, position: SSAValue, size: int) -> SSAValue:
    """A position with negative ones counted from the end of a dim."""
    negative = s.compare("lt", position, s.like(0, position))
    return s.select(negative, s.add(position, s.like(size, position)), position)


def _all(s: Scalars, conditions: Sequence[SSAValue]) -> SSAValue:
    result, *others = conditions
    for other in others:
        result = s.and_(result, other)
    return result


def _at_least_1d(b: Builder, value: SSAValue) -> SSAValue:
    return value if shape_of(value) else b.reshape(value, (1,))
