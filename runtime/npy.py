"""Tensors in .npy files that others wrote."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np

from cedr.target.dtypes import numpy_dtype
from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec


class NpyError(CedrError):
    """A file that is not there, is no .npy file, or holds another tensor than is wanted; the text does not name it."""


def open_npy(path: Path) -> np.memmap:
    """The array as a read-only view of the file, of which the header alone is read: a lie about the size costs nothing.

    Raises NpyError; an archive of several arrays, or one of Python objects, is no .npy file.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, EOFError, OverflowError, TokenError) as error:
        raise NpyError(f"not a .npy file: {error}") from error


def map_npy(path: Path, wanted: TensorSpec) -> np.memmap:
    """`open_npy` of a tensor that is wanted. Raises NpyError."""
    what = f"'{wanted.name}' is {wanted.dtype}{list(wanted.shape)}"
    try:
        array = open_npy(path)
    except NpyError as error:
        raise NpyError(f"{what}, this is {error}") from error
    if array.dtype != numpy_dtype(wanted.dtype) or array.shape != wanted.shape:
        raise NpyError(f"{what}, the file holds {array.dtype}{list(array.shape)}")
    return array
