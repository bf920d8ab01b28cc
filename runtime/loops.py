"""The engine's compiled part: one loop over virtual time for each model of the operating system.

Everything that numba compiles stands in this one file: its cache notices a change of the file that a function is in, but
not of what the function calls in others. `engine.py` makes the arrays and describes the order of events; a loop runs
until the run is over, memory has to grow, or a plain Python scheduler has to decide.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from cedr.runtime.linux_cfs import ON_CORE, ON_DEVICE_ASLEEP, PARAMETERS
from cedr.runtime.record import (
    SOME_MASK,
    SOME_SHIFT,
    STEP_BLOCK,
    STEP_END,
    STEP_HOST,
    STEP_JOIN,
    STEP_SPAWN,
    STEP_SUBMIT,
    STEP_WAIT,
    STEP_WAIT_ALL,
    STEP_WAIT_SOME,
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
    function is compiled anew in each process. So is one whose file was cached as a module of another name: a user's file
    may be imported in several ways.
    """
    try:
        compiled: F = numba.njit(*signature, cache=True)(function)
    except (RuntimeError, ImportError) as error:
        if isinstance(error, RuntimeError) and "no locator available" not in str(error):
            raise
        compiled = numba.njit(*signature)(function)
    return compiled


def inlined(function: F, **options: Any) -> F:
    """A function that is compiled into each of its callers, and that Python can't call."""
    compiled: F = numba.njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)
    return compiled


def part(function: F) -> F:
    """A rule that both loops follow, inlined.

    It works on its caller's arrays, and makes, returns and keeps none: so it counts no references to them (_nrt), which
    would take longer than the rules do. No divisor is zero: so it doesn't look (error_model).
    """
    return inlined(function, _nrt=False, error_model="numpy")


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
SOME: Final = -2
"""What a thread in a STEP_WAIT_SOME waits for."""
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
    ASKED_OUTSIDE,  # not 0: the scheduler is plain Python, and the loop comes back for each of its decisions
    PAUSE_AT,  # come back when so many rows are written; -1: never
    N_COUNTERS,
) = range(32)
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
ASSIGN_ARGUMENTS = (I1, types.int64, I2, _VIEW, I1)
ASSIGN = types.FunctionType(I2(*ASSIGN_ARGUMENTS))


@structref.register
class _StateType(types.StructRef):  # type: ignore[misc]  # numba has no types of its own
    """numba's type of the state."""


class _State(structref.StructRefProxy):  # type: ignore[misc]  # numba has no types of its own
    """The engine's arrays and its scheduler behind one pointer: a call from Python hands over one object.

    Handing over the scheduler's function alone would cost 100 us a call.
    """

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
"""The arrays, by name."""
structref.define_proxy(_State, _StateType, [*FIELDS, "assign"])
STATE = _StateType([*FIELDS.items(), ("assign", ASSIGN)])


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


def nobody(ready: Any, now_ns: Any, estimate_ns: Any, view: Any, state: Any) -> Any:
    """In the place of a scheduler that is asked outside: decides nothing."""
    return view.pairs[:0]


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
        view.pairs[:n] = -1
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
            view.pairs[0] = -1
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


class Run(NamedTuple):
    """What the parts below work on: arrays of the state by their names there."""

    counters: Any
    succ_ptr: Any
    succ: Any
    class_of: Any
    waiting: Any
    task_base: Any
    thread_base: Any
    thread_rows: Any
    steps: Any
    submitted: Any
    waits: Any
    application_of: Any
    finish_ns: Any
    estimate_ns: Any
    free_slots: Any
    slots: Any
    cells: Any
    slot_of: Any
    threads: Any
    timers: Any
    wake: Any
    done: Any
    ready_class: Any
    ready_cell: Any
    ready_instance: Any
    ready_task: Any
    pe_running: Any
    pe_head: Any
    pe_tail: Any
    queue_length: Any
    queued_ns: Any
    running_until_ns: Any
    trouble: Any
    row_instance: Any
    row_task: Any
    row_pe: Any
    row_ready_ns: Any
    row_start_ns: Any
    row_end_ns: Any


@inlined
def _run_of(state: Any) -> Any:
    """The arrays that the parts work on."""
    return Run(
        state.counters,
        state.succ_ptr,
        state.succ,
        state.class_of,
        state.waiting,
        state.task_base,
        state.thread_base,
        state.thread_rows,
        state.steps,
        state.submitted,
        state.waits,
        state.application_of,
        state.finish_ns,
        state.estimate_ns,
        state.free_slots,
        state.slots,
        state.cells,
        state.slot_of,
        state.threads,
        state.timers,
        state.wake,
        state.done,
        state.ready_class,
        state.ready_cell,
        state.ready_instance,
        state.ready_task,
        state.pe_running,
        state.pe_head,
        state.pe_tail,
        state.queue_length,
        state.queued_ns,
        state.running_until_ns,
        state.trouble,
        state.row_instance,
        state.row_task,
        state.row_pe,
        state.row_ready_ns,
        state.row_start_ns,
        state.row_end_ns,
    )


@inlined
def _view_of(state: Any) -> Any:
    """What a scheduler sees."""
    return SchedulerView(
        state.queue_length,
        state.queued_ns,
        state.running_until_ns,
        state.type_of,
        state.type_estimate_ns,
        state.ready_instance,
        state.ready_task,
        state.application_of,
        state.arrival_ns,
        state.task_base,
        state.core_of,
        state.core_load,
        state.pairs,
    )


@part
def _wake(run: Any, thread: Any) -> None:
    """Line up a thread behind those that can go on. `linux-cfs` lines up workers too, as -1 - PE."""
    counters, wake = run.counters, run.wake
    wake[(counters[WAKE_HEAD] + counters[N_WAKE]) % len(wake)] = thread
    counters[N_WAKE] += 1


@part
def _next_awake(run: Any) -> Any:
    """Take the first of those that can go on out of its line."""
    counters, wake = run.counters, run.wake
    head = counters[WAKE_HEAD]
    counters[WAKE_HEAD] = (head + 1) % len(wake)
    counters[N_WAKE] -= 1
    return wake[head]


@part
def _move_timer(timers: Any, source: Any, place: Any) -> None:
    for column in range(3):
        timers[place, column] = timers[source, column]


@part
def _set_timer(run: Any, time_ns: Any, who: Any) -> None:
    """A heap by time, then by the order in which timers were set."""
    counters, timers = run.counters, run.timers
    place = counters[N_TIMERS]
    while place > 0 and timers[(place - 1) // 2, 0] > time_ns:
        _move_timer(timers, (place - 1) // 2, place)
        place = (place - 1) // 2
    timers[place, 0] = time_ns
    timers[place, 1] = counters[SEQUENCE]
    timers[place, 2] = who
    counters[N_TIMERS] += 1
    counters[SEQUENCE] += 1


@part
def _take_timer(run: Any) -> Any:
    """Take the first timer off the heap; whose it was."""
    counters, timers = run.counters, run.timers
    who = timers[0, 2]
    n_timers = counters[N_TIMERS] - 1
    counters[N_TIMERS] = n_timers
    time_ns = timers[n_timers, 0]
    number = timers[n_timers, 1]
    place = 0
    while 2 * place + 1 < n_timers:
        child = 2 * place + 1
        if child + 1 < n_timers and (
            timers[child + 1, 0] < timers[child, 0]
            or (timers[child + 1, 0] == timers[child, 0] and timers[child + 1, 1] < timers[child, 1])
        ):
            child += 1
        if time_ns < timers[child, 0] or (time_ns == timers[child, 0] and number < timers[child, 1]):
            break
        _move_timer(timers, child, place)
        place = child
    _move_timer(timers, n_timers, place)
    return who


@part
def _is_over(run: Any, cell: Any) -> None:
    """Note a task, or a join, whose successors are to be released."""
    counters = run.counters
    run.done[counters[DONE_TAIL]] = cell
    counters[DONE_TAIL] += 1


@part
def _meet(run: Any, instance: Any, first: Any, base: Any, task: Any, now: Any) -> None:
    """A task waits for one thing less: the last makes it ready, and a join over.

    task: its index in its application; first, base: its application's first task, its instance's first cell.
    """
    cells, counters = run.cells, run.counters
    cell = base + task
    unmet = cells[cell, LINK] - 1
    cells[cell, LINK] = unmet
    if unmet == 0:
        kind = run.class_of[first + task]
        if kind < 0:
            _is_over(run, cell)
        else:
            cells[cell, READY_NS] = now
            n_ready = counters[N_READY]
            run.ready_class[n_ready] = kind
            run.ready_cell[n_ready] = cell
            run.ready_instance[n_ready] = instance
            run.ready_task[n_ready] = task
            counters[N_READY] = n_ready + 1


@part
def _end_if_idle(run: Any, slot: Any, now: Any) -> None:
    """An instance ends when no task and no thread of it is left; its slot is free for the next."""
    slots, free_slots = run.slots, run.free_slots
    if slots[slot, LEFT] == 0 and slots[slot, RUNNING_THREADS] == 0:
        application = slots[slot, APPLICATION]
        run.finish_ns[slots[slot, INSTANCE]] = now
        slots[slot, NEXT_FREE] = free_slots[application]
        free_slots[application] = slot


@part
def _n_threads(run: Any, slot: Any) -> Any:
    application = run.slots[slot, APPLICATION]
    return run.thread_base[application + 1] - run.thread_base[application]


@part
def _enough_over(run: Any, thread: Any) -> Any:
    """Whether of the tasks of a thread's STEP_WAIT_SOME as many are over as it waits for."""
    pc = run.threads[thread, PC]
    first, count = run.steps[pc, 1], run.steps[pc, 2]
    base = run.slots[run.threads[thread, SLOT], CELL_BASE]
    missing = count >> SOME_SHIFT
    for place in range(first, first + (count & SOME_MASK)):
        if run.cells[base + np.int64(run.waits[place]), READY_NS] == OVER:
            missing -= 1
    return missing <= 0


@part
def _is_one_of(run: Any, thread: Any, cell: Any) -> Any:
    """Whether a task is among those of a thread's STEP_WAIT_SOME."""
    pc = run.threads[thread, PC]
    first, count = run.steps[pc, 1], run.steps[pc, 2]
    base = run.slots[run.threads[thread, SLOT], CELL_BASE]
    is_one = False
    for place in range(first, first + (count & SOME_MASK)):
        is_one |= base + np.int64(run.waits[place]) == cell
    return is_one


@part
def _release(run: Any, now: Any) -> None:
    """The first task that is over lets go what waited for it: tasks, and the application threads."""
    counters, slots, threads, succ_ptr = run.counters, run.slots, run.threads, run.succ_ptr
    head = counters[DONE_HEAD]
    cell = run.done[head]
    if head + 1 < counters[DONE_TAIL]:
        counters[DONE_HEAD] = head + 1
    else:
        counters[DONE_HEAD] = 0
        counters[DONE_TAIL] = 0
    slot = run.slot_of[cell]
    run.cells[cell, READY_NS] = OVER
    instance, first, base = slots[slot, INSTANCE], slots[slot, TASK_BASE], slots[slot, CELL_BASE]
    task = first + cell - base
    for edge in range(succ_ptr[task], succ_ptr[task + 1]):
        _meet(run, instance, first, base, np.int64(run.succ[edge]), now)
    thread = slots[slot, THREAD_BASE]
    for _ in range(_n_threads(run, slot)):
        waits_for = threads[thread, WAITS_FOR]
        if waits_for == cell or (waits_for == SOME and _enough_over(run, thread)):
            threads[thread, WAITS_FOR] = -1
            _wake(run, thread)
        thread += 1
    left = slots[slot, LEFT] - 1
    slots[slot, LEFT] = left
    if left == 0:
        _end_if_idle(run, slot, now)


@part
def _start_thread(run: Any, slot: Any, thread: Any) -> None:
    run.threads[thread, LIFE] = STARTED
    run.slots[slot, RUNNING_THREADS] += 1
    _wake(run, thread)


@part
def _next_arrival_ns(counters: Any, arrival_ns: Any) -> Any:
    """When the next instance arrives; -1: none does."""
    instance = counters[NEXT_ARRIVAL]
    return arrival_ns[instance] if instance < len(arrival_ns) else np.int64(-1)


@part
def _launch(run: Any, now: Any) -> Any:
    """The next instance arrives; its slot, or -1 where memory has to grow first."""
    counters, slots, cells, threads, free_slots = run.counters, run.slots, run.cells, run.threads, run.free_slots
    thread_rows = run.thread_rows
    instance = counters[NEXT_ARRIVAL]
    application = run.application_of[instance]
    first = run.task_base[application]
    n_tasks = run.task_base[application + 1] - first
    first_row = run.thread_base[application]
    n_threads = run.thread_base[application + 1] - first_row
    slot = free_slots[application]
    if slot >= 0:
        free_slots[application] = slots[slot, NEXT_FREE]
    else:
        slot = counters[N_SLOTS]
        base = counters[N_CELLS]
        thread = counters[N_THREADS]
        if slot == len(slots) or base + n_tasks > len(cells) or thread + n_threads > len(threads):
            return np.int64(-1)
        counters[N_SLOTS] = slot + 1
        counters[N_CELLS] = base + n_tasks
        counters[N_THREADS] = thread + n_threads
        slots[slot, CELL_BASE] = base
        slots[slot, THREAD_BASE] = thread
        slots[slot, APPLICATION] = application
        slots[slot, TASK_BASE] = first
        for cell in range(base, base + n_tasks):
            run.slot_of[cell] = slot
    slots[slot, INSTANCE] = instance
    slots[slot, LEFT] = 0
    slots[slot, RUNNING_THREADS] = 0
    base = slots[slot, CELL_BASE]
    for task in range(n_tasks):
        cells[base + task, LINK] = run.waiting[first + task]
        cells[base + task, READY_NS] = 0
    for place in range(n_threads):
        thread = slots[slot, THREAD_BASE] + place
        row = first_row + place
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
            _start_thread(run, slot, thread)
    _end_if_idle(run, slot, now)  # nothing to do, and nobody to do it
    counters[NEXT_ARRIVAL] = instance + 1
    if instance + 1 == counters[AWAITED]:
        counters[FAULT_AT] = now
    return slot


@part
def _step_kind(run: Any, thread: Any) -> Any:
    """What a thread's next step is; it ends behind what was recorded of it, too."""
    pc = run.threads[thread, PC]
    return np.int64(STEP_END) if pc == run.thread_rows[run.threads[thread, ROW], 1] else run.steps[pc, 0]


@part
def _submits(run: Any, thread: Any, kind: Any) -> Any:
    """Whether a thread, at a step of this kind, has a task to submit."""
    threads = run.threads
    return kind in (STEP_SUBMIT, STEP_BLOCK) and threads[thread, PLACE] < run.steps[threads[thread, PC], 2]


@part
def _submit(run: Any, thread: Any, now: Any) -> None:
    """The next task of a thread's step."""
    threads, slots, slot = run.threads, run.slots, run.threads[thread, SLOT]
    place = threads[thread, PLACE]
    origin = run.thread_rows[threads[thread, ROW], 2]
    threads[thread, PLACE] = place + 1
    threads[thread, SUBMITTED] += 1
    slots[slot, LEFT] += 1
    task = np.int64(run.submitted[origin + run.steps[threads[thread, PC], 1] + place])
    _meet(run, slots[slot, INSTANCE], slots[slot, TASK_BASE], slots[slot, CELL_BASE], task, now)


@part
def _awaits(run: Any, thread: Any, task: Any) -> Any:
    """Whether a thread has to wait for a task of its instance; then it is woken when that is over."""
    cell = run.slots[run.threads[thread, SLOT], CELL_BASE] + np.int64(task)
    if run.cells[cell, READY_NS] == OVER:
        return False
    run.threads[thread, WAITS_FOR] = cell
    return True


@part
def _step(run: Any, thread: Any, kind: Any, now: Any) -> Any:
    """A thread's step, its submissions and computation done: whether it goes on to the next, or waits or has ended."""
    threads, steps, slots = run.threads, run.steps, run.slots
    slot = threads[thread, SLOT]
    pc = threads[thread, PC]
    origin = run.thread_rows[threads[thread, ROW], 2]
    goes_on = True
    if kind == STEP_BLOCK:
        goes_on = not _awaits(run, thread, run.submitted[origin + steps[pc, 1] + steps[pc, 2] - 1])
    elif kind == STEP_WAIT:
        place = threads[thread, PLACE]
        while place < steps[pc, 2] and goes_on:
            if _awaits(run, thread, run.waits[steps[pc, 1] + place]):
                goes_on = False
            else:
                place += 1
        threads[thread, PLACE] = place
    elif kind == STEP_WAIT_SOME:
        goes_on = _enough_over(run, thread)
        if not goes_on:
            threads[thread, WAITS_FOR] = SOME
    elif kind == STEP_WAIT_ALL:
        place = threads[thread, WAITED]
        while place < threads[thread, SUBMITTED] and goes_on:
            if _awaits(run, thread, run.submitted[origin + place]):
                goes_on = False
            else:
                place += 1
        threads[thread, WAITED] = place
    elif kind == STEP_SPAWN:
        child = slots[slot, THREAD_BASE] + steps[pc, 1]
        if threads[child, LIFE] == NOT_STARTED:
            _start_thread(run, slot, child)
    elif kind == STEP_JOIN:
        child = slots[slot, THREAD_BASE] + steps[pc, 1]
        if threads[child, LIFE] != ENDED:
            threads[thread, JOINS] = child
            goes_on = False
    elif kind == STEP_END:
        goes_on = False
        threads[thread, LIFE] = ENDED
        first = slots[slot, THREAD_BASE]
        for other in range(first, first + _n_threads(run, slot)):
            if threads[other, JOINS] == thread:
                threads[other, JOINS] = -1
                _wake(run, other)
        slots[slot, RUNNING_THREADS] -= 1
        _end_if_idle(run, slot, now)
    if goes_on:
        threads[thread, PC] = pc + 1
        threads[thread, PLACE] = 0
    return goes_on


@part
def _any_lost(run: Any, lost: Any) -> Any:
    """Whether no PE is left for a ready task."""
    lost_one = False
    for position in range(run.counters[N_READY]):
        lost_one |= lost[run.ready_class[position]] != 0
    return lost_one


@part
def _clear_pairs(pairs: Any, n_ready: Any) -> None:
    """Room for the next decisions, in which what a scheduler leaves unwritten is refused."""
    for position in range(n_ready):
        pairs[position, 0] = -1
        pairs[position, 1] = -1


@part
def _refused(run: Any, position: Any, pe: Any) -> Any:
    """Why a scheduler's decision can't be carried out, noted for the refusal: a Status, or -1 where it can."""
    status = np.int64(-1)
    if position < 0 or position >= run.counters[N_READY] or run.ready_cell[position] < 0:
        status = np.int64(_BAD_POSITION)
    elif pe < 0 or pe >= len(run.pe_head):
        status = np.int64(_BAD_PE)
    elif run.estimate_ns[run.ready_class[position], pe] < 0:
        status = np.int64(_NOT_OFFERED)
    if status >= 0:
        run.counters[FAULTY_POSITION] = position
        run.counters[FAULTY_PE] = pe
    return status


@part
def _line_up(run: Any, position: Any, pe: Any) -> Any:
    """A ready task joins a PE's queue, its position is vacant; whether the queue was empty."""
    cells, pe_head, pe_tail = run.cells, run.pe_head, run.pe_tail
    cell = run.ready_cell[position]
    run.ready_cell[position] = -1
    cells[cell, LINK] = -1
    was_empty = pe_head[pe] < 0
    if was_empty:
        pe_head[pe] = cell
    else:
        cells[pe_tail[pe], LINK] = cell
    pe_tail[pe] = cell
    run.queue_length[pe] += 1
    run.queued_ns[pe] += run.estimate_ns[run.ready_class[position], pe]
    return was_empty


@part
def _keep_rest(run: Any, n_taken: Any) -> None:
    """Close the ready queue's ranks after so many tasks have joined the PEs' queues."""
    ready_class, ready_cell, n_ready = run.ready_class, run.ready_cell, run.counters[N_READY]
    kept = 0
    if n_taken < n_ready:
        for position in range(n_ready):
            if ready_cell[position] >= 0:
                ready_class[kept] = ready_class[position]
                ready_cell[kept] = ready_cell[position]
                run.ready_instance[kept] = run.ready_instance[position]
                run.ready_task[kept] = run.ready_task[position]
                kept += 1
    run.counters[N_READY] = kept


@part
def _start_task(run: Any, pe: Any, now: Any) -> Any:
    """A PE starts the head of its queue, in a new row of the record; the task's class."""
    counters, slots, cells = run.counters, run.slots, run.cells
    cell = run.pe_head[pe]
    run.pe_head[pe] = cells[cell, LINK]
    slot = run.slot_of[cell]
    task = cell - slots[slot, CELL_BASE]
    kind = np.int64(run.class_of[slots[slot, TASK_BASE] + task])
    run.pe_running[pe] = cell
    run.queued_ns[pe] -= run.estimate_ns[kind, pe]
    run.running_until_ns[pe] = now + run.estimate_ns[kind, pe]
    row = counters[N_ROWS]
    run.row_instance[row] = slots[slot, INSTANCE]
    run.row_task[row] = task
    run.row_pe[row] = pe
    run.row_ready_ns[row] = cells[cell, READY_NS]
    run.row_start_ns[row] = now
    counters[N_ROWS] = row + 1
    return kind


@part
def _end_task(run: Any, pe: Any, row: Any, now: Any) -> None:
    """A PE is done with its task, well or not; the next is not started yet."""
    trouble, cell = run.trouble, run.pe_running[pe]
    if trouble[pe, TROUBLE] == FINE:
        _is_over(run, cell)
    else:
        trouble[pe, TROUBLE] = FINE
        trouble[pe, FAILED_CELL] = cell
        trouble[pe, FAILED_ROW] = row
        run.counters[FAULT_AT] = now
    run.pe_running[pe] = -1
    run.queue_length[pe] -= 1
    run.running_until_ns[pe] = 0


def advance_ideal(state: Any, pairs: Any, decided: Any) -> Any:
    """Go on until there is a reason to come back: a Status.

    Where the scheduler is asked outside the loop comes back with DECIDE, and is called again with the decisions in `pairs`
    and `decided` set.
    """
    run = _run_of(state)
    view = _view_of(state)
    counters, arrival_ns, lost = run.counters, state.arrival_ns, state.lost
    estimate_ns, cost_ns, scheduler_state = run.estimate_ns, state.cost_ns, state.scheduler_state
    threads, timers, steps, wake, ready_class = run.threads, run.timers, run.steps, run.wake, run.ready_class
    pe_running, pe_head, trouble, row_end_ns = run.pe_running, run.pe_head, run.trouble, run.row_end_ns
    run_end, run_row, run_pe = state.run_end, state.run_row, state.run_pe
    any_lost = counters[ANY_LOST] != 0
    no_queues = counters[NO_QUEUES] != 0
    asked_outside = counters[ASKED_OUTSIDE] != 0
    assign = state.assign
    pause_at = counters[PAUSE_AT]
    now = counters[NOW]
    n_running = counters[N_RUNNING]
    arrives_ns = _next_arrival_ns(counters, arrival_ns)
    status = np.int64(-1)

    while True:
        if pause_at >= 0 and counters[N_ROWS] >= pause_at and not decided:
            status = np.int64(_PAUSED)
            break
        while not decided:
            if counters[DONE_TAIL] > 0:
                _release(run, now)
            elif n_running > 0 and run_end[n_running - 1] == now:  # completion
                n_running -= 1
                _end_task(run, run_pe[n_running], run_row[n_running], now)
            elif counters[FAULT_AT] == now:
                status = np.int64(_FAULT)
                break
            elif arrives_ns == now:
                if _launch(run, now) < 0:
                    status = np.int64(_GROW)
                    break
                arrives_ns = _next_arrival_ns(counters, arrival_ns)
            elif counters[N_TIMERS] > 0 and timers[0, 0] == now:  # a thread's own work is over
                _wake(run, _take_timer(run))
            elif counters[N_WAKE] > 0:  # the first thread that can go on: submissions, or another step
                thread = wake[counters[WAKE_HEAD]]
                kind = _step_kind(run, thread)
                if _submits(run, thread, kind):
                    while counters[DONE_TAIL] == 0 and _submits(run, thread, kind):
                        _submit(run, thread, now)
                elif kind == STEP_HOST and threads[thread, PLACE] == 0:
                    threads[thread, PLACE] = 1
                    _set_timer(run, now + steps[threads[thread, PC], 1], _next_awake(run))
                elif not _step(run, thread, kind, now):
                    _next_awake(run)
            else:
                break
        if status >= 0:
            break
        if any_lost and not decided and _any_lost(run, lost):
            status = np.int64(_FAULT)
            break

        n_ready = counters[N_READY]
        if n_ready > 0:  # one scheduling round
            if not decided:
                _clear_pairs(view.pairs, n_ready)
            if not asked_outside:
                if no_queues:
                    pairs = without_queues(assign, ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
                else:
                    pairs = assign(ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
            elif not decided:
                status = np.int64(_DECIDE)
                break
            decided = False
            for decision in range(len(pairs)):
                position = pairs[decision, 0]
                pe = pairs[decision, 1]
                status = _refused(run, position, pe)
                if status >= 0:
                    break
                _line_up(run, position, pe)
            if status >= 0:
                break
            _keep_rest(run, len(pairs))

        for pe in range(len(pe_running)):  # start
            if pe_head[pe] >= 0 and pe_running[pe] < 0:
                row = counters[N_ROWS]
                kind = _start_task(run, pe, now)
                end = now + (trouble[pe, TROUBLE_NS] if trouble[pe, TROUBLE] == HANGS else cost_ns[kind, pe])
                row_end_ns[row] = end
                place = n_running
                while place > 0 and run_end[place - 1] <= end:
                    run_end[place] = run_end[place - 1]
                    run_row[place] = run_row[place - 1]
                    run_pe[place] = run_pe[place - 1]
                    place -= 1
                run_end[place] = end
                run_row[place] = row
                run_pe[place] = pe
                n_running += 1

        following = counters[FAULT_AT]  # the next time at which something happens; -1: none
        if n_running > 0 and (following < 0 or run_end[n_running - 1] < following):
            following = run_end[n_running - 1]
        if arrives_ns >= 0 and (following < 0 or arrives_ns < following):
            following = arrives_ns
        if counters[N_TIMERS] > 0 and (following < 0 or timers[0, 0] < following):
            following = timers[0, 0]
        if following < 0:
            status = np.int64(_DONE if counters[N_READY] == 0 else _UNDECIDED)
            break
        now = following

    counters[NOW] = now
    counters[N_RUNNING] = n_running
    return status


@part
def _is_awaited(run: Any, cell: Any) -> Any:
    """Whether an application thread waits for this task."""
    slot = run.slot_of[cell]
    thread = run.slots[slot, THREAD_BASE]
    for _ in range(_n_threads(run, slot)):
        waits_for = run.threads[thread, WAITS_FOR]
        if waits_for == cell or (waits_for == SOME and _is_one_of(run, thread, cell)):
            return True
        thread += 1
    return False


@part
def _leave_core(cores: Any, runnable: Any, entities: Any, core_load: Any, entity: Any) -> None:
    """Out of its core's list of those that can run."""
    core = entities[entity, CORE]
    core_load[core] -= 1
    last = cores[core, N_RUNNABLE] - 1
    if last == 0:
        cores[core, MIN_VRUNTIME] = max(cores[core, MIN_VRUNTIME], entities[entity, VRUNTIME])
    cores[core, N_RUNNABLE] = last
    place = entities[entity, PLACE_OF]
    moved = runnable[core, last]
    runnable[core, place] = moved
    entities[moved, PLACE_OF] = place


def advance_linux_cfs(state: Any, pairs: Any, decided: Any) -> Any:
    """The same under `linux-cfs`: see docs/os_models.md. Arguments and result as `advance_ideal`'s.

    Each pass takes the next event, accounts for what ran on every core until then, lets the event happen, follows what
    completed tasks release and who wakes by it, and decides anew who runs on the cores that this concerns. The daemon's
    iteration is an event in stages, so that a plain Python scheduler can be asked in between.
    """
    run = _run_of(state)
    view = _view_of(state)
    counters, arrival_ns, launch_ns, lost = run.counters, state.arrival_ns, state.launch_ns, state.lost
    estimate_ns, scheduler_state = run.estimate_ns, state.scheduler_state
    slots, threads, timers = run.slots, run.threads, run.timers
    steps, ready_class = run.steps, run.ready_class
    pe_running, pe_head, trouble, row_end_ns = run.pe_running, run.pe_head, run.trouble, run.row_end_ns
    core_load, cores, runnable, entities, os = state.core_load, state.cores, state.runnable, state.entities, state.os
    phase_ptr, phases, port_free_ns = state.phase_ptr, state.phases, state.port_free_ns
    worker_ptr, workers, app_cores = state.worker_ptr, state.workers, state.app_cores
    todo_from_ns, rounds, segments = state.todo_from_ns, state.rounds, state.segments
    n_pes = len(pe_running)
    n_instances = len(arrival_ns)
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
    any_lost = counters[ANY_LOST] != 0
    no_queues = counters[NO_QUEUES] != 0
    asked_outside = counters[ASKED_OUTSIDE] != 0
    assign = state.assign
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
    status = np.int64(-1)

    while True:
        n_pairs = -1
        if pause_at >= 0 and counters[N_ROWS] >= pause_at and stage == EVENTS:
            status = np.int64(_PAUSED)
            break
        if recording and stage == EVENTS and n_segments + 2 * n_cores > len(segments):
            status = np.int64(_GROW)
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
            if counters[N_TIMERS] > 0 and (time < 0 or timers[0, 0] < time):
                time = timers[0, 0]
                source = TIMER
            if counters[FAULT_AT] >= 0 and (time < 0 or counters[FAULT_AT] < time):
                time = counters[FAULT_AT]
                source = FAULTS
            if daemon_at >= 0 and (time < 0 or daemon_at < time):
                time = daemon_at
                source = DAEMON
            if balance_at >= 0 and n_alive > 0 and (time < 0 or balance_at < time):
                time = balance_at
                source = BALANCE
            if time < 0:
                status = np.int64(_DONE if counters[N_READY] == 0 else _UNDECIDED)
                break
            if source == BALANCE:
                idle = counters[N_READY] == 0 and counters[NEXT_ARRIVAL] == n_instances and counters[N_TIMERS] == 0
                idle = idle and daemon_at < 0 and counters[FAULT_AT] < 0
                if idle:
                    for core in range(n_cores):
                        if cores[core, NEXT] >= 0:
                            idle = False
                    if idle:  # threads that wait for ever
                        status = np.int64(_DONE)
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
                            row = counters[N_ROWS]
                            kind = _start_task(run, pe, now)
                            row_end_ns[row] = -1
                            entities[pe, ROW_OF] = row
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
                                    _set_timer(run, begin + ns, pe)
                            break
                        if entities[pe, SIGNALLED] == 0 and trouble[pe, TROUBLE] == FINE:
                            entities[pe, SIGNALLED] = 1
                            awaited = _is_awaited(run, pe_running[pe])
                            if awaited and signal_ns > 0:
                                entities[pe, DOES] = COMPUTES
                                entities[pe, LEFT_NS] = signal_ns
                                break
                        row_end_ns[entities[pe, ROW_OF]] = now
                        _end_task(run, pe, entities[pe, ROW_OF], now)
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
                        _leave_core(cores, runnable, entities, core_load, pe)
                else:  # an application thread: its steps until it computes, waits or ends
                    thread = current - n_pes
                    cores[core, FLAG] = GO_ON
                    computes = np.int64(-1)  # ns of work that it goes on with; -1: none
                    stops = False
                    while not stops and computes < 0:
                        kind = _step_kind(run, thread)
                        if _submits(run, thread, kind):
                            if enqueue_ns > 0 and entities[current, SIGNALLED] == 0:
                                entities[current, SIGNALLED] = 1
                                computes = enqueue_ns
                            else:
                                entities[current, SIGNALLED] = 0
                                _submit(run, thread, now)
                                if counters[DONE_TAIL] > 0:
                                    computes = np.int64(0)  # the join is over before the thread's next step
                        elif kind == STEP_HOST and threads[thread, PLACE] == 0:
                            threads[thread, PLACE] = 1
                            ns = steps[threads[thread, PC], 1]
                            computes = ns + np.int64(ns * (contention * n_active / (1000 * n_active + contention_half)))
                        else:
                            stops = not _step(run, thread, kind, now)
                    if stops:
                        entities[current, DOES] = SLEEPS
                        n_active -= 1
                        n_alive -= threads[thread, LIFE] == ENDED
                        _leave_core(cores, runnable, entities, core_load, current)
                        cores[core, FLAG] = PICK
                    else:
                        entities[current, LEFT_NS] = computes
            elif source == TIMER:  # a device is done: its worker wakes
                pe = _take_timer(run)
                entities[pe, LEFT_NS] = 0
                _wake(run, -1 - pe)
            elif source == FAULTS:
                stage = BEFORE_ALL
                status = np.int64(_FAULT)
                break
            elif source == BALANCE:
                balance_at = (now // balance_ns + 1) * balance_ns
                for index in range(n_app_cores):
                    if cores[app_cores[index], CURRENT] == NOBODY:
                        balance_at = min(balance_at, (now // tick_ns + 1) * tick_ns)
                # Loads in units of a thread x (number of cores but the daemon's), so that the average of these is whole.
                n_shared = n_cores - 1
                total = np.int64(0)
                for core in range(1, n_cores):
                    total += cores[core, N_RUNNABLE]
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
                    if there * 100_000 <= here * os[BALANCE_THRESHOLD] or here * n_shared >= total:
                        continue
                    imbalance = max(min(there * n_shared - total, total - here * n_shared), n_shared)
                    while 2 * imbalance >= n_shared:
                        imbalance -= n_shared
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
                        _leave_core(cores, runnable, entities, core_load, best)
                        n_active -= 1
                        cores[busiest, FLAG] = max(cores[busiest, FLAG], GO_ON)
                        if cores[busiest, CURRENT] < 0:
                            cores[busiest, FLAG] = PICK
                        cores[busiest, MIN_VRUNTIME] = max(cores[busiest, MIN_VRUNTIME], least)
                        entities[best, VRUNTIME] -= cores[busiest, MIN_VRUNTIME]
                        entities[best, CORE] = local
                        entities[best, MOVES] = 1
                        _wake(run, best - n_pes)
            else:
                stage = ARRIVALS

        if stage == ARRIVALS:  # -------------------------------------------------- an iteration of the daemon: arrivals
            while counters[NEXT_ARRIVAL] < n_instances and arrival_ns[counters[NEXT_ARRIVAL]] <= now:
                slot = _launch(run, now)
                if slot < 0:
                    status = np.int64(_GROW)
                    break
                launch_ns[slots[slot, INSTANCE]] = now
                first = n_pes + slots[slot, THREAD_BASE]
                for entity in range(first, first + _n_threads(run, slot)):
                    entities[entity, CORE] = -1
                    entities[entity, MOVES] = 0
                    entities[entity, SIGNALLED] = 0
                    entities[entity, LEFT_NS] = 0
            if status >= 0:
                break
            stage = DECISION_DUE

        if stage == DECISION_DUE:  # --------------------------------------------------- the daemon's scheduling round
            if any_lost and not decided and _any_lost(run, lost):
                status = np.int64(_FAULT)
                break
            n_ready = counters[N_READY]
            spent_ns = np.int64(0)
            if n_ready > 0:
                if not decided:
                    _clear_pairs(view.pairs, n_ready)
                if not asked_outside:
                    if no_queues:
                        pairs = without_queues(assign, ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
                    else:
                        pairs = assign(ready_class[:n_ready], now, estimate_ns, view, scheduler_state)
                elif not decided:
                    status = np.int64(_DECIDE)
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
                    status = _refused(run, position, pe)
                    if status >= 0:
                        break
                    if _line_up(run, position, pe):  # its queue was empty
                        todo_from_ns[pe] = now + spent_ns
                        core = entities[pe, CORE]
                        if entities[pe, DOES] == POLLS and cores[core, CURRENT] == POLLERS:
                            cores[core, FLAG] = PICK
                        elif entities[pe, DOES] == SLEEPS and pe_running[pe] < 0:
                            entities[pe, DOES] = BEGINS
                            _wake(run, -1 - pe)
                if status >= 0:
                    break
                _keep_rest(run, n_pairs)
            daemon_ns = now + loop_ns + spent_ns
            daemon_at = -1
            stage = EVENTS

        # ------------------------------------------------------------------------- what completed tasks release
        while counters[DONE_TAIL] > 0:
            _release(run, now)

        # ------------------------------------------------------------------------------------- threads that wake
        while counters[N_WAKE] > 0:
            entity = _next_awake(run)
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
            if counters[N_READY] > 0:
                at = now
            else:
                at = _next_arrival_ns(counters, arrival_ns)
            if at >= 0:
                daemon_at = daemon_ns
                if at > daemon_ns:
                    daemon_at = daemon_ns + (at - daemon_ns + loop_ns - 1) // loop_ns * loop_ns
        elif counters[N_READY] > 0 and daemon_at > now:
            at = daemon_ns
            if now > daemon_ns:
                at = daemon_ns + (now - daemon_ns + loop_ns - 1) // loop_ns * loop_ns
            daemon_at = min(daemon_at, at)
        if balance_ns > 0 and balance_at <= now:
            balance_at = (now // balance_ns + 1) * balance_ns
        nothing_else = counters[N_TIMERS] == 0 and counters[NEXT_ARRIVAL] == n_instances and counters[FAULT_AT] < 0
        if counters[N_READY] > 0 and n_pairs == 0 and nothing_else:
            status = np.int64(_UNDECIDED)
            for core in range(n_cores):
                if cores[core, NEXT] >= 0:
                    status = np.int64(-1)
            if status >= 0:
                break
        stage = EVENTS

    counters[NOW] = now
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


def make_state(fields: Any) -> Any:
    """The state behind one pointer, of the tuple of its fields."""
    return _State(*fields)
