"""Matrix products."""

from collections.abc import Sequence

import torch
from xdsl.ir import SSAValue

from cedr.frontend.aten.registry import converts
from cedr.frontend.builder import Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import ScalarType

aten = torch.ops.aten


@converts(aten.mm.default)
def mm(b: Builder, x: SSAValue, y: SSAValue) -> SSAValue:
    """X[m, k] Y[k, n]."""
    type_ = element_type(x)
    return b.cast(b.matmul(b.widen(x), b.widen(y)), type_)


@converts(aten.bmm.default)
def bmm(b: Builder, x: SSAValue, y: SSAValue) -> SSAValue:
    """X[b, m, k] Y[b, k, n]."""
    type_ = element_type(x)
    return b.cast(b.batch_matmul(b.widen(x), b.widen(y)), type_)


@converts(aten.addmm.default)
def addmm(b: Builder, bias: SSAValue, x: SSAValue, y: SSAValue, beta: float, alpha: float) -> SSAValue:
    """beta * bias + alpha * X[m, k] Y[k, n]; the bias broadcasts. It is added after the product."""
    return add_bias(b, b.matmul(b.widen(x), b.widen(y)), bias, beta, alpha)


@converts(aten.baddbmm.default)
def baddbmm(b: Builder, bias: SSAValue, x: SSAValue, y: SSAValue, beta: float, alpha: float) -> SSAValue:
    """beta * bias + alpha * X[b, m, k] Y[b, k, n]; the bias broadcasts. It is added after the product."""
    return add_bias(b, b.batch_matmul(b.widen(x), b.widen(y)), bias, beta, alpha)


def add_bias(b: Builder, product: SSAValue, bias: SSAValue, beta: float, alpha: float) -> SSAValue:
    """beta * bias + alpha * product, of the bias's dtype. With beta 0 the bias is not read, as PyTorch has it."""
    type_: ScalarType = element_type(bias)

    def scale(s: Scalars, value: SSAValue, factor: float) -> SSAValue:
        return value if factor == 1 else s.mul(value, s.like(factor, value))

    if beta == 0:
        return b.pointwise([product], lambda s, args: s.cast(scale(s, args[0], alpha), type_), type_)

    def body(s: Scalars, product_element: SSAValue, bias_element: SSAValue) -> SSAValue:
        wide = s.cast(bias_element, s.type_of(product_element))
        return s.cast(s.add(scale(s, product_element, alpha), scale(s, wide, beta)), type_)

    return b.pointwise([product, bias], lambda s, args: body(s, *args), type_, shape_of(product))


@converts(aten.addmv.default)
def addmv(b: Builder, bias: SSAValue, x: SSAValue, y: SSAValue, beta: float, alpha: float) -> SSAValue:
    """beta * bias + alpha * X[m, k] Y[k]."""
    product = b.matmul(b.widen(x), b.reshape(b.widen(y), (*shape_of(y), 1)))
    return add_bias(b, b.reshape(product, shape_of(x)[:1]), bias, beta, alpha)


@converts(aten.addbmm.default)
def addbmm(b: Builder, bias: SSAValue, x: SSAValue, y: SSAValue, beta: float, alpha: float) -> SSAValue:
    """beta * bias + alpha * the sum over b of X[b, m, k] Y[b, k, n]."""
    product = b.batch_matmul(b.widen(x), b.widen(y))
    return add_bias(b, b.sum(product, (0,)), bias, beta, alpha)


@converts(aten._trilinear.default)
def trilinear(
    b: Builder,
    x: SSAValue,
    y: SSAValue,
    z: SSAValue,
    expand_x: Sequence[int],
    expand_y: Sequence[int],
    expand_z: Sequence[int],
    summed: Sequence[int],
    unroll: int,
) -> SSAValue:
    """Products of three tensors, each with dims of size one inserted, summed over dims (nn.Bilinear)."""
    type_ = element_type(x)
    rank = len(shape_of(x)) + len(expand_x)
    values = []
    for value, expand in ((x, expand_x), (y, expand_y), (z, expand_z)):
        sizes = iter(shape_of(value))
        inserted = {dim % rank for dim in expand}
        values.append(b.reshape(b.widen(value), [1 if dim in inserted else next(sizes) for dim in range(rank)]))
    product = b.pointwise(values, lambda s, args: s.mul(s.mul(args[0], args[1]), args[2]), element_type(values[0]))
    return b.cast(b.sum(product, [dim % rank for dim in summed]), type_)
