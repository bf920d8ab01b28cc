"""The API's calls in the arithmetic of an accelerator, on NumPy arrays: half precision, and integer words with a scale.

docs/values.md says what each computes, to the bit; libcedr/arithmetic.c does the same. Everything is float64 inside: integer
words are exact there, and what half precision's f32 accumulator holds is rounded to f32 after each operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cedr.target.api import CallClass
from cedr.target.arithmetic import ARITHMETIC_APIS, ARITHMETIC_DTYPES, Arithmetic
from cedr.target.errors import CedrError

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Compute = Callable[[Sequence[Array], Sequence[Array]], None]

EXACT_BITS = 53


class InexactError(CedrError):
    """A call whose sums float64 would round."""


def has_implementation(call: CallClass) -> bool:
    """Whether an arithmetic is defined for calls of this class."""
    return call.api in ARITHMETIC_APIS and call.dtype in ARITHMETIC_DTYPES


def implementation(call: CallClass, arithmetic: Arithmetic) -> Compute:
    """What computes tasks of a class that `has_implementation`, in an arithmetic that is not the call's own: takes views of
    ins and outs with one leading dimension over tiles, writes the outs. Those raise InexactError for sums that are
    too long to be exact.
    """

    def compute(ins: Sequence[Array], outs: Sequence[Array]) -> None:
        if call.api == "gemm":
            _check_exact(arithmetic, call.dims["k"] * (2 if call.dtype == "c64" else 1))
        elif call.api in ("conv2d", "conv1d"):
            _check_exact(arithmetic, prod(ins[1].shape[2:]))
        with np.errstate(all="ignore"):
            _assign(outs[0], _result(call, arithmetic, [_parts(value) for value in ins], outs[0].shape))

    return compute


def _result(call: CallClass, a: Arithmetic, ins: list[Doubles], shape: tuple[int, ...]) -> Doubles:
    """[tiles, shape..., parts] of the call on [tiles, shape..., parts]; the parts are re and im, or one."""
    if call.api == "fft":
        return _fft(a, ins[0], bool(call.attributes.get("inverse")))
    (left, e), (right, f) = (quantise(a, value, tuple(range(1, value.ndim)), _fixed(a)) for value in ins)
    exponent = e + f
    match call.api:
        case "zip":
            kind = str(call.attributes.get("kind", "add"))
            if kind in ("add", "sub"):
                left, right, exponent = np.ldexp(left, e), np.ldexp(right, f), 0 * e
            elif kind == "div":
                exponent = e - f
            value = _zip(a, kind, left, right)
        case "gemm":
            value = _gemm(a, left, right.swapaxes(1, 2) if call.attributes.get("transpose_b") else right)
        case _:
            strides, dilations = (("sh", "sw"), ("dh", "dw")) if call.api == "conv2d" else (("s",), ("d",))
            value = _convolution(
                a,
                left[..., 0],
                right[..., 0],
                shape,
                [call.dims[name] for name in strides],
                [call.dims[name] for name in dilations],
            )[..., None]
    return np.ldexp(*quantise(a, value, tuple(range(1, value.ndim)), _fixed(a), exponent))


def _parts(value: Array) -> Doubles:
    """float64 [..., 1], or [..., 2] of complex elements."""
    parts = [value.real, value.imag] if value.dtype.kind == "c" else [value]
    return np.stack([np.asarray(part, np.float64) for part in parts], -1)


def _assign(out: Array, value: Doubles) -> None:
    with np.errstate(all="ignore"):
        if out.dtype.kind == "c":
            out.real[...], out.imag[...] = value[..., 0], value[..., 1]
        else:
            out[...] = value[..., 0]


# ---- rounding ----


def _fixed(a: Arithmetic) -> int:
    return -(a.fraction_bits or 0)


def round_half(value: Doubles) -> Doubles:
    """To binary16, ties to even."""
    rounded = value.astype(np.float16).astype(np.float64)
    return np.where(np.isnan(rounded), np.nan, rounded)


def quantise(
    a: Arithmetic, value: Doubles, axes: tuple[int, ...], fixed_exponent: int, scale: Ints | int = 0
) -> tuple[Doubles, Ints]:
    """What the accelerator holds of value 2^scale, which a double may be too small for, and the exponent of its words: one
    for all elements along `axes`. scale is 0 in half precision."""
    one_each = tuple(1 if axis in axes else extent for axis, extent in enumerate(value.shape))
    if a.name == "f16":
        return round_half(value), np.zeros(one_each, np.int64)
    most = 2.0 ** (a.bits - 1) - 1
    if a.fraction_bits is None:
        magnitude = np.abs(value)
        largest = np.where(np.isfinite(magnitude), magnitude, 0).max(axis=axes, keepdims=True, initial=0)
        significand, power = np.frexp(largest)
        exponent = power.astype(np.int64) - (a.bits - 1) + (np.ldexp(significand, a.bits - 1) > most)
        exponent = np.where(largest > 0, exponent + scale, 0)
    else:
        exponent = np.full(one_each, fixed_exponent, np.int64)
    words = np.where(np.isnan(value), 0, np.rint(np.ldexp(value, scale - exponent)) + 0.0)
    return np.clip(words, -most - 1, most), exponent


def _narrow(a: Arithmetic, value: Array) -> Array:
    """One operation's result in the accumulator. In half precision the operands are f32 values here, so that rounding what
    float64 gives is rounding once."""
    return value.astype(np.float32).astype(np.float64) if a.name == "f16" else value


def _check_exact(a: Arithmetic, products: int) -> None:
    if a.name != "f16" and products > 2 ** (EXACT_BITS - 2 * (a.bits - 1)):
        raise InexactError(f"{products} products of {a.bits}-bit words in one sum: more than are exact")


# ---- calls ----


def _convolution(
    a: Arithmetic, x: Doubles, w: Doubles, shape: tuple[int, ...], strides: list[int], dilations: list[int]
) -> Doubles:
    """x [t, n, c, spatial...], w [t, f, c, taps...]; a tap after the other, in half precision a channel after the other."""
    extents = shape[3:]
    result = np.zeros((shape[0], shape[1], prod(extents), shape[2]))

    def window(tap: tuple[int, ...]) -> Doubles:
        at: Any = tuple(
            slice(k * d, k * d + (extent - 1) * s + 1, s)
            for k, d, s, extent in zip(tap, dilations, strides, extents, strict=True)
        )
        part: Doubles = x[(..., *at)]
        return part.reshape(*x.shape[:3], -1)  # [t, n, c, out]

    taps = list(np.ndindex(*w.shape[3:]))
    if a.name == "f16":
        for c in range(x.shape[2]):
            for tap in taps:
                product = window(tap)[:, :, c, :, None] * w[(slice(None), slice(None), c, *tap)][:, None, None, :]
                result = _narrow(a, result + product)
    else:
        for tap in taps:
            result += np.matmul(window(tap).swapaxes(2, 3), w[(..., *tap)].swapaxes(1, 2)[:, None])
    return np.moveaxis(result, 3, 2).reshape(shape)


def _gemm(a: Arithmetic, left: Doubles, right: Doubles) -> Doubles:
    """left [t, m, k, parts], right [t, k, n, parts]."""
    parts = left.shape[-1]
    result = np.zeros((left.shape[0], left.shape[1], right.shape[2], parts))
    # Target, parts of the factors, sign, in the order of the additions.
    terms = [(0, 0, 0, 1), (0, 1, 1, -1), (1, 0, 1, 1), (1, 1, 0, 1)] if parts == 2 else [(0, 0, 0, 1)]
    if a.name != "f16":
        for target, p, q, sign in terms:
            result[..., target] += sign * np.matmul(left[..., p], right[..., q])
        return result
    for k in range(left.shape[2]):
        for target, p, q, sign in terms:
            product = sign * (left[:, :, k, p][:, :, None] * right[:, k, :, q][:, None, :])
            result[..., target] = _narrow(a, result[..., target] + product)
    return result


def _zip(a: Arithmetic, kind: str, x: Doubles, y: Doubles) -> Doubles:
    if kind == "add":
        return _narrow(a, x + y)
    if kind == "sub":
        return _narrow(a, x - y)
    if x.shape[-1] == 1:
        return _narrow(a, x / y if kind == "div" else x * y)
    (xr, xi), (yr, yi) = (x[..., 0], x[..., 1]), (y[..., 0], y[..., 1])
    if kind != "div":
        return np.stack([_narrow(a, xr * yr - xi * yi), _narrow(a, xr * yi + xi * yr)], -1)
    square = _narrow(a, yr * yr + yi * yi)
    parts = (_narrow(a, xr * yr + xi * yi), _narrow(a, xi * yr - xr * yi))
    return np.stack([_narrow(a, part / square) for part in parts], -1)


@cache
def _roots(a: Arithmetic, n: int, inverse: bool) -> Doubles:
    """[n / 2, 2]: cos and sin, rounded."""
    angle = (1.0 if inverse else -1.0) * 2.0 * np.pi * np.arange(n // 2) / n
    exact = np.stack([np.cos(angle), np.sin(angle)], -1)
    return round_half(exact) if a.name == "f16" else np.ldexp(np.rint(np.ldexp(exact, a.bits - 2)), 2 - a.bits)


def _fft(a: Arithmetic, x: Doubles, inverse: bool) -> Doubles:
    """x [t, b, n, 2], each row alone."""
    n = x.shape[2]
    stages = n.bit_length() - 1
    order = np.zeros(n, np.int64)
    for bit in range(stages):
        order |= (np.arange(n) >> bit & 1) << (stages - 1 - bit)
    row, exponent = quantise(a, x[:, :, order], (2, 3), _fixed(a))
    for stage in range(stages):
        half = 1 << stage
        root = _roots(a, n, inverse)[:: n // (2 * half)]
        blocks = row.reshape(*x.shape[:2], n // (2 * half), 2, half, 2)
        even, odd = blocks[:, :, :, 0], blocks[:, :, :, 1]
        (wr, wi), (re, im) = (root[:, 0], root[:, 1]), (odd[..., 0], odd[..., 1])
        turned = np.stack([_narrow(a, wr * re - wi * im), _narrow(a, wr * im + wi * re)], -1)
        sums = np.stack([_narrow(a, even + turned), _narrow(a, even - turned)], 3)
        row, grown = quantise(a, sums.reshape(x.shape), (2, 3), 1)
        exponent = exponent + grown
    if a.name != "f16":
        return np.ldexp(row, exponent - (stages if inverse else 0))
    return round_half(np.ldexp(row, -stages)) if inverse else row
