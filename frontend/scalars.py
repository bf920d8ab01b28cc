"""Scalar arithmetic inside the bodies of linalg.generic: one method per operation, for any element type.

Booleans (`i1`) are unsigned, other integers signed; comparisons of floats are those of IEEE 754. The op that is emitted
follows from the type of the operands, which all operands of a method share. Integer overflow wraps, as in PyTorch.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from xdsl.dialects import arith, tensor
from xdsl.dialects import complex as complex_dialect
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import (
    ComplexType,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    TensorType,
)
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cedr.dialects.constants import complex_attribute, scalar_op
from cedr.dialects.extensions import RemfOp
from cedr.frontend.open_sizes import is_open
from cedr.frontend.refusal import Unsupported
from cedr.frontend.types import ScalarType, is_boolean, is_complex, is_integer

_F32 = Float32Type()
Number: TypeAlias = float | bool | complex
FLOAT_BITS = {"f64": 64, "f32": 32, "f16": 16, "bf16": 16}

_FLOAT_PREDICATES = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_SIGNED_PREDICATES = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_COMPLEX_COMPARISONS: dict[str, type[complex_dialect.EqualOp | complex_dialect.NotEqualOp]] = {
    "eq": complex_dialect.EqualOp,
    "ne": complex_dialect.NotEqualOp,
}
_COMPLEX_FUNCTIONS: dict[
    type[math_dialect.FloatingPointLikeUnaryMathOperation], type[complex_dialect.ComplexUnaryComplexResultOperation]
] = {
    math_dialect.ExpOp: complex_dialect.ExpOp,
    math_dialect.LogOp: complex_dialect.LogOp,
    math_dialect.SqrtOp: complex_dialect.SqrtOp,
    math_dialect.SinOp: complex_dialect.SinOp,
    math_dialect.CosOp: complex_dialect.CosOp,
    math_dialect.TanOp: complex_dialect.TanOp,
    math_dialect.TanhOp: complex_dialect.TanhOp,
}
_UNSIGNED_PREDICATES = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}


class Scalars:
    """Emits scalar ops at the end of a block, all with one location; `open_number` gives a number made of open sizes, which
    is computed outside of it."""

    def __init__(self, block: Block, location: LocationAttr, open_number: Callable[[Number, ScalarType], SSAValue]):
        self._block = block
        self._location = location
        self._open_number = open_number
        self._constants: dict[tuple[str, ScalarType], SSAValue] = {}

    def emit(self, op: Operation) -> SSAValue:
        """Appends an op of one result and gives that result."""
        op.location = self._location
        self._block.add_op(op)
        return op.results[0]

    @staticmethod
    def type_of(value: SSAValue) -> ScalarType:
        """The value's type, which is a scalar type by construction."""
        type_: ScalarType = value.type  # type: ignore[assignment]  # block arguments and results of scalar ops
        return type_

    def constant(self, number: Number, type_: ScalarType) -> SSAValue:
        """A number as a constant of the type, once per body; a float for an integer type is truncated."""
        if is_open(number):
            return self._open_number(number, type_)
        key = (repr(number), type_)
        if key not in self._constants:
            self._constants[key] = self.emit(scalar_op(constant_attribute(number, type_)))
        return self._constants[key]

    def like(self, number: Number, value: SSAValue) -> SSAValue:
        """A number as a constant of a value's type."""
        return self.constant(number, self.type_of(value))

    # Arithmetic

    def add(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x + y; `or` of booleans."""
        if is_boolean(self.type_of(x)):
            return self.emit(arith.OrIOp(x, y))
        if is_complex(self.type_of(x)):
            return self.emit(complex_dialect.AddOp(x, y))
        return self.emit(arith.AddiOp(x, y) if is_integer(self.type_of(x)) else arith.AddfOp(x, y))

    def sub(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x - y."""
        if is_complex(self.type_of(x)):
            return self.emit(complex_dialect.SubOp(x, y))
        return self.emit(arith.SubiOp(x, y) if is_integer(self.type_of(x)) else arith.SubfOp(x, y))

    def mul(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x * y; `and` of booleans."""
        if is_boolean(self.type_of(x)):
            return self.emit(arith.AndIOp(x, y))
        if is_complex(self.type_of(x)):
            return self.emit(complex_dialect.MulOp(x, y))
        return self.emit(arith.MuliOp(x, y) if is_integer(self.type_of(x)) else arith.MulfOp(x, y))

    def div(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x / y of floats and complex numbers; of integers the quotient rounded towards zero."""
        if is_complex(self.type_of(x)):
            return self.emit(complex_dialect.DivOp(x, y))
        return self.emit(arith.DivSIOp(x, y) if is_integer(self.type_of(x)) else arith.DivfOp(x, y))

    def floor_div(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The quotient rounded towards minus infinity, of integers."""
        return self.emit(arith.FloorDivSIOp(x, y))

    def remainder(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The remainder with the sign of x."""
        return self.emit(arith.RemSIOp(x, y) if is_integer(self.type_of(x)) else RemfOp(x, y))

    def neg(self, x: SSAValue) -> SSAValue:
        """-x."""
        if is_complex(self.type_of(x)):
            return self.emit(complex_dialect.NegOp(x))
        return self.sub(self.like(0, x), x) if is_integer(self.type_of(x)) else self.emit(arith.NegfOp(x))

    def max(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The larger one; NaN if either is NaN. Raises Unsupported for complex numbers."""
        check_ordered(self.type_of(x))
        if is_boolean(self.type_of(x)):
            return self.emit(arith.OrIOp(x, y))
        return self.emit(arith.MaxSIOp(x, y) if is_integer(self.type_of(x)) else arith.MaximumfOp(x, y))

    def min(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The smaller one; NaN if either is NaN. Raises Unsupported for complex numbers."""
        check_ordered(self.type_of(x))
        if is_boolean(self.type_of(x)):
            return self.emit(arith.AndIOp(x, y))
        return self.emit(arith.MinSIOp(x, y) if is_integer(self.type_of(x)) else arith.MinimumfOp(x, y))

    def abs(self, x: SSAValue) -> SSAValue:
        """|x|, of complex numbers as a float."""
        if is_complex(self.type_of(x)):
            return self.emit(complex_dialect.AbsOp(x))
        return self.emit(math_dialect.AbsIOp(x) if is_integer(self.type_of(x)) else math_dialect.AbsFOp(x))

    def unary(self, op: type[math_dialect.FloatingPointLikeUnaryMathOperation], x: SSAValue) -> SSAValue:
        """A function of the math dialect, of a float; of a complex number its counterpart of the complex dialect.

        Raises Unsupported for a complex number where there is none.
        """
        if not is_complex(self.type_of(x)):
            return self.emit(op(x))
        if op in _COMPLEX_FUNCTIONS:
            return self.emit(_COMPLEX_FUNCTIONS[op](x))
        if op in _COMPLEX_COMPOSITES:
            return _COMPLEX_COMPOSITES[op](self, x)
        known = (known.name.removeprefix("math.") for known in (*_COMPLEX_FUNCTIONS, *_COMPLEX_COMPOSITES))
        raise Unsupported(
            f"{op.name.removeprefix('math.')} of complex numbers; the functions of complex numbers are"
            f" {', '.join(sorted(known))}"
        )

    def exp(self, x: SSAValue) -> SSAValue:
        """e to the power of x, a float or complex number."""
        return self.unary(math_dialect.ExpOp, x)

    def sigmoid(self, x: SSAValue) -> SSAValue:
        """1 / (1 + exp(-x)), of a float or complex number."""
        one = self.like(1, x)
        return self.div(one, self.add(one, self.exp(self.neg(x))))

    def pow(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x to the power of y, of floats or complex numbers."""
        if is_complex(self.type_of(x)):
            return self.emit(complex_dialect.PowOp(x, y))
        return self.emit(math_dialect.PowFOp(x, y))

    def integer_power(self, x: SSAValue, exponent: int) -> SSAValue:
        """x to a non-negative integer power by repeated multiplication."""
        if exponent == 0:
            return self.like(1, x)
        half = self.integer_power(x, exponent // 2) if exponent > 1 else None
        if half is None:
            return x
        square = self.mul(half, half)
        return self.mul(square, x) if exponent % 2 else square

    # Complex numbers

    def complex(self, real: SSAValue, imaginary: SSAValue) -> SSAValue:
        """The complex number of two f32 parts."""
        return self.emit(complex_dialect.CreateOp(real, imaginary, ComplexType(_F32)))

    def real(self, x: SSAValue) -> SSAValue:
        """The real part; x itself if it is real."""
        return self.emit(complex_dialect.ReOp(x)) if is_complex(self.type_of(x)) else x

    def imaginary(self, x: SSAValue) -> SSAValue:
        """The imaginary part of a complex number."""
        return self.emit(complex_dialect.ImOp(x))

    def conjugate(self, x: SSAValue) -> SSAValue:
        """The complex conjugate; x itself if it is real."""
        return self.emit(complex_dialect.ConjOp(x)) if is_complex(self.type_of(x)) else x

    # Bits and truth

    def and_(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """Bitwise and of integers, logical of booleans."""
        return self.emit(arith.AndIOp(x, y))

    def or_(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """Bitwise or of integers, logical of booleans."""
        return self.emit(arith.OrIOp(x, y))

    def xor(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """Bitwise exclusive or of integers, logical of booleans."""
        return self.emit(arith.XOrIOp(x, y))

    def not_(self, x: SSAValue) -> SSAValue:
        """All bits inverted; the negation of a boolean."""
        return self.xor(x, self.like(1 if is_boolean(self.type_of(x)) else -1, x))

    def compare(self, predicate: str, x: SSAValue, y: SSAValue) -> SSAValue:
        """A boolean; predicates eq ne lt le gt ge. With a NaN only ne holds."""
        type_ = self.type_of(x)
        if is_complex(type_):
            if predicate not in _COMPLEX_COMPARISONS:
                check_ordered(type_)
            return self.emit(_COMPLEX_COMPARISONS[predicate](x, y))
        if not is_integer(type_):
            return self.emit(arith.CmpfOp(x, y, _FLOAT_PREDICATES[predicate]))
        table = _UNSIGNED_PREDICATES if is_boolean(type_) else _SIGNED_PREDICATES
        return self.emit(arith.CmpiOp(x, y, table[predicate]))

    def is_nan(self, x: SSAValue) -> SSAValue:
        """Whether x is NaN (never, for integers), of complex numbers either part."""
        if is_complex(self.type_of(x)):
            return self.or_(self.is_nan(self.real(x)), self.is_nan(self.imaginary(x)))
        if is_integer(self.type_of(x)):
            return self.constant(False, IntegerType(1))
        return self.emit(arith.CmpfOp(x, x, "uno"))

    def select(self, condition: SSAValue, x: SSAValue, y: SSAValue) -> SSAValue:
        """x where the boolean holds, else y."""
        return self.emit(arith.SelectOp(condition, x, y))

    # Conversions

    def cast(self, x: SSAValue, to: ScalarType) -> SSAValue:
        """x converted as PyTorch does: floats to integers truncate, to booleans test against zero.

        Raises Unsupported for a complex number that would lose its imaginary part: `real` is asked for that.
        """
        source = self.type_of(x)
        if source == to:
            return x
        if isinstance(to, ComplexType):
            return self.complex(self.cast(x, _F32), self.constant(0, _F32))
        if is_boolean(to):
            return self.compare("ne", x, self.like(0, x))
        if isinstance(source, ComplexType):
            raise Unsupported(
                f"complex numbers where {to} is computed; convert them first: x.real, x.abs(), x.to(dtype)"
            )
        if isinstance(source, IntegerType) and isinstance(to, IntegerType):
            if source.width.data > to.width.data:
                return self.emit(arith.TruncIOp(x, to))
            return self.emit(arith.ExtUIOp(x, to) if is_boolean(source) else arith.ExtSIOp(x, to))
        if isinstance(to, IntegerType):
            return self.emit(arith.FPToSIOp(x, to))
        if isinstance(source, IntegerType):
            return self.emit(arith.UIToFPOp(x, to) if is_boolean(source) else arith.SIToFPOp(x, to))
        source_bits, bits = FLOAT_BITS[str(source)], FLOAT_BITS[str(to)]
        if source_bits == bits:
            return self.cast(self.cast(x, _F32), to)
        return self.emit(arith.TruncFOp(x, to) if source_bits > bits else arith.ExtFOp(x, to))

    def bitcast(self, x: SSAValue, to: ScalarType) -> SSAValue:
        """The bits of x as a value of another type, of the same width."""
        return x if self.type_of(x) == to else self.emit(arith.BitcastOp(x, to))

    def extract(self, table: SSAValue, position: Sequence[SSAValue]) -> SSAValue:
        """An element of a tensor outside of the generic, at integers or indices, one per dimension.

        A position outside of the tensor ends the program with a message.
        """
        indices = [
            i if isinstance(i.type, IndexType) else self.emit(arith.IndexCastOp(i, IndexType())) for i in position
        ]
        element = table.type.get_element_type() if isinstance(table.type, TensorType) else table.type
        return self.emit(tensor.ExtractOp(table, indices, element))

    def loop(self, dim: int) -> SSAValue:
        """The loop index of a dimension of the generic, of type `index`."""
        return self.emit(linalg_ops.IndexOp(dim))

    def index(self, dim: int, to: ScalarType) -> SSAValue:
        """The loop index of a dimension of the generic, as an integer."""
        return self.emit(arith.IndexCastOp(self.loop(dim), to))


# Functions of complex numbers. Numbers are added and multiplied part by part, which keeps the sign of a zero: it says on which
# side of a branch cut x is.


def _plus(s: Scalars, x: SSAValue, number: float) -> SSAValue:
    return s.complex(s.add(s.real(x), s.constant(number, _F32)), s.imaginary(x))


def _times(s: Scalars, x: SSAValue, number: float) -> SSAValue:
    factor = s.constant(number, _F32)
    return s.complex(s.mul(s.real(x), factor), s.mul(s.imaginary(x), factor))


def _turned(s: Scalars, x: SSAValue) -> SSAValue:
    """i x."""
    return s.complex(s.neg(s.imaginary(x)), s.real(x))


def _turned_back(s: Scalars, x: SSAValue) -> SSAValue:
    """-i x."""
    return s.complex(s.imaginary(x), s.neg(s.real(x)))


def _log(s: Scalars, x: SSAValue) -> SSAValue:
    return s.unary(math_dialect.LogOp, x)


def _sqrt(s: Scalars, x: SSAValue) -> SSAValue:
    return s.unary(math_dialect.SqrtOp, x)


def _sinh(s: Scalars, x: SSAValue) -> SSAValue:
    return _times(s, s.sub(s.exp(x), s.exp(s.neg(x))), 0.5)


def _cosh(s: Scalars, x: SSAValue) -> SSAValue:
    return _times(s, s.add(s.exp(x), s.exp(s.neg(x))), 0.5)


# The inverse functions as W. Kahan has them, Branch cuts for complex elementary functions (1987).


def _asinh(s: Scalars, x: SSAValue) -> SSAValue:
    """log(x + sqrt(1 + i x) sqrt(1 - i x)); of -x, negated, where the real part is negative: nothing cancels in the sum."""
    sign = s.emit(math_dialect.CopySignOp(s.constant(1, _F32), s.real(x)))
    right = s.complex(s.mul(s.real(x), sign), s.mul(s.imaginary(x), sign))
    roots = [_sqrt(s, _plus(s, turn(s, right), 1)) for turn in (_turned, _turned_back)]
    result = _log(s, s.add(right, s.mul(*roots)))
    return s.complex(s.mul(s.real(result), sign), s.mul(s.imaginary(result), sign))


def _acosh(s: Scalars, x: SSAValue) -> SSAValue:
    """2 log(sqrt((x + 1) / 2) + sqrt((x - 1) / 2))."""
    roots = [_sqrt(s, _times(s, _plus(s, x, number), 0.5)) for number in (1, -1)]
    return _times(s, _log(s, s.add(*roots)), 2)


def _atanh(s: Scalars, x: SSAValue) -> SSAValue:
    """(log(1 + x) - log(1 - x)) / 2."""
    return _times(s, s.sub(_log(s, _plus(s, x, 1)), _log(s, _plus(s, s.neg(x), 1))), 0.5)


def _asin(s: Scalars, x: SSAValue) -> SSAValue:
    """-i asinh(i x)."""
    return _turned_back(s, _asinh(s, _turned(s, x)))


def _acos(s: Scalars, x: SSAValue) -> SSAValue:
    """pi / 2 - asin(x)."""
    return _plus(s, s.neg(_asin(s, x)), math.pi / 2)


_COMPLEX_COMPOSITES: dict[
    type[math_dialect.FloatingPointLikeUnaryMathOperation], Callable[[Scalars, SSAValue], SSAValue]
] = {
    math_dialect.RsqrtOp: lambda s, x: s.div(s.like(1, x), _sqrt(s, x)),
    math_dialect.Exp2Op: lambda s, x: s.exp(_times(s, x, math.log(2))),
    math_dialect.ExpM1Op: lambda s, x: _plus(s, s.exp(x), -1),
    math_dialect.Log2Op: lambda s, x: _times(s, _log(s, x), 1 / math.log(2)),
    math_dialect.Log10Op: lambda s, x: _times(s, _log(s, x), 1 / math.log(10)),
    math_dialect.Log1pOp: lambda s, x: _log(s, _plus(s, x, 1)),
    math_dialect.SinhOp: _sinh,
    math_dialect.CoshOp: _cosh,
    math_dialect.AsinhOp: _asinh,
    math_dialect.AcoshOp: _acosh,
    math_dialect.AtanhOp: _atanh,
    math_dialect.AsinOp: _asin,
    math_dialect.AcosOp: _acos,
    math_dialect.AtanOp: lambda s, x: _turned_back(s, _atanh(s, _turned(s, x))),
}
"""Functions of complex numbers from those that the complex dialect has."""


def constant_attribute(number: Number, type_: ScalarType) -> Attribute:
    """The attribute of a scalar constant; a float for an integer type is truncated, any non-zero for i1 is true.

    Raises Unsupported for a complex number of a real type.
    """
    if isinstance(type_, ComplexType):
        return complex_attribute(complex(number), type_.element_type)
    if isinstance(number, complex):
        raise Unsupported(f"the complex number {number} among real ones; convert the tensor to torch.complex64 first")
    if isinstance(type_, IntegerType):
        if is_boolean(type_):
            return IntegerAttr(int(bool(number)), type_)
        return IntegerAttr(int(number), type_, truncate_bits=True)
    return FloatAttr(float(number), type_)


def lowest_number(type_: ScalarType) -> float:
    """The identity of a maximum: -inf, the least integer, false. Raises Unsupported for complex types."""
    check_ordered(type_)
    if not isinstance(type_, IntegerType):
        return float("-inf")
    return 0 if is_boolean(type_) else -(2 ** (type_.width.data - 1))


def check_ordered(type_: ScalarType) -> None:
    """Raises Unsupported for complex types."""
    if is_complex(type_):
        raise Unsupported("an order of complex numbers; compare their real parts or absolute values")


def highest_number(type_: ScalarType) -> float:
    """The identity of a minimum: inf, the largest integer, true. Raises Unsupported for complex types."""
    check_ordered(type_)
    if not isinstance(type_, IntegerType):
        return float("inf")
    return 1 if is_boolean(type_) else 2 ** (type_.width.data - 1) - 1
