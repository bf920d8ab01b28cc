"""Sizes that a call says: what `dynamic_shapes`, written as for torch.export, allows.

The compiler makes a task graph of static shapes for each set of sizes. Where torch.export can leave the sizes open it
exports a model once, and each set of sizes is put into that program; a model is not asked to hold for symbols, and sizes
that torch.export itself can't leave open (a recurrent layer's number of steps) may be open here: then it is exported again.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import tree_leaves

from cedr.frontend.export import ExportError, export_model
from cedr.frontend.specialize import NotSpecializedError, specialize


@dataclass(frozen=True)
class OpenDim:
    """A dimension of an input: `place` for messages, the example's size, and what it may be: a `Dim`, or a derived one
    (which has `root` and `fn`), a hint of torch.export's, or None for the example's size alone."""

    place: str
    size: int
    allowed: Any


@dataclass(frozen=True)
class Sizes:
    """The dimensions of a model's tensor inputs, input after input."""

    inputs: tuple[tuple[OpenDim, ...], ...]

    def are_general(self, shapes: Sequence[Sequence[int]]) -> bool:
        """Whether no open size is 0 or 1, for which torch.export lets other rules hold (broadcasting)."""
        sizes = zip(self.inputs, shapes, strict=True)
        return all(n > 1 or dim.allowed is None for dims, shape in sizes for dim, n in zip(dims, shape, strict=True))

    @staticmethod
    def of(model: nn.Module, example_inputs: tuple[Any, ...], dynamic_shapes: Any) -> "Sizes":
        """Raises ExportError where `dynamic_shapes` does not fit the example inputs."""
        try:
            arguments = inspect.signature(model.forward).bind(*example_inputs).arguments
        except TypeError as error:
            raise ExportError(
                f"the example inputs are not what {type(model).__name__}.forward takes: {error}"
            ) from error
        spread = dict(arguments)
        if isinstance(dynamic_shapes, Mapping):
            specs = dict(dynamic_shapes)
        elif isinstance(dynamic_shapes, tuple | list) and len(dynamic_shapes) == len(spread):
            specs = dict(zip(spread, dynamic_shapes, strict=True))
        else:
            raise ExportError(
                f"dynamic_shapes is a dict by argument or one entry for each of {', '.join(spread)}, got {dynamic_shapes!r}"
            )
        if unknown := [str(name) for name in specs if name not in spread]:
            raise ExportError(
                f"dynamic_shapes names {', '.join(unknown)}; the arguments of {type(model).__name__}.forward are "
                f"{', '.join(spread)}"
            )
        found: list[tuple[OpenDim, ...]] = []
        for name, value in spread.items():
            found += _walk(value, specs.get(name), name)
        return Sizes(tuple(found))

    def check(self, shapes: Sequence[Sequence[int]]) -> None:
        """Raises ExportError, naming input and dimension, for shapes that are not allowed."""
        known: dict[str, int] = {}
        derived: list[tuple[OpenDim, int]] = []
        for dims, shape in zip(self.inputs, shapes, strict=True):
            if len(dims) != len(shape):
                where = dims[0].place if dims else "an input without dimensions"
                raise ExportError(f"{where}: {len(shape)} dimensions given, the program wants {len(dims)}")
            for dim, size in zip(dims, shape, strict=True):
                if isinstance(dim.allowed, Dim) and not hasattr(dim.allowed, "root"):
                    if known.setdefault(dim.allowed.__name__, size) != size:
                        raise ExportError(
                            f"{dim.place} is {size}, another of the same size is {known[dim.allowed.__name__]}"
                        )
                    _check_range(dim.place, size, dim.allowed.min, dim.allowed.max)
                elif dim.allowed is None:
                    _check_range(dim.place, size, dim.size, dim.size)
                elif hasattr(dim.allowed, "root"):
                    derived.append((dim, size))
                else:
                    _check_range(dim.place, size, dim.allowed.min or 0, dim.allowed.max)
        for dim, size in derived:
            root, function = dim.allowed.root, dim.allowed.fn
            if root.__name__ not in known:
                # Such functions are linear with a positive slope.
                low = root.min
                steps, rest = divmod(size - function(low), function(low + 1) - function(low))
                if rest or steps < 0:
                    raise ExportError(f"{dim.place} is {size}, not {dim.allowed.__name__} for any {root.__name__}")
                known[root.__name__] = low + steps
                _check_range(f"{root.__name__} of {dim.place}", known[root.__name__], root.min, root.max)
            if function(known[root.__name__]) != size:
                raise ExportError(f"{dim.place} is {size}, not {dim.allowed.__name__}")


class Exports:
    """Programs of a model for one set of sizes after the other."""

    def __init__(self, model: nn.Module, sizes: Sizes, dynamic_shapes: Any):
        self.sizes = sizes
        self._model, self._dynamic_shapes = model, dynamic_shapes
        self._open: ExportedProgram | None = None
        self._is_tried = False

    def at(self, inputs: tuple[Any, ...]) -> ExportedProgram:
        """The decomposed program for inputs of these sizes, which are those of `Sizes.check`. Raises ExportError."""
        shapes = [leaf.shape for leaf in tree_leaves(inputs) if isinstance(leaf, torch.Tensor)]
        if self.sizes.are_general(shapes):
            if not self._is_tried:
                self._is_tried = True
                with suppress(ExportError):  # not with open sizes; with these it may
                    self._open = export_model(self._model, inputs, self._dynamic_shapes)
            if self._open is not None:
                # Sizes that the program with open ones is not good for; the model itself may be.
                with suppress(NotSpecializedError, RuntimeError, ValueError, TypeError, IndexError):
                    return specialize(self._open, inputs)
        return export_model(self._model, inputs)


def _check_range(place: str, size: int, low: int, high: Any) -> None:
    if size < low or (high is not None and size > high):
        limit = "" if high is None or high > 2**62 else f" to {high}"
        wanted = str(low) if low == high else f"{low}{limit or ' or more'}"
        raise ExportError(f"{place} is {size}, the program is for {wanted}")


def _walk(value: Any, spec: Any, place: str) -> Iterator[tuple[OpenDim, ...]]:
    """The dimensions of every tensor in an argument. Raises ExportError where the specification does not fit it."""
    if isinstance(value, torch.Tensor):
        entries = spec if isinstance(spec, Mapping) else dict(enumerate(spec or ()))
        if bad := [dim for dim in entries if not isinstance(dim, int) or not 0 <= dim < value.dim()]:
            raise ExportError(f"dynamic_shapes of '{place}' names dimension {bad[0]}, the tensor has {value.dim()}")
        yield tuple(
            OpenDim(f"dimension {dim} of input '{place}'", size, _allowed(entries.get(dim), size, place))
            for dim, size in enumerate(value.shape)
        )
    elif isinstance(value, Mapping):
        if spec is not None and not (isinstance(spec, Mapping) and spec.keys() <= value.keys()):
            raise ExportError(f"dynamic_shapes of '{place}' is a dict with keys of {list(value)}, got {spec!r}")
        for key, item in value.items():
            yield from _walk(item, spec.get(key) if isinstance(spec, Mapping) else None, f"{place}[{key!r}]")
    elif isinstance(value, tuple | list):
        if spec is not None and not (isinstance(spec, tuple | list) and len(spec) == len(value)):
            raise ExportError(
                f"dynamic_shapes of '{place}' has an entry for each of its {len(value)} items, got {spec!r}"
            )
        for index, item in enumerate(value):
            part = spec[index] if isinstance(spec, tuple | list) and index < len(spec) else None
            yield from _walk(item, part, f"{place}[{index}]")


def _allowed(entry: Any, size: int, place: str) -> Any:
    """An entry of `dynamic_shapes`, None where it fixes the dimension."""
    if entry is None or entry == Dim.STATIC or (isinstance(entry, int) and entry == size):
        return None
    if isinstance(entry, Dim | type(Dim.AUTO)):
        return entry
    raise ExportError(
        f"dynamic_shapes of '{place}' holds {entry!r}; write a torch.export.Dim, or None for a fixed size"
    )
