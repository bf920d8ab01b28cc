"""Element types of the IR <-> dtype names and NumPy dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.builtin import (
    BFloat16Type,
    ComplexType,
    Float16Type,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    Signedness,
    f32,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

from cedr.target import dtypes
from cedr.target.dtypes import DTYPES

_FLOATS: dict[type[Attribute], str] = {
    Float64Type: "f64",
    Float32Type: "f32",
    Float16Type: "f16",
    BFloat16Type: "bf16",
}


def dtype_name(element: Attribute) -> str:
    """`f32`, `i64`, `i1`, `c64`, ... Raises VerifyException for a type without a name."""
    if (name := _FLOATS.get(type(element))) is not None:
        return name
    if isinstance(element, IndexType):
        return "i64"
    if isinstance(element, ComplexType):
        if element.element_type == f32:
            return "c64"
        if isinstance(element.element_type, Float64Type):
            return "c128"
    if isinstance(element, IntegerType):
        prefix = "u" if element.signedness.data is Signedness.UNSIGNED else "i"
        if (name := f"{prefix}{element.width.data}") in DTYPES:
            return name
    raise VerifyException(f"no dtype for element type {element}; those there are: {', '.join(DTYPES)}")


def numpy_dtype(element: Attribute) -> np.dtype[Any]:
    """The NumPy dtype that holds elements of this type (bf16: its bits as uint16)."""
    return dtypes.numpy_dtype(dtype_name(element))


def element_size_bytes(element: Attribute) -> int:
    return int(numpy_dtype(element).itemsize)
