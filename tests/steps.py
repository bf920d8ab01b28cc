"""How much a function does, whatever the machine and its load: the lines of Python that it runs through."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any


def steps_of(function: Callable[[], object], code: CodeType | None = None) -> int:
    """Lines executed by a call and by all that it calls in Python; what NumPy does in one call is one line.

    code: only the lines of this function count.
    """
    count = 0

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal count
        if code is not None and frame.f_code is not code:
            return None
        count += event == "line"
        return trace

    before, collects = sys.gettrace(), gc.isenabled()
    gc.collect()
    gc.disable()  # or what others left behind is finalised here, and counted
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return count
