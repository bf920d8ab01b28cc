"""A run's rows as text, piece by piece: CEDR's three logs, to the letter, and tasks.csv with all that is known of a task.

A finished result is written whole or not at all (`write_logs`). A run that is still going appends (`streaming_logs`):
whole lines, so that after a crash, a kill or Ctrl-C each file holds what was executed up to there. A line that the
kernel cut in two is recognised by the readers.

The formats are those of CEDR (UA-RCL/CEDR 96eeda6) in API mode; times are in ns.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.result import (
    ROWS_AT_ONCE,
    EmulationResult,
    InstanceRows,
    Int32Array,
    Int64Array,
    Piece,
    RoundRows,
    RunNames,
    TaskRows,
)
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.files import OutputError, write_atomically

MAX_APP_NAME: Final = 49
"""CEDR cuts the names of applications to this length."""

CSV_COLUMNS: Final = (
    "app_id",
    "app_name",
    "task_id",
    "api",
    "label",
    "dtype",
    "shape",
    "pe",
    "core",
    "ready_ns",
    "start_ns",
    "end_ns",
    "wait_ns",
    "duration_ns",
    "cost_ns",
    "macs",
    "flops",
    "bytes_in",
    "bytes_out",
    "failed",
    "warmup",
)


class Sink(Protocol):
    """Where a writer's bytes go: a binary stream, or a file without a buffer."""

    def write(self, data: bytes, /) -> int: ...


Rows = TypeVar("Rows", TaskRows, RoundRows, InstanceRows)


class LogWriter(Generic[Rows]):
    """Writes one file of a run, in pieces."""

    def __init__(self, stream: Sink) -> None:
        self._stream = stream

    def write(self, piece: Piece) -> None:
        """Append the piece's rows, as whole lines."""
        table = self._table(piece)
        for rows in row_slices(len(table)):
            self._stream.write(self._lines(table, rows).encode("utf-8", "backslashreplace"))

    def finish(self) -> None:
        """Append what stands at the end of a run that came to its end."""

    def _table(self, piece: Piece) -> Rows:
        """The rows of the piece that the file is made of."""
        raise NotImplementedError

    def _lines(self, table: Rows, rows: slice) -> str:
        raise NotImplementedError


class TimingTrace(LogWriter[TaskRows]):
    """timing_trace.log: a line a task that was done, sorted by start.

    app_id counts the instances of the run, task_id is the task's id in its application, task_name the API. The format
    has no way to tell a failed attempt, so there is none in it: a task stands there once, as it was done.
    """

    def __init__(self, stream: Sink, names: RunNames) -> None:
        super().__init__(stream)
        self._apps = [f", app_name: {log_name(name)}, task_id: " for name in names.app_names]
        self._tasks = [f", task_name: {call.api}, resource_name: " for call in names.classes]
        self._pes = [f"{name}, ref_start_time: " for name in names.pes]

    def _table(self, piece: Piece) -> TaskRows:
        return piece.tasks.without_failed()

    def _lines(self, table: TaskRows, rows: slice) -> str:
        start, end = table.start_ns[rows], table.end_ns[rows]
        columns = (
            table.instance[rows].tolist(),
            _pick(self._apps, table.app[rows]),
            table.task[rows].tolist(),
            _pick(self._tasks, table.task_class[rows]),
            _pick(self._pes, table.pe[rows]),
            start.tolist(),
            end.tolist(),
            (end - start).tolist(),
        )
        return fill("app_id: %d%s%d%s%s%d, ref_stop_time: %d, actual_exe_time: %d\n", columns)


class TasksCsv(LogWriter[TaskRows]):
    """tasks.csv: a row an attempt at a task with the columns `CSV_COLUMNS`, sorted by start.

    shape holds the call's dims and attributes; wait_ns is start minus ready, duration_ns end minus start; macs, flops
    and bytes are those of the call's class. failed is 1 for an attempt that came to nothing, by a fault; warmup is 1
    for one of an instance of the warm-up, which counts in no figure. core is empty where the OS model has none; cost_ns
    is what the platform says that the call takes on its PE, empty where only times were given.
    """

    def __init__(self, stream: Sink, names: RunNames) -> None:
        super().__init__(stream)
        self._apps = [f",{csv_field(name)}," for name in names.app_names]
        self._before, self._after = [], []
        for call in names.classes:
            self._before.append(f",{call.api},{csv_field(call.label)},{call.dtype},{csv_field(call_shape(call))},")
            self._after.append(f",{call.macs},{call.flops},{call.bytes_in},{call.bytes_out},")
        self._early, self._cost_ns = names.early, names.cost_ns
        cores = names.core_of.tolist() or [-1] * len(names.pes)
        self._pes = [
            f"{csv_field(name)},{core if core >= 0 else ''}," for name, core in zip(names.pes, cores, strict=True)
        ]
        stream.write((",".join(CSV_COLUMNS) + "\n").encode())

    def _table(self, piece: Piece) -> TaskRows:
        return piece.tasks

    def _lines(self, table: TaskRows, rows: slice) -> str:
        ready, start, end = table.ready_ns[rows], table.start_ns[rows], table.end_ns[rows]
        classes = table.task_class[rows]
        columns = (
            table.instance[rows].tolist(),
            _pick(self._apps, table.app[rows]),
            table.task[rows].tolist(),
            _pick(self._before, classes),
            _pick(self._pes, table.pe[rows]),
            ready.tolist(),
            start.tolist(),
            end.tolist(),
            (start - ready).tolist(),
            (end - start).tolist(),
            self._cost_ns[classes, table.pe[rows]].tolist() if self._cost_ns.size else [""] * len(ready),
            _pick(self._after, classes),
            table.failed[rows].tolist() or [False] * len(ready),
            self._early[table.instance[rows]].tolist() if len(self._early) else [False] * len(ready),
        )
        return fill("%d%s%d%s%s%d,%d,%d,%d,%d,%s%s%d,%d\n", columns)


class ScheduleTrace(LogWriter[RoundRows]):
    """schedule_trace.log: a line a scheduling round with a non-empty queue (`sheduling` is CEDR's own spelling).

    The last line, without a newline, adds them up: a log without it is of a run that did not come to its end.
    """

    def __init__(self, stream: Sink, names: RunNames) -> None:
        super().__init__(stream)
        self._ready = 0
        self._overhead_ns = 0

    def _table(self, piece: Piece) -> RoundRows:
        return piece.rounds

    def _lines(self, table: RoundRows, rows: slice) -> str:
        ready, start, end = table.ready[rows], table.start_ns[rows], table.end_ns[rows]
        self._ready += int(ready.sum())
        self._overhead_ns += int((end - start).sum())
        template = "ready_queue_size: %d, ref_start_time: %d, ref_stop_time: %d, sheduling_overhead: %d ns\n"
        return fill(template, (ready.tolist(), start.tolist(), end.tolist(), (end - start).tolist()))

    def finish(self) -> None:
        total = f"total_ready_tasks: {self._ready}, total_scheduling_overhead: {self._overhead_ns} ns"
        self._stream.write(total.encode())


class AppruntimeTrace(LogWriter[InstanceRows]):
    """appruntime_trace.log: a line an instance that came to its end, in that order, with a blank before the newline.

    app_runtime is end minus start (of the instance's main thread), app_lifetime end minus arrival.
    """

    def __init__(self, stream: Sink, names: RunNames) -> None:
        super().__init__(stream)
        self._apps = [f", app_name: {log_name(name)}, ref_arrival_time: " for name in names.app_names]

    def _table(self, piece: Piece) -> InstanceRows:
        return piece.instances

    def _lines(self, table: InstanceRows, rows: slice) -> str:
        arrival, start, end = table.arrival_ns[rows], table.start_ns[rows], table.end_ns[rows]
        columns = (
            table.instance[rows].tolist(),
            _pick(self._apps, table.app[rows]),
            arrival.tolist(),
            start.tolist(),
            end.tolist(),
            (end - start).tolist(),
            (end - arrival).tolist(),
        )
        template = "app_id: %d%s%d, ref_start_time: %d, ref_end_time: %d, app_runtime: %d, app_lifetime: %d \n"
        return fill(template, columns)


WRITERS: Final[dict[str, Callable[[Sink, RunNames], LogWriter[Any]]]] = {
    "timing_trace.log": TimingTrace,
    "schedule_trace.log": ScheduleTrace,
    "appruntime_trace.log": AppruntimeTrace,
    "tasks.csv": TasksCsv,
}
"""The files that are written in pieces, by name."""

DERIVED: Final = ("instances.csv", "pes.csv", "faults.csv", "gantt.svg", "trace.perfetto.json", "report.html")
"""The files beside them, made when a run is over (report.write_out); faults.csv where anything went wrong."""


class Logs:
    """The files of `WRITERS`, written side by side."""

    def __init__(self, writers: Sequence[LogWriter[Any]]) -> None:
        self._writers = writers
        self._last_ns = -1

    def write(self, piece: Piece) -> None:
        """Append a piece to every file. Raises ValueError where its tasks don't start after those written before."""
        starts = np.append(self._last_ns, piece.tasks.start_ns)
        if (np.diff(starts) < 0).any():
            raise ValueError("the rows of tasks are not ascending by start")
        self._last_ns = int(starts[-1])
        for writer in self._writers:
            writer.write(piece)


@contextmanager
def streaming_logs(directory: str | os.PathLike[str], names: RunNames) -> Iterator[Logs]:
    """The files of `WRITERS` in a directory (made if need be), for a run that is going on.

    They are there under their names from the start, and what `Logs.write` was given is in them when it returns. Where
    the block raises, they keep what they have, and schedule_trace.log has no last line. What an earlier run made there
    (`DERIVED`) is removed: it is not of this run. Raises OutputError, naming the file, where one can't be written.
    """
    with ExitStack() as stack:
        writers = []
        for name, writer in WRITERS.items():
            stream = stack.enter_context(_Appended(Path(directory) / name))
            writers.append(writer(stream, names))
        for name in DERIVED:
            with _located(Path(directory) / name) as path:
                path.unlink(missing_ok=True)
        yield Logs(writers)
        for log in writers:
            log.finish()


def write_log(
    result: EmulationResult, path: str | os.PathLike[str], writer: Callable[[Sink, RunNames], LogWriter[Any]]
) -> None:
    """Write one file of a finished run, whole or not at all: `write_log(result, "timing_trace.log", TimingTrace)`."""
    with write_atomically(path) as stream:
        log = writer(stream, result.names)
        for piece in result.pieces():
            log.write(piece)
        log.finish()


class _Appended:
    """A file that holds what was written as soon as `write` returns: no buffer that dies with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _located(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o666)

    def __enter__(self) -> _Appended:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)

    def write(self, data: bytes, /) -> int:
        left = memoryview(data)
        with _located(self._path):
            while left:
                left = left[os.write(self._file, left) :]
        return len(data)


@contextmanager
def _located(path: Path) -> Iterator[Path]:
    try:
        yield path
    except OSError as error:
        raise OutputError(f"{path}: can't be written: {error.strerror or error}") from error


# Reading.


class LogError(CedrError):
    """A line of a log that is none; the text says file, line, what was expected and what is there."""


@dataclass(frozen=True)
class TimingLog:
    """A timing_trace.log, ours or CEDR's, in the order of its lines.

    app_id, task_id, start_ns, stop_ns, exe_ns int64[n]; app, api, pe int32[n]: indices into the names.
    """

    app_names: tuple[str, ...]
    apis: tuple[str, ...]
    pes: tuple[str, ...]
    app_id: Int64Array
    app: Int32Array
    task_id: Int64Array
    api: Int32Array
    pe: Int32Array
    start_ns: Int64Array
    stop_ns: Int64Array
    exe_ns: Int64Array
    cut: bool
    """The file ends within a line, which is left out."""


@dataclass(frozen=True)
class ScheduleLog:
    """A schedule_trace.log: ready, start_ns, stop_ns, overhead_ns int64[rounds]."""

    ready: Int64Array
    start_ns: Int64Array
    stop_ns: Int64Array
    overhead_ns: Int64Array
    complete: bool
    """It has its last line: the run came to its end."""
    cut: bool
    """The file ends within a line, which is left out."""


@dataclass(frozen=True)
class AppruntimeLog:
    """An appruntime_trace.log, in the order of its lines: int64[i] each; app int32[i], an index into app_names."""

    app_names: tuple[str, ...]
    app_id: Int64Array
    app: Int32Array
    arrival_ns: Int64Array
    start_ns: Int64Array
    end_ns: Int64Array
    runtime_ns: Int64Array
    lifetime_ns: Int64Array
    cut: bool
    """The file ends within a line, which is left out."""


# A line's keys in CEDR's order, and the attribute that their values are.
_TIMING: Final = {
    "app_id": "app_id",
    "app_name": "app",
    "task_id": "task_id",
    "task_name": "api",
    "resource_name": "pe",
    "ref_start_time": "start_ns",
    "ref_stop_time": "stop_ns",
    "actual_exe_time": "exe_ns",
}
_SCHEDULE: Final = {
    "ready_queue_size": "ready",
    "ref_start_time": "start_ns",
    "ref_stop_time": "stop_ns",
    "sheduling_overhead": "overhead_ns",
}
_TOTALS: Final = {"total_ready_tasks": "ready", "total_scheduling_overhead": "overhead_ns"}
"""The attributes are those that are added up."""
_APPRUNTIME: Final = {
    "app_id": "app_id",
    "app_name": "app",
    "ref_arrival_time": "arrival_ns",
    "ref_start_time": "start_ns",
    "ref_end_time": "end_ns",
    "app_runtime": "runtime_ns",
    "app_lifetime": "lifetime_ns",
}
_NAMES: Final = {"app_name": "app_names", "task_name": "apis", "resource_name": "pes"}
"""Values that are names, and the attribute that lists them."""
_SPELT: Final = {"sheduling_overhead": "sc?heduling_overhead"}
"""Keys that CEDR spells in one way and its users in another."""
_IN_NS: Final = {"sheduling_overhead", "total_scheduling_overhead"}
"""Values with their unit behind them."""
_MOST: Final = 2**63 - 1


def read_timing_trace(path: str | os.PathLike[str]) -> TimingLog:
    """Read a timing_trace.log. Raises LogError at the first line that is none, and where the file can't be read."""
    return TimingLog(**_read(path, _TIMING))


def read_schedule_trace(path: str | os.PathLike[str]) -> ScheduleLog:
    """Read a schedule_trace.log, with `sheduling_overhead` or `scheduling_overhead`.

    Raises LogError at the first line that is none, where the last line's totals are not those of the rounds, and where
    the file can't be read.
    """
    return ScheduleLog(**_read(path, _SCHEDULE, _TOTALS))


def read_appruntime_trace(path: str | os.PathLike[str]) -> AppruntimeLog:
    """Read an appruntime_trace.log. Raises LogError at the first line that is none, and where it can't be read."""
    return AppruntimeLog(**_read(path, _APPRUNTIME))


def _read(path: str | os.PathLike[str], keys: dict[str, str], totals: dict[str, str] | None = None) -> dict[str, Any]:
    """A log's attributes by name. totals: the keys of a last line that adds up columns, where the log has one."""
    table, total = _Table(path, keys), _Table(path, totals or {})
    cut, last = False, 0
    for number, line, whole in _lines_of(path):
        if last:
            raise LogError(f"{Path(path)}:{number}: a line after the totals of line {last}")
        if totals and total.matches(line):
            total.add(number, line)
            last = number
        elif whole:
            table.add(number, line)
        else:
            cut = True
    found = table.attributes()
    for key, said in zip(total.keys, total.columns, strict=True) if last else ():
        summed = int(found[total.keys[key]].sum())
        if said[0] != summed:
            raise LogError(f"{Path(path)}:{last}: {key} is {said[0]}, but the rounds add up to {summed}")
    return {**found, "cut": cut, **({"complete": last > 0} if totals else {})}


def _lines_of(path: str | os.PathLike[str]) -> Iterator[tuple[int, str, bool]]:
    """Number, text, and whether the line ends in a newline (only the last may not)."""
    try:
        with open(path, "rb") as stream:
            for number, line in enumerate(stream, 1):
                text = line.decode("utf-8", "surrogateescape")
                yield number, text.removesuffix("\n"), text.endswith("\n")
    except OSError as error:
        raise LogError(f"{Path(path)}: can't be read: {error.strerror or error}") from error


class _Table:
    """The lines of one log, or of its totals, as columns; a name's is of places in the list of names."""

    def __init__(self, path: str | os.PathLike[str], keys: dict[str, str]) -> None:
        self._path = Path(path)
        self._fields = [f"{_SPELT.get(key, key)}: {_value(key)}" for key in keys]
        self._line = re.compile(", ".join(self._fields) + r"[ \r]*")
        self._texts: list[dict[str, int]] = [{} for _ in keys]
        self._start = list(keys).index("ref_start_time") if "ref_start_time" in keys else None
        self.keys = keys
        self.columns = [array("q") for _ in keys]

    def matches(self, line: str) -> bool:
        return self._line.fullmatch(line) is not None

    def add(self, number: int, line: str) -> None:
        """Take a line, or raise LogError."""
        found = self._line.fullmatch(line)
        if found is None:
            raise LogError(f"{self._path}:{number}: {self._fault(line)}")
        values = []
        for key, text, texts in zip(self.keys, found.groups(), self._texts, strict=True):
            value = texts.setdefault(text, len(texts)) if key in _NAMES else int(text)
            if value > _MOST:
                raise LogError(f"{self._path}:{number}: {key} is at most {_MOST}, got {text}")
            values.append(value)
        if self._start is not None and values[self._start + 1] < values[self._start]:  # the end stands behind the start
            start, end = list(zip(self.keys, values, strict=True))[self._start : self._start + 2]
            raise LogError(f"{self._path}:{number}: {end[0]} {end[1]} is before {start[0]} {start[1]}")
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)

    def _fault(self, line: str) -> str:
        """What is wrong with a line: the first field that does not fit."""
        rest = line
        for place, (key, field) in enumerate(zip(self.keys, self._fields, strict=True)):
            last = place + 1 == len(self.keys)
            found = re.match(field + (r"[ \r]*$" if last else ", "), rest)
            if found is None:
                unit = " in ns" if key in _IN_NS else ""
                kind = "a name" if key in _NAMES else "a number" + unit
                there = repr(rest if len(rest) <= 60 else rest[:60] + "...") if rest else "the end of the line"
                return f"expected `{key}: ` and {kind}{' to end the line' if last else ''}, got {there}"
            rest = rest[found.end() :]
        return "not a line of this log"

    def attributes(self) -> dict[str, Any]:
        """int64 columns, int32 ones of places, and tuples of names."""
        found: dict[str, Any] = {}
        for (key, attribute), column, texts in zip(self.keys.items(), self.columns, self._texts, strict=True):
            found[attribute] = np.array(column, np.int32 if key in _NAMES else np.int64)
            if key in _NAMES:
                found[_NAMES[key]] = tuple(texts)
        return found


def _value(key: str) -> str:
    """What a value matches. CEDR's application names are file names: a comma may be in one."""
    if key == "app_name":
        return "(.{0,255}?)"
    if key in _NAMES:
        return "([^,]+)"
    return "([0-9]{1,19})" + (" ns" if key in _IN_NS else "")


# What the writers share.


def row_slices(n_rows: int) -> Iterator[slice]:
    """Consecutive slices of at most ROWS_AT_ONCE rows."""
    for begin in range(0, n_rows, ROWS_AT_ONCE):
        yield slice(begin, min(begin + ROWS_AT_ONCE, n_rows))


def fill(template: str, columns: Sequence[Sequence[object]]) -> str:
    """The template filled once per row, joined: one formatting operation for all rows."""
    n_rows, n_columns = len(columns[0]), len(columns)
    flat: list[object] = [None] * (n_rows * n_columns)
    for index, column in enumerate(columns):
        flat[index::n_columns] = column
    return (template * n_rows) % tuple(flat)


def call_shape(call: CallClass) -> str:
    """Dims, then attributes: `n=64 kind=add`."""
    return " ".join(f"{name}={value}" for name, value in {**call.dims, **call.attributes}.items())


def log_name(name: str) -> str:
    """An application's name as CEDR's logs have it: no character that breaks a line or a field, at most 49 bytes."""
    plain = "".join(c if c.isprintable() and c != "," else "_" for c in name)
    return plain.encode()[:MAX_APP_NAME].decode(errors="ignore")


def csv_field(text: str) -> str:
    """One field, quoted where CSV (RFC 4180) needs it. To be encoded with `backslashreplace`: a name may be no UTF-8."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def _pick(texts: list[str], indices: NDArray[np.int32]) -> list[str]:
    return list(map(texts.__getitem__, indices.tolist()))
