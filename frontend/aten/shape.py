"""Ops that move elements without computing: views, permutations, slices, joins, borders."""

from collections.abc import Sequence

import torch
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr

from cedr.frontend.aten.registry import Result, converts, normalise_dim
from cedr.frontend.builder import Builder, element_type, shape_of
from cedr.frontend.types import scalar_type, torch_dtype

aten = torch.ops.aten


@converts(aten.view.default, aten._unsafe_view.default, aten.reshape.default)
def view(b: Builder, x: SSAValue, size: Sequence[int]) -> SSAValue:
    """The elements in the same order under another shape; one size may be -1."""
    shape = list(size)
    if -1 in shape:
        known, total = 1, 1
        for length in shape:
            known *= length if length != -1 else 1
        for length in shape_of(x):
            total *= length
        shape[shape.index(-1)] = total // known if known else 0
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
    return b.reshape(x, [size for dim, size in enumerate(shape) if size != 1 or dim not in dropped])


@converts(aten.squeeze.dim)
def squeeze_dim(b: Builder, x: SSAValue, dim: int) -> SSAValue:
    """A dim of size one left out; a dim of another size stays."""
    shape = shape_of(x)
    return b.reshape(x, [size for i, size in enumerate(shape) if size != 1 or i != normalise_dim(dim, len(shape))])


@converts(aten.squeeze.default)
def squeeze(b: Builder, x: SSAValue) -> SSAValue:
    """All dims of size one left out."""
    return b.reshape(x, [size for size in shape_of(x) if size != 1])


@converts(aten.expand.default)
def expand(b: Builder, x: SSAValue, size: Sequence[int], implicit: bool) -> SSAValue:
    """Repeated along dims of size one and new leading dims; -1 keeps a size."""
    shape = shape_of(x)
    first = len(size) - len(shape)
    return b.broadcast(x, [shape[dim - first] if length == -1 else length for dim, length in enumerate(size)])


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
    chosen = range(shape_of(x)[axis])[slice(start, end, step)]
    return b.slice_dim(x, axis, chosen.start if chosen else 0, len(chosen), step)


@converts(aten.select.int)
def select(b: Builder, x: SSAValue, dim: int, index: int) -> SSAValue:
    """One index along a dim, which disappears."""
    shape = shape_of(x)
    axis = normalise_dim(dim, len(shape))
    piece = b.slice_dim(x, axis, index % shape[axis], 1)
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
    total = shape_of(x)[normalise_dim(dim, len(shape_of(x)))]
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
    counted = [x for x in tensors if shape_of(x) != (0,)] or list(tensors[:1])
    stand_ins = [torch.empty(shape_of(x), dtype=torch_dtype(element_type(x)), device="meta") for x in tensors]
    dtype = stand_ins[0].dtype
    for stand_in in stand_ins[1:]:
        dtype = torch.promote_types(dtype, stand_in.dtype)
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
