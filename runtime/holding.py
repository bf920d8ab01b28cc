"""Scheduling without queues on the PEs: CEDR's "Enable Queueing": false, for any scheduler.

A PE takes a task only where it is idle and nothing waits for it; every other task is held in the ready queue. The
scheduler is asked for one decision after the other, so that each sees the ones before, over the tasks that an idle PE
offers; a busy PE shows it an estimate of 13 days. Where it takes a busy one all the same (SIMPLE and MET go round their
PEs) it is asked again, once for each PE, and then the task is held until the next round, as CEDR (UA-RCL/CEDR 96eeda6)
holds it.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cedr.runtime.schedulers import Assign, Scheduler, SchedulerError, SchedulerView
from cedr.runtime.schedulers.interface import Int64Array

BUSY_NS: Final = 1 << 50
"""What a scheduler is told that a call takes on a busy PE."""


@functools.cache
def without_queues(policy: Scheduler) -> Scheduler:
    """The same policy over idle PEs. It runs as plain Python around the policy's compiled function."""
    choose: list[Assign] = []  # compiled by the first round, so that nothing imports numba before there is a run

    def assign(
        ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
    ) -> Int64Array:
        if not choose:
            choose.append(_callable(policy))
        idle: npt.NDArray[np.bool_] = np.equal(view.queue_length, 0)
        held = np.arange(len(ready))
        pairs: list[tuple[int, int]] = []
        while True:
            possible: npt.NDArray[np.bool_] = np.max(np.where(idle, estimate_ns, -1), axis=1) >= 0  # by class
            candidates = held[possible[ready[held]]]
            if not len(candidates):
                break
            offered = np.where(idle | (estimate_ns < 0), estimate_ns, BUSY_NS)
            # One decision over all candidates, on a copy of the scheduler's memory; then the same task alone, so that
            # its memory knows of this decision and no other.
            first = _decide(choose[0], ready, candidates, now_ns, offered, view, state.copy())
            if first is None:
                break
            chosen = candidates[first[0] : first[0] + 1] if first[0] >= 0 else candidates[:0]
            if not len(chosen):
                raise SchedulerError(
                    f"scheduler {policy.name} at {now_ns} ns assigned position {first[0]} of {len(candidates)} ready tasks"
                )
            held = held[held != chosen[0]]
            for _ in idle:  # a scheduler that goes round its PEs comes to an idle one in the end
                alone = _decide(choose[0], ready, chosen, now_ns, offered, view, state)
                if alone is None:
                    break
                pe = alone[1]
                if not (0 <= pe < len(idle) and estimate_ns[ready[chosen[0]], pe] >= 0):
                    raise SchedulerError(
                        f"scheduler {policy.name} at {now_ns} ns assigned a task to PE {pe}, which does not offer it"
                    )
                if idle[pe]:
                    pairs.append((int(chosen[0]), pe))
                    idle[pe] = False
                    break
        return np.array(pairs, np.int64).reshape(-1, 2)

    return Scheduler(policy.name, assign, policy.initial_state, policy.about, policy.aliases, compiled=False)


def _decide(
    choose: Assign,
    ready: Int64Array,
    positions: Int64Array,
    now_ns: int,
    offered: Int64Array,
    view: SchedulerView,
    state: Int64Array,
) -> tuple[int, int] | None:
    """The scheduler's first decision over some of the ready tasks: (place in `positions`, PE), or None."""
    seen = view._replace(ready_instance=view.ready_instance[positions], ready_task=view.ready_task[positions])
    pairs: Any = choose(ready[positions], now_ns, offered, seen, state)
    return (int(pairs[0][0]), int(pairs[0][1])) if len(pairs) else None


def _callable(policy: Scheduler) -> Assign:
    if not policy.compiled:
        return policy.assign
    from cedr.runtime.engine import compile_lazily

    return compile_lazily(getattr(policy.assign, "py_func", policy.assign))
