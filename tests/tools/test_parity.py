"""How far two results are apart: the rules of max_rel_error, by hand and on arrays at random."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from cedr.tools.parity import MISMATCH, TOLERANCES, Parity, compare

Array = NDArray[Any]
NAN, INF = math.nan, math.inf


def of(*values: Any, dtype: Any = np.float32) -> Array:
    return np.array(values, dtype)


def cx(*values: complex) -> Array:
    return np.array(values, np.complex64)


def errors(reference: Array, output: Array, dtype: str = "f32") -> tuple[float, float]:
    parity = compare([reference], [output], [dtype])
    return parity.max_abs, parity.max_rel


@pytest.mark.parametrize(
    ("reference", "output", "wanted"),
    [
        (of(1, 2, 4), of(1, 2, 4), (0.0, 0.0)),
        (of(1, 2, 4), of(1, 2, 5), (1.0, 0.25)),
        (of(1, 2, -4), of(1.5, 2, -4), (0.5, 0.125)),  # over the largest magnitude, not the element's own
        (of(0, 0), of(0, 0.5), (0.5, 0.5)),  # all zero: over 1
        (of(0, 0), of(0, 3), (3.0, 3.0)),
        (of(1e-30), of(2e-30), (1e-30, 1.0)),  # small is not zero
        (of(3), of(-3), (6.0, 2.0)),
        (of(), of(), (0.0, 0.0)),
        (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32), (0.0, 0.0)),
        (np.float32(2).reshape(()), np.float32(3).reshape(()), (1.0, 0.5)),
        # NaN and infinities match, or not
        (of(NAN, 1), of(NAN, 1), (0.0, 0.0)),
        (of(NAN, 4), of(NAN, 5), (1.0, 0.25)),
        (of(INF, -INF, 2), of(INF, -INF, 3), (1.0, 0.5)),
        (of(NAN, NAN), of(NAN, NAN), (0.0, 0.0)),
        (of(INF), of(INF), (0.0, 0.0)),
        (of(INF), of(-INF), (MISMATCH, MISMATCH)),
        (of(NAN), of(INF), (MISMATCH, MISMATCH)),
        (of(1.0), of(NAN), (MISMATCH, MISMATCH)),
        (of(NAN), of(1.0), (MISMATCH, MISMATCH)),
        (of(1.0), of(INF), (MISMATCH, MISMATCH)),
        (of(INF, 1), of(1, INF), (MISMATCH, MISMATCH)),
        (of(0.0), of(-0.0), (0.0, 0.0)),
        # shapes
        (of(1, 2), of(1), (MISMATCH, MISMATCH)),
        (of(1), of(1).reshape(1, 1), (MISMATCH, MISMATCH)),
        (of(), of(1), (MISMATCH, MISMATCH)),
    ],
)
def test_by_hand(reference: Array, output: Array, wanted: tuple[float, float]) -> None:
    assert errors(reference, output) == pytest.approx(wanted)


def test_errors_too_large_for_the_dtype_are_still_numbers() -> None:
    """The difference of two finite f32 is beyond f32, that of two finite f64 beyond f64: it is no infinity."""
    most = float(np.finfo(np.float32).max)
    assert errors(of(most), of(-most)) == (2 * most, 2.0)
    most = float(np.finfo(np.float64).max)
    absolute, relative = errors(of(most, dtype=np.float64), of(-most, dtype=np.float64), "f64")
    assert math.isfinite(absolute) and math.isfinite(relative)
    json.dumps([absolute, relative], allow_nan=False)
    tiny = float(np.finfo(np.float64).tiny)
    absolute, relative = errors(of(tiny, dtype=np.float64), of(1e300, dtype=np.float64), "f64")
    assert math.isfinite(relative) and relative >= 1e300


@pytest.mark.parametrize(("dtype", "name"), [(np.int64, "i64"), (np.int8, "i8"), (np.uint8, "u8"), (np.bool_, "i1")])
def test_integers_and_booleans_are_exact(dtype: Any, name: str) -> None:
    a, b = of(0, 1, dtype=dtype), of(1, 1, dtype=dtype)
    assert errors(a, a.copy(), name) == (0.0, 0.0)
    assert errors(a, b, name) == (MISMATCH, MISMATCH)
    assert not compare([a], [b], [name], tolerance=0.5).within


def test_large_integers_are_not_rounded() -> None:
    a, b = of(2**53, dtype=np.int64), of(2**53 + 1, dtype=np.int64)
    assert errors(a, b, "i64") == (MISMATCH, MISMATCH)


@pytest.mark.parametrize(
    ("reference", "output", "wanted"),
    [
        (cx(3 + 4j), cx(3 + 4j), (0.0, 0.0)),
        (cx(3 + 4j), cx(0 + 0j), (5.0, 1.0)),
        (cx(3 + 4j, 0), cx(3 + 4j, 1j), (1.0, 0.2)),
        (cx(complex(NAN, 1)), cx(complex(NAN, 1)), (0.0, 0.0)),
        (cx(complex(INF, 1)), cx(complex(INF, 1)), (0.0, 0.0)),
        (cx(complex(INF, 1)), cx(complex(-INF, 1)), (MISMATCH, MISMATCH)),
        (cx(complex(NAN, 1)), cx(1 + 1j), (MISMATCH, MISMATCH)),
    ],
)
def test_complex(reference: Array, output: Array, wanted: tuple[float, float]) -> None:
    assert errors(reference, output, "c64") == pytest.approx(wanted)


def bf16(*values: float) -> Array:
    """The bits of bfloat16 values, rounded towards zero."""
    return (np.array(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def test_bfloat16_is_compared_as_numbers_not_as_bits() -> None:
    assert errors(bf16(1.0, -2.0), bf16(1.0, -2.0), "bf16") == (0.0, 0.0)
    assert errors(bf16(1.0, -2.0), bf16(1.5, -2.0), "bf16") == (0.5, 0.25)
    assert errors(bf16(NAN), bf16(NAN), "bf16") == (0.0, 0.0)
    assert errors(bf16(1.0), bf16(INF), "bf16") == (MISMATCH, MISMATCH)


def test_the_worst_output_counts_each_against_its_own_magnitude() -> None:
    references = [of(1000), of(1), of(2, dtype=np.int64)]
    outputs = [of(1001), of(1.5), of(2, dtype=np.int64)]
    assert compare(references, outputs, ["f32", "f32", "i64"]) == Parity(1.0, 0.5, False)
    assert compare([], [], []) == Parity(0.0, 0.0, True)


def test_outputs_of_different_counts_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare([of(1)], [], ["f32"])


@pytest.mark.parametrize(
    ("dtype", "name", "tolerance"),
    [
        (np.float64, "f64", 1e-4),
        (np.float32, "f32", 1e-4),
        (np.complex64, "c64", 1e-4),
        (np.float16, "f16", 2e-3),
    ],
)
def test_tolerances_by_dtype(dtype: Any, name: str, tolerance: float) -> None:
    assert TOLERANCES[name] == tolerance
    reference = np.array([1024.0], dtype)
    step = float(np.spacing(np.array(1024.0, reference.real.dtype)))
    inside = np.array([1024.0 + max(step, 1024 * tolerance * 0.9 // step * step)], dtype)
    outside = np.array([1024.0 + 1024 * tolerance * 1.1 + step], dtype)
    assert compare([reference], [inside], [name]).within
    assert not compare([reference], [outside], [name]).within
    assert compare([reference], [outside], [name], tolerance=1.0).within
    assert not compare([reference], [inside], [name], tolerance=0.0).within


def test_the_tolerance_of_bfloat16() -> None:
    assert TOLERANCES["bf16"] == 2e-2
    assert compare([bf16(1.0)], [bf16(1.0078125)], ["bf16"]).within
    assert not compare([bf16(1.0)], [bf16(1.03125)], ["bf16"]).within


def test_each_output_has_its_own_tolerance() -> None:
    """An f16 error that f16 allows is none that an f32 output of the same model may have."""
    half, single = of(1, dtype=np.float16), of(1)
    near_half, near_single = of(1.001, dtype=np.float16), of(1.001)
    assert compare([half, single], [near_half, single], ["f16", "f32"]).within
    assert not compare([half, single], [half, near_single], ["f16", "f32"]).within


FLOATS = st.floats(width=32)
ARRAYS = arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=FLOATS)
FINITE = arrays.arrays(np.float32, st.integers(1, 6), elements=st.floats(-(2.0**100), 2.0**100, width=32))


@given(ARRAYS)
def test_anything_equals_itself(array: Array) -> None:
    assert compare([array], [array.copy()], ["f32"], tolerance=0.0) == Parity(0.0, 0.0, True)


@given(FINITE, st.data())
def test_the_definition(reference: Array, data: st.DataObject) -> None:
    output = data.draw(arrays.arrays(np.float32, reference.shape, elements=st.floats(-(2.0**100), 2.0**100, width=32)))
    wanted = max(abs(float(a) - float(b)) for a, b in zip(reference, output, strict=True))
    magnitude = max(abs(float(a)) for a in reference)
    assert errors(reference, output) == (wanted, wanted / (magnitude or 1.0))


@given(FINITE, st.sampled_from([NAN, INF, -INF]), st.data())
def test_one_element_that_is_not_finite_in_one_of_them(reference: Array, odd: float, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(reference) - 1))
    other = reference.copy()
    other[place] = odd
    assert errors(reference, other) == errors(other, reference) == (MISMATCH, MISMATCH)
    assert errors(other, other.copy()) == (0.0, 0.0)


@given(FINITE, st.integers(-20, 20))
def test_the_relative_error_has_no_unit(reference: Array, power: int) -> None:
    """Scaled by a power of two, both ways alike, the relative error is the same."""
    scale = np.float64(2.0) ** power
    wide = reference.astype(np.float64)
    near = wide * 1.5
    if np.abs(wide).max() > 0:
        assert errors(wide * scale, near * scale, "f64")[1] == pytest.approx(errors(wide, near, "f64")[1])


@given(arrays.arrays(np.int64, st.integers(0, 5)), st.data())
def test_integers_at_random(reference: Array, data: st.DataObject) -> None:
    output = data.draw(arrays.arrays(np.int64, reference.shape))
    same = bool((reference == output).all())
    assert errors(reference, output, "i64") == ((0.0, 0.0) if same else (MISMATCH, MISMATCH))
