"""Upsampling by whole factors."""

from collections.abc import Sequence

import torch
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from cedr.frontend.aten.registry import Unsupported, converts
from cedr.frontend.builder import Builder, shape_of

aten = torch.ops.aten


@converts(aten.upsample_nearest2d.vec, aten.upsample_nearest1d.vec)
def upsample_nearest_vec(
    b: Builder, x: SSAValue, size: Sequence[int] | None, factors: Sequence[float] | None
) -> SSAValue:
    """Every element repeated along the spatial dims, by sizes or by factors."""
    shape = shape_of(x)[2:]
    if size is None:
        size = [int(length * factor) for length, factor in zip(shape, factors or (), strict=True)]
    return _repeat(b, x, size, factors)


@converts(aten.upsample_nearest2d.default)
def upsample_nearest2d(
    b: Builder, x: SSAValue, size: Sequence[int], factor_h: float | None, factor_w: float | None
) -> SSAValue:
    """Every element repeated along the two spatial dims."""
    return _repeat(b, x, size, None if factor_h is None or factor_w is None else (factor_h, factor_w))


def _repeat(b: Builder, x: SSAValue, size: Sequence[int], factors: Sequence[float] | None) -> SSAValue:
    """Index d of the result reads index `d floordiv factor`: only for whole factors that give just that size."""
    shape = shape_of(x)
    expressions: list[AffineExpr] = [AffineDimExpr(0), AffineDimExpr(1)]
    for dim, (length, result) in enumerate(zip(shape[2:], size, strict=True), start=2):
        factor = result / length if factors is None else factors[dim - 2]
        if factor != int(factor) or int(factor) * length != result or factor < 1:
            raise Unsupported(
                f"nearest upsampling from {length} to {result} (factor {factor:g}); only whole factors can be converted"
            )
        expression = AffineDimExpr(dim)
        expressions.append(expression if factor == 1 else expression // int(factor))
    return b.indexed(x, expressions, (*shape[:2], *size))
