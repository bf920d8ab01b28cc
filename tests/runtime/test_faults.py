"""Faults: PEs that stop, fail or hang, applications that crash or hang; what is done, and that nothing else is harmed."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cedr.runtime.emulator import EmulationError, Workload, application_figures, emulate_scenario, figures
from cedr.runtime.engine import Engine
from cedr.runtime.fault import HANGING, PE_FAULTS, Fault, FaultReport, Injected
from cedr.runtime.linux_cfs import ON_CORE, ON_DEVICE, ON_DEVICE_ASLEEP, LinuxSetup
from cedr.runtime.process import write_schedule
from cedr.runtime.program import build_program
from cedr.runtime.record import Record, RecordWriter, read_record
from cedr.runtime.report import pe_use
from cedr.runtime.result import EmulationResult
from cedr.runtime.schedulers import Scheduler, SchedulerError, all_schedulers, get_scheduler
from cedr.target.errors import CedrError
from cedr.target.platform import load_platform
from tests.runtime.applications import Application, Event, call_class, random_application
from tests.runtime.linux_machines import linux, on_core
from tests.runtime.runs import hand_made

SCHEDULERS = [name for name in all_schedulers(()) if name != "ORACLE"]
SYSTEMS = ("ideal", "linux-cfs")
MS = 1_000_000
_NUMBERS = itertools.count()
NOTHING = ("polling", "daemon-loop", "enqueue-cost", "signal-cost", "decision-cost", "contention", "time-slices")


def chains(path: Path, n: int, length: int = 1, api: str = "gemm") -> Record:
    """n chains of tasks, submitted at once; task t waits for t - n."""
    with RecordWriter(path) as writer:
        kind = writer.add_class(call_class(api))
        for task in range(n * length):
            after = [task - n] if task >= n else []
            writer.submit_many(kind, [task], [0, len(after)], after)
        writer.wait()
        writer.end()
    return read_record(path)


def machine(system: str, cost_ns: Sequence[Sequence[int]]) -> LinuxSetup | None:
    """Nothing, or two cores for the workers, one for application threads, where all but the work itself is nearly free."""
    if system == "ideal":
        return None
    cores = [1 + pe % 2 for pe in range(len(cost_ns[0]))]
    return linux(on_core(cost_ns), cores, application_cores=(3,), without=NOTHING)


def run(
    system: str,
    record: Record,
    faults: Sequence[Injected],
    arrivals: Sequence[int] = (0,),
    cost_ns: int = MS,
    pes: int = 2,
    scheduler: str | Scheduler = "EFT",
) -> Engine:
    """Instances of one application on PEs of one type, each task of which takes the same."""
    table = np.full((len(record.classes), 1), cost_ns)
    engine = Engine(
        build_program([record], ["app"]),
        np.zeros(len(arrivals)),
        arrivals,
        [0] * pes,
        table,
        table,
        get_scheduler(scheduler),
        linux=machine(system, np.repeat(table, pes, axis=1).tolist()),
        faults=faults,
        pe_names=[f"cpu{pe + 1}" for pe in range(pes)],
    )
    engine.run()
    return engine


def attempts(engine: Engine) -> list[tuple[int, int, int, int, int, bool]]:
    """(instance, task, PE, start and end in ms, whether it failed) of each row; under linux-cfs rounded."""
    rows, failed = engine.rows(), engine.failed_rows
    columns = zip(rows["instance"], rows["task"], rows["pe"], rows["start_ns"], rows["end_ns"], strict=True)
    return [
        (int(i), int(t), int(p), round(s / MS), round(e / MS), n in failed) for n, (i, t, p, s, e) in enumerate(columns)
    ]


def actions(engine: Engine) -> list[tuple[str, str]]:
    return [(report.kind, report.action) for report in engine.faults]


def dead(engine: Engine) -> set[int]:
    return {report.instance for report in engine.faults if report.action == "failed" and report.instance is not None}


# ------------------------------------------------------------------------------------------------------- each kind of a PE


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_pe_that_stops_gives_back_what_it_has(system: str, tmp_path: Path) -> None:
    """Four tasks on two PEs, two each; the first PE stops in the middle of its first."""
    engine = run(system, chains(tmp_path / "a.cedrrec", 4), [Injected("stop", MS // 2, pe=1)])
    assert actions(engine) == [("stop", "stopped"), ("stop", "retried")]
    stopped, retried = engine.faults
    assert stopped.text == "cpu2 stops; 1 queued task went back to the ready queue"
    assert retried.text.startswith("cpu2: stopped in the midst of gemm (task ") and retried.text.endswith(
        "it is tried again (1 of 3)"
    )
    assert stopped.at_ns == MS // 2 and stopped.pe == "cpu2" and stopped.fault == 0
    found = attempts(engine)
    assert [row[2:] for row in found if row[2] == 1] == [(1, 0, 0, True)]
    good = [row for row in found if not row[5]]
    assert sorted(row[1] for row in good) == [0, 1, 2, 3] and {row[2] for row in good} == {0}
    assert [row[4] for row in good] == [1, 2, 3, 4]
    assert engine.rows()["end_ns"][engine.failed_rows].tolist() == [MS // 2]
    assert round(engine.finish_ns[0] / MS) == 4


@pytest.mark.parametrize("system", SYSTEMS)
def test_tasks_go_back_running_first_then_in_the_order_of_the_queue(system: str, tmp_path: Path) -> None:
    """SIMPLE deals 0 2 4 6 to the first PE, 1 3 5 7 to the second, which stops at once."""
    engine = run(system, chains(tmp_path / "a.cedrrec", 8), [Injected("stop", MS // 2, pe=1)], scheduler="SIMPLE")
    assert [row[1] for row in attempts(engine) if not row[5]] == [0, 2, 4, 6, 1, 3, 5, 7]


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_error_ends_the_running_task_at_its_normal_end(system: str, tmp_path: Path) -> None:
    engine = run(system, chains(tmp_path / "a.cedrrec", 2), [Injected("error", MS // 2, pe=0)])
    assert actions(engine) == [("error", "retried")]
    (task,) = [row[1] for row in attempts(engine) if row[5]]
    assert [row for row in attempts(engine) if row[1] == task] == [(0, task, 0, 0, 1, True), (0, task, 1, 1, 2, False)]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("kind", ["error", *HANGING])
def test_a_fault_on_an_idle_pe_meets_the_next_task(kind: str, system: str, tmp_path: Path) -> None:
    """The second instance arrives long after."""
    fault = Injected(kind, 2 * MS, pe=0, timeout_ns=5 * MS)
    engine = run(system, chains(tmp_path / "a.cedrrec", 1), [fault], arrivals=(0, 10 * MS), pes=1)
    assert actions(engine) == [(kind, "retried")]
    until = 11 if kind == "error" else 15
    assert attempts(engine) == [(0, 0, 0, 0, 1, False), (1, 0, 0, 10, until, True), (1, 0, 0, until, until + 1, False)]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("kind", HANGING)
def test_what_hangs_occupies_its_pe_until_the_time_out(kind: str, system: str, tmp_path: Path) -> None:
    """Of four tasks, those behind the hanging one on its PE wait for the reset, and then run there."""
    fault = Injected(kind, MS // 4, pe=1, timeout_ns=5 * MS)
    engine = run(system, chains(tmp_path / "a.cedrrec", 4), [fault], scheduler="SIMPLE")
    assert actions(engine) == [(kind, "retried")]
    assert [row for row in attempts(engine) if row[2] == 1] == [(0, 1, 1, 0, 5, True), (0, 3, 1, 5, 6, False)]
    assert [row[2] for row in attempts(engine) if row[1] == 1 and not row[5]] == [0]
    assert engine.faults[0].at_ns == pytest.approx(MS // 4 + 5 * MS, abs=20_000)


@pytest.mark.parametrize("system", SYSTEMS)
def test_without_another_pe_it_is_tried_on_the_same_one(system: str, tmp_path: Path) -> None:
    engine = run(system, chains(tmp_path / "a.cedrrec", 1), [Injected("error", 0, pe=0)], pes=1)
    assert attempts(engine) == [(0, 0, 0, 0, 1, True), (0, 0, 0, 1, 2, False)] and engine.finish_ns[0] > 0


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("retries", [0, 2])
def test_after_its_retries_the_instance_is_given_up_and_others_are_not(
    system: str, retries: int, tmp_path: Path
) -> None:
    """The only PE fails again and again; the second instance arrives when it is sound again."""
    faults = [Injected("error", 0, pe=0, retries=retries)] * 3
    engine = run(system, chains(tmp_path / "a.cedrrec", 1, 2), faults, arrivals=(0, 10 * MS), pes=1)
    if retries:
        assert actions(engine) == [("error", "retried"), ("error", "retried"), ("error", "failed")]
        assert engine.faults[-1].text.endswith("failed 3 times, so that the instance is given up")
        assert [row[:2] for row in attempts(engine)] == [(0, 0), (0, 0), (0, 0), (1, 0), (1, 1)]
        assert engine.finish_ns[0] == -1 and round(engine.finish_ns[1] / MS) == 12
    else:
        assert actions(engine) == [("error", "failed"), ("error", "failed"), ("error", "none")]
        assert engine.faults[-1].text == "cpu1: no task ran there any more"
        assert engine.finish_ns.tolist() == [-1, -1]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_call_that_no_pe_is_left_for_ends_its_instance_with_its_name(system: str, tmp_path: Path) -> None:
    one = chains(tmp_path / "one.cedrrec", 2, 2, "fft")
    other = chains(tmp_path / "other.cedrrec", 2, 3, "gemm")
    table = np.array([[-1, MS], [2 * MS, -1]])  # the FFT on the accelerator only
    engine = Engine(
        build_program([one, other], ["radar", "net"]),
        [0, 1, 0],
        [0, 0, 8 * MS],
        [0, 0, 1],
        table,
        table,
        get_scheduler("ETF"),
        linux=machine(system, table[:, [0, 0, 1]].tolist()),
        faults=[Injected("stop", MS // 2, pe=2)],
        pe_names=["cpu1", "cpu2", "fft1"],
    )
    engine.run()
    assert dead(engine) == {0, 2} and engine.finish_ns[1] > 0
    assert [r.kind for r in engine.faults if r.action == "failed"] == ["not_offered"] * 2
    assert [r.text for r in engine.faults if r.instance == 2] == [
        "no PE is left that offers fft (task 0 of radar 1); the instance is given up"
    ]
    assert sum(row[0] == 1 and not row[5] for row in attempts(engine)) == 6


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_comes_after_a_stop_finds_nothing_to_disturb(system: str, tmp_path: Path) -> None:
    faults = [Injected("error", 5 * MS, pe=1), Injected("stop", 6 * MS, pe=1), Injected("hang", 7 * MS, pe=1)]
    engine = run(system, chains(tmp_path / "a.cedrrec", 2), faults, arrivals=(0, 20 * MS))
    assert actions(engine) == [("stop", "stopped"), ("error", "none"), ("hang", "none")]
    assert (engine.finish_ns > 0).all()


# -------------------------------------------------------------------------------------------------- applications that fail


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_crash_ends_an_instance_at_once_and_frees_its_place(system: str, tmp_path: Path) -> None:
    """Two instances of four tasks on two PEs; what the first has queued vanishes, what runs runs out."""
    faults = [Injected("crash", MS // 2, application=0, instance=0)]
    engine = run(system, chains(tmp_path / "a.cedrrec", 4), faults, arrivals=(0, 1000), scheduler="SIMPLE")
    assert actions(engine) == [("crash", "failed")] and engine.faults[0].text == "app 0 crashes"
    assert [row[:5] for row in attempts(engine) if row[0] == 0] == [(0, 0, 0, 0, 1), (0, 1, 1, 0, 1)]
    assert all(row[5] == (row[0] == 0) for row in attempts(engine))
    assert engine.finish_ns[0] == -1 and round(engine.finish_ns[1] / MS) == 3


@pytest.mark.parametrize("system", SYSTEMS)
def test_without_a_number_the_first_in_flight_crashes_or_the_next_to_come(system: str, tmp_path: Path) -> None:
    record, times = chains(tmp_path / "a.cedrrec", 1), (0, 10 * MS, 10 * MS + 1000)
    engine = run(system, record, [Injected("crash", MS // 2, application=0)], arrivals=times)
    assert np.flatnonzero(engine.finish_ns < 0).tolist() == [0]
    engine = run(system, record, [Injected("crash", 5 * MS, application=0)], arrivals=times)
    assert np.flatnonzero(engine.finish_ns < 0).tolist() == [1]
    engine = run(system, record, [Injected("crash", 50 * MS, application=0)], arrivals=times)
    assert (engine.finish_ns > 0).all() and actions(engine) == [("crash", "none")]
    assert engine.faults[0].text == "app: no instance was in flight, and none came"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_named_instance_crashes_when_it_arrives_or_had_ended(system: str, tmp_path: Path) -> None:
    record = chains(tmp_path / "a.cedrrec", 1)
    engine = run(system, record, [Injected("crash", 0, application=0, instance=1)], arrivals=(0, 10 * MS))
    assert engine.finish_ns[1] == -1 and engine.finish_ns[0] > 0
    assert [row[0] for row in attempts(engine)] == [0]
    assert engine.faults[0].at_ns == pytest.approx(10 * MS, abs=10_000)
    engine = run(system, record, [Injected("crash", 5 * MS, application=0, instance=0)], arrivals=(0, 10 * MS))
    assert (engine.finish_ns > 0).all() and engine.faults[0].text == "app 0 had ended before"


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_application_that_hangs_is_ended_by_its_time_out(system: str, tmp_path: Path) -> None:
    """Its tasks run, its thread does not go on behind the first wait."""
    application = Application(["gemm"], {0: [Event("block", task=task, kind_of_task=0) for task in range(4)]})
    record = application.record(tmp_path / "a.cedrrec")
    fault = Injected("hang", MS // 2, application=0, instance=0, timeout_ns=3 * MS)
    engine = run(system, record, [fault], arrivals=(0, 0))
    assert [row[1] for row in attempts(engine) if row[0] == 0] == [0]
    assert engine.failed_rows == [] and actions(engine) == [("hang", "failed")]
    assert engine.faults[0].text == "app 0 hung for 3000000 ns, and is given up" and engine.faults[0].at_ns == 3_500_000
    assert engine.finish_ns[0] == -1 and round(engine.finish_ns[1] / MS) == 4


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_instance_that_waits_for_ever_does_not_stop_the_others(system: str, tmp_path: Path) -> None:
    stuck = Application(
        ["gemm"],
        {
            0: [Event("spawn", number=1), Event("submit", task=0, kind_of_task=0, listed=(1,)), Event("wait_all")],
            1: [Event("submit", task=1, kind_of_task=0, listed=(0,))],
        },
    ).record(tmp_path / "stuck.cedrrec")
    sound = chains(tmp_path / "sound.cedrrec", 2)
    table = np.full((2, 1), MS)
    engine = Engine(
        build_program([stuck, sound], ["odd", "app"]), [0, 1, 0], [0, 0, 5], [0], table, table, get_scheduler("EFT"),
        linux=machine(system, table.tolist()),
    )  # fmt: skip
    engine.run()
    assert engine.finish_ns[[0, 2]].tolist() == [-1, -1] and engine.finish_ns[1] > 0
    assert actions(engine) == [("stuck", "failed")] * 2 and dead(engine) == {0, 2}
    assert "odd: Instance 0 stands still at" in engine.faults[0].text
    assert "thread 0 waits for task 0" in engine.faults[0].text
    with pytest.raises(CedrError, match="odd: 2 of 2 instances never end"):
        Engine(build_program([stuck], ["odd"]), [0, 0], [0, 0], [0], table, table, get_scheduler("EFT")).run()


# ------------------------------------------------------------------------------------------------- nothing lost, whatever


def random_run(random: Random, name: str, system: str, plain: bool, folder: Path) -> tuple[Engine, list[Injected]]:
    """Random graphs, PEs, arrivals and faults."""
    n_types = random.randint(1, 3)
    pes = [random.randrange(n_types) for _ in range(random.randint(1, 5))]
    scale = 1 if system == "ideal" else random.choice((1, 1_000, 1_000_000))
    applications = [
        random_application(random, random.randint(1, 25), ["gemm", "fft", "kernel", "join"])
        for _ in range(random.randint(1, 2))
    ]
    records = [application.record(folder / f"{next(_NUMBERS)}.cedrrec") for application in applications]
    table = np.array([[random.choice((-1, random.randint(1, 50) * scale)) for _ in range(n_types)] for _ in range(8)])
    for row in table:
        row[random.choice(pes)] = random.randint(1, 50) * scale
    table = table[: 4 * len(applications)]
    arrivals = sorted(random.randrange(200) * scale for _ in range(random.randint(1, 6)))
    application_of = [random.randrange(len(applications)) for _ in arrivals]
    faults = []
    for _ in range(random.randint(0, 5)):
        at_ns, timeout_ns = random.randrange(600) * scale, random.randint(1, 200) * scale
        if random.random() < 0.7:
            retries = random.choice((0, 1, 3))
            kind = random.choice(PE_FAULTS)
            faults.append(Injected(kind, at_ns, random.randrange(len(pes)), timeout_ns=timeout_ns, retries=retries))
        else:
            application = random.randrange(len(applications))
            own = [number for number, other in enumerate(application_of) if other == application]
            kind, instance = random.choice(("crash", "hang")), random.choice((None, *own))
            faults.append(Injected(kind, at_ns, -1, application, instance, timeout_ns))
    chosen = get_scheduler(name)
    watts = np.ones(n_types)
    engine = Engine(
        build_program(records, [f"app{place}" for place in range(len(records))]),
        application_of,
        arrivals,
        pes,
        table,
        table,
        Scheduler(chosen.name, chosen.assign, chosen.initial_state, compiled=False) if plain else chosen,
        linux=None if system == "ideal" else random_machine(random, table[:, pes].tolist()),
        queueing=scale == 1_000_000 or random.random() < 0.5,  # with long tasks a daemon asks too often for a test
        faults=faults,
        active_w=watts,
        idle_w=watts,
    )
    engine.run()
    return engine, faults


def random_machine(random: Random, costs: list[list[int]]) -> LinuxSetup:
    phases: list[list[list[tuple[int, int, int]]]] = []
    for of_class in costs:
        phases.append([])
        for ns in of_class:
            device = random.choice((ON_DEVICE, ON_DEVICE_ASLEEP))
            moved = [(ON_CORE, -1, ns // 3), (device, random.choice((-1, 0)), ns // 3), (ON_CORE, -1, ns // 3 + 1)]
            phases[-1].append([] if ns < 0 else random.choice(([(ON_CORE, -1, ns)], moved)))
    cores = [random.choice((1, 2)) for _ in costs[0]]
    return linux(phases, cores, n_ports=1, without=random.choice(((), ("polling",), ("load-balancing",))))


def check_nothing_lost(engine: Engine, faults: list[Injected]) -> None:
    rows, program = engine.rows(), engine.program
    failed = np.isin(np.arange(len(rows["task"])), engine.failed_rows)
    assert (rows["ready_ns"] <= rows["start_ns"]).all() and (rows["start_ns"] <= rows["end_ns"]).all()
    for pe in np.unique(rows["pe"]):
        own = rows["pe"] == pe
        assert (rows["start_ns"][own][1:] >= rows["end_ns"][own][:-1]).all()
        stops = [fault.at_ns for fault in faults if fault.kind == "stop" and fault.pe == pe]
        assert (rows["start_ns"][own] <= min(stops, default=1 << 62)).all()
    assert {report.fault for report in engine.faults} - {None} == set(range(len(faults)))
    assert np.flatnonzero(engine.finish_ns < 0).tolist() == sorted(dead(engine))
    if not faults:
        assert not engine.faults and not failed.any()
    for instance, application in enumerate(engine._arrays["application_of"].tolist()):
        own = np.flatnonzero((rows["instance"] == instance) & ~failed)
        tasks = rows["task"][own].tolist()
        assert len(set(tasks)) == len(tasks)
        first, last = program.task_base[application : application + 2]
        ends = dict(zip(tasks, rows["end_ns"][own].tolist(), strict=True))
        if engine.finish_ns[instance] >= 0:  # every task once, and none has an end behind the instance's
            assert sorted(tasks) == np.flatnonzero(program.class_of[first:last] >= 0).tolist()
            assert engine.finish_ns[instance] >= max(ends.values(), default=0)
        for task, start in zip(tasks, rows["start_ns"][own].tolist(), strict=True):
            assert start >= ready_from(engine, int(first), task, ends)


def ready_from(engine: Engine, first: int, task: int, ends: dict[int, int]) -> int:
    """When all that a task waits for had ended, joins followed through."""
    program, latest = engine.program, 0
    for other in program.after_indices[program.after_indptr[first + task] : program.after_indptr[first + task + 1]]:
        is_join = program.class_of[first + other] < 0
        latest = max(latest, ready_from(engine, first, int(other), ends) if is_join else ends[int(other)])
    return latest


@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 32), name=st.sampled_from(SCHEDULERS), plain=st.booleans())
def test_nothing_is_lost(seed: int, name: str, plain: bool, system: str, tmp_path: Path) -> None:
    """Every task of every instance that was not given up runs once and well, behind all it waits for; PEs do one thing at
    a time and nothing after a stop; each fault is reported, and each instance without an end."""
    check_nothing_lost(*random_run(Random(seed), name, system, plain, tmp_path))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_same_faults_give_the_same_run(name: str, system: str, tmp_path: Path) -> None:
    for seed in range(12):
        (one, faults), (other, _) = (random_run(Random(seed), name, system, plain, tmp_path) for plain in (False, True))
        check_nothing_lost(one, faults)
        for column, values in one.rows().items():
            assert values.tobytes() == other.rows()[column].tobytes()
        assert one.faults == other.faults and one.failed_rows == other.failed_rows


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_retried_task_avoids_the_pe_where_it_failed(name: str, system: str, tmp_path: Path) -> None:
    """Of PEs of one type, and of two types; with many other tasks in the queue."""
    record = chains(tmp_path / "a.cedrrec", 12, 3)
    for types in ([0, 0, 0], [0, 0, 1]):
        table = np.array([[MS, 2 * MS][: max(types) + 1]])
        watts = np.ones(max(types) + 1)
        engine = Engine(
            build_program([record], ["app"]), [0, 0], [0, 0], types, table, table, get_scheduler(name),
            linux=machine(system, table[:, types].tolist()), active_w=watts, idle_w=watts,
            faults=[Injected("error", at * MS, pe=0) for at in (0, 3, 6)],
        )  # fmt: skip
        engine.run()
        check_nothing_lost(engine, [Injected("error", 0, pe=0)] * 3)
        again = {row[:2] for row in attempts(engine) if row[5]}
        assert len(again) == 3 and all(row[2] != 0 for row in attempts(engine) if row[:2] in again and not row[5])


def test_the_oracle_takes_no_faults(tmp_path: Path) -> None:
    record = chains(tmp_path / "a.cedrrec", 2)
    with pytest.raises(SchedulerError, match="ORACLE: the best schedule is looked for beforehand, and faults"):
        run("ideal", record, [Injected("stop", 0, pe=0)], scheduler="ORACLE")


def test_a_time_out_beyond_the_end_of_virtual_time_is_refused(tmp_path: Path) -> None:
    record = chains(tmp_path / "a.cedrrec", 1)
    with pytest.raises(CedrError, match="end of virtual time"):
        run("ideal", record, [Injected("hang", 0, pe=0, timeout_ns=1 << 62)])


# ------------------------------------------------------------------------------------------------- with a platform's PEs


def emulated(folder: Path, faults: Sequence[Fault], os_model: str, **options: Any) -> EmulationResult:
    """Four FFTs in a chain, and ten independent kernels, on two cores and an FFT."""
    workloads = [
        Workload(chains(folder / "radar.cedrrec", 1, 4, "fft"), "radar", np.array([0, 0, 50_000])),
        Workload(chains(folder / "net.cedrrec", 10, 1, "kernel"), "net", np.array([0, 10_000])),
    ]
    return emulate_scenario(workloads, "zcu102", "C2+F1", os_model=os_model, faults=faults, **options)


@pytest.mark.parametrize("os_model", SYSTEMS)
@pytest.mark.parametrize("queueing", [True, False])
def test_figures_count_tasks_once_and_failed_attempts_as_use(os_model: str, queueing: bool, tmp_path: Path) -> None:
    faults = [
        Fault("error", 1, pe="cpu2"),
        Fault("dma_timeout", 1, pe="fft1", timeout_ns=30_000),
        Fault("crash", 60_000, application="radar", instance=2),
    ]
    estimates = {("fft", "fft"): 1, ("fft", "cpu"): 10**9}
    result = emulated(tmp_path, faults, os_model, queueing=queueing, estimates_ns=estimates)
    assert result.ends_ns[(result.instance_app == 0)].tolist().count(-1) == 1
    found = figures(result)
    finished = 2 * 4 + 2 * 10
    assert found["tasks"] == int(result.succeeded.sum()) >= finished and len(result) > found["tasks"]
    assert found["tasks_by_api"]["kernel"] == 20 and found["macs_by_api"].keys() == {"fft", "kernel"}
    assert [(e["finished"], e["failed"]) for e in application_figures(result)] == [(2, 1), (2, 0)]
    use = {use.name: use for use in pe_use(result)}
    assert sum(u.tasks for u in use.values()) == found["tasks"]
    assert sum(u.busy_ns for u in use.values()) == int((result.end_ns - result.start_ns).sum())
    reports = [(report.kind, report.pe or report.application, report.action) for report in result.faults]
    assert sorted(reports) == [
        ("crash", "radar", "failed"),
        ("dma_timeout", "fft1", "retried"),
        ("error", "cpu2", "retried"),
    ]


@pytest.mark.parametrize("os_model", SYSTEMS)
def test_faults_that_meet_nothing_change_nothing(os_model: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    sound = emulated(tmp_path / "a", (), os_model)
    late = 10 * int(sound.ends_ns.max())
    faults = [Fault("stop", late, pe="cpu1"), Fault("hang", late, application="radar", timeout_ns=5)]
    other = emulated(tmp_path, faults, os_model)
    for column in ("app", "instance", "task", "pe", "ready_ns", "start_ns", "end_ns", "ends_ns"):
        assert getattr(sound, column).tobytes() == getattr(other, column).tobytes()
    assert sound.faults == () and [report.action for report in other.faults] == ["stopped", "none"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("stop", 0, pe="cpu3"), "fault 0: no PE 'cpu3' in C2+F1; there are cpu1, cpu2, fft1"),
        (
            Fault("dma_timeout", 0, pe="cpu1"),
            "no call of this run uses a DMA on cpu1 that could time out; those of fft1",
        ),
        (Fault("crash", 0, application="ship"), "no application 'ship'; there are radar, net"),
        (Fault("crash", 0, application="net", instance=2), "no instance 2 of net, which has 2, from 0"),
        (Fault("crash", 0, pe="cpu1"), "a PE has no fault 'crash'"),
        (
            replace(Fault("stop", 0, application="net"), where="s.toml:9: fault[0]"),
            "s.toml:9: fault[0]: an application has",
        ),
    ],
)
def test_a_fault_that_cannot_happen_is_refused(fault: Fault, message: str, tmp_path: Path) -> None:
    with pytest.raises(EmulationError, match=re.escape(message)):
        emulated(tmp_path, [fault], "ideal")


def test_a_report_is_plain_data(tmp_path: Path) -> None:
    result = emulated(tmp_path, [Fault("stop", 1, pe="fft1")], "ideal")
    assert all(isinstance(report, FaultReport) for report in result.faults)
    assert json.loads(json.dumps([vars(report) for report in result.faults]))[0]["kind"] == "stop"


def test_a_schedule_for_the_execute_mode_has_each_task_once(tmp_path: Path) -> None:
    """The first instance's task 0 failed on fft1 before it was done on cpu1."""
    run = hand_made()
    task, pe = run.task.copy(), run.pe.copy()
    task[2], pe[2] = 0, 0
    result = replace(run, task=task, pe=pe, failed=np.array([True, False, False, False, False]))
    write_schedule(tmp_path / "order.bin", result, load_platform("zcu102"))
    assert np.fromfile(tmp_path / "order.bin", np.uint32)[:2].tolist() == [1, 0]
