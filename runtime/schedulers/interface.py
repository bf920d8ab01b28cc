"""What a scheduler is: one function, which the engine calls once a scheduling round.

    assign(ready, now_ns, estimate_ns, view, state) -> pairs

    ready         int64[n], n > 0: the class of each ready task, in queue order (first ready, first in the queue)
    now_ns        the time, read once a round
    estimate_ns   int64[classes, PEs]: what the scheduler believes a task of a class to take on a PE; -1: not offered.
                  Where PEs have no queues, BUSY_NS on one that works: whoever decides for it is asked again
    view          SchedulerView, below: the PEs, and room to work in
    state         int64[...]: the scheduler's own memory, made by `initial_state`, kept from round to round
    pairs         int64[k, 2], k <= n: (position in `ready`, PE), in the order of the decisions; each task is appended
                  to its PE's queue in that order. A position that is left out stays in the queue, in its place.

The same function runs as plain Python or compiled by numba in nopython mode: `compiled` says which. What it imports at
module level may be constants only, since numba compiles no functions that it calls. A scheduler in 20 lines:

    def first_fit(ready, now_ns, estimate_ns, view, state):
        for position in range(len(ready)):
            for pe in range(estimate_ns.shape[1]):
                if estimate_ns[ready[position], pe] >= 0:
                    view.pairs[position, 0] = position
                    view.pairs[position, 1] = pe
                    break
        return view.pairs[: len(ready)]

    scheduler = Scheduler("FIRST_FIT", first_fit, about="the first PE that takes the task")

A package offers one to everybody by an entry point of the group `cedr.schedulers` that names such an object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cedr.runtime.program import Program

Int64Array = npt.NDArray[np.int64]

BUSY_NS: Final = 1 << 50
"""What a scheduler is told that a call takes on a PE that is busy, where PEs have no queues: 13 days."""


class SchedulerView(NamedTuple):
    """What a scheduler may look at. All arrays are int64; a scheduler writes to `pairs` only.

    queue_length       [PEs] tasks in the PE's queue, the running one included
    queued_ns          [PEs] sum of the estimates of the tasks that wait in its queue
    running_until_ns   [PEs] start plus estimate of the running task; 0 on an idle PE. So a PE is believed free at
                       max(now_ns, running_until_ns) + queued_ns, corrected by every real completion
    type_of            [PEs] its PE type
    type_estimate_ns   [classes, types] the estimates by PE type, also of types without a PE; -1: not offered
    ready_instance     [>= n] by position: the application instance (in the order of arrival)
    ready_task         [>= n] by position: the task, by its index in the application's record
    application_of     [instances] which application each instance is
    arrival_ns         [instances] when each arrives
    task_base          [applications + 1] where each application's tasks begin in arrays over the tasks of all
    core_of            [PEs] the core that the PE's worker runs on; in `ideal` a core of its own
    core_load          [cores] threads on it that have work now: workers with a task and application threads; all 0
                       where the operating system is `ideal`
    pairs              [>= n, 2] room for the result; -1 in the first n rows when a round begins
    """

    queue_length: Int64Array
    queued_ns: Int64Array
    running_until_ns: Int64Array
    type_of: Int64Array
    type_estimate_ns: Int64Array
    ready_instance: Int64Array
    ready_task: Int64Array
    application_of: Int64Array
    arrival_ns: Int64Array
    task_base: Int64Array
    core_of: Int64Array
    core_load: Int64Array
    pairs: Int64Array


@dataclass(frozen=True)
class SchedulerSetup:
    """What is known before the first round.

    type_estimate_ns, type_of, core_of, application_of, arrival_ns   as in the view
    type_cost_ns   int64[classes, types]: what a call really takes. For what is no policy but a bound (the oracle)
    seed           for what the scheduler draws
    program        the applications: classes, tasks and what each waits for
    deadline_ns    int64[applications], from an instance's arrival on; -1: none
    active_w, idle_w   float64[types]: power of a PE that works and of one that waits; NaN where the platform does not say
    faults         whether PEs or applications are going to fail: a PE that stops offers nothing from then on, and a task
                   that failed comes again, as a class without the PE where it did
    """

    type_estimate_ns: Int64Array
    type_cost_ns: Int64Array
    type_of: Int64Array
    core_of: Int64Array
    application_of: Int64Array
    arrival_ns: Int64Array
    seed: int
    program: Program
    deadline_ns: Int64Array
    active_w: npt.NDArray[np.float64]
    idle_w: npt.NDArray[np.float64]
    faults: bool = False


Assign = Callable[[Int64Array, int, Int64Array, SchedulerView, Int64Array], Int64Array]


def no_state(setup: SchedulerSetup) -> Int64Array:
    """The state of a scheduler that remembers nothing."""
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Scheduler:
    """A scheduler: its name, its function, how its state begins, and whether numba compiles the function."""

    name: str
    assign: Assign
    initial_state: Callable[[SchedulerSetup], Int64Array] = no_state
    about: str = ""
    aliases: tuple[str, ...] = ()
    compiled: bool = True
