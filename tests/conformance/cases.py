"""A conformance case: a function, its arguments, and a name by which it is run alone.

Cases of PyTorch's op database are named `OP[-VARIANT].DTYPE.NUMBER`, in the order of `OpInfo.sample_inputs` after a seed
that is set anew for each op and dtype, so that a name is the same case on every machine. Those of `tests.conformance.modules`
are named `module-NAME.DTYPE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

DTYPES = {
    "f32": torch.float32,
    "f64": torch.float64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i8": torch.int8,
    "i16": torch.int16,
    "i32": torch.int32,
    "i64": torch.int64,
    "bool": torch.bool,
    "c64": torch.complex64,
}
"""The suite's dtypes by name."""


@dataclass(frozen=True)
class Case:
    """A function (or a module in eval mode) with the arguments of one call, `args` and `kwargs` in one structure."""

    name: str
    op: str
    dtype: str
    function: Callable[..., Any]
    leaves: tuple[Any, ...]
    structure: TreeSpec

    @staticmethod
    def of(name: str, op: str, dtype: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Case:
        """The case of a call."""
        leaves, structure = tree_flatten((args, kwargs))
        return Case(name, op, dtype, function, tuple(leaves), structure)

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The arguments that are tensors, each with memory of its own."""
        return tuple(leaf.detach().clone() for leaf in self.leaves if isinstance(leaf, Tensor))

    def arguments(self, tensors: Iterator[Tensor]) -> tuple[Any, Any]:
        """Positional and keyword arguments with the next tensors in place of the case's own."""
        filled = [next(tensors) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves]
        args, kwargs = tree_unflatten(filled, self.structure)
        return args, kwargs


class Batch(nn.Module):
    """Cases as one module: the tensors of all of them in order to the answers of all of them.

    Each case is called from a file of its own name, so that a message about a line of it names the case.
    """

    def __init__(self, cases: tuple[Case, ...]):
        super().__init__()
        self.cases = cases
        self.layers = nn.ModuleList(c.function for c in cases if isinstance(c.function, nn.Module))
        self.callers = [_caller(case.name) for case in cases]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(tensor for case in self.cases for tensor in case.tensors)

    def forward(self, *tensors: Tensor) -> list[Any]:
        remaining = iter(tensors)
        pairs = zip(self.cases, self.callers, strict=True)
        return [caller(case.function, *case.arguments(remaining)) for case, caller in pairs]


def _caller(name: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    # PyTorch keeps the frames of functions of this name.
    source = "def forward(function, args, kwargs): return function(*args, **kwargs)"
    exec(compile(source, place_of(name), "exec"), space)
    caller: Callable[..., Any] = space["forward"]
    return caller


def place_of(name: str) -> str:
    """The file that messages about a case name."""
    return f"case/{name}"
