"""CEDR's schedulers once more, written from their descriptions with lists and dictionaries, slow and plain.

Each is made for a list of PE types (one entry per PE), estimates[class][type] (None: not offered), and a seed, and
called with the classes of the ready tasks and the time; it returns (position, PE) in the order of its decisions.
"""

from __future__ import annotations

from collections.abc import Callable

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
