"""Scans along a dim: cumulative sums, products and extremes, in the order of a loop over it.

The state of a scan of f32 is an f64 and that of f16 and bf16 an f32, as in PyTorch on a CPU; that of integers wraps, and that of
complex numbers is of their own type.
"""

from collections.abc import Sequence

import torch
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import Float32Type, Float64Type, i64
from xdsl.ir import SSAValue

from cedr.frontend.aten.registry import Unsupported, converts, normalise_dim
from cedr.frontend.builder import Builder, Combine, element_type, shape_of
from cedr.frontend.scalars import Scalars, highest_number, lowest_number
from cedr.frontend.types import ScalarType, is_boolean, is_complex, is_integer, scalar_type

aten = torch.ops.aten


@converts(aten.cumsum.default)
def cumsum(b: Builder, x: SSAValue, dim: int, dtype: torch.dtype | None) -> SSAValue:
    """Sums of all elements up to each along a dim; of integers and booleans as i64."""
    return _scan(b, x, dim, dtype, 0, lambda s, element, total: s.add(total, element))


@converts(aten.cumprod.default)
def cumprod(b: Builder, x: SSAValue, dim: int, dtype: torch.dtype | None) -> SSAValue:
    """Products of all elements up to each along a dim; of integers and booleans as i64."""
    return _scan(b, x, dim, dtype, 1, lambda s, element, total: s.mul(total, element))


@converts(aten.logcumsumexp.default)
def logcumsumexp(b: Builder, x: SSAValue, dim: int) -> SSAValue:
    """log(sum of exp) of all elements up to each along a dim, of floats."""

    def step(s: Scalars, element: SSAValue, total: SSAValue) -> SSAValue:
        low, high = s.min(element, total), s.max(element, total)
        more = s.add(s.unary(math_dialect.Log1pOp, s.exp(s.sub(low, high))), high)
        infinite = s.compare("eq", s.abs(low), s.like(float("inf"), low))
        return s.select(s.and_(infinite, s.compare("eq", low, high)), element, more)

    return _scan(b, x, dim, None, float("-inf"), step)


def _scan(b: Builder, x: SSAValue, dim: int, dtype: torch.dtype | None, start: float, step: Combine) -> SSAValue:
    type_ = scalar_type(dtype) if dtype else i64 if is_integer(element_type(x)) else element_type(x)
    if is_boolean(type_):
        raise Unsupported("a cumulative sum or product as booleans; leave dtype out and compare the result with 0")
    x = b.cast(x, type_)
    if not shape_of(x):
        return x
    state = _state(type_)
    return b.scan(
        x,
        normalise_dim(dim, len(shape_of(x))),
        [(state, start)],
        lambda s, args: (step(s, s.cast(args[0], state), args[1]),),
        [type_],
    )[0]


def _state(type_: ScalarType) -> ScalarType:
    if is_integer(type_) or is_complex(type_):
        return type_
    return Float64Type() if isinstance(type_, Float32Type | Float64Type) else Float32Type()


@converts(aten.cummax.default)
def cummax(b: Builder, x: SSAValue, dim: int) -> tuple[SSAValue, SSAValue]:
    """(the largest of all elements up to each along a dim, the last position of it); a NaN counts as the largest."""
    return _extremes(b, x, dim, "ge", lowest_number(element_type(x)))


@converts(aten.cummin.default)
def cummin(b: Builder, x: SSAValue, dim: int) -> tuple[SSAValue, SSAValue]:
    """(the smallest of all elements up to each along a dim, the last position of it); a NaN counts as the smallest."""
    return _extremes(b, x, dim, "le", highest_number(element_type(x)))


def _extremes(b: Builder, x: SSAValue, dim: int, predicate: str, start: float) -> tuple[SSAValue, SSAValue]:
    type_, shape = element_type(x), shape_of(x)
    if not shape:
        return x, b.splat(0, (), i64)
    axis = normalise_dim(dim, len(shape))

    def step(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        element, best, position = args
        better = s.or_(s.compare(predicate, element, best), s.is_nan(element))
        return s.select(better, element, best), s.select(better, s.index(axis, i64), position)

    values, positions = b.scan(x, axis, [(type_, start), (i64, 0)], step, [type_, i64])
    return values, positions
