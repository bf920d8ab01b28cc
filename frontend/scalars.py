"""Scalar arithmetic inside the bodies of linalg.generic: one method per operation, for any element type.

Booleans (`i1`) are unsigned, other integers signed; comparisons of floats are those of IEEE 754. The op that is emitted
follows from the type of the operands, which all operands of a method share. Integer overflow wraps, as in PyTorch.
"""

from collections.abc import Sequence

from xdsl.dialects import arith, tensor
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import Float32Type, FloatAttr, IndexType, IntegerAttr, IntegerType, LocationAttr, TensorType
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.ir import Block, Operation, SSAValue

from cedr.dialects.extensions import RemfOp
from cedr.frontend.types import ScalarType, is_boolean, is_integer

_F32 = Float32Type()
FLOAT_BITS = {"f64": 64, "f32": 32, "f16": 16, "bf16": 16}

_FLOAT_PREDICATES = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_SIGNED_PREDICATES = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_UNSIGNED_PREDICATES = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}


class Scalars:
    """Emits scalar ops at the end of a block, all with one location."""

    def __init__(self, block: Block, location: LocationAttr):
        self._block = block
        self._location = location
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

    def constant(self, number: float | bool, type_: ScalarType) -> SSAValue:
        """A number as a constant of the type, once per body; a float for an integer type is truncated."""
        key = (repr(number), type_)
        if key not in self._constants:
            self._constants[key] = self.emit(arith.ConstantOp(constant_attribute(number, type_)))
        return self._constants[key]

    def like(self, number: float | bool, value: SSAValue) -> SSAValue:
        """A number as a constant of a value's type."""
        return self.constant(number, self.type_of(value))

    # Arithmetic

    def add(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x + y; `or` of booleans."""
        if is_boolean(self.type_of(x)):
            return self.emit(arith.OrIOp(x, y))
        return self.emit(arith.AddiOp(x, y) if is_integer(self.type_of(x)) else arith.AddfOp(x, y))

    def sub(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x - y."""
        return self.emit(arith.SubiOp(x, y) if is_integer(self.type_of(x)) else arith.SubfOp(x, y))

    def mul(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x * y; `and` of booleans."""
        if is_boolean(self.type_of(x)):
            return self.emit(arith.AndIOp(x, y))
        return self.emit(arith.MuliOp(x, y) if is_integer(self.type_of(x)) else arith.MulfOp(x, y))

    def div(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x / y of floats; of integers the quotient rounded towards zero."""
        return self.emit(arith.DivSIOp(x, y) if is_integer(self.type_of(x)) else arith.DivfOp(x, y))

    def floor_div(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The quotient rounded towards minus infinity, of integers."""
        return self.emit(arith.FloorDivSIOp(x, y))

    def remainder(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The remainder with the sign of x."""
        return self.emit(arith.RemSIOp(x, y) if is_integer(self.type_of(x)) else RemfOp(x, y))

    def neg(self, x: SSAValue) -> SSAValue:
        """-x."""
        return self.sub(self.like(0, x), x) if is_integer(self.type_of(x)) else self.emit(arith.NegfOp(x))

    def max(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The larger one; NaN if either is NaN."""
        if is_boolean(self.type_of(x)):
            return self.emit(arith.OrIOp(x, y))
        return self.emit(arith.MaxSIOp(x, y) if is_integer(self.type_of(x)) else arith.MaximumfOp(x, y))

    def min(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """The smaller one; NaN if either is NaN."""
        if is_boolean(self.type_of(x)):
            return self.emit(arith.AndIOp(x, y))
        return self.emit(arith.MinSIOp(x, y) if is_integer(self.type_of(x)) else arith.MinimumfOp(x, y))

    def abs(self, x: SSAValue) -> SSAValue:
        """|x|."""
        return self.emit(math_dialect.AbsIOp(x) if is_integer(self.type_of(x)) else math_dialect.AbsFOp(x))

    def unary(self, op: type[math_dialect.FloatingPointLikeUnaryMathOperation], x: SSAValue) -> SSAValue:
        """A function of the math dialect, of a float."""
        return self.emit(op(x))

    def exp(self, x: SSAValue) -> SSAValue:
        """e to the power of x, a float."""
        return self.emit(math_dialect.ExpOp(x))

    def sigmoid(self, x: SSAValue) -> SSAValue:
        """1 / (1 + exp(-x)), of a float."""
        one = self.like(1, x)
        return self.div(one, self.add(one, self.exp(self.neg(x))))

    def pow(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x to the power of y, of floats."""
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
        if not is_integer(type_):
            return self.emit(arith.CmpfOp(x, y, _FLOAT_PREDICATES[predicate]))
        table = _UNSIGNED_PREDICATES if is_boolean(type_) else _SIGNED_PREDICATES
        return self.emit(arith.CmpiOp(x, y, table[predicate]))

    def is_nan(self, x: SSAValue) -> SSAValue:
        """Whether x is NaN (never, for integers)."""
        if is_integer(self.type_of(x)):
            return self.constant(False, IntegerType(1))
        return self.emit(arith.CmpfOp(x, x, "uno"))

    def select(self, condition: SSAValue, x: SSAValue, y: SSAValue) -> SSAValue:
        """x where the boolean holds, else y."""
        return self.emit(arith.SelectOp(condition, x, y))

    # Conversions

    def cast(self, x: SSAValue, to: ScalarType) -> SSAValue:
        """x converted as PyTorch does: floats to integers truncate, to booleans test against zero."""
        source = self.type_of(x)
        if source == to:
            return x
        if is_boolean(to):
            return self.compare("ne", x, self.like(0, x))
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


def constant_attribute(number: float | bool, type_: ScalarType) -> IntegerAttr[IntegerType | IndexType] | FloatAttr:
    """The attribute of a scalar constant; a float for an integer type is truncated, any non-zero for i1 is true."""
    if isinstance(type_, IntegerType):
        if is_boolean(type_):
            return IntegerAttr(int(bool(number)), type_)
        return IntegerAttr(int(number), type_, truncate_bits=True)
    return FloatAttr(float(number), type_)


def lowest_number(type_: ScalarType) -> float:
    """The identity of a maximum: -inf, the least integer, false."""
    if not isinstance(type_, IntegerType):
        return float("-inf")
    return 0 if is_boolean(type_) else -(2 ** (type_.width.data - 1))


def highest_number(type_: ScalarType) -> float:
    """The identity of a minimum: inf, the largest integer, true."""
    if not isinstance(type_, IntegerType):
        return float("inf")
    return 1 if is_boolean(type_) else 2 ** (type_.width.data - 1) - 1
