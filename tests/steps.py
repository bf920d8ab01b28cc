"""How much a function does, whatever the machine and its load: the lines of Python that it runs through."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def steps_of(function: Callable[[], object]) -> int:
    """Lines executed by a call and by all that it calls in Python; what NumPy does in one call is one line."""
    count = 0

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
