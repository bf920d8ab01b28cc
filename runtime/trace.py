"""A run's tasks as text, streamed: CEDR's timing_trace.log, and tasks.csv with everything that is known of a task."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.result import EmulationResult
from cedr.target.files import write_atomically

ROWS_AT_ONCE = 50_000
MAX_APP_NAME = 49
"""CEDR cuts the names of applications to this length."""

CSV_COLUMNS = (
    "app_id",
    "app_name",
    "task_id",
    "api",
    "label",
    "dtype",
    "shape",
    "pe",
    "ready_ns",
    "start_ns",
    "end_ns",
    "wait_ns",
    "duration_ns",
    "macs",
    "flops",
    "bytes_in",
    "bytes_out",
)


def write_timing_trace(result: EmulationResult, path: str | os.PathLike[str]) -> None:
    """CEDR's timing_trace.log: a line a task, sorted by start time, times in ns.

    app_id counts the instances of the run, task_id is the task's id in its application, task_name the API. The
    format is that of CEDR (UA-RCL/CEDR 96eeda6) in API mode.
    """
    names = [_plain(name)[:MAX_APP_NAME] for name in result.app_names]
    apps = [
        f"app_id: {instance}, app_name: {names[app]}, task_id: "
        for instance, app in enumerate(result.instance_app.tolist())
    ]
    tasks = [f", task_name: {call.api}, resource_name: " for call in result.classes]
    pes = [f"{name}, ref_start_time: " for name in result.pes]
    template = "%s%d%s%s%d, ref_stop_time: %d, actual_exe_time: %d\n"
    with write_atomically(path) as stream:
        for rows in row_slices(len(result)):
            start, end = result.start_ns[rows], result.end_ns[rows]
            columns = (
                _pick(apps, result.instance[rows]),
                result.task[rows].tolist(),
                _pick(tasks, result.task_class[rows]),
                _pick(pes, result.pe[rows]),
                start.tolist(),
                end.tolist(),
                (end - start).tolist(),
            )
            stream.write(fill(template, columns).encode())


def write_tasks_csv(result: EmulationResult, path: str | os.PathLike[str]) -> None:
    """A CSV file with the columns `CSV_COLUMNS`, a row a task, sorted by start time.

    wait_ns is start minus ready, duration_ns end minus start; macs, flops and bytes are those of the call's class;
    shape holds its dims and attributes.
    """
    apps = [f"{instance},{_csv(result.app_names[app])}," for instance, app in enumerate(result.instance_app.tolist())]
    before, after = [], []
    for call in result.classes:
        shape = " ".join(f"{name}={value}" for name, value in (*call.dims.items(), *call.attributes.items()))
        before.append(f",{call.api},{_csv(call.label)},{call.dtype},{_csv(shape)},")
        after.append(f",{call.macs},{call.flops},{call.bytes_in},{call.bytes_out}\n")
    template = "%s%d%s%s,%d,%d,%d,%d,%d%s"
    with write_atomically(path) as stream:
        stream.write((",".join(CSV_COLUMNS) + "\n").encode())
        for rows in row_slices(len(result)):
            ready, start, end = result.ready_ns[rows], result.start_ns[rows], result.end_ns[rows]
            classes = result.task_class[rows]
            columns = (
                _pick(apps, result.instance[rows]),
                result.task[rows].tolist(),
                _pick(before, classes),
                _pick(list(result.pes), result.pe[rows]),
                ready.tolist(),
                start.tolist(),
                end.tolist(),
                (start - ready).tolist(),
                (end - start).tolist(),
                _pick(after, classes),
            )
            stream.write(fill(template, columns).encode())


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


def _pick(texts: list[str], indices: NDArray[np.int32]) -> list[str]:
    return list(map(texts.__getitem__, indices.tolist()))


def _plain(name: str) -> str:
    """A name that can't break a line or a field of CEDR's log."""
    return "".join(c if c.isprintable() and c != "," else "_" for c in name)


def _csv(text: str) -> str:
    """One field, quoted where CSV (RFC 4180) needs it."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
