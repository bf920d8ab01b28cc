"""A run as Chrome trace events, which Perfetto (ui.perfetto.dev) opens: a track per PE, a track per instance."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.result import EmulationResult, Int32Array, Int64Array
from cedr.runtime.trace import fill, row_slices
from cedr.target.files import write_atomically

MAX_SLICES: Final = 200_000
"""More tasks than this are merged: the viewer stays usable, and the file's metadata says what was done."""
MAX_INSTANCES: Final = 20_000

_PES: Final = 1
_APPLICATIONS: Final = 2


@dataclass(frozen=True)
class Slices:
    """What the tracks of the PEs show: one task, or several one after the other.

    pe, app, task_class int32[s]; first int64[s]: row of the (first) task; start_ns, end_ns, busy_ns, tasks int64[s].
    """

    pe: Int32Array
    first: Int64Array
    start_ns: Int64Array
    end_ns: Int64Array
    busy_ns: Int64Array
    tasks: Int64Array
    compaction: str
    """`none`: a slice a task. `runs`: consecutive tasks of one label on one PE. `windows`: tasks starting within one
    window of time on one PE, named after the label that takes most of it."""
    window_ns: int = 0


def compact(result: EmulationResult, most: int = MAX_SLICES) -> Slices:
    """The slices of a run: every task if there are at most `most`, else merged as little as brings them below."""
    n = len(result)
    order = np.lexsort((np.arange(n), result.start_ns, result.pe))
    pe, start, end = result.pe[order], result.start_ns[order], result.end_ns[order]
    labels = _label_ids(result)[order]
    if n <= most:
        return _merge(order, np.arange(n), pe, start, end, labels, "none", 0)
    same_pe = pe[1:] == pe[:-1]
    group = np.concatenate([[0], np.cumsum(~(same_pe & (labels[1:] == labels[:-1])))])
    if int(group[-1]) < most:
        return _merge(order, group, pe, start, end, labels, "runs", 0)
    origin = int(start.min())
    window_ns = max(1, -(-(int(end.max()) - origin + 1) * len(result.pes) // most))
    window = (start - origin) // window_ns
    group = np.concatenate([[0], np.cumsum(~(same_pe & (window[1:] == window[:-1])))])
    return _merge(order, group, pe, start, end, labels, "windows", window_ns)


def _label_ids(result: EmulationResult) -> Int64Array:
    """int64[n]: equal for tasks of one application and one label."""
    texts: dict[tuple[str, str], int] = {}
    of_class = np.array([texts.setdefault((c.api, c.layer), len(texts)) for c in result.classes], np.int64)
    labels: Int64Array = result.app.astype(np.int64) * max(1, len(texts)) + of_class[result.task_class]
    return labels


def _merge(
    order: NDArray[np.int64],
    group: Int64Array,
    pe: Int32Array,
    start: Int64Array,
    end: Int64Array,
    labels: Int64Array,
    compaction: str,
    window_ns: int,
) -> Slices:
    """One slice per group of consecutive rows; its `first` is a row of the label that is busiest in it."""
    n = len(order)
    if not n:
        none = np.empty(0, np.int64)
        return Slices(pe, none, none, none, none, none, compaction, window_ns)
    begin = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    last = np.append(begin[1:], n) - 1
    busy = np.add.reduceat(end - start, begin)
    chosen = begin
    if compaction == "windows":
        by_label = np.lexsort((labels, group))
        g, name = group[by_label], labels[by_label]
        part = np.flatnonzero(np.concatenate([[True], (g[1:] != g[:-1]) | (name[1:] != name[:-1])]))
        part_busy = np.add.reduceat((end - start)[by_label], part)
        ranked = np.lexsort((-part_busy, g[part]))
        best = ranked[np.flatnonzero(np.concatenate([[True], np.diff(g[part][ranked]) != 0]))]
        chosen = by_label[part[best]]
    return Slices(
        pe=pe[begin],
        first=order[chosen],
        start_ns=start[begin],
        end_ns=end[last],
        busy_ns=busy,
        tasks=last - begin + 1,
        compaction=compaction,
        window_ns=window_ns,
    )


def write_perfetto(result: EmulationResult, path: str | os.PathLike[str], most: int = MAX_SLICES) -> None:
    """Write the trace. Times are in microseconds, as the format has them, with three decimals: exact nanoseconds."""
    slices = compact(result, most)
    instances = min(len(result.instance_app), MAX_INSTANCES)
    metadata: dict[str, Any] = {
        "tool": "cedr",
        "tasks": len(result),
        "slices": len(slices.pe),
        "compaction": slices.compaction,
        "window_ns": slices.window_ns,
        "most_slices": most,
        "instances": len(result.instance_app),
        "instances_shown": instances,
        "makespan_ns": result.makespan_ns,
    }
    with write_atomically(path) as stream:
        stream.write(f'{{"displayTimeUnit":"ns","metadata":{json.dumps(metadata)},"traceEvents":[\n'.encode())
        stream.write(",\n".join(_names(result, instances)).encode())
        _write_slices(result, slices, stream.write)
        _write_instances(result, instances, stream.write)
        stream.write(b"\n]}\n")


def _names(result: EmulationResult, instances: int) -> list[str]:
    def named(kind: str, pid: int, tid: int, **args: object) -> str:
        return json.dumps({"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": args}, separators=(",", ":"))

    events = [
        named("process_name", _PES, 0, name="processing elements"),
        named("process_name", _APPLICATIONS, 0, name="applications"),
    ]
    for pe, name in enumerate(result.pes):
        events.append(named("thread_name", _PES, pe + 1, name=name))
        events.append(named("thread_sort_index", _PES, pe + 1, sort_index=pe))
    for instance in range(instances):
        app = result.app_names[int(result.instance_app[instance])]
        events.append(named("thread_name", _APPLICATIONS, instance + 1, name=f"{app} {instance}"))
    return events


def _write_slices(result: EmulationResult, slices: Slices, write: Any) -> None:
    heads, tails = [], []
    for call in result.classes:
        shape = {**call.dims, **call.attributes}
        heads.append(
            f',\n{{"ph":"X","name":{json.dumps(call.label or call.api)},"cat":"{call.api}","pid":{_PES},"tid":'
        )
        tails.append(f',"api":"{call.api}","dtype":{json.dumps(call.dtype)},"shape":{json.dumps(shape)}}}}}')
    apps = [json.dumps(name) for name in result.app_names]
    template = '%s%d,"ts":%d.%03d,"dur":%d.%03d,"args":{"app":%s,"instance":%d,"task":%d,"ready_ns":%d'
    template += ',"tasks":%d,"busy_ns":%d%s'
    for rows in row_slices(len(slices.pe)):
        first = slices.first[rows]
        start, duration = slices.start_ns[rows], slices.end_ns[rows] - slices.start_ns[rows]
        classes = result.task_class[first].tolist()
        columns = (
            [heads[c] for c in classes],
            (slices.pe[rows] + 1).tolist(),
            (start // 1000).tolist(),
            (start % 1000).tolist(),
            (duration // 1000).tolist(),
            (duration % 1000).tolist(),
            [apps[a] for a in result.app[first].tolist()],
            result.instance[first].tolist(),
            result.task[first].tolist(),
            result.ready_ns[first].tolist(),
            slices.tasks[rows].tolist(),
            slices.busy_ns[rows].tolist(),
            [tails[c] for c in classes],
        )
        write(fill(template, columns).encode())


def _write_instances(result: EmulationResult, instances: int, write: Any) -> None:
    for instance in range(instances):
        start, end = int(result.arrivals_ns[instance]), int(result.ends_ns[instance])
        name = json.dumps(result.app_names[int(result.instance_app[instance])])
        duration = max(0, end - start)
        write(
            f',\n{{"ph":"X","name":{name},"cat":"application","pid":{_APPLICATIONS},"tid":{instance + 1},'
            f'"ts":{start // 1000}.{start % 1000:03},"dur":{duration // 1000}.{duration % 1000:03},'
            f'"args":{{"instance":{instance},"arrival_ns":{start},"end_ns":{end}}}}}'.encode()
        )
