"""RANDOM: CEDR's (UA-RCL/CEDR 96eeda6), which shuffles the ready queue and then goes round robin as SIMPLE does.

The choice of the PE is not random. CEDR seeds its engine anew each round, so that queues of equal length are permuted
alike; the permutation itself is its C++ library's. Ours is a Fisher-Yates shuffle from the last position down, which
draws from the Lehmer generator x <- 48271 x mod (2^31 - 1) and swaps position i with x mod (i + 1); each round x begins
at 1 + seed mod (2^31 - 2).

Worked table, seed 0, PEs 0 and 1 offer everything, pointer 0, queue A B C D:

    i   x            swaps with   order
    3   48271        48271 mod 4 = 3          A B C D
    2   182605794    182605794 mod 3 = 0      C B A D
    1   1291394886   1291394886 mod 2 = 0     B C A D

so B goes to PE 0, C to 1, A to 0, D to 1.
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [the PE to try next, the generator's first value]."""
    n_pes = estimate_ns.shape[1]
    n = len(ready)
    pairs = view.pairs
    for position in range(n):
        pairs[position, 0] = position
    x = state[1]
    for last in range(n - 1, 0, -1):
        x = x * 48271 % 2147483647
        other = x % (last + 1)
        swapped = pairs[last, 0]
        pairs[last, 0] = pairs[other, 0]
        pairs[other, 0] = swapped
    pe = state[0]
    for decision in range(n):
        kind = ready[pairs[decision, 0]]
        while estimate_ns[kind, pe] < 0:
            pe = (pe + 1) % n_pes
        pairs[decision, 1] = pe
        pe = (pe + 1) % n_pes
    state[0] = pe
    return pairs[:n]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """The pointer, at the first PE, and the generator's first value."""
    return np.array([0, 1 + setup.seed % 2147483646], np.int64)


scheduler = Scheduler("RANDOM", assign, initial_state, about="the ready queue shuffled each round, then round robin")
