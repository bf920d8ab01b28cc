"""Each scheduler's worked table, compiled and plain; long random queues against plain descriptions; the registry."""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint
from random import Random

import numpy as np
import pytest

from cedr.runtime.engine import compile_lazily
from cedr.runtime.program import build_program
from cedr.runtime.schedulers import (
    Assign,
    Scheduler,
    SchedulerError,
    SchedulerSetup,
    SchedulerView,
    all_schedulers,
    get_scheduler,
)
from tests.runtime.reference_schedulers import REFERENCE

# By scheduler: PEs' types, estimates[class][type], time, queue, decisions as (position, PE), how the state begins.
TABLES: dict[str, tuple[list[int], list[list[int]], int, list[int], list[tuple[int, int]], list[int]]] = {
    "SIMPLE": ([0, 0, 1], [[1, -1], [1, 1]], 0, [0, 0, 0, 1], [(0, 0), (1, 1), (2, 0), (3, 1)], [2]),
    "RANDOM": ([0, 0], [[1]], 0, [0, 0, 0, 0], [(1, 0), (2, 1), (0, 0), (3, 1)], [0, 1]),
    "MET": ([0, 0, 1], [[5, 5], [3, -1]], 0, [1, 0, 1, 1], [(0, 0), (1, 2), (2, 0), (3, 1)], [2]),
    "EFT": (
        [0, 0, 1],
        [[4, 6], [3, -1]],
        10,
        [0, 0, 0, 1, 0],
        [(0, 1), (1, 0), (2, 2), (3, 1), (4, 0)],
        [18, 17, 16],
    ),
    "ETF": (
        [0, 0, 1],
        [[4, 6], [3, -1], [9, 3]],
        10,
        [0, 1, 2, 0],
        [(1, 0), (2, 2), (0, 1), (3, 0)],
        [17, 14, 13],
    ),
    "HEFT_RT": (
        [0, 0, 1],
        [[4, 6], [5, -1], [9, 2], [8, -1]],
        10,
        [0, 1, 2, 3],
        [(3, 0), (0, 1), (1, 1), (2, 2)],
        [18, 19, 12],
    ),
}


@functools.cache
def function(name: str, compiled: bool) -> Assign:
    assign = get_scheduler(name).assign
    return compile_lazily(assign) if compiled else assign


class Bench:
    """A scheduler outside the engine, round after round."""

    def __init__(self, name: str, pes: list[int], table: list[list[int]], seed: int, compiled: bool) -> None:
        self.assign = function(name, compiled)
        types, by_type = np.array(pes, np.int64), np.array(table, np.int64)
        self.estimates = np.ascontiguousarray(by_type[:, types])
        none = np.full(by_type.shape[1], np.nan)
        setup = SchedulerSetup(
            type_estimate_ns=by_type,
            type_cost_ns=by_type,
            type_of=types,
            core_of=np.arange(len(types)),
            application_of=np.zeros(0, np.int64),
            arrival_ns=np.zeros(0, np.int64),
            seed=seed,
            program=build_program([], []),
            deadline_ns=np.zeros(0, np.int64),
            active_w=none,
            idle_w=none,
        )
        self.state = get_scheduler(name).initial_state(setup)
        self.types, self.by_type = types, by_type

    def round(self, ready: list[int], now: int) -> list[tuple[int, int]]:
        n = len(ready)
        zeros = np.zeros(len(self.types), np.int64)
        queue = np.arange(n)
        pairs = np.full((n, 2), -9, np.int64)
        one = np.zeros(1, np.int64)
        view = SchedulerView(
            zeros, zeros, zeros, self.types, self.by_type, queue, queue, one, one, one, zeros, one, pairs
        )
        result = self.assign(np.array(ready, np.int64), now, self.estimates, view, self.state)
        return [(int(position), int(pe)) for position, pe in result]


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("name", list(TABLES))
def test_worked_table(name: str, compiled: bool) -> None:
    pes, table, now, queue, decisions, state = TABLES[name]
    bench = Bench(name, pes, table, 0, compiled)
    assert bench.round(queue, now) == decisions
    assert bench.state[: len(state)].tolist() == state


@pytest.mark.parametrize("name", list(TABLES))
def test_worked_table_by_the_plain_description(name: str) -> None:
    pes, table, now, queue, decisions, _ = TABLES[name]
    estimates = [[None if value < 0 else value for value in row] for row in table]
    assert REFERENCE[name](pes, estimates, 0)(queue, now) == decisions


def test_simple_advances_after_every_attempt() -> None:
    """The attempt on a PE that does not offer the call moves the pointer: the next task starts behind it."""
    assert Bench("SIMPLE", [0, 1, 0], [[1, -1], [1, 1]], 0, False).round([0, 0, 1], 0) == [(0, 0), (1, 2), (2, 0)]


def test_eft_never_corrects_what_it_believes() -> None:
    bench = Bench("EFT", [0, 0], [[10]], 0, False)
    assert bench.round([0], 0) == [(0, 1)]
    assert bench.round([0], 4) == [(0, 0)]
    assert bench.state.tolist() == [14, 10]
    assert bench.round([0], 20) == [(0, 1)]  # both believed free since before: the highest index
    assert bench.state.tolist() == [14, 30]


def test_random_permutes_queues_of_one_length_alike() -> None:
    bench = Bench("RANDOM", [0], [[1]], 7, False)
    first = [position for position, _ in bench.round([0] * 9, 0)]
    assert [position for position, _ in bench.round([0] * 9, 5)] == first
    assert sorted(first) == list(range(9))
    assert [position for position, _ in Bench("RANDOM", [0], [[1]], 8, False).round([0] * 9, 0)] != first


def test_heft_rt_counts_types_without_a_pe() -> None:
    """B's mean counts type 1, of which there is no PE: (2 + 20) // 2 = 11 is before A's 10."""
    assert Bench("HEFT_RT", [0], [[10, -1], [2, 20]], 0, False).round([0, 1], 0) == [(1, 0), (0, 0)]


def random_bench(random: Random, few: bool) -> tuple[list[int], list[list[int]]]:
    n_types = random.randint(1, 4)
    pes = [random.randrange(n_types) for _ in range(random.randint(1, 8))]
    most = random.choice((2, 5, 1000))
    table = []
    for _ in range(random.randint(1, 6) if few else random.randint(50, 2000)):
        row = [random.choice((-1, random.randint(1, most))) for _ in range(n_types)]
        row[random.choice(pes)] = random.randint(1, most)
        table.append(row)
    return pes, table


@pytest.mark.parametrize("few", [True, False], ids=["few classes", "many classes"])
@pytest.mark.parametrize("name", list(REFERENCE))
def test_long_queues_as_described(name: str, few: bool) -> None:
    random = Random(f"{name} {few}")
    for _ in range(25):
        pes, table = random_bench(random, few)
        seed = random.randrange(2**32)
        estimates = [[None if value < 0 else value for value in row] for row in table]
        described = REFERENCE[name](pes, estimates, seed)
        bench = Bench(name, pes, table, seed, True)
        now = 0
        for _ in range(random.randint(1, 6)):
            now += random.choice((0, 3, 500))
            length = random.choice((1, 2, 3, 4, 5, 30, 64, 65, 66, 150))
            queue = [random.randrange(len(table)) for _ in range(length)]
            assert bench.round(queue, now) == described(queue, now)


def test_names_in_any_case_and_aliases() -> None:
    assert list(all_schedulers(())) == ["SIMPLE", "RANDOM", "MET", "EFT", "ETF", "HEFT_RT"]
    assert get_scheduler("rr") is get_scheduler("Simple") is get_scheduler("SIMPLE")
    assert get_scheduler("heft_rt").name == "HEFT_RT"
    mine = Scheduler("MINE", get_scheduler("EFT").assign)
    assert get_scheduler(mine) is mine


def test_an_unknown_name_lists_the_names() -> None:
    message = r"there is no scheduler 'HEFT'; there are SIMPLE \(or RR\), RANDOM, MET, EFT, ETF, HEFT_RT"
    with pytest.raises(SchedulerError, match=message):
        get_scheduler("HEFT")


FIRST_FIT = Scheduler("FIRST_FIT", get_scheduler("SIMPLE").assign, aliases=("FF",))
TAKEN = Scheduler("other", get_scheduler("SIMPLE").assign, aliases=("rr",))
NO_SCHEDULER = 3


def point(name: str) -> EntryPoint:
    return EntryPoint(name=name.lower(), value=f"{__name__}:{name}", group="cedr.schedulers")


def test_plug_ins_come_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(all_schedulers([point("FIRST_FIT")]))[-1] == "FIRST_FIT"
    monkeypatch.setattr("cedr.runtime.schedulers.entry_points", lambda group: [point("FIRST_FIT")])
    assert get_scheduler("ff") is FIRST_FIT
    with pytest.raises(SchedulerError, match=r"HEFT_RT, FIRST_FIT \(or FF\)"):
        get_scheduler("none")


def test_plug_ins_that_are_none_or_take_a_name_are_refused() -> None:
    with pytest.raises(
        SchedulerError, match=r"'no_scheduler'.*expected a cedr.runtime.schedulers.Scheduler, found int"
    ):
        all_schedulers([point("NO_SCHEDULER")])
    nowhere = EntryPoint(name="gone", value="cedr.nowhere:it", group="cedr.schedulers")
    with pytest.raises(SchedulerError, match=r"'gone'.*can't be loaded: ModuleNotFoundError"):
        all_schedulers([nowhere])
    with pytest.raises(SchedulerError, match=r"'taken'.*the name 'rr' is taken by SIMPLE; rename one of them"):
        all_schedulers([point("TAKEN")])
