"""Complex numbers: made of parts, taken apart, conjugated."""

import math

import torch
from xdsl.dialects import complex as complex_dialect
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from cedr.frontend.aten.elementwise import pointwise
from cedr.frontend.aten.registry import converts
from cedr.frontend.builder import PARALLEL, Builder, element_type, shape_of
from cedr.frontend.refusal import Unsupported
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import ScalarType, is_complex, is_integer, scalar_type

aten = torch.ops.aten

F32 = Float32Type()
C64 = scalar_type(torch.complex64)


def only_f32(type_: ScalarType) -> None:
    """Raises Unsupported for parts of another type: their complex numbers are of no supported dtype."""
    if type_ != F32:
        raise Unsupported(f"complex numbers with parts of {type_}; convert the parts to torch.float32 first")


@converts(aten.complex.default)
def make_complex(b: Builder, real: SSAValue, imaginary: SSAValue) -> SSAValue:
    """real + i imaginary."""
    only_f32(element_type(real))
    return b.pointwise([real, imaginary], lambda s, args: s.complex(*args), C64)


@converts(aten.polar.default)
def polar(b: Builder, size: SSAValue, angle: SSAValue) -> SSAValue:
    """The complex numbers of these absolute values and angles."""
    only_f32(element_type(size))

    def body(s: Scalars, r: SSAValue, phi: SSAValue) -> SSAValue:
        return s.complex(s.mul(r, s.unary(math_dialect.CosOp, phi)), s.mul(r, s.unary(math_dialect.SinOp, phi)))

    return b.pointwise([size, angle], lambda s, args: body(s, *args), C64)


@converts(aten.view_as_real.default, aten.view_as_real_copy.default)
def view_as_real(b: Builder, x: SSAValue) -> SSAValue:
    """X[*s] as [*s, 2]: real part, imaginary part. A select of one of them reads X: `x.real` is exported as both."""
    shape = shape_of(x)
    rank = len(shape)

    def body(s: Scalars, number: SSAValue) -> SSAValue:
        index = s.index(rank, scalar_type(torch.int64))
        return s.select(s.compare("eq", index, s.like(0, index)), s.real(number), s.imaginary(number))

    (parts,) = b.generic(
        [(x, AffineMap(rank + 1, 0, tuple(AffineDimExpr(dim) for dim in range(rank))))],
        [(b.empty((*shape, 2), F32), AffineMap.identity(rank + 1))],
        (PARALLEL,) * (rank + 1),
        lambda s, args: (body(s, args[0]),),
    )
    b.complex_of[parts] = x
    return parts


@converts(aten.view_as_complex.default, aten.view_as_complex_copy.default)
def view_as_complex(b: Builder, x: SSAValue) -> SSAValue:
    """X[*s, 2], real parts and imaginary parts, as complex numbers [*s]."""
    only_f32(element_type(x))
    shape = shape_of(x)[:-1]
    rank = len(shape)
    dims = tuple(AffineDimExpr(dim) for dim in range(rank))
    return b.generic(
        [(x, AffineMap(rank, 0, (*dims, AffineConstantExpr(part)))) for part in range(2)],
        [(b.empty(shape, C64), AffineMap.identity(rank))],
        (PARALLEL,) * rank,
        lambda s, args: (s.complex(args[0], args[1]),),
    )[0]


@converts(aten.real.default)
def real(b: Builder, x: SSAValue) -> SSAValue:
    """Real parts; of real numbers, themselves."""
    return b.pointwise([x], lambda s, args: s.real(args[0]), F32) if is_complex(element_type(x)) else x


@converts(aten.imag.default)
def imaginary(b: Builder, x: SSAValue) -> SSAValue:
    """Imaginary parts."""
    return b.pointwise([x], lambda s, args: s.imaginary(args[0]), F32)


@pointwise(aten._conj.default, aten._conj_physical.default, aten.conj_physical.default, operands=1)
def conjugate(s: Scalars, x: SSAValue) -> SSAValue:
    """The complex conjugate."""
    return s.conjugate(x)


@converts(aten._neg_view.default)
def negative_view(b: Builder, x: SSAValue) -> SSAValue:
    """-x, which PyTorch does not compute until it is read."""
    return b.pointwise([x], lambda s, args: s.neg(args[0]), element_type(x))


@converts(aten.resolve_conj.default, aten.resolve_neg.default)
def resolve(b: Builder, x: SSAValue) -> SSAValue:
    """Values have no memory here, in which they would be conjugated or negated yet."""
    return x


@converts(aten.angle.default)
def angle(b: Builder, x: SSAValue) -> SSAValue:
    """The angle of a complex number; of a real one 0 or pi, NaN of NaN, of integers as f32."""
    type_ = element_type(x)
    if is_complex(type_):
        return b.pointwise([x], lambda s, args: s.emit(complex_dialect.AngleOp(args[0])), F32)
    result = F32 if is_integer(type_) else type_

    def body(s: Scalars, number: SSAValue) -> SSAValue:
        below = s.compare("lt", number, s.like(0, number))
        turned = s.select(below, s.constant(math.pi, result), s.constant(0, result))
        return turned if is_integer(type_) else s.select(s.is_nan(number), number, turned)

    return b.pointwise([x], lambda s, args: body(s, args[0]), result)
