"""The engine's compiled part: one loop over virtual time for each model of the operating system.

Everything that numba compiles stands in this one file: its cache notices a change of the file that a function is in, but
not of what the function calls in others. `engine.py` makes the arrays and describes the order of events; a loop runs
until the run is over, memory has to grow, or a plain Python scheduler has to decide.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from cedr.runtime.linux_cfs import ON_CORE, ON_DEVICE_ASLEEP, PARAMETERS
from cedr.runtime.record import (
    STEP_BLOCK,
    STEP_HOST,
    STEP_JOIN,
    STEP_SPAWN,
    STEP_SUBMIT,
    STEP_WAIT,
    STEP_WAIT_ALL,
)
from cedr.runtime.schedulers import SchedulerView
from cedr.runtime.schedulers.interface import BUSY_NS

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
    FAULT = 3
    PAUSED = 4
    UNDECIDED = 5
    BAD_POSITION = 6
    BAD_PE = 7
    NOT_OFFERED = 8


_DONE, _DECIDE, _GROW, _FAULT, _PAUSED, _UNDECIDED, _BAD_POSITION, _BAD_PE, _NOT_OFFERED = (
    int(code) for code in Status
)
# Columns of the slots: what is kept of an instance in flight.
INSTANCE, CELL_BASE, THREAD_BASE, LEFT, RUNNING_THREADS, NEXT_FREE, APPLICATION, TASK_BASE = range(8)
# Columns of the threads in flight.
PC, PLACE, WAITED, SUBMITTED, WAITS_FOR, JOINS, LIFE, ROW, SLOT = range(9)
NOT_STARTED, STARTED, ENDED = range(3)
# Columns of a task in flight: unmet dependencies, then the next in its PE's queue; when it became ready, then OVER.
LINK, READY_NS = range(2)
OVER: Final = -1
# Entries of the counters.
(
    NOW,
    SEQUENCE,
    N_READY,
    N_ROWS,
    NEXT_ARRIVAL,
    N_RUNNING,
    N_TIMERS,
    WAKE_HEAD,
    N_WAKE,
    DONE_HEAD,
    DONE_TAIL,
    N_SLOTS,
    N_CELLS,
    N_THREADS,
    FAULTY_POSITION,
    FAULTY_PE,
    DAEMON_NS,
    DAEMON_AT,
    BALANCE_AT,
    N_ACTIVE,
    N_ALIVE,
    N_ROUNDS,
    STAGE,
    SPENT_NS,
    N_SEGMENTS,
    FAULT_AT,  # when recovery.py has to be asked; -1: never
    AWAITED,  # it has to be when so many instances have arrived
    ANY_LOST,  # not 0: no PE is left for some class
    NO_QUEUES,  # not 0: a PE takes a task only where it is idle
    PAUSE_AT,  # come back when so many rows are written; -1: never
    N_COUNTERS,
) = range(31)
# Columns of what is wrong with each PE: with its running task or, where none runs, with the next; how long that hangs; the
# task that ended so, or -1, and its row. Whatever is wrong with a task, recovery.py is asked at its end.
TROUBLE, TROUBLE_NS, FAILED_CELL, FAILED_ROW, N_TROUBLE_COLUMNS = range(5)
FINE, FAILS, HANGS = range(3)
# Columns of the cores.
CURRENT, SINCE, NEXT, N_RUNNABLE, MIN_VRUNTIME, PICKED, TURN, POLL_START, FLAG, SHOWN, SHOWN_SINCE, N_CORE_COLUMNS = (
    range(12)
)
NOBODY, POLLERS = -1, -2
GO_ON, PICK = 1, 2
# Columns of what the operating system schedules: the PEs' workers, then the application threads.
(
    VRUNTIME,
    CORE,
    DOES,
    LEFT_NS,
    PLACE_OF,
    LAST_RUN,
    PHASE,
    PHASE_END,
    ROW_OF,
    SIGNALLED,
    MOVES,
    N_ENTITY_COLUMNS,
) = range(12)
SLEEPS, POLLS, BEGINS, COMPUTES, DRIVES = range(5)
# Where the loop is: at the next event, or in an iteration of the daemon.
EVENTS, ARRIVALS, DECISION_DUE, BEFORE_ALL = range(4)
# Sources of events other than the cores.
TIMER, FAULTS, DAEMON, BALANCE = 1 << 20, (1 << 20) + 1, (1 << 20) + 2, (1 << 20) + 3
(
    TICK,
    LATENCY,
    MIN_GRANULARITY,
    WAKEUP_GRANULARITY,
    YIELD_SKIP,
    SLEEPER_CREDIT,
    START_DEBIT,
    POLL,
    POLLING,
    DAEMON_LOOP,
    ENQUEUE,
    SIGNAL,
    BALANCE_PERIOD,
    BALANCE_THRESHOLD,
    CONTENTION,
    CONTENTION_HALF,
    SPREAD,
    DECISION,
    DECISION_PAIR,
    RESCANS,
) = range(len(PARAMETERS))


I1 = types.Array(types.int64, 1, "C")
I2 = types.Array(types.int64, 2, "C")
_VIEW = types.NamedTuple([I1, I1, I1, I1, I2, I1, I1, I1, I1, I1, I1, I1, I2], SchedulerView)
ASSIGN_SIGNATURE = I2(I1, types.int64, I2, _VIEW, I1)
ASSIGN = types.FunctionType(ASSIGN_SIGNATURE)


@structref.register
class _StateType(types.StructRef):  # type: ignore[misc]  # numba has no types of its own
    """numba's type of the state."""


class _State(structref.StructRefProxy):  # type: ignore[misc]  # numba has no types of its own
    """The engine's arrays behind one pointer: a call from Python hands over one object."""

    def __new__(cls, *fields: Any) -> Any:
        return structref.StructRefProxy.__new__(cls, *fields)


FIELDS: Final = {
    "counters": I1,
    "succ_ptr": I1,
    "succ": types.Array(types.uint32, 1, "C"),
    "class_of": types.Array(types.int32, 1, "C"),
    "waiting": types.Array(types.int32, 1, "C"),
    "task_base": I1,
    "thread_base": I1,
    "thread_rows": I2,
    "steps": I2,
    "submitted": types.Array(types.uint32, 1, "C"),
    "waits": types.Array(types.uint32, 1, "C"),
    "application_of": I1,
    "arrival_ns": I1,
    "finish_ns": I1,
    "launch_ns": I1,
    "cores": I2,
    "runnable": I2,
    "entities": I2,
    "os": I1,
    "phase_ptr": I1,
    "phases": I2,
    "port_free_ns": I1,
    "worker_ptr": I1,
    "workers": I1,
    "app_cores": I1,
    "todo_from_ns": I1,
    "rounds": I2,
    "segments": I2,
    "estimate_ns": I2,
    "cost_ns": I2,
    "free_slots": I1,
    "slots": I2,
    "cells": I2,
    "slot_of": types.Array(types.int32, 1, "C"),
    "threads": I2,
    "timers": I2,
    "wake": I1,
    "done": I1,
    "ready_class": I1,
    "ready_cell": I1,
    "ready_instance": I1,
    "ready_task": I1,
    "pairs": I2,
    "pe_running": I1,
    "pe_head": I1,
    "pe_tail": I1,
    "run_end": I1,
    "run_row": I1,
    "run_pe": I1,
    "queue_length": I1,
    "queued_ns": I1,
    "running_until_ns": I1,
    "type_of": I1,
    "core_of": I1,
    "core_load": I1,
    "trouble": I2,
    "lost": I1,
    "type_estimate_ns": I2,
    "scheduler_state": I1,
    "row_instance": types.Array(types.int32, 1, "C"),
    "row_task": types.Array(types.uint32, 1, "C"),
    "row_pe": types.Array(types.int16, 1, "C"),
    "row_ready_ns": I1,
    "row_start_ns": I1,
    "row_end_ns": I1,
}
structref.define_proxy(_State, _StateType, list(FIELDS))
STATE = _StateType(list(FIELDS.items()))


@compile_lazily
def _seen(view: Any, positions: Any) -> Any:
    """A scheduler's view of some of the ready tasks."""
    return SchedulerView(
        view.queue_length,
        view.queued_ns,
        view.running_until_ns,
        view.type_of,
        view.type_estimate_ns,
        view.ready_instance[positions],
        view.ready_task[positions],
        view.application_of,
        view.arrival_ns,
        view.task_base,
        view.core_of,
        view.core_load,
        view.pairs,
    )


@compile_lazily
def without_queues(assign: Any, ready: Any, now_ns: Any, estimate_ns: Any, view: Any, state: Any) -> Any:
    """One round of a scheduler where a PE takes a task only while it is idle: CEDR's "Enable Queueing": false.

    Every other task stays in the ready queue. The scheduler is asked for one decision after the other, so that each sees
    the ones before, over the tasks that an idle PE offers. Where it takes a busy PE all the same (SIMPLE and MET go round
    their PEs) it is asked again, once for each PE, and then the task is held until the next round, as CEDR (UA-RCL/CEDR
    96eeda6) holds it. A decision that can't be carried out is the last one of the result, for the loop to refuse.
    """
    n_ready = len(ready)
    n_pes = len(view.queue_length)
    n_idle = 0
    for pe in range(n_pes):
        n_idle += view.queue_length[pe] == 0
    pairs = np.empty((n_idle, 2), np.int64)
    if n_idle == 0:
        return pairs
    idle = view.queue_length == 0
    offered = estimate_ns.copy()
    possible = np.zeros(len(offered), np.int64)  # idle PEs that offer each class
    for kind in range(len(offered)):
        for pe in range(n_pes):
            if offered[kind, pe] >= 0:
                if idle[pe]:
                    possible[kind] += 1
                else:
                    offered[kind, pe] = BUSY_NS
    held = np.ones(n_ready, np.bool_)
    candidates = np.empty(n_ready, np.int64)
    n_pairs = 0
    while n_pairs < n_idle:
        n = 0
        for position in range(n_ready):
            if held[position] and possible[ready[position]] > 0:
                candidates[n] = position
                n += 1
        if n == 0:
            break
        # One decision over all candidates, on a copy of the scheduler's memory; then the same task alone, so that its
        # memory knows of this decision and no other.
        several = candidates[:n]
        decided = assign(ready[several], now_ns, offered, _seen(view, several), state.copy())
        if len(decided) == 0:
            break
        choice = decided[0, 0]
        if choice < 0 or choice >= n:
            pairs[n_pairs, 0] = choice if choice < 0 else max(choice, n_ready)
            pairs[n_pairs, 1] = decided[0, 1]
            return pairs[: n_pairs + 1]
        one = several[choice : choice + 1].copy()
        position = one[0]
        held[position] = False
        for _ in range(n_pes):  # a scheduler that goes round its PEs comes to an idle one in the end
            decided = assign(ready[one], now_ns, offered, _seen(view, one), state)
            if len(decided) == 0:
                break
            pe = decided[0, 1]
            wrong = pe < 0 or pe >= n_pes or estimate_ns[ready[position], pe] < 0
            if wrong or idle[pe]:
                pairs[n_pairs, 0] = position
                pairs[n_pairs, 1] = pe
                n_pairs += 1
                if wrong:
                    return pairs[:n_pairs]
                idle[pe] = False
                for kind in range(len(offered)):
                    if offered[kind, pe] >= 0:
                        offered[kind, pe] = BUSY_NS
                        possible[kind] -= 1
                break
    return pairs[:n_pairs]


def advance_ideal(state: Any, assign: Any, pairs: Any, decided: Any) -> Any:
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
    trouble, lost = state.trouble, state.lost
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

    now = counters[NOW]
    sequence = counters[SEQUENCE]
    n_ready = counters[N_READY]
    n_rows = counters[N_ROWS]
    next_arrival = counters[NEXT_ARRIVAL]
    n_running = counters[N_RUNNING]
    n_timers = counters[N_TIMERS]
    wake_head = counters[WAKE_HEAD]
    n_wake = counters[N_WAKE]
    done_head = counters[DONE_HEAD]
    done_tail = counters[DONE_TAIL]
    fault_at = counters[FAULT_AT]
    watched_arrival = counters[AWAITED]
    any_lost = counters[ANY_LOST] != 0
    no_queues = counters[NO_QUEUES] != 0
    status = -1

    pause_at = counters[PAUSE_AT]
    while True:
        if pause_at >= 0 and n_rows >= pause_at and not decided:
            status = _PAUSED
            break
        while not decided:
            if done_head < done_tail:  # a task is over: release what waited for it
                cell = done[done_head]
                done_head += 1
                if done_head == done_tail:
                    done_head = 0
                    done_tail = 0
                slot = slot_of[cell]
                base = slots[slot, CELL_BASE]
                first = slots[slot, TASK_BASE]
                instance = slots[slot, INSTANCE]
                task = first + cell - base
                cells[cell, READY_NS] = OVER
                for edge in range(succ_ptr[task], succ_ptr[task + 1]):
                    local = np.int64(succ[edge])
                    other = base + local
                    unmet = cells[other, LINK] - 1
                    cells[other, LINK] = unmet
                    if unmet == 0:
                        kind = class_of[first + local]
                        if kind < 0:
                            done[done_tail] = other
                            done_tail += 1
                        else:
                            cells[other, READY_NS] = now
                            ready_class[n_ready] = kind
                            ready_cell[n_ready] = other
                            ready_instance[n_ready] = instance
                            ready_task[n_ready] = local
                            n_ready += 1
                application = slots[slot, APPLICATION]
                thread = slots[slot, THREAD_BASE]
                for _ in range(thread_base[application + 1] - thread_base[application]):
                    if threads[thread, WAITS_FOR] == cell:
                        threads[thread, WAITS_FOR] = -1
                        wake[(wake_head + n_wake) % n_rings] = thread
                        n_wake += 1
                    thread += 1
                left = slots[slot, LEFT] - 1
                slots[slot, LEFT] = left
                if left == 0 and slots[slot, RUNNING_THREADS] == 0:
                    finish_ns[instance] = now
                    slots[slot, NEXT_FREE] = free_slots[application]
                    free_slots[application] = slot
                continue

            if n_running > 0 and run_end[n_running - 1] == now:  # completion
                n_running -= 1
                pe = run_pe[n_running]
                if trouble[pe, TROUBLE] == FINE:
                    done[done_tail] = pe_running[pe]
                    done_tail += 1
                else:
                    trouble[pe, TROUBLE] = FINE
                    trouble[pe, FAILED_CELL] = pe_running[pe]
                    trouble[pe, FAILED_ROW] = run_row[n_running]
                    fault_at = now
                pe_running[pe] = -1
                queue_length[pe] -= 1
                running_until_ns[pe] = 0
                continue

            if fault_at == now:
                status = _FAULT
                break

            if next_arrival < n_instances and arrival_ns[next_arrival] == now:  # arrival
                application = application_of[next_arrival]
                first = task_base[application]
                n_tasks = task_base[application + 1] - first
                first_thread = thread_base[application]
                n_threads = thread_base[application + 1] - first_thread
                slot = free_slots[application]
                if slot >= 0:
                    free_slots[application] = slots[slot, NEXT_FREE]
                else:
                    slot = counters[N_SLOTS]
                    base = counters[N_CELLS]
                    thread = counters[N_THREADS]
                    if slot == len(slots) or base + n_tasks > len(cells) or thread + n_threads > len(threads):
                        status = _GROW
                        break
                    counters[N_SLOTS] = slot + 1
                    counters[N_CELLS] = base + n_tasks
                    counters[N_THREADS] = thread + n_threads
                    slots[slot, CELL_BASE] = base
                    slots[slot, THREAD_BASE] = thread
                    slots[slot, APPLICATION] = application
                    slots[slot, TASK_BASE] = first
                    for cell in range(base, base + n_tasks):
                        slot_of[cell] = slot
                slots[slot, INSTANCE] = next_arrival
                slots[slot, LEFT] = 0
                slots[slot, RUNNING_THREADS] = 0
                base = slots[slot, CELL_BASE]
                for offset in range(n_tasks):
                    cells[base + offset, LINK] = waiting[first + offset]
                    cells[base + offset, READY_NS] = 0
                for place in range(n_threads):
                    thread = slots[slot, THREAD_BASE] + place
                    row = first_thread + place
                    threads[thread, PC] = thread_rows[row, 0]
                    threads[thread, PLACE] = 0
                    threads[thread, WAITED] = 0
                    threads[thread, SUBMITTED] = 0
                    threads[thread, WAITS_FOR] = -1
                    threads[thread, JOINS] = -1
                    threads[thread, LIFE] = NOT_STARTED
                    threads[thread, ROW] = row
                    threads[thread, SLOT] = slot
                    if thread_rows[row, 3] == 0:
                        threads[thread, LIFE] = STARTED
                        slots[slot, RUNNING_THREADS] += 1
                        wake[(wake_head + n_wake) % n_rings] = thread
                        n_wake += 1
                if slots[slot, RUNNING_THREADS] == 0:  # nothing to do, and nobody to do it
                    finish_ns[next_arrival] = now
                    slots[slot, NEXT_FREE] = free_slots[application]
                    free_slots[application] = slot
                next_arrival += 1
                if next_arrival == watched_arrival:
                    fault_at = now
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
                row = threads[thread, ROW]
                slot = threads[thread, SLOT]
                base = slots[slot, CELL_BASE]
                origin = thread_rows[row, 2]
                pc = threads[thread, PC]
                at_end = pc == thread_rows[row, 1]
                kind = 0 if at_end else steps[pc, 0]
                goes_on = True
                if kind in (STEP_SUBMIT, STEP_BLOCK):
                    first = slots[slot, TASK_BASE]
                    place = threads[thread, PLACE]
                    begin = origin + steps[pc, 1]
                    count = steps[pc, 2]
                    before = place
                    while place < count and done_tail == 0:
                        local = np.int64(submitted[begin + place])
                        place += 1
                        cell = base + local
                        unmet = cells[cell, LINK] - 1
                        cells[cell, LINK] = unmet
                        if unmet == 0:
                            kind_of_task = class_of[first + local]
                            if kind_of_task < 0:
                                done[done_tail] = cell
                                done_tail += 1
                            else:
                                cells[cell, READY_NS] = now
                                ready_class[n_ready] = kind_of_task
                                ready_cell[n_ready] = cell
                                ready_instance[n_ready] = slots[slot, INSTANCE]
                                ready_task[n_ready] = local
                                n_ready += 1
                    slots[slot, LEFT] += place - before
                    threads[thread, SUBMITTED] += place - before
                    threads[thread, PLACE] = place
                    if done_tail > 0:
                        continue
                    if kind == STEP_BLOCK:
                        cell = base + np.int64(submitted[begin + count - 1])
                        if cells[cell, READY_NS] != OVER:
                            threads[thread, WAITS_FOR] = cell
                            goes_on = False
                elif kind == STEP_WAIT:
                    place = threads[thread, PLACE]
                    while place < steps[pc, 2]:
                        cell = base + np.int64(waits[steps[pc, 1] + place])
                        if cells[cell, READY_NS] != OVER:
                            threads[thread, WAITS_FOR] = cell
                            goes_on = False
                            break
                        place += 1
                    threads[thread, PLACE] = place
                elif kind == STEP_WAIT_ALL:
                    place = threads[thread, WAITED]
                    while place < threads[thread, SUBMITTED]:
                        cell = base + np.int64(submitted[origin + place])
                        if cells[cell, READY_NS] != OVER:
                            threads[thread, WAITS_FOR] = cell
                            goes_on = False
                            break
                        place += 1
                    threads[thread, WAITED] = place
                elif kind == STEP_HOST:
                    if threads[thread, PLACE] == 0:
                        threads[thread, PLACE] = 1
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
                    child = slots[slot, THREAD_BASE] + steps[pc, 1]
                    if threads[child, LIFE] == NOT_STARTED:
                        threads[child, LIFE] = STARTED
                        slots[slot, RUNNING_THREADS] += 1
                        wake[(wake_head + n_wake) % n_rings] = child
                        n_wake += 1
                elif kind == STEP_JOIN:
                    child = slots[slot, THREAD_BASE] + steps[pc, 1]
                    if threads[child, LIFE] != ENDED:
                        threads[thread, JOINS] = child
                        goes_on = False
                else:  # END, or the end of what was recorded
                    threads[thread, LIFE] = ENDED
                    wake_head = (wake_head + 1) % n_rings
                    n_wake -= 1
                    application = slots[slot, APPLICATION]
                    other = slots[slot, THREAD_BASE]
                    for _ in range(thread_base[application + 1] - thread_base[application]):
                        if threads[other, JOINS] == thread:
                            threads[other, JOINS] = -1
                            wake[(wake_head + n_wake) % n_rings] = other
                            n_wake += 1
                        other += 1
                    slots[slot, RUNNING_THREADS] -= 1
                    if slots[slot, RUNNING_THREADS] == 0 and slots[slot, LEFT] == 0:
                        finish_ns[slots[slot, INSTANCE]] = now
                        slots[slot, NEXT_FREE] = free_slots[application]
                        free_slots[application] = slot
                    continue
                if goes_on:
                    threads[thread, PC] = pc + 1
                    threads[thread, PLACE] = 0
                else:
                    wake_head = (wake_head + 1) % n_rings
                    n_wake -= 1
                continue
            break

        if status >= 0:
            break

        if any_lost and not decided:  # a ready task that no PE is left for?
            for position in range(n_ready):
                if lost[ready_class[position]] != 0:
                    status = _FAULT
            if status >= 0:
                break

        n_pairs = 0
        if n_ready > 0:  # one scheduling round
            if assign is not None:
                if no_queues:
                    pairs = without_queues(assign, ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
                else:
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
                    counters[FAULTY_POSITION] = position
                    counters[FAULTY_PE] = pe
                    break
                cell = ready_cell[position]
                ready_cell[position] = -1
                cells[cell, LINK] = -1
                if pe_head[pe] < 0:
                    pe_head[pe] = cell
                else:
                    cells[pe_tail[pe], LINK] = cell
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
                pe_head[pe] = cells[cell, LINK]
                slot = slot_of[cell]
                local = cell - slots[slot, CELL_BASE]
                kind = class_of[slots[slot, TASK_BASE] + local]
                end = now + cost_ns[kind, pe]
                if trouble[pe, TROUBLE] == HANGS:
                    end = now + trouble[pe, TROUBLE_NS]
                pe_running[pe] = cell
                queued_ns[pe] -= estimate_ns[kind, pe]
                running_until_ns[pe] = now + estimate_ns[kind, pe]
                row_instance[n_rows] = slots[slot, INSTANCE]
                row_task[n_rows] = local
                row_pe[n_rows] = pe
                row_ready_ns[n_rows] = cells[cell, READY_NS]
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

        following = fault_at  # the next time at which something happens; -1: none
        if n_running > 0 and (following < 0 or run_end[n_running - 1] < following):
            following = run_end[n_running - 1]
        if next_arrival < n_instances and (following < 0 or arrival_ns[next_arrival] < following):
            following = arrival_ns[next_arrival]
        if n_timers > 0 and (following < 0 or timers[0, 0] < following):
            following = timers[0, 0]
        if following < 0:
            status = _DONE if n_ready == 0 else _UNDECIDED
            break
        now = following

    counters[NOW] = now
    counters[SEQUENCE] = sequence
    counters[N_READY] = n_ready
    counters[N_ROWS] = n_rows
    counters[NEXT_ARRIVAL] = next_arrival
    counters[N_RUNNING] = n_running
    counters[N_TIMERS] = n_timers
    counters[WAKE_HEAD] = wake_head
    counters[N_WAKE] = n_wake
    counters[DONE_HEAD] = done_head
    counters[DONE_TAIL] = done_tail
    counters[FAULT_AT] = fault_at
    return status


def advance_linux_cfs(state: Any, assign: Any, pairs: Any, decided: Any) -> Any:
    """The same under `linux-cfs`: see docs/os_models.md. Arguments and result as `advance_ideal`'s.

    Each pass takes the next event, accounts for what ran on every core until then, lets the event happen, follows what
    completed tasks release and who wakes by it, and decides anew who runs on the cores that this concerns. The daemon's
    iteration is an event in stages, so that a plain Python scheduler can be asked in between.
    """
    counters = state.counters
    succ_ptr, succ, class_of, waiting = state.succ_ptr, state.succ, state.class_of, state.waiting
    task_base, thread_base, thread_rows = state.task_base, state.thread_base, state.thread_rows
    steps, submitted, waits = state.steps, state.submitted, state.waits
    application_of, arrival_ns, finish_ns = state.application_of, state.arrival_ns, state.finish_ns
    launch_ns = state.launch_ns
    estimate_ns = state.estimate_ns
    free_slots, slots, cells, slot_of = state.free_slots, state.slots, state.cells, state.slot_of
    threads, timers, wake, done = state.threads, state.timers, state.wake, state.done
    ready_class, ready_cell = state.ready_class, state.ready_cell
    ready_instance, ready_task = state.ready_instance, state.ready_task
    pe_running, pe_head, pe_tail = state.pe_running, state.pe_head, state.pe_tail
    queue_length, queued_ns, running_until_ns = state.queue_length, state.queued_ns, state.running_until_ns
    core_of, core_load = state.core_of, state.core_load
    scheduler_state = state.scheduler_state
    trouble, lost = state.trouble, state.lost
    row_instance, row_task, row_pe = state.row_instance, state.row_task, state.row_pe
    row_ready_ns, row_start_ns, row_end_ns = state.row_ready_ns, state.row_start_ns, state.row_end_ns
    cores, runnable, entities, os = state.cores, state.runnable, state.entities, state.os
    phase_ptr, phases, port_free_ns = state.phase_ptr, state.phases, state.port_free_ns
    worker_ptr, workers, app_cores = state.worker_ptr, state.workers, state.app_cores
    todo_from_ns, rounds, segments = state.todo_from_ns, state.rounds, state.segments
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
        core_of,
        core_load,
        state.pairs,
    )
    n_pes = len(pe_running)
    n_instances = len(arrival_ns)
    n_rings = len(wake)
    n_cores = len(cores)
    n_app_cores = len(app_cores)

    tick_ns = os[TICK]
    latency_ns = os[LATENCY]
    least_slice_ns = os[MIN_GRANULARITY]
    wakeup_ns = os[WAKEUP_GRANULARITY]
    skip_ns = os[YIELD_SKIP]
    credit_ns = os[SLEEPER_CREDIT]
    poll_ns = os[POLL]
    polling = os[POLLING] != 0
    loop_ns = os[DAEMON_LOOP]
    enqueue_ns = os[ENQUEUE]
    signal_ns = os[SIGNAL]
    balance_ns = os[BALANCE_PERIOD]
    contention = os[CONTENTION]
    contention_half = os[CONTENTION_HALF]

    now = counters[NOW]
    sequence = counters[SEQUENCE]
    n_ready = counters[N_READY]
    n_rows = counters[N_ROWS]
    next_arrival = counters[NEXT_ARRIVAL]
    n_timers = counters[N_TIMERS]
    wake_head = counters[WAKE_HEAD]
    n_wake = counters[N_WAKE]
    done_head = counters[DONE_HEAD]
    done_tail = counters[DONE_TAIL]
    fault_at = counters[FAULT_AT]
    watched_arrival = counters[AWAITED]
    any_lost = counters[ANY_LOST] != 0
    no_queues = counters[NO_QUEUES] != 0
    daemon_ns = counters[DAEMON_NS]  # a time at which an iteration of the daemon's loop begins
    daemon_at = counters[DAEMON_AT]  # the next one with something to do; -1: none
    balance_at = counters[BALANCE_AT]
    n_active = counters[N_ACTIVE]  # application threads that can run
    n_alive = counters[N_ALIVE]
    n_rounds = counters[N_ROUNDS]
    n_segments = counters[N_SEGMENTS]
    recording = len(segments) > 0
    pause_at = counters[PAUSE_AT]
    stage = counters[STAGE]
    status = -1

    while True:
        n_pairs = -1
        if pause_at >= 0 and n_rows >= pause_at and stage == EVENTS:
            status = _PAUSED
            break
        if recording and stage == EVENTS and n_segments + 2 * n_cores > len(segments):
            status = _GROW
            break
        if stage == EVENTS:
            # ------------------------------------------------------------------------------------ the next event
            source = -1
            time = np.int64(-1)
            for core in range(n_cores):
                at = cores[core, NEXT]
                if at >= 0 and (time < 0 or at < time):
                    time = at
                    source = core
            if n_timers > 0 and (time < 0 or timers[0, 0] < time):
                time = timers[0, 0]
                source = TIMER
            if fault_at >= 0 and (time < 0 or fault_at < time):
                time = fault_at
                source = FAULTS
            if daemon_at >= 0 and (time < 0 or daemon_at < time):
                time = daemon_at
                source = DAEMON
            if balance_at >= 0 and n_alive > 0 and (time < 0 or balance_at < time):
                time = balance_at
                source = BALANCE
            if time < 0 or (source == BALANCE and n_alive == 0):
                status = _DONE if n_ready == 0 else _UNDECIDED
                break
            if source == BALANCE:
                idle = n_ready == 0 and next_arrival == n_instances and n_timers == 0 and daemon_at < 0 and fault_at < 0
                if idle:
                    for core in range(n_cores):
                        if cores[core, NEXT] >= 0:
                            idle = False
                    if idle:  # threads that wait for ever
                        status = _DONE
                        break
            now = time

            # --------------------------------------------------------------------------------- who ran until now
            for core in range(n_cores):
                elapsed = now - cores[core, SINCE]
                cores[core, SINCE] = now
                current = cores[core, CURRENT]
                if elapsed == 0 or current == NOBODY:
                    continue
                if current >= 0:
                    entities[current, VRUNTIME] += elapsed
                    if entities[current, DOES] == COMPUTES:
                        entities[current, LEFT_NS] -= elapsed
                    continue
                # Idle workers that poll. The one that is furthest behind is alone until the next one is close enough to give
                # way to; then it has every other turn until it has caught up, and the rest, lowest first, the others.
                first = worker_ptr[core]
                last = worker_ptr[core + 1]
                lowest = np.int64(-1)
                for place in range(first, last):
                    other = workers[place]
                    if entities[other, DOES] == POLLS and (
                        lowest < 0 or entities[other, VRUNTIME] < entities[lowest, VRUNTIME]
                    ):
                        lowest = other
                while elapsed > 0:
                    level = np.int64(-1)
                    above = np.int64(-1)
                    at_level = 0
                    for place in range(first, last):
                        other = workers[place]
                        if entities[other, DOES] == POLLS and other != lowest:
                            behind = entities[other, VRUNTIME]
                            if level < 0 or behind < level:
                                above = level
                                level = behind
                                at_level = 1
                            elif behind == level:
                                at_level += 1
                            elif above < 0 or behind < above:
                                above = behind
                    lag = entities[lowest, VRUNTIME]
                    if at_level == 0:
                        entities[lowest, VRUNTIME] = lag + elapsed
                        break
                    if level - lag > skip_ns:
                        rise = min(elapsed, level - skip_ns - lag)
                        entities[lowest, VRUNTIME] = lag + rise
                        elapsed -= rise
                        continue
                    own = at_level if level > lag else 1  # what the lowest rises while the level rises by one
                    rise = max(np.int64(1), elapsed // (at_level + own))
                    if above >= 0:
                        rise = min(rise, above - level)
                    if level > lag and at_level > 1:
                        rise = min(rise, max(np.int64(1), (level - lag) // (at_level - 1)))
                    elapsed -= rise * (at_level + own)
                    entities[lowest, VRUNTIME] = lag + rise * own
                    for place in range(first, last):
                        other = workers[place]
                        if entities[other, DOES] == POLLS and other != lowest and entities[other, VRUNTIME] == level:
                            entities[other, VRUNTIME] = level + rise

            # ---------------------------------------------------------------------------------------- the event
            if source < n_cores:
                core = source
                current = cores[core, CURRENT]
                if current == POLLERS:
                    turn = cores[core, TURN]
                    if turn >= 0:
                        current = turn
                        cores[core, CURRENT] = turn
                        cores[core, PICKED] = now
                        entities[turn, LAST_RUN] = now
                        entities[turn, LAST_RUN] = now
                        if turn < n_pes and entities[turn, DOES] == POLLS:
                            entities[turn, DOES] = BEGINS
                            entities[turn, LEFT_NS] = 0
                            core_load[core] += 1
                        cores[core, FLAG] = GO_ON
                    else:
                        cores[core, FLAG] = PICK
                does = entities[current, DOES] if current >= 0 else 0
                left = entities[current, LEFT_NS] if current >= 0 else 0
                over = (does == COMPUTES and left <= 0) or (does == DRIVES and left <= now) or does == BEGINS
                if current < 0:
                    pass
                elif not over:  # a tick, or its turn
                    if cores[core, FLAG] != GO_ON:
                        cores[core, FLAG] = PICK
                elif current < n_pes:  # a worker
                    pe = current
                    cores[core, FLAG] = GO_ON
                    going = True
                    while going:
                        going = False
                        if does == BEGINS:
                            cell = pe_head[pe]
                            pe_head[pe] = cells[cell, LINK]
                            slot = slot_of[cell]
                            local = cell - slots[slot, CELL_BASE]
                            kind = class_of[slots[slot, TASK_BASE] + local]
                            pe_running[pe] = cell
                            queued_ns[pe] -= estimate_ns[kind, pe]
                            running_until_ns[pe] = now + estimate_ns[kind, pe]
                            row_instance[n_rows] = slots[slot, INSTANCE]
                            row_task[n_rows] = local
                            row_pe[n_rows] = pe
                            row_ready_ns[n_rows] = cells[cell, READY_NS]
                            row_start_ns[n_rows] = now
                            row_end_ns[n_rows] = -1
                            entities[pe, ROW_OF] = n_rows
                            n_rows += 1
                            entities[pe, PHASE] = phase_ptr[kind * n_pes + pe]
                            entities[pe, PHASE_END] = phase_ptr[kind * n_pes + pe + 1]
                            entities[pe, SIGNALLED] = 0
                            if trouble[pe, TROUBLE] == HANGS:
                                entities[pe, PHASE] = entities[pe, PHASE_END]
                                entities[pe, DOES] = DRIVES
                                entities[pe, LEFT_NS] = now + trouble[pe, TROUBLE_NS]
                                break
                        phase = entities[pe, PHASE]
                        if phase < entities[pe, PHASE_END]:
                            entities[pe, PHASE] = phase + 1
                            ns = phases[phase, 2]
                            if phases[phase, 0] == ON_CORE:
                                entities[pe, DOES] = COMPUTES
                                slower = np.int64(ns * (contention * n_active / (1000 * n_active + contention_half)))
                                entities[pe, LEFT_NS] = ns + slower
                            else:
                                port = phases[phase, 1]
                                begin = now
                                if port >= 0:
                                    begin = max(now, port_free_ns[port])
                                    port_free_ns[port] = begin + ns
                                    if recording:
                                        segments[n_segments, 0] = n_cores + port
                                        segments[n_segments, 1] = pe
                                        segments[n_segments, 2] = begin
                                        segments[n_segments, 3] = begin + ns
                                        n_segments += 1
                                entities[pe, LEFT_NS] = begin + ns
                                entities[pe, DOES] = DRIVES
                                if phases[phase, 0] == ON_DEVICE_ASLEEP:
                                    entities[pe, DOES] = SLEEPS
                                    cores[core, FLAG] = PICK
                                    place = n_timers
                                    n_timers += 1
                                    while place > 0 and timers[(place - 1) // 2, 0] > begin + ns:
                                        timers[place] = timers[(place - 1) // 2]
                                        place = (place - 1) // 2
                                    timers[place, 0] = begin + ns
                                    timers[place, 1] = sequence
                                    timers[place, 2] = pe
                                    sequence += 1
                            break
                        cell = pe_running[pe]
                        slot = slot_of[cell]
                        if entities[pe, SIGNALLED] == 0 and trouble[pe, TROUBLE] == FINE:
                            entities[pe, SIGNALLED] = 1
                            application = slots[slot, APPLICATION]
                            thread = slots[slot, THREAD_BASE]
                            awaited = False
                            for _ in range(thread_base[application + 1] - thread_base[application]):
                                if threads[thread, WAITS_FOR] == cell:
                                    awaited = True
                                thread += 1
                            if awaited and signal_ns > 0:
                                entities[pe, DOES] = COMPUTES
                                entities[pe, LEFT_NS] = signal_ns
                                break
                        row_end_ns[entities[pe, ROW_OF]] = now
                        if trouble[pe, TROUBLE] == FINE:
                            done[done_tail] = cell
                            done_tail += 1
                        else:
                            trouble[pe, TROUBLE] = FINE
                            trouble[pe, FAILED_CELL] = cell
                            trouble[pe, FAILED_ROW] = entities[pe, ROW_OF]
                            fault_at = now
                        pe_running[pe] = -1
                        queue_length[pe] -= 1
                        running_until_ns[pe] = 0
                        if pe_head[pe] >= 0 and todo_from_ns[pe] <= now:
                            does = BEGINS
                            going = True
                        elif polling or pe_head[pe] >= 0:
                            entities[pe, DOES] = POLLS
                            core_load[core] -= 1
                            cores[core, FLAG] = PICK
                        else:
                            entities[pe, DOES] = SLEEPS
                            cores[core, FLAG] = PICK
                    if entities[pe, DOES] == SLEEPS:
                        core_load[core] -= 1
                        last = cores[core, N_RUNNABLE] - 1
                        if last == 0:
                            cores[core, MIN_VRUNTIME] = max(cores[core, MIN_VRUNTIME], entities[pe, VRUNTIME])
                        cores[core, N_RUNNABLE] = last
                        place = entities[pe, PLACE_OF]
                        moved = runnable[core, last]
                        runnable[core, place] = moved
                        entities[moved, PLACE_OF] = place
                else:  # an application thread: its steps until it computes, waits or ends
                    thread = current - n_pes
                    row = threads[thread, ROW]
                    slot = threads[thread, SLOT]
                    base = slots[slot, CELL_BASE]
                    origin = thread_rows[row, 2]
                    cores[core, FLAG] = GO_ON
                    computes = np.int64(-1)  # ns of work that it goes on with; -1: none
                    stops = False
                    while not stops and computes < 0:
                        pc = threads[thread, PC]
                        kind = 0 if pc == thread_rows[row, 1] else steps[pc, 0]
                        goes_on = True
                        if kind in (STEP_SUBMIT, STEP_BLOCK):
                            first = slots[slot, TASK_BASE]
                            place = threads[thread, PLACE]
                            begin = origin + steps[pc, 1]
                            count = steps[pc, 2]
                            if place < count:
                                goes_on = False
                                if enqueue_ns > 0 and entities[current, SIGNALLED] == 0:
                                    entities[current, SIGNALLED] = 1
                                    computes = enqueue_ns
                                else:
                                    entities[current, SIGNALLED] = 0
                                    local = np.int64(submitted[begin + place])
                                    threads[thread, PLACE] = place + 1
                                    threads[thread, SUBMITTED] += 1
                                    slots[slot, LEFT] += 1
                                    cell = base + local
                                    unmet = cells[cell, LINK] - 1
                                    cells[cell, LINK] = unmet
                                    if unmet == 0:
                                        kind_of_task = class_of[first + local]
                                        if kind_of_task < 0:
                                            done[done_tail] = cell
                                            done_tail += 1
                                            computes = np.int64(0)  # the join is over before the thread's next step
                                        else:
                                            cells[cell, READY_NS] = now
                                            ready_class[n_ready] = kind_of_task
                                            ready_cell[n_ready] = cell
                                            ready_instance[n_ready] = slots[slot, INSTANCE]
                                            ready_task[n_ready] = local
                                            n_ready += 1
                            elif kind == STEP_BLOCK:
                                cell = base + np.int64(submitted[begin + count - 1])
                                if cells[cell, READY_NS] != OVER:
                                    threads[thread, WAITS_FOR] = cell
                                    goes_on = False
                                    stops = True
                        elif kind == STEP_WAIT:
                            place = threads[thread, PLACE]
                            while place < steps[pc, 2]:
                                cell = base + np.int64(waits[steps[pc, 1] + place])
                                if cells[cell, READY_NS] != OVER:
                                    threads[thread, WAITS_FOR] = cell
                                    goes_on = False
                                    stops = True
                                    break
                                place += 1
                            threads[thread, PLACE] = place
                        elif kind == STEP_WAIT_ALL:
                            place = threads[thread, WAITED]
                            while place < threads[thread, SUBMITTED]:
                                cell = base + np.int64(submitted[origin + place])
                                if cells[cell, READY_NS] != OVER:
                                    threads[thread, WAITS_FOR] = cell
                                    goes_on = False
                                    stops = True
                                    break
                                place += 1
                            threads[thread, WAITED] = place
                        elif kind == STEP_HOST:
                            if threads[thread, PLACE] == 0:
                                threads[thread, PLACE] = 1
                                goes_on = False
                                ns = steps[pc, 1]
                                computes = ns + np.int64(
                                    ns * (contention * n_active / (1000 * n_active + contention_half))
                                )
                        elif kind == STEP_SPAWN:
                            child = slots[slot, THREAD_BASE] + steps[pc, 1]
                            if threads[child, LIFE] == NOT_STARTED:
                                threads[child, LIFE] = STARTED
                                slots[slot, RUNNING_THREADS] += 1
                                wake[(wake_head + n_wake) % n_rings] = child
                                n_wake += 1
                        elif kind == STEP_JOIN:
                            child = slots[slot, THREAD_BASE] + steps[pc, 1]
                            if threads[child, LIFE] != ENDED:
                                threads[thread, JOINS] = child
                                goes_on = False
                                stops = True
                        else:  # END, or the end of what was recorded
                            goes_on = False
                            stops = True
                            threads[thread, LIFE] = ENDED
                            application = slots[slot, APPLICATION]
                            other = slots[slot, THREAD_BASE]
                            for _ in range(thread_base[application + 1] - thread_base[application]):
                                if threads[other, JOINS] == thread:
                                    threads[other, JOINS] = -1
                                    wake[(wake_head + n_wake) % n_rings] = other
                                    n_wake += 1
                                other += 1
                            n_alive -= 1
                            slots[slot, RUNNING_THREADS] -= 1
                            if slots[slot, RUNNING_THREADS] == 0 and slots[slot, LEFT] == 0:
                                finish_ns[slots[slot, INSTANCE]] = now
                                slots[slot, NEXT_FREE] = free_slots[application]
                                free_slots[application] = slot
                        if goes_on:
                            threads[thread, PC] = pc + 1
                            threads[thread, PLACE] = 0
                    if stops:
                        entities[current, DOES] = SLEEPS
                        core_load[core] -= 1
                        n_active -= 1
                        last = cores[core, N_RUNNABLE] - 1
                        if last == 0:
                            cores[core, MIN_VRUNTIME] = max(cores[core, MIN_VRUNTIME], entities[current, VRUNTIME])
                        cores[core, N_RUNNABLE] = last
                        place = entities[current, PLACE_OF]
                        moved = runnable[core, last]
                        runnable[core, place] = moved
                        entities[moved, PLACE_OF] = place
                        cores[core, FLAG] = PICK
                    else:
                        entities[current, LEFT_NS] = computes
            elif source == TIMER:  # a device is done: its worker wakes
                pe = timers[0, 2]
                entities[pe, LEFT_NS] = 0
                wake[(wake_head + n_wake) % n_rings] = -1 - pe
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
            elif source == FAULTS:
                stage = BEFORE_ALL
                status = _FAULT
                break
            elif source == BALANCE:
                balance_at = (now // balance_ns + 1) * balance_ns
                for index in range(n_app_cores):
                    if cores[app_cores[index], CURRENT] == NOBODY:
                        balance_at = min(balance_at, (now // tick_ns + 1) * tick_ns)
                total = np.int64(1)
                for core in range(n_cores):
                    total += cores[core, N_RUNNABLE]
                # Loads in units of a thread x (number of cores), so that the average is whole.
                for index in range(n_app_cores):
                    local = app_cores[index]
                    busiest = np.int64(-1)
                    for other in range(n_app_cores):
                        core = app_cores[other]
                        if core != local and (busiest < 0 or cores[core, N_RUNNABLE] > cores[busiest, N_RUNNABLE]):
                            busiest = core
                    if busiest < 0:
                        continue
                    here = cores[local, N_RUNNABLE]
                    there = cores[busiest, N_RUNNABLE]
                    if there * 100_000 <= here * os[BALANCE_THRESHOLD]:
                        continue
                    imbalance = min(there * n_cores - total, total - here * n_cores)
                    while 2 * imbalance >= n_cores:
                        imbalance -= n_cores
                        best = np.int64(-1)
                        least = np.int64(-1)
                        for place in range(cores[busiest, N_RUNNABLE]):
                            other = runnable[busiest, place]
                            if least < 0 or entities[other, VRUNTIME] < least:
                                least = entities[other, VRUNTIME]
                            if (
                                other >= n_pes
                                and other != cores[busiest, CURRENT]
                                and (best < 0 or entities[other, LAST_RUN] < entities[best, LAST_RUN])
                            ):
                                best = other
                        if best < 0:
                            break
                        last = cores[busiest, N_RUNNABLE] - 1
                        cores[busiest, N_RUNNABLE] = last
                        place = entities[best, PLACE_OF]
                        moved = runnable[busiest, last]
                        runnable[busiest, place] = moved
                        entities[moved, PLACE_OF] = place
                        core_load[busiest] -= 1
                        n_active -= 1
                        cores[busiest, FLAG] = max(cores[busiest, FLAG], GO_ON)
                        if cores[busiest, CURRENT] < 0:
                            cores[busiest, FLAG] = PICK
                        cores[busiest, MIN_VRUNTIME] = max(cores[busiest, MIN_VRUNTIME], least)
                        entities[best, VRUNTIME] -= cores[busiest, MIN_VRUNTIME]
                        entities[best, CORE] = local
                        entities[best, MOVES] = 1
                        wake[(wake_head + n_wake) % n_rings] = best - n_pes
                        n_wake += 1
            else:
                stage = ARRIVALS

        if stage == ARRIVALS:  # -------------------------------------------------- an iteration of the daemon: arrivals
            while next_arrival < n_instances and arrival_ns[next_arrival] <= now:
                application = application_of[next_arrival]
                first = task_base[application]
                n_tasks = task_base[application + 1] - first
                first_thread = thread_base[application]
                n_threads = thread_base[application + 1] - first_thread
                slot = free_slots[application]
                if slot >= 0:
                    free_slots[application] = slots[slot, NEXT_FREE]
                else:
                    slot = counters[N_SLOTS]
                    base = counters[N_CELLS]
                    thread = counters[N_THREADS]
                    if slot == len(slots) or base + n_tasks > len(cells) or thread + n_threads > len(threads):
                        status = _GROW
                        break
                    counters[N_SLOTS] = slot + 1
                    counters[N_CELLS] = base + n_tasks
                    counters[N_THREADS] = thread + n_threads
                    slots[slot, CELL_BASE] = base
                    slots[slot, THREAD_BASE] = thread
                    slots[slot, APPLICATION] = application
                    slots[slot, TASK_BASE] = first
                    for cell in range(base, base + n_tasks):
                        slot_of[cell] = slot
                launch_ns[next_arrival] = now
                slots[slot, INSTANCE] = next_arrival
                slots[slot, LEFT] = 0
                slots[slot, RUNNING_THREADS] = 0
                base = slots[slot, CELL_BASE]
                for offset in range(n_tasks):
                    cells[base + offset, LINK] = waiting[first + offset]
                    cells[base + offset, READY_NS] = 0
                for place in range(n_threads):
                    thread = slots[slot, THREAD_BASE] + place
                    row = first_thread + place
                    threads[thread, PC] = thread_rows[row, 0]
                    threads[thread, PLACE] = 0
                    threads[thread, WAITED] = 0
                    threads[thread, SUBMITTED] = 0
                    threads[thread, WAITS_FOR] = -1
                    threads[thread, JOINS] = -1
                    threads[thread, LIFE] = NOT_STARTED
                    threads[thread, ROW] = row
                    threads[thread, SLOT] = slot
                    entities[n_pes + thread, CORE] = -1
                    entities[n_pes + thread, MOVES] = 0
                    entities[n_pes + thread, SIGNALLED] = 0
                    entities[n_pes + thread, LEFT_NS] = 0
                    if thread_rows[row, 3] == 0:
                        threads[thread, LIFE] = STARTED
                        slots[slot, RUNNING_THREADS] += 1
                        wake[(wake_head + n_wake) % n_rings] = thread
                        n_wake += 1
                if slots[slot, RUNNING_THREADS] == 0:  # nothing to do, and nobody to do it
                    finish_ns[next_arrival] = now
                    slots[slot, NEXT_FREE] = free_slots[application]
                    free_slots[application] = slot
                next_arrival += 1
                if next_arrival == watched_arrival:
                    fault_at = now
            if status >= 0:
                break
            stage = DECISION_DUE

        if (
            stage == DECISION_DUE
        ):  # ------------------------------------------------------------- the daemon's scheduling round
            if any_lost and not decided:
                for position in range(n_ready):
                    if lost[ready_class[position]] != 0:
                        status = _FAULT
                if status >= 0:
                    break
            spent_ns = np.int64(0)
            if n_ready > 0:
                if assign is not None:
                    if no_queues:
                        pairs = without_queues(assign, ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
                    else:
                        pairs = assign(ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
                elif not decided:
                    status = _DECIDE
                    break
                decided = False
                n_pairs = len(pairs)
                n_offers = n_ready * n_pes
                if os[RESCANS] != 0:
                    n_offers = n_offers * (n_ready + 1) // 2
                spent_ns = n_ready * os[DECISION] + n_offers * os[DECISION_PAIR] // 1000
                if n_rounds < len(rounds):
                    rounds[n_rounds, 0] = now
                    rounds[n_rounds, 1] = now + spent_ns
                    rounds[n_rounds, 2] = n_ready
                n_rounds += 1
                counters[SPENT_NS] += spent_ns
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
                        counters[FAULTY_POSITION] = position
                        counters[FAULTY_PE] = pe
                        break
                    cell = ready_cell[position]
                    ready_cell[position] = -1
                    cells[cell, LINK] = -1
                    if pe_head[pe] < 0:
                        pe_head[pe] = cell
                        todo_from_ns[pe] = now + spent_ns
                        core = core_of[pe]
                        if entities[pe, DOES] == POLLS and cores[core, CURRENT] == POLLERS:
                            cores[core, FLAG] = PICK
                        elif entities[pe, DOES] == SLEEPS and pe_running[pe] < 0:
                            entities[pe, DOES] = BEGINS
                            wake[(wake_head + n_wake) % n_rings] = -1 - pe
                            n_wake += 1
                    else:
                        cells[pe_tail[pe], LINK] = cell
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
            daemon_ns = now + loop_ns + spent_ns
            daemon_at = -1
            stage = EVENTS

        # ------------------------------------------------------------------------- what completed tasks release
        while done_head < done_tail:
            cell = done[done_head]
            done_head += 1
            slot = slot_of[cell]
            base = slots[slot, CELL_BASE]
            first = slots[slot, TASK_BASE]
            instance = slots[slot, INSTANCE]
            task = first + cell - base
            cells[cell, READY_NS] = OVER
            for edge in range(succ_ptr[task], succ_ptr[task + 1]):
                local = np.int64(succ[edge])
                other = base + local
                unmet = cells[other, LINK] - 1
                cells[other, LINK] = unmet
                if unmet == 0:
                    kind = class_of[first + local]
                    if kind < 0:
                        done[done_tail] = other
                        done_tail += 1
                    else:
                        cells[other, READY_NS] = now
                        ready_class[n_ready] = kind
                        ready_cell[n_ready] = other
                        ready_instance[n_ready] = instance
                        ready_task[n_ready] = local
                        n_ready += 1
            application = slots[slot, APPLICATION]
            thread = slots[slot, THREAD_BASE]
            for _ in range(thread_base[application + 1] - thread_base[application]):
                if threads[thread, WAITS_FOR] == cell:
                    threads[thread, WAITS_FOR] = -1
                    wake[(wake_head + n_wake) % n_rings] = thread
                    n_wake += 1
                thread += 1
            left = slots[slot, LEFT] - 1
            slots[slot, LEFT] = left
            if left == 0 and slots[slot, RUNNING_THREADS] == 0:
                finish_ns[instance] = now
                slots[slot, NEXT_FREE] = free_slots[application]
                free_slots[application] = slot
        done_head = 0
        done_tail = 0

        # ------------------------------------------------------------------------------------- threads that wake
        while n_wake > 0:
            entity = wake[wake_head]
            wake_head = (wake_head + 1) % n_rings
            n_wake -= 1
            entity = -1 - entity if entity < 0 else n_pes + entity
            core = entities[entity, CORE]
            new = core < 0
            if new:
                core = app_cores[0]
                if os[SPREAD] != 0:
                    for index in range(n_app_cores):
                        if cores[app_cores[index], N_RUNNABLE] < cores[core, N_RUNNABLE]:
                            core = app_cores[index]
                entities[entity, CORE] = core
                n_alive += 1
            count = cores[core, N_RUNNABLE]
            least = np.int64(-1)
            for place in range(count):
                behind = entities[runnable[core, place], VRUNTIME]
                if least < 0 or behind < least:
                    least = behind
            if least > cores[core, MIN_VRUNTIME]:
                cores[core, MIN_VRUNTIME] = least
            floor = cores[core, MIN_VRUNTIME]
            if new:
                debit = os[START_DEBIT] * latency_ns // (1000 * (count + 1))
                if count + 1 > latency_ns // least_slice_ns:
                    debit = os[START_DEBIT] * least_slice_ns // 1000
                entities[entity, VRUNTIME] = floor + debit
            elif entities[entity, MOVES] == 1:
                entities[entity, MOVES] = 0
                entities[entity, VRUNTIME] += floor
            else:
                entities[entity, VRUNTIME] = max(entities[entity, VRUNTIME], floor - credit_ns)
            runnable[core, count] = entity
            entities[entity, LAST_RUN] = now
            entities[entity, LAST_RUN] = now
            entities[entity, PLACE_OF] = count
            cores[core, N_RUNNABLE] = count + 1
            core_load[core] += 1
            if entity >= n_pes:
                entities[entity, DOES] = COMPUTES
                n_active += 1
            elif entities[entity, DOES] != BEGINS:
                entities[entity, DOES] = DRIVES
            current = cores[core, CURRENT]
            if current < 0 or entities[current, VRUNTIME] - entities[entity, VRUNTIME] > wakeup_ns:
                cores[core, FLAG] = PICK
            elif cores[core, FLAG] == 0:
                cores[core, FLAG] = GO_ON

        # ------------------------------------------------------------------------------- who runs on each core
        for core in range(n_cores):
            flag = cores[core, FLAG]
            if flag == 0:
                continue
            cores[core, FLAG] = 0
            count = cores[core, N_RUNNABLE]
            if flag == PICK:
                old = cores[core, CURRENT]
                best = np.int64(-1)  # of those with work, the one that is furthest behind
                if core_load[core] > 0:
                    for place in range(count):
                        other = runnable[core, place]
                        if entities[other, DOES] != POLLS and (
                            best < 0 or entities[other, VRUNTIME] < entities[best, VRUNTIME]
                        ):
                            best = other
                first = worker_ptr[core]
                last = worker_ptr[core + 1]
                n_behind = 0
                lowest = np.int64(-1)
                n_pollers = 0
                limit = entities[best, VRUNTIME] if best >= 0 else np.int64(1) << 61
                for place in range(first, last):
                    other = workers[place]
                    if entities[other, DOES] == POLLS:
                        n_pollers += 1
                        if entities[other, VRUNTIME] < limit:
                            n_behind += 1
                            if lowest < 0 or entities[other, VRUNTIME] < entities[lowest, VRUNTIME]:
                                lowest = other
                if n_pollers == 0 and best < 0:
                    cores[core, CURRENT] = NOBODY
                    cores[core, NEXT] = -1
                    if balance_ns > 0:
                        balance_at = min(balance_at, (now // tick_ns + 1) * tick_ns)
                    continue
                if n_behind == 0:
                    cores[core, PICKED] = now
                    cores[core, CURRENT] = best
                    entities[best, LAST_RUN] = now
                    entities[best, LAST_RUN] = now
                    flag = GO_ON
                else:
                    if old != POLLERS:
                        cores[core, POLL_START] = now
                    cores[core, CURRENT] = POLLERS
                    cores[core, NEXT] = -1
                    cores[core, TURN] = best
                    round_ns = poll_ns if n_behind == 1 else 2 * poll_ns
                    # The first turn: of a worker with a task in its queue, when it looks, or of the thread. A turn comes when
                    # one poller alone is further behind, and close enough to give way.
                    lag = entities[lowest, VRUNTIME]
                    for place in range(first, last + 1):
                        other = workers[place] if place < last else best
                        if other < 0:
                            continue
                        own = entities[other, VRUNTIME]
                        if place < last and (entities[other, DOES] != POLLS or pe_head[other] < 0 or own >= limit):
                            continue
                        wait = np.int64(0)
                        if other != lowest:
                            second = own
                            for another in range(first, last):
                                third = workers[another]
                                behind = entities[third, VRUNTIME]
                                if entities[third, DOES] == POLLS and third != lowest and behind < own:
                                    wait += own - behind
                                    second = min(second, behind)
                            alone = max(np.int64(0), second - lag - skip_ns)
                            wait = alone + wait + min(wait, own - lag - alone)
                        if place < last:
                            at = max(now + wait, now + 1, todo_from_ns[other]) - cores[core, POLL_START]
                            at = cores[core, POLL_START] + (at + round_ns - 1) // round_ns * round_ns
                        else:
                            at = now + max(wait, poll_ns)
                        if cores[core, NEXT] < 0 or at < cores[core, NEXT]:
                            cores[core, NEXT] = at
                            cores[core, TURN] = other
                    continue
            if flag == GO_ON:
                current = cores[core, CURRENT]
                if current < 0:
                    continue
                if entities[current, DOES] == BEGINS:
                    end = max(now, todo_from_ns[current])
                elif entities[current, DOES] == DRIVES:
                    end = max(now, entities[current, LEFT_NS])
                else:
                    end = now + max(np.int64(0), entities[current, LEFT_NS])
                if count > 1:
                    picked = cores[core, PICKED]
                    soonest = max(now, picked + least_slice_ns - 1)
                    if end > (soonest // tick_ns + 1) * tick_ns:
                        slice_ns = latency_ns // count
                        if count > latency_ns // least_slice_ns:
                            slice_ns = least_slice_ns
                        least = np.int64(-1)
                        for place in range(count):
                            other = runnable[core, place]
                            if other != current and (least < 0 or entities[other, VRUNTIME] < least):
                                least = entities[other, VRUNTIME]
                        ahead = now + least + slice_ns - entities[current, VRUNTIME]
                        at = min(picked + slice_ns, max(ahead, picked + least_slice_ns - 1))
                        at = (max(at, now) // tick_ns + 1) * tick_ns
                        end = min(end, at)
                cores[core, NEXT] = end

        if recording:
            for core in range(n_cores):
                current = cores[core, CURRENT]
                owner = current
                if current >= n_pes:  # the instance of the thread
                    owner = n_pes + slots[threads[current - n_pes, SLOT], INSTANCE]
                if owner != cores[core, SHOWN]:
                    if cores[core, SHOWN] != NOBODY and now > cores[core, SHOWN_SINCE]:
                        segments[n_segments, 0] = core
                        segments[n_segments, 1] = cores[core, SHOWN]
                        segments[n_segments, 2] = cores[core, SHOWN_SINCE]
                        segments[n_segments, 3] = now
                        n_segments += 1
                    cores[core, SHOWN] = owner
                    cores[core, SHOWN_SINCE] = now

        # ------------------------------------------------------------------------ when the daemon looks again
        if daemon_at < 0:
            at = np.int64(-1)
            if n_ready > 0:
                at = now
            elif next_arrival < n_instances:
                at = arrival_ns[next_arrival]
            if at >= 0:
                daemon_at = daemon_ns
                if at > daemon_ns:
                    daemon_at = daemon_ns + (at - daemon_ns + loop_ns - 1) // loop_ns * loop_ns
        elif n_ready > 0 and daemon_at > now:
            at = daemon_ns
            if now > daemon_ns:
                at = daemon_ns + (now - daemon_ns + loop_ns - 1) // loop_ns * loop_ns
            daemon_at = min(daemon_at, at)
        if balance_ns > 0 and balance_at <= now:
            balance_at = (now // balance_ns + 1) * balance_ns
        if n_ready > 0 and n_pairs == 0 and n_timers == 0 and next_arrival == n_instances and fault_at < 0:
            status = _UNDECIDED
            for core in range(n_cores):
                if cores[core, NEXT] >= 0:
                    status = -1
            if status >= 0:
                break
        stage = EVENTS

    counters[NOW] = now
    counters[SEQUENCE] = sequence
    counters[N_READY] = n_ready
    counters[N_ROWS] = n_rows
    counters[NEXT_ARRIVAL] = next_arrival
    counters[N_TIMERS] = n_timers
    counters[WAKE_HEAD] = wake_head
    counters[N_WAKE] = n_wake
    counters[DONE_HEAD] = done_head
    counters[DONE_TAIL] = done_tail
    counters[FAULT_AT] = fault_at
    counters[DAEMON_NS] = daemon_ns
    counters[DAEMON_AT] = daemon_at
    counters[BALANCE_AT] = balance_at
    counters[N_ACTIVE] = n_active
    counters[N_ALIVE] = n_alive
    counters[N_ROUNDS] = n_rounds
    counters[N_SEGMENTS] = n_segments
    counters[STAGE] = stage
    return status


def successors(indptr: Any, indices: Any, task_base: Any, succ_ptr: Any, succ: Any) -> None:
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


def make_state(*fields: Any) -> Any:
    """The state behind one pointer."""
    return _State(*fields)
