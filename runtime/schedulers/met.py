"""MET: minimum execution time, as CEDR's (UA-RCL/CEDR 96eeda6).

Tasks in queue order. The PE type with the smallest estimate wins, however busy its PEs are; PEs are scanned from the
highest index down with a strict comparison, so a tie goes to the highest index, an accelerator before a CPU. One
pointer over all PEs, kept from round to round, then advances until it stands on a PE of that type, which takes the
task, and one further.

Worked table, PEs 0 and 1 of type CPU, PE 2 of type FFT. Estimates: A 5 on CPU, 5 on FFT (tie); B 3 on CPU, not on FFT.
Pointer 0, queue B A B B:

    task   type   pointer goes   PE   pointer after
    B      CPU    0              0    1
    A      FFT    1, 2           2    0
    B      CPU    0              0    1
    B      CPU    1              1    2
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [the PE to try next]."""
    n_pes = estimate_ns.shape[1]
    pairs = view.pairs
    type_of = view.type_of
    pe = state[0]
    for position in range(len(ready)):
        estimates = estimate_ns[ready[position]]
        best = -1
        for other in range(n_pes - 1, -1, -1):
            estimate = estimates[other]
            if estimate >= 0 and (best < 0 or estimate < estimates[best]):
                best = other
        wanted = type_of[best]
        while type_of[pe] != wanted or estimates[pe] < 0:
            pe = (pe + 1) % n_pes
        pairs[position, 0] = position
        pairs[position, 1] = pe
        pe = (pe + 1) % n_pes
    state[0] = pe
    return pairs[: len(ready)]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """The pointer, at the first PE."""
    return np.zeros(1, np.int64)


scheduler = Scheduler(
    "MET", assign, initial_state, about="the PE type with the smallest estimate, round robin within it"
)
