"""ORACLE: the shortest schedule there is, found by a constraint solver beforehand and then played back. Small graphs only.

No policy: it knows what every call really takes and when every instance arrives. What it says is how far a scheduler is
from the best, in the operating system model `ideal` (each PE a server, one task at a time, none interrupted). The makespan
that it minimises is the end of the last task.

The model, for OR-tools' CP-SAT: a task has a start and, for each PE type that offers it, an interval that may or may not be
there, exactly one of them; at no time are more intervals of a type there than it has PEs; a task starts after what it waits
for has ended and after its submission. PEs of one type are alike, so intervals are dealt out to them afterwards, in
order of start, each to the lowest PE that is free. One worker, a fixed seed and a limit in the solver's deterministic time
make the schedule the same in every run.

Played back, a PE's tasks are assigned in the order found, each as soon as it is ready and those before it are assigned. A
task then starts no later than in the schedule found, in `ideal`; with another model of the operating system the order
holds and the times do not.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cedr.runtime.program import JOIN_CLASS, Program
from cedr.runtime.record import (
    STEP_BLOCK,
    STEP_HOST,
    STEP_JOIN,
    STEP_SPAWN,
    STEP_SUBMIT,
    STEP_WAIT,
    STEP_WAIT_ALL,
    STEP_WAIT_SOME,
)
from cedr.runtime.schedulers.calls import SchedulerError
from cedr.runtime.schedulers.interface import BUSY_NS, Int64Array, Scheduler, SchedulerSetup, SchedulerView

MOST_TASKS: Final = 100
"""Tasks of all instances together, joins not counted, that are tried."""
TIME_LIMIT: Final = 60.0
"""In CP-SAT's deterministic time: about a second each."""


@dataclass(frozen=True)
class OptimalSchedule:
    """The tasks in the order of their start, then PE, int64[n] each: instance, task (its index in its application), pe,
    start_ns, end_ns. makespan_ns: from the first arrival to the last end."""

    makespan_ns: int
    instance: Int64Array
    task: Int64Array
    pe: Int64Array
    start_ns: Int64Array
    end_ns: Int64Array


def optimal_schedule(
    program: Program,
    application_of: npt.ArrayLike,
    arrival_ns: npt.ArrayLike,
    type_of: npt.ArrayLike,
    type_cost_ns: npt.ArrayLike,
    *,
    time_limit: float = TIME_LIMIT,
) -> OptimalSchedule:
    """The shortest schedule of these instances on these PEs.

    application_of, arrival_ns: [instances]; type_of: [PEs]; type_cost_ns: [classes, types], -1: not offered. Raises
    SchedulerError for more than MOST_TASKS tasks, for an application that submits after it has waited, where no
    schedule is proven the shortest within the limit, and where OR-tools is not installed.
    """
    applications, arrivals = np.asarray(application_of, np.int64), np.asarray(arrival_ns, np.int64)
    pe_types, costs = np.asarray(type_of, np.int64), np.asarray(type_cost_ns, np.int64)
    n_tasks = int(program.scheduled[applications].sum())
    if n_tasks > MOST_TASKS:
        raise SchedulerError(
            f"scheduler ORACLE: {n_tasks} tasks in all instances, and the best schedule is looked for among at most "
            f"{MOST_TASKS}; run fewer instances or a smaller application"
        )
    released = {application: _submissions(program, application) for application in np.unique(applications).tolist()}
    return _Model(program, applications, arrivals, released, pe_types, costs).solve(time_limit)


def _submissions(program: Program, application: int) -> dict[int, int]:
    """When each task of an application is submitted, in ns after the arrival. Tasks that never are, are left out."""
    first_row, end_row = program.thread_base[application : application + 2].tolist()
    starts = [(row, 0) for row in range(first_row, end_row) if program.threads[row, 3] == 0]
    started = {row for row, _ in starts}
    times: dict[int, int] = {}
    while starts:
        row, time = starts.pop(0)
        first, end, origin, _ = program.threads[row].tolist()
        waited = False
        for kind, a, b in program.steps[first:end].tolist():
            if waited and kind in (STEP_SUBMIT, STEP_BLOCK, STEP_SPAWN):
                raise SchedulerError(
                    f"scheduler ORACLE: {program.names[application]}: thread {row - first_row} waits for tasks and then goes "
                    "on to submit, so its task graph is not known beforehand; take an application that submits all its "
                    "tasks before it waits"
                )
            if kind in (STEP_SUBMIT, STEP_BLOCK):
                for task in program.submitted[origin + a : origin + a + b].tolist():
                    times[task] = time
            elif kind == STEP_HOST:
                time += a
            elif kind == STEP_SPAWN and first_row + a not in started:
                started.add(first_row + a)
                starts.append((first_row + a, time))
            waited = waited or kind in (STEP_BLOCK, STEP_WAIT, STEP_WAIT_SOME, STEP_WAIT_ALL, STEP_JOIN)
    return times


class _Model:
    """The constraint model. Times are in units of the greatest common divisor of all costs and submissions."""

    def __init__(
        self,
        program: Program,
        applications: Int64Array,
        arrivals: Int64Array,
        released: dict[int, dict[int, int]],
        pe_types: Int64Array,
        costs: Int64Array,
    ) -> None:
        try:
            self.solver_module: Any = importlib.import_module("ortools.sat.python.cp_model")
        except ImportError as error:
            raise SchedulerError(
                "scheduler ORACLE needs OR-tools, which is not installed; it comes with: pip install cedr-compiler[oracle]"
            ) from error
        self.pe_types = pe_types
        self.origin = int(arrivals.min()) if len(arrivals) else 0
        pes_of = {kind: int((pe_types == kind).sum()) for kind in np.unique(pe_types).tolist()}
        times: dict[tuple[int, int], int] = {}
        for instance, application in enumerate(applications.tolist()):
            for task, time in released[application].items():
                times[instance, task] = int(arrivals[instance]) - self.origin + time
        class_of, first = program.class_of, program.task_base
        kinds = {(i, t): int(class_of[first[applications[i]] + t]) for i, t in times}
        offers = {
            key: {kind: int(costs[call, kind]) for kind in pes_of if costs[call, kind] >= 0}
            if call != JOIN_CLASS
            else {}
            for key, call in kinds.items()
        }
        figures = [*times.values(), *(cost for offer in offers.values() for cost in offer.values())]
        self.unit = max(1, math.gcd(*figures))
        horizon = sum(max(offer.values(), default=0) for offer in offers.values()) + max(times.values(), default=0)
        horizon //= self.unit

        model = self.model = self.solver_module.CpModel()
        self.starts: dict[tuple[int, int], Any] = {}
        self.choices: dict[tuple[int, int], dict[int, Any]] = {}
        self.offers = offers
        all_starts: dict[tuple[int, int], Any] = {}  # the joins' too
        ends: dict[tuple[int, int], Any] = {}
        demands: dict[int, list[Any]] = {kind: [] for kind in pes_of}
        for key, time in times.items():
            start = model.new_int_var(time // self.unit, horizon, f"start of {key}")
            if kinds[key] == JOIN_CLASS:
                ends[key] = start
            else:
                end = model.new_int_var(0, horizon, f"end of {key}")
                chosen = {kind: model.new_bool_var(f"{key} on {kind}") for kind in offers[key]}
                model.add_exactly_one(chosen.values())
                model.add(end >= start + min(offers[key].values()) // self.unit)
                for kind, cost in offers[key].items():
                    length = cost // self.unit
                    interval = model.new_optional_interval_var(start, length, end, chosen[kind], f"{key} as {kind}")
                    demands[kind].append(interval)
                self.starts[key], self.choices[key], ends[key] = start, chosen, end
            all_starts[key] = start
        for (instance, task), start in all_starts.items():
            row = first[applications[instance]] + task
            for other in program.after_indices[program.after_indptr[row] : program.after_indptr[row + 1]].tolist():
                if (instance, other) not in ends:
                    raise SchedulerError(
                        f"scheduler ORACLE: {program.names[applications[instance]]}: task {task} waits for task {other}, "
                        "which is never submitted"
                    )
                model.add(start >= ends[instance, other])
        for kind, intervals in demands.items():
            if pes_of[kind] == 1:
                model.add_no_overlap(intervals)
            else:
                model.add_cumulative(intervals, [1] * len(intervals), pes_of[kind])
        self.last = model.new_int_var(0, horizon, "last end")
        model.add_max_equality(self.last, [0, *(ends[key] for key in self.starts)])
        for kind, pes in pes_of.items():  # follows from the rest, and the solver sees it at once: the load of each type
            loads = [
                self.choices[key][kind] * (offer[kind] // self.unit) for key, offer in offers.items() if kind in offer
            ]
            model.add(sum(loads) <= pes * self.last)
        model.minimize(self.last)

    def solve(self, time_limit: float) -> OptimalSchedule:
        solver = self.solver_module.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.max_deterministic_time = time_limit
        status = solver.solve(self.model)
        if status == self.solver_module.INFEASIBLE:
            raise SchedulerError("scheduler ORACLE: there is no schedule: tasks wait for one another in a circle")
        if status != self.solver_module.OPTIMAL:
            raise SchedulerError(
                f"scheduler ORACLE: no schedule of {len(self.starts)} tasks was proven the shortest within "
                f"{time_limit:g} units of the solver's time; run fewer instances or a smaller application"
            )
        found = []
        for key, start in self.starts.items():
            kind = next(kind for kind, chosen in self.choices[key].items() if solver.value(chosen))
            found.append((solver.value(start), key, kind))
        free = dict.fromkeys(range(len(self.pe_types)), 0)
        rows = []
        for start, key, kind in sorted(found):
            pe = next(pe for pe, time in free.items() if self.pe_types[pe] == kind and time <= start)
            free[pe] = start + self.offers[key][kind] // self.unit
            rows.append((start * self.unit + self.origin, pe, *key, free[pe] * self.unit + self.origin))
        table = np.array(sorted(rows), np.int64).reshape(-1, 5)
        return OptimalSchedule(
            makespan_ns=solver.value(self.last) * self.unit,
            instance=table[:, 2].copy(),
            task=table[:, 3].copy(),
            pe=table[:, 1].copy(),
            start_ns=table[:, 0].copy(),
            end_ns=table[:, 4].copy(),
        )


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [PEs] tasks assigned so far, [instances] where each one's tasks begin in what follows, then by task its PE
    and its place in that PE's order."""
    n_pes = estimate_ns.shape[1]
    n = len(ready)
    pairs = view.pairs
    taken = np.zeros(n, np.bool_)
    count = 0
    goes_on = True
    while goes_on:
        goes_on = False
        for position in range(n):
            if not taken[position]:
                row = state[n_pes + view.ready_instance[position]] + 2 * view.ready_task[position]
                pe = state[row]
                if state[row + 1] == state[pe] and estimate_ns[ready[position], pe] < BUSY_NS:
                    taken[position] = True
                    state[pe] += 1
                    pairs[count, 0] = position
                    pairs[count, 1] = pe
                    count += 1
                    goes_on = True
    return pairs[:count]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """The best schedule as PEs and places. Raises SchedulerError where `optimal_schedule` does."""
    if setup.faults:
        raise SchedulerError(
            "scheduler ORACLE: the best schedule is looked for beforehand, and faults would overturn it; take another "
            "scheduler, or leave the faults out"
        )
    found = optimal_schedule(setup.program, setup.application_of, setup.arrival_ns, setup.type_of, setup.type_cost_ns)
    n_pes, n_instances = len(setup.type_of), len(setup.application_of)
    sizes = np.diff(setup.program.task_base)[setup.application_of]
    begins = n_pes + n_instances + 2 * np.append(0, np.cumsum(sizes))
    state = np.zeros(begins[-1], np.int64)
    state[n_pes : n_pes + n_instances] = begins[:-1]
    placed = np.zeros(n_pes, np.int64)
    for instance, task, pe in zip(found.instance, found.task, found.pe, strict=True):
        row = begins[instance] + 2 * task
        state[row : row + 2] = pe, placed[pe]
        placed[pe] += 1
    return state


scheduler = Scheduler(
    "ORACLE", assign, initial_state, about="the shortest schedule, solved beforehand; small graphs, needs ortools"
)
