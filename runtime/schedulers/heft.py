"""HEFT: by descending upward rank, each to its earliest finish (Topcuoglu, Hariri, Wu 2002).

The upward rank of a task is the mean of its class's estimates over the PEs that offer it, and the largest rank among the
tasks that wait for it: how long the instance still takes behind this task, on PEs of mean speed. It is computed once for
each application's recorded graph. The paper plans one graph before it starts; here the ready tasks of all instances are
taken by rank, round by round. So there is no insertion into gaps, PEs' queues being first in, first out; and no
communication, moving data being part of what a call takes. A PE is believed free when its running task should end and
its queue is worked off, which every real completion corrects. Ties: the first in the queue, the lowest PE.

An application that submits one task at a time and waits for it has a graph without edges. Its ranks are then the means
alone, and with a ready queue of one or two tasks what remains is an EFT over measured availability.

Worked table, PEs 0 and 1 CPU, PE 2 FFT. Estimates: A 4 on CPU, 7 on FFT (mean 5); B 6 on CPU (mean 6). Tasks: 0 A;
1 A; 2 B; 3 B, which waits for 0. Ranks: 11, 5, 6, 6. Time 10; PE 0 should be free at 12, the others are; queue 1 2 0:

    task   rank   finish on 0, 1, 2   PE   free after
    0      11     16 14 17            1    12 14 10
    2      6      18 20 -             0    18 14 10
    1      5      22 18 17            2    18 14 17
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.tables import dense_ranks, mean_estimates, upward_ranks


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [tasks] the place of each task's priority (here its upward rank): 0 for the largest, equal if equal."""
    n_pes = estimate_ns.shape[1]
    n = len(ready)
    pairs = view.pairs
    free = np.empty(n_pes, np.int64)
    for pe in range(n_pes):
        free[pe] = max(now_ns, view.running_until_ns[pe]) + view.queued_ns[pe]
    keys = np.empty(n, np.int64)
    for position in range(n):
        task = view.task_base[view.application_of[view.ready_instance[position]]] + view.ready_task[position]
        keys[position] = state[task] * n + position
    keys.sort()
    for decision in range(n):
        position = keys[decision] % n
        kind = ready[position]
        best = -1
        best_finish = now_ns
        for pe in range(n_pes):
            estimate = estimate_ns[kind, pe]
            if estimate >= 0:
                finish = free[pe] + estimate
                if best < 0 or finish < best_finish:
                    best = pe
                    best_finish = finish
        free[best] = best_finish
        pairs[decision, 0] = position
        pairs[decision, 1] = best
    return pairs[:n]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """Tasks ranked by their upward rank."""
    return dense_ranks(-upward_ranks(setup, mean_estimates(setup)))


scheduler = Scheduler(
    "HEFT", assign, initial_state, about="by upward rank in the task graph, each to its earliest finish as measured"
)
