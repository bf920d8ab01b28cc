"""SIMPLE, also RR: round robin over the PEs, as CEDR's (UA-RCL/CEDR 96eeda6).

Tasks in queue order. One pointer over all PEs, kept from round to round, that advances after every attempt, also on a
PE that does not offer the call; the first PE that does takes the task.

Worked table, PEs 0 and 1 of a type that offers A and B, PE 2 of one that offers B only; pointer 0, queue A A A B:

    task   attempts         PE   pointer after
    A      0                0    1
    A      1                1    2
    A      2 (no), 0        0    1
    B      1                1    2
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
    pe = state[0]
    for position in range(len(ready)):
        kind = ready[position]
        while estimate_ns[kind, pe] < 0:
            pe = (pe + 1) % n_pes
        pairs[position, 0] = position
        pairs[position, 1] = pe
        pe = (pe + 1) % n_pes
    state[0] = pe
    return pairs[: len(ready)]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """The pointer, at the first PE."""
    return np.zeros(1, np.int64)


scheduler = Scheduler("SIMPLE", assign, initial_state, about="round robin over all PEs", aliases=("RR",))
