"""Records as the engine reads them: the flat arrays of all applications of a run, end to end.

Each application is laid out once, however many instances of it run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cedr.runtime.record import (
    STEP_HOST,
    STEP_HOST_WORK,
    STEP_JOIN,
    STEP_SPAWN,
    STEP_WAIT,
    STEP_WAIT_SOME,
    Record,
)
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.platform import MAX_COST_NS, Host

Int64Array = npt.NDArray[np.int64]

JOIN_API: Final = "join"
#: In `class_of`: a task that is a zero-cost synchronisation.
JOIN_CLASS: Final = -1


class ProgramError(CedrError):
    """Records that can't be emulated; the text says which and why."""


@dataclass(frozen=True)
class Program:
    """The applications of a run.

    names       [applications]
    classes     the classes of all applications, end to end; class_base: int64[applications + 1]
    task_base   int64[applications + 1]; task_ids: per application, uint32[n], a task's id by its index
    class_of    int32[tasks], into `classes`; JOIN_CLASS for a join
    waiting     int32[tasks], the number of dependencies and one more, for the submission
    after_indptr, after_indices   int64[tasks + 1], uint32[edges]; indices within the application
    thread_base int64[applications + 1]; threads: int64[threads, 4], rows of (first step, step behind the last, first in
                `submitted`, 1 if another thread spawns it)
    steps       int64[steps, 3] of record.py; places in `submitted` count from the thread's first, places in `waits`
                from the first of all, threads from the application's first
    submitted, waits   uint32, indices within the application
    scheduled   int64[applications], the tasks that a scheduler sees: all but the joins
    """

    names: tuple[str, ...]
    classes: tuple[CallClass, ...]
    class_base: Int64Array
    task_base: Int64Array
    task_ids: tuple[npt.NDArray[np.uint32], ...]
    class_of: npt.NDArray[np.int32]
    waiting: npt.NDArray[np.int32]
    after_indptr: Int64Array
    after_indices: npt.NDArray[np.uint32]
    thread_base: Int64Array
    threads: Int64Array
    steps: Int64Array
    submitted: npt.NDArray[np.uint32]
    waits: npt.NDArray[np.uint32]
    scheduled: Int64Array


def build_program(
    records: Sequence[Record],
    names: Sequence[str],
    host: Host | None = None,
    host_scale: Fraction | None = None,
) -> Program:
    """Lay records end to end. Raises ProgramError where one can't be emulated.

    host: the rates at which the applications' threads do work that a record gives in operations and bytes, and the factor
    to times that were measured where it was made, unless host_scale is one.
    """
    if host_scale is None and host is not None:
        host_scale = host.measured_scale
    classes: list[CallClass] = []
    class_of, waiting, threads, steps = [], [], [], []
    submitted: list[npt.NDArray[np.uint32]] = []
    waits: list[npt.NDArray[np.uint32]] = []
    bases = {key: [0] for key in ("class", "task", "edge", "thread", "step", "submitted", "wait")}
    scheduled = []
    for record, name in zip(records, names, strict=True):
        joins = np.array([call.api == JOIN_API for call in record.classes], np.bool_)
        table = np.arange(len(joins), dtype=np.int32) + np.int32(len(classes))
        table[joins] = JOIN_CLASS
        of = table[record.class_of] if len(table) else np.empty(0, np.int32)
        class_of.append(of)
        scheduled.append(int(np.count_nonzero(of != JOIN_CLASS)))
        waiting.append((np.diff(record.after_indptr) + 1).astype(np.int32))
        classes.extend(record.classes)
        own_steps, own_threads, n_submitted, n_waits = _threads(record, name, host, host_scale)
        own_threads += np.array([bases["step"][-1], bases["step"][-1], bases["submitted"][-1], 0])
        waiting_steps = np.isin(own_steps[:, 0], (STEP_WAIT, STEP_WAIT_SOME))
        own_steps[waiting_steps, 1] += bases["wait"][-1]
        steps.append(own_steps)
        threads.append(own_threads)
        submitted.extend(thread.submitted for thread in record.threads)
        waits.extend(thread.waits for thread in record.threads)
        for key, n in (
            ("class", len(record.classes)),
            ("task", len(record)),
            ("edge", len(record.after_indices)),
            ("thread", len(own_threads)),
            ("step", len(own_steps)),
            ("submitted", n_submitted),
            ("wait", n_waits),
        ):
            bases[key].append(bases[key][-1] + n)
    base = {key: np.array(values, np.int64) for key, values in bases.items()}
    indptr = [record.after_indptr[:-1] + edge for record, edge in zip(records, bases["edge"], strict=False)]
    return Program(
        names=tuple(names),
        classes=tuple(classes),
        class_base=base["class"],
        task_base=base["task"],
        task_ids=tuple(record.task_ids for record in records),
        class_of=_end_to_end(class_of, np.dtype(np.int32)),
        waiting=_end_to_end(waiting, np.dtype(np.int32)),
        after_indptr=_end_to_end([*indptr, base["edge"][-1:]], np.dtype(np.int64)),
        after_indices=_end_to_end([record.after_indices for record in records], np.dtype(np.uint32)),
        thread_base=base["thread"],
        threads=np.concatenate([np.zeros((0, 4), np.int64), *threads]),
        steps=np.concatenate([np.zeros((0, 3), np.int64), *steps]),
        submitted=_end_to_end(submitted, np.dtype(np.uint32)),
        waits=np.require(_end_to_end(waits, np.dtype(np.uint32)), requirements="W"),
        scheduled=np.array(scheduled, np.int64),
    )


def _threads(
    record: Record, name: str, host: Host | None, host_scale: Fraction | None
) -> tuple[Int64Array, Int64Array, int, int]:
    """Steps and thread rows of one record, counted from 0; how many submissions and wait entries it has."""
    places = {thread.number: place for place, thread in enumerate(record.threads)}
    rows = np.zeros((len(places), 4), np.int64)
    parts = [np.zeros((0, 3), np.int64)]
    n_steps = n_submitted = n_waits = 0
    for place, thread in enumerate(record.threads):
        steps = thread.steps.copy()
        kinds = steps[:, 0]
        if record.host_time == "measured":
            steps[kinds == STEP_HOST, 1] = _scaled(steps[kinds == STEP_HOST, 1], host_scale, name, thread.number)
        for row in np.flatnonzero(kinds == STEP_HOST_WORK).tolist():
            if host is None:
                raise ProgramError(
                    f"{name}: thread {thread.number} has host work in operations and bytes, and the platform has no rate "
                    "for it; give it a [host], or record with --host-time off, fixed or measured"
                )
            flops, size_bytes = steps[row, 1:].tolist()
            ns = host.ns(flops, size_bytes)
            if ns > MAX_COST_NS:
                raise ProgramError(
                    f"{name}: thread {thread.number} has {flops} operations and {size_bytes} bytes of host work: more than "
                    "2^60 ns"
                )
            steps[row] = STEP_HOST, ns, 0
        steps[np.isin(kinds, (STEP_WAIT, STEP_WAIT_SOME)), 1] += n_waits
        for row in np.flatnonzero((kinds == STEP_SPAWN) | (kinds == STEP_JOIN)).tolist():
            number = int(steps[row, 1])
            if number not in places:
                known = ", ".join(str(known) for known in places)
                verb = "spawns" if kinds[row] == STEP_SPAWN else "joins"
                raise ProgramError(
                    f"{name}: thread {thread.number} {verb} thread {number}, which the record does not hold; "
                    f"it holds {known}"
                )
            steps[row, 1] = places[number]
            if kinds[row] == STEP_SPAWN:
                rows[places[number], 3] = 1
        rows[place, :3] = n_steps, n_steps + len(steps), n_submitted
        parts.append(steps)
        n_steps += len(steps)
        n_submitted += len(thread.submitted)
        n_waits += len(thread.waits)
    return np.concatenate(parts), rows, n_submitted, n_waits


def _scaled(measured_ns: Int64Array, scale: Fraction | None, name: str, thread: int) -> Int64Array:
    """Times that were measured where the record was made, as they are on the platform, rounded up."""
    if scale is None:
        raise ProgramError(
            f"{name}: its host time was measured, and the platform has no factor for it: give it a [host.measured], give "
            "--host-scale, or a file's host_scale, or record with --host-time off or fixed"
        )
    longest = int(measured_ns.max(initial=0))
    if ceil(longest * scale) > MAX_COST_NS:
        raise ProgramError(f"{name}: thread {thread} computes for {longest} ns, {scale} times over: more than 2^60 ns")
    if longest * scale.numerator < 1 << 62:
        return -(-measured_ns * scale.numerator // scale.denominator)
    return np.array([ceil(ns * scale) for ns in measured_ns.tolist()], np.int64)


def _end_to_end(parts: Sequence[npt.NDArray[Any]], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The parts as one contiguous array; a single part is not copied."""
    if len(parts) == 1:
        return np.ascontiguousarray(parts[0], dtype)
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype, copy=False)
