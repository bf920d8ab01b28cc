"""Sums, means, extremes and their positions along dims."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import IntegerType, i64
from xdsl.ir import SSAValue

from cedr.frontend.aten.indexing import index_select
from cedr.frontend.aten.registry import Result, converts, normalise_dim, normalise_dims
from cedr.frontend.builder import Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import is_complex, is_integer, real_type, scalar_type

aten = torch.ops.aten


@converts(aten.sum.dim_IntList)
def sum_dims(b: Builder, x: SSAValue, dims: Sequence[int] | None, keepdim: bool, dtype: torch.dtype | None) -> SSAValue:
    """Sums over dims (none given: all); of integers and booleans as i64."""
    type_ = scalar_type(dtype) if dtype else IntegerType(64) if is_integer(element_type(x)) else element_type(x)
    total = b.sum(b.widen(b.cast(x, type_)), normalise_dims(dims, len(shape_of(x))), keepdim=keepdim)
    return b.cast(total, type_)


@converts(aten.sum.default)
def sum_all(b: Builder, x: SSAValue, dtype: torch.dtype | None) -> SSAValue:
    """The sum of all elements."""
    return sum_dims(b, x, None, False, dtype)


@converts(aten.prod.dim_int)
def prod_dim(b: Builder, x: SSAValue, dim: int, keepdim: bool, dtype: torch.dtype | None) -> SSAValue:
    """Products along a dim; of integers and booleans as i64."""
    return _prod(b, x, normalise_dims(dim, len(shape_of(x))) if shape_of(x) else (), keepdim, dtype)


@converts(aten.prod.default)
def prod_all(b: Builder, x: SSAValue, dtype: torch.dtype | None) -> SSAValue:
    """The product of all elements."""
    return _prod(b, x, tuple(range(len(shape_of(x)))), False, dtype)


def _prod(b: Builder, x: SSAValue, axes: Sequence[int], keepdim: bool, dtype: torch.dtype | None) -> SSAValue:
    type_ = scalar_type(dtype) if dtype else IntegerType(64) if is_integer(element_type(x)) else element_type(x)
    wide = b.widen(b.cast(x, type_))
    return b.cast(b.reduce(wide, axes, 1, lambda s, y, total: s.mul(total, y), keepdim=keepdim), type_)


@converts(aten.mean.dim)
def mean_dims(
    b: Builder, x: SSAValue, dims: Sequence[int] | None, keepdim: bool, dtype: torch.dtype | None
) -> SSAValue:
    """Means over dims (none given: all)."""
    type_ = scalar_type(dtype) if dtype else element_type(x)
    mean = b.mean(b.widen(b.cast(x, type_)), normalise_dims(dims, len(shape_of(x))), keepdim=keepdim)
    return b.cast(mean, type_)


@converts(aten.mean.default)
def mean_all(b: Builder, x: SSAValue, dtype: torch.dtype | None) -> SSAValue:
    """The mean of all elements."""
    return mean_dims(b, x, None, False, dtype)


@converts(aten.amax.default)
def amax(b: Builder, x: SSAValue, dims: Sequence[int], keepdim: bool) -> SSAValue:
    """Maxima over dims (none given: all)."""
    return b.max(x, normalise_dims(dims, len(shape_of(x))), keepdim=keepdim)


@converts(aten.amin.default)
def amin(b: Builder, x: SSAValue, dims: Sequence[int], keepdim: bool) -> SSAValue:
    """Minima over dims (none given: all)."""
    return b.min(x, normalise_dims(dims, len(shape_of(x))), keepdim=keepdim)


@converts(aten.max.default)
def max_all(b: Builder, x: SSAValue) -> SSAValue:
    """The largest of all elements."""
    return b.max(x, range(len(shape_of(x))))


@converts(aten.min.default)
def min_all(b: Builder, x: SSAValue) -> SSAValue:
    """The smallest of all elements."""
    return b.min(x, range(len(shape_of(x))))


@converts(aten.max.dim)
def max_dim(b: Builder, x: SSAValue, dim: int, keepdim: bool) -> Result:
    """(maxima along a dim, their positions); positions cost a second output and are computed only if they are used."""
    return _extreme(b, x, dim, keepdim, largest=True)


@converts(aten.min.dim)
def min_dim(b: Builder, x: SSAValue, dim: int, keepdim: bool) -> Result:
    """(minima along a dim, their positions); positions cost a second output and are computed only if they are used."""
    return _extreme(b, x, dim, keepdim, largest=False)


def _extreme(b: Builder, x: SSAValue, dim: int, keepdim: bool, *, largest: bool) -> Result:
    if not shape_of(x):
        return x, b.splat(0, (), IntegerType(64))
    axis = normalise_dim(dim, len(shape_of(x)))
    if b.is_used(1):
        return b.arg_extreme(x, axis, largest=largest, keepdim=keepdim)
    return (b.max if largest else b.min)(x, (axis,), keepdim=keepdim), None


@converts(aten.argmax.default)
def argmax(b: Builder, x: SSAValue, dim: int | None, keepdim: bool) -> SSAValue:
    """Positions of the maxima along a dim, or of the maximum in the flattened tensor."""
    return _arg(b, x, dim, keepdim, largest=True)


@converts(aten.argmin.default)
def argmin(b: Builder, x: SSAValue, dim: int | None, keepdim: bool) -> SSAValue:
    """Positions of the minima along a dim, or of the minimum in the flattened tensor."""
    return _arg(b, x, dim, keepdim, largest=False)


def _arg(b: Builder, x: SSAValue, dim: int | None, keepdim: bool, *, largest: bool) -> SSAValue:
    shape = shape_of(x)
    if not shape:
        return b.splat(0, (), IntegerType(64))
    if dim is None:
        _, index = b.arg_extreme(b.reshape(x, (_count(shape),)), 0, largest=largest, keepdim=False)
        return b.reshape(index, (1,) * len(shape)) if keepdim else index
    return b.arg_extreme(x, normalise_dim(dim, len(shape)), largest=largest, keepdim=keepdim)[1]


def _count(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


@converts(aten.any.dim)
def any_dim(b: Builder, x: SSAValue, dim: int, keepdim: bool) -> SSAValue:
    """Whether any element along a dim is not zero."""
    return _any(b, x, (dim,), keepdim)


@converts(aten.any.dims)
def any_dims(b: Builder, x: SSAValue, dims: Sequence[int] | None, keepdim: bool) -> SSAValue:
    """Whether any element over dims (none given: all) is not zero."""
    return _any(b, x, dims, keepdim)


@converts(aten.any.default)
def any_all(b: Builder, x: SSAValue) -> SSAValue:
    """Whether any element is not zero."""
    return _any(b, x, None, False)


def _any(b: Builder, x: SSAValue, dims: Sequence[int] | None, keepdim: bool) -> SSAValue:
    return b.max(b.cast(x, IntegerType(1)), normalise_dims(dims, len(shape_of(x))), keepdim=keepdim)


@converts(aten.var.correction)
def variance(b: Builder, x: SSAValue, dims: Sequence[int] | None, correction: float | None, keepdim: bool) -> SSAValue:
    """Sums of squares about the mean over dims, divided by the number of elements less the correction (default 1)."""
    wide = b.widen(x)
    shape, type_ = shape_of(wide), element_type(wide)
    axes = normalise_dims(dims, len(shape))
    mean = b.mean(wide, axes, keepdim=True)
    centred = b.pointwise([wide, mean], lambda s, args: s.sub(args[0], args[1]), type_)
    square = b.pointwise([centred], lambda s, args: _square(s, args[0]), real_type(type_))
    count = _count([shape[axis] for axis in axes]) - (1 if correction is None else correction)
    total = b.sum(square, axes, keepdim=keepdim)
    return b.cast(b.divide(total, max(count, 0)), real_type(element_type(x)))


def _square(s: Scalars, x: SSAValue) -> SSAValue:
    """|x|^2."""
    if is_complex(s.type_of(x)):
        return s.add(_square(s, s.real(x)), _square(s, s.imaginary(x)))
    return s.mul(x, x)


@converts(aten.linalg_vector_norm.default)
def vector_norm(
    b: Builder, x: SSAValue, order: float, dims: Sequence[int] | None, keepdim: bool, dtype: torch.dtype | None
) -> SSAValue:
    """(sum of |x|^order)^(1/order) over dims (none given: all); infinity: the largest |x|, 0: how many are not 0."""
    if is_complex(element_type(x)):
        x = b.pointwise([x], lambda s, args: s.abs(args[0]), scalar_type(torch.float32))
    result = scalar_type(dtype) if dtype and not dtype.is_complex else element_type(x)
    wide = b.widen(b.cast(x, result))
    type_ = element_type(wide)
    axes = normalise_dims(dims, len(shape_of(x)))

    def each(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        (value,) = args
        if order == 2:
            return s.mul(value, value)
        if order == 0:
            return s.cast(s.compare("ne", value, s.like(0, value)), type_)
        size = s.abs(value)
        return size if order == 1 or abs(order) == math.inf else s.pow(size, s.like(order, size))

    def root(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        (total,) = args
        if order == 2:
            return s.unary(math_dialect.SqrtOp, total)
        return s.pow(total, s.like(1 / order, total))

    powers = b.pointwise([wide], each, type_)
    if abs(order) == math.inf:
        return b.cast((b.max if order > 0 else b.min)(powers, axes, keepdim=keepdim), result)
    total = b.sum(powers, axes, keepdim=keepdim)
    return b.cast(total if order in (0, 1) else b.pointwise([total], root, type_), result)


@converts(aten.var_mean.correction)
def variance_and_mean(
    b: Builder, x: SSAValue, dims: Sequence[int] | None, correction: float | None, keepdim: bool
) -> Result:
    """(variances, means) over dims (none given: all)."""
    return (
        variance(b, x, dims, correction, keepdim) if b.is_used(0) else None,
        mean_dims(b, x, dims, keepdim, None) if b.is_used(1) else None,
    )


@converts(aten.dist.default)
def dist(b: Builder, x: SSAValue, y: SSAValue, order: float) -> SSAValue:
    """The norm of the difference of all elements."""
    difference = b.pointwise([x, y], lambda s, args: s.sub(args[0], args[1]), element_type(x))
    return vector_norm(b, difference, order, None, False, None)


@converts(aten._cdist_forward.default)
def cdist(b: Builder, x: SSAValue, y: SSAValue, order: float, mode: int | None) -> SSAValue:
    """Norms of the differences of all rows of X[*b, m, k] and Y[*b, n, k]: Z[*b, m, n]."""
    left, right = shape_of(x), shape_of(y)
    difference = b.pointwise(
        [b.reshape(x, (*left[:-1], 1, left[-1])), b.reshape(y, (*right[:-2], 1, *right[-2:]))],
        lambda s, args: s.sub(args[0], args[1]),
        element_type(x),
    )
    return vector_norm(b, difference, order, (-1,), False, None)


@converts(aten._pdist_forward.default)
def pdist(b: Builder, x: SSAValue, order: float) -> SSAValue:
    """Norms of the differences of each two rows of X[n, k], those of the first row first."""
    rows, width = shape_of(x)
    if rows < 2 or not width:
        return b.splat(0, (rows * (rows - 1) // 2,), element_type(x))
    pairs = b.dense(np.argwhere(np.triu(np.ones((rows, rows), bool), 1)), i64)
    sides = [index_select(b, x, 0, b.slice_dim(pairs, 1, side, 1)) for side in (0, 1)]
    difference = b.pointwise(sides, lambda s, args: s.sub(args[0], args[1]), element_type(x))
    return vector_norm(b, difference, order, (-1,), False, None)
