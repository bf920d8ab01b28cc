"""The engine against a slow simulator that is plainly right, event for event; and what it refuses."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from cedr.runtime.engine import Engine, Status
from cedr.runtime.program import ProgramError, build_program
from cedr.runtime.record import Record, RecordWriter, read_record
from cedr.runtime.schedulers import Assign, Scheduler, SchedulerError, SchedulerView, get_scheduler
from cedr.target.errors import CedrError
from tests.runtime.applications import Application, Event, call_class, random_application
from tests.runtime.reference_schedulers import REFERENCE, Estimates
from tests.runtime.reference_simulator import Row, Simulator

Table = list[list[int | None]]


def random_table(random: Random, apis: list[str], pes: list[int], n_types: int, equal: bool) -> Table:
    """estimates[class][type]; each class but a join is offered by a type that has a PE. Few values, so many ties."""
    table: Table = []
    for api in apis:
        row: list[int | None] = [random.choice((None, random.randint(1, 5 if equal else 100))) for _ in range(n_types)]
        row[random.choice(pes)] = random.randint(1, 5 if equal else 100)
        table.append([None] * n_types if api == "join" else row)
    return table


def as_array(table: Table) -> np.ndarray:
    return np.array([[-1 if value is None else value for value in row] for row in table], np.int64)


def rows_of(engine: Engine) -> list[Row]:
    rows = engine.rows()
    ids = engine.program.task_ids
    applications = engine._arrays["application_of"]
    return [
        Row(int(i), int(ids[applications[i]][t]), int(p), int(r), int(s), int(e))
        for i, t, p, r, s, e in zip(
            *(rows[key] for key in ("instance", "task", "pe", "ready_ns", "start_ns", "end_ns")), strict=True
        )
    ]


def run_both(seed: int, name: str, tmp_path: Path) -> None:
    random = Random(seed)
    n_types = random.randint(1, 4)
    pes = [random.randrange(n_types) for _ in range(random.randint(1, 6))]
    applications = []
    tables: list[Table] = []
    bases = [0]
    for _ in range(random.choice((1, 1, 2))):
        apis = [random.choice(("gemm", "fft", "zip", "join")) for _ in range(random.randint(1, 6))]
        apis[random.randrange(len(apis))] = "kernel"
        applications.append(random_application(random, random.randint(0, 30), apis))
        tables.append(random_table(random, apis, pes, n_types, random.random() < 0.5))
        bases.append(bases[-1] + len(apis))
    estimates = [row for table in tables for row in table]
    costs: Estimates = [
        [None if value is None else max(1, value + random.choice((0, 0, -3, 5))) for value in row] for row in estimates
    ]
    times = sorted(random.choice((0, 5, random.randrange(300))) for _ in range(random.randint(1, 5)))
    arrivals = [(time, random.randrange(len(applications))) for time in times]

    expected = Simulator(pes, costs, REFERENCE[name](pes, estimates, seed), bases)
    rows = expected.run([(time, place, applications[place]) for time, place in arrivals])

    records = [app.record(tmp_path / f"{seed}-{place}.cedrrec") for place, app in enumerate(applications)]
    engine = Engine(
        build_program(records, [f"app{place}" for place in range(len(records))]),
        [place for _, place in arrivals],
        [time for time, _ in arrivals],
        pes,
        as_array(estimates),
        as_array(costs),
        get_scheduler(name),
        seed,
    )
    engine.run()
    assert rows_of(engine) == rows
    assert engine.finish_ns.tolist() == [instance.end_ns for instance in expected.instances]


@pytest.mark.parametrize("name", list(REFERENCE))
def test_agrees_with_the_plain_simulator_event_for_event(name: str, tmp_path: Path) -> None:
    first = list(REFERENCE).index(name) * 170
    for seed in range(first, first + 170):
        run_both(seed, name, tmp_path)


def chain(path: Path, n: int = 3) -> Record:
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class("gemm"))
        after = np.arange(n - 1)
        writer.submit_many(kind, np.arange(n), np.append(0, np.arange(n)), after)
        writer.wait()
        writer.end()
    return read_record(path)


def engine_of(record: Record, scheduler: Scheduler, instances: int = 1, period: int = 0, pes: int = 2) -> Engine:
    table = np.full((len(record.classes), 1), 10)
    program = build_program([record], ["app"])
    arrivals = np.arange(instances) * period
    return Engine(program, np.zeros(instances), arrivals, [0] * pes, table, table, scheduler)


def leave(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    return view.pairs[:0]


def twice(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    return np.zeros((2, 2), np.int64)


def beyond(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    return np.array([[0, 2]])


def last_first(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
    """One task a round, the last of the queue, on the PE with the shortest queue."""
    best = 0
    for pe in range(estimate_ns.shape[1]):
        if view.queue_length[pe] < view.queue_length[best]:
            best = pe
    view.pairs[0, 0] = len(ready) - 1
    view.pairs[0, 1] = best
    return view.pairs[:1]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("assign", "message"),
    [
        (leave, "left all of 1 ready tasks unassigned"),
        (twice, "assigned position 0 of the ready queue, which is taken already"),
        (beyond, r"to PE 2; there are PEs 0 to 1"),
    ],
)
def test_a_decision_that_cannot_be_carried_out_is_refused(
    assign: Assign, message: str, compiled: bool, tmp_path: Path
) -> None:
    scheduler = Scheduler("ODD", assign, compiled=compiled)
    with pytest.raises(SchedulerError, match=message):
        engine_of(chain(tmp_path / "a.cedrrec"), scheduler).run()


def test_a_pe_that_does_not_offer_the_call_is_refused(tmp_path: Path) -> None:
    record = chain(tmp_path / "a.cedrrec")
    table = np.array([[10, -1]])
    program = build_program([record], ["app"])

    def second(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
        return np.array([[0, 1]])

    engine = Engine(program, [0], [0], [0, 1], table, table, Scheduler("SECOND", second, compiled=False))
    with pytest.raises(SchedulerError, match="assigned gemm at position 0 to PE 1, which does not offer it"):
        engine.run()


def test_what_numba_cannot_compile_is_refused_with_a_way_out() -> None:
    def dynamic(ready, now_ns, estimate_ns, view, state):  # type: ignore[no-untyped-def]  # as a user writes it
        return {"pairs": [object()]}

    with pytest.raises(SchedulerError, match=r"dynamic can't be compiled(.|\n)*compiled=False"):
        engine_of_nothing(Scheduler("DYNAMIC", dynamic))


def engine_of_nothing(scheduler: Scheduler) -> Engine:
    return Engine(build_program([], []), [], [], [0], np.zeros((0, 1)), np.zeros((0, 1)), scheduler)


@pytest.mark.parametrize("name", list(REFERENCE))
def test_a_scheduler_in_plain_python_decides_as_the_same_one_compiled(name: str, tmp_path: Path) -> None:
    ours = get_scheduler(name)
    plain = Scheduler(ours.name, ours.assign, ours.initial_state, compiled=False)
    for seed in range(20):
        random = Random(seed)
        apis = ["gemm", "fft", "zip", "join"]
        record = random_application(random, 40, apis).record(tmp_path / f"{name}-{seed}.cedrrec")
        pes = [0, 0, 1, 2]
        table = as_array(random_table(random, apis, pes, 3, True))
        program = build_program([record], ["app"])
        results = []
        for scheduler in (ours, plain):
            engine = Engine(program, [0, 0, 0], [0, 10, 20], pes, table, table, scheduler, seed)
            engine.run()
            results.append(rows_of(engine))
        assert results[0] == results[1]


@pytest.mark.parametrize("compiled", [True, False])
def test_tasks_that_a_scheduler_leaves_stay_in_the_queue_in_order(compiled: bool, tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a.cedrrec") as writer:
        kind = writer.add_class(call_class("gemm"))
        writer.submit_many(kind, np.arange(4), np.zeros(5, int), [])
        writer.end()
    engine = engine_of(read_record(tmp_path / "a.cedrrec"), Scheduler("LAST", last_first, compiled=compiled), pes=1)
    engine.run()
    assert [(row.task, row.start_ns) for row in rows_of(engine)] == [(3, 0), (2, 10), (1, 20), (0, 30)]


def test_step_comes_back_for_each_decision_of_a_plain_scheduler(tmp_path: Path) -> None:
    scheduler = get_scheduler("EFT")
    engine = engine_of(
        chain(tmp_path / "a.cedrrec"), Scheduler("EFT", scheduler.assign, scheduler.initial_state, compiled=False)
    )
    decisions = 0
    status = engine.step()
    while status == Status.DECIDE:
        decisions += 1
        status = engine.step(np.array([[0, decisions % 2]]))
    assert (status, decisions) == (Status.DONE, 3)
    assert [row.pe for row in rows_of(engine)] == [1, 0, 1]


def test_memory_follows_the_instances_in_flight(tmp_path: Path) -> None:
    record = chain(tmp_path / "a.cedrrec")
    apart = engine_of(record, get_scheduler("EFT"), instances=1000, period=30)
    apart.run()
    assert len(apart._arrays["cells"]) <= 2 * 3 * 2
    together = engine_of(record, get_scheduler("EFT"), instances=1000)
    together.run()
    assert len(together._arrays["cells"]) >= 3000
    assert len(apart.rows()["task"]) == len(together.rows()["task"]) == 3000


def test_an_application_that_waits_for_itself_is_named(tmp_path: Path) -> None:
    application = Application(
        ["gemm"],
        {
            0: [Event("spawn", number=1), Event("submit", task=0, kind_of_task=0, listed=(1,)), Event("wait_all")],
            1: [Event("submit", task=1, kind_of_task=0, listed=(0,))],
        },
    )
    record = application.record(tmp_path / "a.cedrrec")
    with pytest.raises(CedrError, match=r"app: 1 of 1 instances never end.*2 tasks.*thread 0 waits for task 0"):
        engine_of(record, get_scheduler("EFT")).run()


def test_a_thread_that_is_not_there_is_refused(tmp_path: Path) -> None:
    record = Application(["gemm"], {0: [Event("spawn", number=7)]}).record(tmp_path / "a.cedrrec")
    with pytest.raises(ProgramError, match="thread 0 spawns thread 7, which the record does not hold; it holds 0"):
        engine_of(record, get_scheduler("EFT"))


def test_host_work_without_a_rate_is_refused(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a.cedrrec") as writer:
        writer.host_work(100, 8)
    with pytest.raises(ProgramError, match="host work in operations and bytes"):
        engine_of(read_record(tmp_path / "a.cedrrec"), get_scheduler("EFT"))


def test_a_run_beyond_the_end_of_virtual_time_is_refused(tmp_path: Path) -> None:
    record = chain(tmp_path / "a.cedrrec")
    table = np.array([[1 << 61]])
    with pytest.raises(CedrError, match="end of virtual time"):
        Engine(build_program([record], ["app"]), [0], [0], [0], table, table, get_scheduler("EFT"))


def test_no_instances_and_empty_applications_end_at_once(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a.cedrrec"):
        pass
    record = read_record(tmp_path / "a.cedrrec")
    engine = engine_of(record, get_scheduler("ETF"), instances=3, period=5)
    engine.run()
    assert engine.finish_ns.tolist() == [0, 5, 10]
    assert len(engine.rows()["task"]) == 0
    engine_of_nothing(get_scheduler("ETF")).run()


def test_the_view_is_corrected_by_completions(tmp_path: Path) -> None:
    seen = []

    def watch(ready, now_ns: int, estimate_ns, view: SchedulerView, state):  # type: ignore[no-untyped-def]  # as above
        free = np.maximum(now_ns, view.running_until_ns) + view.queued_ns
        seen.append(
            (now_ns, ready.tolist(), view.queue_length.tolist(), free.tolist(), view.ready_task[: len(ready)].tolist())
        )
        view.pairs[: len(ready)] = [[position, 0] for position in range(len(ready))]
        return view.pairs[: len(ready)]

    with RecordWriter(tmp_path / "a.cedrrec") as writer:
        kind = writer.add_class(call_class("gemm"))
        writer.submit_many(kind, np.arange(3), [0, 0, 0, 1], [0])
        writer.end()
    record = read_record(tmp_path / "a.cedrrec")
    program = build_program([record], ["app"])
    estimates, costs = np.array([[10]]), np.array([[7]])
    Engine(program, [0], [0], [0], estimates, costs, Scheduler("WATCH", watch, compiled=False)).run()
    assert seen == [(0, [0, 0], [0], [0], [0, 1]), (7, [0], [1], [17], [2])]
