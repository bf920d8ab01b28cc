"""What an emulation gives back: every executed task with its times, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cedr.target.api import CallClass

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
UInt32Array = NDArray[np.uint32]


def _no_times() -> Int64Array:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class EmulationResult:
    """A run in virtual time, integer nanoseconds from the start of the emulation.

    One row per executed task (joins run nowhere and have none), ascending by (start_ns, then the engine's own order):

    app, instance  int32[n]: the application (index into `app_names`), and the instance, counted over the whole run
    task           uint32[n]: the task's id in its application's record
    task_class     int32[n]: index into `classes`
    pe             int32[n]: index into `pes`
    ready_ns, start_ns, end_ns   int64[n]

    One row per instance: instance_app int32[i], arrivals_ns, starts_ns, ends_ns int64[i].
    One row per scheduling round with a non-empty ready queue, if they were recorded: round_start_ns, round_end_ns,
    round_ready int64[r] (tasks that were ready).
    """

    pes: tuple[str, ...]
    app_names: tuple[str, ...]
    classes: tuple[CallClass, ...]

    app: Int32Array
    instance: Int32Array
    task: UInt32Array
    task_class: Int32Array
    pe: Int32Array
    ready_ns: Int64Array
    start_ns: Int64Array
    end_ns: Int64Array

    instance_app: Int32Array
    arrivals_ns: Int64Array
    starts_ns: Int64Array
    ends_ns: Int64Array

    round_start_ns: Int64Array = field(default_factory=_no_times)
    round_end_ns: Int64Array = field(default_factory=_no_times)
    round_ready: Int64Array = field(default_factory=_no_times)

    def __post_init__(self) -> None:
        rows: tuple[NDArray[Any], ...] = (
            self.app,
            self.instance,
            self.task,
            self.task_class,
            self.pe,
            self.ready_ns,
            self.start_ns,
            self.end_ns,
        )
        instances = (self.instance_app, self.arrivals_ns, self.starts_ns, self.ends_ns)
        rounds = (self.round_start_ns, self.round_end_ns, self.round_ready)
        for arrays in (rows, instances, rounds):
            if len({a.shape for a in arrays}) != 1 or arrays[0].ndim != 1:
                raise ValueError(f"columns of one table differ in length: {[a.shape for a in arrays]}")

    def __len__(self) -> int:
        """Executed tasks."""
        return len(self.task)

    @property
    def makespan_ns(self) -> int:
        """First arrival to last end."""
        return int(self.ends_ns.max() - self.arrivals_ns.min()) if len(self.ends_ns) else 0

    @property
    def latency_ns(self) -> Int64Array:
        """int64[i]: each instance's end minus its arrival."""
        return self.ends_ns - self.arrivals_ns
