"""Reads and writes at positions that a tensor gives: index, gather, embedding, index_put, scatter.

Reads extract elements in the body of a generic. A write is turned round: every element of the result looks through the
positions, in order, for those that mean it; so nothing is written twice and the last write wins, as in PyTorch.
"""

import math
from collections.abc import Callable, Sequence

import torch
from xdsl.dialects.builtin import BFloat16Type, Float16Type, Float32Type, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from cedr.frontend.aten.registry import Result, Unsupported, converts, normalise_dim
from cedr.frontend.aten.scans import cumsum
from cedr.frontend.builder import PARALLEL, REDUCTION, Builder, element_type, shape_of
from cedr.frontend.open_sizes import broadcast_shapes, is_one
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


@converts(aten._embedding_bag.default, aten._embedding_bag_forward_only.default)
def embedding_bag(
    b: Builder,
    weight: SSAValue,
    indices: SSAValue,
    offsets: SSAValue,
    by_frequency: bool,
    mode: int,
    sparse: bool,
    factors: SSAValue | None,
    last_offset_given: bool,
    padding_index: int,
) -> Result:
    """(Sums (mode 0), means (1) or maxima (2) of the rows of W[n, e] at the indices[k] of each bag: Y[bags, e]; three more
    results that are left out.)

    A bag starts at its offset and ends at the next one's. The padding index and `sparse`, `by_frequency`: see PyTorch;
    rows at the former count as none, the latter concern gradients only. The bag of no rows is 0.
    """
    count, width = shape_of(indices)[0], shape_of(weight)[1]
    bags = shape_of(offsets)[0] - (1 if last_offset_given else 0)
    type_ = element_type(weight)
    wide = Float32Type() if isinstance(type_, Float16Type | BFloat16Type) else type_
    if 0 in (count, bags, *shape_of(weight)):
        return b.splat(0, (bags, width), type_), None, None, None
    indices, offsets = b.cast(indices, i64), b.cast(offsets, i64)
    starts = b.slice_dim(offsets, 0, 0, bags)
    ends = b.slice_dim(offsets, 0, 1, shape_of(offsets)[0] - 1)
    if not last_offset_given:
        ends = b.concat([ends, b.splat(count, (1,), i64)], 0)
    bag, column, step = (AffineDimExpr(dim) for dim in range(3))

    def taken(s: Scalars, at: SSAValue, start: SSAValue, end: SSAValue, place: SSAValue) -> SSAValue:
        inside = s.and_(s.compare("ge", place, start), s.compare("lt", place, end))
        return s.and_(inside, s.compare("ne", at, s.like(padding_index, at)))

    def row(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        at, start, end, *factor, total = args
        new = s.cast(s.extract(weight, [at, s.loop(1)]), wide)
        if factor:
            new = s.mul(new, s.cast(factor[0], wide))
        new = s.max(total, new) if mode == 2 else s.add(total, new)
        return (s.select(taken(s, at, start, end, s.index(2, i64)), new, total),)

    def more(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        at, start, end, rows = args
        return (s.add(rows, s.cast(taken(s, at, start, end, s.index(1, i64)), i64)),)

    def read(value: SSAValue, at: AffineExpr, loops: int) -> tuple[SSAValue, AffineMap]:
        return value, AffineMap(loops, 0, (at,))

    whole = AffineMap(3, 0, (bag, column))
    inputs = [read(indices, step, 3), read(starts, bag, 3), read(ends, bag, 3)]
    (total,) = b.generic(
        inputs if factors is None else [*inputs, read(factors, step, 3)],
        [(b.splat(lowest_number(wide) if mode == 2 else 0, (bags, width), wide), whole)],
        [PARALLEL, PARALLEL, REDUCTION],
        row,
    )
    if mode:
        inputs = [read(indices, column, 2), read(starts, bag, 2), read(ends, bag, 2)]
        (rows,) = b.generic(inputs, [read(b.splat(0, (bags,), i64), bag, 2)], [PARALLEL, REDUCTION], more)

        def finish(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
            value, number = args
            zero = s.like(0, number)
            if mode == 1:
                return s.div(value, s.cast(s.max(number, s.like(1, number)), wide))
            return s.select(s.compare("eq", number, zero), s.like(0, value), value)

        total = b.pointwise([total, b.reshape(rows, (bags, 1))], finish, wide)
    return b.cast(total, type_), None, None, None


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
    """x with x[indices] set to the values, which broadcast, or with the values added there.

    A position outside of x ends the program with a message.
    """
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
        AffineConstantExpr(0)
        if is_one(size) and not is_one(sizes[first + axis])
        else AffineDimExpr(place[first + axis])
        for axis, size in enumerate(given)
    )

    def hit(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        return _all(s, [s.compare("eq", arg, s.index(dim, i64)) for dim, arg in zip(picked, args, strict=False)])

    maps = [_broadcast_at(shape_of(value), positions, rank, loops) for value in picked.values()]
    at = [_checked(b, value, shape[dim], from_end=True) for dim, value in picked.items()]
    combine: Combine = (lambda s, old, new: s.add(old, new)) if accumulate else (lambda s, old, new: new)
    return _search(b, x, [*zip(at, maps, strict=True)], (values, values_map), positions, hit, combine)


@converts(aten.put.default)
def put(b: Builder, x: SSAValue, indices: SSAValue, values: SSAValue, accumulate: bool) -> SSAValue:
    """x with values set, or added, at positions in all of its elements one after another."""
    flat, at, new = (b.reshape(value, (math.prod(shape_of(value)),)) for value in (x, indices, values))
    return b.reshape(index_put(b, flat, [at], new, accumulate), shape_of(x))


def _masked_put(
    b: Builder, x: SSAValue, indices: Sequence[SSAValue | None], values: SSAValue, accumulate: bool
) -> SSAValue:
    """x with x[..., mask, ...] set to values: a choice per element, from values in the order of the mask's."""
    (mask, *others) = [value for value in indices if value is not None]
    if others:
        raise Unsupported("sets the elements at a mask and at other indices; use torch.where with values of x's shape")
    shape, marks = shape_of(x), shape_of(mask)
    first = next(dim for dim, value in enumerate(indices) if value is not None)
    after = first + len(marks)
    # Values broadcast to x's dims before the mask's, one for all of the mask's, and those after them.
    place = [*range(first), None, *range(after, len(shape))]
    given = shape_of(values)
    axes = place[len(place) - len(given) :]
    several = next((size for axis, size in zip(axes, given, strict=True) if axis is None and size != 1), None)
    if several is None:
        values = b.reshape(values, [size for axis, size in zip(axes, given, strict=True) if axis is not None])
        values = _spread_at(b, values, [axis for axis in axes if axis is not None], shape)
        mask = _spread_at(b, mask, range(first, after), shape)
        return b.pointwise(
            [mask, x, values],
            lambda s, args: s.select(args[0], s.add(args[1], args[2]) if accumulate else args[2], args[1]),
            element_type(x),
        )
    if 0 in given or 0 in shape:
        return x
    number = _numbered(b, mask, several)

    def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        old, marked, at = args
        position = [
            at if axis is None else s.loop(axis) if size != 1 else s.constant(0, i64)
            for axis, size in zip(axes, given, strict=True)
        ]
        new = s.extract(values, position)
        return s.select(marked, s.add(old, new) if accumulate else new, old)

    spread = [_spread_at(b, value, range(first, after), shape) for value in (mask, number)]
    return b.pointwise([x, *spread], body, element_type(x))


@converts(aten.masked_scatter.default)
def masked_scatter(b: Builder, x: SSAValue, mask: SSAValue, source: SSAValue) -> SSAValue:
    """x with the source's first elements, in order, where the mask holds.

    More places than elements end the program with a message.
    """
    shape = broadcast_shapes(shape_of(x), shape_of(mask))
    x, mask = b.broadcast(x, shape), b.broadcast(mask, shape)
    flat = b.reshape(source, (math.prod(shape_of(source)),))
    if 0 in shape or 0 in shape_of(flat):
        return x
    return b.pointwise(
        [x, mask, _numbered(b, mask, None)],
        lambda s, args: s.select(args[1], s.extract(flat, [args[2]]), args[0]),
        element_type(x),
    )


def _numbered(b: Builder, mask: SSAValue, count: int | None) -> SSAValue:
    """How many elements are marked before each that is, row by row, as i64; 0 for the others. A number of marks that is not
    `count` ends the program, if that is given, with a message."""
    shape = shape_of(mask)
    marks = cumsum(b, b.reshape(mask, (math.prod(shape),)), 0, None)
    if count is None:
        return b.pointwise([b.reshape(marks, shape), mask], lambda s, args: _before_mark(s, *args), i64)
    exact = zero_if_equal(b, b.slice_dim(marks, 0, math.prod(shape) - 1, 1), count)
    return b.pointwise(
        [b.reshape(marks, shape), mask, b.reshape(exact, ())],
        lambda s, args: s.add(_before_mark(s, args[0], args[1]), args[2]),
        i64,
    )


def zero_if_equal(b: Builder, value: SSAValue, number: int) -> SSAValue:
    """0 where i64 elements are a number; any other ends the program with a message: that of reading, at the difference, a
    tensor of one element."""
    zero = b.splat(0, (1,), i64)
    return b.pointwise([value], lambda s, args: s.extract(zero, [s.sub(args[0], s.like(number, args[0]))]), i64)


def _before_mark(s: Scalars, so_far: SSAValue, marked: SSAValue) -> SSAValue:
    return s.select(marked, s.sub(so_far, s.like(1, so_far)), s.like(0, so_far))


def _spread_at(b: Builder, value: SSAValue, dims: Sequence[int], shape: Sequence[int]) -> SSAValue:
    """A value that broadcasts along some dims of a shape, with dims of size one for the others."""
    sizes = dict(zip(dims, shape_of(value), strict=True))
    return b.reshape(value, [sizes.get(dim, 1) for dim in range(len(shape))])


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
    """x reduced with the source's elements at the indices along a dim; without `include_self`, x where none is.

    A mean of integers is rounded down.
    """
    type_ = element_type(x)
    start = x
    if not include_self:
        neutral = {"amax": lowest_number(type_), "amin": highest_number(type_), "prod": 1}.get(reduce, 0)
        start = b.splat(neutral, shape_of(x), type_)
    result = _scatter(b, start, dim, indices, source, _STEPS[reduce])
    if include_self and reduce != "mean":
        return result
    ones, zeros = b.splat(1, shape_of(indices), i64), b.splat(0, shape_of(x), i64)
    count = _scatter(b, zeros, dim, indices, ones, _STEPS["sum"])

    def finish(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        total, times, old = args
        one = s.like(1, times)
        if reduce == "mean":
            number = s.cast(s.add(times, one) if include_self else s.max(times, one), type_)
            total = s.floor_div(total, number) if is_integer(type_) else s.div(total, number)
        return total if include_self else s.select(s.compare("eq", times, s.like(0, times)), old, total)

    return b.pointwise([result, count, x], finish, type_)


@converts(aten.index_reduce.default)
def index_reduce(
    b: Builder, x: SSAValue, dim: int, indices: SSAValue, source: SSAValue, reduce: str, include_self: bool
) -> SSAValue:
    """x reduced with slices of the source at the indices along a dim; without `include_self`, x where none is."""
    shape = shape_of(source)
    if shape:
        dim = normalise_dim(dim, len(shape))
        indices = _spread_at(b, indices, (dim,), shape) if shape_of(indices) else b.reshape(indices, [1] * len(shape))
    else:
        indices = b.reshape(indices, ())
    return scatter_reduce(b, x, dim, b.broadcast(indices, shape), source, reduce, include_self)


def _scatter(b: Builder, x: SSAValue, dim: int, indices: SSAValue, source: SSAValue, combine: Combine) -> SSAValue:
    """x combined with source[p] at p, but for one dim the index at p; one outside of x ends the program with a message."""
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
    indices = b.pad(_checked(b, indices, shape[dim], from_end=False), none, rest, -1)
    source = b.pad(source, none, rest, 0)
    rank = len(shape)
    results: list[AffineExpr] = [AffineDimExpr(rank if axis == dim else axis) for axis in range(rank)]

    def hit(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        return s.compare("eq", args[0], s.index(dim, i64))

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


@converts(aten.as_strided.default, aten.as_strided_copy.default)
def as_strided(b: Builder, x: SSAValue, size: Sequence[int], stride: Sequence[int], offset: int | None) -> SSAValue:
    """Elements of x's memory at strides; x has to be dense there and the elements within it."""
    flat, _ = _memory(b, x, size, stride, offset)
    place: AffineExpr = AffineConstantExpr(offset or 0)
    for dim, step in enumerate(stride):
        if step:
            place = place + AffineDimExpr(dim) * step
    return b.indexed(flat, [place], size)


@converts(aten.as_strided_scatter.default)
def as_strided_scatter(
    b: Builder, x: SSAValue, source: SSAValue, size: Sequence[int], stride: Sequence[int], offset: int | None
) -> SSAValue:
    """x with the source's elements at strides of its memory, which has to be dense there; no element is set twice."""
    flat, order = _memory(b, x, size, stride, offset)
    if 0 in size:
        return x
    outer_first = sorted((dim for dim in range(len(size)) if size[dim] > 1), key=lambda dim: -stride[dim])
    reach = 0
    for dim in reversed(outer_first):
        if stride[dim] <= reach:
            raise Unsupported("sets an element of the tensor's memory more than once; use strides that do not overlap")
        reach += (size[dim] - 1) * stride[dim]

    def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        zero = s.constant(0, i64)
        rest = s.sub(s.index(0, i64), s.like(offset or 0, zero))
        inside = s.compare("ge", rest, zero)
        at = [zero] * len(size)
        for dim in outer_first:
            step, last = s.like(stride[dim], zero), s.like(size[dim] - 1, zero)
            at[dim] = s.min(s.floor_div(s.max(rest, zero), step), last)
            rest = s.sub(rest, s.mul(at[dim], step))
        inside = s.and_(inside, s.compare("eq", rest, zero))
        return s.select(inside, s.extract(source, at), args[0])

    result = b.pointwise([flat], body, element_type(x))
    shape = shape_of(x)
    result = b.reshape(result, [shape[dim] for dim in order])
    return b.transpose(result, [order.index(dim) for dim in range(len(shape))])


def _memory(
    b: Builder, x: SSAValue, size: Sequence[int], stride: Sequence[int], offset: int | None
) -> tuple[SSAValue, tuple[int, ...]]:
    """(x's elements in the order of its memory, the order of its dims there), where the strided ones are among them."""
    order = b.dense_order()
    count = math.prod(shape_of(x))
    last = (offset or 0) + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if order is None or (last >= count and 0 not in size):
        raise Unsupported("touches memory that is not the tensor's own; index the tensor that the memory belongs to")
    return b.reshape(b.transpose(x, order), (count,)), order


def _check_integers(indices: Sequence[SSAValue | None]) -> None:
    if any(value is not None and is_boolean(element_type(value)) for value in indices):
        raise Unsupported("a mask's number of elements depends on data; use torch.where")


def _checked(b: Builder, indices: SSAValue, size: int, *, from_end: bool) -> SSAValue:
    """Positions along a dim of a size as i64, where asked negative ones counted from its end; one outside ends the program
    with a message."""
    if not size or 0 in shape_of(indices):
        return b.cast(indices, i64)
    every = b.pointwise([], lambda s, args: s.index(0, i64), i64, (size,))
    return b.pointwise(
        [indices], lambda s, args: s.extract(every, [_from_end(s, args[0], size) if from_end else args[0]]), i64
    )


def _positions_shape(picked: dict[int, SSAValue]) -> tuple[tuple[int, ...], int]:
    """(shape of the indices broadcast together, how many of the dims that are not indexed stand before them)."""
    dims = list(picked)
    adjacent = dims == list(range(dims[0], dims[-1] + 1))
    return broadcast_shapes(*map(shape_of, picked.values())), dims[0] if adjacent else 0


def _broadcast_at(shape: Sequence[int], positions: Sequence[int], lead: int, loops: int) -> AffineMap:
    """The map that reads a tensor which broadcasts to `positions`, whose loops begin at `lead`."""
    first = len(positions) - len(shape)
    return AffineMap(
        loops,
        0,
        tuple(
            AffineConstantExpr(0)
            if is_one(size) and not is_one(positions[first + axis])
            else AffineDimExpr(lead + first + axis)
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
