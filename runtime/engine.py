"""The engine: schedules recorded applications in virtual time. Compiled by numba on first use; import it lazily.

One loop (loops.py) runs until the run is over, memory has to grow, or a plain Python scheduler has to decide; a
compiled scheduler is called from inside, through a function pointer, so that the loop is compiled once for all of them.

Time is in integer nanoseconds. Events at one time are taken in the order: completions (in the order in which the tasks
started), faults (recovery.py), arrivals (in the order of the instances), application threads (in the order in which they
became able to go on, each until it waits or works; timers in the order in which they were set); then, if a task is
ready, one scheduling round over the whole ready queue; then each idle PE, by index, starts the head of its queue. A
completed task releases its successors in ascending order; a join completes the moment it is released, before the next
event, and joins that are released together complete in the order of their release.

That is the order under the operating system `ideal`: a PE is a server with a first-in-first-out queue, its management is
free, and application threads compute on cores of their own. Under `linux-cfs` workers and application threads share cores
(docs/os_models.md); of events at one time the cores' come first, by number, then devices that are done, faults, the
daemon's iteration, and load balancing.

A task in flight takes 76 bytes at most, an executed one 34; instances share the graph of their application.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cedr.runtime import loops
from cedr.runtime.fault import FaultReport, Injected
from cedr.runtime.linux_cfs import LinuxSetup
from cedr.runtime.loops import Int64Array, Status, compile_lazily, types
from cedr.runtime.program import Program
from cedr.runtime.recovery import Recovery, with_variants
from cedr.runtime.schedulers import Assign, Scheduler, SchedulerError, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.calls import begin, decide, failure, not_compiled
from cedr.target.errors import CedrError

__all__ = ["Engine", "Status", "compile_lazily"]


class _Compiled:
    """The compiled functions of this process, made when the first engine needs them."""

    def __init__(self) -> None:
        unsigned = types.Array(types.uint32, 1, "C")
        mapped = types.Array(types.uint32, 1, "C", readonly=True)
        signature = types.void(loops.I1, mapped, loops.I1, loops.I1, unsigned)
        self.successors = compile_lazily(loops.successors, signature)
        self.make_state = compile_lazily(
            loops.make_state, loops.STATE(types.Tuple((*loops.FIELDS.values(), loops.ASSIGN)))
        )
        self.nobody = compile_lazily(loops.nobody, loops.ASSIGN_ARGUMENTS)
        self._loops: dict[bool, Any] = {}
        self._schedulers: dict[Assign, Any] = {}

    def loop(self, linux: bool) -> Any:
        """The loop of an OS model."""
        if linux not in self._loops:
            advance = loops.advance_linux_cfs if linux else loops.advance_ideal
            self._loops[linux] = compile_lazily(advance, types.int64(loops.STATE, loops.I2, types.boolean))
        return self._loops[linux]

    def scheduler(self, scheduler: Scheduler) -> Any:
        """A scheduler's function, compiled for what the engine gives it; kept, since compiling costs seconds.

        None where it returns on no path: there is nothing to compile, and as plain Python it says why (it raises, or
        gives None). Raises SchedulerError where it can't be compiled, or returns anything but pairs.
        """
        assign = scheduler.assign
        if assign not in self._schedulers:
            source = getattr(assign, "py_func", assign)
            try:
                function: Any = compile_lazily(source, loops.ASSIGN_ARGUMENTS)
            except Exception as error:  # numba raises many, not all of them its own
                raise not_compiled(scheduler, str(error).strip()) from error
            returned = function.nopython_signatures[0].return_type
            if returned not in (loops.I2, types.none):
                raise not_compiled(scheduler, _other_than_pairs(returned))
            self._schedulers[assign] = function if returned == loops.I2 else None
        return self._schedulers[assign]


def _other_than_pairs(returned: Any) -> str:
    """What is wrong with what a scheduler returns, by numba's type."""
    if isinstance(returned, types.Optional):
        what = "it ends without `return` on some path"
        returned = returned.type
        if returned != loops.I2:
            what += f", and returns {returned} on others"
    else:
        what = f"it returns {returned}"
    return f"{what}; on every path that does not raise it returns pairs, int64[k, 2] in C order, as view.pairs[:k]."


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
    queueing         whether a PE's queue may be longer than the task that it works on
    linux            the OS model `linux-cfs`; None: `ideal`. Its cores take the place of core_of
    record_rounds    keep every scheduling round, for `rounds`
    record_segments  keep who held each core and DMA port, for `segments`; under linux-cfs only
    deadline_ns, active_w, idle_w   what schedulers may want to know: see SchedulerSetup; unknown by default
    faults           what goes wrong; pe_names: [PEs], for the reports of it

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
        queueing: bool = True,
        deadline_ns: npt.ArrayLike | None = None,
        active_w: npt.ArrayLike | None = None,
        idle_w: npt.ArrayLike | None = None,
        linux: LinuxSetup | None = None,
        record_rounds: bool = False,
        record_segments: bool = False,
        faults: Sequence[Injected] = (),
        pe_names: Sequence[str] | None = None,
    ) -> None:
        self.program = program
        self.scheduler = scheduler
        code = _compiled()
        self._linux = linux
        assign = code.scheduler(scheduler) if scheduler.compiled else None
        self._assign = code.nobody if assign is None else assign
        self._advance = code.loop(linux is not None)
        self._make_state = code.make_state
        ask = functools.partial(decide, scheduler)
        one_by_one: Any = loops.without_queues
        self._decide = ask if queueing else functools.partial(one_by_one.py_func, ask)

        types_of_pes = np.ascontiguousarray(type_of, np.int64)
        estimates = np.ascontiguousarray(type_estimate_ns, np.int64)
        costs = np.ascontiguousarray(type_cost_ns, np.int64)
        applications = np.ascontiguousarray(application_of, np.int64)
        arrivals = np.ascontiguousarray(arrival_ns, np.int64)
        n_types, n_applications = estimates.shape[1], len(program.names)
        if linux is not None:
            core_of = linux.core_of
        cores = np.arange(len(types_of_pes)) if core_of is None else np.ascontiguousarray(core_of, np.int64)
        largest = max(int(estimates.max(initial=0)), int(costs.max(initial=0)))
        # PEs on which tasks may fail, and a class for tasks that avoid each of them: see recovery.py.
        avoidable = sorted({fault.pe for fault in faults if fault.pe >= 0})
        estimates = with_variants(estimates, types_of_pes, avoidable)
        unknown_w = np.full(n_types, np.nan)
        setup = SchedulerSetup(
            type_estimate_ns=estimates,
            type_cost_ns=with_variants(costs, types_of_pes, avoidable),
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
            faults=bool(faults),
        )
        n_pes, n_instances = len(types_of_pes), len(arrivals)
        n_tasks = int(program.task_base[-1])
        n_rows = int(program.scheduled[applications].sum()) + len(faults)
        latest = max([int(arrivals.max(initial=0)), *(fault.at_ns for fault in faults)])
        self._check_range(largest, latest + sum(fault.timeout_ns for fault in faults), n_rows)

        succ_ptr = np.zeros(n_tasks + 1, np.int64)
        succ = np.empty(len(program.after_indices), np.uint32)
        code.successors(program.after_indptr, program.after_indices, program.task_base, succ_ptr, succ)
        present = np.unique(applications)
        sizes, widths = np.diff(program.task_base)[present], np.diff(program.thread_base)[present]
        per_slot = (int(sizes.max(initial=0)), int(widths.max(initial=0)))

        counters = np.zeros(loops.N_COUNTERS, np.int64)
        self._n_pes, self._n_cores = n_pes, 0 if linux is None else linux.n_cores
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
            "trouble": np.zeros((n_pes, loops.N_TROUBLE_COLUMNS), np.int64),
            "lost": np.zeros(len(estimates), np.int64),
            "cost_ns": np.ascontiguousarray(costs[:, types_of_pes]),
            "free_slots": np.full(len(program.names), -1, np.int64),
            **self._in_flight(1, *per_slot),
            **self._system(linux, cores, n_instances, n_rows if record_rounds else 0, record_segments),
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
            "type_estimate_ns": estimates,
            "scheduler_state": begin(scheduler, setup),
            "row_instance": np.empty(n_rows, np.int32),
            "row_task": np.empty(n_rows, np.uint32),
            "row_pe": np.empty(n_rows, np.int16),
            "row_ready_ns": np.empty(n_rows, np.int64),
            "row_start_ns": np.empty(n_rows, np.int64),
            "row_end_ns": np.empty(n_rows, np.int64),
        }
        for place, pe in enumerate(avoidable, 1):
            n_classes = len(program.classes)
            self._arrays["estimate_ns"][place * n_classes : (place + 1) * n_classes, pe] = -1
        self._arrays["trouble"][:, loops.FAILED_CELL] = -1
        counters[[loops.FAULT_AT, loops.AWAITED, loops.PAUSE_AT]] = -1
        counters[loops.NO_QUEUES] = not queueing
        counters[loops.ASKED_OUTSIDE] = assign is None
        names = [f"PE {pe}" for pe in range(n_pes)] if pe_names is None else list(pe_names)
        self._recovery = (
            Recovery(self._arrays, program, faults, names, avoidable, linux is not None) if faults else None
        )
        self._stuck: list[FaultReport] = []
        self._nothing = np.zeros((0, 2), np.int64)
        if linux is not None:
            self._start_workers()
        self._bind()

    @staticmethod
    def _check_range(largest: int, latest: int, n_rows: int) -> None:
        if largest * n_rows + latest >= 1 << 62:
            raise CedrError(
                f"{n_rows} tasks of up to {largest} ns each may pass the end of virtual time (2^62 ns, 146 years); "
                "lower the platform's costs or the number of instances"
            )

    @staticmethod
    def _system(
        linux: LinuxSetup | None, core_of: Int64Array, n_instances: int, n_rounds: int, segments: bool
    ) -> dict[str, Int64Array]:
        """The arrays of the operating system; under `ideal` most are empty."""
        launches = n_instances if linux is not None else 0
        n_cores = linux.n_cores if linux is not None else int(core_of.max(initial=0)) + 1
        none = np.zeros(0, np.int64)
        cores = np.zeros((n_cores, loops.N_CORE_COLUMNS), np.int64)
        cores[:, loops.CURRENT] = loops.NOBODY
        cores[:, loops.NEXT] = -1
        cores[:, loops.SHOWN] = loops.NOBODY
        cores[:, loops.FLAG] = loops.PICK
        workers = np.argsort(core_of, kind="stable")
        return {
            "core_load": np.zeros(n_cores, np.int64),
            "cores": cores,
            "worker_ptr": np.searchsorted(core_of[workers], np.arange(n_cores + 1)).astype(np.int64),
            "workers": workers.astype(np.int64),
            "todo_from_ns": np.zeros(len(core_of), np.int64),
            "launch_ns": np.full(launches, -1, np.int64),
            "rounds": np.zeros((n_rounds, 3), np.int64),
            "segments": np.zeros((1024 + 2 * n_cores if segments and linux is not None else 0, 4), np.int64),
            "os": none if linux is None else linux.parameters,
            "phase_ptr": none if linux is None else linux.phase_ptr,
            "phases": np.zeros((0, 3), np.int64) if linux is None else linux.phases,
            "port_free_ns": np.zeros(0 if linux is None else linux.n_ports, np.int64),
            "app_cores": none if linux is None else linux.application_cores,
        }

    def _start_workers(self) -> None:
        """Every idle worker polls on its core."""
        arrays, counters = self._arrays, self._arrays["counters"]
        counters[[loops.DAEMON_AT, loops.BALANCE_AT]] = -1
        counters[loops.STAGE] = loops.BEFORE_ALL
        entities, cores = arrays["entities"], arrays["cores"]
        for pe, core in enumerate(arrays["core_of"].tolist()):
            entities[pe, loops.CORE] = core
            if arrays["os"][loops.POLLING]:
                place = cores[core, loops.N_RUNNABLE]
                arrays["runnable"][core, place] = pe
                entities[pe, loops.PLACE_OF], entities[pe, loops.DOES] = place, loops.POLLS
                cores[core, loops.N_RUNNABLE] += 1

    def _in_flight(self, n_slots: int, n_cells: int, n_threads: int) -> dict[str, npt.NDArray[Any]]:
        """The arrays that grow with what is in flight. Pages that are never touched take no memory."""
        n_entities = self._n_pes + n_threads
        return {
            "entities": np.zeros((n_entities if self._n_cores else 0, loops.N_ENTITY_COLUMNS), np.int64),
            "runnable": np.zeros((self._n_cores, n_entities), np.int64),
            "slots": np.zeros((n_slots, 8), np.int64),
            "cells": np.empty((n_cells, 2), np.int64),
            "slot_of": np.empty(n_cells, np.int32),
            "threads": np.zeros((n_threads, 9), np.int64),
            "timers": np.zeros((n_entities + 1, 3), np.int64),
            "wake": np.zeros(n_entities + 1, np.int64),
            "done": np.empty(n_cells + 1, np.int64),
            "ready_class": np.empty(n_cells, np.int64),
            "ready_cell": np.empty(n_cells, np.int64),
            "ready_instance": np.empty(n_cells, np.int64),
            "ready_task": np.empty(n_cells, np.int64),
            "pairs": np.full((n_cells, 2), -1, np.int64),
        }

    def _bind(self) -> None:
        self._state = self._make_state((*(self._arrays[name] for name in loops.FIELDS), self._assign))
        names = {name: self._arrays[name] for name in SchedulerView._fields}
        self._view = SchedulerView(**names)

    def _grow(self) -> None:
        """Twice the room for segments, or for instances in flight and at least enough for one more."""
        old, counters = self._arrays, self._arrays["counters"]
        if len(old["segments"]) and int(counters[loops.N_SEGMENTS]) + 2 * self._n_cores > len(old["segments"]):
            old["segments"] = np.concatenate([old["segments"], np.zeros_like(old["segments"])])
            self._bind()
            return
        application = int(old["application_of"][counters[loops.NEXT_ARRIVAL]])
        needed = (
            int(counters[loops.N_SLOTS]) + 1,
            int(counters[loops.N_CELLS]) + int(np.diff(self.program.task_base)[application]),
            int(counters[loops.N_THREADS]) + int(np.diff(self.program.thread_base)[application]),
        )
        have = (len(old["slots"]), len(old["cells"]), len(old["threads"]))
        new = self._in_flight(
            *(max(want, 2 * has) if want > has else has for want, has in zip(needed, have, strict=True))
        )
        head, n_wake = int(counters[loops.WAKE_HEAD]), int(counters[loops.N_WAKE])
        new["wake"][:n_wake] = np.roll(old["wake"], -head)[:n_wake]
        counters[loops.WAKE_HEAD] = 0
        used = {
            "slots": counters[loops.N_SLOTS],
            "cells": counters[loops.N_CELLS],
            "slot_of": counters[loops.N_CELLS],
            "threads": counters[loops.N_THREADS],
            "timers": counters[loops.N_TIMERS],
            "done": counters[loops.DONE_TAIL],
            "ready_class": counters[loops.N_READY],
            "ready_cell": counters[loops.N_READY],
            "ready_instance": counters[loops.N_READY],
            "ready_task": counters[loops.N_READY],
        }
        for name, length in used.items():
            new[name][:length] = old[name][:length]
        if self._n_cores:
            new["entities"][: len(old["entities"])] = old["entities"]
            new["runnable"][:, : old["runnable"].shape[1]] = old["runnable"]
        self._arrays.update(new)
        self._bind()

    @property
    def now_ns(self) -> int:
        """The time of the last event."""
        return int(self._arrays["counters"][loops.NOW])

    def step(self, pairs: Int64Array | None = None) -> Status:
        """Go on to the end or to the next decision of a plain Python scheduler; `pairs`: the one that was asked for.

        Raises SchedulerError for a decision that can't be carried out.
        """
        return Status(self._step(self._nothing if pairs is None else pairs, pairs is not None))

    def _step(self, pairs: Int64Array, decided: bool) -> int:
        status = self._go_on(pairs, decided)
        while status in (Status.GROW, Status.FAULT):
            if status == Status.GROW:
                self._grow()
            else:
                assert self._recovery is not None
                self._recovery.handle()
            status = self._go_on(self._nothing, False)
        if status > Status.PAUSED:
            raise self._refuse(Status(status))
        return status

    def _go_on(self, pairs: Int64Array, decided: bool) -> int:
        try:
            status: int = self._advance(self._state, pairs, decided)
        except Exception as error:  # the loop itself raises nothing: this is a compiled scheduler's
            raise failure(self.scheduler, error, self.now_ns) from error
        return status

    def run(self, watch: Callable[[], None] | None = None, every: int = 50_000) -> None:
        """Go to the end. Raises SchedulerError as `step`, CedrError where no instance at all can come to its end.

        watch: called after every so many tasks, to look at what there is so far.
        """
        counters = self._arrays["counters"]
        if watch is not None:
            counters[loops.PAUSE_AT] = every
        status = self._step(self._nothing, False)
        estimates, memory = self._arrays["estimate_ns"], self._arrays["scheduler_state"]
        while status in (Status.DECIDE, Status.PAUSED):
            if status == Status.PAUSED:
                assert watch is not None
                watch()
                counters[loops.PAUSE_AT] += every
                status = self._step(self._nothing, False)
                continue
            ready = self._arrays["ready_class"][: counters[loops.N_READY]]
            pairs = self._decide(ready, int(counters[loops.NOW]), estimates, self._view, memory)
            status = self._step(pairs, True)
        failed: set[int] = set()
        if self._recovery is not None:
            self._recovery.finish()
            failed = self._recovery.failed
        unfinished = np.flatnonzero(self._arrays["finish_ns"] < 0).tolist()
        stuck = [instance for instance in unfinished if instance not in failed]
        if stuck:
            self._report_stuck(stuck)

    def _refuse(self, status: Status) -> SchedulerError:
        counters = self._arrays["counters"]
        position, pe = int(counters[loops.FAULTY_POSITION]), int(counters[loops.FAULTY_PE])
        n_ready, n_pes = int(counters[loops.N_READY]), len(self._arrays["pe_running"])
        who = f"scheduler {self.scheduler.name} at {self.now_ns} ns"
        if status == Status.UNDECIDED:
            return SchedulerError(f"{who} left all of {n_ready} ready tasks unassigned, and nothing else can happen")
        if status == Status.BAD_POSITION and position < 0:
            return SchedulerError(
                f"{who} returned a pair with position {position}: rows of view.pairs begin as -1 in each round; return those "
                "that were written, as view.pairs[:k]"
            )
        if status == Status.BAD_POSITION:
            return SchedulerError(
                f"{who} assigned position {position} of the ready queue, which is taken already or not below {n_ready}"
            )
        if status == Status.BAD_PE:
            return SchedulerError(f"{who} assigned position {position} to PE {pe}; there are PEs 0 to {n_pes - 1}")
        call = self.program.classes[int(self._arrays["ready_class"][position]) % len(self.program.classes)]
        return SchedulerError(f"{who} assigned {call.api} at position {position} to PE {pe}, which does not offer it")

    def _report_stuck(self, stuck: list[int]) -> None:
        """Instances that wait for ever. Raises CedrError where they are all that there are."""
        arrays, program = self._arrays, self.program
        slots = arrays["slots"][: arrays["counters"][loops.N_SLOTS]]
        slot_of = dict(zip(slots[:, loops.INSTANCE].tolist(), range(len(slots)), strict=True))
        for instance in stuck:
            application = int(arrays["application_of"][instance])
            name = program.names[application]
            text = self._describe_stuck(instance, slot_of[instance])
            if len(stuck) == len(arrays["finish_ns"]):
                raise CedrError(f"{name}: {len(stuck)} of {len(stuck)} instances never end. {text}")
            self._stuck.append(
                FaultReport("stuck", self.now_ns, None, None, name, instance, None, "failed", f"{name}: {text}")
            )

    def _describe_stuck(self, instance: int, slot: int) -> str:
        arrays, program = self._arrays, self.program
        slots, application = arrays["slots"], int(arrays["application_of"][instance])
        threads = int(slots[slot, loops.THREAD_BASE])
        reasons = []
        for place in range(int(np.diff(program.thread_base)[application])):
            row = arrays["threads"][threads + place]
            if row[loops.WAITS_FOR] >= 0:
                task = program.task_ids[application][row[loops.WAITS_FOR] - slots[slot, loops.CELL_BASE]]
                reasons.append(f"thread {place} waits for task {task}")
            elif row[loops.WAITS_FOR] == loops.SOME:
                reasons.append(f"thread {place} waits for a number of tasks")
            elif row[loops.JOINS] >= 0:
                reasons.append(f"thread {place} waits for the end of thread {row[loops.JOINS] - threads}")
        left = int(slots[slot, loops.LEFT])
        return (
            f"Instance {instance} stands still at {self.now_ns} ns with {left} tasks that wait for one another or for tasks "
            f"that were never submitted{''.join('; ' + reason for reason in reasons)}"
        )

    @property
    def faults(self) -> list[FaultReport]:
        """What went wrong, in the order in which it was dealt with."""
        return [*(self._recovery.reports if self._recovery is not None else ()), *self._stuck]

    @property
    def failed_rows(self) -> list[int]:
        """Which of `rows` are attempts that came to nothing."""
        return sorted(self._recovery.failed_rows) if self._recovery is not None else []

    @property
    def finish_ns(self) -> Int64Array:
        """int64[instances]: when each instance ended."""
        return self._arrays["finish_ns"]

    @property
    def launch_ns(self) -> Int64Array:
        """int64[instances]: when each instance's first thread was started."""
        return self._arrays["arrival_ns"] if self._linux is None else self._arrays["launch_ns"]

    @property
    def scheduling_ns(self) -> int:
        """What all decisions took."""
        return int(self._arrays["counters"][loops.SPENT_NS])

    @property
    def rounds(self) -> Int64Array:
        """int64[rounds, 3], where they were recorded: start, end, tasks that were ready."""
        return self._arrays["rounds"][: self._arrays["counters"][loops.N_ROUNDS]]

    @property
    def segments(self) -> Int64Array:
        """int64[segments, 4], where they were recorded: core, or number of cores + port; who held it; start, end. Who: a
        PE (by its worker), number of PEs + instance, or loops.POLLERS, idle workers.
        """
        return self._arrays["segments"][: self._arrays["counters"][loops.N_SEGMENTS]]

    def rows(self) -> dict[str, npt.NDArray[Any]]:
        """The executed tasks in start order: instance, task (index in its application), pe, and their three times."""
        n = int(self._arrays["counters"][loops.N_ROWS])
        return {name: self._arrays[f"row_{name}"][:n] for name in _ROWS}


_ROWS: Final = ("instance", "task", "pe", "ready_ns", "start_ns", "end_ns")
