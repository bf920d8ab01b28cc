"""Elementwise ops: each is a scalar function; broadcasting and type promotion are done once, in `pointwise`."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch._prims_common import ELEMENTWISE_TYPE_PROMOTION_KIND as PROMOTION
from torch._prims_common import elementwise_dtypes
from xdsl.dialects import arith
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from cedr.frontend.aten.registry import Unsupported, converts
from cedr.frontend.builder import Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import is_boolean, is_complex, is_integer, scalar_type, torch_dtype

aten = torch.ops.aten

ScalarFunction = Callable[..., SSAValue]
"""(Scalars, promoted operands..., remaining arguments of the op as they are) to the result's element."""


def pointwise(
    *targets: torch._ops.OpOverload, operands: int, promotion: PROMOTION = PROMOTION.DEFAULT
) -> Callable[[ScalarFunction], ScalarFunction]:
    """Enters a scalar function as the converter of elementwise ops.

    The first `operands` arguments, tensors or numbers, are promoted as PyTorch does and reach the function as values of
    the type in which PyTorch computes; the function's result is converted to the type that PyTorch gives.
    """

    def enter(function: ScalarFunction) -> ScalarFunction:
        converts(*targets)(elementwise_converter(function, operands, promotion))
        return function

    return enter


def elementwise_converter(function: ScalarFunction, operands: int, promotion: PROMOTION) -> Callable[..., SSAValue]:
    """The converter of an elementwise op: see `pointwise`."""

    def convert(b: Builder, *arguments: Any) -> SSAValue:
        promoted, rest = arguments[:operands], arguments[operands:]
        computation, result = promote(promoted, promotion)
        tensors = [operand for operand in promoted if isinstance(operand, SSAValue)]

        def body(s: Scalars, elements: Any) -> SSAValue:
            remaining = iter(elements)
            values = [
                s.cast(next(remaining), scalar_type(computation))
                if isinstance(operand, SSAValue)
                else s.constant(operand, scalar_type(computation))
                for operand in promoted
            ]
            return s.cast(function(s, *values, *rest), scalar_type(result))

        return b.pointwise(tensors, body, scalar_type(result))

    return convert


def promote(operands: Any, promotion: PROMOTION) -> tuple[torch.dtype, torch.dtype]:
    """(dtype to compute in, dtype of the result) for tensors and numbers, by PyTorch's own rules."""
    stand_ins = [
        _stand_in(torch_dtype(element_type(operand)), not shape_of(operand))
        if isinstance(operand, SSAValue)
        else operand
        for operand in operands
    ]
    computation, result = elementwise_dtypes(*stand_ins, type_promotion_kind=promotion)
    return computation, result


@lru_cache(maxsize=64)
def _stand_in(dtype: torch.dtype, without_dims: bool) -> torch.Tensor:
    return torch.empty(() if without_dims else (1,), dtype=dtype, device="meta")


# Arithmetic


@pointwise(aten.add.Tensor, aten.add.Scalar, operands=2)
def add(s: Scalars, x: SSAValue, y: SSAValue, alpha: float) -> SSAValue:
    """x + alpha * y."""
    return s.add(x, y if alpha == 1 else s.mul(y, s.like(alpha, y)))


@pointwise(aten.sub.Tensor, aten.sub.Scalar, operands=2)
def sub(s: Scalars, x: SSAValue, y: SSAValue, alpha: float) -> SSAValue:
    """x - alpha * y."""
    return s.sub(x, y if alpha == 1 else s.mul(y, s.like(alpha, y)))


@pointwise(aten.rsub.Tensor, aten.rsub.Scalar, operands=2)
def rsub(s: Scalars, x: SSAValue, y: SSAValue, alpha: float) -> SSAValue:
    """y - alpha * x."""
    return sub(s, y, x, alpha)


@pointwise(aten.mul.Tensor, aten.mul.Scalar, operands=2)
def mul(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x * y."""
    return s.mul(x, y)


@pointwise(aten.div.Tensor, aten.div.Scalar, operands=2, promotion=PROMOTION.INT_TO_FLOAT)
def div(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x / y, of integers too as floats."""
    return s.div(x, y)


@converts(aten.div.Tensor_mode, aten.div.Scalar_mode)
def div_mode(b: Builder, x: SSAValue, y: SSAValue | float, rounding_mode: str | None) -> SSAValue:
    """x / y, rounded towards zero ("trunc") or minus infinity ("floor") if a mode is given.

    Halves by a single divisor are computed on in f32 and else, as PyTorch does, in halves step by step.
    """
    if rounding_mode is None:
        return _DIV(b, x, y)
    single = not isinstance(y, SSAValue) or math.prod(shape_of(y)) == 1
    return _DIV_ROUNDED[rounding_mode, single](b, x, y)


def _div_trunc(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    quotient = s.div(x, y)
    return quotient if is_integer(s.type_of(x)) else s.unary(math_dialect.TruncOp, quotient)


def _div_floor(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    if is_integer(s.type_of(x)):
        return s.floor_div(x, y)
    # As PyTorch: from the exact remainder, so that x / y rounded up to a whole number is not taken for it.
    zero, one = s.like(0, x), s.like(1, x)
    rest = s.remainder(x, y)
    quotient = s.div(s.sub(x, rest), y)
    quotient = s.select(_wraps(s, rest, y), s.sub(quotient, one), quotient)
    whole = s.unary(math_dialect.FloorOp, quotient)
    whole = s.select(s.compare("gt", s.sub(quotient, whole), s.like(0.5, x)), s.add(whole, one), whole)
    plain = s.div(x, y)
    whole = s.select(s.compare("eq", quotient, zero), s.emit(math_dialect.CopySignOp(zero, plain)), whole)
    return s.select(s.compare("eq", y, zero), plain, whole)


def _wraps(s: Scalars, rest: SSAValue, y: SSAValue) -> SSAValue:
    """Whether a remainder with the sign of x is not 0 and of another sign than y."""
    zero = s.like(0, y)
    differ = s.xor(s.compare("lt", y, zero), s.compare("lt", rest, zero))
    return s.and_(s.compare("ne", rest, zero), differ)


_DIV = elementwise_converter(div, 2, PROMOTION.INT_TO_FLOAT)
_DIV_ROUNDED = {
    (mode, single): elementwise_converter(function, 2, PROMOTION.DEFAULT if single else PROMOTION.NO_OPMATH)
    for mode, function in (("trunc", _div_trunc), ("floor", _div_floor))
    for single in (True, False)
}


@pointwise(aten.fmod.Tensor, aten.fmod.Scalar, operands=2)
def fmod(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """The remainder with the sign of x."""
    return s.remainder(x, y)


@pointwise(aten.remainder.Tensor, aten.remainder.Scalar, aten.remainder.Scalar_Tensor, operands=2)
def remainder(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """The remainder with the sign of y."""
    rest = s.remainder(x, y)
    return s.select(_wraps(s, rest, y), s.add(rest, y), rest)


@pointwise(aten.neg.default, operands=1)
def neg(s: Scalars, x: SSAValue) -> SSAValue:
    """-x."""
    return s.neg(x)


@pointwise(aten.abs.default, operands=1, promotion=PROMOTION.COMPLEX_TO_FLOAT)
def absolute(s: Scalars, x: SSAValue) -> SSAValue:
    """|x|."""
    return s.abs(x)


@pointwise(aten.sign.default, operands=1)
def sign(s: Scalars, x: SSAValue) -> SSAValue:
    """-1, 0 or 1; 0 of NaN, as PyTorch has it. A boolean is its own."""
    if is_boolean(s.type_of(x)):
        return x
    zero = s.like(0, x)
    above = s.cast(s.compare("gt", x, zero), s.type_of(x))
    return s.sub(above, s.cast(s.compare("lt", x, zero), s.type_of(x)))


@pointwise(aten.reciprocal.default, operands=1, promotion=PROMOTION.INT_TO_FLOAT)
def reciprocal(s: Scalars, x: SSAValue) -> SSAValue:
    """1 / x."""
    return s.div(s.like(1, x), x)


@pointwise(aten.maximum.default, operands=2)
def maximum(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """The larger one; NaN if either is."""
    return s.max(x, y)


@pointwise(aten.minimum.default, operands=2)
def minimum(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """The smaller one; NaN if either is."""
    return s.min(x, y)


@converts(aten.pow.Tensor_Scalar)
def pow_scalar(b: Builder, x: SSAValue, exponent: float) -> SSAValue:
    """x to a constant power: products for small whole exponents, a root for one half, else powf."""

    def body(s: Scalars, base: SSAValue, power: SSAValue) -> SSAValue:
        whole = is_integer(s.type_of(base))
        if (
            not isinstance(exponent, complex)
            and exponent == int(exponent)
            and exponent >= 0
            and (exponent <= 8 or whole)
        ):
            return s.integer_power(base, int(exponent))
        if whole:
            raise Unsupported(f"an integer to the power of {exponent}; convert the base to a float dtype first")
        if exponent == 0.5:
            return s.unary(math_dialect.SqrtOp, base)
        if exponent == -0.5:
            return s.div(s.like(1, base), s.unary(math_dialect.SqrtOp, base))
        if exponent in (-1, -2):
            return s.div(s.like(1, base), s.integer_power(base, -int(exponent)))
        return s.pow(base, power)

    return elementwise_converter(body, 2, PROMOTION.BOOL_TO_LONG)(b, x, exponent)


@pointwise(aten.pow.Tensor_Tensor, aten.pow.Scalar, operands=2, promotion=PROMOTION.BOOL_TO_LONG)
def pow_tensor(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x to the power of y; of integers the power wraps, and is 0 to a negative power unless x is 1 or -1."""
    type_ = s.type_of(x)
    if not isinstance(type_, IntegerType):
        return s.pow(x, y)
    zero, one, minus = s.like(0, x), s.like(1, x), s.like(-1, x)
    result, base = one, x
    odd = s.compare("ne", s.and_(y, one), zero)
    for bit in range(type_.width.data - 1):
        taken = s.compare("ne", s.and_(y, s.like(1 << bit, y)), zero)
        result = s.select(taken, s.mul(result, base), result)
        base = s.mul(base, base)
    alternating = s.select(s.compare("eq", x, minus), s.select(odd, minus, one), zero)
    negative = s.select(s.compare("eq", x, one), one, alternating)
    return s.select(s.compare("lt", y, zero), negative, result)


@converts(aten.ldexp.Tensor)
def ldexp(b: Builder, x: SSAValue, y: SSAValue) -> SSAValue:
    """x times two to the power of y."""
    power = elementwise_converter(pow_tensor, 2, PROMOTION.BOOL_TO_LONG)(b, 2.0, y)
    return elementwise_converter(mul, 2, PROMOTION.DEFAULT)(b, x, power)


# Functions of the math dialect


def _enter_functions() -> None:
    functions: dict[torch._ops.OpOverload, type[math_dialect.FloatingPointLikeUnaryMathOperation]] = {
        aten.exp.default: math_dialect.ExpOp,
        aten.exp2.default: math_dialect.Exp2Op,
        aten.expm1.default: math_dialect.ExpM1Op,
        aten.log.default: math_dialect.LogOp,
        aten.log2.default: math_dialect.Log2Op,
        aten.log10.default: math_dialect.Log10Op,
        aten.log1p.default: math_dialect.Log1pOp,
        aten.sqrt.default: math_dialect.SqrtOp,
        aten.rsqrt.default: math_dialect.RsqrtOp,
        aten.sin.default: math_dialect.SinOp,
        aten.cos.default: math_dialect.CosOp,
        aten.tan.default: math_dialect.TanOp,
        aten.asin.default: math_dialect.AsinOp,
        aten.acos.default: math_dialect.AcosOp,
        aten.atan.default: math_dialect.AtanOp,
        aten.sinh.default: math_dialect.SinhOp,
        aten.cosh.default: math_dialect.CoshOp,
        aten.tanh.default: math_dialect.TanhOp,
        aten.asinh.default: math_dialect.AsinhOp,
        aten.acosh.default: math_dialect.AcoshOp,
        aten.atanh.default: math_dialect.AtanhOp,
        aten.erf.default: math_dialect.ErfOp,
    }
    for target, op in functions.items():
        pointwise(target, operands=1, promotion=PROMOTION.INT_TO_FLOAT)(_function(op))
    roundings: dict[torch._ops.OpOverload, type[math_dialect.FloatingPointLikeUnaryMathOperation]] = {
        aten.floor.default: math_dialect.FloorOp,
        aten.ceil.default: math_dialect.CeilOp,
        aten.trunc.default: math_dialect.TruncOp,
        aten.round.default: math_dialect.RoundEvenOp,
    }
    for target, op in roundings.items():
        pointwise(target, operands=1)(_function(op))


def _function(op: type[math_dialect.FloatingPointLikeUnaryMathOperation]) -> ScalarFunction:
    """The op on floats; integers (of roundings: the others get floats) stay as they are."""
    return lambda s, x: x if is_integer(s.type_of(x)) else s.unary(op, x)


_enter_functions()


@pointwise(aten.atan2.default, operands=2, promotion=PROMOTION.INT_TO_FLOAT)
def atan2(s: Scalars, y: SSAValue, x: SSAValue) -> SSAValue:
    """The angle of (x, y)."""
    return s.emit(math_dialect.Atan2Op(y, x))


@pointwise(aten.hypot.default, operands=2)
def hypot(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """sqrt(x^2 + y^2), scaled so that no square overflows; infinite if either is."""
    x, y = s.abs(x), s.abs(y)
    high, low = s.max(x, y), s.min(x, y)
    ratio, infinity = s.div(low, high), s.like(math.inf, x)
    length = s.mul(high, s.unary(math_dialect.SqrtOp, s.add(s.like(1, x), s.mul(ratio, ratio))))
    length = s.select(s.compare("eq", high, s.like(0, x)), high, length)
    infinite = s.or_(s.compare("eq", x, infinity), s.compare("eq", y, infinity))
    return s.select(infinite, infinity, length)


@pointwise(aten.copysign.Tensor, aten.copysign.Scalar, operands=2, promotion=PROMOTION.INT_TO_FLOAT)
def copysign(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """|x| with the sign of y."""
    return s.emit(math_dialect.CopySignOp(x, y))


@pointwise(aten.signbit.default, operands=1, promotion=PROMOTION.ALWAYS_BOOL)
def signbit(s: Scalars, x: SSAValue) -> SSAValue:
    """Whether the sign is minus, of zeros and NaN too."""
    signed = x if is_integer(s.type_of(x)) else s.emit(math_dialect.CopySignOp(s.like(1, x), x))
    return s.compare("lt", signed, s.like(0, x))


@pointwise(aten.fmax.default, operands=2)
def fmax(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """The larger one; the other one if one is NaN."""
    return s.max(x, y) if is_integer(s.type_of(x)) else s.emit(arith.MaxnumfOp(x, y))


@pointwise(aten.fmin.default, operands=2)
def fmin(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """The smaller one; the other one if one is NaN."""
    return s.min(x, y) if is_integer(s.type_of(x)) else s.emit(arith.MinnumfOp(x, y))


@pointwise(aten.round.decimals, operands=1)
def round_decimals(s: Scalars, x: SSAValue, decimals: int) -> SSAValue:
    """x rounded to decimal places, halves to even; negative: to tens, hundreds, ..."""
    if is_integer(s.type_of(x)):
        raise Unsupported("rounds integers to decimal places; convert them to a float dtype first")
    ten = s.like(10.0 ** abs(decimals), x)
    up, down = (s.mul, s.div) if decimals >= 0 else (s.div, s.mul)
    return down(s.unary(math_dialect.RoundEvenOp, up(x, ten)), ten)


# Quantised as in training: back to floats at once


@converts(aten.fake_quantize_per_tensor_affine_cachemask.default)
def fake_quantize(
    b: Builder, x: SSAValue, scale: float, zero_point: int, low: int, high: int
) -> tuple[SSAValue | None, None]:
    """(x rounded to a whole multiple of the scale, between two of them; which were between: left out)."""
    if b.is_used(1):
        return None, None
    type_ = element_type(x)
    return b.pointwise(
        [b.widen(x)],
        lambda s, args: s.cast(
            _quantised(s, args[0], s.like(scale, args[0]), s.like(zero_point, args[0]), low, high), type_
        ),
        type_,
    ), None


def _quantised(s: Scalars, x: SSAValue, scale: SSAValue, zero: SSAValue, low: int, high: int) -> SSAValue:
    steps = s.unary(math_dialect.RoundEvenOp, s.mul(x, s.div(s.like(1, x), scale)))
    return s.mul(s.sub(hardtanh(s, s.add(zero, steps), low, high), zero), scale)


# Activations


@pointwise(aten.relu.default, operands=1)
def relu(s: Scalars, x: SSAValue) -> SSAValue:
    """max(x, 0)."""
    return s.max(x, s.like(0, x))


@pointwise(aten.leaky_relu.default, operands=1)
def leaky_relu(s: Scalars, x: SSAValue, slope: float) -> SSAValue:
    """x above 0, else slope * x."""
    return s.select(s.compare("gt", x, s.like(0, x)), x, s.mul(x, s.like(slope, x)))


@converts(aten.rrelu_with_noise_functional.default)
def rrelu(
    b: Builder, x: SSAValue, noise: SSAValue, low: float, high: float, training: bool, generator: object
) -> tuple[SSAValue, SSAValue]:
    """(leaky_relu of the mean slope, the noise as it was), outside of training."""
    if training:
        raise Unsupported("the model is in training mode; call model.eval() before compiling")
    return elementwise_converter(leaky_relu, 1, PROMOTION.DEFAULT)(b, x, (low + high) / 2), noise


@pointwise(aten.elu.default, operands=1)
def elu(s: Scalars, x: SSAValue, alpha: float, scale: float, input_scale: float) -> SSAValue:
    """scale * x above 0, else scale * alpha * (exp(input_scale * x) - 1)."""
    below = s.unary(math_dialect.ExpM1Op, s.mul(x, s.like(input_scale, x)))
    return s.select(
        s.compare("gt", x, s.like(0, x)), s.mul(x, s.like(scale, x)), s.mul(below, s.like(alpha * scale, x))
    )


@pointwise(aten.sigmoid.default, operands=1, promotion=PROMOTION.INT_TO_FLOAT)
def sigmoid(s: Scalars, x: SSAValue) -> SSAValue:
    """1 / (1 + exp(-x))."""
    return s.sigmoid(x)


@pointwise(aten.silu.default, operands=1)
def silu(s: Scalars, x: SSAValue) -> SSAValue:
    """x * sigmoid(x)."""
    return s.mul(x, s.sigmoid(x))


@pointwise(aten.gelu.default, operands=1)
def gelu(s: Scalars, x: SSAValue, approximate: str) -> SSAValue:
    """x times the normal distribution function of x, by erf or (approximate "tanh") by tanh."""
    if approximate == "tanh":
        inner = s.add(x, s.mul(s.like(0.044715, x), s.integer_power(x, 3)))
        curve = s.unary(math_dialect.TanhOp, s.mul(s.like(math.sqrt(2 / math.pi), x), inner))
    else:
        curve = s.unary(math_dialect.ErfOp, s.mul(x, s.like(math.sqrt(0.5), x)))
    return s.mul(s.mul(x, s.like(0.5, x)), s.add(s.like(1, x), curve))


@pointwise(aten.hardtanh.default, operands=1)
def hardtanh(s: Scalars, x: SSAValue, low: float, high: float) -> SSAValue:
    """x between two numbers."""
    return s.min(s.max(x, s.like(low, x)), s.like(high, x))


@pointwise(aten.hardsigmoid.default, operands=1)
def hardsigmoid(s: Scalars, x: SSAValue) -> SSAValue:
    """(x + 3) / 6 between 0 and 1."""
    return s.div(hardtanh(s, s.add(x, s.like(3, x)), 0, 6), s.like(6, x))


@pointwise(aten.hardswish.default, operands=1)
def hardswish(s: Scalars, x: SSAValue) -> SSAValue:
    """x * (x + 3) / 6, the last factor between 0 and 1."""
    return s.div(s.mul(x, hardtanh(s, s.add(x, s.like(3, x)), 0, 6)), s.like(6, x))


@pointwise(aten.softplus.default, operands=1)
def softplus(s: Scalars, x: SSAValue, beta: float, threshold: float) -> SSAValue:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold."""
    scaled = s.mul(x, s.like(beta, x))
    curve = s.div(s.unary(math_dialect.Log1pOp, s.exp(scaled)), s.like(beta, x))
    return s.select(s.compare("gt", scaled, s.like(threshold, x)), x, curve)


# Limits and choices


@converts(aten.clamp.default)
def clamp(b: Builder, x: SSAValue, low: float | None, high: float | None) -> SSAValue:
    """x between two numbers, either of which may be missing; the upper one wins."""
    return _clamp(b, x, low, high)


@converts(aten.clamp_min.default)
def clamp_min(b: Builder, x: SSAValue, low: float) -> SSAValue:
    """max(x, low)."""
    return _clamp(b, x, low, None)


@converts(aten.clamp_max.default)
def clamp_max(b: Builder, x: SSAValue, high: float) -> SSAValue:
    """min(x, high)."""
    return _clamp(b, x, None, high)


@converts(aten.clamp.Tensor)
def clamp_tensor(b: Builder, x: SSAValue, low: SSAValue | None, high: SSAValue | None) -> SSAValue:
    """x between two tensors, either of which may be missing; the upper one wins."""
    return _clamp(b, x, low, high)


def _clamp(b: Builder, x: SSAValue, low: SSAValue | float | None, high: SSAValue | float | None) -> SSAValue:
    limits = [limit for limit in (low, high) if limit is not None]

    def body(s: Scalars, value: SSAValue, *bounds: SSAValue) -> SSAValue:
        remaining = iter(bounds)
        if low is not None:
            value = s.max(value, next(remaining))
        return value if high is None else s.min(value, next(remaining))

    return elementwise_converter(body, 1 + len(limits), PROMOTION.DEFAULT)(b, x, *limits)


@converts(aten.where.self)
def where(b: Builder, condition: SSAValue, x: SSAValue, y: SSAValue) -> SSAValue:
    """x where the condition holds, else y."""
    _, result = promote((x, y), PROMOTION.NO_OPMATH)
    type_ = scalar_type(result)

    def body(s: Scalars, c: SSAValue, if_true: SSAValue, if_false: SSAValue) -> SSAValue:
        return s.select(s.cast(c, IntegerType(1)), s.cast(if_true, type_), s.cast(if_false, type_))

    return b.pointwise([condition, x, y], lambda s, args: body(s, *args), type_)


@converts(aten.masked_fill.Scalar)
def masked_fill(b: Builder, x: SSAValue, mask: SSAValue, number: float) -> SSAValue:
    """The number where the mask holds, else x."""
    return b.pointwise([x, mask], lambda s, args: s.select(args[1], s.like(number, args[0]), args[0]), element_type(x))


# Comparisons and truth


def _enter_comparisons() -> None:
    for predicate in ("eq", "ne", "lt", "le", "gt", "ge"):
        packet = getattr(aten, predicate)
        pointwise(packet.Tensor, packet.Scalar, operands=2, promotion=PROMOTION.ALWAYS_BOOL)(_comparison(predicate))


def _comparison(predicate: str) -> ScalarFunction:
    return lambda s, x, y: s.compare(predicate, x, y)


_enter_comparisons()


@pointwise(aten.logical_not.default, operands=1, promotion=PROMOTION.ALWAYS_BOOL)
def logical_not(s: Scalars, x: SSAValue) -> SSAValue:
    """Whether x is zero."""
    return s.not_(s.cast(x, IntegerType(1)))


@pointwise(aten.logical_and.default, operands=2, promotion=PROMOTION.ALWAYS_BOOL)
def logical_and(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """Whether neither is zero."""
    return s.and_(s.cast(x, IntegerType(1)), s.cast(y, IntegerType(1)))


@pointwise(aten.logical_or.default, operands=2, promotion=PROMOTION.ALWAYS_BOOL)
def logical_or(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """Whether either is not zero."""
    return s.or_(s.cast(x, IntegerType(1)), s.cast(y, IntegerType(1)))


@pointwise(aten.logical_xor.default, operands=2, promotion=PROMOTION.ALWAYS_BOOL)
def logical_xor(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """Whether just one is zero."""
    return s.xor(s.cast(x, IntegerType(1)), s.cast(y, IntegerType(1)))


@pointwise(aten.bitwise_and.Tensor, aten.bitwise_and.Scalar, operands=2)
def bitwise_and(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x & y."""
    return s.and_(x, y)


@pointwise(aten.bitwise_or.Tensor, aten.bitwise_or.Scalar, operands=2)
def bitwise_or(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x | y."""
    return s.or_(x, y)


@pointwise(aten.bitwise_xor.Tensor, aten.bitwise_xor.Scalar, operands=2)
def bitwise_xor(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x ^ y."""
    return s.xor(x, y)


@pointwise(aten.bitwise_not.default, operands=1)
def bitwise_not(s: Scalars, x: SSAValue) -> SSAValue:
    """~x."""
    return s.not_(x)


@pointwise(
    aten.bitwise_left_shift.Tensor,
    aten.bitwise_left_shift.Tensor_Scalar,
    aten.__lshift__.Tensor,
    aten.__lshift__.Scalar,
    operands=2,
)
def left_shift(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x << y of integers; 0 where y is negative or not less than the width, as PyTorch has it."""
    within, places = _shift(s, x, y)
    return s.select(within, s.emit(arith.ShLIOp(x, places)), s.like(0, x))


@pointwise(
    aten.bitwise_right_shift.Tensor,
    aten.bitwise_right_shift.Tensor_Scalar,
    aten.__rshift__.Tensor,
    aten.__rshift__.Scalar,
    operands=2,
)
def right_shift(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """x >> y of integers; only the sign is left where y is negative or not less than the width, as PyTorch has it."""
    _, places = _shift(s, x, y)
    return s.emit(arith.ShRSIOp(x, places))


def _shift(s: Scalars, x: SSAValue, y: SSAValue) -> tuple[SSAValue, SSAValue]:
    """(whether y is at least 0 and below the width of x, y if it is, else the width less one)."""
    type_ = s.type_of(x)
    if not isinstance(type_, IntegerType) or is_boolean(type_):
        raise Unsupported("a shift of what are no integers; multiply by a power of two, or convert to an integer dtype")
    last = s.like(type_.width.data - 1, x)
    within = s.and_(s.compare("ge", y, s.like(0, y)), s.compare("le", y, last))
    return within, s.select(within, y, last)


@pointwise(aten.isnan.default, operands=1, promotion=PROMOTION.ALWAYS_BOOL)
def isnan(s: Scalars, x: SSAValue) -> SSAValue:
    """Whether x is NaN."""
    return s.is_nan(x)


@pointwise(aten.isinf.default, operands=1, promotion=PROMOTION.ALWAYS_BOOL)
def isinf(s: Scalars, x: SSAValue) -> SSAValue:
    """Whether x is infinite."""
    if is_integer(s.type_of(x)):
        return s.constant(False, IntegerType(1))
    if is_complex(s.type_of(x)):
        return s.or_(isinf(s, s.real(x)), isinf(s, s.imaginary(x)))
    return s.compare("eq", s.abs(x), s.like(math.inf, x))


# Conversions


@converts(aten._to_copy.default)
def to_copy(b: Builder, x: SSAValue, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """Elements of another dtype; complex numbers lose their imaginary part where that is real, as in PyTorch."""
    if dtype is None:
        return x
    type_ = scalar_type(dtype)
    if is_complex(element_type(x)) and not is_complex(type_) and not is_boolean(type_):
        return b.pointwise([x], lambda s, args: s.cast(s.real(args[0]), type_), type_)
    return b.cast(x, type_)


@converts(aten.copy.default)
def copy(b: Builder, x: SSAValue, source: SSAValue, *rest: Any) -> SSAValue:
    """The source, of x's shape and dtype."""
    return b.broadcast(b.cast(source, element_type(x)), shape_of(x))
