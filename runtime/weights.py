"""Weights of a Python module: the tensors of a .safetensors file as read-only NumPy views of the mapped file.

The format (a u64 header length, a JSON header of dtype, shape and offsets per name, then the bytes) is read here, so
that a module needs NumPy alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec

_DTYPES: dict[str, tuple[str, Any]] = {
    "F64": ("f64", np.float64),
    "F32": ("f32", np.float32),
    "F16": ("f16", np.float16),
    "I64": ("i64", np.int64),
    "I32": ("i32", np.int32),
    "I16": ("i16", np.int16),
    "I8": ("i8", np.int8),
    "U8": ("u8", np.uint8),
    "BOOL": ("i1", np.bool_),
    "C64": ("c64", np.complex64),
}


class WeightsError(CedrError):
    """A weights file that is missing, damaged or does not hold what the module wants."""


def load(path: Path, wanted: Sequence[TensorSpec]) -> dict[str, NDArray[Any]]:
    """The wanted tensors by name. Raises WeightsError, naming the file and the weight."""
    if not wanted:
        return {}
    try:
        data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: {error}") from error
    if len(data) < 8 or (length := int(data[:8].view("<u8")[0])) > len(data) - 8:
        raise WeightsError(f"{path}: not a .safetensors file")
    try:
        header = json.loads(data[8 : 8 + length].tobytes())
    except ValueError as error:
        raise WeightsError(f"{path}: not a .safetensors file: {error}") from error
    body = data[8 + length :]
    return {tensor.name: _tensor(path, header, body, tensor) for tensor in wanted}


def _tensor(path: Path, header: Any, body: NDArray[np.uint8], wanted: TensorSpec) -> NDArray[Any]:
    entry = header.get(wanted.name) if isinstance(header, dict) else None
    if entry is None:
        raise WeightsError(f"{path}: holds no weight '{wanted.name}'")
    try:
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        begin, end = entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: the entry of weight '{wanted.name}' is damaged") from error
    name, kind = _DTYPES.get(dtype, (dtype, None))
    if kind is None or name != wanted.dtype or shape != wanted.shape:
        raise WeightsError(
            f"{path}: weight '{wanted.name}' is {name}{list(shape)}, the module wants {wanted.dtype}{list(wanted.shape)}"
        )
    size_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    if not 0 <= begin <= end <= len(body) or end - begin != size_bytes:
        raise WeightsError(f"{path}: weight '{wanted.name}' lies outside of the file")
    raw = body[begin:end]
    if raw.ctypes.data % np.dtype(kind).itemsize:  # not aligned for its element: a copy is
        raw = raw.copy()
    array: NDArray[Any] = raw.view(kind).reshape(shape)
    return array
