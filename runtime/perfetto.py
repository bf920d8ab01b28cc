"""A run as Chrome trace events, which Perfetto (ui.perfetto.dev) opens.

A track per PE with a slice per task, and per attempt at one that failed; a slice per instance of an application, from
its arrival to its end; counters of waiting and running tasks. Where the result has them: the scheduler's rounds, a track
per core, a track per DMA port.
Every task is there, however many: the file takes some 250 bytes a task and is written in pieces.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.result import EmulationResult, Int64Array, Segments
from cedr.runtime.trace import Sink, call_shape, fill, row_slices
from cedr.target.files import write_atomically

PES: Final = 1
APPLICATIONS: Final = 2
SCHEDULER: Final = 3
CORES: Final = 4
PORTS: Final = 5
"""The `pid` of each group of tracks; the `tid` in it is the index and 1."""


def write_perfetto(result: EmulationResult, path: str | os.PathLike[str]) -> None:
    """Write the trace. Times are in microseconds, as the format has them, with three decimals: exact nanoseconds.

    The `metadata` say what the run was made on and under (`Setting`), and the counts behind the warm-up.
    The events are those of the whole run; instances of the warm-up have `"warmup":true` among their `args`.
    """
    tasks = int((result.counted_rows & result.succeeded).sum())
    metadata = {
        "tool": "cedr",
        "tasks": tasks,
        "failed_attempts": int(result.counted_rows.sum()) - tasks,
        "instances": int(result.counted.sum()),
        "makespan_ns": result.makespan_ns,
        "warmup_ns": result.warmup_ns,
        **(asdict(result.setting) if result.setting is not None else {}),
    }
    with write_atomically(path) as stream:
        stream.write(f'{{"displayTimeUnit":"ns","metadata":{json.dumps(metadata)},"traceEvents":[\n'.encode())
        stream.write(",\n".join(_names(result)).encode())
        _write_tasks(result, stream)
        _write_instances(result, stream)
        _write_counters(result, stream)
        _write_rounds(result, stream)
        for pid, segments in ((CORES, result.core_segments), (PORTS, result.port_segments)):
            if segments is not None:
                _write_segments(segments, pid, stream)
        stream.write(b"\n]}\n")


def load_over_time(result: EmulationResult) -> tuple[Int64Array, Int64Array, Int64Array]:
    """When the numbers change, ascending, and from then on: the tasks that are ready and wait, those that run.

    int64[times] each; after the last time both are 0.
    """
    n = len(result)
    times = np.concatenate([result.ready_ns, result.start_ns, result.end_ns])
    order = np.argsort(times, kind="stable")
    times = times[order]
    kind = order // max(1, n)
    waiting = np.cumsum(np.array([1, -1, 0], np.int64)[kind])
    running = np.cumsum(np.array([0, 1, -1], np.int64)[kind])
    last = np.flatnonzero(np.append(np.diff(times) != 0, True)[: len(times)])
    return times[last], waiting[last], running[last]


def _names(result: EmulationResult) -> list[str]:
    def named(kind: str, pid: int, tid: int, **args: object) -> str:
        return json.dumps({"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": args}, separators=(",", ":"))

    groups: list[tuple[int, str, Sequence[str]]] = [
        (PES, "processing elements", result.pes),
        (APPLICATIONS, "applications", ()),
        (SCHEDULER, "scheduler", ("rounds",) if len(result.round_ready) else ()),
    ]
    if result.core_segments is not None:
        groups.append((CORES, "cores", result.core_segments.lanes))
    if result.port_segments is not None:
        groups.append((PORTS, "DMA ports", result.port_segments.lanes))
    events = []
    for pid, group, tracks in groups:
        events.append(named("process_name", pid, 0, name=group))
        events.append(named("process_sort_index", pid, 0, sort_index=pid))
        for track, name in enumerate(tracks):
            events.append(named("thread_name", pid, track + 1, name=name))
            events.append(named("thread_sort_index", pid, track + 1, sort_index=track))
    return events


def _write_tasks(result: EmulationResult, stream: Sink) -> None:
    """A failed attempt is named so, which gives it a colour of its own, and has the category `failed`."""
    heads, tails = [], []
    for call in result.classes:
        name, shape = call.label or call.api, f"{call.api} {call.dtype} {call_shape(call)}".rstrip()
        for title, category in ((name, "task"), (f"{name} (failed)", "failed")):
            heads.append(f',\n{{"ph":"X","cat":"{category}","pid":{PES},"name":{json.dumps(title)},"tid":')
        tails.append(f',"call":{json.dumps(shape)}}}}}')
    apps = [json.dumps(name) for name in result.app_names]
    template = '%s%d,"ts":%d.%03d,"dur":%d.%03d,"args":{"app":%s,"instance":%d,"task":%d,"ready_ns":%d%s'
    failed = ~result.succeeded
    for rows in row_slices(len(result)):
        start = result.start_ns[rows]
        classes = result.task_class[rows]
        columns = (
            [heads[h] for h in (2 * classes + failed[rows]).tolist()],
            (result.pe[rows] + 1).tolist(),
            *_microseconds(start),
            *_microseconds(result.end_ns[rows] - start),
            [apps[a] for a in result.app[rows].tolist()],
            result.instance[rows].tolist(),
            result.task[rows].tolist(),
            result.ready_ns[rows].tolist(),
            [tails[c] for c in classes.tolist()],
        )
        stream.write(fill(template, columns).encode())


def _write_instances(result: EmulationResult, stream: Sink) -> None:
    """Asynchronous slices: instances of one application overlap. One that did not come to its end stays open."""
    apps = [json.dumps(name) for name in result.app_names]
    head = f'"cat":"application","pid":{APPLICATIONS},"tid":0'
    begin = ',\n{"ph":"b",' + head + ',"id":%d,"name":%s,"ts":%d.%03d,"args":{"instance":%d,"start_ns":%d%s}}'
    finish = ',\n{"ph":"e",' + head + ',"id":%d,"name":%s,"ts":%d.%03d}'
    for rows in row_slices(len(result.instance_app)):
        instance = np.arange(rows.start, rows.stop)
        names = [apps[a] for a in result.instance_app[rows].tolist()]
        ids = instance.tolist()
        early = ["" if counted else ',"warmup":true' for counted in result.counted[rows].tolist()]
        columns = (ids, names, *_microseconds(result.arrivals_ns[rows]), ids, result.starts_ns[rows].tolist(), early)
        stream.write(fill(begin, columns).encode())
        ended = instance[result.ends_ns[rows] >= 0]
        names = [apps[a] for a in result.instance_app[ended].tolist()]
        stream.write(fill(finish, (ended.tolist(), names, *_microseconds(result.ends_ns[ended]))).encode())


def _write_counters(result: EmulationResult, stream: Sink) -> None:
    times, waiting, running = load_over_time(result)
    template = f',\n{{"ph":"C","pid":{SCHEDULER},"name":"tasks"'
    template += ',"ts":%d.%03d,"args":{"waiting":%d,"running":%d}}'
    for rows in row_slices(len(times)):
        columns = (*_microseconds(times[rows]), waiting[rows].tolist(), running[rows].tolist())
        stream.write(fill(template, columns).encode())


def _write_rounds(result: EmulationResult, stream: Sink) -> None:
    template = f',\n{{"ph":"X","pid":{SCHEDULER},"tid":1,"name":"round"'
    template += ',"ts":%d.%03d,"dur":%d.%03d,"args":{"ready":%d}}'
    for rows in row_slices(len(result.round_ready)):
        start = result.round_start_ns[rows]
        taken = _microseconds(result.round_end_ns[rows] - start)
        columns = (*_microseconds(start), *taken, result.round_ready[rows].tolist())
        stream.write(fill(template, columns).encode())


def _write_segments(segments: Segments, pid: int, stream: Sink) -> None:
    owners = [f',\n{{"ph":"X","pid":{pid},"name":{json.dumps(name)},"tid":' for name in segments.owners]
    kinds = [f',"args":{{"kind":{json.dumps(name)}}}}}' for name in segments.kinds]
    for rows in row_slices(len(segments)):
        start = segments.start_ns[rows]
        columns = (
            [owners[o] for o in segments.owner[rows].tolist()],
            (segments.lane[rows] + 1).tolist(),
            *_microseconds(start),
            *_microseconds(segments.end_ns[rows] - start),
            [kinds[k] for k in segments.kind[rows].tolist()],
        )
        stream.write(fill('%s%d,"ts":%d.%03d,"dur":%d.%03d%s', columns).encode())


def _microseconds(time_ns: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Whole microseconds and the nanoseconds beyond."""
    return (time_ns // 1000).tolist(), (time_ns % 1000).tolist()
