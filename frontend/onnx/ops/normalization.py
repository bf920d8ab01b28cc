"""Normalisations and softmax."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, axis_of, means

Tensor = torch.Tensor


@means("BatchNormalization", since=7)
def batch_normalization(
    use: Use, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Sequence[Tensor]:
    """X[n, c, *s] by running statistics."""
    if use.get("training_mode", 0) or use.outputs > 1:
        raise Unsupported("the model is in training mode; export it after model.eval()")
    return (F.batch_norm(x, mean, variance, scale, bias, False, 0.0, use.get("epsilon", 1e-5)),)


@means("InstanceNormalization", since=6)
def instance_normalization(use: Use, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """X[n, c, *s] by its own statistics per n and c."""
    return F.instance_norm(x, None, None, scale, bias, True, 0.0, use.get("epsilon", 1e-5))


@means("LayerNormalization", since=17)
def layer_normalization(use: Use, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Sequence[Tensor]:
    """(y, mean, reciprocal of the deviation) over the axes from `axis` on."""
    axis = axis_of(use.get("axis", -1), x.dim())
    shape = list(x.shape[axis:])
    epsilon = use.get("epsilon", 1e-5)
    if list(scale.shape) == shape and (bias is None or list(bias.shape) == shape):
        return torch.native_layer_norm(x, shape, scale, bias, epsilon)
    y, mean, inverse = torch.native_layer_norm(x, shape, None, None, epsilon)
    y = y * scale
    return (y if bias is None else y + bias), mean, inverse


@means("RMSNormalization", since=23)
def rms_normalization(use: Use, x: Tensor, scale: Tensor) -> Tensor:
    """x over the root of its mean square over the axes from `axis` on, times the scale."""
    axes = list(range(axis_of(use.get("axis", -1), x.dim()), x.dim()))
    return x * torch.rsqrt((x * x).mean(axes, keepdim=True) + use.get("epsilon", 1e-5)) * scale


@means("GroupNormalization", since=21)
def group_normalization(use: Use, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """X[n, c, *s] by its own statistics per n and group of channels; scale and bias per channel."""
    return F.group_norm(x, use.attributes["num_groups"], scale, bias, use.get("epsilon", 1e-5))


@means("GroupNormalization", since=18)
def group_normalization_18(use: Use, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """The same with a scale and a bias per group."""
    each = x.shape[1] // use.attributes["num_groups"]
    scale, bias = (value.unsqueeze(1).expand(-1, each).reshape(-1) for value in (scale, bias))
    return group_normalization(use, x, scale, bias)


@means("MeanVarianceNormalization", since=9)
def mean_variance_normalization(use: Use, x: Tensor) -> Tensor:
    """(x - mean) / deviation over axes."""
    axes = use.get("axes", [0, 2, 3])
    centred = x - x.mean(axes, keepdim=True)
    return centred / (torch.sqrt((centred * centred).mean(axes, keepdim=True)) + 1e-9)


@means("LpNormalization")
def lp_normalization(use: Use, x: Tensor) -> Tensor:
    """x over its norm along an axis, 0 where the norm is 0."""
    axis = use.get("axis", -1)
    if use.get("p", 2) == 1:
        norm = x.abs().sum(axis, keepdim=True)
    else:
        norm = torch.sqrt((x * x).sum(axis, keepdim=True))
    return torch.where(norm == 0, torch.zeros_like(x), x / norm)


@means("LRN")
def local_response_normalization(use: Use, x: Tensor) -> Tensor:
    """x over (bias + alpha / size * sum of squares over `size` channels around) to the power of beta."""
    size, channels = use.attributes["size"], x.shape[1]
    before = (size - 1) // 2
    squares = F.pad((x * x).transpose(1, -1), (before, size - 1 - before)).transpose(1, -1)
    total = squares.narrow(1, 0, channels)
    for offset in range(1, size):
        total = total + squares.narrow(1, offset, channels)
    return x / torch.pow(total * (use.get("alpha", 1e-4) / size) + use.get("bias", 1.0), use.get("beta", 0.75))


def _hardmax(x: Tensor, axis: int) -> Tensor:
    """1 at the first maximum along an axis, else 0."""
    places = torch.arange(x.shape[axis], device=x.device)
    places = places.reshape([-1 if dim == axis else 1 for dim in range(x.dim())])
    return (x.argmax(axis, keepdim=True) == places).to(x.dtype)


def _enter_softmax() -> None:
    functions: dict[str, Callable[[Tensor, int], Tensor]] = {
        "Softmax": torch.softmax,
        "LogSoftmax": torch.log_softmax,
        "Hardmax": _hardmax,
    }
    for op, function in functions.items():
        means(op, since=13)(_along_axis(function))
        means(op)(_over_the_rest(function))


def _along_axis(function: Callable[[Tensor, int], Tensor]) -> Callable[[Use, Tensor], Tensor]:
    return lambda use, x: function(x, axis_of(use.get("axis", -1), x.dim()))


def _over_the_rest(function: Callable[[Tensor, int], Tensor]) -> Callable[[Use, Tensor], Tensor]:
    """Before version 13: over all axes from `axis` on, together."""

    def convert(use: Use, x: Tensor) -> Tensor:
        axis = axis_of(use.get("axis", 1), x.dim())
        if axis == x.dim() - 1:
            return function(x, axis)
        return function(x.flatten(axis), axis).reshape(x.shape)

    return convert


_enter_softmax()
