"""Reads and writes at positions."""

from typing import Any

import torch

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, axis_of, means

Tensor = torch.Tensor


def _from_start(use: Use, indices: Tensor, size: int) -> Tensor:
    """Positions (input 1) with negative ones counted from the end."""
    if use.has_input(1) and (use.array(1, "positions") >= 0).all():
        return indices.to(torch.int64)
    return torch.where(indices < 0, indices + size, indices).to(torch.int64)


@means("Gather")
def gather(use: Use, x: Tensor, indices: Tensor) -> Tensor:
    """The slices of x along an axis at the indices, whose axes stand where the axis stood."""
    axis = axis_of(use.get("axis", 0), x.dim())
    if use.has_input(1) and indices.dim() == 0:
        return x.select(axis, int(use.array(1, "indices").item()))
    index: list[Any] = [slice(None)] * axis
    return x[(*index, indices)]


@means("GatherElements", since=11)
def gather_elements(use: Use, x: Tensor, indices: Tensor) -> Tensor:
    """The elements of x at the indices' own positions but for one axis, where the index is taken."""
    axis = axis_of(use.get("axis", 0), x.dim())
    return torch.gather(x, axis, _from_start(use, indices, x.shape[axis]))


@means("GatherND", since=11)
def gather_nd(use: Use, x: Tensor, indices: Tensor) -> Tensor:
    """The slices of x at positions that the last axis of the indices gives, for each index of `batch_dims` axes."""
    batch = use.get("batch_dims", 0)
    rest = indices.dim() - 1
    places = []
    for axis in range(batch):
        shape = [-1 if dim == axis else 1 for dim in range(rest)]
        places.append(torch.arange(x.shape[axis], device=x.device).reshape(shape))
    return x[(*places, *indices.unbind(-1))]


@means("Scatter", "ScatterElements", since=9)
def scatter_elements(use: Use, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """x with elements set at the indices along an axis, or combined with them."""
    axis = axis_of(use.get("axis", 0), x.dim())
    indices = _from_start(use, indices, x.shape[axis])
    reduction = use.get("reduction", "none")
    if reduction == "none":
        return torch.scatter(x, axis, indices, updates)
    names = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
    return torch.scatter_reduce(x, axis, indices, updates, names[reduction])


@means("ScatterND", since=11)
def scatter_nd(use: Use, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """x with slices set, or added to, at positions that the last axis of the indices gives."""
    use.refuse_unless("reduction", "none", "none", "add")
    return torch.index_put(x, indices.unbind(-1), updates, accumulate=use.get("reduction", "none") == "add")


@means("NonZero", "Compress", "Unique", "NonMaxSuppression")
def depends_on_data(use: Use, *tensors: Tensor) -> Tensor:
    """How many elements the result has depends on values."""
    raise Unsupported("the size of its result depends on the inputs' values; compute it outside the model")
