"""Upsampling: the nearest element, or the two (four, ...) around."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from cedr.frontend.aten.indexing import index_select
from cedr.frontend.aten.registry import Unsupported, converts
from cedr.frontend.builder import Builder, element_type, shape_of
from cedr.frontend.types import is_integer, to_numpy, torch_dtype

aten = torch.ops.aten


@converts(aten.upsample_nearest2d.vec, aten.upsample_nearest1d.vec)
def upsample_nearest_vec(
    b: Builder, x: SSAValue, size: Sequence[int] | None, factors: Sequence[float] | None
) -> SSAValue:
    """The nearest element below at each place of the spatial dims, by sizes or by factors."""
    return _nearest(b, x, _sizes(x, size, factors), factors)


@converts(aten.upsample_nearest2d.default)
def upsample_nearest2d(
    b: Builder, x: SSAValue, size: Sequence[int], factor_h: float | None, factor_w: float | None
) -> SSAValue:
    """The nearest element below at each place of the two spatial dims."""
    return _nearest(b, x, size, None if factor_h is None or factor_w is None else (factor_h, factor_w))


@converts(aten.upsample_bilinear2d.vec)
def upsample_bilinear2d_vec(
    b: Builder, x: SSAValue, size: Sequence[int] | None, align_corners: bool, factors: Sequence[float] | None
) -> SSAValue:
    """The four elements around each place, weighted by how near they are."""
    return _linear(b, x, _sizes(x, size, factors), align_corners, factors)


@converts(aten.upsample_bilinear2d.default)
def upsample_bilinear2d(
    b: Builder, x: SSAValue, size: Sequence[int], align_corners: bool, factor_h: float | None, factor_w: float | None
) -> SSAValue:
    """The four elements around each place, weighted by how near they are."""
    return _linear(b, x, size, align_corners, None if factor_h is None or factor_w is None else (factor_h, factor_w))


@converts(aten.grid_sampler_2d.default)
def grid_sampler_2d(b: Builder, x: SSAValue, *rest: Any) -> SSAValue:
    """Of halves, which PyTorch samples at places that it rounds to halves, it is refused; else an export takes it apart."""
    raise Unsupported(f"samples {element_type(x)} at a grid; convert both to float32 first")


def _sizes(x: SSAValue, size: Sequence[int] | None, factors: Sequence[float] | None) -> Sequence[int]:
    if size is not None:
        return size
    return [int(length * factor) for length, factor in zip(shape_of(x)[2:], factors or (), strict=True)]


def _nearest(b: Builder, x: SSAValue, size: Sequence[int], factors: Sequence[float] | None) -> SSAValue:
    """By a whole factor index d of the result reads index `d floordiv factor`, else what PyTorch itself says."""
    shape = shape_of(x)
    expressions: list[AffineExpr] = [AffineDimExpr(0), AffineDimExpr(1)]
    tables: dict[int, np.ndarray] = {}
    for dim, (length, result) in enumerate(zip(shape[2:], size, strict=True), start=2):
        given = None if factors is None else factors[dim - 2]
        places = aten.upsample_nearest1d(torch.arange(length, dtype=torch.float64)[None, None], [result], given)
        at = to_numpy(places[0, 0].long())
        factor = result // length
        expression = AffineDimExpr(dim)
        if factor and np.array_equal(at, np.arange(result) // factor):
            expressions.append(expression if factor == 1 else expression // factor)
        else:
            expressions.append(expression)
            tables[dim] = at
    for dim, at in tables.items():
        x = index_select(b, x, dim, b.dense(at, i64))
    if all(isinstance(expression, AffineDimExpr) for expression in expressions):
        return x
    return b.indexed(x, expressions, (*shape[:2], *size))


def _linear(
    b: Builder, x: SSAValue, size: Sequence[int], align_corners: bool, factors: Sequence[float] | None
) -> SSAValue:
    """One dim after the other, the last one first, each element from the one below and the one above.

    The places are computed as PyTorch does, in f64 for f64 and else in f32.
    """
    if is_integer(element_type(x)):
        raise Unsupported("linear upsampling of integers; convert them to a float dtype first")
    wide = b.widen(x)
    type_ = element_type(wide)
    kind: type[np.floating[Any]] = np.float64 if torch_dtype(type_) == torch.float64 else np.float32
    for axis in reversed(range(len(size))):
        dim, length, result = axis + 2, shape_of(x)[axis + 2], size[axis]
        places = np.arange(result).astype(kind)
        if length != result:  # else each place is an element's own, as in PyTorch, whatever the factor
            places = _places(places, length, align_corners, None if factors is None else factors[axis])
        low = np.minimum(places.astype(np.int64), length - 1)
        high = low if length == result else np.minimum(low + 1, length - 1)
        weight = np.clip(places - low.astype(kind), 0, 1).astype(kind)
        sides = [index_select(b, wide, dim, b.dense(at, i64)) for at in (low, high)]
        lined_up = (result, *(1 for _ in size[axis + 1 :]))
        weights = [b.dense(values.reshape(lined_up), type_) for values in (1 - weight, weight)]
        wide = b.pointwise(
            [*sides, *weights],
            lambda s, args: s.add(s.mul(args[0], args[2]), s.mul(args[1], args[3])),
            type_,
        )
    return b.cast(wide, element_type(x))


def _places(
    indices: np.ndarray[Any, Any], length: int, align_corners: bool, factor: float | None
) -> np.ndarray[Any, Any]:
    """Where the elements at the indices of the result lie in an input of a length, in the indices' type."""
    result, kind = len(indices), indices.dtype.type
    if align_corners:
        return np.asarray(indices * (kind(length - 1) / kind(result - 1) if result > 1 else kind(0)))
    scale = kind(1 / factor) if factor else kind(length) / kind(result)
    return np.asarray(np.maximum(scale * (indices + kind(0.5)) - kind(0.5), kind(0)))
