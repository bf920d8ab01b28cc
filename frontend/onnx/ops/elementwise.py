"""Elementwise ops, choices and conversions."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from cedr.frontend.aten.registry import Unsupported
from cedr.frontend.onnx.registry import Use, means, scalar
from cedr.frontend.onnx.types import torch_dtype_of

Tensor = torch.Tensor


def _enter_functions() -> None:
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "Abs": torch.abs,
        "Acos": torch.acos,
        "Acosh": torch.acosh,
        "Asin": torch.asin,
        "Asinh": torch.asinh,
        "Atan": torch.atan,
        "Atanh": torch.atanh,
        "BitwiseNot": torch.bitwise_not,
        "Ceil": torch.ceil,
        "Cos": torch.cos,
        "Cosh": torch.cosh,
        "Erf": torch.erf,
        "Exp": torch.exp,
        "Floor": torch.floor,
        "HardSwish": F.hardswish,
        "IsNaN": torch.isnan,
        "Log": torch.log,
        "Mish": F.mish,
        "Neg": torch.neg,
        "Not": torch.logical_not,
        "Reciprocal": torch.reciprocal,
        "Relu": torch.relu,
        "Round": torch.round,
        "Sigmoid": torch.sigmoid,
        "Sign": torch.sign,
        "Sin": torch.sin,
        "Sinh": torch.sinh,
        "Softplus": F.softplus,
        "Softsign": F.softsign,
        "Sqrt": torch.sqrt,
        "Tan": torch.tan,
        "Tanh": torch.tanh,
    }
    for op, function in functions.items():
        means(op)(_unary(function))
    pairs: dict[str, Callable[[Any, Any], Tensor]] = {
        "Add": torch.add,
        "And": torch.logical_and,
        "BitwiseAnd": torch.bitwise_and,
        "BitwiseOr": torch.bitwise_or,
        "BitwiseXor": torch.bitwise_xor,
        "Div": _divide,
        "Equal": torch.eq,
        "Greater": torch.gt,
        "GreaterOrEqual": torch.ge,
        "Less": torch.lt,
        "LessOrEqual": torch.le,
        "Mul": torch.mul,
        "Or": torch.logical_or,
        "Sub": torch.sub,
        "Xor": torch.logical_xor,
    }
    for op, pair in pairs.items():
        means(op, since=7)(_binary(pair))


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[[Use, Tensor], Tensor]:
    return lambda use, x: function(x)


def _binary(function: Callable[[Any, Any], Tensor]) -> Callable[[Use, Tensor, Tensor], Tensor]:
    """Of two tensors that broadcast; a second operand that is a known number is one in PyTorch too."""
    logical = function in (torch.logical_and, torch.logical_or, torch.logical_xor)

    def convert(use: Use, x: Tensor, y: Tensor) -> Tensor:
        return function(x, y if logical else scalar(use, 1, y))

    return convert


def _divide(x: Tensor, y: Tensor) -> Tensor:
    """x / y; of integers rounded towards zero."""
    return torch.div(x, y) if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


_enter_functions()


@means("Mod", since=10)
def mod(use: Use, x: Tensor, y: Tensor) -> Tensor:
    """The remainder with the sign of y, or with that of x."""
    return torch.fmod(x, scalar(use, 1, y)) if use.get("fmod", 0) else torch.remainder(x, scalar(use, 1, y))


@means("Pow", since=7)
def power(use: Use, x: Tensor, y: Tensor) -> Tensor:
    """x to the power of y, of the dtype of x."""
    exponent = scalar(use, 1, y)
    if use.has_input(1) and y.dim() and use.array(1, "exponents").size == 1:
        exponent = use.array(1, "exponents").item()
        x = x.reshape(np.broadcast_shapes(tuple(x.shape), tuple(y.shape)))
    return torch.pow(x, exponent).to(x.dtype)


def _enter_variadic() -> None:
    functions: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "Max": torch.maximum,
        "Min": torch.minimum,
        "Sum": torch.add,
    }
    for op, function in functions.items():
        means(op, since=8)(_variadic(function))


def _variadic(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda use, *tensors: reduce(function, tensors)


_enter_variadic()


@means("Mean", since=8)
def mean_of_tensors(use: Use, *tensors: Tensor) -> Tensor:
    """The mean of tensors that broadcast."""
    return reduce(torch.add, tensors) / len(tensors)


@means("LeakyRelu")
def leaky_relu(use: Use, x: Tensor) -> Tensor:
    """x above 0, else alpha * x."""
    return F.leaky_relu(x, use.get("alpha", 0.01))


@means("PRelu", since=7)
def prelu(use: Use, x: Tensor, slope: Tensor) -> Tensor:
    """x from 0 on, else slope * x."""
    return torch.where(x < 0, x * slope, x)


@means("Elu")
def elu(use: Use, x: Tensor) -> Tensor:
    """x above 0, else alpha * (exp(x) - 1)."""
    return F.elu(x, use.get("alpha", 1.0))


@means("Celu", since=12)
def celu(use: Use, x: Tensor) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    return torch.celu(x, use.get("alpha", 1.0))


@means("Selu")
def selu(use: Use, x: Tensor) -> Tensor:
    """gamma * x above 0, else gamma * alpha * (exp(x) - 1)."""
    return torch.mul(F.elu(x, use.get("alpha", 1.6732632423543772)), use.get("gamma", 1.0507009873554805))


@means("ThresholdedRelu", since=10)
def thresholded_relu(use: Use, x: Tensor) -> Tensor:
    """x above alpha, else 0."""
    return F.threshold(x, use.get("alpha", 1.0), 0.0)


@means("Shrink", since=9)
def shrink(use: Use, x: Tensor) -> Tensor:
    """x moved towards 0 by the bias outside of [-lambd, lambd], 0 inside."""
    bias, limit = use.get("bias", 0.0), use.get("lambd", 0.5)
    return torch.where(x < -limit, x + bias, torch.where(x > limit, x - bias, torch.zeros_like(x)))


@means("HardSigmoid")
def hard_sigmoid(use: Use, x: Tensor) -> Tensor:
    """alpha * x + beta between 0 and 1."""
    return torch.clamp(x * use.get("alpha", 0.2) + use.get("beta", 0.5), 0, 1)


@means("Gelu", since=20)
def gelu(use: Use, x: Tensor) -> Tensor:
    """x times the normal distribution function of x, by erf or by tanh."""
    return F.gelu(x, approximate=use.get("approximate", "none"))


@means("Swish", since=24)
def swish(use: Use, x: Tensor) -> Tensor:
    """x * sigmoid(alpha * x)."""
    return x * torch.sigmoid(x * use.get("alpha", 1.0))


@means("IsInf", since=10)
def is_infinite(use: Use, x: Tensor) -> Tensor:
    """Whether x is inf or -inf, or one of them only."""
    positive, negative = use.get("detect_positive", 1), use.get("detect_negative", 1)
    if positive and negative:
        return torch.isinf(x)
    if positive or negative:
        return torch.eq(x, float("inf") if positive else float("-inf"))
    return torch.zeros_like(x, dtype=torch.bool)


@means("Clip")
def clip(use: Use, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """min(max(x, low), high), either of which may be missing."""
    limits: list[Any] = [use.get("min", None), use.get("max", None)]
    if use.version >= 11:
        limits = [None if limit is None else scalar(use, i + 1, limit) for i, limit in enumerate((low, high))]
    for limit, choose, bound in zip(limits, (torch.maximum, torch.minimum), ("min", "max"), strict=True):
        if isinstance(limit, torch.Tensor):
            x = choose(x, limit)
        elif limit is not None:
            x = torch.clamp(x, **{bound: limit})
    return x


@means("Where", since=9)
def where(use: Use, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """x where the condition holds, else y."""
    return torch.where(condition, x, y)


@means("Cast", since=6)
def cast(use: Use, x: Tensor) -> Tensor:
    """The elements converted; floats to integers are truncated."""
    return x.to(torch_dtype_of(use.get("to", 0)))


@means("CastLike", since=15)
def cast_like(use: Use, x: Tensor, other: Tensor) -> Tensor:
    """The elements in the other tensor's dtype."""
    return x.to(other.dtype)


@means("Identity")
def identity(use: Use, x: Tensor) -> Tensor:
    """x."""
    return x


@means("Dropout", since=7)
def dropout(use: Use, x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(x, a mask of what is kept): nothing is dropped outside of training."""
    if training is not None and bool(use.array(2, "training modes").any()):
        raise Unsupported("the model is in training mode; export it after model.eval()")
    return x, torch.ones_like(x, dtype=torch.bool)
