"""Special functions: erfc, erfinv, lgamma, digamma, polygamma, nextafter, gcd, lcm.

Those of floats compute in f64 whatever the dtype, with an error of a few units of f64's last place.
"""

import math
from collections.abc import Sequence

import torch
from torch._prims_common import ELEMENTWISE_TYPE_PROMOTION_KIND as PROMOTION
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import BFloat16Type, Float32Type, Float64Type, IntegerType
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from cedr.frontend.aten.elementwise import ScalarFunction, elementwise_converter, pointwise, promote
from cedr.frontend.aten.registry import Unsupported, converts
from cedr.frontend.builder import PARALLEL, REDUCTION, Builder, shape_of
from cedr.frontend.open_sizes import broadcast_shapes
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import scalar_type

aten = torch.ops.aten


def _in_f64(function: ScalarFunction) -> ScalarFunction:
    """A function of a float computed in f64."""
    return lambda s, x: s.cast(function(s, s.cast(x, Float64Type())), s.type_of(x))


def _polynomial(s: Scalars, x: SSAValue, coefficients: Sequence[float]) -> SSAValue:
    """The polynomial of coefficients, that of the highest power first."""
    first, *others = coefficients
    value = s.like(first, x)
    for coefficient in others:
        value = s.add(s.mul(value, x), s.like(coefficient, x))
    return value


# The error function's complement and inverse

# W. J. Cody, Rational Chebyshev approximations for the error function, Mathematics of Computation 23 (1969): the
# quotients of his program CALERF for 0.46875 to 4 and above.
_NEAR_ABOVE = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_NEAR_BELOW = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
_FAR_ABOVE = (
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
)  # fmt: skip
_FAR_BELOW = (
    1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
)  # fmt: skip


def _erfc(s: Scalars, x: SSAValue) -> SSAValue:
    """1 - erf(x) near 0, else exp(-x^2) times a quotient of polynomials, and 2 less that of -x below 0."""
    one, two = s.like(1, x), s.like(2, x)
    size = s.min(s.abs(x), s.like(30, x))  # beyond 27.3 it is 0
    near = s.div(_polynomial(s, size, _NEAR_ABOVE), _polynomial(s, size, _NEAR_BELOW))
    inverse = s.div(one, s.max(s.mul(size, size), s.like(1e-3, x)))
    tail = s.mul(inverse, s.div(_polynomial(s, inverse, _FAR_ABOVE), _polynomial(s, inverse, _FAR_BELOW)))
    far = s.div(s.sub(s.like(1 / math.sqrt(math.pi), x), tail), size)
    # exp(-x^2) with the square in two parts, the first of which is exact.
    sixteen = s.like(16, x)
    coarse = s.div(s.unary(math_dialect.TruncOp, s.mul(size, sixteen)), sixteen)
    rest = s.mul(s.sub(size, coarse), s.add(size, coarse))
    bell = s.mul(s.exp(s.neg(s.mul(coarse, coarse))), s.exp(s.neg(rest)))
    right = s.mul(bell, s.select(s.compare("gt", size, s.like(4, x)), far, near))
    wide = s.select(s.compare("lt", x, s.like(0, x)), s.sub(two, right), right)
    # A comparison with NaN does not hold, which leaves 1 - erf(NaN).
    return s.select(
        s.compare("gt", s.abs(x), s.like(0.46875, x)), wide, s.sub(one, s.unary(math_dialect.ErfOp, x))
    )  # fmt: skip


def _erfinv(s: Scalars, y: SSAValue) -> SSAValue:
    """A quotient of polynomials (J. M. Blair and others, Mathematics of Computation 30 (1976), in the short form of many
    libraries, PyTorch's too), then two steps of Newton's method."""
    one, size = s.like(1, y), s.abs(y)
    square = s.mul(y, y)
    centre = s.div(
        s.mul(y, _polynomial(s, square, (-0.140543331, 0.914624893, -1.645349621, 0.886226899))),
        _polynomial(s, square, (0.012229801, -0.329097515, 1.442710462, -2.118377725, 1.0)),
    )
    half = s.div(s.sub(one, size), s.like(2, y))
    root = s.unary(math_dialect.SqrtOp, s.neg(s.unary(math_dialect.LogOp, half)))
    outer = s.div(
        _polynomial(s, root, (1.641345311, 3.429567803, -1.624906493, -1.970840454)),
        _polynomial(s, root, (1.637067800, 3.543889200, 1.0)),
    )
    outer = s.emit(math_dialect.CopySignOp(outer, y))
    x = s.select(s.compare("le", size, s.like(0.7, y)), centre, outer)
    for _ in range(2):
        slope = s.mul(s.like(2 / math.sqrt(math.pi), y), s.exp(s.neg(s.mul(x, x))))
        x = s.sub(x, s.div(s.sub(s.unary(math_dialect.ErfOp, x), y), slope))
    edge = s.emit(math_dialect.CopySignOp(s.like(math.inf, y), y))
    outside = s.select(s.compare("eq", size, one), edge, s.like(math.nan, y))
    return s.select(s.compare("lt", size, one), x, outside)


pointwise(aten.erfc.default, operands=1, promotion=PROMOTION.INT_TO_FLOAT)(_in_f64(_erfc))
pointwise(aten.erfinv.default, operands=1, promotion=PROMOTION.INT_TO_FLOAT)(_in_f64(_erfinv))


# The gamma function's logarithm and its derivatives: by their asymptotic series at 10 and above (Abramowitz and Stegun,
# 6.1.40, 6.3.18, 6.4.11), reached by their recurrences from 1/2 on and by reflection from below (6.1.17, 6.3.7, 6.4.7).

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
"""The second, fourth, ... Bernoulli number."""


def _raised(s: Scalars, x: SSAValue) -> tuple[SSAValue, SSAValue, list[tuple[SSAValue, SSAValue]]]:
    """(x reflected to at least 1/2, the same raised to at least 10 in steps of one, each step's (taken, from where))."""
    one, ten = s.like(1, x), s.like(10, x)
    right = s.select(s.compare("lt", x, s.like(0.5, x)), s.sub(one, x), x)
    high, steps = right, []
    for _ in range(10):
        low = s.compare("lt", high, ten)
        steps.append((low, high))
        high = s.select(low, s.add(high, one), high)
    return right, high, steps


def _from_whole(s: Scalars, x: SSAValue) -> SSAValue:
    """pi times the distance of x from the nearest whole number."""
    return s.mul(s.like(math.pi, x), s.sub(x, s.unary(math_dialect.RoundEvenOp, x)))


def _lgamma(s: Scalars, x: SSAValue) -> SSAValue:
    """log |gamma(x)|; infinite at 0, at negative whole numbers and at both infinities."""
    log, one = math_dialect.LogOp, s.like(1, x)
    _, high, steps = _raised(s, x)
    product = one
    for low, at in steps:
        product = s.select(low, s.mul(product, at), product)
    inverse = s.div(one, high)
    series = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, start=1)]
    tail = s.mul(inverse, _polynomial(s, s.mul(inverse, inverse), series[::-1]))
    main = s.sub(s.mul(s.sub(high, s.like(0.5, x)), s.unary(log, high)), high)
    value = s.add(s.add(main, s.like(0.5 * math.log(2 * math.pi), x)), tail)
    value = s.sub(value, s.unary(log, product))
    sine = s.abs(s.unary(math_dialect.SinOp, _from_whole(s, x)))
    reflected = s.sub(s.unary(log, s.div(s.like(math.pi, x), sine)), value)
    value = s.select(s.compare("lt", x, s.like(0.5, x)), reflected, value)
    infinity = s.like(math.inf, x)
    return s.select(s.compare("eq", s.abs(x), infinity), infinity, value)


def _digamma(s: Scalars, x: SSAValue) -> SSAValue:
    """The derivative of log gamma; NaN at negative whole numbers, infinite of the other sign at 0."""
    zero, one = s.like(0, x), s.like(1, x)
    _, high, steps = _raised(s, x)
    inverse = s.div(one, high)
    square = s.mul(inverse, inverse)
    series = [b / (2 * k) for k, b in enumerate(_BERNOULLI, start=1)]
    value = s.sub(s.unary(math_dialect.LogOp, high), s.mul(s.like(0.5, x), inverse))
    value = s.sub(value, s.mul(square, _polynomial(s, square, series[::-1])))
    for low, at in reversed(steps):
        value = s.select(low, s.sub(value, s.div(one, at)), value)
    turn = _from_whole(s, x)
    reflected = s.sub(value, s.div(s.like(math.pi, x), s.unary(math_dialect.TanOp, turn)))
    reflected = s.select(s.compare("eq", turn, zero), s.like(math.nan, x), reflected)
    value = s.select(s.compare("lt", x, s.like(0.5, x)), reflected, value)
    pole = s.neg(s.emit(math_dialect.CopySignOp(s.like(math.inf, x), x)))
    return s.select(s.compare("eq", x, zero), pole, value)


def _trigamma(s: Scalars, x: SSAValue) -> SSAValue:
    """The second derivative of log gamma; infinite at 0 and at negative whole numbers."""
    one = s.like(1, x)
    _, high, steps = _raised(s, x)
    inverse = s.div(one, high)
    square = s.mul(inverse, inverse)
    tail = s.mul(s.mul(square, inverse), _polynomial(s, square, _BERNOULLI[::-1]))
    value = s.add(s.add(inverse, s.mul(s.like(0.5, x), square)), tail)
    for low, at in reversed(steps):
        value = s.select(low, s.add(value, s.div(one, s.mul(at, at))), value)
    ratio = s.div(s.like(math.pi, x), s.unary(math_dialect.SinOp, _from_whole(s, x)))
    return s.select(s.compare("lt", x, s.like(0.5, x)), s.sub(s.mul(ratio, ratio), value), value)


pointwise(aten.lgamma.default, operands=1, promotion=PROMOTION.INT_TO_FLOAT)(_in_f64(_lgamma))
pointwise(aten.digamma.default, operands=1, promotion=PROMOTION.INT_TO_FLOAT)(_in_f64(_digamma))


@converts(aten.polygamma.default)
def polygamma(b: Builder, order: int, x: SSAValue) -> SSAValue:
    """The derivative of digamma of an order, 0 or 1."""
    if order > 1:
        raise Unsupported(f"polygamma of order {order}; those of order 0 and 1 have a conversion")
    return elementwise_converter(_in_f64((_digamma, _trigamma)[order]), 1, PROMOTION.INT_TO_FLOAT)(b, x)


# Neighbours

_FORMATS = {Float64Type(): (53, -1074), Float32Type(): (24, -149), BFloat16Type(): (8, -133)}
"""Float type -> (bits of the significand, exponent of the least number above 0)."""


@pointwise(aten.nextafter.default, operands=2, promotion=PROMOTION.NO_OPMATH)
def nextafter(s: Scalars, x: SSAValue, y: SSAValue) -> SSAValue:
    """The float next to x on the way to y.

    From arithmetic alone: S. M. Rump, P. Zimmermann, S. Boldo, G. Melquiond, Computing predecessor and successor in
    rounding to nearest, BIT 49 (2009), section 2, on numbers below 1 scaled out of the reach of underflow.
    """
    type_ = s.type_of(x)
    if type_ not in _FORMATS:
        raise Unsupported(f"nextafter of {type_}; convert the tensors to float32 or float64 first")
    bits, least = _FORMATS[type_]
    unit = 2.0**-bits
    zero, one = s.like(0, x), s.like(1, x)
    scale = s.select(s.compare("lt", s.abs(x), one), s.like(2.0 ** (2 * bits), x), one)
    upward = s.compare("lt", x, y)
    scaled = s.mul(x, scale)
    step = s.mul(s.abs(scaled), s.like(unit * (1 + 2 * unit), x))
    step = s.select(upward, step, s.neg(step))
    least_step = s.like(2.0**least, x)
    tiny = s.add(x, s.select(upward, least_step, s.neg(least_step)))
    moved = s.select(
        s.compare("lt", s.abs(x), s.like(2.0 ** (least + bits), x)), tiny, s.div(s.add(scaled, step), scale)
    )
    largest = s.like((2 - 2 * unit) * 2.0 ** (2 - least - bits), x)
    from_infinity = s.emit(math_dialect.CopySignOp(largest, x))
    moved = s.select(s.compare("eq", s.abs(x), s.like(math.inf, x)), from_infinity, moved)
    # From the least number to 0 the sign stays.
    moved = s.select(s.compare("eq", moved, zero), s.emit(math_dialect.CopySignOp(zero, x)), moved)
    same = s.compare("eq", x, y)
    unordered = s.or_(s.is_nan(x), s.is_nan(y))
    return s.select(same, y, s.select(unordered, s.add(x, y), moved))


# Divisors

_STEPS = {8: 12, 16: 23, 32: 46, 64: 92}
"""Steps of Euclid's algorithm on integers of so many bits, at most: one for each Fibonacci number that they hold."""


@converts(aten.gcd.default)
def gcd(b: Builder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The greatest common divisor of integers, by Euclid's algorithm: not negative (but where x or y is the least integer,
    whose absolute value wraps), 0 of zeros."""
    _, dtype = promote((x, y), PROMOTION.DEFAULT)
    type_ = scalar_type(dtype)
    assert isinstance(type_, IntegerType)
    shape = broadcast_shapes(shape_of(x), shape_of(y))
    starts = [b.pointwise([v], lambda s, args: s.abs(s.cast(args[0], type_)), type_, shape) for v in (y, x)]
    rank, steps = len(shape), _STEPS[type_.width.data]
    places = AffineMap(rank + 1, 0, tuple(AffineDimExpr(dim) for dim in range(rank)))

    def step(s: Scalars, args: Sequence[SSAValue]) -> Sequence[SSAValue]:
        _, first, second = args
        done = s.compare("eq", second, s.like(0, second))
        rest = s.remainder(first, s.select(done, s.like(1, second), second))
        return s.select(done, first, second), s.select(done, second, rest)

    counted = (b.empty((steps,), IntegerType(1)), AffineMap(rank + 1, 0, (AffineDimExpr(rank),)))
    return b.generic([counted], [(value, places) for value in starts], [PARALLEL] * rank + [REDUCTION], step)[0]


@converts(aten.lcm.default)
def lcm(b: Builder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The least common multiple of integers: not negative but where it wraps, 0 where either is 0."""
    return elementwise_converter(_lcm, 3, PROMOTION.DEFAULT)(b, x, y, gcd(b, x, y))


def _lcm(s: Scalars, x: SSAValue, y: SSAValue, divisor: SSAValue) -> SSAValue:
    """|x / divisor * y|, computed on 32 bits at least."""
    type_ = s.type_of(x)
    assert isinstance(type_, IntegerType)
    wide = IntegerType(max(type_.width.data, 32))
    x, y, divisor = (s.cast(value, wide) for value in (x, y, divisor))
    divisor = s.select(s.compare("eq", divisor, s.like(0, divisor)), s.like(1, divisor), divisor)
    return s.abs(s.mul(s.div(x, divisor), y))
