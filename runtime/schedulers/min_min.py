"""MIN_MIN: the smallest earliest finish first, over measured availability (Ibarra, Kim 1977; Maheswaran et al. 1999).

Until no task is left, the pair (task, PE) with the smallest finish; ties: the task first in the queue, then the lowest
PE. CEDR's ETF takes the same pair, over sums of estimates that no completion ever corrects: once a PE was given tasks
that took less or more than their estimates, it is believed busy or free when it is not, for good. Here a PE is believed
free when its running task should end and its queue is worked off.

As in etf.py: on one PE the best task is the one with the smallest (estimate, position), so tasks are sorted once for each
PE type, and a decision compares one candidate per PE.

Worked table, PEs 0 and 1 CPU, PE 2 FFT. Estimates: A 4 on CPU, 6 on FFT; B 3 on CPU; C 9 on CPU, 3 on FFT. Time 10; PE
0 should be free at 12, the others are; queue A B C A:

    decision   candidates on 0, 1, 2   pair          free after
    1          B 15, B 13, C 13        B, 1 (tie)    12 13 10
    2          A 16, A 17, C 13        C, 2          12 13 13
    3          A 16, A 17, A 19        A (first), 0  16 13 13
    4          A 20, A 17, A 19        A, 1          16 17 13
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.tables import estimate_ranks


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [types, classes] the rank of each class's estimate on the type; -1: not offered."""
    n_pes = estimate_ns.shape[1]
    n_classes, n_types = view.type_estimate_ns.shape
    n = len(ready)
    pairs = view.pairs
    free = np.empty(n_pes, np.int64)
    length = np.full(n_types, -1, np.int64)  # -1: no PE of the type
    for pe in range(n_pes):
        free[pe] = max(now_ns, view.running_until_ns[pe]) + view.queued_ns[pe]
        length[view.type_of[pe]] = 0
    keys = np.empty((n_types, n), np.int64)  # rank and position, sorted, for each type
    for kind_of_pe in range(n_types):
        if length[kind_of_pe] == 0:
            count = 0
            for position in range(n):
                rank = state[kind_of_pe * n_classes + ready[position]]
                if rank >= 0:
                    keys[kind_of_pe, count] = rank * n + position
                    count += 1
            keys[kind_of_pe, :count].sort()
            length[kind_of_pe] = count

    done = np.zeros(n, np.bool_)
    head = np.zeros(n_pes, np.int64)
    for decision in range(n):
        best = -1
        best_position = -1
        best_finish = now_ns
        for pe in range(n_pes):
            kind_of_pe = view.type_of[pe]
            place = head[pe]
            # A PE that has failed may not offer what others of its type do.
            while place < length[kind_of_pe] and (
                done[keys[kind_of_pe, place] % n] or estimate_ns[ready[keys[kind_of_pe, place] % n], pe] < 0
            ):
                place += 1
            head[pe] = place
            if place < length[kind_of_pe]:
                position = keys[kind_of_pe, place] % n
                finish = free[pe] + estimate_ns[ready[position], pe]
                if best < 0 or finish < best_finish or (finish == best_finish and position < best_position):
                    best = pe
                    best_position = position
                    best_finish = finish
        done[best_position] = True
        free[best] = best_finish
        pairs[decision, 0] = best_position
        pairs[decision, 1] = best
    return pairs[:n]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """For each type the classes ranked by their estimate on it."""
    return estimate_ranks(setup).reshape(-1)


scheduler = Scheduler(
    "MIN_MIN", assign, initial_state, about="the smallest earliest finish first, over measured availability"
)
