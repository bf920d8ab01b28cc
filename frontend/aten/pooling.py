"""Pooling: maximum and average over windows, given or adaptive.

Unbatched inputs get a batch dim of one. Windows that reach beyond the padded input (`ceil_mode`) get more padding, of
-inf for a maximum and of uncounted zeros for an average.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from xdsl.dialects.builtin import i1, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap

from cedr.frontend.aten.registry import Result, converts, spread
from cedr.frontend.builder import PARALLEL, REDUCTION, Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars, lowest_number
from cedr.frontend.types import to_numpy, torch_dtype

aten = torch.ops.aten


@converts(aten.max_pool2d_with_indices.default)
def max_pool2d(
    b: Builder,
    x: SSAValue,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
) -> Result:
    """(maxima, their positions in each plane or volume, counted row by row)."""
    return _max_pool(b, x, 2, kernel, stride, padding, dilation, ceil_mode)


@converts(aten.max_pool3d_with_indices.default)
def max_pool3d(
    b: Builder,
    x: SSAValue,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
) -> Result:
    """(maxima, their positions in each plane or volume, counted row by row)."""
    return _max_pool(b, x, 3, kernel, stride, padding, dilation, ceil_mode)


def _max_pool(
    b: Builder,
    x: SSAValue,
    spatial: int,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
) -> tuple[SSAValue, SSAValue | None]:
    window, widths, steps = spread(kernel, spatial), spread(padding, spatial), spread(dilation, spatial)
    strides = spread(stride, spatial) if stride else window
    batched = _batched(b, x, spatial)
    out = _output_size(shape_of(batched)[2:], window, strides, widths, steps, ceil_mode)
    fill = lowest_number(element_type(x))
    padded = _pad(b, batched, window, strides, widths, steps, out, fill)
    y = b.pool("max", padded, window, strides, steps, out)
    shape = (*shape_of(x)[:-spatial], *out)
    if not b.is_used(1):
        return b.reshape(y, shape), None
    # Loops: image, channel, the output's dims, the window's dims.
    rank = 2 + spatial
    dims = range(spatial)
    reached = [AffineDimExpr(2 + i) * strides[i] + AffineDimExpr(rank + i) * steps[i] for i in dims]

    def place(s: Scalars) -> list[SSAValue]:
        return [
            s.sub(
                s.add(
                    s.mul(s.index(2 + i, i64), s.constant(strides[i], i64)),
                    s.mul(s.index(rank + i, i64), s.constant(steps[i], i64)),
                ),
                s.constant(widths[i], i64),
            )
            for i in dims
        ]

    def inside(s: Scalars, at: Sequence[SSAValue]) -> list[SSAValue]:
        return [
            condition
            for i, position in enumerate(at)
            for condition in (
                s.compare("ge", position, s.like(0, position)),
                s.compare("lt", position, s.like(shape_of(batched)[2 + i], position)),
            )
        ]

    positions = _positions(b, padded, y, reached, window, place, inside, shape_of(batched)[2:])
    return b.reshape(y, shape), b.reshape(positions, shape)


def _positions(
    b: Builder,
    x: SSAValue,
    y: SSAValue,
    reached: Sequence[AffineExpr],
    window: Sequence[int],
    place: Callable[[Scalars], Sequence[SSAValue]],
    counts: Callable[[Scalars, Sequence[SSAValue]], Sequence[SSAValue]],
    sizes: Sequence[int],
) -> SSAValue:
    """Where in X[n, c, *s] the maxima Y[n, c, *out] stand: the first place in a window, or that of its last NaN.

    Loops: image, channel, the dims of out, then those of the window, over which X is read at `reached`. `place` gives the
    position along each dim of the input's own `sizes`, `counts` whether it is in the window and the input.
    """
    rank, shape = len(shape_of(y)), shape_of(y)
    loops = rank + len(window)
    none = math.prod(sizes)
    lead = [AffineDimExpr(dim) for dim in range(rank)]

    def first(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        value, best, _, found = args
        at = place(s)
        flat = at[0]
        for size, position in zip(sizes[1:], at[1:], strict=True):
            flat = s.add(s.mul(flat, s.constant(size, i64)), position)
        nan = s.is_nan(value)
        # The first of equal numbers stays, a NaN takes over.
        unset = s.compare("eq", found, s.constant(none, i64))
        hit = s.or_(nan, s.and_(s.compare("eq", value, best), unset))
        for condition in counts(s, at):
            hit = s.and_(hit, condition)
        return (s.select(hit, flat, found),)

    return b.generic(
        [
            (x, AffineMap(loops, 0, (*lead[:2], *reached))),
            (y, AffineMap(loops, 0, tuple(lead))),
            (b.empty(window, i1), AffineMap(loops, 0, tuple(AffineDimExpr(dim) for dim in range(rank, loops)))),
        ],
        [(b.splat(none, shape, i64), AffineMap(loops, 0, tuple(lead)))],
        [PARALLEL] * rank + [REDUCTION] * len(window),
        first,
    )[0]


@converts(aten.avg_pool2d.default)
def avg_pool2d(
    b: Builder,
    x: SSAValue,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> SSAValue:
    """Means over 2-D windows."""
    return _average_pool(b, x, 2, kernel, stride, padding, ceil_mode, count_include_pad, divisor)


@converts(aten.avg_pool3d.default)
def avg_pool3d(
    b: Builder,
    x: SSAValue,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> SSAValue:
    """Means over 3-D windows."""
    return _average_pool(b, x, 3, kernel, stride, padding, ceil_mode, count_include_pad, divisor)


@converts(aten.avg_pool1d.default)
def avg_pool1d(
    b: Builder,
    x: SSAValue,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    count_include_pad: bool,
) -> SSAValue:
    """Means over 1-D windows."""
    return _average_pool(b, x, 1, kernel, stride, padding, ceil_mode, count_include_pad, None)


def _average_pool(
    b: Builder,
    x: SSAValue,
    spatial: int,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> SSAValue:
    window, widths, steps = spread(kernel, spatial), spread(padding, spatial), (1,) * spatial
    strides = spread(stride, spatial) if stride else window
    batched = _batched(b, b.widen(x), spatial)
    sizes = shape_of(batched)[2:]
    out = _output_size(sizes, window, strides, widths, steps, ceil_mode)
    total = b.pool("sum", _pad(b, batched, window, strides, widths, steps, out, 0), window, strides, steps, out)
    if divisor is not None:
        mean = b.divide(total, divisor)
    else:
        counts = np.ones((1,) * spatial)
        for axis, size in enumerate(sizes):
            border = widths[axis] if count_include_pad else 0
            first = np.arange(out[axis]) * strides[axis] - widths[axis]
            last = np.minimum(first + window[axis], size + border)
            along = last - np.maximum(first, -border)
            counts = counts * along.reshape([-1 if dim == axis else 1 for dim in range(spatial)])
        mean = _divide_by_counts(b, total, counts)
    return b.cast(b.reshape(mean, (*shape_of(x)[:-spatial], *out)), element_type(x))


def _divide_by_counts(b: Builder, total: SSAValue, counts: np.ndarray) -> SSAValue:
    """Sums divided by numbers of elements, one number where they are all the same."""
    if counts.size == 0 or (counts == counts.flat[0]).all():
        return b.divide(total, float(counts.flat[0]) if counts.size else 1)
    type_ = element_type(total)
    constant = b.dense(to_numpy(torch.from_numpy(counts).to(torch_dtype(type_))), type_)
    return b.pointwise([total, constant], lambda s, args: s.div(args[0], args[1]), type_)


@converts(aten._adaptive_avg_pool2d.default)
def adaptive_avg_pool2d(b: Builder, x: SSAValue, size: list[int]) -> SSAValue:
    """Means over windows that share the input out evenly; nothing to do where the size stays the same."""
    return _adaptive_average(b, x, spread(size, 2))


@converts(aten._adaptive_avg_pool3d.default)
def adaptive_avg_pool3d(b: Builder, x: SSAValue, size: list[int]) -> SSAValue:
    """Means over windows that share the input out evenly; nothing to do where the size stays the same."""
    return _adaptive_average(b, x, spread(size, 3))


def _adaptive_average(b: Builder, x: SSAValue, out: tuple[int, ...]) -> SSAValue:
    spatial = len(out)
    sizes = shape_of(x)[-spatial:]
    if sizes == out:
        return x
    rank, wide = len(shape_of(x)), b.widen(x)
    if out == (1,) * spatial:
        return b.cast(b.mean(wide, range(rank - spatial, rank), keepdim=True), element_type(x))
    if all(i % o == 0 for i, o in zip(sizes, out, strict=True)):
        window = tuple(i // o for i, o in zip(sizes, out, strict=True))
        total = b.pool("sum", _batched(b, wide, spatial), window, window, (1,) * spatial, out)
        mean = b.divide(b.reshape(total, (*shape_of(x)[:-spatial], *out)), math.prod(window))
        return b.cast(mean, element_type(x))
    total, counts = wide, np.ones((1,) * spatial)
    for axis in range(spatial):
        windows = _adaptive_windows(sizes[axis], out[axis])
        total = _fold_windows(b, total, rank - spatial + axis, windows, b.sum)
        along = np.array([end - start for start, end in windows])
        counts = counts * along.reshape([-1 if dim == axis else 1 for dim in range(spatial)])
    return b.cast(_divide_by_counts(b, total, counts), element_type(x))


@converts(aten.adaptive_max_pool2d.default, aten.adaptive_max_pool3d.default)
def adaptive_max_pool(b: Builder, x: SSAValue, size: list[int]) -> Result:
    """(maxima over windows that share the input out evenly, their positions in each plane or volume)."""
    rank, result = len(shape_of(x)), x
    out = tuple(size)
    for axis, (size_in, size_out) in enumerate(zip(shape_of(x)[-len(out) :], out, strict=True), rank - len(out)):
        if size_in != size_out:
            windows = _adaptive_windows(size_in, size_out)
            result = _fold_windows(b, result, axis, windows, b.max)
    if not b.is_used(1):
        return result, None
    spatial = len(out)
    batched = _batched(b, x, spatial)
    sizes = shape_of(batched)[2:]
    first = 2 + spatial

    def place(s: Scalars) -> list[SSAValue]:
        return [s.index(first + i, i64) for i in range(spatial)]

    def within(s: Scalars, at: Sequence[SSAValue]) -> list[SSAValue]:
        conditions = []
        for i, position in enumerate(at):
            # floor(o * size / out) <= position < ceil((o + 1) * size / out), without a division.
            scaled = s.mul(s.add(position, s.like(1, position)), s.like(out[i], position))
            start = s.mul(s.index(2 + i, i64), s.like(sizes[i], position))
            conditions.append(s.compare("gt", scaled, start))
            end = s.add(start, s.like(sizes[i], position))
            conditions.append(s.compare("lt", s.mul(position, s.like(out[i], position)), end))
        return conditions

    reached = [AffineDimExpr(first + i) for i in range(spatial)]
    y = b.reshape(result, (*shape_of(batched)[:2], *out))
    positions = _positions(b, batched, y, reached, sizes, place, within, sizes)
    return result, b.reshape(positions, shape_of(result))


def _fold_windows(
    b: Builder,
    x: SSAValue,
    dim: int,
    windows: Sequence[tuple[int, int]],
    fold: Callable[..., SSAValue],
) -> SSAValue:
    """One reduced slice per window, in a row along the dim."""
    pieces = [b.slice_dim(x, dim, start, end - start) for start, end in windows]
    return b.concat([fold(piece, (dim,), keepdim=True) for piece in pieces], dim)


def _adaptive_windows(size: int, out: int) -> list[tuple[int, int]]:
    """(start, end) of each window: floor(i * size / out) to ceil((i + 1) * size / out)."""
    return [(i * size // out, -((i + 1) * size // -out)) for i in range(out)]


def _batched(b: Builder, x: SSAValue, spatial: int) -> SSAValue:
    shape = shape_of(x)
    return x if len(shape) == spatial + 2 else b.reshape(x, (1, *shape))


def _output_size(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilations: Sequence[int],
    ceil_mode: bool,
) -> tuple[int, ...]:
    """Sizes as PyTorch has them; a last window must start inside the input or its left padding."""
    out = []
    for size, k, stride, width, dilation in zip(sizes, window, strides, padding, dilations, strict=True):
        room = size + 2 * width - dilation * (k - 1) - 1
        count = (-(room // -stride) if ceil_mode else room // stride) + 1
        if ceil_mode and (count - 1) * stride >= size + width:
            count -= 1
        out.append(count)
    return tuple(out)


def _pad(
    b: Builder,
    x: SSAValue,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilations: Sequence[int],
    out: Sequence[int],
    fill: float,
) -> SSAValue:
    """The input with its padding, and with more behind it where the last window reaches further."""
    high = [
        max(width, (count - 1) * stride + dilation * (k - 1) + 1 - size - width)
        for size, k, stride, width, dilation, count in zip(
            shape_of(x)[2:], window, strides, padding, dilations, out, strict=True
        )
    ]
    return b.pad(x, (0, 0, *padding), (0, 0, *high), fill)
