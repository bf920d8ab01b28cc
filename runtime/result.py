"""What an emulation gives back: every executed task with its times, as flat arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.fault import FaultReport
from cedr.target.api import CallClass

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
UInt32Array = NDArray[np.uint32]

ROWS_AT_ONCE: Final = 50_000
"""Rows that a writer formats at once: some tens of megabytes at most, however long the run."""


def _no_times() -> Int64Array:
    return np.empty(0, np.int64)


def _none() -> NDArray[np.bool_]:
    return np.empty(0, np.bool_)


def _no_costs() -> Int64Array:
    return np.empty((0, 0), np.int64)


def _no_indices() -> Int32Array:
    return np.empty(0, np.int32)


def _same_length(*columns: NDArray[Any]) -> None:
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise ValueError(f"columns of one table differ in length: {[column.shape for column in columns]}")


@dataclass(frozen=True)
class RunNames:
    """What the indices of a run's rows stand for, known before it starts.

    core_of: int32[PEs], the core that each PE's worker runs on, -1 where it has none; empty where the OS model has no
    cores. cost_ns: int64[classes, PEs] as in `EmulationResult`, or empty. early: bool[instances], those that arrive
    before the warm-up is over; empty where there is no warm-up.
    """

    pes: tuple[str, ...]
    app_names: tuple[str, ...]
    classes: tuple[CallClass, ...]
    core_of: Int32Array = field(default_factory=_no_indices)
    cost_ns: Int64Array = field(default_factory=_no_costs)
    early: NDArray[np.bool_] = field(default_factory=_none)


@dataclass(frozen=True)
class Setting:
    """What a run was made on and under."""

    platform: str
    hw: str
    """The composition, in its canonical spelling."""
    scheduler: str
    os_model: str
    seed: int
    without: tuple[str, ...] = ()
    """Effects of the OS model that were left out."""
    queueing: bool = True

    @property
    def text(self) -> str:
        """In one line: `zcu102 C3+F1, EFT, linux-cfs without polling, seed 0`."""
        left_out = f" without {', '.join(self.without)}" if self.without else ""
        waiting = "" if self.queueing else ", no queueing"
        return f"{self.platform} {self.hw}, {self.scheduler}, {self.os_model}{left_out}{waiting}, seed {self.seed}"


@dataclass(frozen=True)
class TaskRows:
    """Executed tasks, ascending by start_ns: the columns of `EmulationResult`; the last one may be empty."""

    app: Int32Array
    instance: Int32Array
    task: UInt32Array
    task_class: Int32Array
    pe: Int32Array
    ready_ns: Int64Array
    start_ns: Int64Array
    end_ns: Int64Array
    failed: NDArray[np.bool_] = field(default_factory=_none)

    def __len__(self) -> int:
        return len(self.task)

    def without_failed(self) -> TaskRows:
        """All rows but the failed attempts."""
        return self if not self.failed.any() else _task_rows(self, ~self.failed)


@dataclass(frozen=True)
class RoundRows:
    """Scheduling rounds with a non-empty ready queue, in order: int64[r] each; `ready` counts the tasks in the queue."""

    start_ns: Int64Array
    end_ns: Int64Array
    ready: Int64Array

    def __len__(self) -> int:
        return len(self.ready)


@dataclass(frozen=True)
class InstanceRows:
    """Instances that came to their end, in the order of their ends: int32[i] instance, app; int64[i] times."""

    instance: Int32Array
    app: Int32Array
    arrival_ns: Int64Array
    start_ns: Int64Array
    end_ns: Int64Array

    def __len__(self) -> int:
        return len(self.instance)


def _task_rows(source: TaskRows | EmulationResult, rows: slice | NDArray[np.bool_]) -> TaskRows:
    """Some rows of all columns that are not empty."""
    columns = {column.name: getattr(source, column.name) for column in fields(TaskRows)}
    return TaskRows(**{name: values[rows] if len(values) else values for name, values in columns.items()})


@dataclass(frozen=True)
class Piece:
    """A part of a run's rows. The pieces up to any one hold a prefix of each table that will not change any more."""

    tasks: TaskRows
    rounds: RoundRows
    instances: InstanceRows


@dataclass(frozen=True)
class Segments:
    """Who held a lane (a core, a DMA port) and when: one row a stretch of time, no two of a lane at once.

    lane int16[s]: index into `lanes`; owner int32[s]: index into `owners` (the threads of cores, the PEs of ports);
    kind int8[s]: index into `kinds`; start_ns, end_ns int64[s]. In any order.
    """

    lanes: tuple[str, ...]
    owners: tuple[str, ...]
    kinds: tuple[str, ...]
    lane: NDArray[np.int16]
    owner: Int32Array
    kind: NDArray[np.int8]
    start_ns: Int64Array
    end_ns: Int64Array

    def __post_init__(self) -> None:
        _same_length(self.lane, self.owner, self.kind, self.start_ns, self.end_ns)

    def __len__(self) -> int:
        return len(self.lane)


@dataclass(frozen=True)
class EmulationResult:
    """A run in virtual time, integer nanoseconds from the start of the emulation.

    One row per executed task (joins run nowhere and have none), ascending by (start_ns, then the engine's own order):

    app, instance  int32[n]: the application (index into `app_names`), and the instance, counted over the whole run
    task           uint32[n]: the task's id in its application's record
    task_class     int32[n]: index into `classes`
    pe             int32[n]: index into `pes`
    ready_ns, start_ns, end_ns   int64[n]

    One row per instance: instance_app int32[i], arrivals_ns, starts_ns, ends_ns int64[i]; ends_ns is -1 for an instance
    that did not come to its end.
    One row per scheduling round with a non-empty ready queue, if they were recorded: round_start_ns, round_end_ns,
    round_ready int64[r] (tasks that were ready).

    Where they are known, else empty or None:

    cost_ns        int64[classes, PEs]: what the platform says that such a call takes on that PE, -1 where it is not offered.
                   Under `ideal` a task takes just that; under an OS model with cores, end_ns - start_ns also has the waiting
                   for a core or a port, contention, and waking the thread that waits for the task
    core_of        int32[PEs]: the core of each PE's worker, -1 where it has none
    failed         bool[n]: the attempts that came to nothing, by a fault; each task that succeeded has one row that is not
    faults         what went wrong and what was done about it, in order of time; every instance without an end is named
    core_segments  which thread held each core when; port_segments: which PE each DMA port. Recorded on request.
    setting        what the run was made on and under; None where only times were given (`emulator.emulate_on`)

    Figures are about what is `counted`: the instances that arrive at warmup_ns or later. The rows hold all.

    deadline_ns    int64[applications]: from an instance's arrival to its end; -1: none. Empty: none for any
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

    cost_ns: Int64Array = field(default_factory=_no_costs)
    core_of: Int32Array = field(default_factory=_no_indices)
    core_segments: Segments | None = None
    port_segments: Segments | None = None
    failed: NDArray[np.bool_] = field(default_factory=_none)
    faults: tuple[FaultReport, ...] = ()
    setting: Setting | None = None
    warmup_ns: int = 0
    deadline_ns: Int64Array = field(default_factory=_no_times)

    def __post_init__(self) -> None:
        optional = [self.failed] if len(self.failed) else []
        rows = (self.app, self.instance, self.task, self.task_class, self.pe, self.ready_ns, self.start_ns, self.end_ns)
        _same_length(*rows, *optional)
        _same_length(self.instance_app, self.arrivals_ns, self.starts_ns, self.ends_ns)
        _same_length(self.round_start_ns, self.round_end_ns, self.round_ready)
        if self.cost_ns.size and self.cost_ns.shape != (len(self.classes), len(self.pes)):
            expected = f"{len(self.classes)} classes and {len(self.pes)} PEs"
            raise ValueError(f"cost_ns has the shape {self.cost_ns.shape} for {expected}")
        if len(self.core_of) not in (0, len(self.pes)):
            raise ValueError(f"core_of has {len(self.core_of)} entries for {len(self.pes)} PEs")
        if len(self.deadline_ns) not in (0, len(self.app_names)):
            raise ValueError(f"deadline_ns has {len(self.deadline_ns)} entries for {len(self.app_names)} applications")

    def __len__(self) -> int:
        """Executed tasks."""
        return len(self.task)

    @property
    def succeeded(self) -> NDArray[np.bool_]:
        """bool[n]: all rows but the failed attempts."""
        return ~self.failed if len(self.failed) else np.ones(len(self), np.bool_)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """bool[i]: the instances that figures are about, which arrive when the warm-up is over."""
        counted: NDArray[np.bool_] = self.arrivals_ns >= self.warmup_ns
        return counted

    @property
    def finished(self) -> NDArray[np.bool_]:
        """bool[i]: those of them that came to their end."""
        return self.counted & (self.ends_ns >= 0)

    @property
    def late(self) -> NDArray[np.bool_]:
        """bool[i]: the instances, counted or not, that ended behind their deadline, or did not end and have one."""
        if not len(self.deadline_ns):
            return np.zeros(len(self.ends_ns), np.bool_)
        deadline = self.deadline_ns[self.instance_app]
        late: NDArray[np.bool_] = (deadline >= 0) & ((self.ends_ns < 0) | (self.ends_ns - self.arrivals_ns > deadline))
        return late

    @property
    def counted_rows(self) -> NDArray[np.bool_]:
        """bool[n]: the rows of counted instances, failed attempts and all."""
        rows: NDArray[np.bool_] = self.counted[self.instance]
        return rows

    def busy_ns(self, index: NDArray[Any], n: int, *, counted: bool = False) -> Int64Array:
        """int64[n]: the time on PEs, failed attempts and all, of the rows with each index; index: integers[rows].

        counted: only of the rows of counted instances.
        """
        rows = self.counted_rows if counted else slice(None)
        busy: Int64Array = np.zeros(n, np.int64)
        np.add.at(busy, index[rows], (self.end_ns - self.start_ns)[rows])
        return busy

    @property
    def utilisation(self) -> NDArray[np.float64]:
        """float64[PEs]: busy time in `span_ns` over its length, whichever instances a PE worked for."""
        busy = np.zeros(len(self.pes), np.int64)
        np.add.at(busy, self.pe, self.in_span_ns)
        begin, end = self.span_ns
        share: NDArray[np.float64] = busy / max(1, end - begin)
        return share

    @property
    def in_span_ns(self) -> Int64Array:
        """int64[n]: how much of each row's time is in `span_ns`, whichever instance it is of."""
        begin, end = self.span_ns
        inside: Int64Array = np.maximum(0, np.minimum(self.end_ns, end) - np.maximum(self.start_ns, begin))
        return inside

    @property
    def rounds_in_span(self) -> RoundRows:
        """The scheduling rounds in `span_ns`, cut off where it begins and ends."""
        begin, end = self.span_ns
        inside = (self.round_end_ns > begin) & (self.round_start_ns < end)
        start, stop = (np.clip(times[inside], begin, end) for times in (self.round_start_ns, self.round_end_ns))
        return RoundRows(start, stop, self.round_ready[inside])

    @property
    def span_ns(self) -> tuple[int, int]:
        """The first arrival of a counted instance, the last end of one or of a task of one; use of PEs is measured in it.

        Empty, (t, t), where nothing came of them.
        """
        counted = self.counted
        if not counted.any():
            return 0, 0
        begin = int(self.arrivals_ns[counted].min())
        tasks = self.end_ns if counted.all() else self.end_ns[counted[self.instance]]
        return begin, max(begin, int(self.ends_ns[counted].max()), int(tasks.max(initial=0)))

    @property
    def picture_ns(self) -> tuple[int, int]:
        """What a picture shows, the warm-up too: the first arrival, the last end of an instance or a task; never empty."""
        begin = int(self.arrivals_ns.min()) if len(self.arrivals_ns) else 0
        return begin, max(begin + 1, int(self.ends_ns.max(initial=0)), int(self.end_ns.max(initial=0)))

    @property
    def makespan_ns(self) -> int | None:
        """First arrival of a counted instance to the last end of one; None where none came to its end."""
        finished = self.finished
        return int(self.ends_ns[finished].max() - self.arrivals_ns[self.counted].min()) if finished.any() else None

    @property
    def latency_ns(self) -> Int64Array:
        """int64[counted instances that came to their end]: end minus arrival."""
        done = self.finished
        latency: Int64Array = self.ends_ns[done] - self.arrivals_ns[done]
        return latency

    @property
    def names(self) -> RunNames:
        """What the indices stand for."""
        early = ~self.counted if self.warmup_ns else _none()
        return RunNames(self.pes, self.app_names, self.classes, self.core_of, self.cost_ns, early)

    def pieces(self, n_rows: int = ROWS_AT_ONCE) -> Iterator[Piece]:
        """The run in pieces of at most n_rows rows of each table, as a run that is still going would hand them out."""
        joined = self._joined()
        longest = max(len(self), len(self.round_ready), len(joined))
        for begin in range(0, longest, n_rows):
            part = slice(begin, begin + n_rows)
            yield self._piece(part, part, joined[part])

    def _joined(self) -> Int32Array:
        """The instances that have ended, in the order of their ends."""
        joined = np.argsort(self.ends_ns, kind="stable").astype(np.int32)
        return joined[self.ends_ns[joined] >= 0]

    def _piece(self, tasks: slice, rounds: slice, who: Int32Array) -> Piece:
        return Piece(
            _task_rows(self, tasks),
            RoundRows(self.round_start_ns[rounds], self.round_end_ns[rounds], self.round_ready[rounds]),
            InstanceRows(who, self.instance_app[who], self.arrivals_ns[who], self.starts_ns[who], self.ends_ns[who]),
        )


class Sent:
    """How much of a run that is going on was handed out: what is new of it comes in, the next piece goes out."""

    def __init__(self) -> None:
        self.tasks = self._rounds = self._instances = 0

    def final(self, new: EmulationResult, now_ns: int) -> Piece:
        """What will not change any more: tasks up to the first that has not ended before now, instances that have.

        What ends now may still turn out to have failed. new: the run so far, its rows of tasks from `tasks` on.
        """
        open_tasks = np.flatnonzero((new.end_ns < 0) | (new.end_ns >= now_ns))
        joined = new._joined()
        whole = int(open_tasks[0]) if len(open_tasks) else len(new)
        return self._next(new, slice(0, whole), joined[new.ends_ns[joined] < now_ns])

    def rest(self, result: EmulationResult) -> Piece:
        """All that is left of a run that is over, given with all its rows."""
        return self._next(result, slice(self.tasks, len(result)), result._joined())

    def _next(self, result: EmulationResult, tasks: slice, joined: Int32Array) -> Piece:
        rounds = len(result.round_ready)
        piece = result._piece(tasks, slice(self._rounds, rounds), joined[self._instances :])
        self.tasks, self._rounds, self._instances = self.tasks + tasks.stop - tasks.start, rounds, len(joined)
        return piece
