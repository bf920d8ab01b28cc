"""Types between PyTorch and the IR: dtypes.

An IR type alone gives a value's meaning: `i1` is a boolean (0 or 1), every other integer is signed. PyTorch's unsigned,
quantised dtypes and complex ones but complex64 are refused.
"""

from typing import TypeAlias

import numpy as np
import torch
from xdsl.dialects.builtin import BFloat16Type, ComplexType, Float16Type, Float32Type, Float64Type, IntegerType

RealType: TypeAlias = Float64Type | Float32Type | Float16Type | BFloat16Type | IntegerType
ScalarType: TypeAlias = RealType | ComplexType[Float32Type]
"""The element types that the frontend emits."""

_DTYPES: dict[torch.dtype, tuple[str, ScalarType]] = {
    torch.float64: ("f64", Float64Type()),
    torch.float32: ("f32", Float32Type()),
    torch.float16: ("f16", Float16Type()),
    torch.bfloat16: ("bf16", BFloat16Type()),
    torch.complex64: ("c64", ComplexType(Float32Type())),
    torch.int64: ("i64", IntegerType(64)),
    torch.int32: ("i32", IntegerType(32)),
    torch.int16: ("i16", IntegerType(16)),
    torch.int8: ("i8", IntegerType(8)),
    torch.bool: ("i1", IntegerType(1)),
}
_BY_TYPE = {type_: dtype for dtype, (_, type_) in _DTYPES.items()}
_BY_NAME = {name: dtype for dtype, (name, _) in _DTYPES.items()}


def supported_dtypes() -> tuple[str, ...]:
    """Names of PyTorch's dtypes that have an IR type."""
    return tuple(str(dtype).removeprefix("torch.") for dtype in _DTYPES)


def has_ir_type(dtype: torch.dtype) -> bool:
    """Whether values of this dtype have an IR type."""
    return dtype in _DTYPES


def dtype_name(dtype: torch.dtype) -> str:
    """The project's name of a dtype that has an IR type, "f32" for torch.float32."""
    return _DTYPES[dtype][0]


def named_dtype(name: str) -> torch.dtype:
    """The dtype that the project gives this name, torch.float32 for "f32"."""
    return _BY_NAME[name]


def scalar_type(dtype: torch.dtype) -> ScalarType:
    """The IR element type of a dtype that has one."""
    return _DTYPES[dtype][1]


def torch_dtype(type_: ScalarType) -> torch.dtype:
    """The dtype whose IR element type this is."""
    return _BY_TYPE[type_]


def is_boolean(type_: ScalarType) -> bool:
    """Whether an element type is that of booleans."""
    return isinstance(type_, IntegerType) and type_.width.data == 1


def is_integer(type_: ScalarType) -> bool:
    """Whether an element type is an integer or a boolean."""
    return isinstance(type_, IntegerType)


def is_complex(type_: ScalarType) -> bool:
    """Whether an element type is complex."""
    return isinstance(type_, ComplexType)


def real_type(type_: ScalarType) -> RealType:
    """The type of the parts of a complex type; a real type itself."""
    return type_.element_type if isinstance(type_, ComplexType) else type_


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The tensor's elements as an array, which shares its memory, strides included, unless they are conjugated or negated
    views; bf16 comes as uint16."""
    plain = tensor.detach().resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16:
        plain = plain.view(torch.uint16)
    array: np.ndarray = plain.numpy()
    return array


def to_torch(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """An array as a tensor that shares its memory where it can; bf16 is expected as uint16 (see `to_numpy`)."""
    writable = array if array.flags.writeable and array.flags.c_contiguous else array.copy(order="C")
    tensor = torch.from_numpy(writable)
    return tensor.view(torch.bfloat16) if dtype == torch.bfloat16 else tensor.to(dtype)
