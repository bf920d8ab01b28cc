"""Faults: what goes wrong in a run by order of its scenario, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PE_FAULTS: Final = ("stop", "error", "hang", "dma_timeout")
APPLICATION_FAULTS: Final = ("crash", "hang")
FAULTS: Final = (*PE_FAULTS, "crash")
HANGING: Final = ("hang", "dma_timeout")
"""The kinds that end by a time-out."""
DEFAULT_TIMEOUT_NS: Final = 10_000_000
DEFAULT_RETRIES: Final = 3


@dataclass(frozen=True)
class Fault:
    """What goes wrong, from `at_ns` on.

    On a PE: `stop` it takes no more tasks, and those that it has go back; `error` the task that it works on, or the next
    one, ends with an error; `hang` that task never ends, until the PE is reset by a time-out; `dma_timeout` its transfer
    never ends, until the polls for it run out. In an application: `crash` an instance ends at once; `hang` it does not go
    on, until it is ended by a time-out.
    """

    kind: str
    at_ns: int
    pe: str | None = None
    application: str | None = None
    instance: int | None = None
    """Of the application, from 0; None: the first that is in flight at that time, or arrives behind it."""
    timeout_ns: int | None = None
    """From the fault on, or from the start of the next task. None where nothing hangs."""
    retries: int = DEFAULT_RETRIES
    """How often a task is tried again after it has failed; then its instance is given up."""
    where: str = ""
    """`file:line: fault[0]`, for messages."""


@dataclass(frozen=True)
class FaultReport:
    """One thing that went wrong, and what was done.

    kind         of the fault; or `not_offered`: no PE is left for a task, `stuck`: an instance that waits for ever
    at_ns        when it was dealt with
    fault        its place among the faults asked for; None for what nobody asked for
    pe, application   their names; instance: counted over the whole run; task: its id in the record. None: concerns none
    action       `stopped` (its tasks are back in the ready queue), `retried` (the task is), `failed` (the instance is given
                 up), `dropped` (its task belonged to an instance given up before), `none` (there was nothing to disturb)
    text         the same in words
    """

    kind: str
    at_ns: int
    fault: int | None
    pe: str | None
    application: str | None
    instance: int | None
    task: int | None
    action: str
    text: str


@dataclass(frozen=True)
class Injected:
    """A fault by numbers, as the engine takes it; pe and application: -1 for none; instance: counted over the run."""

    kind: str
    at_ns: int
    pe: int = -1
    application: int = -1
    instance: int | None = None
    timeout_ns: int = 0
    retries: int = DEFAULT_RETRIES
