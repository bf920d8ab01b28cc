"""Scalar operations (arith, math, complex) on NumPy arrays, and the region of a `cedr.kernel` over its bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import arith, cf
from xdsl.dialects.builtin import (
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.cedr.affine import affine_results
from cedr.dialects.constants import CONSTANT_OPS, complex_parts
from cedr.dialects.element_types import numpy_dtype

if TYPE_CHECKING:
    from cedr.dialects.cedr.calls import KernelOp

Array = NDArray[np.generic]


def constant_value(attr: Attribute) -> Any:
    """A scalar or dense constant as a NumPy value to compute with: of its own dtype, bf16 as float32."""
    if isinstance(attr, FloatAttr):
        return _computing_dtype(attr.type).type(attr.value.data)
    if isinstance(attr, IntegerAttr):
        return numpy_dtype(attr.type).type(attr.value.data)
    if (parts := complex_parts(attr)) is not None:
        return _complex(*(constant_value(part) for part in parts))[()]
    if isinstance(attr, DenseIntOrFPElementsAttr):
        dtype = _computing_dtype(attr.get_element_type())
        if dtype.kind == "c":
            return np.frombuffer(attr.data.data, dtype).reshape(attr.get_shape())
        return np.array(attr.get_values(), dtype=dtype).reshape(attr.get_shape())
    raise InterpretationError(f"constant {attr} has no NumPy value")


def stored_constant(attr: DenseIntOrFPElementsAttr) -> Array:
    """A dense constant as it is stored: of its own dtype, bf16 as its bits."""
    stored: Array = narrow(constant_value(attr), attr.get_element_type())
    return stored


def _computing_dtype(element: Attribute) -> np.dtype[Any]:
    return np.dtype(np.float32) if isinstance(element, BFloat16Type) else numpy_dtype(element)


def _unsigned(values: Any) -> Any:
    values = np.asarray(values)
    return values.view(f"u{values.dtype.itemsize}") if values.dtype.kind == "i" else values


def _complex(real: Any, imaginary: Any) -> Array:
    """Complex numbers of these parts, whatever they are: an infinite part leaves the other one alone."""
    real, imaginary = np.broadcast_arrays(real, imaginary)
    result = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
    result.real, result.imag = real, imaginary
    return result


def _truncated_division(a: Any, b: Any) -> Any:
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(np.asarray(a).dtype)


_ERF = np.frompyfunc(math.erf, 1, 1)


def _erf(x: Any) -> Any:
    return np.asarray(_ERF(np.asarray(x, dtype=np.float64)), dtype=np.float64).astype(np.asarray(x).dtype)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.remf": np.fmod,
    "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum,
    "arith.maxnumf": np.fmax,
    "arith.minnumf": np.fmin,
    "arith.addi": np.add,
    "arith.subi": np.subtract,
    "arith.muli": np.multiply,
    "arith.divsi": _truncated_division,
    "arith.floordivsi": np.floor_divide,
    "arith.ceildivsi": lambda a, b: -np.floor_divide(-a, b),
    "arith.remsi": np.fmod,
    "arith.maxsi": np.maximum,
    "arith.minsi": np.minimum,
    "arith.maxui": lambda a, b: np.where(_unsigned(a) >= _unsigned(b), a, b),
    "arith.minui": lambda a, b: np.where(_unsigned(a) <= _unsigned(b), a, b),
    "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or,
    "arith.xori": np.bitwise_xor,
    "arith.shli": np.left_shift,
    "arith.shrsi": np.right_shift,
    "math.powf": np.power,
    "math.fpowi": np.power,
    "math.atan2": np.arctan2,
    "math.copysign": np.copysign,
    "complex.add": np.add,
    "complex.sub": np.subtract,
    "complex.mul": np.multiply,
    "complex.div": np.divide,
    "complex.pow": np.power,
    "complex.create": _complex,
    "complex.eq": np.equal,
    "complex.neq": np.not_equal,
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "arith.negf": np.negative,
    "math.absf": np.abs,
    "math.absi": np.abs,
    "math.ceil": np.ceil,
    "math.floor": np.floor,
    "math.round": lambda x: np.trunc(x + np.copysign(np.asarray(0.5, np.asarray(x).dtype), x)),
    "math.roundeven": np.rint,
    "math.trunc": np.trunc,
    "math.exp": np.exp,
    "math.exp2": np.exp2,
    "math.expm1": np.expm1,
    "math.log": np.log,
    "math.log1p": np.log1p,
    "math.log2": np.log2,
    "math.log10": np.log10,
    "math.sqrt": np.sqrt,
    "math.rsqrt": lambda x: (1 / np.sqrt(x)).astype(np.asarray(x).dtype),
    "math.cbrt": np.cbrt,
    "math.sin": np.sin,
    "math.cos": np.cos,
    "math.tan": np.tan,
    "math.sinh": np.sinh,
    "math.cosh": np.cosh,
    "math.tanh": np.tanh,
    "math.asin": np.arcsin,
    "math.acos": np.arccos,
    "math.atan": np.arctan,
    "math.asinh": np.arcsinh,
    "math.acosh": np.arccosh,
    "math.atanh": np.arctanh,
    "math.erf": _erf,
    "complex.re": np.real,
    "complex.im": np.imag,
    "complex.abs": np.abs,
    "complex.neg": np.negative,
    "complex.angle": lambda x: np.arctan2(np.imag(x), np.real(x)),
    "complex.exp": np.exp,
    "complex.log": np.log,
    "complex.sqrt": np.sqrt,
    "complex.sin": np.sin,
    "complex.cos": np.cos,
    "complex.tan": np.tan,
    "complex.tanh": np.tanh,
    "complex.conj": np.conj,
}
_CASTS = frozenset(
    {
        "arith.extf",
        "arith.truncf",
        "arith.sitofp",
        "arith.fptosi",
        "arith.extsi",
        "arith.trunci",
        "arith.index_cast",
    }
)
_COMPARE_FLOAT: dict[str, Callable[[Any, Any], Any]] = {
    "false": lambda a, b: np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b)), bool),
    "oeq": np.equal,
    "ogt": np.greater,
    "oge": np.greater_equal,
    "olt": np.less,
    "ole": np.less_equal,
    "one": lambda a, b: np.less(a, b) | np.greater(a, b),
    "ord": lambda a, b: ~(np.isnan(a) | np.isnan(b)),
    "ueq": lambda a, b: ~(np.less(a, b) | np.greater(a, b)),
    "ugt": lambda a, b: ~np.less_equal(a, b),
    "uge": lambda a, b: ~np.less(a, b),
    "ult": lambda a, b: ~np.greater_equal(a, b),
    "ule": lambda a, b: ~np.greater(a, b),
    "une": np.not_equal,
    "uno": lambda a, b: np.isnan(a) | np.isnan(b),
    "true": lambda a, b: np.ones(np.broadcast_shapes(np.shape(a), np.shape(b)), bool),
}
_COMPARE_INT: dict[str, Callable[[Any, Any], Any]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "slt": np.less,
    "sle": np.less_equal,
    "sgt": np.greater,
    "sge": np.greater_equal,
    "ult": lambda a, b: np.less(_unsigned(a), _unsigned(b)),
    "ule": lambda a, b: np.less_equal(_unsigned(a), _unsigned(b)),
    "ugt": lambda a, b: np.greater(_unsigned(a), _unsigned(b)),
    "uge": lambda a, b: np.greater_equal(_unsigned(a), _unsigned(b)),
}
_FLOAT_PREDICATES = tuple(_COMPARE_FLOAT)
_INT_PREDICATES = tuple(_COMPARE_INT)
# MLIR numbers the predicates: false, oeq, ogt, oge, olt, ole, one, ord, ueq, ... and eq, ne, slt, sle, sgt, sge, ult, ...


def widen(values: Any, element: Attribute) -> Any:
    """Stored elements as values to compute with: bf16 bits become float32."""
    if isinstance(element, BFloat16Type):
        return (np.asarray(values).astype(np.uint32) << 16).view(np.float32)
    return values


def narrow(values: Any, element: Attribute) -> Any:
    """Computed values as stored elements: rounded to the element type (bf16: to nearest even, as bits)."""
    if isinstance(element, BFloat16Type):
        bits = np.asarray(values, np.float32).view(np.uint32)
        rounded = ((bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        return np.where(np.isnan(np.asarray(values, np.float32)), np.uint16(0x7FC0), rounded)
    return np.asarray(values).astype(numpy_dtype(element), copy=False)


def _rounded(values: Any, element: Attribute) -> Any:
    return widen(narrow(values, element), element)


def _is_i1(element: Attribute) -> bool:
    return isinstance(element, IntegerType) and element.width.data == 1


def evaluate(op: Operation, operands: Sequence[Any]) -> Any:
    """One scalar operation on arrays that broadcast. Raises InterpretationError for an op it does not know."""
    result_type = op.results[0].type
    if isinstance(op, CONSTANT_OPS):
        return widen(narrow(constant_value(op.value), result_type), result_type)
    with np.errstate(all="ignore"):
        if (binary := _BINARY.get(op.name)) is not None:
            return _rounded(binary(*operands), result_type)
        if (unary := _UNARY.get(op.name)) is not None:
            return _rounded(unary(*operands), result_type)
        if op.name in _CASTS:
            if _is_i1(op.operands[0].type) and op.name in ("arith.sitofp", "arith.extsi"):  # a signed one-bit 1 is -1
                return _rounded(-np.asarray(operands[0]).astype(np.int64), result_type)
            if _is_i1(result_type):
                return (np.asarray(operands[0]).astype(np.int64) & 1).astype(bool)
            return _rounded(operands[0], result_type)
        if op.name in ("arith.extui", "arith.uitofp", "arith.index_castui"):
            return _rounded(_unsigned(operands[0]), result_type)
        if isinstance(op, arith.BitcastOp):
            bits = np.asarray(narrow(operands[0], op.input.type))
            return widen(bits.view(numpy_dtype(result_type)), result_type)
        if op.name == "arith.fptoui":
            return narrow(np.asarray(operands[0]).astype(np.uint64), result_type)
        if op.name == "arith.shrui":
            shifted = np.right_shift(_unsigned(operands[0]), _unsigned(operands[1]))
            return narrow(shifted, result_type)
        if isinstance(op, arith.CmpfOp):
            return _COMPARE_FLOAT[_FLOAT_PREDICATES[op.predicate.value.data]](*operands)
        if isinstance(op, arith.CmpiOp):
            return _COMPARE_INT[_INT_PREDICATES[op.predicate.value.data]](*operands)
        if op.name == "arith.select":
            return np.where(*operands)
        if op.name == "math.fma":
            return _rounded(operands[0] * operands[1] + operands[2], result_type)
    raise InterpretationError(f"no NumPy meaning for '{op.name}'")


def evaluate_assertion(op: cf.AssertOp, condition: Any) -> None:
    """Raises InterpretationError with the assertion's message where its condition is not true, anywhere."""
    if not np.all(condition):
        raise InterpretationError(f"an assertion does not hold: {op.msg.data}")


def run_region(
    block: Block,
    arguments: Sequence[Any],
    index_value: Callable[[int], Any],
    outer: Mapping[SSAValue, Any] | None = None,
) -> tuple[Any, ...]:
    """Evaluate a block of scalar operations on arrays; `index_value(k)` gives loop index k. Returns what is yielded."""
    values: dict[SSAValue, Any] = dict(outer or {})
    for argument, value in zip(block.args, arguments, strict=True):
        values[argument] = widen(value, argument.type)
    for op in block.ops:
        if op.name in ("cedr.yield", "linalg.yield"):
            return tuple(narrow(values[v], v.type) for v in op.operands)
        if op.name in ("cedr.index", "linalg.index"):
            dim = op.properties["dim"]
            assert isinstance(dim, IntegerAttr)
            values[op.results[0]] = index_value(dim.value.data)
            continue
        if op.name in ("cedr.load", "tensor.extract"):
            table, *position = (values[v] for v in op.operands)
            values[op.results[0]] = widen(_element_at(table, position), op.results[0].type)
            continue
        if isinstance(op, cf.AssertOp):
            evaluate_assertion(op, values[op.arg])
            continue
        values[op.results[0]] = evaluate(op, [values[v] for v in op.operands])
    raise InterpretationError("the region ends without a yield")


def _element_at(table: Array, position: Sequence[Any]) -> Any:
    """The elements at arrays of positions. Raises InterpretationError for one outside of the table."""
    for dim, (index, size) in enumerate(zip(position, table.shape, strict=True)):
        outside = (np.asarray(index) < 0) | (np.asarray(index) >= size)
        if outside.any():
            first = np.asarray(index)[outside].flat[0]
            raise InterpretationError(f"index {first} is out of range for dimension {dim} of size {size}")
    return table[tuple(position)]


def run_kernel(op: KernelOp, ins: Sequence[Array], outs: Sequence[Array]) -> None:
    """The meaning of a `cedr.kernel`: all points of the parallel dimensions at once, reductions in index order."""
    from cedr.dialects.cedr.calls import element_type_of

    maps = [affine_results(m) for m in op.maps.data]
    if op.init is not None:
        for out, value, operand in zip(outs, op.init.data, op.outputs, strict=True):
            out[...] = narrow(constant_value(value), element_type_of(operand))
    run_points(op.get_bounds(), op.reduction_dims(), maps, op.body.block, ins, outs)


def run_points(
    bounds: Sequence[int],
    reductions: Sequence[int],
    maps: Sequence[Sequence[Any]],
    block: Block,
    ins: Sequence[Array],
    outs: Sequence[Array],
    outer: Mapping[SSAValue, Any] | None = None,
) -> None:
    """A scalar region over `bounds`: `maps[i]` gives operand i's element per point; outs are updated in place."""
    parallel = [i for i in range(len(bounds)) if i not in reductions]
    shape = [bounds[i] for i in parallel]
    grids = dict(zip(parallel, np.indices(shape, sparse=True), strict=True)) if parallel else {}
    operands = (*ins, *outs)
    for step in np.ndindex(*(bounds[i] for i in reductions)):
        point = {**grids, **dict(zip(reductions, step, strict=True))}

        def index_of(result: Any, point: Mapping[int, Any] = point) -> Any:
            total: Any = result.constant
            for dim, coefficient in enumerate(result.coefficients):
                if coefficient:
                    total = total + coefficient * point[dim]
            return total // result.divisor

        positions = [tuple(index_of(r) for r in m) for m in maps]
        arguments = [operand[p] if p else operand[()] for operand, p in zip(operands, positions, strict=True)]

        def loop_index(dim: int, point: Mapping[int, Any] = point) -> Any:
            return np.asarray(point[dim], np.int64)

        results = run_region(block, arguments, loop_index, outer)
        for out, position, value in zip(outs, positions[len(ins) :], results, strict=True):
            if position and any(isinstance(p, np.ndarray) for p in position):
                out[position] = np.broadcast_to(
                    value, np.broadcast_shapes(*(np.shape(p) for p in position), np.shape(value))
                )
            else:  # one element; reduction loops of extent one are in the grids and give the value dims of size one
                out[position] = np.reshape(value, ())
