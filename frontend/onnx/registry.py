"""The table of ONNX ops: what each one is in PyTorch, from which version of the op set on.

A function takes the `Use` of the op and its inputs as tensors, None for those left out; it gives a tensor or a tuple of
them, with None for outputs that it leaves out. It runs on tensors of any device (shapes first, on `meta`) and changes none in
place. What it can't do it raises as `Unsupported`. A NumPy array as result says that the output is known: the shape of x is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from cedr.frontend.aten.registry import Unsupported

Output = torch.Tensor | np.ndarray | None
Meaning = Callable[..., Output | Sequence[Output]]
MeaningT = TypeVar("MeaningT", bound=Meaning)

_MEANINGS: dict[str, dict[int, Meaning]] = {}


@dataclass(frozen=True)
class Use:
    """One node: its attributes, its inputs as far as they are known before the model runs, how many outputs it names.

    Attributes are Python values, tensors among them arrays. `version` is the model's version of the op's set.
    """

    op: str
    version: int
    attributes: Mapping[str, Any]
    known: Sequence[np.ndarray | None]
    outputs: int = 1

    def get(self, name: str, default: Any) -> Any:
        """An attribute, or the op's default for it."""
        return self.attributes.get(name, default)

    def has_input(self, index: int) -> bool:
        """Whether an input's value is known before the model runs."""
        return index < len(self.known) and self.known[index] is not None

    def array(self, index: int, what: str) -> np.ndarray:
        """The values of an input that have to be known. Raises Unsupported, with `what` it is, where they are not."""
        array = self.known[index] if index < len(self.known) else None
        if array is None:
            raise Unsupported(f"{what} that depend on the inputs' values; make them constants of the model")
        return array

    def numbers(self, name: str, index: int, inputs: Sequence[torch.Tensor | None]) -> list[Any] | None:
        """What older versions have as attribute `name` and later ones as an input; None if it is left out."""
        if name in self.attributes:
            value = self.attributes[name]
            return list(value) if isinstance(value, list | tuple) else [value]
        if index >= len(inputs) or inputs[index] is None:
            return None
        listed: list[Any] = self.array(index, name).reshape(-1).tolist()
        return listed

    def refuse_unless(self, name: str, default: Any, *wanted: Any) -> None:
        """Raises Unsupported where an attribute has another value than those that can be converted."""
        value = self.get(name, default)
        if value not in wanted:
            raise Unsupported(f"{name}={value}; {' or '.join(map(str, wanted))} can be converted")


def means(*ops: str, since: int = 1) -> Callable[[MeaningT], MeaningT]:
    """Enters the decorated function as the meaning of ops, from a version of the op set on."""

    def enter(meaning: MeaningT) -> MeaningT:
        for op in ops:
            versions = _MEANINGS.setdefault(op, {})
            if since in versions:
                raise ValueError(f"{op} of version {since} has two meanings")
            versions[since] = meaning
        return meaning

    return enter


def find_meaning(domain: str, op: str, version: int) -> Meaning | None:
    """The function of an op in a version of its set, or None."""
    versions = _MEANINGS.get(op, {}) if domain in ("", "ai.onnx") else {}
    fitting = [since for since in versions if since <= version]
    return versions[max(fitting)] if fitting else None


def supported_ops() -> tuple[str, ...]:
    """Names of all ops in the table, sorted."""
    return tuple(sorted(_MEANINGS))


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the start. Raises Unsupported if there is no such axis."""
    if not -rank <= axis < max(rank, 1):
        raise Unsupported(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank if rank else 0


def scalar(use: Use, index: int, x: torch.Tensor) -> Any:
    """An input as a Python number where it is known and has no axes, else the tensor itself."""
    known = use.known[index] if index < len(use.known) else None
    return known.item() if known is not None and known.ndim == 0 else x
