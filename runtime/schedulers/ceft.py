"""CEFT: earliest finish, over measured availability, on cores that PEs share: contention-aware EFT.

In CEDR a worker thread manages each PE, an accelerator's too, and works on a core: worker i of a ZCU102 on core 1 + i mod
3 (UA-RCL/CEDR 96eeda6), beside other workers and application threads. A PE whose worker shares its core with k others
that have work gets a share of 1 / (k + 1) of it. So, in queue order,

    finish = now + (left + estimate) * (1 + others)

where `left` is what the PE still has to do (until its running task should end, and its queue), and `others` is the number
of threads with work on its worker's core, itself not counted: those that the operating system counts now, and workers that
this round gave their first task. The smallest finish takes the task; ties: the lowest PE. A worker that only polls yields
its core, and is not counted. In `ideal` each PE has a core of its own, and this is an EFT over measured availability.

Worked table, PEs 0, 1, 2 CPU on cores 1, 2, 1. Estimate 10 everywhere. Time 0, all idle; an application thread works on
core 2. Queue A A A:

    task   left      others    finish on 0, 1, 2   PE
    A      0 0 0     0 1 0     10 20 10            0 (tie)
    A      10 0 0    0 1 1     20 20 20            0 (tie)
    A      20 0 0    0 1 1     30 20 20            1 (tie)
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerView


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: nothing."""
    n_pes = estimate_ns.shape[1]
    pairs = view.pairs
    core_of = view.core_of
    left = np.empty(n_pes, np.int64)
    works = np.empty(n_pes, np.int64)
    load = view.core_load.copy()
    for pe in range(n_pes):
        left[pe] = max(now_ns, view.running_until_ns[pe]) - now_ns + view.queued_ns[pe]
        works[pe] = 1 if view.queue_length[pe] > 0 else 0
    for position in range(len(ready)):
        kind = ready[position]
        best = -1
        best_finish = now_ns
        for pe in range(n_pes):
            estimate = estimate_ns[kind, pe]
            if estimate >= 0:
                others = max(0, load[core_of[pe]] - works[pe])
                finish = now_ns + (left[pe] + estimate) * (1 + others)
                if best < 0 or finish < best_finish:
                    best = pe
                    best_finish = finish
        left[best] += estimate_ns[kind, best]
        if works[best] == 0:
            works[best] = 1
            load[core_of[best]] += 1
        pairs[position, 0] = position
        pairs[position, 1] = best
    return pairs[: len(ready)]


scheduler = Scheduler(
    "CEFT", assign, about="earliest finish as measured, slowed by what else works on the worker's core"
)
