"""Shapes, pieces and borders."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, axis_of, means

Tensor = torch.Tensor


@means("Reshape")
def reshape(use: Use, x: Tensor, *shape: Tensor) -> Tensor:
    """The elements under another shape: 0 is the size of that axis of x (unless `allowzero`), -1 what is left."""
    sizes = use.numbers("shape", 1, (x, *shape))
    assert sizes is not None
    if not use.get("allowzero", 0):
        sizes = [x.shape[axis] if size == 0 and axis < x.dim() else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


@means("Flatten")
def flatten(use: Use, x: Tensor) -> Tensor:
    """A matrix: the axes before `axis`, and the rest."""
    axis = use.get("axis", 1)
    axis = axis + x.dim() if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@means("Squeeze")
def squeeze(use: Use, x: Tensor, *axes: Tensor | None) -> Tensor:
    """Axes of size one taken away: the given ones, or all."""
    listed = use.numbers("axes", 1, (x, *axes))
    if listed is None:
        return x.squeeze()
    gone = {axis_of(axis, x.dim()) for axis in listed}
    if any(x.shape[axis] != 1 for axis in gone):
        raise Unsupported(f"squeezes axes {sorted(gone)} of shape {list(x.shape)}; only those of size 1 can go")
    return x.reshape([size for axis, size in enumerate(x.shape) if axis not in gone])


@means("Unsqueeze")
def unsqueeze(use: Use, x: Tensor, *axes: Tensor) -> Tensor:
    """New axes of size one at places of the result."""
    listed = use.numbers("axes", 1, (x, *axes)) or []
    rank = x.dim() + len(listed)
    new = {axis_of(axis, rank) for axis in listed}
    sizes = iter(x.shape)
    return x.reshape([1 if axis in new else next(sizes) for axis in range(rank)])


@means("Transpose")
def transpose(use: Use, x: Tensor) -> Tensor:
    """Axes in another order; reversed if none is given."""
    return x.permute(use.get("perm", list(reversed(range(x.dim())))))


@means("Concat", since=4)
def concat(use: Use, *tensors: Tensor) -> Tensor:
    """Tensors in a row along an axis."""
    return torch.cat(tensors, axis_of(use.attributes["axis"], tensors[0].dim()))


@means("Split")
def split(use: Use, x: Tensor, *sizes: Tensor | None) -> Sequence[Tensor]:
    """Pieces along an axis: of given sizes, or as many as there are outputs, of one size but for the last."""
    axis = axis_of(use.get("axis", 0), x.dim())
    listed = use.numbers("split", 1, (x, *sizes))
    if listed is None:
        each = -(-x.shape[axis] // use.outputs)
        listed = [min(each, max(x.shape[axis] - each * i, 0)) for i in range(use.outputs)]
    return torch.split(x, listed, axis)


@means("Slice")
def slice_(use: Use, x: Tensor, *given: Tensor | None) -> Tensor:
    """Every step-th element from start to end along axes, as Python's slices; a negative step goes backwards."""
    inputs = (x, *given)
    starts, ends = use.numbers("starts", 1, inputs) or [], use.numbers("ends", 2, inputs) or []
    axes = use.numbers("axes", 3, inputs)
    steps = use.numbers("steps", 4, inputs) or [1] * len(starts)
    for axis, start, end, step in zip(range(len(starts)) if axes is None else axes, starts, ends, steps, strict=True):
        axis = axis_of(axis, x.dim())
        size = x.shape[axis]
        if step < 0 and end < -size:
            end = None
        chosen = range(size)[slice(start, end, step)]
        if step < 0:
            x = x.flip(axis)
            chosen = range(size - 1 - chosen.start, size - 1 - chosen.start - chosen.step * len(chosen), -chosen.step)
        if not len(chosen):
            x = x.narrow(axis, 0, 0)
        elif len(chosen) != size:
            x = torch.ops.aten.slice.Tensor(x, axis, chosen[0], chosen[-1] + 1, chosen.step)
    return x


@means("Expand", since=8)
def expand(use: Use, x: Tensor, shape: Tensor) -> Tensor:
    """x repeated to the shape that it and the given one broadcast to."""
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(use.array(1, "sizes").tolist())))


@means("Tile", since=6)
def tile(use: Use, x: Tensor, repeats: Tensor) -> Tensor:
    """x in a row along every axis, as often as said."""
    return x.repeat(use.array(1, "repeats").tolist())


@means("Pad")
def pad(
    use: Use,
    x: Tensor,
    pads: Tensor | None = None,
    number: Tensor | None = None,
    axes: Tensor | None = None,
) -> Tensor:
    """A border: of a number, of mirrored elements, of the outermost ones, or of those of the other end."""
    rank = x.dim()
    widths = use.numbers("pads", 1, (x, pads)) or []
    listed = use.numbers("axes", 3, (x, pads, number, axes))
    chosen = [axis_of(axis, rank) for axis in (range(rank) if listed is None else listed)]
    low, high = [0] * rank, [0] * rank
    for index, axis in enumerate(chosen):
        low[axis], high[axis] = widths[index], widths[index + len(chosen)]
    mode = use.get("mode", "constant")
    if mode == "constant":
        value = use.get("value", 0.0)
        if number is not None:
            value = use.array(2, "numbers of a border").item()
        if not any(low) and not any(high):
            return x
        return F.pad(x, [w for pair in zip(reversed(low), reversed(high), strict=True) for w in pair], value=value)
    for axis, (before, behind) in enumerate(zip(low, high, strict=True)):
        if not before and not behind:
            continue
        places = np.arange(x.shape[axis])[max(-before, 0) : x.shape[axis] - max(-behind, 0)]
        places = np.pad(places, (max(before, 0), max(behind, 0)), mode)
        x = x.index_select(axis, torch.tensor(places.tolist(), device=x.device))
    return x


@means("Trilu", since=14)
def triangle(use: Use, x: Tensor, k: Tensor | None = None) -> Tensor:
    """The upper or lower triangle of the last two axes, from the k-th diagonal on, else 0."""
    diagonal = 0 if k is None else int(use.array(1, "diagonals").item())
    return torch.triu(x, diagonal) if use.get("upper", 1) else torch.tril(x, diagonal)


@means("ReverseSequence", since=10)
def reverse_sequence(use: Use, x: Tensor, lengths: Tensor) -> Tensor:
    """The first lengths[n] elements along the time axis turned round, for each n of the batch axis."""
    batch, time = use.get("batch_axis", 1), use.get("time_axis", 0)
    known = use.array(1, "lengths").tolist()
    pieces = []
    for n, length in enumerate(known):
        piece = x.narrow(batch, n, 1)
        rest = piece.narrow(time, length, x.shape[time] - length)
        pieces.append(torch.cat([piece.narrow(time, 0, length).flip(time), rest], time))
    return torch.cat(pieces, batch)
