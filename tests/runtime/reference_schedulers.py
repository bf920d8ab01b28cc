"""The schedulers once more, written from their descriptions with lists and dictionaries, slow and plain.

Each of CEDR's is made for a list of PE types (one entry per PE), estimates[class][type] (None: not offered), and a seed, and
called with the classes of the ready tasks and the time; it returns (position, PE) in the order of its decisions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

Estimates = list[list[int | None]]
Decide = Callable[[list[int], int], list[tuple[int, int]]]


def simple(pes: list[int], estimates: Estimates, seed: int) -> Decide:
    pointer = [0]

    def decide(ready: list[int], now: int) -> list[tuple[int, int]]:
        decisions = []
        for position, kind in enumerate(ready):
            while True:
                pe = pointer[0]
                pointer[0] = (pointer[0] + 1) % len(pes)
                if estimates[kind][pes[pe]] is not None:
                    decisions.append((position, pe))
                    break
        return decisions

    return decide


def random(pes: list[int], estimates: Estimates, seed: int) -> Decide:
    round_robin = simple(pes, estimates, seed)

    def decide(ready: list[int], now: int) -> list[tuple[int, int]]:
        order = list(range(len(ready)))
        x = 1 + seed % (2**31 - 2)
        for i in reversed(range(1, len(order))):
            x = 48271 * x % (2**31 - 1)
            j = x % (i + 1)
            order[i], order[j] = order[j], order[i]
        decisions = round_robin([ready[position] for position in order], now)
        return [(order[place], pe) for place, pe in decisions]

    return decide


def met(pes: list[int], estimates: Estimates, seed: int) -> Decide:
    pointer = [0]

    def decide(ready: list[int], now: int) -> list[tuple[int, int]]:
        decisions = []
        for position, kind in enumerate(ready):
            offers = [(estimates[kind][pes[pe]], -pe) for pe in range(len(pes)) if estimates[kind][pes[pe]] is not None]
            best = pes[-min(offers)[1]]
            while True:
                pe = pointer[0]
                pointer[0] = (pointer[0] + 1) % len(pes)
                if pes[pe] == best:
                    decisions.append((position, pe))
                    break
        return decisions

    return decide


def eft(pes: list[int], estimates: Estimates, seed: int) -> Decide:
    available = [0] * len(pes)

    def decide(ready: list[int], now: int) -> list[tuple[int, int]]:
        decisions = []
        for position, kind in enumerate(ready):
            finishes = _finishes(pes, estimates, available, kind, now)
            finish, pe = min(finishes, key=lambda item: (item[0], -item[1]))
            available[pe] = finish
            decisions.append((position, pe))
        return decisions

    return decide


def etf(pes: list[int], estimates: Estimates, seed: int) -> Decide:
    available = [0] * len(pes)

    def decide(ready: list[int], now: int) -> list[tuple[int, int]]:
        decisions = []
        left = dict(enumerate(ready))
        while left:
            finish, position, pe = min(
                (finish, position, pe)
                for position, kind in left.items()
                for finish, pe in _finishes(pes, estimates, available, kind, now)
            )
            available[pe] = finish
            del left[position]
            decisions.append((position, pe))
        return decisions

    return decide


def heft_rt(pes: list[int], estimates: Estimates, seed: int) -> Decide:
    available = [0] * len(pes)

    def mean(kind: int) -> int:
        offers = [estimate for estimate in estimates[kind] if estimate is not None]
        return sum(offers) // len(offers)

    def decide(ready: list[int], now: int) -> list[tuple[int, int]]:
        decisions = []
        for position, kind in sorted(enumerate(ready), key=lambda item: -mean(item[1])):
            finish, pe = min(_finishes(pes, estimates, available, kind, now))
            available[pe] = finish
            decisions.append((position, pe))
        return decisions

    return decide


def _finishes(pes: list[int], estimates: Estimates, available: list[int], kind: int, now: int) -> list[tuple[int, int]]:
    found = []
    for pe, kind_of_pe in enumerate(pes):
        estimate = estimates[kind][kind_of_pe]
        if estimate is not None:
            found.append((max(now, available[pe]) + estimate, pe))
    return found


REFERENCE: dict[str, Callable[[list[int], Estimates, int], Decide]] = {
    "SIMPLE": simple,
    "RANDOM": random,
    "MET": met,
    "EFT": eft,
    "ETF": etf,
    "HEFT_RT": heft_rt,
}


# Those that decide anew from what is measured: each is called with a situation.


@dataclass(frozen=True)
class ReadyTask:
    kind: int
    application: int
    number: int
    arrival: int


@dataclass(frozen=True)
class Situation:
    """pes: types. until: when each PE's running task should end, 0 if idle; queued: estimates of the tasks in its queue;
    length: tasks on it. graphs: by application, (class or -1 for a join, tasks waited for) of each task."""

    now: int
    pes: list[int]
    estimates: Estimates
    ready: list[ReadyTask]
    until: list[int]
    queued: list[int]
    length: list[int]
    graphs: list[list[tuple[int, list[int]]]]
    deadlines: list[int | None]
    cores: list[int]
    load: list[int]
    watts: list[float]
    instead: dict[int, int | None] = field(default_factory=dict)
    """By PE, what stands in place of every estimate: None: it has stopped; BUSY_NS: it works and has no queue."""

    def free(self) -> list[int]:
        return [max(self.now, until) + queued for until, queued in zip(self.until, self.queued, strict=True)]

    def estimate(self, kind: int, pe: int) -> int | None:
        estimate = self.estimates[kind][self.pes[pe]]
        return estimate if estimate is None else self.instead.get(pe, estimate)

    def finishes(self, free: list[int], kind: int) -> list[tuple[int, int]]:
        """(Finish, PE) of every PE that offers a class."""
        estimates = [(self.estimate(kind, pe), pe) for pe in range(len(self.pes))]
        return [(free[pe] + estimate, pe) for estimate, pe in estimates if estimate is not None]

    def offers(self, kind: int) -> list[int]:
        """The class's estimates on the PEs that offer it."""
        found = [self.estimates[kind][kind_of_pe] for kind_of_pe in self.pes]
        return [estimate for estimate in found if estimate is not None]

    def mean(self, kind: int) -> int:
        return sum(self.offers(kind)) // len(self.offers(kind))

    def path_behind(self, task: ReadyTask, cost: Callable[[int], int]) -> int:
        """The longest path of tasks that wait for one."""
        graph = self.graphs[task.application]

        @functools.cache
        def longest(number: int) -> int:
            return max(
                (
                    (0 if kind < 0 else cost(kind)) + longest(other)
                    for other, (kind, after) in enumerate(graph)
                    if number in after
                ),
                default=0,
            )

        return longest(task.number)


Decisions = list[tuple[int, int]]


def _in_order(situation: Situation, order: list[int]) -> Decisions:
    """Each to its earliest finish, the lowest PE on a tie."""
    free = situation.free()
    decisions = []
    for position in order:
        kind = situation.ready[position].kind
        finish, pe = min(situation.finishes(free, kind))
        free[pe] = finish
        decisions.append((position, pe))
    return decisions


def heft(situation: Situation) -> Decisions:
    ranks = [situation.mean(task.kind) + situation.path_behind(task, situation.mean) for task in situation.ready]
    return _in_order(situation, sorted(range(len(ranks)), key=lambda position: -ranks[position]))


def peft(situation: Situation) -> Decisions:
    costs = [situation.path_behind(task, lambda kind: min(situation.offers(kind))) for task in situation.ready]
    return _in_order(situation, sorted(range(len(costs)), key=lambda position: -costs[position]))


def _by_finish(situation: Situation, sign: int) -> Decisions:
    """Until no task is left, the one whose earliest finish times sign is smallest."""
    free = situation.free()
    left = dict(enumerate(situation.ready))
    decisions = []
    while left:
        best = []
        for position, task in left.items():
            finish, pe = min(situation.finishes(free, task.kind))
            best.append((sign * finish, position, pe))
        finish, position, pe = min(best)
        free[pe] = sign * finish
        del left[position]
        decisions.append((position, pe))
    return decisions


def min_min(situation: Situation) -> Decisions:
    return _by_finish(situation, 1)


def max_min(situation: Situation) -> Decisions:
    return _by_finish(situation, -1)


def ceft(situation: Situation) -> Decisions:
    left = [free - situation.now for free in situation.free()]
    working = {pe for pe, length in enumerate(situation.length) if length}
    workers = [sum(situation.cores[pe] == core for pe in working) for core in range(len(situation.load))]
    application_threads = [max(0, load - n) for load, n in zip(situation.load, workers, strict=True)]
    decisions = []
    for position, task in enumerate(situation.ready):
        finishes = []
        for pe, core in enumerate(situation.cores):
            estimate = situation.estimate(task.kind, pe)
            if estimate is not None:
                others = application_threads[core] + sum(situation.cores[other] == core for other in working - {pe})
                finishes.append(((left[pe] + estimate) * (1 + others), pe, estimate))
        _, pe, estimate = min(finishes)
        left[pe] += estimate
        working.add(pe)
        decisions.append((position, pe))
    return decisions


def vos(situation: Situation) -> Decisions:
    work = sum(situation.mean(task.kind) for task in situation.ready) // len(situation.pes)

    def worth(task: ReadyTask, deadline: int, end: int) -> float:
        late = end - task.arrival - deadline
        if late <= 0:
            return 1.0
        return max(0.0, 1 - late / deadline) if deadline else 0.0

    def rank(position: int) -> tuple[int, float]:
        task = situation.ready[position]
        deadline = situation.deadlines[task.application]
        if deadline is None:
            return 1, 0.0
        end = min(situation.finishes(situation.free(), task.kind))[0]
        end += situation.path_behind(task, situation.mean)
        worth_now = worth(task, deadline, end)
        if worth_now == 0:
            return 2, 0.0
        lost = worth_now - worth(task, deadline, end + work)
        return (0, -lost / max(1, situation.mean(task.kind))) if lost else (1, 0.0)

    return _in_order(situation, sorted(range(len(situation.ready)), key=rank))


def energy_eft(situation: Situation) -> Decisions:
    free = situation.free()
    decisions = []
    for position, task in enumerate(situation.ready):
        finishes = situation.finishes(free, task.kind)
        earliest = min(finishes)[0] - situation.now
        choices = []
        for finish, pe in finishes:
            if 2 * (finish - situation.now) <= 3 * earliest:
                energy = (finish - free[pe]) * situation.watts[situation.pes[pe]]
                choices.append((energy, finish, pe))
        _, finish, pe = min(choices)
        free[pe] = finish
        decisions.append((position, pe))
    return decisions


MEASURED: dict[str, Callable[[Situation], Decisions]] = {
    "HEFT": heft,
    "PEFT": peft,
    "MIN_MIN": min_min,
    "MAX_MIN": max_min,
    "CEFT": ceft,
    "VOS": vos,
    "ENERGY_EFT": energy_eft,
}
