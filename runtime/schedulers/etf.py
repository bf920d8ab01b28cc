"""ETF: earliest finish over all pairs, as CEDR's (UA-RCL/CEDR 96eeda6).

Until no task is left, take the pair (task, PE) with the smallest finish = max(now, available[PE]) + estimate; a tie
goes to the task first in the queue, then to the lowest PE. available[PE] becomes that finish and is never corrected.

CEDR tries all pairs for every decision, which is quadratic. Here: on one PE the best task is the one with the smallest
(estimate, position), whatever the time, so the tasks are put in that order once for each PE type, and a decision
compares one candidate per PE. A round of n tasks costs n log n per type at most, and n per PE.

Worked table, PEs 0 and 1 CPU, PE 2 FFT. Estimates: A 4 on CPU, 6 on FFT; B 3 on CPU, not on FFT; C 9 on CPU, 3 on FFT.
Time 10, available 0 0 0, queue A B C A:

    decision   candidates on 0, 1, 2            pair             available after
    1          B 13, B 13, C 13                 B, 0 (tie)       13 0 0
    2          A 17, A 14, C 13                 C, 2             13 0 13
    3          A 17, A 14, A 19                 A (first), 1     13 14 13
    4          A 17, A 18, A 19                 A (second), 0    17 14 13
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.tables import estimate_ranks


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [PEs] available times; then [types, classes] the rank of each class's estimate on the type, -1: none."""
    n_pes = estimate_ns.shape[1]
    n = len(ready)
    pairs = view.pairs
    if n <= 3:  # few: try all pairs
        taken = 0
        for decision in range(n):
            best = -1
            best_position = -1
            best_finish = now_ns
            for position in range(n):
                if (taken >> position) & 1 == 0:
                    kind = ready[position]
                    for pe in range(n_pes):
                        estimate = estimate_ns[kind, pe]
                        if estimate >= 0:
                            finish = max(now_ns, state[pe]) + estimate
                            if best < 0 or finish < best_finish:
                                best = pe
                                best_position = position
                                best_finish = finish
            taken |= 1 << best_position
            state[best] = best_finish
            pairs[decision, 0] = best_position
            pairs[decision, 1] = best
        return pairs[:n]

    type_of = view.type_of
    n_classes, n_types = view.type_estimate_ns.shape
    present = np.zeros(n_types, np.bool_)
    for pe in range(n_pes):
        present[type_of[pe]] = True
    order = np.empty((n_types, n), np.int32)  # positions by (estimate, position), for each type
    length = np.zeros(n_types, np.int64)
    for kind_of_pe in range(n_types):
        if not present[kind_of_pe]:
            continue
        base = n_pes + kind_of_pe * n_classes
        if n < n_classes // 8:
            keys = np.empty(n, np.int64)
            count = 0
            for position in range(n):
                rank = state[base + ready[position]]
                if rank >= 0:
                    keys[count] = rank * n + position
                    count += 1
            keys[:count].sort()
            for place in range(count):
                order[kind_of_pe, place] = keys[place] % n
        else:
            places = np.zeros(n_classes + 1, np.int64)
            count = 0
            for position in range(n):
                rank = state[base + ready[position]]
                if rank >= 0:
                    places[rank + 1] += 1
                    count += 1
            for rank in range(n_classes):
                places[rank + 1] += places[rank]
            for position in range(n):
                rank = state[base + ready[position]]
                if rank >= 0:
                    order[kind_of_pe, places[rank]] = position
                    places[rank] += 1
        length[kind_of_pe] = count

    done = np.zeros(n, np.bool_)
    head = np.zeros(n_pes, np.int64)
    for decision in range(n):
        best = -1
        best_position = -1
        best_finish = now_ns
        for pe in range(n_pes):
            kind_of_pe = type_of[pe]
            place = head[pe]
            # A PE that has failed may not offer what others of its type do.
            while place < length[kind_of_pe] and (
                done[order[kind_of_pe, place]] or estimate_ns[ready[order[kind_of_pe, place]], pe] < 0
            ):
                place += 1
            head[pe] = place
            if place < length[kind_of_pe]:
                position = order[kind_of_pe, place]
                finish = max(now_ns, state[pe]) + estimate_ns[ready[position], pe]
                if best < 0 or finish < best_finish or (finish == best_finish and position < best_position):
                    best = pe
                    best_position = position
                    best_finish = finish
        done[best_position] = True
        state[best] = best_finish
        pairs[decision, 0] = best_position
        pairs[decision, 1] = best
    return pairs[:n]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """Every PE available from 0; for each type the classes ranked by their estimate on it, equal if equal."""
    return np.concatenate([np.zeros(len(setup.type_of), np.int64), estimate_ranks(setup).reshape(-1)])


scheduler = Scheduler("ETF", assign, initial_state, about="earliest finish by the estimates over all ready tasks")
