"""Sizes that a call says: what `dynamic_shapes`, written as for torch.export, allows.

The compiler makes a task graph of static shapes for each set of sizes. A model is exported and imported once, with open sizes,
where torch.export and the importer can leave them open; where they can't (a recurrent layer's number of steps, a branch on a
size), for each set of sizes.
"""

import inspect
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.export import Dim
from torch.utils._pytree import tree_leaves

from cedr.frontend.coverage import UnsupportedOpsError
from cedr.frontend.export import ExportError, export_model
from cedr.frontend.importer import ImportedModel, import_program
from cedr.frontend.open_sizes import SizesError

_log = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Import:
    """A model for inputs of one set of sizes, and the seconds that PyTorch's export and the import took just now."""

    model: ImportedModel
    export_s: float = 0.0
    import_s: float = 0.0


class Imports:
    """A model for one set of sizes after the other.

    It is exported and imported once with open sizes, where that can be done; `why_fixed` says why not. What the model with
    open sizes is not good for is exported and imported for these sizes.
    """

    def __init__(self, model: nn.Module, name: str, sizes: Sizes, dynamic_shapes: Any):
        self.sizes = sizes
        self.why_fixed: str | None = None
        self._model, self._name, self._dynamic_shapes = model, name, dynamic_shapes
        self._open: Import | None = None

    def at(self, inputs: tuple[Any, ...]) -> Import:
        """The model for inputs of these sizes, which are those of `Sizes.check`; its module may still be that of open sizes,
        for the pass `specialize-sizes`. Raises ExportError, UnsupportedOpsError."""
        shapes = [tuple(leaf.shape) for leaf in tree_leaves(inputs) if isinstance(leaf, torch.Tensor)]
        if self.sizes.are_general(shapes) and self.why_fixed is None:
            try:
                new = None if self._open else self._import(inputs, self._dynamic_shapes)
                self._open = self._open or new
                assert self._open is not None
                model = self._open.model.at(shapes)
                return replace(new, model=model) if new else Import(model)
            except (ExportError, UnsupportedOpsError) as reason:
                self.why_fixed = str(reason)
                _log.info("%s is imported for each set of sizes: %s", self._name, reason)
            except SizesError as reason:
                _log.info("%s is imported for these sizes: %s", self._name, reason)
        return self._import(inputs, None)

    def _import(self, inputs: tuple[Any, ...], dynamic_shapes: Any) -> Import:
        start = time.perf_counter()
        exported = export_model(self._model, inputs, dynamic_shapes)
        between = time.perf_counter()
        imported = import_program(exported, self._name)
        return Import(imported, between - start, time.perf_counter() - between)


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
