"""Tensors made from numbers and shapes."""

import numpy as np
import torch

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, means
from cedr.frontend.onnx.types import to_tensor, torch_dtype_of

Tensor = torch.Tensor


@means("Constant")
def constant(use: Use) -> np.ndarray | Tensor:
    """The tensor, number or numbers of its attribute."""
    for name, value in use.attributes.items():
        if name == "value":
            return to_tensor(value)
        if name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
    raise Unsupported(f"a constant of {', '.join(use.attributes) or 'nothing'}; use a dense tensor of numbers")


@means("ConstantOfShape", since=9)
def constant_of_shape(use: Use, shape: Tensor) -> Tensor:
    """A fill: of f32 zeros if no value is given."""
    value = use.get("value", np.zeros(1, np.float32)).reshape(-1)
    number = value[0].item() if value.dtype.kind in "biufc" else float(value[0])
    return torch.full(use.array(0, "sizes").tolist(), number, dtype=to_tensor(value).dtype, device=shape.device)


@means("Shape")
def shape_of(use: Use, x: Tensor) -> np.ndarray:
    """The sizes of x, of a range of its axes from version 15 on."""
    return np.array(list(x.shape)[slice(use.get("start", 0), use.get("end", None))], np.int64)


@means("Size")
def size_of(use: Use, x: Tensor) -> np.ndarray:
    """The number of elements of x."""
    return np.array(x.numel(), np.int64)


@means("Range", since=11)
def range_(use: Use, start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    """start, start + delta, ... before the limit."""
    first, end, step = (use.array(index, "limits of a range").item() for index in range(3))
    return torch.arange(first, end, step, dtype=start.dtype, device=start.device)


@means("EyeLike", since=9)
def eye_like(use: Use, x: Tensor) -> Tensor:
    """Ones on a diagonal of a matrix of x's shape, else zeros."""
    rows, columns = x.shape
    dtype = torch_dtype_of(use.attributes["dtype"]) if "dtype" in use.attributes else x.dtype
    difference = torch.arange(columns, device=x.device) - torch.arange(rows, device=x.device).unsqueeze(1)
    return torch.eq(difference, use.get("k", 0)).to(dtype)


@means("OneHot", since=9)
def one_hot(use: Use, indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
    """values[1] where the index along a new axis is that of `indices` (negative ones from the end), else values[0]."""
    count = int(use.array(1, "depths").item())
    axis = use.get("axis", -1)
    rank = indices.dim() + 1
    axis = axis % rank
    places = torch.arange(count, device=indices.device).reshape([count if i == axis else 1 for i in range(rank)])
    given = indices.to(torch.int64)
    given = torch.where(given < 0, given + count, given).unsqueeze(axis)
    return torch.where(given == places, values[1], values[0])
