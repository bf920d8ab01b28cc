"""HEFT_RT: CEDR's (UA-RCL/CEDR 96eeda6): tasks by descending mean estimate, each to its earliest finish.

The mean is the integer mean over the PE types that offer the call, types of which there is no PE included; there is no
upward rank, no communication and no insertion. Then as EFT, but PEs in ascending order with a strict comparison: a tie
goes to the lowest index. CEDR sorts with an unstable sort of its C++ library; ours is stable: tasks of equal mean keep
their order in the queue.

Worked table, PEs 0 and 1 CPU, PE 2 FFT. Estimates: A 4 on CPU, 6 on FFT (mean 5); B 5 on CPU, not on FFT (mean 5); C 9
on CPU, 2 on FFT (mean 11 // 2 = 5); D 8 on CPU (mean 8). Time 10, available 0 0 0, queue A B C D:

    task   finish on 0, 1, 2   PE          available after
    D      18 18 -             0 (tie)     18 0 0
    A      22 14 16            1           18 14 0
    B      23 19 -             1           18 19 0
    C      27 28 12            2           18 19 12
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.tables import dense_ranks


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [PEs] available times, then [classes] the rank of each class's mean: 0 for the largest, equal if equal."""
    n_pes = estimate_ns.shape[1]
    n = len(ready)
    pairs = view.pairs
    n_ranks = len(state) - n_pes
    if n <= 64 or n < n_ranks // 64:  # insertion sort where few, merge sort where few compared with the ranks
        if n <= 64:
            for position in range(n):
                rank = state[n_pes + ready[position]]
                place = position
                while place > 0 and state[n_pes + ready[pairs[place - 1, 0]]] > rank:
                    pairs[place, 0] = pairs[place - 1, 0]
                    place -= 1
                pairs[place, 0] = position
        else:
            keys = np.empty(n, np.int64)
            for position in range(n):
                keys[position] = state[n_pes + ready[position]] * n + position
            keys.sort()
            for decision in range(n):
                pairs[decision, 0] = keys[decision] % n
    else:  # counting sort
        places = np.zeros(n_ranks + 1, np.int64)
        for position in range(n):
            places[state[n_pes + ready[position]] + 1] += 1
        for rank in range(n_ranks):
            places[rank + 1] += places[rank]
        for position in range(n):
            rank = state[n_pes + ready[position]]
            pairs[places[rank], 0] = position
            places[rank] += 1
    for decision in range(n):
        kind = ready[pairs[decision, 0]]
        best = -1
        best_finish = now_ns
        for pe in range(n_pes):
            estimate = estimate_ns[kind, pe]
            if estimate >= 0:
                finish = max(now_ns, state[pe]) + estimate
                if best < 0 or finish < best_finish:
                    best = pe
                    best_finish = finish
        state[best] = best_finish
        pairs[decision, 1] = best
    return pairs[:n]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """Every PE available from 0; classes ranked by their integer mean over the types that offer them."""
    offered = setup.type_estimate_ns >= 0
    total = np.where(offered, setup.type_estimate_ns, 0).sum(axis=1)
    mean = total // np.maximum(offered.sum(axis=1), 1)
    return np.concatenate([np.zeros(len(setup.type_of), np.int64), dense_ranks(-mean)])


scheduler = Scheduler(
    "HEFT_RT", assign, initial_state, about="by descending mean estimate, each to its earliest finish"
)
