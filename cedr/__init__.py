"""Runs PyTorch models on an emulated heterogeneous SoC: compiler, runtime and emulator.

    program = cedr.compile(model, example_inputs)
    program(*inputs)        # computed on the emulator, as eager's result is shaped
    program.profile()       # makespan, utilisation, tasks, ...

    torch.compile(model, backend="cedr")(*inputs)   # or in PyTorch's own way
    cedr.fallbacks()                                # what that left to PyTorch

Importing this imports nothing heavy: PyTorch and xDSL come in when a name that needs them is used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from cedr.target.errors import CedrError
from cedr.tools.torch_registration import register

if TYPE_CHECKING:
    from cedr.tools.driver import Program, compile
    from cedr.tools.torch_backend import fallbacks

__all__ = ["CedrError", "Program", "compile", "fallbacks"]

_HOMES = {"Program": "driver", "compile": "driver", "fallbacks": "torch_backend"}

register()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cedr' has no attribute {name!r}; its names: {', '.join(__all__)}")
    for needed in ("torch", "xdsl"):
        if find_spec(needed) is None:
            raise CedrError(f"cedr.{name} needs {needed}, which is not installed; pip install cedr-compiler")
    return getattr(import_module(f"cedr.tools.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
