"""Sums, extremes and their positions over axes, and what is summed up along one."""

from collections.abc import Callable

import torch

from cedr.frontend.onnx.registry import Use, axis_of, means

Tensor = torch.Tensor
Fold = Callable[[Tensor, list[int]], Tensor]
"""A reduction over axes, which stay with size 1."""


def _sum(x: Tensor, axes: list[int]) -> Tensor:
    return x.sum(axes, keepdim=True, dtype=x.dtype)


def _mean(x: Tensor, axes: list[int]) -> Tensor:
    if x.is_floating_point():
        return x.mean(axes, keepdim=True)
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return torch.div(_sum(x, axes), count, rounding_mode="trunc")


def _product(x: Tensor, axes: list[int]) -> Tensor:
    for axis in axes:
        x = x.prod(axis, keepdim=True, dtype=x.dtype)
    return x


def _root_of_squares(x: Tensor, axes: list[int]) -> Tensor:
    total = _sum(x * x, axes)
    return torch.sqrt(total) if x.is_floating_point() else torch.sqrt(total.double()).to(x.dtype)


def _enter_reductions() -> None:
    folds: dict[str, Fold] = {
        "ReduceSum": _sum,
        "ReduceMean": _mean,
        "ReduceMax": lambda x, axes: x.amax(axes, keepdim=True),
        "ReduceMin": lambda x, axes: x.amin(axes, keepdim=True),
        "ReduceProd": _product,
        "ReduceL1": lambda x, axes: _sum(x.abs(), axes),
        "ReduceL2": _root_of_squares,
        "ReduceSumSquare": lambda x, axes: _sum(x * x, axes),
        "ReduceLogSum": lambda x, axes: torch.log(_sum(x, axes)),
        "ReduceLogSumExp": lambda x, axes: torch.logsumexp(x, axes, keepdim=True),
    }
    for op, fold in folds.items():
        means(op)(_reduction(fold))


def _reduction(fold: Fold) -> Callable[..., Tensor]:
    """Over the axes of an attribute or, later, of an input; over none or all of them where there are none."""

    def convert(use: Use, x: Tensor, *given: Tensor | None) -> Tensor:
        listed = use.numbers("axes", 1, (x, *given))
        if not listed and use.get("noop_with_empty_axes", 0):
            return x
        axes = sorted({axis_of(axis, x.dim()) for axis in listed or range(x.dim())}) if x.dim() else []
        result = fold(x, axes) if axes else fold(x.reshape(1), [0]).reshape(())
        if use.get("keepdims", 1):
            return result
        return result.reshape([size for axis, size in enumerate(x.shape) if axis not in axes])

    return convert


_enter_reductions()


@means("ArgMax", "ArgMin")
def arg_extreme(use: Use, x: Tensor) -> Tensor:
    """Positions of the first maxima or minima along an axis, or of the last ones."""
    axis, keep = axis_of(use.get("axis", 0), x.dim()), bool(use.get("keepdims", 1))
    find = torch.argmax if use.op == "ArgMax" else torch.argmin
    if use.get("select_last_index", 0):
        return x.shape[axis] - 1 - find(x.flip(axis), axis, keepdim=keep)
    return find(x, axis, keepdim=keep)


@means("CumSum", since=11)
def cumulative_sum(use: Use, x: Tensor, axes: Tensor) -> Tensor:
    """Sums of all elements up to each along an axis, or up to the one before it; from the end if `reverse`."""
    axis = axis_of(int(use.array(1, "axes").item()), x.dim())
    if use.get("reverse", 0):
        x = x.flip(axis)
    y = torch.cumsum(x, axis, dtype=x.dtype)
    if use.get("exclusive", 0):
        first = torch.zeros_like(x.narrow(axis, 0, 1))
        y = torch.cat([first, y.narrow(axis, 0, x.shape[axis] - 1)], axis)
    return y.flip(axis) if use.get("reverse", 0) else y


@means("TopK")
def top_k(use: Use, x: Tensor, *count: Tensor) -> tuple[Tensor, Tensor]:
    """(the k largest or smallest elements along an axis, their positions), in order."""
    listed = use.numbers("k", 1, (x, *count))
    assert listed is not None
    values, positions = torch.topk(x, int(listed[0]), use.get("axis", -1), bool(use.get("largest", 1)), True)
    return values, positions
