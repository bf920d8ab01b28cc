"""libcedr's kernels on complex elements, called as a module calls them, beside NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cedr.backend.toolchain import LIBCEDR_SOURCES, application_library, find_compiler

Complex = NDArray[np.complex64]


class Site(ctypes.Structure):
    """`cedr_site` of libcedr's cedr.h."""

    _fields_ = (
        ("run", ctypes.c_void_p),
        ("operands", ctypes.c_int32),
        ("record", ctypes.c_char_p),
        ("dims", ctypes.c_int64 * 14),
        ("strides", ctypes.c_void_p),
        ("variant", ctypes.c_int32),
    )


class Kernels:
    """libcedr as a shared library."""

    def __init__(self, folder: Path):
        kernels = {f"{Path(name).stem}.o" for name in LIBCEDR_SOURCES}
        objects = [path for path in application_library(find_compiler()).link if Path(path).name in kernels]
        assert len(objects) == len(kernels)
        find_compiler().run(["-shared", *objects, "-o", "libcedr.so", "-lm", "-pthread"], folder)
        self.library = ctypes.CDLL(str(folder / "libcedr.so"))

    def call(
        self, name: str, dims: Sequence[int], arrays: Sequence[Complex], variant: int = 0, shape: Sequence[int] = ()
    ) -> None:
        """shape: of a zip's operands, which stands behind their strides."""
        strides = np.zeros((4, 8), np.int64)
        for row, array in zip(strides, arrays, strict=False):
            own = [stride // array.itemsize for stride in array.strides]
            row[8 - len(own) if shape else 0 :][: len(own)] = own
        strides[3] = (*(1,) * (8 - len(shape)), *shape)
        site = Site(operands=len(arrays), variant=variant, strides=strides.ctypes.data)
        site.dims[: len(dims)] = dims
        pointers = (ctypes.c_void_p * len(arrays))(*[array.ctypes.data for array in arrays])
        getattr(self.library, name)(ctypes.byref(site), pointers)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    return Kernels(tmp_path_factory.mktemp("libcedr"))


def numbers(seed: int, *shape: int) -> Complex:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def distance(got: NDArray[Any], wanted: NDArray[Any]) -> float:
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("variant", [0, 1])
def test_fft_is_the_transform_to_a_float_s_last_bits(kernels: Kernels, variant: int) -> None:
    for n in (1, 2, 4, 8, 16, 32, 512, 1024, 16384):
        x, y = numbers(n, 3, 2 * n)[:, ::2], np.zeros((n, 3), np.complex64).T
        kernels.call("cedr_fft_c64", (3, n), (x, y), variant)
        transform = np.fft.ifft if variant else np.fft.fft
        assert distance(y, transform(x.astype(np.complex128))) < 1.2e-7, n


def test_threads_that_transform_at_once_share_the_roots(tmp_path: Path) -> None:
    kernels = Kernels(tmp_path)
    rows = [numbers(k, 1, 4096) for k in range(8)]
    results = [np.zeros_like(row) for row in rows]
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(kernels.call, "cedr_fft_c64", (1, 4096), pair) for pair in zip(rows, results, strict=True)]
        for call in calls:
            call.result()
    for row, result in zip(rows, results, strict=True):
        assert distance(result, np.fft.fft(row.astype(np.complex128))) < 1.2e-7


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize(("m", "k", "n"), [(4, 64, 4), (1, 1, 1), (3, 7, 5), (2, 300, 14)])
def test_gemm(kernels: Kernels, m: int, k: int, n: int, transposed: int) -> None:
    a, b, c = numbers(1, m, 2 * k)[:, ::2], numbers(2, k, n), np.zeros((m, n), np.complex64)
    stored = np.ascontiguousarray(b.T) if transposed else b
    kernels.call("cedr_gemm_c64", (m, k, n), (a, stored, c), transposed)
    assert distance(c, a.astype(np.complex128) @ b.astype(np.complex128)) < 1.2e-7


@pytest.mark.parametrize(
    ("variant", "meaning"), [(0, np.add), (1, np.subtract), (2, np.multiply), (3, np.divide), (4, np.multiply)]
)
def test_zip_of_zeros_infinities_and_nan_is_numpy_s(kernels: Kernels, variant: int, meaning: np.ufunc) -> None:
    parts = np.array([0, -0.0, 1, -2.5, 7, np.inf, -np.inf, np.nan], np.float32)
    every = np.empty(len(parts) ** 2, np.complex64)
    every.real, every.imag = np.repeat(parts, len(parts)), np.tile(parts, len(parts))
    a, b = np.broadcast_arrays(every[:, None], every[None, :])
    c = np.zeros(a.shape, np.complex64)
    kernels.call("cedr_zip_c64", (c.size,), (a, b, c), variant, c.shape)
    with np.errstate(all="ignore"):
        wanted = meaning(a, b)
    for got, said in ((c.real, wanted.real), (c.imag, wanted.imag)):
        np.testing.assert_allclose(got, said, rtol=1e-6, atol=1e-6)


def test_a_quotient_does_not_overflow_on_the_way(kernels: Kernels) -> None:
    a = np.array([3e38 + 3e38j, 1e-38j, 1], np.complex64)
    b = np.array([3e38 - 3e38j, 1e-38, 1e-30 + 1e30j], np.complex64)
    c = np.zeros_like(a)
    kernels.call("cedr_zip_c64", (3,), (a, b, c), 3, (3,))
    np.testing.assert_allclose(c, a.astype(np.complex128) / b.astype(np.complex128), rtol=1e-6, atol=1e-36)
