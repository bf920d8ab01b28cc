"""The weights' bytes: names -> arrays, read lazily from .safetensors, kept beside the IR and never in it."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.ir import Dialect

from cedr.target.errors import CedrError
from cedr.target.files import write_atomically

Array = NDArray[Any]

# safetensors' dtype names; bf16 is carried as its bits, in uint16.
_DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
    "C64": np.complex64,
}
_NAMES = {np.dtype(kind): name for name, kind in _DTYPES.items()}


class WeightsError(CedrError):
    """Weights that are missing, damaged, or were not given."""


@dataclass
class WeightStore(Mapping[str, Array]):
    """Weights by name. Arrays are views of mapped files or of what was added; none is copied.

    A uint16 array is bf16: its bits.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    hash_s: float = field(default=0.0, compare=False)
    """Seconds of the process spent on names made from contents so far."""

    @staticmethod
    def load(path: str | os.PathLike[str]) -> WeightStore:
        """The tensors of a .safetensors file, mapped, not read. Raises WeightsError naming the file."""
        place = Path(path)
        try:
            data: NDArray[np.uint8] = np.memmap(place, np.uint8, "r")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise WeightsError(f"{place}: cannot be read as weights: {reason}") from error
        if len(data) < 8 or (length := int(data[:8].view("<u8")[0])) > len(data) - 8:
            raise WeightsError(f"{place}: not a .safetensors file")
        try:
            header = json.loads(data[8 : 8 + length].tobytes())
            body = data[8 + length :]
            arrays = {name: _view(body, entry) for name, entry in header.items() if name != "__metadata__"}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{place}: not a .safetensors file: {error}") from error
        return WeightStore(arrays)

    def __getitem__(self, name: str) -> Array:
        """Raises WeightsError, listing names like it, for a name that is not there."""
        if name not in self.arrays:
            close = difflib.get_close_matches(name, self.arrays, 3) or list(self.arrays)[:3]
            raise WeightsError(
                f"no weight '{name}' in the weights given; there are {len(self)}, e.g. {', '.join(close)}"
            )
        return self.arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def add(self, array: Array, hint: str) -> str:
        """Keep a new tensor under a name made from the hint and its content; the same tensor gets the same name."""
        array = np.asarray(array, order="C")  # ascontiguousarray would give a scalar a dimension
        if array.dtype not in _NAMES:
            raise WeightsError(f"a weight of dtype {array.dtype} has no form in a .safetensors file")
        start = time.perf_counter()
        digest = hashlib.blake2b(array.reshape(-1).view(np.uint8).data, digest_size=6)
        digest.update(repr((array.dtype.str, array.shape)).encode())
        name = f"{hint}.{digest.hexdigest()}"
        self.hash_s += time.perf_counter() - start
        self.arrays.setdefault(name, array)
        return name

    def save(self, path: str | os.PathLike[str], names: Iterable[str] | None = None) -> None:
        """Write the named tensors (all, if None) as a .safetensors file, whole or not at all."""
        wanted = list(dict.fromkeys(self.arrays if names is None else names))
        # Widest elements first, so that every tensor starts at a multiple of its element's size.
        wanted.sort(key=lambda name: -self[name].dtype.itemsize)
        header: dict[str, Any] = {}
        offset = 0
        for name in wanted:
            array = self[name]
            header[name] = {
                "dtype": _NAMES[array.dtype],
                "shape": list(array.shape),
                "data_offsets": [offset, offset + array.nbytes],
            }
            offset += array.nbytes
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-(8 + len(text)) % 64)
        with write_atomically(path) as file:
            file.write(len(text).to_bytes(8, "little"))
            file.write(text)
            for name in wanted:
                file.write(np.ascontiguousarray(self.arrays[name]).reshape(-1).view(np.uint8).data)


def _view(body: NDArray[np.uint8], entry: Mapping[str, Any]) -> Array:
    kind = np.dtype(_DTYPES[entry["dtype"]])
    begin, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not 0 <= begin <= end <= len(body) or end - begin != int(np.prod(shape, dtype=np.int64)) * kind.itemsize:
        raise ValueError("a tensor lies outside of the file")
    raw = body[begin:end]
    if raw.ctypes.data % kind.itemsize:  # not aligned for its element: a copy is
        raw = raw.copy()
    array: Array = raw.view(kind).reshape(shape)
    return array


class CedrContext(Context):
    """xDSL's context, and the weights' bytes where they were given."""

    def __init__(self, weights: WeightStore | None = None, allow_unregistered: bool = False):
        super().__init__(allow_unregistered=allow_unregistered)
        self.weights = weights
        self.resources: dict[str, str] = {}
        """The bytes of `dense_resource` in the text that was parsed last, by name: `0x` and hexadecimal digits."""

    def clone(self) -> CedrContext:
        """A copy with the same dialects and the same weights."""
        copy = CedrContext(self.weights)
        vars(copy).update(vars(super().clone()))
        return copy

    def metadata(self) -> tuple[Dialect, ...]:
        """What a printer's `print_metadata` takes to print these bytes."""
        interface = OpAsmDialectInterface()
        for key, value in self.resources.items():
            interface.parse_resource(interface.declare_resource(key), value)
        return (Dialect("builtin", [], [], [interface]),)


def weights_of(context: Context, pass_name: str) -> WeightStore:
    """The weights' bytes for a pass. Raises WeightsError saying how to give them."""
    weights = getattr(context, "weights", None)
    if not isinstance(weights, WeightStore):
        raise WeightsError(
            f"{pass_name}: needs the weights' bytes, which were not given; use --weights FILE.safetensors"
        )
    return weights
