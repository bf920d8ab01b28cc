"""Resizing: every element of the result is a sum of a few elements along each axis, at fixed places."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, axis_of, means

Tensor = torch.Tensor


@means("Upsample")
def upsample(use: Use, x: Tensor, *scales: Tensor) -> Tensor:
    """Elements repeated, or interpolated from the places i / scale."""
    listed = use.numbers("scales", 1, (x, *scales))
    assert listed is not None
    mode = use.get("mode", "nearest")
    return _resized(use, x, range(x.dim()), listed, None, mode, "asymmetric", "floor")


@means("Resize", since=10)
def resize_10(use: Use, x: Tensor, scales: Tensor) -> Tensor:
    """As Upsample, smaller too."""
    return upsample(use, x, scales)


@means("Resize", since=11)
def resize(
    use: Use, x: Tensor, roi: Tensor | None = None, scales: Tensor | None = None, sizes: Tensor | None = None
) -> Tensor:
    """Elements taken or interpolated by factors or to sizes."""
    inputs = (x, roi, scales, sizes)
    axes = [axis_of(axis, x.dim()) for axis in use.get("axes", range(x.dim()))]
    use.refuse_unless("antialias", 0, 0)
    use.refuse_unless("keep_aspect_ratio_policy", "stretch", "stretch")
    coordinates = use.get("coordinate_transformation_mode", "half_pixel")
    if coordinates not in _PLACES:
        raise Unsupported(f"coordinate_transformation_mode={coordinates}; {', '.join(_PLACES)} can be converted")
    return _resized(
        use,
        x,
        axes,
        use.numbers("scales", 2, inputs) or None,
        use.numbers("sizes", 3, inputs) or None,
        use.get("mode", "nearest"),
        coordinates,
        use.get("nearest_mode", "round_prefer_floor"),
    )


_PLACES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric", "align_corners")
_ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda place: np.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: np.floor(place + 0.5),
}


def _resized(
    use: Use,
    x: Tensor,
    axes: Sequence[int],
    scales: Sequence[float] | None,
    sizes: Sequence[int] | None,
    mode: str,
    coordinates: str,
    rounding: str,
) -> Tensor:
    if scales is None and sizes is None:
        raise Unsupported("neither scales nor sizes that are known; export the model with fixed sizes")
    factors = [1] * x.dim()
    for index, axis in enumerate(axes):
        length = x.shape[axis]
        out = int(sizes[index]) if sizes is not None else int(np.floor(length * scales[index]))  # type: ignore[index]  # one of the two is there
        scale = out / length if scales is None or sizes is not None else scales[index]
        places = _source_places(out, length, scale, coordinates)
        if mode == "nearest":
            taken = np.clip(_ROUNDINGS[rounding](places), 0, length - 1).astype(np.int64)
            if out % length == 0 and (taken == np.repeat(np.arange(length), out // length)).all():
                factors[axis] = out // length
                continue
            x = x.index_select(axis, torch.tensor(taken.tolist(), device=x.device))
        elif out != length or scale != 1:
            x = _interpolated(use, x, axis, places, mode)
    return _repeated(x, factors)


def _source_places(out: int, length: int, scale: float, coordinates: str) -> np.ndarray:
    """Where the elements of the result lie in the input, f64[out]."""
    i = np.arange(out, dtype=np.float64)
    match coordinates:
        case "asymmetric":
            return i / scale
        case "align_corners":
            return i * (length - 1) / (out - 1) if out > 1 else np.zeros(1)
        case "pytorch_half_pixel" if out == 1:
            return np.zeros(1)
        case "half_pixel_symmetric":
            exact = length * scale
            return length / 2 * (1 - out / exact) + (i + 0.5) / scale - 0.5
        case _:
            return (i + 0.5) / scale - 0.5


def _interpolated(use: Use, x: Tensor, axis: int, places: np.ndarray, mode: str) -> Tensor:
    """Sums of 2 elements ("linear") or 4 ("cubic") along an axis; beyond its ends stand the outermost ones."""
    length = x.shape[axis]
    if mode == "linear":
        offsets = [0, 1]
    elif mode == "cubic":
        offsets = [-1, 0, 1, 2]
    else:
        raise Unsupported(f"mode={mode}; nearest, linear and cubic can be converted")
    base = np.floor(places)
    part = places - base
    weights = np.stack([_cubic(use, part - o) if mode == "cubic" else 1 - np.abs(part - o) for o in offsets])
    taps = np.stack([base + offset for offset in offsets])
    if use.get("exclude_outside", 0):
        weights = np.where((taps >= 0) & (taps < length), weights, 0)
        weights = weights / weights.sum(0)
    taps = np.clip(taps, 0, length - 1).astype(np.int64)
    column = [-1 if dim == axis else 1 for dim in range(x.dim())]
    total = None
    for tap, weight in zip(taps, weights, strict=True):
        element = x.index_select(axis, torch.tensor(tap.tolist(), device=x.device))
        term = element * torch.tensor(weight.tolist(), dtype=x.dtype, device=x.device).reshape(column)
        total = term if total is None else total + term
    assert total is not None
    return total


def _cubic(use: Use, distance: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel (IEEE ASSP 29, 1981) with its parameter `cubic_coeff_a`."""
    a = use.get("cubic_coeff_a", -0.75)
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _repeated(x: Tensor, factors: Sequence[int]) -> Tensor:
    """Every element repeated along axes."""
    if all(factor == 1 for factor in factors):
        return x
    if x.dim() in (3, 4) and factors[:2] == [1, 1]:
        return F.interpolate(x, scale_factor=[float(factor) for factor in factors[2:]], mode="nearest")
    sizes = list(x.shape)
    between = x.reshape([size for length in sizes for size in (length, 1)])
    between = between.expand([size for pair in zip(sizes, factors, strict=True) for size in pair])
    return between.reshape([length * factor for length, factor in zip(sizes, factors, strict=True)])
