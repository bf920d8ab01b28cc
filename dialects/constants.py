"""Scalar constants as attributes and as ops: numbers of `arith`, and pairs of numbers that are complex.

The value of a `complex.constant` is an array of two floats, real part and imaginary part, whose type is that of the parts.
"""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects import complex as complex_dialect
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    ComplexType,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
)
from xdsl.ir import Attribute, Operation

from cedr.dialects.element_types import numpy_dtype

CONSTANT_OPS = (arith.ConstantOp, complex_dialect.ConstantOp)
"""The ops of scalar constants; `arith.constant` may hold a tensor too."""


def complex_attribute(number: complex, part: AnyFloat) -> ArrayAttr[FloatAttr]:
    """A complex number as the value of a `complex.constant` with parts of a type."""
    return ArrayAttr([FloatAttr(number.real, part), FloatAttr(number.imag, part)])


def complex_parts(attr: Attribute | None) -> tuple[FloatAttr, FloatAttr] | None:
    """(real part, imaginary part) of a complex constant's attribute, None of any other."""
    if not isinstance(attr, ArrayAttr) or len(attr.data) != 2:
        return None
    real, imaginary = attr.data
    if not isinstance(real, FloatAttr) or not isinstance(imaginary, FloatAttr):
        return None
    return real, imaginary


def is_scalar(attr: Attribute | None) -> bool:
    """Whether an attribute is the value of a scalar constant."""
    return isinstance(attr, FloatAttr | IntegerAttr) or complex_parts(attr) is not None


def scalar_value(op: Operation | object) -> Attribute | None:
    """The attribute of an op that is a scalar constant, None of any other op or of a block."""
    if isinstance(op, CONSTANT_OPS) and is_scalar(op.value):
        return op.value
    return None


def scalar_op(attr: Attribute | None) -> arith.ConstantOp | complex_dialect.ConstantOp:
    """The constant of a scalar attribute. Raises ValueError for anything else."""
    if isinstance(attr, FloatAttr | IntegerAttr):
        return arith.ConstantOp(attr)
    if isinstance(attr, ArrayAttr) and (parts := complex_parts(attr)) is not None:
        return complex_dialect.ConstantOp(attr, ComplexType(parts[0].type))
    raise ValueError(f"{attr} is no scalar constant")


def zero_of(element: Attribute) -> Attribute:
    """Zero of an element type. Raises ValueError for a type without one."""
    if isinstance(element, AnyFloat):
        return FloatAttr(0.0, element)
    if isinstance(element, IntegerType | IndexType):
        return IntegerAttr(0, element)
    if isinstance(element, ComplexType) and isinstance(element.element_type, AnyFloat):
        return complex_attribute(0j, element.element_type)
    raise ValueError(f"no zero of type {element}")


def is_zero(attr: Attribute | None) -> bool:
    """Whether a scalar attribute is zero, of either sign."""
    if isinstance(attr, FloatAttr | IntegerAttr):
        return bool(attr.value.data == 0)
    parts = complex_parts(attr)
    return parts is not None and all(part.value.data == 0 for part in parts)


def dense_splat(attr: DenseIntOrFPElementsAttr) -> Attribute | None:
    """The one value of a dense constant's elements, or None."""
    count, data = prod(attr.get_shape()), attr.data.data
    if not count or data != data[: len(data) // count] * count:
        return None
    element = attr.get_element_type()
    if isinstance(element, ComplexType) and isinstance(element.element_type, AnyFloat):
        return complex_attribute(complex(np.frombuffer(data, numpy_dtype(element))[0]), element.element_type)
    return next(iter(attr.iter_attrs()))
