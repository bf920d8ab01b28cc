"""What a PE computes: libcedr and the Python runtime agree bit for bit with docs/values.md done in exact fractions."""

from __future__ import annotations

import cmath
import ctypes
import math
import os
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cedr.backend.c_emitter import ZIP_KINDS
from cedr.backend.toolchain import CFLAGS, LIBCEDR, LIBCEDR_SOURCES, NATIVE_FLAG, find_compiler
from cedr.runtime.arithmetic import InexactError, has_implementation, implementation
from cedr.target.api import APIS, CallClass
from cedr.target.arithmetic import Arithmetic
from cedr.target.dtypes import numpy_dtype

Array = NDArray[Any]
Case = tuple[CallClass, list[tuple[int, ...]], tuple[int, ...]]
"""A class with the shapes of its operands and of its result."""

HALF = Arithmetic("f16")
ARITHMETICS = [HALF, Arithmetic("int16"), Arithmetic("int8"), Arithmetic("int16", 8), Arithmetic("int8", 3)]

# ------------------------------------------------------------------ docs/values.md, one number at a time, exactly


def to_float(bits: str, value: float) -> float:
    """Rounded to binary16 (e) or binary32 (f) by the standard library; NaN positive."""
    if math.isnan(value):
        return math.nan
    try:
        return float(struct.unpack(bits, struct.pack(bits, value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def half(value: float) -> float:
    return to_float("e", value)


def single(value: float) -> float:
    return to_float("f", value)


def nearest(value: Fraction) -> int:
    return round(value)  # a Fraction rounds ties to even


def power(exponent: int) -> Fraction:
    return Fraction(2**exponent) if exponent >= 0 else Fraction(1, 2**-exponent)


def exponent_of(a: Arithmetic, values: Iterable[float | Fraction], fixed: int) -> int:
    if a.fraction_bits is not None:
        return fixed
    largest = max(
        (abs(Fraction(v)) for v in values if isinstance(v, Fraction) or math.isfinite(v)), default=Fraction(0)
    )
    if largest == 0:
        return 0
    top = 2 ** (a.bits - 1) - 1
    exponent = largest.numerator.bit_length() - largest.denominator.bit_length() - a.bits - 2  # too small by a few
    while largest > top * power(exponent):
        exponent += 1
    return exponent


def word_of(a: Arithmetic, value: float | Fraction, exponent: int) -> int:
    low, high = -(1 << (a.bits - 1)), (1 << (a.bits - 1)) - 1
    if not isinstance(value, Fraction) and not math.isfinite(value):
        return 0 if math.isnan(value) else high if value > 0 else low
    word = nearest(Fraction(value) / power(exponent))
    return max(low, min(high, word))


class Words:
    """A tensor of words, (re, im) flat, and its exponent."""

    def __init__(self, a: Arithmetic, values: Sequence[float | Fraction], fixed: int):
        self.exponent = exponent_of(a, values, fixed)
        self.words = [word_of(a, v, self.exponent) for v in values]

    def fractions(self) -> list[Fraction]:
        return [w * power(self.exponent) for w in self.words]


def double(value: float | Fraction) -> float:
    """Rounded to binary64."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def described(a: Arithmetic, call: CallClass, ins: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """The call's result as the page says, element by element."""
    dtype = numpy_dtype(call.dtype)
    parts = 2 if dtype.kind == "c" else 1

    def flat(x: Array) -> list[float]:
        x = np.ascontiguousarray(x)
        return [float(v) for v in (x.view(x.real.dtype) if parts == 2 else x).reshape(-1)]

    if call.api == "fft":
        rows = [fft_described(a, flat(row), bool(call.attributes["inverse"])) for row in ins[0]]
        values: list[float | Fraction] = [v for row in rows for v in row]
    else:
        values = sums_described(a, call, [flat(x) for x in ins], [x.shape for x in ins], shape, parts)
        if a is HALF:
            values = [half(float(v)) for v in values]
        else:
            values = list(Words(a, values, -(a.fraction_bits or 0)).fractions())
    out = np.array([double(v) for v in values])
    with np.errstate(over="ignore"):
        return np.asarray(out.astype(dtype.type(0).real.dtype).view(dtype).reshape(shape))


def sums_described(
    a: Arithmetic,
    call: CallClass,
    ins: list[list[float]],
    shapes: list[tuple[int, ...]],
    shape: tuple[int, ...],
    parts: int,
) -> list[float | Fraction]:
    """Before the last rounding: floats in half precision (and non-finite quotients), else fractions."""
    scale = Fraction(1)
    if a is HALF:
        left, right = ([half(v) for v in x] for x in ins)
    else:
        words = [Words(a, x, -(a.fraction_bits or 0)) for x in ins]
        left, right = ([float(w) for w in x.words] for x in words)
        scale = Fraction(2) ** (words[0].exponent + words[1].exponent)
    result: list[float | Fraction] = []
    if call.api == "zip":
        kind = str(call.attributes["kind"])
        if a is not HALF and kind in ("add", "sub"):
            sign = 1 if kind == "add" else -1
            sums = [double(x) + sign * double(y) for x, y in zip(*(w.fractions() for w in words), strict=True)]
            return [Fraction(v) if math.isfinite(v) else v for v in sums]
        if kind == "div" and a is not HALF:
            scale = Fraction(2) ** (words[0].exponent - words[1].exponent)
        for i in range(0, len(left), parts):
            for value in zip_described(a, kind, left[i : i + parts], right[i : i + parts]):
                result.append(value if a is HALF or not math.isfinite(value) else Fraction(value) * scale)
        return result
    for place in np.ndindex(*shape):
        total = [0.0] * parts
        for x, w in terms(call, place, shapes):
            if parts == 1:
                additions = [(0, left[x] * right[w])]
            else:
                (p, q), (r, s) = (left[2 * x], left[2 * x + 1]), (right[2 * w], right[2 * w + 1])
                additions = [(0, p * r), (0, -(q * s)), (1, p * s), (1, q * r)]
            for part, product in additions:
                total[part] = single(total[part] + product) if a is HALF else total[part] + product
        result += total if a is HALF else [Fraction(v) * scale for v in total]
    return result


def zip_described(a: Arithmetic, kind: str, x: list[float], y: list[float]) -> list[float]:
    def f(value: float) -> float:
        return single(value) if a is HALF else value

    def quotient(value: float, by: float) -> float:
        return f(float(np.float64(value) / np.float64(by)))

    with np.errstate(all="ignore"):
        if kind in ("add", "sub"):
            return [f(p + q if kind == "add" else p - q) for p, q in zip(x, y, strict=True)]
        if len(x) == 1:
            return [quotient(x[0], y[0]) if kind == "div" else f(x[0] * y[0])]
        if kind != "div":
            return [f(x[0] * y[0] - x[1] * y[1]), f(x[0] * y[1] + x[1] * y[0])]
        square = f(y[0] * y[0] + y[1] * y[1])
        return [quotient(f(x[0] * y[0] + x[1] * y[1]), square), quotient(f(x[1] * y[0] - x[0] * y[1]), square)]


def terms(call: CallClass, place: tuple[int, ...], shapes: list[tuple[int, ...]]) -> Iterable[tuple[int, int]]:
    """Flat positions of the factors of one result, in the order of the additions."""
    d = call.dims
    if call.api == "gemm":
        i, j = place
        for k in range(d["k"]):
            yield i * d["k"] + k, j * d["k"] + k if call.attributes["transpose_b"] else k * d["n"] + j
        return
    n, f, *at = place
    names = (("sh", "sw"), ("dh", "dw")) if call.api == "conv2d" else (("s",), ("d",))
    strides, dilations = ([d[name] for name in group] for group in names)
    for c in range(d["c"]):
        for tap in np.ndindex(*shapes[1][2:]):
            from_ = [y * s + t * e for y, s, t, e in zip(at, strides, tap, dilations, strict=True)]
            yield (
                int(np.ravel_multi_index((n, c, *from_), shapes[0])),
                int(np.ravel_multi_index((f, c, *tap), shapes[1])),
            )


def fft_described(a: Arithmetic, row: list[float], inverse: bool) -> list[float | Fraction]:
    n = len(row) // 2
    stages = n.bit_length() - 1
    order = [int(format(i, f"0{stages}b")[::-1], 2) if stages else 0 for i in range(n)]
    values: list[float | Fraction] = [row[2 * i + part] for i in order for part in (0, 1)]

    def rounded(values: Sequence[float | Fraction], fixed: int) -> list[float | Fraction]:
        return [half(float(v)) for v in values] if a is HALF else list(Words(a, values, fixed).fractions())

    fixed = -(a.fraction_bits or 0)
    values = rounded(values, fixed)
    for stage in range(stages):
        reach = 1 << stage
        for start in range(0, n, 2 * reach):
            for k in range(reach):
                turn = cmath.exp((2j if inverse else -2j) * cmath.pi * k / (2 * reach))
                even, odd = 2 * (start + k), 2 * (start + k + reach)
                if a is HALF:
                    w = half(turn.real), half(turn.imag)
                    re, im = float(values[odd]), float(values[odd + 1])
                    t: tuple[float | Fraction, ...] = (single(w[0] * re - w[1] * im), single(w[0] * im + w[1] * re))
                else:
                    one = 2 ** (a.bits - 2)
                    v = Fraction(round(turn.real * one), one), Fraction(round(turn.imag * one), one)
                    x, y = Fraction(values[odd]), Fraction(values[odd + 1])
                    t = v[0] * x - v[1] * y, v[0] * y + v[1] * x
                for part in (0, 1):
                    base = values[even + part]
                    values[odd + part], values[even + part] = base - t[part], base + t[part]
                    if a is HALF:
                        for at in (odd + part, even + part):
                            values[at] = single(float(values[at]))
        fixed += 1
        values = rounded(values, fixed)
    if inverse:
        values = [v / n for v in values]
        values = [half(float(v)) for v in values] if a is HALF else values
    return values


# ------------------------------------------------------------------------------------------ the two that are tested


class Site(ctypes.Structure):
    _fields_ = [
        ("run", ctypes.c_void_p),
        ("operands", ctypes.c_int32),
        ("record", ctypes.c_char_p),
        ("dims", ctypes.c_int64 * 14),
        ("strides", ctypes.c_void_p),
        ("variant", ctypes.c_int32),
    ]


@pytest.fixture(scope="session")
def libcedr(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """libcedr as a shared object: contracted like a module's, with little else optimised, for speed of building."""
    folder = tmp_path_factory.mktemp("libcedr")
    sources = [str(LIBCEDR / name) for name in LIBCEDR_SOURCES]
    find_compiler().run([*CFLAGS, NATIVE_FLAG, "-O1", "-shared", "-fPIC", *sources, "-o", "libcedr.so", "-lm"], folder)
    library = ctypes.CDLL(str(folder / "libcedr.so"))
    library.cedr_run_as.restype = ctypes.c_bool
    return library


def run_c(library: ctypes.CDLL, word: int, call: CallClass, arrays: Sequence[Array]) -> bool:
    function = ctypes.cast(getattr(library, f"cedr_{call.api}_{call.dtype}"), ctypes.c_void_p)
    rank = 8
    rows = [[s // x.itemsize for s in x.strides] for x in arrays]
    if call.api == "zip":
        rows = [[0] * (rank - len(r)) + r for r in rows]
        rows.append([1] * (rank - arrays[0].ndim) + list(arrays[0].shape))
    table = np.zeros((len(rows), rank), np.int64)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    variant = ZIP_KINDS[str(call.attributes["kind"])] if call.api == "zip" else int(any(call.attributes.values()))
    dims = [call.dims[name] for name in APIS[call.api].dims]
    site = Site(function, len(arrays), b"", (ctypes.c_int64 * 14)(*dims), table.ctypes.data, variant)
    pointers = (ctypes.c_void_p * len(arrays))(*(x.ctypes.data for x in arrays))
    return bool(library.cedr_run_as(word, ctypes.byref(site), pointers))


def calls() -> list[Case]:
    cases: list[Case] = []
    for dtype in ("f32", "f64"):
        d2 = dict(n=2, c=3, h=7, w=9, f=5, kh=3, kw=2, oh=3, ow=4, sh=2, sw=2, dh=1, dw=2)
        cases.append((CallClass("conv2d", dtype, d2), [(2, 3, 7, 9), (5, 3, 3, 2)], (2, 5, 3, 4)))
        d1 = dict(n=1, c=2, l=20, f=4, k=3, ol=18, s=1, d=1)
        cases.append((CallClass("conv1d", dtype, d1), [(1, 2, 20), (4, 2, 3)], (1, 4, 18)))
    for dtype in ("f32", "f64", "c64"):
        for transposed in (False, True):
            call = CallClass("gemm", dtype, dict(m=3, k=17, n=5), {"transpose_b": transposed})
            cases.append((call, [(3, 17), (5, 17) if transposed else (17, 5)], (3, 5)))
        for kind in ZIP_KINDS:
            shape = (2, 3, 7)
            cases.append((CallClass("zip", dtype, dict(n=42), {"kind": kind}), [shape, shape], shape))
    for n in (1, 2, 16, 64):
        for inverse in (False, True):
            cases.append((CallClass("fft", "c64", dict(b=2, n=n), {"inverse": inverse}), [(2, n)], (2, n)))
    return cases


def drawn(rng: np.random.Generator, shape: tuple[int, ...], dtype: str, how: str) -> Array:
    """An operand as a window of a larger array, so that its strides are not those of its shape."""
    size = (2, *(extent + 1 for extent in shape))
    real = rng.standard_normal(size) * 10.0 ** rng.integers(-1, 3)
    if dtype == "c64":
        real = real + 1j * rng.standard_normal(size)
    array = real.astype(numpy_dtype(dtype))
    if how == "ties":  # halves of the last place of many formats
        array = (np.round(array * 64) / 32).astype(array.dtype)
    if how == "extreme":
        flat = (array.view(array.real.dtype) if dtype == "c64" else array).reshape(-1)
        flat[rng.random(len(flat)) < 0.2] = 0
        specials = [np.inf, -np.inf, np.nan, 65519.0, 65520.0, 3e-8, 1e-7, -0.0, 1e30, 1e-40]
        where = rng.random(len(flat)) < 0.05
        flat[where] = rng.choice(specials, where.sum())
    window: Any = (0, *(slice(0, extent) for extent in shape))
    return np.asarray(array[window])


@pytest.mark.parametrize("a", ARITHMETICS, ids=str)
@pytest.mark.parametrize("how", ["plain", "ties", "extreme", "zero"])
def test_c_and_python_do_what_the_page_says_bit_for_bit(libcedr: ctypes.CDLL, a: Arithmetic, how: str) -> None:
    rng = np.random.default_rng(5)
    for call, shapes, shape in calls():
        call.check()
        ins = [drawn(rng, s, call.dtype, how) for s in shapes]
        if how == "zero":
            ins[0][...] = 0
        wanted = described(a, call, ins, shape)
        from_c, from_python = (drawn(rng, shape, call.dtype, "plain") for _ in range(2))
        assert run_c(libcedr, a.word, call, [*ins, from_c])
        implementation(call, a)([x[None] for x in ins], [from_python[None]])
        what = f"{call.api} {call.dtype} {dict(call.attributes)} {dict(call.dims)}"
        assert same_bits(from_c, from_python), f"{what}: {from_c} {from_python}"
        assert same_bits(from_c, wanted), f"{what}: {from_c} {wanted}"


BITS = (8, 16)
EDGES = [
    *(math.inf, math.nan, -math.nan, 0.0, 5e-324, 2.0**-1022, 1e-200, 1e200, float(np.finfo(np.float64).max)),
    *(2.0**-149, 2.0**-126, float(np.finfo(np.float32).max), 2.0**127),
    *(2.0**-25, 3 * 2.0**-25, 2.0**-24, 2.0**-14, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 65504.0, 65519.99, 65520.0),
    *(0.5, 1.5, 2.5, 1 / 3, *(2.0 ** (b - 1) - 1 + d for b in BITS for d in (-0.5, 0, 0.25, 0.5, 0.75, 1))),
    *((2.0 ** (b - 1) + d) / 2**f for b, f in ((16, 8), (8, 3)) for d in (-1.5, -1, -0.5, 0, 0.5)),
]
"""Special, halfway and largest values of the formats that operands come in and are rounded to."""


def small_calls() -> list[Case]:
    d = dict(n=1, c=2, l=5, f=2, k=3, ol=2, s=2, d=1)
    cases: list[Case] = [(CallClass("conv1d", dtype, d), [(1, 2, 5), (2, 2, 3)], (1, 2, 2)) for dtype in ("f32", "f64")]
    for inverse in (False, True):
        cases.append((CallClass("fft", "c64", dict(b=1, n=8), {"inverse": inverse}), [(1, 8)], (1, 8)))
    for dtype in ("f32", "f64", "c64"):
        gemm = CallClass("gemm", dtype, dict(m=2, k=3, n=2), {"transpose_b": False})
        cases.append((gemm, [(2, 3), (3, 2)], (2, 2)))
        cases += [(CallClass("zip", dtype, dict(n=6), {"kind": kind}), [(6,), (6,)], (6,)) for kind in ZIP_KINDS]
    return cases


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(ARITHMETICS),
    st.sampled_from(small_calls()),
    st.lists(st.tuples(st.sampled_from(EDGES) | st.floats(), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_edge_values_are_the_same_bits_in_c_in_python_and_on_the_page(
    libcedr: ctypes.CDLL,
    a: Arithmetic,
    case: Case,
    drawn_values: list[tuple[float, bool]],
    seed: int,
) -> None:
    call, shapes, shape = case
    dtype = numpy_dtype(call.dtype)
    values = [-value if negative else value for value, negative in drawn_values]
    rng = np.random.default_rng(seed)

    def operand(shape: tuple[int, ...]) -> Array:
        parts = (*shape[:-1], shape[-1] * (2 if dtype.kind == "c" else 1))
        with np.errstate(over="ignore"):
            return np.asarray(rng.choice(values, parts).astype(dtype.type(0).real.dtype).view(dtype))

    ins = [operand(s) for s in shapes]
    from_c, from_python = np.zeros(shape, dtype), np.zeros(shape, dtype)
    assert run_c(libcedr, a.word, call, [*ins, from_c])
    implementation(call, a)([x[None] for x in ins], [from_python[None]])
    assert same_bits(from_c, from_python), f"C {from_c}, Python {from_python}"
    wanted = described(a, call, ins, shape)
    assert same_bits(from_c, wanted), f"{from_c}, the page says {wanted}"


def test_what_there_is_no_implementation_of(libcedr: ctypes.CDLL) -> None:
    x = np.zeros((1, 3), np.int32)
    ints = CallClass("zip", "i32", {"n": 3}, {"kind": "add"})
    assert run_c(libcedr, 0, ints, [x, x, x]) and not has_implementation(ints)
    y = np.zeros((1, 3), np.float32)
    floats = CallClass("zip", "f32", {"n": 3}, {"kind": "add"})
    assert run_c(libcedr, HALF.word, floats, [y, y, y]) and has_implementation(floats)
    assert not run_c(libcedr, HALF.word, ints, [x, x, x])
    for word in (4, 3 | 16 << 8 | 16 << 16, 2 | 12 << 8, 2, 1 | 16 << 8):
        assert Arithmetic.from_word(word) is None
        assert not run_c(libcedr, word, floats, [y, y, y])


def test_a_sum_that_is_not_exact_is_refused(libcedr: ctypes.CDLL, capfd: pytest.CaptureFixture[str]) -> None:
    depth = (1 << 23) + 1
    a = Arithmetic("int16")
    call = CallClass("gemm", "f32", {"m": 1, "k": depth, "n": 1}, {"transpose_b": True})
    x, y = np.broadcast_to(np.float32(1), (1, depth)), np.zeros((1, 1), np.float32)
    message = "8388609 products of 16-bit words in one sum: more than are exact"
    with pytest.raises(InexactError, match=message):
        implementation(call, a)([x[None], x[None]], [y[None]])
    child = os.fork()  # libcedr ends the process that it is in
    if child == 0:
        run_c(libcedr, a.word, call, [x, x, y])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert message in capfd.readouterr().err


def same_bits(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
