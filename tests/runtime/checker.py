"""Whether a run is a valid execution of its records, judged from the definitions alone; fast, for millions of tasks.

It knows nothing of the engine: it takes the result's rows, the records' dependencies, and what each PE offers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cedr.runtime.record import Record
from cedr.runtime.result import EmulationResult

NEVER = np.iinfo(np.int64).max


def check_trace(
    result: EmulationResult, records: Sequence[Record], cost_ns: NDArray[np.int64], most: int = 10
) -> list[str]:
    """What is wrong with a run, at most `most` findings of each kind; nothing: it is valid.

    records: by application. cost_ns: int64[classes, PEs] of the result, -1 where a PE does not take a call.
    Checked: every task of every instance once, with its own class; only PEs that take the call, for the time it costs;
    no PE runs two tasks at once; no task starts before all it waits for have ended, joins followed through, or before
    its instance arrived; ready between those and the start; rows in order of start; instances end at their last task.
    """
    found: list[str] = []

    def note(rows: NDArray[np.int64], what: str) -> None:
        for row in rows[:most].tolist():
            at = f"{result.start_ns[row]} to {result.end_ns[row]} ns on {result.pes[result.pe[row]]}"
            found.append(f"instance {result.instance[row]}, task {result.task[row]} ({at}): {what}")

    cost = cost_ns[result.task_class, result.pe]
    note(np.flatnonzero(cost < 0), "on a PE that does not take it")
    note(np.flatnonzero((cost >= 0) & (result.end_ns - result.start_ns != cost)), "not for the time it costs")
    note(np.flatnonzero(result.start_ns[1:] < result.start_ns[:-1]) + 1, "starts before the row above")
    order = np.lexsort((result.end_ns, result.start_ns, result.pe))
    same = result.pe[order][1:] == result.pe[order][:-1]
    overlap = same & (result.start_ns[order][1:] < result.end_ns[order][:-1])
    note(order[1:][overlap], "starts before the PE's last task has ended")
    by_instance = np.argsort(result.instance, kind="stable")
    bounds = np.searchsorted(result.instance[by_instance], np.arange(len(result.instance_app) + 1))
    if bounds[0] != 0 or bounds[-1] != len(result):
        found.append("rows of an instance that there is not")
    for instance, app in enumerate(result.instance_app.tolist()):
        rows = by_instance[bounds[instance] : bounds[instance + 1]]
        note(rows[result.app[rows] != app], "of another application than its instance")
        _check_instance(result, records[app], instance, rows, note, found)
    return found


def _check_instance(
    result: EmulationResult, record: Record, instance: int, rows: NDArray[np.int64], note: object, found: list[str]
) -> None:
    assert callable(note)
    join_class = np.array([call.api == "join" for call in record.classes], np.bool_)
    joins = join_class[record.class_of]
    index = np.searchsorted(record.task_ids, result.task[rows])
    known = np.minimum(index, max(0, len(record) - 1))
    exists = (index < len(record)) & (record.task_ids[known] == result.task[rows] if len(record) else False)
    note(rows[~exists], "no such task")
    rows, index = rows[exists], index[exists]
    times = np.bincount(index, minlength=len(record))
    note(rows[joins[index]], "a join that ran")
    note(rows[times[index] > 1], "runs more than once")
    for task in np.flatnonzero((times == 0) & ~joins)[:10].tolist():
        found.append(f"instance {instance}, task {record.task_ids[task]}: never ran")
    ids = {call: number for number, call in enumerate(dict.fromkeys((*result.classes, *record.classes)))}
    of_result = np.array([ids[call] for call in result.classes], np.int64)
    of_record = np.array([ids[call] for call in record.classes], np.int64)
    note(rows[of_result[result.task_class[rows]] != of_record[record.class_of[index]]], "not of its class")
    start, end = np.full(len(record), NEVER, np.int64), np.full(len(record), NEVER, np.int64)
    start[index], end[index] = result.start_ns[rows], result.end_ns[rows]
    arrival = int(result.arrivals_ns[instance])
    for task in _joins_in_order(record, joins):
        waits_for = record.after_indices[record.after_indptr[task] : record.after_indptr[task + 1]]
        end[task] = max(arrival, int(end[waits_for].max(initial=0)))
    waiting = np.repeat(np.arange(len(record)), np.diff(record.after_indptr))
    latest = np.full(len(record), arrival, np.int64)
    np.maximum.at(latest, waiting, end[record.after_indices])
    early = start[index] < latest[index]
    note(rows[early], "starts before all that it waits for has ended")
    ready = result.ready_ns[rows]
    note(rows[~early & ((ready < latest[index]) | (ready > start[index]))], "ready at an impossible time")
    if len(rows) and int(result.ends_ns[instance]) < int(result.end_ns[rows].max()):
        found.append(f"instance {instance} ends before its last task")


def _joins_in_order(record: Record, joins: NDArray[np.bool_]) -> list[int]:
    """Joins, each after the joins that it waits for."""
    order: list[int] = []
    seen: set[int] = set()
    for first in np.flatnonzero(joins).tolist():
        stack = [(first, False)]
        while stack:
            task, done = stack.pop()
            if done:
                order.append(task)
            elif task not in seen:
                seen.add(task)
                stack.append((task, True))
                waits_for = record.after_indices[record.after_indptr[task] : record.after_indptr[task + 1]]
                stack += [(other, False) for other in waits_for.tolist() if joins[other]]
    return order
