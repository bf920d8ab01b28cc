"""Names of element types, as they stand in the IR, records, manifests and platform files, and their NumPy types."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from cedr.target.errors import CedrError

_NUMPY: Final[dict[str, np.dtype[Any]]] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),  # NumPy has no bfloat16: the bits
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
    "i16": np.dtype(np.int16),
    "i8": np.dtype(np.int8),
    "u8": np.dtype(np.uint8),
    "i1": np.dtype(np.bool_),
    "c64": np.dtype(np.complex64),
    "c128": np.dtype(np.complex128),
    "ci16": np.dtype([("im", "<i2"), ("re", "<i2")]),  # dash_cmplx_int_type of CEDR: the imaginary part first
}
_NAMES: Final = {dtype: name for name, dtype in _NUMPY.items() if name != "bf16"}

CALL_DTYPES: Final[tuple[str, ...]] = tuple(_NUMPY)
"""All names. `c64` is a complex of two f32, `c128` of two f64, `ci16` of two i16; `i1` is a truth value in one byte."""

DTYPES: Final = tuple(name for name in CALL_DTYPES if name != "ci16")
"""Those of tensors; calls of CEDR's own API alone have elements of the others."""

COMPLEX_DTYPES: Final = tuple(name for name in DTYPES if name.startswith("c"))


class DtypeError(CedrError):
    """A dtype that has no name, or a name that is no dtype."""


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The NumPy dtype that holds elements of a named type (bf16: its bits as uint16). Raises DtypeError."""
    try:
        return _NUMPY[name]
    except (KeyError, TypeError):
        raise DtypeError(f"no dtype {name!r}; those there are: {', '.join(DTYPES)}") from None


def dtype_name(dtype: object) -> str:
    """The name of a NumPy dtype (anything that numpy.dtype takes). uint16 has none: it only carries bf16's bits."""
    try:
        return _NAMES[np.dtype(dtype).newbyteorder("=")]  # type: ignore[call-overload]  # anything numpy.dtype takes
    except (KeyError, TypeError):
        raise DtypeError(f"no name for NumPy dtype {dtype!s}; those there are: {', '.join(DTYPES)}") from None


def element_bytes(name: str) -> int:
    """Bytes of one element in memory."""
    return numpy_dtype(name).itemsize
