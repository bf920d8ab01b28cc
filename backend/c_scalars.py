"""Scalar operations of a kernel's region as C expressions."""

from __future__ import annotations

import math

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType
from xdsl.ir import Attribute, Operation

from cedr.backend.program import EmissionError
from cedr.dialects.constants import CONSTANT_OPS, complex_parts
from cedr.dialects.element_types import dtype_name
from cedr.dialects.interpreter.scalar import narrow, widen

C_TYPES = {
    "f64": "double",
    "f32": "float",
    "f16": "float",
    "bf16": "float",
    "i64": "int64_t",
    "i32": "int32_t",
    "i16": "int16_t",
    "i8": "int8_t",
    "u8": "uint8_t",
    "i1": "bool",
    "c64": "float _Complex",
}


HALVES = ("f16", "bf16")
"""Kept as bits, uint16_t, and computed on as floats that hold their values: see libcedr/half.h."""

_EXACT = (
    "arith.select",
    "arith.bitcast",
    "arith.negf",
    "math.absf",
    "arith.maximumf",
    "arith.minimumf",
    "arith.maxnumf",
    "arith.minnumf",
)
"""Ops on halves that give a half without rounding."""


def c_element(dtype: str, where: str) -> str:
    """The C type of an element in memory. Raises EmissionError as `c_type` does."""
    return "uint16_t" if dtype in HALVES else c_type(dtype, where)


def loaded(dtype: str, element: str) -> str:
    """The value of an element in memory."""
    return f"cedr_from_{dtype}({element})" if dtype in HALVES else element


def stored(dtype: str, value: str) -> str:
    """What stands in memory for a value."""
    return f"cedr_to_{dtype}({value})" if dtype in HALVES else value


def c_type(dtype: str, where: str) -> str:
    """The C type of a dtype's values. Raises EmissionError for those C11 has no portable type for."""
    if dtype not in C_TYPES:
        raise EmissionError(
            f"{where}: elements of {dtype} cannot be emitted as C (there are {', '.join(C_TYPES)}); "
            "use --emit python, or convert the model to float32"
        )
    return C_TYPES[dtype]


def literal(attr: Attribute, where: str) -> str:
    """A scalar constant as a C literal that reads back as exactly the same value."""
    if isinstance(attr, FloatAttr):
        dtype = dtype_name(attr.type)
        value = float(np.ravel(widen(narrow(attr.value.data, attr.type), attr.type))[0])
        if math.isnan(value):
            return "NAN"
        if math.isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        text = repr(value) if dtype == "f64" else str(np.float32(value))
        if not any(c in text for c in ".e"):
            text += ".0"
        return text + ("" if dtype == "f64" else "f")
    if isinstance(attr, IntegerAttr):
        value = int(attr.value.data)
        if dtype_name(attr.type) == "i1":
            return "true" if value else "false"
        if value == -(2**63):
            return "INT64_MIN"
        return f"INT64_C({value})" if abs(value) > 2**31 - 1 else str(value)
    if (parts := complex_parts(attr)) is not None:
        return f"cedr_complex({', '.join(literal(part, where) for part in parts)})"
    raise EmissionError(f"{where}: constant {attr} cannot be emitted as C")


_INFIX = {
    "arith.addf": "+",
    "arith.subf": "-",
    "arith.mulf": "*",
    "arith.divf": "/",
    "arith.divsi": "/",
    "arith.remsi": "%",
    "arith.andi": "&",
    "arith.ori": "|",
    "arith.xori": "^",
    "complex.add": "+",
    "complex.sub": "-",
    "complex.eq": "==",
    "complex.neq": "!=",
}
# Signed overflow is undefined in C and wraps in the IR: these go through the unsigned type.
_WRAPPING = {"arith.addi": "+", "arith.subi": "-", "arith.muli": "*", "arith.shli": "<<"}
_FUNCTIONS = {
    "arith.remf": "fmod",
    "arith.maxnumf": "fmax",
    "arith.minnumf": "fmin",
    "math.powf": "pow",
    "math.atan2": "atan2",
    "math.copysign": "copysign",
    "math.absf": "fabs",
    "math.ceil": "ceil",
    "math.floor": "floor",
    "math.round": "round",
    "math.roundeven": "nearbyint",
    "math.trunc": "trunc",
    "math.exp": "exp",
    "math.exp2": "exp2",
    "math.expm1": "expm1",
    "math.log": "log",
    "math.log1p": "log1p",
    "math.log2": "log2",
    "math.log10": "log10",
    "math.sqrt": "sqrt",
    "math.cbrt": "cbrt",
    "math.sin": "sin",
    "math.cos": "cos",
    "math.tan": "tan",
    "math.sinh": "sinh",
    "math.cosh": "cosh",
    "math.tanh": "tanh",
    "math.asin": "asin",
    "math.acos": "acos",
    "math.atan": "atan",
    "math.asinh": "asinh",
    "math.acosh": "acosh",
    "math.atanh": "atanh",
    "math.erf": "erf",
    "math.fma": "fma",
}
# C's own product and quotient put right what is infinite after the fact; those of libcedr are NumPy's and PyTorch's.
_COMPLEX_FUNCTIONS = {
    "complex.create": "cedr_complex",
    "complex.mul": "cedr_complex_mul",
    "complex.div": "cedr_complex_div",
    "complex.re": "crealf",
    "complex.im": "cimagf",
    "complex.abs": "cabsf",
    "complex.angle": "cargf",
    "complex.conj": "conjf",
    "complex.exp": "cexpf",
    "complex.log": "clogf",
    "complex.sqrt": "csqrtf",
    "complex.sin": "csinf",
    "complex.cos": "ccosf",
    "complex.tan": "ctanf",
    "complex.tanh": "ctanhf",
    "complex.pow": "cpowf",
}
# In the order in which MLIR numbers the predicates.
_COMPARE_FLOAT = (
    "false",
    "{a} == {b}",
    "{a} > {b}",
    "{a} >= {b}",
    "{a} < {b}",
    "{a} <= {b}",
    "({a} < {b} || {a} > {b})",
    "({a} == {a} && {b} == {b})",
    "!({a} < {b} || {a} > {b})",
    "!({a} <= {b})",
    "!({a} < {b})",
    "!({a} >= {b})",
    "!({a} > {b})",
    "{a} != {b}",
    "({a} != {a} || {b} != {b})",
    "true",
)
_COMPARE_INT = ("==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">=")
_FIRST_UNSIGNED_PREDICATE = 6


def _unsigned(dtype: str) -> str:
    return {"i64": "uint64_t", "i32": "uint32_t", "i16": "uint16_t", "i8": "uint8_t"}.get(dtype, C_TYPES[dtype])


def _suffix(dtype: str) -> str:
    """Of libm's functions of a type."""
    return "" if dtype == "f64" else "f"


def expression(op: Operation, operands: list[str], where: str) -> str:
    """One scalar operation as a C expression. Raises EmissionError for an op it does not know."""
    text, dtype = _expression(op, operands, where), dtype_name(op.results[0].type)
    if dtype in HALVES and op.name not in _EXACT and not isinstance(op, arith.ConstantOp):
        return loaded(dtype, stored(dtype, f"(float)({text})"))
    return text


def _expression(op: Operation, operands: list[str], where: str) -> str:
    result = dtype_name(op.results[0].type)
    result_type = c_type(result, where)
    name = op.name
    if isinstance(op, CONSTANT_OPS):
        return literal(op.value, where)
    if name in _INFIX:
        return f"{operands[0]} {_INFIX[name]} {operands[1]}"
    if name in _WRAPPING:
        kind = _unsigned(result)
        return f"({result_type})(({kind}){operands[0]} {_WRAPPING[name]} ({kind}){operands[1]})"
    if name in _FUNCTIONS:
        suffix = _suffix(result)
        return f"{_FUNCTIONS[name]}{suffix}({', '.join(operands)})"
    if name in _COMPLEX_FUNCTIONS:
        return f"{_COMPLEX_FUNCTIONS[name]}({', '.join(operands)})"
    a, b = operands[0], operands[1] if len(operands) > 1 else ""
    match name:
        case "arith.negf" | "complex.neg":
            return f"-{a}"
        case "arith.maximumf":  # NaN if either is
            return f"{a} > {b} || {a} != {a} ? {a} : {b}"
        case "arith.minimumf":
            return f"{a} < {b} || {a} != {a} ? {a} : {b}"
        case "arith.maxsi":
            return f"{a} > {b} ? {a} : {b}"
        case "arith.minsi":
            return f"{a} < {b} ? {a} : {b}"
        case "arith.maxui" | "arith.minui":
            kind, sign = _unsigned(result), ">" if name == "arith.maxui" else "<"
            return f"({kind}){a} {sign} ({kind}){b} ? {a} : {b}"
        case "arith.floordivsi":
            return f"({result_type})({a} / {b} - ({a} % {b} != 0 && ({a} < 0) != ({b} < 0)))"
        case "arith.ceildivsi":
            return f"({result_type})({a} / {b} + ({a} % {b} != 0 && ({a} < 0) == ({b} < 0)))"
        case "arith.divui" | "arith.remui":
            kind, sign = _unsigned(result), "/" if name == "arith.divui" else "%"
            return f"({result_type})(({kind}){a} {sign} ({kind}){b})"
        case "arith.shrui":
            return f"({result_type})(({_unsigned(result)}){a} >> {b})"
        case "arith.shrsi":
            return f"({result_type})({a} >> {b})"
        case "math.absi":
            return f"({result_type})({a} < 0 ? -{a} : {a})"
        case "math.rsqrt":
            return f"1 / sqrt{_suffix(result)}({a})"
        case "math.fpowi":
            return f"pow{_suffix(result)}({a}, ({result_type}){b})"
        case "arith.select":
            return f"{a} ? {b} : {operands[2]}"
    if isinstance(op, arith.CmpfOp):
        return _COMPARE_FLOAT[op.predicate.value.data].format(a=a, b=b)
    if isinstance(op, arith.CmpiOp):
        predicate = op.predicate.value.data
        cast = f"({_unsigned(dtype_name(op.lhs.type))})" if predicate >= _FIRST_UNSIGNED_PREDICATE else ""
        return f"{cast}{a} {_COMPARE_INT[predicate]} {cast}{b}"
    if name in ("arith.extf", "arith.truncf", "arith.fptosi", "arith.fptoui", "arith.index_cast"):
        return f"({result_type}){a}"
    if name in ("arith.sitofp", "arith.extsi", "arith.trunci"):
        source = op.operands[0].type
        if isinstance(source, IntegerType) and source.width.data == 1:  # a signed one-bit 1 is -1
            return f"({result_type})-(int){a}"
        return f"({a} & 1) != 0" if result == "i1" else f"({result_type}){a}"
    if name in ("arith.uitofp", "arith.extui", "arith.index_castui"):
        return f"({result_type})({_unsigned(dtype_name(op.operands[0].type))}){a}"
    if isinstance(op, arith.BitcastOp):
        given = dtype_name(op.input.type)
        fields = f"{c_element(given, where)} from; {c_element(result, where)} to;"
        return loaded(result, f"((union {{ {fields} }}){{ .from = {stored(given, a)} }}).to")
    raise EmissionError(f"{where}: no C for '{name}'")
