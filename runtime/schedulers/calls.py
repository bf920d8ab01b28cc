"""Calls of a scheduler from outside of the compiled loop, and what is said where one fails: who, what, file and line."""

from __future__ import annotations

import inspect
import traceback

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView
from cedr.target.errors import CedrError


class SchedulerError(CedrError):
    """A scheduler that isn't there, is no scheduler, fails, or decided what can't be done."""


def decide(
    scheduler: Scheduler,
    ready: Int64Array,
    now_ns: int,
    estimate_ns: Int64Array,
    view: SchedulerView,
    state: Int64Array,
) -> Int64Array:
    """One round of a plain scheduler: its pairs, int64[k, 2]. Raises SchedulerError where it fails or gives no pairs."""
    try:
        returned = scheduler.assign(ready, now_ns, estimate_ns, view, state)
        pairs = np.asarray(returned)
    except Exception as error:  # whatever another package's function raises
        raise failure(scheduler, error, now_ns) from error
    if returned is not None and pairs.size == 0:
        return np.zeros((0, 2), np.int64)
    if pairs.dtype.kind not in "iu" or pairs.shape[1:] != (2,):
        what = "None" if returned is None else f"{type(returned).__name__}, {pairs.dtype}{list(pairs.shape)}"
        raise SchedulerError(
            f"scheduler {scheduler.name} at {now_ns} ns: {_place(scheduler.assign, None)} returned {what}; it returns pairs, "
            "int64[k, 2], as view.pairs[:k]"
        )
    return np.ascontiguousarray(pairs, np.int64)


def begin(scheduler: Scheduler, setup: SchedulerSetup) -> Int64Array:
    """How the state begins: int64, contiguous. Raises SchedulerError where `initial_state` fails."""
    try:
        return np.ascontiguousarray(scheduler.initial_state(setup), np.int64)
    except CedrError:
        raise
    except Exception as error:  # whatever another package's function raises
        raise SchedulerError(
            f"scheduler {scheduler.name}: {_place(scheduler.initial_state, error)} raised {_text(error)}"
        ) from error


def failure(scheduler: Scheduler, error: Exception, now_ns: int) -> CedrError:
    """What to raise where a round ended with an error: a refusal of its own as it is."""
    if isinstance(error, CedrError):
        return error
    return SchedulerError(
        f"scheduler {scheduler.name} at {now_ns} ns: {_place(scheduler.assign, error)} raised {_text(error)}"
    )


def not_compiled(scheduler: Scheduler, why: str) -> SchedulerError:
    """What to raise where a scheduler's function can't be compiled. why: numba's message, or what it returns."""
    return SchedulerError(
        f"scheduler {scheduler.name}: {_place(scheduler.assign, None)} can't be compiled: {why}\n"
        "Correct it, or register the scheduler with compiled=False."
    )


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _place(function: object, error: Exception | None) -> str:
    """FILE:LINE: NAME; the innermost line of the function's file that the error passed, else where it is defined."""
    function = inspect.unwrap(getattr(function, "py_func", function))  # type: ignore[arg-type]  # any callable
    code = getattr(function, "__code__", None)
    if code is None:
        return f"{type(function).__module__}.{type(function).__qualname__}"
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    lines = [frame.lineno for frame in frames if frame.filename == code.co_filename and frame.lineno]
    return f"{code.co_filename}:{lines[-1] if lines else code.co_firstlineno}: {code.co_name}"
