"""Fourier transforms, one dim after the other as rows of a matrix.

Rows whose length is a power of two become `linalg.fft` or `linalg.ifft`, which accelerators compute. Short rows of other
lengths become a product with the matrix of the transform's roots, longer ones transforms of a power of two between two
products with a chirp (L. I. Bluestein, "A linear filtering approach to the computation of discrete Fourier transform",
IEEE Transactions on Audio and Electroacoustics, 1970). Roots and chirps are computed in double precision.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from cedr.frontend.aten.complex_numbers import C64, F32, only_f32
from cedr.frontend.aten.registry import Unsupported, converts, normalise_dim
from cedr.frontend.builder import PARALLEL, Builder, element_type, shape_of

aten = torch.ops.aten

LONGEST_PRODUCT = 32
"""Up to this many points a product with the roots costs a CPU less than a chirp's five calls."""
LONGEST_CHIRP = 32768
"""Above this a chirp is refused: its numbers would stand in the IR's text one by one."""


@converts(aten._fft_c2c.default)
def complex_to_complex(b: Builder, x: SSAValue, dims: Sequence[int], normalization: int, forward: bool) -> SSAValue:
    """Transforms along dims; normalization 0: none, 1: by the root of the number of points, 2: by that number."""
    axes = [normalise_dim(dim, len(shape_of(x))) for dim in dims]
    points = math.prod(shape_of(x)[axis] for axis in axes)
    for axis in axes:
        x = along(b, x, axis, inverse=not forward)
    return scale(b, x, factor(normalization, points, inverse=not forward))


@converts(aten._fft_r2c.default)
def real_to_complex(b: Builder, x: SSAValue, dims: Sequence[int], normalization: int, onesided: bool) -> SSAValue:
    """Transforms of real numbers along dims, of the last of which one side may be enough."""
    only_f32(element_type(x))
    axes = [normalise_dim(dim, len(shape_of(x))) for dim in dims]
    points = math.prod(shape_of(x)[axis] for axis in axes)
    last = axes[-1]
    size = shape_of(x)[last]
    x = along(b, b.cast(x, C64), last, inverse=False)
    if onesided:
        x = b.slice_dim(x, last, 0, size // 2 + 1)
    for axis in axes[:-1]:
        x = along(b, x, axis, inverse=False)
    return scale(b, x, factor(normalization, points, inverse=False))


@converts(aten._fft_c2r.default)
def complex_to_real(b: Builder, x: SSAValue, dims: Sequence[int], normalization: int, size: int) -> SSAValue:
    """Inverse transforms along dims of what is one side of a conjugate-symmetric whole, `size` long in the last of them."""
    axes = [normalise_dim(dim, len(shape_of(x))) for dim in dims]
    last = axes[-1]
    points = size * math.prod(shape_of(x)[axis] for axis in axes[:-1])
    for axis in axes[:-1]:
        x = along(b, x, axis, inverse=True)
    x = along(b, _both_sides(b, x, last, size), last, inverse=True)
    real = b.pointwise([x], lambda s, args: s.real(args[0]), F32)
    number = factor(normalization, points, inverse=True)
    if number == 1:
        return real
    return b.pointwise([real], lambda s, args: s.mul(args[0], s.like(number, args[0])), F32)


def factor(normalization: int, points: int, *, inverse: bool) -> float:
    """What a transform of `linalg.fft` or `linalg.ifft`, which divides by the number of points, is to be multiplied by."""
    wanted = {0: 1.0, 1: 1 / math.sqrt(points), 2: 1 / points}[normalization]
    number = wanted * points if inverse else wanted
    return 1.0 if math.isclose(number, 1, rel_tol=1e-12) else number


def scale(b: Builder, x: SSAValue, number: float) -> SSAValue:
    """Complex numbers times a real one."""
    if number == 1:
        return x
    return b.pointwise(
        [x],
        lambda s, args: s.complex(
            s.mul(s.real(args[0]), s.constant(number, F32)), s.mul(s.imaginary(args[0]), s.constant(number, F32))
        ),
        C64,
    )


def along(b: Builder, x: SSAValue, axis: int, *, inverse: bool) -> SSAValue:
    """The transform along one axis; the inverse one divides by the number of points."""
    shape = shape_of(x)
    if 0 in shape:
        raise Unsupported("a Fourier transform of a tensor without elements; leave it out where there is nothing")
    if shape[axis] == 1:
        return x
    order = [*(dim for dim in range(len(shape)) if dim != axis), axis]
    turned = b.transpose(x, order)
    rows = b.reshape(turned, (math.prod(shape) // shape[axis], shape[axis]))
    rows = _rows(b, rows, inverse=inverse)
    return b.transpose(b.reshape(rows, shape_of(turned)), [order.index(dim) for dim in range(len(shape))])


def _rows(b: Builder, x: SSAValue, *, inverse: bool) -> SSAValue:
    """The transform of each row of X[b, n]."""
    points = shape_of(x)[1]
    if not points & (points - 1):
        return b.fourier(x, inverse=inverse)
    if points <= LONGEST_PRODUCT:
        return b.matmul(x, b.dense(roots(points, inverse=inverse), C64))
    if points > LONGEST_CHIRP:
        raise Unsupported(
            f"a Fourier transform of {points} points; up to {LONGEST_CHIRP} may be any number, above that a power of two:"
            " pad the signal"
        )
    chirp, spectrum = chirps(points, inverse=inverse)
    padded = b.pad(_times(b, x, chirp), (0, 0), (0, spectrum.size - points), 0)
    product = _times(b, b.fourier(padded, inverse=False), spectrum)
    convolved = b.slice(b.fourier(product, inverse=True), (0, 0), shape_of(x))
    return _times(b, convolved, chirp / points if inverse else chirp)


def roots(points: int, *, inverse: bool) -> np.ndarray:
    """The transform of n points as a matrix [n, n], complex64."""
    index = np.arange(points)
    steps = np.outer(index, index) % points
    matrix = np.exp((2j if inverse else -2j) * np.pi * steps / points) / (points if inverse else 1)
    rounded: np.ndarray = matrix.astype(np.complex64)
    return rounded


def chirps(points: int, *, inverse: bool) -> tuple[np.ndarray, np.ndarray]:
    """(the chirp [n], the transform [m] of the conjugate chirp of both sides), m a power of two; complex128.

    The transform of x is chirp * (x * chirp convolved with the conjugate chirp), by 2 j k = j^2 + k^2 - (k - j)^2.
    """
    index = np.arange(points)
    steps = index * index % (2 * points)
    chirp = np.exp((1j if inverse else -1j) * np.pi * steps / points)
    size = 1 << (2 * points - 2).bit_length()
    both_sides = np.zeros(size, np.complex128)
    both_sides[:points] = chirp.conj()
    both_sides[size - points + 1 :] = chirp.conj()[:0:-1]
    return chirp, np.fft.fft(both_sides)


def _times(b: Builder, x: SSAValue, vector: np.ndarray) -> SSAValue:
    """Every row of X[b, n] times a constant vector [n]."""
    constant = b.dense(vector.astype(np.complex64), C64)
    return b.pointwise([x, constant], lambda s, args: s.mul(*args), C64)


def _both_sides(b: Builder, x: SSAValue, axis: int, size: int) -> SSAValue:
    """The whole of `size` points along an axis of which the first half and one are given; further ones are not read."""
    shape = list(shape_of(x))
    given = size // 2 + 1
    x = b.slice_dim(x, axis, 0, given)
    if size == given:
        return x
    shape[axis] = size - given
    reached = [
        AffineConstantExpr(size - given) - AffineDimExpr(dim) if dim == axis else AffineDimExpr(dim)
        for dim in range(len(shape))
    ]
    (mirrored,) = b.generic(
        [(x, AffineMap(len(shape), 0, tuple(reached)))],
        [(b.empty(shape, C64), AffineMap.identity(len(shape)))],
        (PARALLEL,) * len(shape),
        lambda s, args: (s.conjugate(args[0]),),
    )
    return b.concat([x, mirrored], axis)
