"""VOS: value of service: first what would lose most value by waiting (after Tunc et al. 2016, Machovec et al. 2017).

The value of an instance is 1 if it ends by its deadline, falls evenly to 0 over as long again, and stays there. It is
believed to end at the task's earliest finish plus the longest path of mean estimates that waits for the task. If the
round's other tasks went first, it would end later by the round's work, the sum of the mean estimates over the number of
PEs. What its value falls by in that time, for each ns of the task's own mean estimate, is the task's urgency. The order is:

    1. tasks with an urgency, the largest first
    2. tasks whose instance loses nothing by waiting, or has no deadline
    3. tasks whose instance has no value left: they run, but in nobody's way

ties in queue order; then each to its earliest finish over measured availability (ties: the lowest PE). Without
deadlines all tasks are of kind 2: an EFT over measured availability. CEDR has neither deadlines nor values.

Worked table, two PEs 0 and 1. Estimates: A 10, B 20. Nobody waits for these tasks. Deadline 20 ns after the arrival. Time
100, both free; queue: B of an instance that arrived at 60, A of one at 85, A of one at 95, B of one at 100. The round's
work is (20 + 10 + 10 + 20) / 2 = 30:

    position   ends   after its deadline   value   30 later   urgency
    0          120    40                   0       0          no value left
    1          110    5                    0.75    0          0.75 / 10
    2          110    -5                   1       0          1 / 10
    3          120    0                    1       0          1 / 20

so the order is 2 (to PE 0), 1 (to PE 1), 3 (to PE 0), 0 (to PE 1).
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.tables import behind, mean_estimates


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [classes] mean estimates, [applications] deadlines, [tasks] the longest path that waits for each."""
    n_classes, n_pes = estimate_ns.shape
    n = len(ready)
    pairs = view.pairs
    paths = n_classes + len(view.task_base) - 1
    free = np.empty(n_pes, np.int64)
    for pe in range(n_pes):
        free[pe] = max(now_ns, view.running_until_ns[pe]) + view.queued_ns[pe]
    work = np.int64(0)
    for position in range(n):
        work += state[ready[position]]
    work //= n_pes

    order = np.empty(n, np.float64)  # minus the urgency; 1: no value left
    for position in range(n):
        kind = ready[position]
        instance = view.ready_instance[position]
        application = view.application_of[instance]
        deadline = state[n_classes + application]
        order[position] = 0.0
        if deadline >= 0:
            ends = np.int64(-1)
            for pe in range(n_pes):
                estimate = estimate_ns[kind, pe]
                if estimate >= 0 and (ends < 0 or free[pe] + estimate < ends):
                    ends = free[pe] + estimate
            ends += state[paths + view.task_base[application] + view.ready_task[position]]
            late = ends - view.arrival_ns[instance] - deadline
            now_worth = 1.0 if late <= 0 else (0.0 if late >= deadline else 1.0 - late / deadline)
            late += work
            then_worth = 1.0 if late <= 0 else (0.0 if late >= deadline else 1.0 - late / deadline)
            if now_worth > 0.0:
                order[position] = (then_worth - now_worth) / max(1, state[kind])
            else:
                order[position] = 1.0
    places = np.argsort(order, kind="mergesort")

    for decision in range(n):
        position = places[decision]
        kind = ready[position]
        best = -1
        best_finish = now_ns
        for pe in range(n_pes):
            estimate = estimate_ns[kind, pe]
            if estimate >= 0 and (best < 0 or free[pe] + estimate < best_finish):
                best = pe
                best_finish = free[pe] + estimate
        free[best] = best_finish
        pairs[decision, 0] = position
        pairs[decision, 1] = best
    return pairs[:n]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """The classes' mean estimates, the deadlines, and what waits for each task."""
    means = mean_estimates(setup)
    return np.concatenate([means, setup.deadline_ns, behind(setup, means)])


scheduler = Scheduler(
    "VOS", assign, initial_state, about="first what would lose most value, by its deadline, by waiting"
)
