"""Poolings over windows and over whole images."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from cedr.frontend.onnx.ops.convolution import padded, spatial_axes, window_pads
from cedr.frontend.onnx.registry import Use, means

Tensor = torch.Tensor


def _reach(
    use: Use,
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
) -> list[int]:
    """How far behind the padded input the windows reach: with `ceil_mode` the last one may, if it starts before."""
    further = []
    for size, k, stride, dilation, a, b in zip(sizes, window, strides, dilations, low, high, strict=True):
        room = size + a + b - dilation * (k - 1) - 1
        count = (-(-room // stride) if use.get("ceil_mode", 0) else room // stride) + 1
        if use.get("ceil_mode", 0) and (count - 1) * stride >= size + a:
            count -= 1
        further.append(max((count - 1) * stride + dilation * (k - 1) + 1 - size - a - b, 0))
    return further


@means("MaxPool")
def max_pool(use: Use, x: Tensor) -> tuple[Tensor, None]:
    """(maxima over windows, their positions): the positions are left out."""
    spatial = spatial_axes(x)
    window = use.attributes["kernel_shape"]
    strides, dilations = use.get("strides", [1] * spatial), use.get("dilations", [1] * spatial)
    sizes = x.shape[2:]
    low, high = window_pads(use, sizes, window, strides, dilations)
    reach = _reach(use, sizes, window, strides, dilations, low, high)
    function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[spatial - 1]
    if low == high and not any(reach) and all(2 * width <= k for width, k in zip(low, window, strict=True)):
        return function(x, window, strides, low, dilations), None
    x = padded(x, low, [width + more for width, more in zip(high, reach, strict=True)], float("-inf"))
    return function(x, window, strides, 0, dilations), None


@means("AveragePool")
def average_pool(use: Use, x: Tensor) -> Tensor:
    """Means over windows: of the elements of x, or with `count_include_pad` of those of its padding too."""
    spatial = spatial_axes(x)
    window, strides = use.attributes["kernel_shape"], use.get("strides", [1] * spatial)
    use.refuse_unless("dilations", [1] * spatial, [1] * spatial)
    sizes = x.shape[2:]
    low, high = window_pads(use, sizes, window, strides, [1] * spatial)
    reach = _reach(use, sizes, window, strides, [1] * spatial, low, high)
    include = bool(use.get("count_include_pad", 0))
    function = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[spatial - 1]
    if low == high and not any(reach) and all(2 * width <= k for width, k in zip(low, window, strict=True)):
        return function(x, window, strides, low, False, include)
    none = [0] * spatial
    total = function(padded(padded(x, low, high), none, reach), window, strides)
    if include and not any(reach):
        return total
    counted = padded(x.new_ones((1, 1, *sizes)), low, high, float(include))
    return total / function(padded(counted, none, reach), window, strides)


@means("GlobalAveragePool")
def global_average_pool(use: Use, x: Tensor) -> Tensor:
    """Means over the spatial axes, which stay with size 1."""
    return x.mean(list(range(2, x.dim())), keepdim=True)


@means("GlobalMaxPool")
def global_max_pool(use: Use, x: Tensor) -> Tensor:
    """Maxima over the spatial axes, which stay with size 1."""
    return x.amax(list(range(2, x.dim())), keepdim=True)
