"""Batch, layer and group normalisation with statistics that are known or computed here; softmax."""

import math
from collections.abc import Sequence

import torch
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import BFloat16Type, Float16Type, Float32Type
from xdsl.ir import SSAValue

from cedr.frontend.aten.registry import Result, Unsupported, converts, normalise_dim
from cedr.frontend.builder import Builder, element_type, shape_of
from cedr.frontend.scalars import Scalars
from cedr.frontend.types import ScalarType

aten = torch.ops.aten


@converts(aten._native_batch_norm_legit_no_training.default)
def batch_norm(
    b: Builder,
    x: SSAValue,
    gamma: SSAValue | None,
    beta: SSAValue | None,
    mean: SSAValue,
    variance: SSAValue,
    momentum: float,
    epsilon: float,
) -> tuple[SSAValue, None, None]:
    """X[n, c, *s] times a scale per channel plus a shift per channel.

    scale = gamma / sqrt(variance + epsilon) and shift = beta - mean * scale are small generics of their own on weights,
    which fold to constants.
    """
    type_, parameter_type = element_type(x), element_type(b.widen(variance))
    scale = b.pointwise([b.widen(variance)], lambda s, args: _inverse_root(s, args[0], epsilon), parameter_type)
    if gamma is not None:
        scale = b.pointwise([b.widen(gamma), scale], lambda s, args: s.mul(args[0], args[1]), parameter_type)
    shift = b.pointwise([b.widen(mean), scale], lambda s, args: s.mul(args[0], args[1]), parameter_type)
    if beta is None:
        shift = b.pointwise([shift], lambda s, args: s.neg(args[0]), parameter_type)
    else:
        shift = b.pointwise([b.widen(beta), shift], lambda s, args: s.sub(args[0], args[1]), parameter_type)

    def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        value, factor, summand = (s.cast(arg, parameter_type) for arg in args)
        return s.cast(s.add(s.mul(value, factor), summand), type_)

    return b.channelwise(x, [scale, shift], body, type_), None, None


@converts(aten._native_batch_norm_legit.no_stats)
def batch_norm_of_own_statistics(
    b: Builder,
    x: SSAValue,
    gamma: SSAValue | None,
    beta: SSAValue | None,
    training: bool,
    momentum: float,
    epsilon: float,
) -> Result:
    """X[n, c, *s] normalised by the statistics of each channel over the batch itself (instance norm comes as this)."""
    y, mean, _, inverse = _normalise_channels(b, x, gamma, beta, epsilon)
    statistics = _statistics_type(x, gamma)
    return y, b.cast(mean, statistics), b.cast(inverse, statistics)


@converts(aten._native_batch_norm_legit_functional.default)
def batch_norm_in_training(
    b: Builder,
    x: SSAValue,
    gamma: SSAValue | None,
    beta: SSAValue | None,
    running_mean: SSAValue,
    running_variance: SSAValue,
    training: bool,
    momentum: float,
    epsilon: float,
) -> Result:
    """(y, mean, reciprocal of the deviation, new running mean, new running variance): the running statistics go towards
    those of the batch, its variance with the divisor n - 1."""
    if not training:
        y = batch_norm(b, x, gamma, beta, running_mean, running_variance, momentum, epsilon)[0]
        return y, None, None, running_mean, running_variance
    if isinstance(element_type(running_mean), Float16Type | BFloat16Type):
        raise Unsupported(
            f"running statistics of {element_type(running_mean)} that training changes, which torch.export takes for float32;"
            " keep them in float32"
        )
    y, mean, variance, inverse = _normalise_channels(b, x, gamma, beta, epsilon)
    statistics = _statistics_type(x, gamma)
    count = math.prod(shape_of(x)) // max(shape_of(x)[1], 1)

    def moved(running: SSAValue, value: SSAValue, factor: float) -> SSAValue:
        def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
            kept = s.mul(args[0], s.like(1 - momentum, args[0]))
            return s.add(kept, s.mul(args[1], s.like(momentum * factor, args[1])))

        wide = b.widen(running)
        value = b.cast(value, element_type(wide))
        return b.cast(b.pointwise([wide, value], body, element_type(wide)), element_type(running))

    unbiased = count / (count - 1) if count > 1 else math.nan
    return (
        y,
        b.cast(mean, statistics),
        b.cast(inverse, statistics),
        moved(running_mean, mean, 1.0),
        moved(running_variance, variance, unbiased),
    )


def _normalise_channels(
    b: Builder, x: SSAValue, gamma: SSAValue | None, beta: SSAValue | None, epsilon: float
) -> tuple[SSAValue, SSAValue, SSAValue, SSAValue]:
    """X[n, c, *s] normalised over all but c; mean, variance and reciprocal of the deviation by channel."""
    shape = shape_of(x)
    column = (shape[1], *(1,) * (len(shape) - 2))
    dims = tuple(dim for dim in range(len(shape)) if dim != 1)
    normalised, mean, variance, inverse = _normalise(b, b.widen(x), dims, epsilon)
    gamma, beta = (None if vector is None else b.reshape(vector, column) for vector in (gamma, beta))
    y = b.cast(_affine(b, normalised, gamma, beta), element_type(x))
    channels = (shape[1],)
    return y, b.reshape(mean, channels), b.reshape(variance, channels), b.reshape(inverse, channels)


@converts(aten.native_layer_norm.default)
def layer_norm(
    b: Builder,
    x: SSAValue,
    normalized_shape: list[int],
    gamma: SSAValue | None,
    beta: SSAValue | None,
    epsilon: float,
) -> Result:
    """(y, mean, reciprocal of the deviation) over the last dims."""
    rank = len(shape_of(x))
    dims = tuple(range(rank - len(normalized_shape), rank))
    normalised, mean, _, inverse = _normalise(b, b.widen(x), dims, epsilon)
    y = b.cast(_affine(b, normalised, gamma, beta), element_type(x))
    statistics = _statistics_type(x, gamma)
    return y, b.cast(mean, statistics), b.cast(inverse, statistics)


@converts(aten.native_group_norm.default)
def group_norm(
    b: Builder,
    x: SSAValue,
    gamma: SSAValue | None,
    beta: SSAValue | None,
    n: int,
    c: int,
    spatial_size: int,
    groups: int,
    epsilon: float,
) -> Result:
    """(y, mean, reciprocal of the deviation) of X[n, c, *s] over each group of channels."""
    shape = shape_of(x)
    grouped = b.reshape(b.widen(x), (n, groups, math.prod(shape) // (n * groups) if n else 0))
    normalised, mean, _, inverse = _normalise(b, grouped, (2,), epsilon)
    column = (c, *(1,) * (len(shape) - 2))
    gamma, beta = (None if vector is None else b.reshape(vector, column) for vector in (gamma, beta))
    y = b.cast(_affine(b, b.reshape(normalised, shape), gamma, beta), element_type(x))
    statistics = _statistics_type(x, gamma)
    return y, *(b.cast(b.reshape(value, (n, groups)), statistics) for value in (mean, inverse))


def _statistics_type(x: SSAValue, gamma: SSAValue | None) -> ScalarType:
    """Of the mean and the deviation that PyTorch gives beside the normalised values: that of the parameters, if any."""
    return element_type(x if gamma is None else gamma)


def _normalise(
    b: Builder, x: SSAValue, dims: Sequence[int], epsilon: float
) -> tuple[SSAValue, SSAValue, SSAValue, SSAValue]:
    """(x - mean) / sqrt(variance + epsilon) over dims, the mean, the variance, and the second factor, which keep dims."""
    type_ = element_type(x)
    mean = b.mean(x, dims, keepdim=True)
    centred = b.pointwise([x, mean], lambda s, args: s.sub(args[0], args[1]), type_)
    square = b.pointwise([centred], lambda s, args: s.mul(args[0], args[0]), type_)
    variance = b.mean(square, dims, keepdim=True)
    inverse = b.pointwise([variance], lambda s, args: _inverse_root(s, args[0], epsilon), type_)
    return b.pointwise([centred, inverse], lambda s, args: s.mul(args[0], args[1]), type_), mean, variance, inverse


def _affine(b: Builder, x: SSAValue, gamma: SSAValue | None, beta: SSAValue | None) -> SSAValue:
    """x * gamma + beta, either of which may be missing."""
    parameters = [b.widen(parameter) for parameter in (gamma, beta) if parameter is not None]

    def body(s: Scalars, args: Sequence[SSAValue]) -> SSAValue:
        value, *rest = args
        remaining = iter(s.cast(value_, s.type_of(value)) for value_ in rest)
        if gamma is not None:
            value = s.mul(value, next(remaining))
        return value if beta is None else s.add(value, next(remaining))

    return b.pointwise([x, *parameters], body, element_type(x)) if parameters else x


def _inverse_root(s: Scalars, variance: SSAValue, epsilon: float) -> SSAValue:
    return s.unary(math_dialect.RsqrtOp, s.add(variance, s.like(epsilon, variance)))


@converts(aten._softmax.default)
def softmax(b: Builder, x: SSAValue, dim: int, half_to_float: bool) -> SSAValue:
    """exp(x - max) over its sum, along a dim."""
    wide = b.widen(x)
    dims = (normalise_dim(dim, len(shape_of(x))),) if shape_of(x) else ()
    exponentials = _exponentials(b, _below_maximum(b, wide, dims))
    total = b.sum(exponentials, dims, keepdim=True)
    result = b.pointwise([exponentials, total], lambda s, args: s.div(args[0], args[1]), element_type(wide))
    return b.cast(result, Float32Type() if half_to_float else element_type(x))


@converts(aten._log_softmax.default)
def log_softmax(b: Builder, x: SSAValue, dim: int, half_to_float: bool) -> SSAValue:
    """x - max minus the logarithm of the sum of its exponentials, along a dim."""
    wide = b.widen(x)
    type_ = element_type(wide)
    dims = (normalise_dim(dim, len(shape_of(x))),) if shape_of(x) else ()
    below = _below_maximum(b, wide, dims)
    total = b.sum(_exponentials(b, below), dims, keepdim=True)
    logarithm = b.pointwise([total], lambda s, args: s.unary(math_dialect.LogOp, args[0]), type_)
    result = b.pointwise([below, logarithm], lambda s, args: s.sub(args[0], args[1]), type_)
    return b.cast(result, Float32Type() if half_to_float else element_type(x))


def _below_maximum(b: Builder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    largest = b.max(x, dims, keepdim=True)
    return b.pointwise([x, largest], lambda s, args: s.sub(args[0], args[1]), element_type(x))


def _exponentials(b: Builder, x: SSAValue) -> SSAValue:
    return b.pointwise([x], lambda s, args: s.exp(args[0]), element_type(x))
