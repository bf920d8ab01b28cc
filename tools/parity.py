"""How far two results are apart, by one rule for every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISMATCH = 1e308
"""The error where NaN or infinity stand in one result only, or integers differ."""
TOLERANCES = {"f64": 1e-4, "f32": 1e-4, "c64": 1e-4, "c128": 1e-4, "f16": 2e-3, "bf16": 2e-2}
"""Relative errors that count as equal, by dtype; integers and booleans: none."""


@dataclass(frozen=True)
class Parity:
    """Errors of computed outputs against reference outputs.

    max_rel: the largest absolute error over an output's largest finite magnitude (over 1 where that is 0).
    within: every output is within its tolerance.
    """

    max_abs: float
    max_rel: float
    within: bool


def compare(
    references: Sequence[NDArray[Any]],
    outputs: Sequence[NDArray[Any]],
    dtypes: Sequence[str],
    tolerance: float | None = None,
) -> Parity:
    """Compare output by output; `dtypes` name the outputs' dtypes. `tolerance` replaces those of the dtypes.

    Integers and booleans must be equal; NaN and infinities must match, else the error is 1e308; an empty output has
    none.
    """
    max_abs = max_rel = 0.0
    within = True
    for reference, output, dtype in zip(references, outputs, dtypes, strict=True):
        absolute, relative = _errors(_values(reference, dtype), _values(output, dtype))
        max_abs, max_rel = max(max_abs, absolute), max(max_rel, relative)
        within &= relative <= (TOLERANCES.get(dtype, 0.0) if tolerance is None else tolerance)
    return Parity(max_abs, max_rel, within)


def _values(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    if dtype == "bf16" and array.dtype == np.uint16:  # the bits
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _errors(reference: NDArray[Any], output: NDArray[Any]) -> tuple[float, float]:
    if reference.shape != output.shape:
        return MISMATCH, MISMATCH
    if reference.size == 0:
        return 0.0, 0.0
    if reference.dtype.kind not in "fc":
        return (0.0, 0.0) if np.array_equal(reference, output) else (MISMATCH, MISMATCH)
    wide = np.complex128 if reference.dtype.kind == "c" else np.float64
    a, b = reference.astype(wide), output.astype(wide)
    finite = np.isfinite(a)
    same = np.where(np.isnan(a), np.isnan(b), a == b)
    if not (finite == np.isfinite(b)).all() or not same[~finite].all():
        return MISMATCH, MISMATCH
    if not finite.any():
        return 0.0, 0.0
    with np.errstate(over="ignore"):  # beyond float64 is as far apart as a mismatch
        absolute = min(float(np.abs(a[finite] - b[finite]).max()), MISMATCH)
        magnitude = min(float(np.abs(a[finite]).max()), MISMATCH)
    return absolute, min(absolute / (magnitude if magnitude > 0 else 1.0), MISMATCH)
