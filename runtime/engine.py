"""The engine: schedules recorded applications in virtual time. Compiled by numba on first use; import it lazily.

One loop (`_advance`) runs until the run is over, memory has to grow, or a plain Python scheduler has to decide; a
compiled scheduler is called from inside, through a function pointer, so that the loop is compiled once for all of them
(and once without one).

Time is in integer nanoseconds. Events at one time are taken in the order: completions (in the order in which the tasks
started), arrivals (in the order of the instances), application threads (in the order in which they became able to go
on, each until it waits or works; timers in the order in which they were set); then, if a task is ready, one scheduling
round over the whole ready queue; then each idle PE, by index, starts the head of its queue. A completed task releases
its successors in ascending order; a join completes the moment it is released, before the next event, and joins that are
released together complete in the order of their release.

The operating system is `ideal`: a PE is a server with a first-in-first-out queue, its management is free, and
application threads compute on cores of their own. A model that shares cores and ports replaces what stands under
"start" and "completion" in the loop: the phases of a task's cost instead of one duration.

A task in flight takes 60 bytes at most, an executed one 34; instances share the graph of their application.
"""

from __future__ import annotations

import enum
import functools
import importlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from cedr.runtime.program import Program
from cedr.runtime.record import (
    STEP_BLOCK,
    STEP_HOST,
    STEP_JOIN,
    STEP_SPAWN,
    STEP_SUBMIT,
    STEP_WAIT,
    STEP_WAIT_ALL,
)
from cedr.runtime.schedulers import Assign, Scheduler, SchedulerError, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.calls import begin, decide, failure, not_compiled
from cedr.target.errors import CedrError

numba: Any = importlib.import_module("numba")  # its own annotations cover too little to be of use
types: Any = numba.types
structref: Any = importlib.import_module("numba.experimental.structref")

Int64Array = npt.NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])


def compile_lazily(function: F, *signature: Any) -> F:
    """numba's nopython compilation, on first use or for a signature; cached on disk where a directory allows it.

    numba itself goes from the folder of the source to the user's cache directory; where neither can be written, the
    function is compiled anew in each process.
    """
    try:
        compiled: F = numba.njit(*signature, cache=True)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        compiled = numba.njit(*signature)(function)
    return compiled


class Status(enum.IntEnum):
    """Why the loop came back."""

    DONE = 0
    DECIDE = 1
    GROW = 2
    UNDECIDED = 3
    BAD_POSITION = 4
    BAD_PE = 5
    NOT_OFFERED = 6


_DONE, _DECIDE, _GROW, _UNDECIDED, _BAD_POSITION, _BAD_PE, _NOT_OFFERED = (int(status) for status in Status)
# Columns of the slots: what is kept of an instance in flight.
_INSTANCE, _CELL_BASE, _THREAD_BASE, _LEFT, _RUNNING_THREADS, _NEXT_FREE, _APPLICATION, _TASK_BASE = range(8)
# Columns of the threads in flight.
_PC, _PLACE, _WAITED, _SUBMITTED, _WAITS_FOR, _JOINS, _LIFE, _ROW, _SLOT = range(9)
_NOT_STARTED, _STARTED, _ENDED = range(3)
# Columns of a task in flight: unmet dependencies, then the next in its PE's queue; when it became ready, then _OVER.
_LINK, _READY_NS = range(2)
_OVER: Final = -1
# Entries of the counters.
(
    _NOW,
    _SEQUENCE,
    _N_READY,
    _N_ROWS,
    _NEXT_ARRIVAL,
    _N_RUNNING,
    _N_TIMERS,
    _WAKE_HEAD,
    _N_WAKE,
    _DONE_HEAD,
    _DONE_TAIL,
    _N_SLOTS,
    _N_CELLS,
    _N_THREADS,
    _FAULTY_POSITION,
    _FAULTY_PE,
    _N_COUNTERS,
) = range(17)

_I1 = types.Array(types.int64, 1, "C")
_I2 = types.Array(types.int64, 2, "C")
_VIEW = types.NamedTuple([_I1, _I1, _I1, _I1, _I2, _I1, _I1, _I1, _I1, _I1, _I1, _I1, _I2], SchedulerView)
ASSIGN_SIGNATURE = _I2(_I1, types.int64, _I2, _VIEW, _I1)
_ASSIGN = types.FunctionType(ASSIGN_SIGNATURE)


@structref.register
class _StateType(types.StructRef):  # type: ignore[misc]  # numba has no types of its own
    """numba's type of the state."""


class _State(structref.StructRefProxy):  # type: ignore[misc]  # numba has no types of its own
    """The engine's arrays behind one pointer: a call from Python hands over one object."""

    def __new__(cls, *fields: Any) -> Any:
        return structref.StructRefProxy.__new__(cls, *fields)


_FIELDS: Final = {
    "counters": _I1,
    "succ_ptr": _I1,
    "succ": types.Array(types.uint32, 1, "C"),
    "class_of": types.Array(types.int32, 1, "C"),
    "waiting": types.Array(types.int32, 1, "C"),
    "task_base": _I1,
    "thread_base": _I1,
    "thread_rows": _I2,
    "steps": _I2,
    "submitted": types.Array(types.uint32, 1, "C"),
    "waits": types.Array(types.uint32, 1, "C"),
    "application_of": _I1,
    "arrival_ns": _I1,
    "finish_ns": _I1,
    "estimate_ns": _I2,
    "cost_ns": _I2,
    "free_slots": _I1,
    "slots": _I2,
    "cells": _I2,
    "slot_of": types.Array(types.int32, 1, "C"),
    "threads": _I2,
    "timers": _I2,
    "wake": _I1,
    "done": _I1,
    "ready_class": _I1,
    "ready_cell": _I1,
    "ready_instance": _I1,
    "ready_task": _I1,
    "pairs": _I2,
    "pe_running": _I1,
    "pe_head": _I1,
    "pe_tail": _I1,
    "run_end": _I1,
    "run_row": _I1,
    "run_pe": _I1,
    "queue_length": _I1,
    "queued_ns": _I1,
    "running_until_ns": _I1,
    "type_of": _I1,
    "core_of": _I1,
    "core_load": _I1,
    "type_estimate_ns": _I2,
    "scheduler_state": _I1,
    "row_instance": types.Array(types.int32, 1, "C"),
    "row_task": types.Array(types.uint32, 1, "C"),
    "row_pe": types.Array(types.int16, 1, "C"),
    "row_ready_ns": _I1,
    "row_start_ns": _I1,
    "row_end_ns": _I1,
}
structref.define_proxy(_State, _StateType, list(_FIELDS))
_STATE = _StateType(list(_FIELDS.items()))


def _advance(state: Any, assign: Any, pairs: Any, decided: Any) -> Any:
    """Go on until there is a reason to come back: a Status.

    assign: the scheduler. Where it is None the loop comes back with DECIDE, and is called again with the decisions in
    `pairs` and `decided` set.
    """
    counters = state.counters
    succ_ptr, succ, class_of, waiting = state.succ_ptr, state.succ, state.class_of, state.waiting
    task_base, thread_base, thread_rows = state.task_base, state.thread_base, state.thread_rows
    steps, submitted, waits = state.steps, state.submitted, state.waits
    application_of, arrival_ns, finish_ns = state.application_of, state.arrival_ns, state.finish_ns
    estimate_ns, cost_ns = state.estimate_ns, state.cost_ns
    free_slots, slots, cells, slot_of = state.free_slots, state.slots, state.cells, state.slot_of
    threads, timers, wake, done = state.threads, state.timers, state.wake, state.done
    ready_class, ready_cell = state.ready_class, state.ready_cell
    ready_instance, ready_task = state.ready_instance, state.ready_task
    pe_running, pe_head, pe_tail = state.pe_running, state.pe_head, state.pe_tail
    run_end, run_row, run_pe = state.run_end, state.run_row, state.run_pe
    queue_length, queued_ns, running_until_ns = state.queue_length, state.queued_ns, state.running_until_ns
    scheduler_state = state.scheduler_state
    row_instance, row_task, row_pe = state.row_instance, state.row_task, state.row_pe
    row_ready_ns, row_start_ns, row_end_ns = state.row_ready_ns, state.row_start_ns, state.row_end_ns
    view = SchedulerView(
        queue_length,
        queued_ns,
        running_until_ns,
        state.type_of,
        state.type_estimate_ns,
        ready_instance,
        ready_task,
        application_of,
        arrival_ns,
        task_base,
        state.core_of,
        state.core_load,
        state.pairs,
    )
    n_pes = len(pe_running)
    n_instances = len(arrival_ns)
    n_rings = len(wake)

    now = counters[_NOW]
    sequence = counters[_SEQUENCE]
    n_ready = counters[_N_READY]
    n_rows = counters[_N_ROWS]
    next_arrival = counters[_NEXT_ARRIVAL]
    n_running = counters[_N_RUNNING]
    n_timers = counters[_N_TIMERS]
    wake_head = counters[_WAKE_HEAD]
    n_wake = counters[_N_WAKE]
    done_head = counters[_DONE_HEAD]
    done_tail = counters[_DONE_TAIL]
    status = -1

    while True:
        while not decided:
            if done_head < done_tail:  # a task is over: release what waited for it
                cell = done[done_head]
                done_head += 1
                if done_head == done_tail:
                    done_head = 0
                    done_tail = 0
                slot = slot_of[cell]
                base = slots[slot, _CELL_BASE]
                first = slots[slot, _TASK_BASE]
                instance = slots[slot, _INSTANCE]
                task = first + cell - base
                cells[cell, _READY_NS] = _OVER
                for edge in range(succ_ptr[task], succ_ptr[task + 1]):
                    local = np.int64(succ[edge])
                    other = base + local
                    unmet = cells[other, _LINK] - 1
                    cells[other, _LINK] = unmet
                    if unmet == 0:
                        kind = class_of[first + local]
                        if kind < 0:
                            done[done_tail] = other
                            done_tail += 1
                        else:
                            cells[other, _READY_NS] = now
                            ready_class[n_ready] = kind
                            ready_cell[n_ready] = other
                            ready_instance[n_ready] = instance
                            ready_task[n_ready] = local
                            n_ready += 1
                application = slots[slot, _APPLICATION]
                thread = slots[slot, _THREAD_BASE]
                for _ in range(thread_base[application + 1] - thread_base[application]):
                    if threads[thread, _WAITS_FOR] == cell:
                        threads[thread, _WAITS_FOR] = -1
                        wake[(wake_head + n_wake) % n_rings] = thread
                        n_wake += 1
                    thread += 1
                left = slots[slot, _LEFT] - 1
                slots[slot, _LEFT] = left
                if left == 0 and slots[slot, _RUNNING_THREADS] == 0:
                    finish_ns[instance] = now
                    slots[slot, _NEXT_FREE] = free_slots[application]
                    free_slots[application] = slot
                continue

            if n_running > 0 and run_end[n_running - 1] == now:  # completion
                n_running -= 1
                pe = run_pe[n_running]
                done[done_tail] = pe_running[pe]
                done_tail += 1
                pe_running[pe] = -1
                queue_length[pe] -= 1
                running_until_ns[pe] = 0
                continue

            if next_arrival < n_instances and arrival_ns[next_arrival] == now:  # arrival
                application = application_of[next_arrival]
                first = task_base[application]
                n_tasks = task_base[application + 1] - first
                first_thread = thread_base[application]
                n_threads = thread_base[application + 1] - first_thread
                slot = free_slots[application]
                if slot >= 0:
                    free_slots[application] = slots[slot, _NEXT_FREE]
                else:
                    slot = counters[_N_SLOTS]
                    base = counters[_N_CELLS]
                    thread = counters[_N_THREADS]
                    if slot == len(slots) or base + n_tasks > len(cells) or thread + n_threads > len(threads):
                        status = _GROW
                        break
                    counters[_N_SLOTS] = slot + 1
                    counters[_N_CELLS] = base + n_tasks
                    counters[_N_THREADS] = thread + n_threads
                    slots[slot, _CELL_BASE] = base
                    slots[slot, _THREAD_BASE] = thread
                    slots[slot, _APPLICATION] = application
                    slots[slot, _TASK_BASE] = first
                    for cell in range(base, base + n_tasks):
                        slot_of[cell] = slot
                slots[slot, _INSTANCE] = next_arrival
                slots[slot, _LEFT] = 0
                slots[slot, _RUNNING_THREADS] = 0
                base = slots[slot, _CELL_BASE]
                for offset in range(n_tasks):
                    cells[base + offset, _LINK] = waiting[first + offset]
                    cells[base + offset, _READY_NS] = 0
                for place in range(n_threads):
                    thread = slots[slot, _THREAD_BASE] + place
                    row = first_thread + place
                    threads[thread, _PC] = thread_rows[row, 0]
                    threads[thread, _PLACE] = 0
                    threads[thread, _WAITED] = 0
                    threads[thread, _SUBMITTED] = 0
                    threads[thread, _WAITS_FOR] = -1
                    threads[thread, _JOINS] = -1
                    threads[thread, _LIFE] = _NOT_STARTED
                    threads[thread, _ROW] = row
                    threads[thread, _SLOT] = slot
                    if thread_rows[row, 3] == 0:
                        threads[thread, _LIFE] = _STARTED
                        slots[slot, _RUNNING_THREADS] += 1
                        wake[(wake_head + n_wake) % n_rings] = thread
                        n_wake += 1
                if slots[slot, _RUNNING_THREADS] == 0:  # nothing to do, and nobody to do it
                    finish_ns[next_arrival] = now
                    slots[slot, _NEXT_FREE] = free_slots[application]
                    free_slots[application] = slot
                next_arrival += 1
                continue

            if n_timers > 0 and timers[0, 0] == now:  # a thread's own work is over
                wake[(wake_head + n_wake) % n_rings] = timers[0, 2]
                n_wake += 1
                n_timers -= 1
                time = timers[n_timers, 0]
                number = timers[n_timers, 1]
                place = 0
                while 2 * place + 1 < n_timers:
                    child = 2 * place + 1
                    if child + 1 < n_timers and (
                        timers[child + 1, 0] < timers[child, 0]
                        or (timers[child + 1, 0] == timers[child, 0] and timers[child + 1, 1] < timers[child, 1])
                    ):
                        child += 1
                    if time < timers[child, 0] or (time == timers[child, 0] and number < timers[child, 1]):
                        break
                    timers[place] = timers[child]
                    place = child
                timers[place] = timers[n_timers]
                continue

            if n_wake > 0:  # one step of the first thread that can go on
                thread = wake[wake_head]
                row = threads[thread, _ROW]
                slot = threads[thread, _SLOT]
                base = slots[slot, _CELL_BASE]
                origin = thread_rows[row, 2]
                pc = threads[thread, _PC]
                at_end = pc == thread_rows[row, 1]
                kind = 0 if at_end else steps[pc, 0]
                goes_on = True
                if kind in (STEP_SUBMIT, STEP_BLOCK):
                    first = slots[slot, _TASK_BASE]
                    place = threads[thread, _PLACE]
                    begin = origin + steps[pc, 1]
                    count = steps[pc, 2]
                    before = place
                    while place < count and done_tail == 0:
                        local = np.int64(submitted[begin + place])
                        place += 1
                        cell = base + local
                        unmet = cells[cell, _LINK] - 1
                        cells[cell, _LINK] = unmet
                        if unmet == 0:
                            kind_of_task = class_of[first + local]
                            if kind_of_task < 0:
                                done[done_tail] = cell
                                done_tail += 1
                            else:
                                cells[cell, _READY_NS] = now
                                ready_class[n_ready] = kind_of_task
                                ready_cell[n_ready] = cell
                                ready_instance[n_ready] = slots[slot, _INSTANCE]
                                ready_task[n_ready] = local
                                n_ready += 1
                    slots[slot, _LEFT] += place - before
                    threads[thread, _SUBMITTED] += place - before
                    threads[thread, _PLACE] = place
                    if done_tail > 0:
                        continue
                    if kind == STEP_BLOCK:
                        cell = base + np.int64(submitted[begin + count - 1])
                        if cells[cell, _READY_NS] != _OVER:
                            threads[thread, _WAITS_FOR] = cell
                            goes_on = False
                elif kind == STEP_WAIT:
                    place = threads[thread, _PLACE]
                    while place < steps[pc, 2]:
                        cell = base + np.int64(waits[steps[pc, 1] + place])
                        if cells[cell, _READY_NS] != _OVER:
                            threads[thread, _WAITS_FOR] = cell
                            goes_on = False
                            break
                        place += 1
                    threads[thread, _PLACE] = place
                elif kind == STEP_WAIT_ALL:
                    place = threads[thread, _WAITED]
                    while place < threads[thread, _SUBMITTED]:
                        cell = base + np.int64(submitted[origin + place])
                        if cells[cell, _READY_NS] != _OVER:
                            threads[thread, _WAITS_FOR] = cell
                            goes_on = False
                            break
                        place += 1
                    threads[thread, _WAITED] = place
                elif kind == STEP_HOST:
                    if threads[thread, _PLACE] == 0:
                        threads[thread, _PLACE] = 1
                        goes_on = False
                        time = now + steps[pc, 1]
                        place = n_timers
                        n_timers += 1
                        while place > 0 and timers[(place - 1) // 2, 0] > time:
                            timers[place] = timers[(place - 1) // 2]
                            place = (place - 1) // 2
                        timers[place, 0] = time
                        timers[place, 1] = sequence
                        timers[place, 2] = thread
                        sequence += 1
                elif kind == STEP_SPAWN:
                    child = slots[slot, _THREAD_BASE] + steps[pc, 1]
                    if threads[child, _LIFE] == _NOT_STARTED:
                        threads[child, _LIFE] = _STARTED
                        slots[slot, _RUNNING_THREADS] += 1
                        wake[(wake_head + n_wake) % n_rings] = child
                        n_wake += 1
                elif kind == STEP_JOIN:
                    child = slots[slot, _THREAD_BASE] + steps[pc, 1]
                    if threads[child, _LIFE] != _ENDED:
                        threads[thread, _JOINS] = child
                        goes_on = False
                else:  # END, or the end of what was recorded
                    threads[thread, _LIFE] = _ENDED
                    wake_head = (wake_head + 1) % n_rings
                    n_wake -= 1
                    application = slots[slot, _APPLICATION]
                    other = slots[slot, _THREAD_BASE]
                    for _ in range(thread_base[application + 1] - thread_base[application]):
                        if threads[other, _JOINS] == thread:
                            threads[other, _JOINS] = -1
                            wake[(wake_head + n_wake) % n_rings] = other
                            n_wake += 1
                        other += 1
                    slots[slot, _RUNNING_THREADS] -= 1
                    if slots[slot, _RUNNING_THREADS] == 0 and slots[slot, _LEFT] == 0:
                        finish_ns[slots[slot, _INSTANCE]] = now
                        slots[slot, _NEXT_FREE] = free_slots[application]
                        free_slots[application] = slot
                    continue
                if goes_on:
                    threads[thread, _PC] = pc + 1
                    threads[thread, _PLACE] = 0
                else:
                    wake_head = (wake_head + 1) % n_rings
                    n_wake -= 1
                continue
            break

        if status >= 0:
            break

        n_pairs = 0
        if n_ready > 0:  # one scheduling round
            if assign is not None:
                pairs = assign(ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
            elif not decided:
                status = _DECIDE
                break
            decided = False
            n_pairs = len(pairs)
            for decision in range(n_pairs):
                position = pairs[decision, 0]
                pe = pairs[decision, 1]
                if position < 0 or position >= n_ready or ready_cell[position] < 0:
                    status = _BAD_POSITION
                elif pe < 0 or pe >= n_pes:
                    status = _BAD_PE
                elif estimate_ns[ready_class[position], pe] < 0:
                    status = _NOT_OFFERED
                if status >= 0:
                    counters[_FAULTY_POSITION] = position
                    counters[_FAULTY_PE] = pe
                    break
                cell = ready_cell[position]
                ready_cell[position] = -1
                cells[cell, _LINK] = -1
                if pe_head[pe] < 0:
                    pe_head[pe] = cell
                else:
                    cells[pe_tail[pe], _LINK] = cell
                pe_tail[pe] = cell
                queue_length[pe] += 1
                queued_ns[pe] += estimate_ns[ready_class[position], pe]
            if status >= 0:
                break
            if n_pairs == n_ready:
                n_ready = 0
            else:
                kept = 0
                for position in range(n_ready):
                    if ready_cell[position] >= 0:
                        ready_class[kept] = ready_class[position]
                        ready_cell[kept] = ready_cell[position]
                        ready_instance[kept] = ready_instance[position]
                        ready_task[kept] = ready_task[position]
                        kept += 1
                n_ready = kept

        for pe in range(n_pes):  # start
            cell = pe_head[pe]
            if cell >= 0 and pe_running[pe] < 0:
                pe_head[pe] = cells[cell, _LINK]
                slot = slot_of[cell]
                local = cell - slots[slot, _CELL_BASE]
                kind = class_of[slots[slot, _TASK_BASE] + local]
                end = now + cost_ns[kind, pe]
                pe_running[pe] = cell
                queued_ns[pe] -= estimate_ns[kind, pe]
                running_until_ns[pe] = now + estimate_ns[kind, pe]
                row_instance[n_rows] = slots[slot, _INSTANCE]
                row_task[n_rows] = local
                row_pe[n_rows] = pe
                row_ready_ns[n_rows] = cells[cell, _READY_NS]
                row_start_ns[n_rows] = now
                row_end_ns[n_rows] = end
                place = n_running
                while place > 0 and run_end[place - 1] <= end:
                    run_end[place] = run_end[place - 1]
                    run_row[place] = run_row[place - 1]
                    run_pe[place] = run_pe[place - 1]
                    place -= 1
                run_end[place] = end
                run_row[place] = n_rows
                run_pe[place] = pe
                n_running += 1
                n_rows += 1

        following = np.int64(-1)  # the next time at which something happens
        if n_running > 0:
            following = run_end[n_running - 1]
        if next_arrival < n_instances and (following < 0 or arrival_ns[next_arrival] < following):
            following = arrival_ns[next_arrival]
        if n_timers > 0 and (following < 0 or timers[0, 0] < following):
            following = timers[0, 0]
        if following < 0:
            status = _DONE if n_ready == 0 else _UNDECIDED
            break
        now = following

    counters[_NOW] = now
    counters[_SEQUENCE] = sequence
    counters[_N_READY] = n_ready
    counters[_N_ROWS] = n_rows
    counters[_NEXT_ARRIVAL] = next_arrival
    counters[_N_RUNNING] = n_running
    counters[_N_TIMERS] = n_timers
    counters[_WAKE_HEAD] = wake_head
    counters[_N_WAKE] = n_wake
    counters[_DONE_HEAD] = done_head
    counters[_DONE_TAIL] = done_tail
    return status


def _successors(indptr: Any, indices: Any, task_base: Any, succ_ptr: Any, succ: Any) -> None:
    """From what each task waits for to what it releases, in ascending order: a counting sort."""
    n = len(indptr) - 1
    for application in range(len(task_base) - 1):
        first = task_base[application]
        for edge in range(indptr[first], indptr[task_base[application + 1]]):
            succ_ptr[first + indices[edge] + 1] += 1
    for task in range(n):
        succ_ptr[task + 1] += succ_ptr[task]
    place = succ_ptr[:-1].copy()
    for application in range(len(task_base) - 1):
        first = task_base[application]
        for task in range(first, task_base[application + 1]):
            for edge in range(indptr[task], indptr[task + 1]):
                source = first + indices[edge]
                succ[place[source]] = task - first
                place[source] += 1


def _make_state(*fields: Any) -> Any:
    """The state behind one pointer."""
    return _State(*fields)


class _Compiled:
    """The compiled functions of this process, made when the first engine needs them."""

    def __init__(self) -> None:
        unsigned = types.Array(types.uint32, 1, "C")
        mapped = types.Array(types.uint32, 1, "C", readonly=True)
        self.advance = compile_lazily(_advance, types.int64(_STATE, _ASSIGN, _I2, types.boolean))
        self.successors = compile_lazily(_successors, types.void(_I1, mapped, _I1, _I1, unsigned))
        self.make_state = compile_lazily(_make_state)
        self._schedulers: dict[Assign, Any] = {}

    @functools.cached_property
    def advance_outside(self) -> Any:
        """The loop for schedulers that it can't call. Handing it a function pointer would cost 100 us a call."""
        return compile_lazily(_advance, types.int64(_STATE, types.none, _I2, types.boolean))

    def scheduler(self, scheduler: Scheduler) -> Any:
        """A scheduler's function, compiled for the engine's signature; kept, since compiling costs seconds."""
        assign = scheduler.assign
        if assign not in self._schedulers:
            source = getattr(assign, "py_func", assign)
            try:
                self._schedulers[assign] = compile_lazily(source, ASSIGN_SIGNATURE)
            except Exception as error:  # numba raises many, not all of them its own
                raise not_compiled(scheduler, error) from error
        return self._schedulers[assign]


@functools.cache
def _compiled() -> _Compiled:
    return _Compiled()


class Engine:
    """One run, from its first event to its last.

    program          the applications
    application_of   int[instances], which application each instance is; arrival_ns: int64[instances], ascending
    type_of          int[PEs], each PE's type
    type_estimate_ns, type_cost_ns   int64[classes, types]: what schedulers believe and what a task takes; -1: not
                     offered. Every class that a task has must be offered by a PE, and cost and estimate agree on it.
    scheduler        as registered, compiled or plain; seed: for its state
    core_of          int[PEs], the core of each PE's worker; one each where it is not given
    deadline_ns, active_w, idle_w   what schedulers may want to know: see SchedulerSetup; unknown by default

    `run` goes to the end; `step` to the next point at which a plain Python scheduler decides.
    """

    def __init__(
        self,
        program: Program,
        application_of: npt.ArrayLike,
        arrival_ns: npt.ArrayLike,
        type_of: npt.ArrayLike,
        type_estimate_ns: npt.ArrayLike,
        type_cost_ns: npt.ArrayLike,
        scheduler: Scheduler,
        seed: int = 0,
        *,
        core_of: npt.ArrayLike | None = None,
        deadline_ns: npt.ArrayLike | None = None,
        active_w: npt.ArrayLike | None = None,
        idle_w: npt.ArrayLike | None = None,
    ) -> None:
        self.program = program
        self.scheduler = scheduler
        code = _compiled()
        self._advance = code.advance if scheduler.compiled else code.advance_outside
        self._make_state = code.make_state
        self._assign = code.scheduler(scheduler) if scheduler.compiled else None

        types_of_pes = np.ascontiguousarray(type_of, np.int64)
        estimates = np.ascontiguousarray(type_estimate_ns, np.int64)
        costs = np.ascontiguousarray(type_cost_ns, np.int64)
        applications = np.ascontiguousarray(application_of, np.int64)
        arrivals = np.ascontiguousarray(arrival_ns, np.int64)
        n_types, n_applications = estimates.shape[1], len(program.names)
        cores = np.arange(len(types_of_pes)) if core_of is None else np.ascontiguousarray(core_of, np.int64)
        unknown_w = np.full(n_types, np.nan)
        setup = SchedulerSetup(
            type_estimate_ns=estimates,
            type_cost_ns=costs,
            type_of=types_of_pes,
            core_of=cores,
            application_of=applications,
            arrival_ns=arrivals,
            seed=seed,
            program=program,
            deadline_ns=np.full(n_applications, -1, np.int64)
            if deadline_ns is None
            else np.array(deadline_ns, np.int64),
            active_w=unknown_w if active_w is None else np.array(active_w, np.float64),
            idle_w=unknown_w if idle_w is None else np.array(idle_w, np.float64),
        )
        n_pes, n_instances = len(types_of_pes), len(arrivals)
        n_tasks = int(program.task_base[-1])
        n_rows = int(program.scheduled[applications].sum())
        self._check_range(estimates, costs, arrivals, n_rows)

        succ_ptr = np.zeros(n_tasks + 1, np.int64)
        succ = np.empty(len(program.after_indices), np.uint32)
        code.successors(program.after_indptr, program.after_indices, program.task_base, succ_ptr, succ)
        present = np.unique(applications)
        sizes, widths = np.diff(program.task_base)[present], np.diff(program.thread_base)[present]
        per_slot = (int(sizes.max(initial=0)), int(widths.max(initial=0)))

        counters = np.zeros(_N_COUNTERS, np.int64)
        self._arrays: dict[str, npt.NDArray[Any]] = {
            "counters": counters,
            "succ_ptr": succ_ptr,
            "succ": succ,
            "class_of": program.class_of,
            "waiting": program.waiting,
            "task_base": program.task_base,
            "thread_base": program.thread_base,
            "thread_rows": program.threads,
            "steps": program.steps,
            "submitted": program.submitted,
            "waits": program.waits,
            "application_of": applications,
            "arrival_ns": arrivals,
            "finish_ns": np.full(n_instances, -1, np.int64),
            "estimate_ns": np.ascontiguousarray(estimates[:, types_of_pes]),
            "cost_ns": np.ascontiguousarray(costs[:, types_of_pes]),
            "free_slots": np.full(len(program.names), -1, np.int64),
            **self._in_flight(1, *per_slot),
            "pe_running": np.full(n_pes, -1, np.int64),
            "pe_head": np.full(n_pes, -1, np.int64),
            "pe_tail": np.full(n_pes, -1, np.int64),
            "run_end": np.zeros(n_pes, np.int64),
            "run_row": np.zeros(n_pes, np.int64),
            "run_pe": np.zeros(n_pes, np.int64),
            "queue_length": np.zeros(n_pes, np.int64),
            "queued_ns": np.zeros(n_pes, np.int64),
            "running_until_ns": np.zeros(n_pes, np.int64),
            "type_of": types_of_pes,
            "core_of": cores,
            "core_load": np.zeros(int(cores.max(initial=0)) + 1, np.int64),
            "type_estimate_ns": estimates,
            "scheduler_state": begin(scheduler, setup),
            "row_instance": np.empty(n_rows, np.int32),
            "row_task": np.empty(n_rows, np.uint32),
            "row_pe": np.empty(n_rows, np.int16),
            "row_ready_ns": np.empty(n_rows, np.int64),
            "row_start_ns": np.empty(n_rows, np.int64),
            "row_end_ns": np.empty(n_rows, np.int64),
        }
        self._nothing = np.zeros((0, 2), np.int64)
        self._bind()

    @staticmethod
    def _check_range(estimates: Int64Array, costs: Int64Array, arrivals: Int64Array, n_rows: int) -> None:
        largest = max(int(estimates.max(initial=0)), int(costs.max(initial=0)))
        if largest * n_rows + int(arrivals.max(initial=0)) >= 1 << 62:
            raise CedrError(
                f"{n_rows} tasks of up to {largest} ns each may pass the end of virtual time (2^62 ns, 146 years); "
                "lower the platform's costs or the number of instances"
            )

    @staticmethod
    def _in_flight(n_slots: int, n_cells: int, n_threads: int) -> dict[str, npt.NDArray[Any]]:
        """The arrays that grow with what is in flight. Pages that are never touched take no memory."""
        return {
            "slots": np.zeros((n_slots, 8), np.int64),
            "cells": np.empty((n_cells, 2), np.int64),
            "slot_of": np.empty(n_cells, np.int32),
            "threads": np.zeros((n_threads, 9), np.int64),
            "timers": np.zeros((n_threads + 1, 3), np.int64),
            "wake": np.zeros(n_threads + 1, np.int64),
            "done": np.empty(n_cells + 1, np.int64),
            "ready_class": np.empty(n_cells, np.int64),
            "ready_cell": np.empty(n_cells, np.int64),
            "ready_instance": np.empty(n_cells, np.int64),
            "ready_task": np.empty(n_cells, np.int64),
            "pairs": np.empty((n_cells, 2), np.int64),
        }

    def _bind(self) -> None:
        self._state = self._make_state(*(self._arrays[name] for name in _FIELDS))
        names = {name: self._arrays[name] for name in SchedulerView._fields}
        self._view = SchedulerView(**names)

    def _grow(self) -> None:
        """Twice the room for instances in flight, and at least enough for one more."""
        old, counters = self._arrays, self._arrays["counters"]
        application = int(old["application_of"][counters[_NEXT_ARRIVAL]])
        needed = (
            int(counters[_N_SLOTS]) + 1,
            int(counters[_N_CELLS]) + int(np.diff(self.program.task_base)[application]),
            int(counters[_N_THREADS]) + int(np.diff(self.program.thread_base)[application]),
        )
        have = (len(old["slots"]), len(old["cells"]), len(old["threads"]))
        new = self._in_flight(
            *(max(want, 2 * has) if want > has else has for want, has in zip(needed, have, strict=True))
        )
        head, n_wake = int(counters[_WAKE_HEAD]), int(counters[_N_WAKE])
        new["wake"][:n_wake] = np.roll(old["wake"], -head)[:n_wake]
        counters[_WAKE_HEAD] = 0
        used = {
            "slots": counters[_N_SLOTS],
            "cells": counters[_N_CELLS],
            "slot_of": counters[_N_CELLS],
            "threads": counters[_N_THREADS],
            "timers": counters[_N_TIMERS],
            "done": counters[_DONE_TAIL],
            "ready_class": counters[_N_READY],
            "ready_cell": counters[_N_READY],
            "ready_instance": counters[_N_READY],
            "ready_task": counters[_N_READY],
        }
        for name, length in used.items():
            new[name][:length] = old[name][:length]
        self._arrays.update(new)
        self._bind()

    @property
    def now_ns(self) -> int:
        """The time of the last event."""
        return int(self._arrays["counters"][_NOW])

    def step(self, pairs: Int64Array | None = None) -> Status:
        """Go on to the end or to the next decision of a plain Python scheduler; `pairs`: the one that was asked for.

        Raises SchedulerError for a decision that can't be carried out.
        """
        return Status(self._step(self._nothing if pairs is None else pairs, pairs is not None))

    def _step(self, pairs: Int64Array, decided: bool) -> int:
        status = self._go_on(pairs, decided)
        while status == _GROW:
            self._grow()
            status = self._go_on(self._nothing, False)
        if status > _GROW:
            raise self._refuse(Status(status))
        return status

    def _go_on(self, pairs: Int64Array, decided: bool) -> int:
        try:
            status: int = self._advance(self._state, self._assign, pairs, decided)
        except Exception as error:  # the loop itself raises nothing: this is a compiled scheduler's
            raise failure(self.scheduler, error, self.now_ns) from error
        return status

    def run(self) -> None:
        """Go to the end. Raises SchedulerError as `step`, CedrError where instances can never end."""
        status = self._step(self._nothing, False)
        counters = self._arrays["counters"]
        estimates, memory = self._arrays["estimate_ns"], self._arrays["scheduler_state"]
        while status == _DECIDE:
            ready = self._arrays["ready_class"][: counters[_N_READY]]
            pairs = decide(self.scheduler, ready, int(counters[_NOW]), estimates, self._view, memory)
            status = self._step(pairs, True)
        stuck = np.flatnonzero(self._arrays["finish_ns"] < 0)
        if len(stuck):
            raise CedrError(self._describe_stuck(int(stuck[0]), len(stuck)))

    def _refuse(self, status: Status) -> SchedulerError:
        counters = self._arrays["counters"]
        position, pe = int(counters[_FAULTY_POSITION]), int(counters[_FAULTY_PE])
        n_ready, n_pes = int(counters[_N_READY]), len(self._arrays["pe_running"])
        who = f"scheduler {self.scheduler.name} at {self.now_ns} ns"
        if status == Status.UNDECIDED:
            return SchedulerError(f"{who} left all of {n_ready} ready tasks unassigned, and nothing else can happen")
        if status == Status.BAD_POSITION:
            return SchedulerError(
                f"{who} assigned position {position} of the ready queue, which is taken already or not below {n_ready}"
            )
        if status == Status.BAD_PE:
            return SchedulerError(f"{who} assigned position {position} to PE {pe}; there are PEs 0 to {n_pes - 1}")
        call = self.program.classes[int(self._arrays["ready_class"][position])]
        return SchedulerError(f"{who} assigned {call.api} at position {position} to PE {pe}, which does not offer it")

    def _describe_stuck(self, instance: int, how_many: int) -> str:
        arrays, program = self._arrays, self.program
        application = int(arrays["application_of"][instance])
        slots = arrays["slots"][: arrays["counters"][_N_SLOTS]]
        slot = int(np.flatnonzero((slots[:, _INSTANCE] == instance) & (slots[:, _APPLICATION] == application))[-1])
        threads = int(slots[slot, _THREAD_BASE])
        reasons = []
        for place in range(int(np.diff(program.thread_base)[application])):
            row = arrays["threads"][threads + place]
            if row[_WAITS_FOR] >= 0:
                task = program.task_ids[application][row[_WAITS_FOR] - slots[slot, _CELL_BASE]]
                reasons.append(f"thread {place} waits for task {task}")
            elif row[_JOINS] >= 0:
                reasons.append(f"thread {place} waits for the end of thread {row[_JOINS] - threads}")
        left = int(slots[slot, _LEFT])
        return (
            f"{program.names[application]}: {how_many} of {len(arrays['finish_ns'])} instances never end. Instance "
            f"{instance} stands still at {self.now_ns} ns with {left} tasks that wait for one another or for tasks "
            f"that were never submitted{''.join('; ' + reason for reason in reasons)}"
        )

    @property
    def finish_ns(self) -> Int64Array:
        """int64[instances]: when each instance ended."""
        return self._arrays["finish_ns"]

    def rows(self) -> dict[str, npt.NDArray[Any]]:
        """The executed tasks in start order: instance, task (index in its application), pe, and their three times."""
        n = int(self._arrays["counters"][_N_ROWS])
        return {name: self._arrays[f"row_{name}"][:n] for name in _ROWS}


_ROWS: Final = ("instance", "task", "pe", "ready_ns", "start_ns", "end_ns")
