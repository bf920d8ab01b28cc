"""Tensors made from numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue

from cedr.frontend.aten.registry import Unsupported, converts
from cedr.frontend.builder import Builder, element_type, shape_of
from cedr.frontend.open_sizes import is_open
from cedr.frontend.scalars import Number
from cedr.frontend.types import scalar_type, to_numpy

aten = torch.ops.aten

_MOST_ELEMENTS = 65536
"""Above this a range is refused: its numbers would stand in the IR's text one by one."""


@converts(aten.full.default)
def full(b: Builder, size: list[int], number: Number, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """A fill; without a dtype that of the number."""
    return b.splat(number, size, scalar_type(dtype or _dtype_of(number)))


@converts(aten.full_like.default)
def full_like(b: Builder, x: SSAValue, number: Number, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """A fill of the other tensor's shape, and dtype if none is given."""
    return b.splat(number, shape_of(x), scalar_type(dtype) if dtype else element_type(x))


@converts(aten.fill.Scalar)
def fill(b: Builder, x: SSAValue, number: Number) -> SSAValue:
    """A fill of the other tensor's shape and dtype."""
    return b.splat(number, shape_of(x), element_type(x))


@converts(aten.empty.memory_format)
def empty(b: Builder, size: list[int], dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """Unspecified contents."""
    return b.empty(size, scalar_type(dtype or torch.get_default_dtype()))


@converts(aten.scalar_tensor.default)
def scalar_tensor(b: Builder, number: Number, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """A tensor without axes; without a dtype of PyTorch's default float."""
    return b.splat(number, (), scalar_type(dtype or torch.get_default_dtype()))


@converts(aten.arange.start_step)
def arange(b: Builder, start: Any, end: Any, step: Any, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """The numbers of the range, as a constant computed by PyTorch itself; of an open size, each from its index."""
    if not any(map(is_open, (start, end, step))):
        return _computed(b, torch.arange(start, end, step, dtype=dtype))
    if not all(isinstance(number, int | torch.SymInt) for number in (start, end, step)):
        raise Unsupported("a range of floats of open size; multiply a range of integers")
    type_ = scalar_type(dtype or torch.int64)
    count = (end - start + step - 1) // step if step > 0 else (start - end - step - 1) // -step
    return b.pointwise(
        [b.splat(start, (), i64)],
        lambda s, args: s.cast(s.add(args[0], s.mul(s.index(0, i64), s.constant(step, i64))), type_),
        type_,
        (count,),
    )


@converts(aten.tril_indices.default)
def tril_indices(
    b: Builder, rows: int, columns: int, offset: int, dtype: torch.dtype | int | None, *rest: Any
) -> SSAValue:
    """The positions of a lower triangle, as a constant computed by PyTorch itself."""
    return _computed(b, torch.tril_indices(rows, columns, offset, dtype=_index_dtype(dtype)))


@converts(aten.triu_indices.default)
def triu_indices(
    b: Builder, rows: int, columns: int, offset: int, dtype: torch.dtype | int | None, *rest: Any
) -> SSAValue:
    """The positions of an upper triangle, as a constant computed by PyTorch itself."""
    return _computed(b, torch.triu_indices(rows, columns, offset, dtype=_index_dtype(dtype)))


def _index_dtype(dtype: torch.dtype | int | None) -> torch.dtype:
    """A dtype that is given; the schema's default is a number that stands for int64."""
    return dtype if isinstance(dtype, torch.dtype) else torch.int64


@converts(aten.fft_fftfreq.default)
def fft_frequencies(b: Builder, points: int, spacing: float, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """The frequencies of a transform's points, as a constant computed by PyTorch itself."""
    return _computed(b, torch.fft.fftfreq(points, spacing, dtype=dtype))


@converts(aten.fft_rfftfreq.default)
def rfft_frequencies(b: Builder, points: int, spacing: float, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """The frequencies of the first half of a transform's points, as a constant computed by PyTorch itself."""
    return _computed(b, torch.fft.rfftfreq(points, spacing, dtype=dtype))


def _computed(b: Builder, numbers: torch.Tensor) -> SSAValue:
    if numbers.numel() > _MOST_ELEMENTS:
        raise Unsupported(
            f"a range of {numbers.numel()} numbers; register it as a buffer, so that it lies with the weights"
        )
    return b.dense(np.asarray(to_numpy(numbers)), scalar_type(numbers.dtype))


@converts(aten.empty_permuted.default)
def empty_permuted(b: Builder, size: list[int], layout: list[int], dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """Unspecified contents; the order in memory is no part of the value."""
    return empty(b, size, dtype)


@converts(aten.eye.m)
def eye_of(b: Builder, rows: int, columns: int, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """Ones where the indices are equal, else zeros."""
    type_ = scalar_type(dtype or torch.get_default_dtype())
    return b.pointwise(
        [b.splat(1, (), type_)],
        lambda s, args: s.select(s.compare("eq", s.index(0, i64), s.index(1, i64)), args[0], s.like(0, args[0])),
        type_,
        (rows, columns),
    )


@converts(aten.eye.default)
def eye(b: Builder, size: int, dtype: torch.dtype | None, *rest: Any) -> SSAValue:
    """The square one."""
    return eye_of(b, size, size, dtype)


def _enter_windows() -> None:
    """The window functions: constants computed by PyTorch itself."""
    for name in ("bartlett", "blackman", "hamming", "hann", "kaiser"):
        packet = getattr(aten, f"{name}_window")
        for overload in (getattr(packet, kind) for kind in packet.overloads() if "out" not in kind):
            names = [argument.name for argument in overload._schema.arguments]
            converts(overload)(_window(overload, names.index("dtype")))


def _window(target: torch._ops.OpOverload, count: int) -> Callable[..., SSAValue]:
    return lambda b, *arguments: _computed(b, target(*arguments[:count], dtype=arguments[count]))


_enter_windows()


def _dtype_of(number: Number) -> torch.dtype:
    if isinstance(number, complex):
        return torch.complex64
    if isinstance(number, bool):
        return torch.bool
    return torch.int64 if isinstance(number, int | torch.SymInt) else torch.get_default_dtype()
