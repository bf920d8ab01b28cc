"""Runs PyTorch models on an emulated heterogeneous SoC: compiler, runtime and emulator.

    program = cedr.compile(model, example_inputs)
    program(*inputs)        # computed on the emulator, as eager's result is shaped
    program.profile()       # makespan, utilisation, tasks, ...

Importing this imports nothing heavy: PyTorch and xDSL come in when a name that needs them is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cedr.target.errors import CedrError

if TYPE_CHECKING:
    from cedr.tools.driver import Program, compile, fallbacks

__all__ = ["CedrError", "Program", "compile", "fallbacks"]

_DRIVER = ("Program", "compile", "fallbacks")


def __getattr__(name: str) -> Any:
    if name not in _DRIVER:
        raise AttributeError(f"module 'cedr' has no attribute {name!r}; its names: {', '.join(__all__)}")
    try:
        from cedr.tools import driver
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in ("torch", "xdsl"):
            raise
        raise CedrError(f"cedr.{name} needs {missing}, which is not installed; pip install cedr-compiler") from error
    return getattr(driver, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
