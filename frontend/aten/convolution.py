"""Convolutions in one and two spatial dims."""

import torch
from xdsl.ir import SSAValue

from cedr.frontend.aten.registry import Unsupported, converts, spread
from cedr.frontend.builder import Builder, element_type, shape_of

aten = torch.ops.aten


@converts(aten.convolution.default)
def convolution(
    b: Builder,
    x: SSAValue,
    w: SSAValue,
    bias: SSAValue | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> SSAValue:
    """X[n, c, *s], W[f, c / groups, *k]: padding, convolution on a zero fill, bias; the bias is never the init."""
    spatial = len(shape_of(x)) - 2
    if transposed:
        raise Unsupported("transposed convolution; use upsampling followed by a convolution")
    if spatial not in (1, 2):
        raise Unsupported(f"convolution in {spatial} spatial dims; 1 and 2 can be converted")
    type_ = element_type(x)
    widths = (0, 0, *spread(padding, spatial))
    padded = b.pad(b.widen(x), widths, widths, 0)
    y = b.convolution(padded, b.widen(w), spread(stride, spatial), spread(dilation, spatial), groups)
    if bias is None:
        return b.cast(y, type_)
    return b.channelwise(y, [b.widen(bias)], lambda s, args: s.cast(s.add(args[0], args[1]), type_), type_)
