"""Short-time Fourier transforms, kept whole: frames times a window in one go, a transform of each, one transposition."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from xdsl.dialects.builtin import Float64Type
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from cedr.frontend.aten.complex_numbers import C64, F32, only_f32, view_as_real
from cedr.frontend.aten.fourier import along, factor
from cedr.frontend.aten.registry import converts
from cedr.frontend.aten.shape import border
from cedr.frontend.builder import PARALLEL, Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import is_complex

aten = torch.ops.aten

F64 = Float64Type()


@converts(aten.stft.center)
def transform_frames(
    b: Builder,
    x: SSAValue,
    points: int,
    hop: int | None,
    length: int | None,
    window: SSAValue | None,
    center: bool,
    mode: str,
    normalized: bool,
    onesided: bool | None,
    as_complex: bool | None,
    aligned: bool | None,
) -> SSAValue:
    """The transforms [*n, frequency, frame] of frames of X[*n, t], which begin `hop` apart, times a window.

    A window shorter than a frame stands in the frame's middle. `center`: X has a border of half a frame; `aligned`: one by
    which the first window begins where X does.
    """
    for value in (x, window):
        if value is not None and element_type(value) == F64:
            only_f32(F64)
    hop, length = points // 4 if hop is None else hop, points if length is None else length
    before = (points - length) // 2
    if center or aligned:
        width = points // 2 if center else before
        x = border(b, x, -1, width, width, mode)
    *lead, size = shape_of(x)
    signals = b.reshape(x, (math.prod(lead), size))
    real = not any(is_complex(element_type(v)) for v in (x, window) if v is not None)
    factors = _in_frame(b, window, points, before, length)
    number = factor(int(normalized), points, inverse=False)

    def times(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        type_ = F32 if real else C64
        product, *rest = (s.cast(arg, type_) for arg in args)
        for other in (*rest, *([] if number == 1 else [s.cast(s.constant(number, F32), type_)])):
            product = s.mul(product, other)
        return s.cast(product, C64)

    signal, frame, place = (AffineDimExpr(dim) for dim in range(3))
    shape = (shape_of(signals)[0], (size - points) // hop + 1, points)
    inputs = [(signals, AffineMap(3, 0, (signal, frame * hop + place)))]
    inputs += [(value, AffineMap(3, 0, (place,))) for value in factors]
    (frames,) = b.generic(
        inputs, [(b.empty(shape, C64), AffineMap.identity(3))], (PARALLEL,) * 3, lambda s, args: (times(s, args[:-1]),)
    )
    spectra = along(b, frames, 2, inverse=False)
    if real if onesided is None else onesided:
        spectra = b.slice_dim(spectra, 2, 0, points // 2 + 1)
    turned = b.transpose(spectra, (0, 2, 1))
    result = b.reshape(turned, (*lead, *shape_of(turned)[1:]))
    whole = not real if as_complex is None else as_complex
    return result if whole else view_as_real(b, result)


def _in_frame(b: Builder, window: SSAValue | None, points: int, before: int, length: int) -> list[SSAValue]:
    """The factors [points] of a frame's elements, if any: the window with zeros around it."""
    if window is not None:
        return [b.pad(window, (before,), (points - length - before,), 0)]
    if length == points:
        return []
    ones = np.zeros(points, np.float32)
    ones[before : before + length] = 1
    return [b.dense(ones, F32)]
