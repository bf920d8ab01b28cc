"""A run read back from the folder that `--out` wrote, or that CEDR logged to, as far as it is written there."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Final

import numpy as np

from cedr.runtime.result import EmulationResult
from cedr.runtime.trace import CSV_COLUMNS, LogError, read_appruntime_trace, read_timing_trace
from cedr.target.api import CallClass

RUN_FILES: Final = ("tasks.csv", "timing_trace.log")
"""One of them is enough to tell a run's folder."""

_PE: Final = re.compile(r"(.*?)(\d*)")


def read_run(folder: Path) -> EmulationResult:
    """From tasks.csv and instances.csv, else from timing_trace.log and appruntime_trace.log, ours or CEDR's.

    What is not written there is not known: costs, rounds, faults, the setting; of a run with a warm-up, that is over when
    the first instance behind it arrives. PEs that had no task are known from pes.csv only. Times of CEDR's logs are
    counted from their first one. Raises LogError, with the file and the line, for what can't be read.
    """
    return _from_tables(folder) if (folder / RUN_FILES[0]).is_file() else _from_logs(folder)


def _from_tables(folder: Path) -> EmulationResult:
    tasks, apps, classes, pes = folder / RUN_FILES[0], _Names(), _Names(), _Names()
    if (folder / "pes.csv").is_file():
        for _, row in _rows(folder / "pes.csv", ("pe", "api")):
            pes.place(row["pe"])
    rows: list[tuple[int, ...]] = []
    for line, row in _rows(tasks, CSV_COLUMNS):
        try:
            rows.append(
                (
                    apps.place(row["app_name"]),
                    int(row["app_id"]),
                    int(row["task_id"]),
                    classes.place((row["api"], row["dtype"], row["shape"], row["label"])),
                    pes.place(row["pe"]),
                    *(int(row[name]) for name in ("ready_ns", "start_ns", "end_ns", "failed")),
                )
            )
        except ValueError as error:
            raise LogError(f"{tasks}:{line}: no task: {error}") from error
    instances = folder / "instances.csv"
    entries: list[tuple[int, ...]] = []
    for line, row in _rows(instances, ("app_name", "arrival_ns", "start_ns", "end_ns", "warmup")):
        try:
            times = (int(row["arrival_ns"]), int(row["start_ns"]), int(row["end_ns"] or -1), int(row["warmup"]))
        except ValueError as error:
            raise LogError(f"{instances}:{line}: no instance: {error}") from error
        entries.append((apps.place(row["app_name"]), *times))
    table, arrived = np.array(rows, np.int64).reshape(-1, 9), np.array(entries, np.int64).reshape(-1, 5)
    if len(table) and int(table[:, 1].max()) >= len(arrived):
        raise LogError(f"{instances}: has {len(arrived)} instances, and {tasks.name} names {int(table[:, 1].max())}")
    counted = arrived[arrived[:, 4] == 0, 1]
    warmup_ns = int(counted.min()) if len(counted) < len(arrived) and len(counted) else 0
    return _result(
        apps.names,
        [_call(*key) for key in classes.names],
        pes.names,
        table[:, :8],
        arrived,
        table[:, 8] == 1,
        warmup_ns,
    )


def _from_logs(folder: Path) -> EmulationResult:
    timing = read_timing_trace(folder / RUN_FILES[1])
    n_instances = int(timing.app_id.max(initial=-1)) + 1
    app_of = np.zeros(n_instances, np.int64)
    app_of[timing.app_id] = timing.app
    first, last = np.full(n_instances, np.iinfo(np.int64).max), np.full(n_instances, -1, np.int64)
    np.minimum.at(first, timing.app_id, timing.start_ns)
    np.maximum.at(last, timing.app_id, timing.stop_ns)
    arrivals, starts, ends = first.copy(), first, last
    path = folder / "appruntime_trace.log"
    if path.is_file():
        runs = read_appruntime_trace(path)
        known = runs.app_id < n_instances
        own = runs.app_id[known]
        arrivals[own], starts[own], ends[own] = runs.arrival_ns[known], runs.start_ns[known], runs.end_ns[known]
    begin = int(arrivals.min(initial=int(timing.start_ns.min(initial=0)))) if n_instances else 0
    there = first < np.iinfo(np.int64).max
    arrivals, starts, ends = (np.where(there, times - begin, 0) for times in (arrivals, starts, ends))
    order = np.argsort(timing.start_ns, kind="stable")
    columns = (timing.app, timing.app_id, timing.task_id, timing.api, timing.pe)
    times = (timing.start_ns - begin, timing.start_ns - begin, timing.stop_ns - begin)
    table = np.stack([*columns, *times], axis=1).astype(np.int64)[order]
    arrived = np.stack([app_of, arrivals, starts, ends], axis=1)
    calls = [CallClass(api, "") for api in timing.apis]
    pes = sorted(timing.pes, key=_type_and_number)
    table[:, 4] = np.array([pes.index(pe) for pe in timing.pes], np.int64)[table[:, 4]]
    return _result(list(timing.app_names), calls, pes, table, arrived, np.zeros(len(table), np.bool_), 0)


def _result(
    apps: list[Any], classes: list[CallClass], pes: list[Any], table: Any, arrived: Any, failed: Any, warmup_ns: int
) -> EmulationResult:
    """table: int64[n, 8], app to end_ns; arrived: int64[instances, 4 or more], app, arrival, start, end."""
    app, instance, task, task_class, pe, ready_ns, start_ns, end_ns = table.T
    return EmulationResult(
        pes=tuple(pes),
        app_names=tuple(apps),
        classes=tuple(classes),
        app=app.astype(np.int32),
        instance=instance.astype(np.int32),
        task=task.astype(np.uint32),
        task_class=task_class.astype(np.int32),
        pe=pe.astype(np.int32),
        ready_ns=ready_ns,
        start_ns=start_ns,
        end_ns=end_ns,
        instance_app=arrived[:, 0].astype(np.int32),
        arrivals_ns=arrived[:, 1],
        starts_ns=arrived[:, 2],
        ends_ns=arrived[:, 3],
        failed=failed if failed.any() else np.empty(0, np.bool_),
        warmup_ns=warmup_ns,
    )


class _Names:
    """Places of names, in the order in which they come."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}

    def place(self, name: Any) -> int:
        return self._places.setdefault(name, len(self._places))

    @property
    def names(self) -> list[Any]:
        return list(self._places)


def _rows(path: Path, columns: tuple[str, ...]) -> Any:
    """(line, row by column) of a table that has these columns. A last line that is cut ends it."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise LogError(f"{path}:1: has no column {missing[0]!r}; a run's {path.name} has it")
            for row in reader:
                if None in row.values():
                    return
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LogError(f"{path}: can't be read: {reason}") from error


def _call(api: str, dtype: str, shape: str, label: str) -> CallClass:
    dims: dict[str, int] = {}
    attributes: dict[str, object] = {}
    for part in shape.split():
        name, _, value = part.partition("=")
        if value.isdigit():
            dims[name] = int(value)
        else:
            attributes[name] = {"True": True, "False": False}.get(value, value)
    return CallClass(api, dtype, dims, attributes, label)


def _type_and_number(pe: str) -> tuple[int, str, int]:
    """PEs in the order of a composition: CPUs first."""
    match = _PE.fullmatch(pe)
    assert match is not None
    return match[1] != "cpu", match[1], int(match[2] or 0)
