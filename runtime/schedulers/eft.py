"""EFT: earliest finish time, as CEDR's (UA-RCL/CEDR 96eeda6).

Tasks in queue order. finish = max(now, available[PE]) + estimate; PEs are scanned from the highest index down with a
strict comparison, so a tie goes to the highest index. available[PE] becomes that finish and is never corrected by what
the task really took.

Worked table, PEs 0 and 1 CPU, PE 2 FFT. Estimates: A 4 on CPU, 6 on FFT; B 3 on CPU, not on FFT. Time 10, available
0 0 0, queue A A A B A:

    task   finish on 0, 1, 2   PE          available after
    A      14 14 16            1 (tie)     0 14 0
    A      14 18 16            0           14 14 0
    A      18 18 16            2           14 14 16
    B      17 17 -             1 (tie)     14 17 16
    A      18 21 22            0           18 17 16
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [PEs], the time from which each PE is believed available."""
    n_pes = estimate_ns.shape[1]
    pairs = view.pairs
    for position in range(len(ready)):
        estimates = estimate_ns[ready[position]]
        best = -1
        best_finish = now_ns
        for pe in range(n_pes - 1, -1, -1):
            estimate = estimates[pe]
            if estimate >= 0:
                available = state[pe]  # `max` takes much longer in plain Python
                finish = estimate + (available if available > now_ns else now_ns)
                if best < 0 or finish < best_finish:
                    best = pe
                    best_finish = finish
        state[best] = best_finish
        pairs[position, 0] = position
        pairs[position, 1] = best
    return pairs[: len(ready)]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """Every PE available from 0."""
    return np.zeros(len(setup.type_of), np.int64)


scheduler = Scheduler("EFT", assign, initial_state, about="earliest finish by the estimates, in queue order")
