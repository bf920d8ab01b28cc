"""The oracle against all schedules there are, against every scheduler, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest

from cedr.runtime.engine import Engine
from cedr.runtime.program import Program, build_program
from cedr.runtime.record import STEP_BLOCK, STEP_END, STEP_HOST, STEP_SUBMIT, STEP_WAIT_ALL
from cedr.runtime.schedulers import SchedulerError, all_schedulers, get_scheduler
from cedr.runtime.schedulers.oracle import MOST_TASKS, OptimalSchedule, optimal_schedule
from tests.runtime.graphs import JOIN, Graph, random_estimates, random_graph

Steps = list[tuple[int, int, int]]


@dataclass
class Case:
    """Instances of one application: when each arrives, and when its tasks are submitted after that."""

    graph: Graph
    pes: list[int]
    costs: list[list[int]]
    arrivals: list[int]
    submitted: list[int]
    steps: Steps | None = None

    @property
    def program(self) -> Program:
        return build_program([self.graph.record(len(self.costs), self.steps)], ["app"])

    @property
    def table(self) -> list[list[int]]:
        return [*self.costs, [-1] * len(self.costs[0])]  # the joins' class

    def best(self, **options: float) -> OptimalSchedule:
        return optimal_schedule(self.program, [0] * len(self.arrivals), self.arrivals, self.pes, self.table, **options)

    def run(self, name: str, queueing: bool = True) -> Engine:
        engine = Engine(
            self.program,
            [0] * len(self.arrivals),
            self.arrivals,
            self.pes,
            self.table,
            self.table,
            get_scheduler(name),
            queueing=queueing,
            active_w=np.ones(len(self.costs[0])),
            idle_w=np.zeros(len(self.costs[0])),
        )
        engine.run()
        return engine


def random_case(random: Random, most_tasks: int, most_cost: int = 9) -> Case:
    n_types = random.randint(1, 3)
    pes = [random.randrange(n_types) for _ in range(random.randint(1, 3))]
    n_classes = random.randint(1, 4)
    costs = random_estimates(random, pes, n_types, n_classes, most_cost)
    n_instances = random.choice((1, 1, 2))
    graph = random_graph(random, random.randint(1, most_tasks // n_instances), n_classes)
    arrivals = sorted(random.randrange(2 * most_cost) for _ in range(n_instances))
    n = len(graph.kinds)
    first, pause = random.randint(0, n), random.choice((0, random.randrange(1, most_cost)))
    steps = [(STEP_SUBMIT, 0, first), (STEP_HOST, pause, 0), (STEP_SUBMIT, first, n - first)]
    steps += [(STEP_WAIT_ALL, 0, 0), (STEP_HOST, 5, 0), (STEP_END, 0, 0)]
    return Case(graph, pes, costs, arrivals, [0] * first + [pause] * (n - first), steps)


def shortest(case: Case) -> int:
    """The last end of the best schedule: every order of the tasks on every PE, each as early as its order allows."""
    tasks = [(i, t) for i in range(len(case.arrivals)) for t in range(len(case.graph.kinds))]
    ends: dict[tuple[int, int], int] = {}
    best = [1 << 40]

    def place(free: list[int], last: int) -> None:
        if last >= best[0]:
            return
        if len(ends) == len(tasks):
            best[0] = last
            return
        for i, t in tasks:
            after = [(i, other) for other in case.graph.after[t]]
            if (i, t) in ends or any(other not in ends for other in after):
                continue
            ready = max([case.arrivals[i] + case.submitted[t], *(ends[other] for other in after)])
            if case.graph.kinds[t] == JOIN:
                ends[i, t] = ready
                place(free, last)
                del ends[i, t]
                return  # it takes nothing: when it is taken changes nothing
            for pe, kind_of_pe in enumerate(case.pes):
                cost = case.costs[case.graph.kinds[t]][kind_of_pe]
                if cost >= 0:
                    ends[i, t] = max(ready, free[pe]) + cost
                    place([*free[:pe], ends[i, t], *free[pe + 1 :]], max(last, ends[i, t]))
                    del ends[i, t]

    place([0] * len(case.pes), 0)
    return best[0]


def check_schedule(case: Case, found: OptimalSchedule) -> None:
    """Every task once, on a PE that offers it, for its cost, behind what it waits for, one at a time on a PE."""
    real = {t for t, kind in enumerate(case.graph.kinds) if kind != JOIN}
    rows = list(
        zip(*(a.tolist() for a in (found.instance, found.task, found.pe, found.start_ns, found.end_ns)), strict=True)
    )
    assert sorted((i, t) for i, t, *_ in rows) == [(i, t) for i in range(len(case.arrivals)) for t in sorted(real)]
    ends: dict[tuple[int, int], int] = {(i, t): end for i, t, _, _, end in rows}

    def end_of(i: int, t: int) -> int:
        if t in real:
            return ends[i, t]
        released = case.arrivals[i] + case.submitted[t]
        return max([released, *(end_of(i, other) for other in case.graph.after[t])])

    free = dict.fromkeys(range(len(case.pes)), 0)
    for i, t, pe, start, end in rows:
        assert end - start == case.costs[case.graph.kinds[t]][case.pes[pe]] > 0
        assert start >= max(free[pe], case.arrivals[i] + case.submitted[t])
        assert all(start >= end_of(i, other) for other in case.graph.after[t])
        free[pe] = end
    assert found.makespan_ns == max(ends.values()) - min(case.arrivals)


def test_no_schedule_of_all_there_are_is_shorter() -> None:
    random = Random("all schedules")
    for _ in range(60):
        case = random_case(random, 6)
        found = case.best()
        check_schedule(case, found)
        assert found.makespan_ns == shortest(case) - min(case.arrivals)


def test_played_back_it_ends_as_found_and_no_scheduler_is_shorter() -> None:
    random = Random("no scheduler")
    ties = dict.fromkeys(all_schedulers(()), 0)
    for _ in range(12):
        case = random_case(random, 12, 1000)
        found = case.best()
        check_schedule(case, found)
        for name in ties:
            rows = case.run(name).rows()
            makespan = int(rows["end_ns"].max()) - min(case.arrivals)
            assert makespan >= found.makespan_ns, name
            ties[name] += makespan == found.makespan_ns
        played = case.run("ORACLE").rows()
        keys = ("instance", "task", "pe")
        starts = dict(
            zip(zip(*(getattr(found, key).tolist() for key in keys), strict=True), found.start_ns, strict=True)
        )
        for row in zip(*(played[key].tolist() for key in (*keys, "start_ns")), strict=True):
            assert row[3] <= starts[row[:3]]
    assert ties.pop("ORACLE") == 12
    assert 0 < sum(ties.values()) < 12 * len(ties)  # the cases are neither hopeless nor trivial


def test_it_plays_back_where_pes_have_no_queues() -> None:
    random = Random("no queues")
    for _ in range(12):
        case = random_case(random, 12, 1000)
        assert int(case.run("ORACLE", queueing=False).rows()["end_ns"].max()) == case.best().end_ns.max()


def test_beats_a_greedy_choice() -> None:
    """EFT puts the short task first on the fast PE, which the long one then waits for: 3 + 20 there, 30 elsewhere."""
    case = Case(Graph([0, 1], [[], []]), [0, 1], [[5, 3], [30, 20]], [0], [0, 0])
    assert case.best().makespan_ns == 20
    assert int(case.run("EFT").rows()["end_ns"].max()) == 23
    assert case.best().pe.tolist() == [0, 1]


def test_the_same_schedule_every_time() -> None:
    case = random_case(Random(4), 12, 100)
    first, second = case.best(), case.best()
    assert all(np.array_equal(getattr(first, key), getattr(second, key)) for key in ("task", "pe", "start_ns"))


def test_many_tasks_are_refused() -> None:
    n = MOST_TASKS + 1
    case = Case(Graph([0] * n, [[]] * n), [0], [[1]], [0], [0] * n)
    with pytest.raises(SchedulerError, match=f"ORACLE: {n} tasks in all instances.*at most {MOST_TASKS}; run fewer"):
        case.run("ORACLE")
    assert Case(Graph([0] * 9, [[]] * 9), [0], [[1]], [0] * 10, [0] * 9).best().makespan_ns == 90


def test_an_application_whose_graph_is_not_known_is_refused() -> None:
    """It blocks on one task and then submits another; blocking on the last is fine."""
    blocking: Steps = [(STEP_BLOCK, 0, 1), (STEP_HOST, 3, 0), (STEP_SUBMIT, 1, 1), (STEP_END, 0, 0)]
    with pytest.raises(
        SchedulerError, match="ORACLE: app: thread 0 waits for tasks and then goes on to submit.*not known"
    ):
        Case(Graph([0, 0], [[], []]), [0], [[1]], [0], [0, 0], blocking).run("ORACLE")
    last: Steps = [(STEP_SUBMIT, 0, 1), (STEP_BLOCK, 1, 1), (STEP_END, 0, 0)]
    assert Case(Graph([0, 0], [[], []]), [0], [[1]], [0], [0, 0], last).best().makespan_ns == 2


def test_what_is_not_proven_in_time_is_refused() -> None:
    random = Random(1)
    case = Case(
        random_graph(random, 60, 40, False), [0, 0, 0], [[random.randint(50, 999)] for _ in range(40)], [0], [0] * 60
    )
    with pytest.raises(SchedulerError, match="no schedule of 60 tasks was proven the shortest within 0.001 units"):
        case.best(time_limit=0.001)


def test_tasks_that_can_never_run_are_refused() -> None:
    circle = Case(Graph([0, 0], [[1], [0]]), [0], [[1]], [0], [0, 0])
    with pytest.raises(SchedulerError, match="tasks wait for one another in a circle"):
        circle.best()
    steps: Steps = [(STEP_SUBMIT, 0, 1), (STEP_END, 0, 0)]
    lost = Case(Graph([0, 0], [[1], []]), [0], [[1]], [0], [0, 0], steps)
    with pytest.raises(SchedulerError, match="app: task 0 waits for task 1, which is never submitted"):
        lost.best()


def test_without_or_tools_it_says_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools", None)
    monkeypatch.setitem(sys.modules, "ortools.sat.python.cp_model", None)
    case = Case(Graph([0], [[]]), [0], [[1]], [0], [0])
    with pytest.raises(SchedulerError, match=r"needs OR-tools.*pip install cedr-compiler\[oracle\]"):
        case.run("ORACLE")
    assert int(case.run("EFT").rows()["end_ns"].max()) == 1


def test_the_benchmark_of_gaps_has_its_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "scheduler_gap.py"
    spec = importlib.util.spec_from_file_location("scheduler_gap", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "scheduler_gap", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr("sys.argv", ["scheduler_gap.py", "--graphs", "2", "--tasks", "6", "--json"])
    module.main()
    found = json.loads(capsys.readouterr().out)
    assert (found["graphs"], found["tasks"], found["unproven"]) == (2, 6, 0)
    names = set(all_schedulers(())) - {"ORACLE"}
    for kind in ("exact", "misjudged"):
        assert set(found[kind]) == {"all", *module.COMPOSITIONS}
        for gaps in found[kind].values():
            assert set(gaps) == names
            assert all(0 <= gap["median"] <= gap["worst"] for gap in gaps.values())
