"""Runs PyTorch models on an emulated heterogeneous SoC: compiler, runtime and emulator.

    program = cedr.compile(model, example_inputs)
    program(*inputs)        # computed on the emulator, as eager's result is shaped
    program.profile()       # makespan, utilisation, tasks, ...

Importing this imports nothing heavy: PyTorch and xDSL come in when a name that needs them is used.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from cedr.target.errors import CedrError

if TYPE_CHECKING:
    from cedr.tools.driver import Program, compile, fallbacks

__all__ = ["CedrError", "Program", "compile", "fallbacks"]

_DRIVER = ("Program", "compile", "fallbacks")


def __getattr__(name: str) -> Any:
    if name not in _DRIVER:
        raise AttributeError(f"module 'cedr' has no attribute {name!r}; its names: {', '.join(__all__)}")
    for needed in ("torch", "xdsl"):
        if find_spec(needed) is None:
            raise CedrError(f"cedr.{name} needs {needed}, which is not installed; pip install cedr-compiler")
    from cedr.tools import driver

    return getattr(driver, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
