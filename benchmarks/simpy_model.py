"""The emulator's `ideal` system under EFT as a SimPy model: the peer in emulator_speed.py, written to be fast.

The same rules as runtime/engine.py, for applications that arrive together at time 0: a PE is a server with a
first-in-first-out queue; EFT sees estimates, never corrected, and tasks take their true costs; completions at one time
are taken in the order in which the tasks started, then one scheduling round, then idle PEs start by index. So the
schedules are equal to the nanosecond, ties included.

Speed: one event and one callback per task, no processes, stores or resources, whose generators and requests cost several
times as much; each PE has one event, scheduled again and again; the queue of events is pushed to and looked at directly,
which saves the method calls. SimPy takes each event from it and calls back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappush
from typing import Any

import simpy


def simulate(
    successors: Sequence[Sequence[int]],
    waiting: Sequence[int],
    estimate_ns: Sequence[Sequence[int]],
    cost_ns: Sequence[Sequence[int]],
    instances: int,
) -> tuple[list[int], list[int], list[int]]:
    """Run `instances` of one application at once: start, end and PE of each task, at instance * tasks + task.

    successors[task], ascending; waiting[task], the number of its dependencies; estimate_ns and cost_ns[task][PE], each PE
    offers all tasks, each cost is at least 1.
    """
    n_tasks = len(waiting)
    n_pes = len(cost_ns[0])
    env = simpy.Environment()
    queue: Any = env._queue
    number: Any = env._eid

    # EFT's ties go to the highest PE: all that it goes through is kept in descending order.
    estimates = [tuple(reversed(row)) for row in estimate_ns]
    available = [0] * n_pes
    left = list(waiting) * instances
    start_ns = [0] * len(left)
    end_ns = [0] * len(left)
    pe_of = [0] * len(left)
    running = [0] * n_pes
    waiting_on: list[deque[int]] = [deque() for _ in range(n_pes)]
    descending = waiting_on[::-1]
    idle = list(range(n_pes))
    ready: list[int] = [
        instance * n_tasks + task for instance in range(instances) for task in range(n_tasks) if waiting[task] == 0
    ]
    events: list[simpy.Event] = []
    callbacks: list[list[Any]] = []

    def schedule(now: int) -> None:
        best = 0
        for task in ready:
            best_finish = 1 << 62
            place = 0
            for free, estimate in zip(available, estimates[task % n_tasks]):  # noqa: B905  # `strict` takes time
                finish = estimate + free if free > now else estimate + now
                if finish < best_finish:
                    best_finish = finish
                    best = place
                place += 1  # noqa: SIM113  # so does `enumerate`
            available[best] = best_finish
            descending[best].append(task)
        ready.clear()

    def start(pe: int, now: int) -> None:
        running[pe] = task = waiting_on[pe].popleft()
        pe_of[task] = pe
        start_ns[task] = now
        end_ns[task] = end = now + cost_ns[task % n_tasks][pe]
        event = events[pe]
        event.callbacks = callbacks[pe]
        heappush(queue, (end, 1, next(number), event))

    def start_idle(now: int) -> None:
        idle.sort()
        for pe in tuple(idle):
            if waiting_on[pe]:
                idle.remove(pe)
                start(pe, now)

    def completion_of(pe: int) -> Any:
        own = waiting_on[pe]

        def complete(_: simpy.Event) -> None:
            done = running[pe]
            now = end_ns[done]
            task = done % n_tasks
            base = done - task
            for successor in successors[task]:
                successor += base
                unmet = left[successor] - 1
                left[successor] = unmet
                if not unmet:
                    ready.append(successor)
            if queue and queue[0][0] == now:  # not the last completion at this time
                idle.append(pe)
                return
            if ready:
                schedule(now)
            if idle or not own:
                idle.append(pe)
                start_idle(now)
            else:
                start(pe, now)

        return complete

    for pe in range(n_pes):
        event = simpy.Event(env)
        event._ok = True
        event._value = None
        events.append(event)
        callbacks.append([completion_of(pe)])
    schedule(0)
    start_idle(0)
    env.run()
    return start_ns, end_ns, pe_of
