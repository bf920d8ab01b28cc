"""ENERGY_EFT: the PE that takes least energy among those that finish soon enough.

In queue order. Of the PEs that offer the task, those count that would finish it, from now on, within 3/2 of the time of the
earliest; of these the one on which the task takes least energy, which is its estimate times (active power - idle
power): a PE that is not given the task idles on. Ties: the earlier finish, then the lowest PE. Availability is measured:
a PE is believed free when its running task should end and its queue is worked off. That the whole board idles for
longer where a run takes longer is not looked at. The powers are the platform's; where it gives none for a PE of the
composition, it is refused.

Worked table, PEs 0 and 1 CPU (1.1 W active, 0.1 W idle), PE 2 FFT (0.5 W, 0.2 W). Estimates: A 4 on CPU (4 nJ), 6 on FFT
(1.8 nJ); B 3 on CPU (3 nJ). Time 10; PE 0 should be free at 12, the others are; queue A A B:

    task   finish on 0, 1, 2   at most   nJ on 0, 1, 2   PE             free after
    A      16 14 16            16        4 4 1.8         2              12 10 16
    A      16 14 22            16        4 4 -           1 (earlier)    12 14 16
    B      15 17 -             17.5      3 3 -           0 (earlier)    15 14 16
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.calls import SchedulerError
from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView
from cedr.runtime.schedulers.tables import dense_ranks

_MOST, _OF = 3, 2  # 3/2 of the earliest finish, from now on


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [classes, types] the calls' energies, ranked."""
    n_pes = estimate_ns.shape[1]
    n_types = view.type_estimate_ns.shape[1]
    pairs = view.pairs
    left = np.empty(n_pes, np.int64)
    for pe in range(n_pes):
        left[pe] = max(now_ns, view.running_until_ns[pe]) - now_ns + view.queued_ns[pe]
    for position in range(len(ready)):
        kind = ready[position]
        earliest = np.int64(-1)
        for pe in range(n_pes):
            estimate = estimate_ns[kind, pe]
            if estimate >= 0 and (earliest < 0 or left[pe] + estimate < earliest):
                earliest = left[pe] + estimate
        best = -1
        best_energy = np.int64(0)
        best_left = np.int64(0)
        for pe in range(n_pes):
            estimate = estimate_ns[kind, pe]
            if estimate >= 0 and (left[pe] + estimate) * _OF <= earliest * _MOST:
                energy = state[kind * n_types + view.type_of[pe]]
                ends = left[pe] + estimate
                if best < 0 or energy < best_energy or (energy == best_energy and ends < best_left):
                    best = pe
                    best_energy = energy
                    best_left = ends
        left[best] = best_left
        pairs[position, 0] = position
        pairs[position, 1] = best
    return pairs[: len(ready)]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """The energies of all calls on all types, ranked. Raises SchedulerError where a PE has no power figures."""
    present = np.unique(setup.type_of)
    missing = present[np.isnan(setup.active_w[present]) | np.isnan(setup.idle_w[present])]
    if len(missing):
        raise SchedulerError(
            "scheduler ENERGY_EFT: the platform has no power figures for the PE types "
            f"{', '.join(str(kind) for kind in missing)} (counted from 0 in the platform's order); give each a table "
            "`power` with active_w, idle_w and source, or take another scheduler"
        )
    power = np.nan_to_num(setup.active_w - setup.idle_w)
    return dense_ranks(np.maximum(setup.type_estimate_ns, 0) * power)


scheduler = Scheduler(
    "ENERGY_EFT", assign, initial_state, about="least energy among the PEs that finish within 3/2 of the earliest"
)
