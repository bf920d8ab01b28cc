"""Convolutions in one to three spatial dims."""

import math
from collections.abc import Sequence

import torch
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr

from cedr.frontend.aten.registry import converts, spread
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
    """X[n, c, *s], W[f, c / groups, *k]: padding, convolution on a zero fill, bias; the bias is never the init.

    Transposed: W[c, f / groups, *k], see `_transposed`.
    """
    spatial = len(shape_of(x)) - 2
    type_ = element_type(x)
    strides, pads, dilations = spread(stride, spatial), spread(padding, spatial), spread(dilation, spatial)
    if transposed:
        y = _transposed(b, b.widen(x), b.widen(w), strides, pads, dilations, spread(output_padding, spatial), groups)
    else:
        padded = b.pad(b.widen(x), (0, 0, *pads), (0, 0, *pads), 0)
        y = b.convolution(padded, b.widen(w), strides, dilations, groups)
    if bias is None:
        return b.cast(y, type_)
    return b.channelwise(y, [b.widen(bias)], lambda s, args: s.cast(s.add(args[0], args[1]), type_), type_)


@converts(aten.conv_tbc.default)
def conv_tbc(b: Builder, x: SSAValue, w: SSAValue, bias: SSAValue, pad: int) -> SSAValue:
    """X[t, n, c], W[k, c, f]: a 1-D convolution with time first."""
    x, w = b.transpose(x, (1, 2, 0)), b.transpose(w, (2, 1, 0))
    return b.transpose(convolution(b, x, w, bias, [1], [pad], [1], False, [0], 1), (2, 0, 1))


def _transposed(
    b: Builder,
    x: SSAValue,
    w: SSAValue,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    output_pads: Sequence[int],
    groups: int,
) -> SSAValue:
    """Y[n, f, i s + k d - p] += X[n, c, i] W[c, f / groups, k] as one convolution of stride 1.

    Y at the places of one remainder modulo s sees every s-th tap only. Each remainder is a filter of its own (taps turned
    round), then the filters are interleaved (Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016), so
    that no product with a zero between two elements of X is computed; nothing is added where s = k.
    """
    spatial = len(strides)
    (n, c, *sizes), (_, group_f, *taps) = shape_of(x), shape_of(w)
    none = (0,) * spatial
    if any(dilation > 1 for dilation in dilations):  # zeros between the taps
        w = b.reshape(w, (c, group_f, *(size for tap in taps for size in (tap, 1))))
        w = b.pad(w, (0, 0, *none, *none), (0, 0, *(size for d in dilations for size in (0, d - 1))), 0)
        w = b.reshape(w, (c, group_f, *(tap * d for tap, d in zip(taps, dilations, strict=True))))
        taps = [(tap - 1) * d + 1 for tap, d in zip(taps, dilations, strict=True)]
        w = b.slice(w, (0, 0, *none), (c, group_f, *taps))
    steps = [-(-tap // stride) for tap, stride in zip(taps, strides, strict=True)]
    missing = [step * stride - tap for step, stride, tap in zip(steps, strides, taps, strict=True)]
    w = b.pad(w, (0, 0, *none), (0, 0, *missing), 0)

    # W[c, f / groups, (step, remainder)...] -> [(group, f / groups, remainder...), c / groups, step...]
    w = b.reshape(
        w, (groups, c // groups, group_f, *(size for pair in zip(steps, strides, strict=True) for size in pair))
    )
    remainders, places = range(4, 4 + 2 * spatial, 2), range(3, 3 + 2 * spatial, 2)
    w = b.transpose(w, (0, 2, *remainders, 1, *places))
    w = b.reshape(w, (groups * group_f * math.prod(strides), c // groups, *steps))
    if any(step > 1 for step in steps):
        turned: list[AffineExpr] = [
            AffineConstantExpr(step - 1) - AffineDimExpr(dim) if step > 1 else AffineDimExpr(dim)
            for dim, step in enumerate(steps, 2)
        ]
        w = b.indexed(w, [AffineDimExpr(0), AffineDimExpr(1), *turned], shape_of(w))
    around = (0, 0, *(step - 1 for step in steps))
    y = b.convolution(b.pad(x, around, around, 0), w, (1,) * spatial, (1,) * spatial, groups)

    # Y[n, (f, remainder...), m...] -> [n, f, (m, remainder)...]
    lengths = [size + step - 1 for size, step in zip(sizes, steps, strict=True)]
    y = b.reshape(y, (n, groups * group_f, *strides, *lengths))
    y = b.transpose(y, (0, 1, *(dim for i in range(spatial) for dim in (2 + spatial + i, 2 + i))))
    whole = [length * stride for length, stride in zip(lengths, strides, strict=True)]
    y = b.reshape(y, (n, groups * group_f, *whole))
    wanted = [
        (size - 1) * stride + tap - 2 * pad + extra
        for size, stride, tap, pad, extra in zip(sizes, strides, taps, pads, output_pads, strict=True)
    ]
    short = [max(0, pad + size - full) for pad, size, full in zip(pads, wanted, whole, strict=True)]
    y = b.pad(y, (0, 0, *none), (0, 0, *short), 0)
    return b.slice(y, (0, 0, *pads), (n, groups * group_f, *wanted))
