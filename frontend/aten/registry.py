"""The table of converters: one function per ATen op, found by the op's overload.

A converter takes the `Builder` and the op's arguments in the order of its schema, defaults filled in: tensors as IR
values, lists of tensors as lists, everything else as the Python value in the graph. It gives the result's value, or a
tuple of them with None for results that it leaves out. What it can't do it raises as `Unsupported`.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from xdsl.ir import SSAValue

from cedr.frontend.refusal import Unsupported as Unsupported

Result = SSAValue | Sequence[SSAValue | None] | None
Converter = Callable[..., Result]
ConverterT = TypeVar("ConverterT", bound=Converter)

_CONVERTERS: dict[torch._ops.OpOverload, Converter] = {}


def converts(*targets: torch._ops.OpOverload) -> Callable[[ConverterT], ConverterT]:
    """Enters the decorated function as the converter of the overloads."""

    def enter(converter: ConverterT) -> ConverterT:
        for target in targets:
            if target in _CONVERTERS:
                raise ValueError(f"{target} has two converters")
            _CONVERTERS[target] = converter
        return converter

    return enter


def find_converter(target: object) -> Converter | None:
    """The converter of what a graph node calls, or None."""
    return _CONVERTERS.get(target) if isinstance(target, torch._ops.OpOverload) else None


def supported_ops() -> tuple[str, ...]:
    """Names of all ops that have a converter, sorted."""
    return tuple(sorted(str(target) for target in _CONVERTERS))


def schema_arguments(target: torch._ops.OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """A call's arguments in the order of the op's schema, keyword-only ones too, defaults filled in."""
    arguments = target._schema.arguments
    return [
        args[index] if index < len(args) else kwargs.get(argument.name, argument.default_value)
        for index, argument in enumerate(arguments)
    ]


def normalise_dims(dims: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Axes counted from the start, sorted; None or an empty list means all of them."""
    if not rank or dims is None or (not isinstance(dims, int) and not dims):
        return tuple(range(rank))
    listed = (dims,) if isinstance(dims, int) else dims
    return tuple(sorted(normalise_dim(dim, rank) for dim in listed))


def normalise_dim(dim: int, rank: int) -> int:
    """An axis counted from the start (0 for a tensor without axes)."""
    return dim % rank if rank else 0


def spread(values: int | Sequence[int], count: int) -> tuple[int, ...]:
    """A size per spatial axis, from one that stands for all."""
    listed = (values,) if isinstance(values, int) else tuple(values)
    return listed * count if len(listed) == 1 else listed
