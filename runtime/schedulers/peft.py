"""PEFT: by descending optimistic cost of what is behind, each to its earliest finish (Arabnejad, Barbosa 2014).

The optimistic cost table has a row a task and a column a PE: the longest path of tasks that wait for the task, each on the
PE where the rest of the path is shortest, communication between unlike PEs included. The mean of a row is the task's
priority, and the PE with the smallest finish + table entry takes it. In this emulator moving data is part of what a call
takes on a PE, whichever PE made the data. So the columns of the table are equal: one is kept, each task on its path
counts with its smallest estimate, and the entry that is added to every finish changes no choice. What remains apart from
HEFT is the priority: paths at their best, and without the task itself.

Ready tasks of all instances are taken round by round, without insertion, and a PE is believed free when its running task
should end and its queue is worked off, as in heft.py; so is what remains where the graph has no edges: the queue's
order and an EFT over measured availability. Ties: the first in the queue, the lowest PE.

Worked table, PEs 0 and 1 CPU, PE 2 FFT. Estimates: A 4 on CPU, 7 on FFT; B 6 on CPU; C 9 on CPU, 3 on FFT. Tasks: 0 A,
1 A, 2 B; 3 B, which waits for 0; 4 C, which waits for 1. Optimistic costs: 6, 3, 0, 0, 0. Time 10; PE 0 should be free
at 12, the others are; queue 2 1 0:

    task   cost behind   finish on 0, 1, 2   PE   free after
    0      6             16 14 17            1    12 14 10
    1      3             16 18 17            0    16 14 10
    2      0             22 20 -             1    16 20 10
"""

from __future__ import annotations

from cedr.runtime.schedulers.heft import assign
from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup
from cedr.runtime.schedulers.tables import behind, dense_ranks, least_estimates


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """Tasks ranked by the optimistic cost of what waits for them."""
    return dense_ranks(-behind(setup, least_estimates(setup)))


scheduler = Scheduler(
    "PEFT", assign, initial_state, about="by the optimistic cost of what is behind, each to its earliest finish"
)
