"""Ops that move elements without computing: views, permutations, slices, joins, borders."""

import math
import operator
import sys
from collections.abc import Sequence

import torch
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from cedr.frontend.aten.registry import Result, Unsupported, converts, normalise_dim
from cedr.frontend.builder import PARALLEL, REDUCTION, Builder, element_type, shape_of
from cedr.frontend.open_sizes import is_empty, is_one, is_open, same_shape
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import scalar_type, torch_dtype

aten = torch.ops.aten


@converts(aten.view.default, aten._unsafe_view.default, aten.reshape.default)
def view(b: Builder, x: SSAValue, size: Sequence[int]) -> SSAValue:
    """The elements in the same order under another shape; one size may be -1."""
    shape = list(size)
    rest = [dim for dim, length in enumerate(shape) if isinstance(length, int) and length == -1]
    for dim in rest:
        known = math.prod(length for other, length in enumerate(shape) if other != dim)
        shape[dim] = 0 if is_empty((known,)) else math.prod(shape_of(x)) // known
    return b.reshape(x, shape)


@converts(aten.permute.default)
def permute(b: Builder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """Dim i of the result is dim dims[i] of x."""
    rank = len(shape_of(x))
    return b.transpose(x, [normalise_dim(dim, rank) for dim in dims])


@converts(aten.t.default)
def matrix_transpose(b: Builder, x: SSAValue) -> SSAValue:
    """The transpose of a matrix; vectors stay."""
    return b.transpose(x, list(range(len(shape_of(x))))[::-1])


@converts(aten.transpose.int)
def transpose(b: Builder, x: SSAValue, first: int, second: int) -> SSAValue:
    """Two dims exchanged."""
    rank = len(shape_of(x))
    order = list(range(rank))
    if rank:
        i, j = normalise_dim(first, rank), normalise_dim(second, rank)
        order[i], order[j] = order[j], order[i]
    return b.transpose(x, order)


@converts(aten.unsqueeze.default)
def unsqueeze(b: Builder, x: SSAValue, dim: int) -> SSAValue:
    """A dim of size one inserted."""
    shape = list(shape_of(x))
    shape.insert(dim % (len(shape) + 1), 1)
    return b.reshape(x, shape)


@converts(aten.squeeze.dims)
def squeeze_dims(b: Builder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """Dims of size one left out; dims of other sizes stay."""
    shape = shape_of(x)
    dropped = {normalise_dim(dim, len(shape)) for dim in dims}
    return b.reshape(x, [size for dim, size in enumerate(shape) if not is_one(size) or dim not in dropped])


@converts(aten.squeeze.dim)
def squeeze_dim(b: Builder, x: SSAValue, dim: int) -> SSAValue:
    """A dim of size one left out; a dim of another size stays."""
    shape = shape_of(x)
    dropped = normalise_dim(dim, len(shape))
    return b.reshape(x, [size for i, size in enumerate(shape) if not is_one(size) or i != dropped])


@converts(aten.squeeze.default)
def squeeze(b: Builder, x: SSAValue) -> SSAValue:
    """All dims of size one left out."""
    return b.reshape(x, [size for size in shape_of(x) if not is_one(size)])


@converts(aten.expand.default)
def expand(b: Builder, x: SSAValue, size: Sequence[int], implicit: bool) -> SSAValue:
    """Repeated along dims of size one and new leading dims; -1 keeps a size."""
    shape = shape_of(x)
    first = len(size) - len(shape)
    return b.broadcast(
        x, [shape[dim - first] if not is_open(length) and length == -1 else length for dim, length in enumerate(size)]
    )


@converts(aten.repeat.default)
def repeat(b: Builder, x: SSAValue, times: Sequence[int]) -> SSAValue:
    """Copies side by side: times[i] of them along dim i, missing dims in front."""
    shape = (1,) * (len(times) - len(shape_of(x))) + shape_of(x)
    paired = [size for pair in zip((1,) * len(shape), shape, strict=True) for size in pair]
    wide = [size for pair in zip(times, shape, strict=True) for size in pair]
    result = [count * size for count, size in zip(times, shape, strict=True)]
    return b.reshape(b.broadcast(b.reshape(x, paired), wide), result)


@converts(aten.slice.Tensor)
def slice_dim(b: Builder, x: SSAValue, dim: int, start: int | None, end: int | None, step: int) -> SSAValue:
    """Every step-th element along a dim, as a Python slice."""
    axis = normalise_dim(dim, len(shape_of(x)))
    first, count = _sliced(shape_of(x)[axis], start, end, step)
    return b.slice_dim(x, axis, first, count, step)


@converts(aten.narrow_copy.default)
def narrow_copy(b: Builder, x: SSAValue, dim: int, start: int, length: int) -> SSAValue:
    """So many elements along a dim from a start, which counts from the end where it is negative."""
    axis = normalise_dim(dim, len(shape_of(x)))
    first = start + shape_of(x)[axis] if not is_open(start) and start < 0 else start
    return b.slice_dim(x, axis, first, length, 1)


def _sliced(size: int, start: int | None, end: int | None, step: int) -> tuple[int, int]:
    """The first one and the number of the indices that a Python slice chooses of so many; (0, 0) for none."""
    if not any(map(is_open, (size, start, end))):
        chosen = range(size)[slice(start, end, step)]
        return (chosen.start, len(chosen)) if chosen else (0, 0)

    def place(index: int) -> int:
        index = index + size if index < 0 else index
        return size if index >= sys.maxsize else min(max(index, 0), size)

    first, last = place(start or 0), size if end is None else place(end)
    return (first, (last - first + step - 1) // step) if last > first else (0, 0)


@converts(aten.select.int)
def select(b: Builder, x: SSAValue, dim: int, index: int) -> SSAValue:
    """One index along a dim, which disappears."""
    shape = shape_of(x)
    axis = normalise_dim(dim, len(shape))
    if x in b.complex_of and axis == len(shape) - 1:
        is_real = index % 2 == 0
        part = scalar_type(torch.float32)
        return b.pointwise([b.complex_of[x]], lambda s, args: (s.real if is_real else s.imaginary)(args[0]), part)
    piece = b.slice_dim(x, axis, index if index >= 0 else shape[axis] + index, 1)
    return b.reshape(piece, [size for i, size in enumerate(shape) if i != axis])


@converts(aten.split_with_sizes.default, aten.split_with_sizes_copy.default)
def split_with_sizes(b: Builder, x: SSAValue, sizes: Sequence[int], dim: int) -> Result:
    """Pieces of the given sizes along a dim; pieces that nothing uses are left out."""
    axis = normalise_dim(dim, len(shape_of(x)))
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return tuple(
        b.slice_dim(x, axis, start, size) if b.is_used(index) else None
        for index, (start, size) in enumerate(zip(starts, sizes, strict=True))
    )


@converts(aten.split.Tensor)
def split(b: Builder, x: SSAValue, size: int, dim: int) -> Result:
    """Pieces of one size along a dim, the last one smaller if need be."""
    total = operator.index(shape_of(x)[normalise_dim(dim, len(shape_of(x)))])
    sizes = [min(size, total - start) for start in range(0, total, size)] if total else [0]
    return split_with_sizes(b, x, sizes, dim)


@converts(aten.unbind.int)
def unbind(b: Builder, x: SSAValue, dim: int) -> Result:
    """All indices along a dim."""
    count = shape_of(x)[normalise_dim(dim, len(shape_of(x)))]
    return tuple(select(b, x, dim, index) if b.is_used(index) else None for index in range(count))


@converts(aten.cat.default)
def cat(b: Builder, tensors: Sequence[SSAValue], dim: int) -> SSAValue:
    """Tensors in a row along a dim, promoted to one dtype; empty vectors among them don't count, as in PyTorch."""
    counted = [x for x in tensors if not same_shape(shape_of(x), (0,))] or list(tensors[:1])
    dtypes = [torch_dtype(element_type(x)) for x in tensors]
    dtype = dtypes[0]
    for other in dtypes[1:]:
        dtype = torch.promote_types(dtype, other)
    axis = normalise_dim(dim, len(shape_of(counted[0])))
    return b.concat([b.cast(x, scalar_type(dtype)) for x in counted], axis)


@converts(aten.stack.default)
def stack(b: Builder, tensors: Sequence[SSAValue], dim: int) -> SSAValue:
    """Tensors in a row along a new dim."""
    return cat(b, [unsqueeze(b, x, dim) for x in tensors], dim)


@converts(aten.constant_pad_nd.default)
def constant_pad(b: Builder, x: SSAValue, widths: Sequence[int], number: float) -> SSAValue:
    """A border of a number: (low, high) widths from the last dim backwards; a negative width takes away."""
    rank = len(shape_of(x))
    low, high = [0] * rank, [0] * rank
    for index in range(len(widths) // 2):
        low[rank - 1 - index], high[rank - 1 - index] = widths[2 * index], widths[2 * index + 1]
    offsets = [max(-width, 0) for width in low]
    sizes = [size - offset + min(width, 0) for size, offset, width in zip(shape_of(x), offsets, high, strict=True)]
    inner = b.slice(x, offsets, sizes)
    return b.pad(inner, [max(width, 0) for width in low], [max(width, 0) for width in high], number)


def border(b: Builder, x: SSAValue, dim: int, low: int, high: int, mode: str) -> SSAValue:
    """The tensor with borders of these widths along a dim, as `torch.nn.functional.pad` fills them: with zeros
    ("constant"), with what the edges mirror ("reflect"), repeat ("replicate") or have at the other side ("circular")."""
    shape = shape_of(x)
    axis, size = normalise_dim(dim, len(shape)), shape_of(x)[dim]
    if mode == "constant":
        before, after = ([width if at == axis else 0 for at in range(len(shape))] for width in (low, high))
        return b.pad(x, before, after, 0)
    if mode == "circular":
        return b.concat([b.slice_dim(x, axis, size - low, low), x, b.slice_dim(x, axis, 0, high)], axis)
    reached: list[AffineExpr] = [AffineConstantExpr(0), AffineConstantExpr(size - 1)]
    if mode == "reflect":
        reached = [AffineConstantExpr(low) - AffineDimExpr(axis), AffineConstantExpr(size - 2) - AffineDimExpr(axis)]

    def edge(width: int, expression: AffineExpr) -> SSAValue:
        expressions = [expression if at == axis else AffineDimExpr(at) for at in range(len(shape))]
        return b.indexed(x, expressions, [width if at == axis else n for at, n in enumerate(shape)])

    return b.concat([edge(low, reached[0]), x, edge(high, reached[1])], axis)


@converts(aten.diagonal.default, aten.diagonal_copy.default)
def diagonal(b: Builder, x: SSAValue, offset: int, first: int, second: int) -> SSAValue:
    """The elements whose indices along two dims differ by the offset, as a last dim."""
    shape = shape_of(x)
    i, j = normalise_dim(first, len(shape)), normalise_dim(second, len(shape))
    length = max(min(shape[i] + min(offset, 0), shape[j] - max(offset, 0)), 0)
    x = b.slice_dim(b.slice_dim(x, i, max(-offset, 0), length), j, max(offset, 0), length)
    rest = [size for dim, size in enumerate(shape) if dim not in (i, j)]
    others = iter(range(len(rest)))
    expressions = [
        AffineDimExpr(len(rest)) if dim in (i, j) else AffineDimExpr(next(others)) for dim in range(len(shape))
    ]
    return b.indexed(x, expressions, (*rest, length))


@converts(aten.flip.default)
def flip(b: Builder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """The order along dims reversed."""
    shape = shape_of(x)
    turned = {normalise_dim(dim, len(shape)) for dim in dims}
    if not shape or not any(shape[dim] > 1 for dim in turned):
        return x
    expressions: list[AffineExpr] = [
        AffineConstantExpr(size - 1) - AffineDimExpr(dim) if dim in turned and size > 1 else AffineDimExpr(dim)
        for dim, size in enumerate(shape)
    ]
    return b.indexed(x, expressions, shape)


@converts(aten.roll.default)
def roll(b: Builder, x: SSAValue, shifts: Sequence[int], dims: Sequence[int]) -> SSAValue:
    """Elements moved on along dims by shifts, those that leave come in at the start; without dims, of the vector."""
    shape = shape_of(x)
    if not dims:
        return b.reshape(roll(b, b.reshape(x, (math.prod(shape),)), shifts, (0,)), shape)
    for shift, dim in zip(shifts, dims, strict=True):
        axis = normalise_dim(dim, len(shape))
        size = shape[axis] if shape else 1
        cut = -shift % size if size else 0
        if cut:
            x = b.concat([b.slice_dim(x, axis, cut, size - cut), b.slice_dim(x, axis, 0, cut)], axis)
    return x


@converts(aten.unfold.default)
def unfold(b: Builder, x: SSAValue, dim: int, size: int, step: int) -> SSAValue:
    """Windows of a size along a dim, a step apart: which window stays at the dim, the place within it comes last."""
    shape = shape_of(x)
    if not shape:
        return b.reshape(x, (1,)) if size == 1 else b.empty((0,), element_type(x))
    axis, rank = normalise_dim(dim, len(shape)), len(shape)
    result = [*shape, size]
    result[axis] = (shape[axis] - size) // step + 1
    expressions: list[AffineExpr] = [AffineDimExpr(i) for i in range(rank)]
    expressions[axis] = AffineDimExpr(axis) * step + AffineDimExpr(rank)
    return b.indexed(x, expressions, result)


@converts(aten.unfold_backward.default)
def add_windows(b: Builder, x: SSAValue, shape: list[int], dim: int, size: int, step: int) -> SSAValue:
    """Windows X[.., w, .., i] added up where they lie on each other, window w from w * step on: how istft joins its frames.

    One sum: row q of `step` elements has those of the windows from q - (parts - 1) to q, of each a part.
    """
    rank = len(shape)
    if not rank:
        return b.reshape(x, ())
    dim = normalise_dim(dim, rank)
    others = [d for d in range(rank) if d != dim]
    x = b.transpose(x, [*others, dim, rank])
    lead, count = [shape[d] for d in others], shape_of(x)[-2]
    parts = -(-size // step)
    none = [0] * (rank - 1)
    x = b.broadcast(x, [*lead, count, size])  # PyTorch's istft gives one window for all signals
    x = b.pad(x, [*none, parts - 1, 0], [*none, parts - 1, parts * step - size], 0)
    row, place, part = (AffineDimExpr(rank - 1 + d) for d in range(3))
    leading = [AffineDimExpr(d) for d in range(rank - 1)]
    rows = (*lead, count + parts - 1, step)
    (total,) = b.generic(
        [
            (x, AffineMap(rank + 2, 0, (*leading, row + part, part * -step + place + (parts - 1) * step))),
            (b.empty((parts,), element_type(x)), AffineMap(rank + 2, 0, (part,))),
        ],
        [(b.splat(0, rows, element_type(x)), AffineMap(rank + 2, 0, (*leading, row, place)))],
        (*(PARALLEL,) * (rank + 1), REDUCTION),
        lambda s, args: (s.add(args[2], args[0]),),
    )
    length, wanted = (count + parts - 1) * step, shape[dim]
    total = b.reshape(total, (*lead, length))
    fitting = b.slice_dim(total, rank - 1, 0, min(length, wanted))
    result = b.pad(fitting, [*none, 0], [*none, max(wanted - length, 0)], 0)
    return b.transpose(result, [rank - 1 if d == dim else others.index(d) for d in range(rank)])


@converts(aten.slice_scatter.default)
def slice_scatter(
    b: Builder, x: SSAValue, source: SSAValue, dim: int, start: int | None, end: int | None, step: int
) -> SSAValue:
    """x with every step-th index along a dim, as a Python slice, taken from the source instead."""
    shape = shape_of(x)
    axis = normalise_dim(dim, len(shape))
    size = shape[axis]
    chosen = range(size)[slice(start, end, step)]
    if shape_of(source) != (*shape[:axis], len(chosen), *shape[axis + 1 :]):
        raise Unsupported(
            f"sets {len(chosen)} of {size} indices along dim {axis} of shape {list(shape)} from shape"
            f" {list(shape_of(source))}; expand the source to the slice's shape"
        )
    if not len(chosen):
        return x
    source = b.cast(source, element_type(x))
    first, end = chosen[0], chosen[-1] + 1
    if len(chosen) > 1 and step > 1:

        def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
            place = s.sub(s.index(axis, i64), s.constant(first, i64))
            last, gap = s.constant(len(chosen) - 1, i64), s.constant(step, i64)
            which = s.min(s.max(s.div(place, gap), s.constant(0, i64)), last)
            hit = s.compare("eq", s.mul(which, gap), place)
            at = [which if dim == axis else s.loop(dim) for dim in range(len(shape))]
            return s.select(hit, s.extract(source, at), args[0])

        return b.pointwise([x], body, element_type(x))
    pieces = [b.slice_dim(x, axis, 0, first)] if first else []
    pieces.append(source)
    if end < size:
        pieces.append(b.slice_dim(x, axis, end, size - end))
    return b.concat(pieces, axis)


@converts(aten.diagonal_scatter.default)
def diagonal_scatter(b: Builder, x: SSAValue, source: SSAValue, offset: int, first: int, second: int) -> SSAValue:
    """x with the elements whose indices along two dims differ by the offset taken from the source, whose last dim they are."""
    shape = shape_of(x)
    i, j = normalise_dim(first, len(shape)), normalise_dim(second, len(shape))
    length = shape_of(source)[-1]
    if not length:
        return x

    def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        row, column = s.index(i, i64), s.index(j, i64)
        hit = s.compare("eq", s.sub(column, row), s.constant(offset, i64))
        place = s.add(row, s.constant(min(offset, 0), i64))
        place = s.min(s.max(place, s.constant(0, i64)), s.constant(length - 1, i64))
        at = [*(s.loop(dim) for dim in range(len(shape)) if dim not in (i, j)), place]
        return s.select(hit, s.cast(s.extract(source, at), element_type(x)), args[0])

    return b.pointwise([x], body, element_type(x))
