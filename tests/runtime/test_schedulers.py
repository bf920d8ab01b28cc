"""Each scheduler's worked table, compiled and plain; long random queues against plain descriptions; the registry."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from cedr.runtime.engine import Engine, compile_lazily
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
from cedr.runtime.schedulers.interface import BUSY_NS, Int64Array
from cedr.target.errors import CedrError
from tests.runtime.graphs import Graph, random_estimates, random_graph
from tests.runtime.reference_schedulers import MEASURED, REFERENCE, ReadyTask, Situation
from tests.steps import steps_of

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


def decisions(name: str, situation: Situation, compiled: bool) -> list[tuple[int, int]]:
    """One round of a scheduler that decides from what is measured, outside the engine."""
    none = -1
    types = np.array(situation.pes, np.int64)
    by_type = np.array([[none if e is None else e for e in row] for row in situation.estimates], np.int64)
    n_classes = len(by_type)
    graphs = [Graph([kind for kind, _ in graph], [after for _, after in graph]) for graph in situation.graphs]
    program = build_program([graph.record(n_classes) for graph in graphs], [str(i) for i in range(len(graphs))])
    # Each application has its own copy of the classes, and one more for joins.
    table = np.concatenate([np.concatenate([by_type, np.full((1, by_type.shape[1]), none)]) for _ in graphs])
    instances = [(task.application, task.arrival) for task in situation.ready]
    application_of, arrival_ns = (np.array(column, np.int64) for column in zip(*instances, strict=True))
    setup = SchedulerSetup(
        type_estimate_ns=table,
        type_cost_ns=table,
        type_of=types,
        core_of=np.array(situation.cores, np.int64),
        application_of=application_of,
        arrival_ns=arrival_ns,
        seed=0,
        program=program,
        deadline_ns=np.array([none if d is None else d for d in situation.deadlines], np.int64),
        active_w=np.array(situation.watts) + 0.5,
        idle_w=np.full(len(situation.watts), 0.5),
    )
    n = len(situation.ready)
    view = SchedulerView(
        queue_length=np.array(situation.length, np.int64),
        queued_ns=np.array(situation.queued, np.int64),
        running_until_ns=np.array(situation.until, np.int64),
        type_of=types,
        type_estimate_ns=table,
        ready_instance=np.arange(n),
        ready_task=np.array([task.number for task in situation.ready], np.int64),
        application_of=application_of,
        arrival_ns=arrival_ns,
        task_base=program.task_base,
        core_of=setup.core_of,
        core_load=np.array(situation.load, np.int64),
        pairs=np.full((n, 2), -9, np.int64),
    )
    ready = np.array([task.application * (n_classes + 1) + task.kind for task in situation.ready], np.int64)
    estimates = np.ascontiguousarray(table[:, types])
    for pe, instead in situation.instead.items():
        estimates[estimates[:, pe] >= 0, pe] = none if instead is None else instead
    state = get_scheduler(name).initial_state(setup)
    pairs = function(name, compiled)(ready, situation.now, estimates, view, state)
    return [(int(position), int(pe)) for position, pe in pairs]


def situation(
    pes: list[int],
    estimates: list[list[int]],
    graph: list[tuple[int, list[int]]],
    queue: list[int],
    now: int = 10,
    **more: Any,
) -> Situation:
    """One application, all of whose instances arrived at 0; idle PEs unless `more` says otherwise."""
    idle = [0] * len(pes)
    given = dict(until=idle, queued=idle, length=idle, deadlines=[None], cores=list(range(len(pes))), load=idle)
    given |= dict(watts=[1.0] * len(estimates[0]))
    table: list[list[int | None]] = [[None if value < 0 else value for value in row] for row in estimates]
    ready = [ReadyTask(graph[task][0], 0, task, 0) for task in queue]
    return Situation(now=now, pes=pes, estimates=table, ready=ready, graphs=[graph], **{**given, **more})


def loose(kinds: list[int]) -> list[tuple[int, list[int]]]:
    """Tasks that wait for nothing."""
    return [(kind, []) for kind in kinds]


BUSY_0: dict[str, Any] = dict(until=[12, 0, 0], length=[1, 0, 0])
FOUR = loose([0, 1, 2, 0])
ABC = [[4, 6], [3, -1], [9, 3]]
# By scheduler: the situation of its worked table, and the decisions.
MEASURED_TABLES: dict[str, tuple[Situation, list[tuple[int, int]]]] = {
    "HEFT": (
        situation([0, 0, 1], [[4, 7], [6, -1]], [(0, []), (0, []), (1, []), (1, [0])], [1, 2, 0], **BUSY_0),
        [(2, 1), (1, 0), (0, 2)],
    ),
    "PEFT": (
        situation(
            [0, 0, 1],
            [[4, 7], [6, -1], [9, 3]],
            [(0, []), (0, []), (1, []), (1, [0]), (2, [1])],
            [2, 1, 0],
            **BUSY_0,
        ),
        [(2, 1), (1, 0), (0, 1)],
    ),
    "MIN_MIN": (situation([0, 0, 1], ABC, FOUR, [0, 1, 2, 3], **BUSY_0), [(1, 1), (2, 2), (0, 0), (3, 1)]),
    "MAX_MIN": (situation([0, 0, 1], ABC, FOUR, [0, 1, 2, 3], **BUSY_0), [(0, 1), (3, 0), (1, 1), (2, 2)]),
    "CEFT": (
        situation([0, 0, 0], [[10]], loose([0, 0, 0]), [0, 1, 2], 0, cores=[1, 2, 1], load=[0, 0, 1]),
        [(0, 0), (1, 0), (2, 1)],
    ),
    "VOS": (
        Situation(
            now=100,
            pes=[0, 0],
            estimates=[[10], [20]],
            ready=[ReadyTask(kind, 0, kind, arrival) for kind, arrival in ((1, 60), (0, 85), (0, 95), (1, 100))],
            until=[0, 0],
            queued=[0, 0],
            length=[0, 0],
            graphs=[loose([0, 1])],
            deadlines=[20],
            cores=[0, 1],
            load=[0, 0],
            watts=[1.0],
        ),
        [(2, 0), (1, 1), (3, 0), (0, 1)],
    ),
    "ENERGY_EFT": (
        situation([0, 0, 1], [[4, 6], [3, -1]], loose([0, 0, 1]), [0, 1, 2], watts=[1.0, 0.3], **BUSY_0),
        [(0, 2), (1, 1), (2, 0)],
    ),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("name", list(MEASURED_TABLES))
def test_worked_table_over_measured_availability(name: str, compiled: bool) -> None:
    given, expected = MEASURED_TABLES[name]
    assert decisions(name, given, compiled) == expected
    assert MEASURED[name](given) == expected


def random_situation(random: Random, most_tasks: int) -> Situation:
    n_types = random.randint(1, 4)
    n_classes = random.choice((1, 3, 12))
    most = random.choice((2, 10, 1000))
    pes = [random.randrange(n_types) for _ in range(random.randint(1, 7))]
    table = random_estimates(random, pes, n_types, n_classes, most)
    now = random.randint(0, 3 * most)
    graphs = [random_graph(random, random.randint(2, 12), n_classes) for _ in range(random.randint(1, 3))]
    ready: list[ReadyTask] = []
    while not ready:
        for _ in range(random.choice((1, 2, 5, most_tasks))):
            application = random.randrange(len(graphs))
            number = random.randrange(len(graphs[application].kinds))
            if graphs[application].kinds[number] >= 0:
                ready.append(ReadyTask(graphs[application].kinds[number], application, number, random.randint(0, now)))
    length = [random.choice((0, 1, 3)) for _ in pes]
    shared = random.random() < 0.5
    cores = [random.randrange(3) for _ in pes] if shared else list(range(len(pes)))
    what, instead = random.choice((0, None, BUSY_NS)), dict[int, int | None]()
    for pe in range(len(pes) if what != 0 else 0):
        others = [other for other in range(len(pes)) if other != pe and other not in instead]
        if all(any(row[pes[other]] >= 0 for other in others) for row in table):
            instead[pe] = what
    if what == BUSY_NS:
        length = [int(pe in instead) for pe in range(len(pes))]
    load = [sum(c == core and n > 0 for c, n in zip(cores, length, strict=True)) for core in range(max(cores) + 1)]
    return Situation(
        now=now,
        pes=pes,
        estimates=[[None if value < 0 else value for value in row] for row in table],
        ready=ready,
        until=[max(0, now + random.randint(-most, most)) if n else 0 for n in length],
        queued=[random.randint(1, 2 * most) if n > 1 else 0 for n in length],
        length=length,
        graphs=[list(zip(graph.kinds, graph.after, strict=True)) for graph in graphs],
        deadlines=[random.choice((None, 0, random.randint(1, 4 * most))) for _ in graphs],
        cores=cores,
        load=[n + random.randrange(3) for n in load] if shared else [0] * len(pes),
        watts=[random.choice((0.25, 1.0, random.random())) for _ in range(n_types)],
        instead=instead,
    )


@pytest.mark.parametrize("name", list(MEASURED))
def test_random_situations_as_described(name: str) -> None:
    random = Random(name)
    for number in range(60):
        given = random_situation(random, 25)
        expected = MEASURED[name](given)
        asked = 1 if BUSY_NS in given.instead.values() else len(expected)  # without queues one decision at a time
        for compiled in (True, False)[: 2 if number < 20 else 1]:
            assert decisions(name, given, compiled)[:asked] == expected[:asked]


def test_a_completion_corrects_what_min_min_believes_and_not_what_etf_does() -> None:
    """Both gave PE 0 a task of 100 that took 1: then PE 0 is idle, and ETF still waits for it."""
    table = [[100, -1], [10, 40]]
    etf = Bench("ETF", [0, 1], table, 0, False)
    assert etf.round([0], 0) == [(0, 0)]
    assert etf.round([1], 1) == [(0, 1)]
    assert decisions("MIN_MIN", situation([0, 1], table, loose([1]), [0], 1), False) == [(0, 0)]


def test_without_edges_heft_goes_by_means_and_peft_by_the_queue() -> None:
    """What remains for an application that submits one task at a time."""
    given = situation([0], [[4], [7]], loose([0, 1]), [0, 1])
    assert decisions("HEFT", given, False) == [(1, 0), (0, 0)]
    assert decisions("PEFT", given, False) == [(0, 0), (1, 0)]


def test_without_deadlines_vos_takes_the_queue_s_order() -> None:
    given = situation([0], [[4], [7]], loose([1, 0, 1]), [2, 1, 0])
    assert decisions("VOS", given, False) == [(0, 0), (1, 0), (2, 0)]


def test_ranks_of_tasks_in_a_circle_end() -> None:
    given = situation([0], [[4]], [(0, []), (0, [2]), (0, [1])], [0])
    assert decisions("HEFT", given, False) == [(0, 0)]


def test_energy_without_power_figures_is_refused() -> None:
    given = situation([0, 1], [[4, 5]], loose([0]), [0], watts=[1.0, math.nan])
    with pytest.raises(
        SchedulerError, match="ENERGY_EFT: the platform has no power figures for the PE types 1 .*`power`"
    ):
        decisions("ENERGY_EFT", given, False)
    without = situation([0, 0], [[4, 5]], loose([0]), [0], watts=[1.0, math.nan])  # no PE of the type
    assert decisions("ENERGY_EFT", without, False) == [(0, 0)]


def steps_of_a_round(name: str, given: Any) -> int:
    """Lines of the scheduler's function that one round runs through, as plain Python."""
    taken: list[tuple[int, int]] = []
    steps = steps_of(lambda: taken.extend(decisions(name, given, False)), get_scheduler(name).assign.__code__)
    assert len({position for position, _ in taken}) == len(taken)
    return steps


@pytest.mark.parametrize("instead", [{}, {1: None}], ids=["sound", "a PE that has stopped"])
@pytest.mark.parametrize("name", ["ETF", "MIN_MIN", "MAX_MIN"])
def test_a_long_queue_is_not_quadratic(name: str, instead: dict[int, int | None]) -> None:
    """16 times the tasks take far fewer than 256 times the steps."""
    random = Random(name)
    pes = [0, 0, 0, 1, 1, 2]
    table = random_estimates(random, pes, 3, 500, 10**6)
    steps = []
    for n in (100, 1600):
        kinds = [random.randrange(500) for _ in range(n)]
        steps.append(steps_of_a_round(name, situation(pes, table, loose(kinds), list(range(n)), instead=instead)))
    assert steps[0] > 100 and steps[1] < 64 * steps[0]


def raises(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    if now_ns >= 0:
        raise ValueError("no idea")
    return view.pairs[:0]


def nothing(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    return None


def only_raises(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    raise ValueError("not written yet")


def sometimes_nothing(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # noqa: RET503  # the defect
    for position in range(len(ready)):
        if estimate_ns[ready[position], 0] > 9:
            return view.pairs[:0]


def a_row(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    return view.pairs[0]


def real_numbers(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    return np.zeros((1, 2))


def writes_ones(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    if ready[0] == 1:
        view.pairs[0, 0] = 0
        view.pairs[0, 1] = 0
    return view.pairs[: len(ready)]


def wrong_arguments(ready, now_ns):  # type: ignore[no-untyped-def]  # as a user writes it
    return ready


def no_setup(setup: SchedulerSetup) -> Int64Array:
    raise KeyError("power")


def run_one(scheduler: Scheduler, classes: Sequence[int] = (0,), **options: Any) -> None:
    """Tasks of these classes, each after the one before, on one PE."""
    after = [[position - 1] if position else [] for position in range(len(classes))]
    record = Graph(list(classes), after).record(2)
    costs = [[5], [5], [-1]]
    Engine(build_program([record], ["app"]), [0], [0], [0], costs, costs, scheduler, **options).run()


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_a_scheduler_that_fails_is_named_with_its_line(compiled: bool) -> None:
    line = inspect.getsourcelines(raises)[1] + 2
    message = rf"^scheduler MINE at 0 ns: .*test_schedulers\.py:{line}: raises raised ValueError: no idea$"
    with pytest.raises(SchedulerError, match=message):
        run_one(Scheduler("MINE", raises, compiled=compiled))


def test_a_scheduler_that_returns_nothing_or_cannot_begin_is_named() -> None:
    for compiled in (False, True):
        with pytest.raises(
            SchedulerError,
            match=r"^scheduler MINE at 0 ns: .*test_schedulers\.py:\d+: nothing returned None; it returns",
        ):
            run_one(Scheduler("MINE", nothing, compiled=compiled))
    with pytest.raises(
        SchedulerError, match=r"^scheduler MINE: .*test_schedulers\.py:\d+: no_setup raised KeyError: 'power'$"
    ):
        run_one(Scheduler("MINE", get_scheduler("EFT").assign, no_setup))


def test_a_scheduler_that_cannot_be_compiled_is_named_with_its_file() -> None:
    line = inspect.getsourcelines(wrong_arguments)[1]
    message = (
        rf"^scheduler MINE: .*test_schedulers\.py:{line}: wrong_arguments can't be compiled: (.|\n)*compiled=False"
    )
    with pytest.raises(SchedulerError, match=message):
        run_one(Scheduler("MINE", wrong_arguments))  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_a_scheduler_that_only_raises_says_what(compiled: bool) -> None:
    line = inspect.getsourcelines(only_raises)[1] + 1
    message = rf"test_schedulers\.py:{line}: only_raises raised ValueError: not written yet$"
    with pytest.raises(SchedulerError, match=message):
        run_one(Scheduler("MINE", only_raises, compiled=compiled))


@pytest.mark.parametrize(
    ("function", "plain", "compiled"),
    [
        (sometimes_nothing, "returned None", "can't be compiled: it ends without `return` on some path"),
        (a_row, r"returned ndarray, int64\[2\]", r"can't be compiled: it returns array\(int64, 1d, C\)"),
        (real_numbers, r"returned ndarray, float64\[1, 2\]", r"can't be compiled: it returns array\(float64, 2d, C\)"),
    ],
)
def test_what_is_no_pairs_is_refused_where_it_was_written(function: Any, plain: str, compiled: str) -> None:
    place = rf"test_schedulers\.py:{inspect.getsourcelines(function)[1]}: {function.__name__}"
    for found in (False, True):
        message = rf"{place} {compiled if found else plain}.*it returns pairs, int64\[k, 2\].*as view\.pairs\[:k\]"
        with pytest.raises(SchedulerError, match=message):
            run_one(Scheduler("MINE", function, compiled=found))


def test_no_pairs_at_all_may_be_an_empty_list() -> None:
    with pytest.raises(SchedulerError, match="left all of 1 ready tasks unassigned"):
        run_one(Scheduler("MINE", lambda *_: [], compiled=False))  # type: ignore[arg-type]  # what plain Python may give


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("queueing", [False, True])
def test_rows_that_were_not_written_are_refused(compiled: bool, queueing: bool) -> None:
    """The second task's decision is not written: what was decided for the first one doesn't count again."""
    mine = Scheduler("MINE", writes_ones, compiled=compiled)
    run_one(mine, [1, 1], queueing=queueing)
    with pytest.raises(
        SchedulerError, match=r"MINE at 5 ns returned a pair with position -1: rows of view\.pairs begin as"
    ):
        run_one(mine, [1, 0], queueing=queueing)


def test_names_in_any_case_and_aliases() -> None:
    assert list(all_schedulers(())) == [
        *("SIMPLE", "RANDOM", "MET", "EFT", "ETF", "HEFT_RT"),
        *("HEFT", "PEFT", "MIN_MIN", "MAX_MIN", "CEFT", "VOS", "ENERGY_EFT", "ORACLE"),
    ]
    assert get_scheduler("rr") is get_scheduler("Simple") is get_scheduler("SIMPLE")
    assert get_scheduler("heft_rt").name == "HEFT_RT"
    mine = Scheduler("MINE", get_scheduler("EFT").assign)
    assert get_scheduler(mine) is mine


def test_an_unknown_name_lists_the_names() -> None:
    message = r"there is no scheduler 'FIFO'; there are SIMPLE \(or RR\), RANDOM, MET, EFT, ETF, HEFT_RT, HEFT, PEFT, "
    with pytest.raises(SchedulerError, match=message):
        get_scheduler("FIFO")


FIRST_FIT = Scheduler("FIRST_FIT", get_scheduler("SIMPLE").assign, aliases=("FF",))
TAKEN = Scheduler("other", get_scheduler("SIMPLE").assign, aliases=("rr",))
NO_SCHEDULER = 3


def point(name: str) -> EntryPoint:
    return EntryPoint(name=name.lower(), value=f"{__name__}:{name}", group="cedr.schedulers")


def test_plug_ins_come_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(all_schedulers([point("FIRST_FIT")]))[-1] == "FIRST_FIT"
    monkeypatch.setattr("cedr.runtime.schedulers.entry_points", lambda group: [point("FIRST_FIT")])
    assert get_scheduler("ff") is FIRST_FIT
    with pytest.raises(SchedulerError, match=r"ORACLE, FIRST_FIT \(or FF\)"):
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


# ---- a user's own file ----

OWN = """\
import numpy as np

from cedr.runtime.schedulers import Scheduler


def assign(ready, now_ns, estimate_ns, view, state):
    view.pairs[0, 0] = 0
    view.pairs[0, 1] = 0
    return view.pairs[:1]


mine = Scheduler("FIRST_PE", assign)
plain = Scheduler("PLAIN", assign, compiled=False)
taken = Scheduler("NEW", assign, aliases=("rr",))
"""


def test_a_scheduler_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_policies.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    for text in ("own_policies.py:mine", f"{tmp_path}/own_policies.py:plain", "own_policies:mine"):
        found = get_scheduler(text)
        assert found.name == ("PLAIN" if "plain" in text else "FIRST_PE")
        run_one(found)  # compiled under two names of the module, one after the other


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("own.py", r"^own\.py: which of its schedulers\? Name it: own\.py:NAME$"),
        ("own.py:", r"^own\.py:: own\.py has no ''; schedulers there: mine, plain, taken\. A scheduler is made by "),
        ("own.py:absent", r"own\.py has no 'absent'; schedulers there: mine, plain, taken"),
        ("own.py:assign", r"own\.py's assign is no Scheduler, but function; schedulers there: mine, plain, taken"),
        ("own.py:taken", r"^own\.py:taken: the name 'rr' is taken by SIMPLE; give it another one$"),
        ("none.py:mine", r"^none\.py:mine: no such file: none\.py$"),
        ("nowhere.to_be:mine", r"importing nowhere\.to_be failed: ModuleNotFoundError: No module named 'nowhere'$"),
        ("fails.py:mine", r"importing fails\.py failed: ZeroDivisionError: division by zero \(.*fails\.py:2\)$"),
        ("broken.py:mine", r"importing broken\.py failed: SyntaxError: .* \(.*broken\.py:1\)$"),
        ("own", r"there is no scheduler 'own'; there are SIMPLE .* or give one of your own: FILE\.py:NAME$"),
    ],
)
def test_a_file_without_the_scheduler_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "fails.py").write_text("def half():\n    return 1 / 0\n\n\nhalf()\n")
    (tmp_path / "broken.py").write_text("def half(:\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CedrError, match=message):
        get_scheduler(text)
