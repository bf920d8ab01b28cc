"""What each function of dash.h computes, against NumPy."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.test_dash_api import build_library

Complex = NDArray[np.complex64]
#: dash_cmplx_int_type: the imaginary part comes first.
CI16 = np.dtype([("im", "<i2"), ("re", "<i2")])


@pytest.fixture(scope="module")
def dash(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("dash")
    build_library(folder)
    return ctypes.CDLL(str(folder / "libcedr.so"))


def call(dash: ctypes.CDLL, name: str, *arguments: NDArray[np.generic] | int | bool) -> None:
    """Arrays by address, numbers as size_t (int, in functions that take int, lies in the same register)."""
    passed = [
        a.ctypes.data_as(ctypes.c_void_p)
        if isinstance(a, np.ndarray)
        else ctypes.c_bool(a)
        if isinstance(a, bool)
        else ctypes.c_size_t(a)
        for a in arguments
    ]
    getattr(dash, name)(*passed)


def complex_numbers(seed: int, *shape: int) -> Complex:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def complex_integers(seed: int, *shape: int, least: int = -(2**15)) -> NDArray[np.void]:
    rng = np.random.default_rng(seed)
    numbers = np.empty(shape, CI16)
    for part in ("re", "im"):
        numbers[part] = rng.integers(least, -least, shape)
    return numbers


def parts(numbers: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return numbers["re"].astype(np.int64), numbers["im"].astype(np.int64)


def wrapped(re: NDArray[np.int64], im: NDArray[np.int64]) -> NDArray[np.void]:
    numbers = np.empty(re.shape, CI16)
    numbers["re"], numbers["im"] = re.astype(np.int16), im.astype(np.int16)
    return numbers


def close(found: NDArray[Any], wanted: NDArray[Any], bound: float = 1e-6) -> bool:
    return float(np.abs(found - wanted).max()) <= bound * float(np.abs(wanted).max())


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 512, 65536])
def test_fft(dash: ctypes.CDLL, n: int) -> None:
    x = complex_numbers(n, n)
    y = np.empty_like(x)
    kept = x.copy()
    call(dash, "DASH_FFT_flt", x, y, n, True)
    # The last bit of a float is 6e-8 of it; half of that is what rounding a result of double precision leaves.
    assert close(y, np.fft.fft(x.astype(np.complex128)), 6e-8) and np.array_equal(x, kept)
    call(dash, "DASH_FFT_flt", y, y, n, False)
    assert close(y, x)


def test_fft_of_integers_is_truncated(dash: ctypes.CDLL) -> None:
    x = complex_integers(1, 64, least=-400)
    y = np.empty_like(x)
    re, im = parts(x)
    for forward in (True, False):
        call(dash, "DASH_FFT_int", x, y, 64, forward)
        wanted = (np.fft.fft if forward else np.fft.ifft)(re + 1j * im).astype(np.complex64)
        assert np.array_equal(y["re"], np.trunc(wanted.real)) and np.array_equal(y["im"], np.trunc(wanted.imag))


def test_zip(dash: ctypes.CDLL) -> None:
    a, b = complex_numbers(2, 37), complex_numbers(3, 37)
    for op, wanted in enumerate((a + b, a - b, a * b, a / b, a * b)):
        c = np.empty_like(a)
        call(dash, "DASH_ZIP_flt", a, b, c, 37, op)
        assert close(c, wanted)
        for place in (0, 1):
            operands = [a.copy(), b.copy()]
            call(dash, "DASH_ZIP_flt", *operands, operands[place], 37, op)
            assert np.array_equal(operands[place], c)


def test_zip_divided_by_zero(dash: ctypes.CDLL) -> None:
    a = np.array([1 + 2j, 0, -3], np.complex64)
    c = np.empty_like(a)
    call(dash, "DASH_ZIP_flt", a, np.zeros_like(a), c, 3, 3)
    with np.errstate(all="ignore"):
        assert np.array_equal(c, a / np.zeros_like(a), equal_nan=True)


def test_zip_of_integers_wraps(dash: ctypes.CDLL) -> None:
    a, b = complex_integers(4, 500), complex_integers(5, 500)
    (re, im), (bre, bim) = parts(a), parts(b)
    square = bre * bre + bim * bim
    quotients = [np.fix((re * bre + im * bim) / square), np.fix((im * bre - re * bim) / square)]
    product = wrapped(re * bre - im * bim, re * bim + im * bre)
    for op, wanted in enumerate(
        (
            wrapped(re + bre, im + bim),
            wrapped(re - bre, im - bim),
            product,
            wrapped(*(part.astype(np.int64) for part in quotients)),
            product,
        )
    ):
        c = np.empty_like(a)
        call(dash, "DASH_ZIP_int", a, b, c, 500, op)
        assert np.array_equal(c, wanted)


@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (4, 64, 4), (3, 5, 7)])
def test_gemm(dash: ctypes.CDLL, m: int, k: int, n: int) -> None:
    a, b = complex_numbers(6, m, k), complex_numbers(7, k, n)
    c = np.empty((m, n), np.complex64)
    call(dash, "DASH_GEMM_flt", a, b, c, m, k, n)
    assert close(c, a.astype(np.complex128) @ b.astype(np.complex128))
    (re, im), (bre, bim) = parts(x := complex_integers(8, m, k)), parts(y := complex_integers(9, k, n))
    z = np.empty((m, n), CI16)
    call(dash, "DASH_GEMM_int", x, y, z, m, k, n)
    assert np.array_equal(z, wrapped(re @ bre - im @ bim, re @ bim + im @ bre))


def test_blas(dash: ctypes.CDLL) -> None:
    a, b = complex_numbers(10, 3, 5), complex_numbers(11, 3, 5)
    x, y = complex_integers(12, 3, 5), complex_integers(13, 3, 5)
    x["im"][0, 0] = -(2**15)
    c, z = np.empty_like(a), np.empty_like(x)
    (re, im), (yre, yim) = parts(x), parts(y)
    for name, wanted, integers in (
        ("MADD", a + b, wrapped(re + yre, im + yim)),
        ("MSUB", a - b, wrapped(re - yre, im - yim)),
    ):
        call(dash, f"DASH_BLAS_{name}_flt", a, b, c, 3, 5)
        call(dash, f"DASH_BLAS_{name}_int", x, y, z, 3, 5)
        assert np.array_equal(c, wanted) and np.array_equal(z, integers)
    turned, integers = np.empty((5, 3), np.complex64), np.empty((5, 3), CI16)
    for conjugate in (False, True):
        call(dash, "DASH_BLAS_TRANSPOSE_flt", a, turned, 3, 5, conjugate)
        call(dash, "DASH_BLAS_TRANSPOSE_int", x, integers, 3, 5, conjugate)
        assert np.array_equal(turned, a.T.conj() if conjugate else a.T)
        assert np.array_equal(integers, wrapped(re.T, -im.T if conjugate else im.T))


def test_symbols(dash: ctypes.CDLL) -> None:
    x = complex_numbers(14, 300)
    signs, numbers = np.empty(300, np.float32), np.empty(300, np.int32)
    call(dash, "DASH_BPSK_flt", x, signs, 300)
    assert np.array_equal(signs, np.where(np.abs(x - 1) <= np.abs(x + 1), 1, -1))
    call(dash, "DASH_QAM16_flt", x, numbers, 300)
    levels = np.array([-0.948683, -0.316228, 0.316228, 0.948683])
    points = (levels[:, None] + 1j * levels).ravel()
    assert np.array_equal(numbers, np.abs(x[:, None] - points).argmin(1))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 11])
def test_convolutions(dash: ctypes.CDLL, k: int) -> None:
    rng = np.random.default_rng(k)
    h, w = 6, 9
    image = rng.integers(-300, 300, (h, w)).astype(np.int16)
    mask = rng.standard_normal((k, k)).astype(np.float32)
    output = np.empty_like(image)
    call(dash, "DASH_CONV_2D_int", image, h, w, mask, k, output)
    around = (k // 2, k - 1 - k // 2)
    padded = np.pad(image.astype(np.float64), (around, around))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k))
    assert np.array_equal(output, np.trunc((windows * mask).sum((2, 3))))

    signal, taps = rng.standard_normal(17).astype(np.float32), rng.standard_normal(k).astype(np.float32)
    start = rng.standard_normal(17).astype(np.float32)
    summed = start.copy()
    call(dash, "DASH_CONV_1D_flt", signal, 17, taps, k, summed)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(signal.astype(np.float64), around), k)
    assert close(summed, start + (windows * taps).sum(1))


def test_pixels_are_held_to_their_range(dash: ctypes.CDLL) -> None:
    image = np.array([[20000, -20000]], np.int16)
    output = np.empty_like(image)
    call(dash, "DASH_CONV_2D_int", image, 1, 2, np.array([[2]], np.float32), 1, output)
    assert output.tolist() == [[32767, -32768]]
