"""Convolutions, and the windows that they share with poolings."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, means

Tensor = torch.Tensor


def window_pads(
    use: Use, sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[list[int], list[int]]:
    """(widths before, widths behind) the spatial axes, by `pads` or by `auto_pad`."""
    spatial = len(sizes)
    automatic = use.get("auto_pad", "NOTSET")
    if automatic in ("NOTSET", "VALID"):
        pads = [0] * 2 * spatial if automatic == "VALID" else list(use.get("pads", [0] * 2 * spatial))
        return pads[:spatial], pads[spatial:]
    low, high = [], []
    for size, k, stride, dilation in zip(sizes, window, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        less, more = total // 2, total - total // 2
        low.append(less if automatic == "SAME_UPPER" else more)
        high.append(more if automatic == "SAME_UPPER" else less)
    return low, high


def padded(x: Tensor, low: Sequence[int], high: Sequence[int], number: float = 0.0) -> Tensor:
    """X[n, c, *s] with a border of a number around its last axes; negative widths take away."""
    if not any(low) and not any(high):
        return x
    widths = [width for pair in zip(reversed(low), reversed(high), strict=True) for width in pair]
    return F.pad(x, widths, value=number)


def spatial_axes(x: Tensor) -> int:
    """How many axes X[n, c, *s] has behind the channels."""
    spatial = x.dim() - 2
    if spatial not in (1, 2, 3):
        raise Unsupported(f"{spatial} spatial axes; 1, 2 and 3 can be converted")
    return spatial


@means("Conv")
def conv(use: Use, x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """X[n, c, *s] with W[f, c / group, *k]."""
    spatial = spatial_axes(x)
    strides, dilations = use.get("strides", [1] * spatial), use.get("dilations", [1] * spatial)
    low, high = window_pads(use, x.shape[2:], w.shape[2:], strides, dilations)
    padding = low
    if low != high or any(width < 0 for width in low):
        x, padding = padded(x, low, high), [0] * spatial
    function = (F.conv1d, F.conv2d, F.conv3d)[spatial - 1]
    return function(x, w, bias, strides, padding, dilations, use.get("group", 1))


@means("ConvTranspose")
def conv_transpose(use: Use, x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """X[n, c, *s] with W[c, f / group, *k], the transpose of Conv; the result is cut by `pads` or to `output_shape`."""
    spatial = spatial_axes(x)
    strides, dilations = use.get("strides", [1] * spatial), use.get("dilations", [1] * spatial)
    extra = use.get("output_padding", [0] * spatial)
    full = [
        (size - 1) * stride + (k - 1) * dilation + 1
        for size, stride, k, dilation in zip(x.shape[2:], strides, w.shape[2:], dilations, strict=True)
    ]
    automatic = use.get("auto_pad", "NOTSET")
    wanted = use.get("output_shape", None)
    if wanted is not None or automatic.startswith("SAME"):
        if wanted is None:
            wanted = [size * stride for size, stride in zip(x.shape[2:], strides, strict=True)]
        totals = [length + more - size for length, more, size in zip(full, extra, wanted, strict=True)]
        less = [total // 2 for total in totals]
        more_ = [total - half for total, half in zip(totals, less, strict=True)]
        low, high = (less, more_) if automatic == "SAME_UPPER" else (more_, less)
    else:
        low, high = window_pads(use, x.shape[2:], w.shape[2:], strides, dilations)
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[spatial - 1]
    group = use.get("group", 1)
    small = all(more < max(s, d) for more, s, d in zip(extra, strides, dilations, strict=True))
    if low == high and small and min(low, default=0) >= 0:
        return function(x, w, bias, strides, low, extra, group, dilations)
    y = function(x, w, None, strides, 0, 0, group, dilations)
    y = padded(y, [-width for width in low], [more - width for more, width in zip(extra, high, strict=True)])
    return y if bias is None else y + bias.reshape(-1, *[1] * spatial)


@means("DepthToSpace")
def depth_to_space(use: Use, x: Tensor) -> Tensor:
    """Channels into blocks of the image: the block's place comes first among the channels (DCR) or last (CRD)."""
    n, c, h, w = x.shape
    size = use.attributes["blocksize"]
    if use.get("mode", "DCR") == "CRD":
        return x.reshape(n, c // size**2, size, size, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, -1, h * size, w * size)
    return x.reshape(n, size, size, c // size**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, -1, h * size, w * size)


@means("SpaceToDepth")
def space_to_depth(use: Use, x: Tensor) -> Tensor:
    """Blocks of the image into channels, the block's place first."""
    n, c, h, w = x.shape
    size = use.attributes["blocksize"]
    blocks = x.reshape(n, c, h // size, size, w // size, size).permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(n, c * size**2, h // size, w // size)
