"""Calls of many sizes, on which a platform file's expressions are tried when the file is read."""

from __future__ import annotations

from functools import cache
from itertools import product

from cedr.target.api import APIS, ZIP_KINDS, CallClass


def conv2d_class(
    c: int, f: int, rows: int, columns: int, kernel: int, stride: int = 1, dilation: int = 1, dtype: str = "f32"
) -> CallClass:
    """A conv2d class from its output's size."""
    reach = dilation * (kernel - 1) + 1
    dims = {
        "n": 1,
        "c": c,
        "h": (rows - 1) * stride + reach,
        "w": (columns - 1) * stride + reach,
        "f": f,
        "kh": kernel,
        "kw": kernel,
        "oh": rows,
        "ow": columns,
        "sh": stride,
        "sw": stride,
        "dh": dilation,
        "dw": dilation,
    }
    return CallClass("conv2d", dtype, dims, {}, f"conv2d {c}x{f}x{rows}x{columns} by {kernel}x{kernel}")


def conv1d_class(
    c: int, f: int, length: int, kernel: int, stride: int = 1, dilation: int = 1, dtype: str = "f32"
) -> CallClass:
    """A conv1d class from its output's length."""
    reach = dilation * (kernel - 1) + 1
    dims = {
        "n": 1,
        "c": c,
        "l": (length - 1) * stride + reach,
        "f": f,
        "k": kernel,
        "ol": length,
        "s": stride,
        "d": dilation,
    }
    return CallClass("conv1d", dtype, dims, {}, f"conv1d {c}x{f}x{length} by {kernel}")


@cache
def probes(api: str) -> tuple[CallClass, ...]:
    """Classes of one API: small and large, of several element types."""
    calls: list[CallClass] = []
    match api:
        case "gemm":
            shapes = [(1, 1, 1), (4, 64, 4), (1, 512, 10), (64, 256, 100)]
            for (m, k, n), dtype, transposed in product(shapes, ("f32", "f64", "c64"), (False, True)):
                dims = {"m": m, "k": k, "n": n}
                calls.append(CallClass("gemm", dtype, dims, {"transpose_b": transposed}, f"gemm {m}x{k}x{n} {dtype}"))
        case "conv2d":
            for (c, f), (rows, columns), kernel in product(((1, 1), (8, 6)), ((1, 1), (32, 32), (224, 300)), (1, 3)):
                calls.append(conv2d_class(c, f, rows, columns, kernel))
            calls += [conv2d_class(4, 4, 16, 16, 3, dilation=2), conv2d_class(3, 64, 112, 112, 7, stride=2)]
            calls += [conv2d_class(2, 3, 20, 20, 11), conv2d_class(2, 3, 20, 20, 3, dtype="f64")]
        case "conv1d":
            for (c, f), length, kernel in product(((1, 1), (8, 6)), (1, 100, 8000), (1, 3)):
                calls.append(conv1d_class(c, f, length, kernel))
            calls += [conv1d_class(4, 4, 100, 3, dilation=2), conv1d_class(1, 128, 1980, 80, stride=4)]
            calls += [conv1d_class(2, 3, 20, 3, dtype="f64")]
        case "fft":
            for b, n, inverse in product((1, 16), (1, 16, 1024, 65536), (False, True)):
                calls.append(CallClass("fft", "c64", {"b": b, "n": n}, {"inverse": inverse}, f"fft {b}x{n}"))
        case "zip":
            for n, kind, dtype in product((1, 1000, 1 << 20), ZIP_KINDS, ("f32", "c64")):
                calls.append(CallClass("zip", dtype, {"n": n}, {"kind": kind}, f"zip {kind} {n} {dtype}"))
        case "kernel":
            for elements, per_point, macs in ((1, 1, 0), (1000, 0, 0), (1000, 40, 20), (1 << 20, 3, 0)):
                sizes = {
                    "elements": elements,
                    "flops": elements * per_point,
                    "bytes_in": 4 * elements,
                    "bytes_out": 4 * elements,
                    "macs": elements * macs,
                }
                calls.append(CallClass("kernel", "f32", sizes, {}, f"kernel of {elements} points"))
        case _:
            assert api in APIS, api
    return tuple(call.check() for call in calls)
