"""Applications over time: given arrivals, estimates, PEs without queues, warm-up, deadlines, figures by application."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from cedr.runtime.emulator import (
    EmulationError,
    Workload,
    application_figures,
    emulate,
    emulate_scenario,
    figures,
)
from cedr.runtime.record import Record, RecordWriter, read_record
from cedr.runtime.report import application_table, call_table, energy_j, pe_use, summary, write_out
from cedr.runtime.result import EmulationResult
from cedr.runtime.schedulers import Scheduler, SchedulerView
from cedr.runtime.schedulers.interface import Int64Array
from cedr.target.errors import CedrError
from cedr.target.platform import class_costs, load_platform, parse_composition
from tests.runtime.applications import call_class, random_application
from tests.runtime.checker import check_trace
from tests.runtime.runs import hand_made, random_run

CEDR_S = ("SIMPLE", "RANDOM", "MET", "EFT", "ETF", "HEFT_RT")
PLATFORM = load_platform("zcu102")


def calls(path: Path, *apis: str) -> Record:
    """Independent calls, submitted at once."""
    with RecordWriter(path) as writer:
        for index, api in enumerate(apis):
            number = writer.add_class(call_class(api, f"grid:{index}"))
            writer.submit_many(number, [index], [0, 0], [])
        writer.wait()
        writer.end()
    return read_record(path)


def costs(api: str, pe_type: str) -> int:
    """What a call of the tests takes on the ZCU102, in ns."""
    names = [t.name for t in PLATFORM.pe_types]
    return int(class_costs(PLATFORM, [call_class(api)]).cost_ns[0, names.index(pe_type)])


def at(*times_ns: int) -> Int64Array:
    return np.array(times_ns, np.int64)


def test_instances_arrive_when_they_are_said_to(tmp_path: Path) -> None:
    one, other = calls(tmp_path / "one.cedrrec", "zip"), calls(tmp_path / "other.cedrrec", "kernel")
    workloads = [Workload(one, "a", at(0, 5_000_000, 5_000_000)), Workload(other, "b", at(5_000_000, 9_000_000))]
    result = emulate_scenario(workloads, "zcu102", "C3")
    assert result.arrivals_ns.tolist() == [0, 5_000_000, 5_000_000, 5_000_000, 9_000_000]
    assert result.instance_app.tolist() == [0, 0, 0, 1, 1]
    assert result.ready_ns.tolist() == result.arrivals_ns[result.instance].tolist()
    assert result.app_names == ("a", "b")


def test_emulate_is_the_same_with_a_period(tmp_path: Path) -> None:
    records = [
        random_application(Random(name), 60, ["gemm", "fft", "zip", "kernel", "join"]).record(
            tmp_path / f"{name}.cedrrec"
        )
        for name in ("one", "two")
    ]
    short = emulate(records, "zcu102", "C3+F1+Z1", "ETF", [3, 2], [50_000, 70_000], 5)
    long = emulate_scenario(
        [Workload(records[0], "one", at(0, 50_000, 100_000)), Workload(records[1], "two", at(0, 70_000))],
        "zcu102",
        "C3+F1+Z1",
        "ETF",
        5,
    )
    for column in ("app", "instance", "task", "pe", "start_ns", "end_ns", "ends_ns"):
        assert getattr(short, column).tobytes() == getattr(long, column).tobytes()


@pytest.mark.parametrize(("arrivals", "message"), [(at(-1), "at 0 ns or later"), (at(2, 1), "in ascending order")])
def test_arrivals_that_can_t_be(tmp_path: Path, arrivals: Int64Array, message: str) -> None:
    with pytest.raises(EmulationError, match=message):
        emulate_scenario([Workload(calls(tmp_path / "a.cedrrec", "zip"), "a", arrivals)], "zcu102", "C3")


def test_ideal_has_nothing_to_leave_out(tmp_path: Path) -> None:
    workloads = [Workload(calls(tmp_path / "a.cedrrec", "zip"), "a", at(0))]
    with pytest.raises(EmulationError, match="without polling: the OS model ideal has no effects to leave out"):
        emulate_scenario(workloads, "zcu102", "C3", without=["polling"])


def test_estimates_change_what_schedulers_believe_and_not_what_calls_take(tmp_path: Path) -> None:
    workloads = [Workload(calls(tmp_path / "a.cedrrec", *["zip"] * 6), "a", at(0))]
    for estimates, pe in (({("zip", "zip"): 0}, "zip1"), ({("zip", "zip"): 10**9}, "cpu1")):
        result = emulate_scenario(workloads, PLATFORM, "C1+Z1", estimates_ns=estimates)
        assert {result.pes[index] for index in result.pe} == {pe}
        assert (result.end_ns - result.start_ns == costs("zip", pe[:-1])).all()
    # A constant for what a PE does not offer offers nothing.
    result = emulate_scenario(workloads, PLATFORM, "C1+F1", estimates_ns={("zip", "fft"): 1})
    assert {result.pes[index] for index in result.pe} == {"cpu1"}


# ---- without queues ----


def test_without_queues_tasks_wait_for_an_idle_pe(tmp_path: Path) -> None:
    """Six calls that all seem free on the accelerator: with queues all wait there, without them the core helps."""
    workloads = [Workload(calls(tmp_path / "a.cedrrec", *["zip"] * 6), "a", at(0))]
    estimates = {("zip", "zip"): 0}
    queued = emulate_scenario(workloads, PLATFORM, "C1+Z1", estimates_ns=estimates)
    held = emulate_scenario(workloads, PLATFORM, "C1+Z1", estimates_ns=estimates, queueing=False)
    assert [queued.pes[pe] for pe in queued.pe] == ["zip1"] * 6
    started = {
        int(task): held.pes[pe] for task, pe, start in zip(held.task, held.pe, held.start_ns, strict=True) if not start
    }
    assert started == {0: "zip1", 1: "cpu1"}
    assert sorted(held.end_ns[:2].tolist()) == sorted([costs("zip", "zip"), costs("zip", "cpu")])


def never_idle_beside_work(result: EmulationResult, offered_ns: Int64Array) -> None:
    """No task is ready while a PE that offers it (int64[classes, PEs], else -1) has nothing to do."""
    for row in range(len(result)):
        ready, start = int(result.ready_ns[row]), int(result.start_ns[row])
        for pe in np.flatnonzero(offered_ns[result.task_class[row]] >= 0):
            own = result.pe == pe
            clipped = np.minimum(result.end_ns[own], start) - np.maximum(result.start_ns[own], ready)
            assert int(np.maximum(clipped, 0).sum()) == start - ready, (row, pe)


@pytest.mark.parametrize("scheduler", [*CEDR_S, "HEFT", "MIN_MIN", "ENERGY_EFT"])
def test_without_queues_schedules_are_valid_and_repeat(scheduler: str, tmp_path: Path) -> None:
    apis = ["gemm", "fft", "zip", "kernel", "join"]
    record = random_application(Random(scheduler), 60, apis).record(tmp_path / "a.cedrrec")
    workloads = [Workload(record, "a", at(0, 20_000, 20_000))]
    results = [
        emulate_scenario(workloads, PLATFORM, "C3+F1+Z1", scheduler, 5, queueing=queueing)
        for queueing in (False, False, True)
    ]
    offered_ns = class_costs(PLATFORM, results[0].classes).cost_ns[:, parse_composition(PLATFORM, "C3+F1+Z1").pe_types]
    assert check_trace(results[0], [record], offered_ns) == []
    assert results[0].start_ns.tobytes() == results[1].start_ns.tobytes()
    assert results[0].task.tobytes() != results[2].task.tobytes() or results[0].pe.tobytes() != results[2].pe.tobytes()
    if scheduler != "MET":  # which leaves the slower types idle
        never_idle_beside_work(results[0], offered_ns)


def test_without_queues_a_plain_scheduler_may_hold_and_is_checked(tmp_path: Path) -> None:
    seen: list[int] = []

    def patient(
        ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
    ) -> Int64Array:
        seen.append(int(view.ready_task[0]))
        return np.array([[0, 0]]) if now_ns or len(seen) < 3 else np.zeros((0, 2), np.int64)

    record = calls(tmp_path / "a.cedrrec", "zip", "zip", "zip")
    workloads = [Workload(record, "a", at(0))]
    result = emulate_scenario(workloads, PLATFORM, "C2", Scheduler("PATIENT", patient, compiled=False), queueing=False)
    assert result.pe.tolist() == [0, 0, 0] and result.task.tolist() == [0, 1, 2]

    def faulty(
        ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
    ) -> Int64Array:
        return np.array([[9, 0]])

    def wrong(
        ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
    ) -> Int64Array:
        return np.array([[0, 7]])

    for assign, message in (
        (faulty, "assigned position 9 of the ready queue, which is taken already or not below 3"),
        (wrong, "assigned position 0 to PE 7; there are PEs 0 to 1"),
    ):
        with pytest.raises(CedrError, match=message):
            emulate_scenario(workloads, PLATFORM, "C2", Scheduler("WRONG", assign, compiled=False), queueing=False)


# ---- figures ----


def three_runs(path: Path, warmup_ns: int = 0) -> EmulationResult:
    """Three instances of one call on one core, 1 ms apart."""
    work = Workload(calls(path, "zip"), "a", at(0, 1_000_000, 2_000_000))
    return emulate_scenario([work], PLATFORM, "C1", warmup_ns=warmup_ns)


def test_what_arrives_before_the_warm_up_is_over_is_left_out(tmp_path: Path) -> None:
    result, cost = three_runs(tmp_path / "a.cedrrec"), costs("zip", "cpu")
    whole, warm = figures(result), figures(replace(result, warmup_ns=500_000))
    assert whole["makespan_ns"] == 2_000_000 + cost and whole["tasks"] == 3
    assert warm["makespan_ns"] == 1_000_000 + cost and warm["tasks"] == 2 and warm["tasks_by_api"] == {"zip": 2}
    assert warm["utilisation"] == {"cpu1": pytest.approx(2 * cost / (1_000_000 + cost))}
    (entry,) = application_figures(replace(result, warmup_ns=500_000))
    assert entry["instances"] == entry["finished"] == 2 and entry["exe_ns"] == entry["cum_ns"] == cost
    assert [figures(replace(result, warmup_ns=ns))["tasks"] for ns in (1_000_000, 1_000_001)] == [2, 1]
    with pytest.raises(
        EmulationError, match=r"all 3 instances arrive before the warm-up is over \(3000 us; the last .* 2000 us\)"
    ):
        three_runs(tmp_path / "b.cedrrec", warmup_ns=3_000_000)


def test_a_pe_that_works_for_earlier_instances_is_busy(tmp_path: Path) -> None:
    """Nine calls at 0 occupy the core when the measured instance arrives: it counts as used from then on."""
    first, second = calls(tmp_path / "a.cedrrec", *["zip"] * 9), calls(tmp_path / "b.cedrrec", "zip")
    works = [Workload(first, "a", at(0)), Workload(second, "b", at(1))]
    result = emulate_scenario(works, PLATFORM, "C1", warmup_ns=1)
    found = figures(result)
    assert found["tasks"] == 1 and found["makespan_ns"] == 10 * costs("zip", "cpu") - 1
    assert found["utilisation"] == {"cpu1": 1.0}
    absent, present = application_figures(result)
    assert absent["instances"] == absent["finished"] == absent["failed"] == 0
    assert absent["exe_ns"] is None and absent["cum_ns"] is None
    assert present["exe_ns"] == found["makespan_ns"] and present["cum_ns"] == costs("zip", "cpu")


@pytest.mark.parametrize(("warmup_ns", "tasks"), [(0, 5), (500, 3), (2000, 1)])
def test_every_figure_is_about_the_same_instances(tmp_path: Path, warmup_ns: int, tasks: int) -> None:
    """Instances arrive at 0, 1000 and 2000 ns: those of the warm-up are in the files, marked, and in no figure."""
    result = replace(hand_made(), warmup_ns=warmup_ns)
    instances = sum(arrival >= warmup_ns for arrival in (0, 1000, 2000))
    found = figures(result)
    assert found["tasks"] == sum(found["tasks_by_api"].values()) == sum(use.tasks for use in pe_use(result)) == tasks
    assert [use.utilisation for use in pe_use(result)] == list(found["utilisation"].values())
    assert found["makespan_ns"] == 5000 - (3 - instances) * 1000
    said = dict(summary(result))
    assert said["tasks"] == str(tasks) and said["makespan"] == f"{found['makespan_ns'] / 1000:.3f} us"
    assert ("measured" in said) == (warmup_ns > 0)
    assert sum(int(row[1]) for row in call_table(result).rows) == tasks
    assert sum(int(row[3]) for row in application_table(result).rows) == tasks
    assert sum(int(row[1]) for row in application_table(result).rows) == instances
    assert sum(entry["instances"] for entry in application_figures(result)) == instances

    write_out(result, tmp_path)
    metadata = json.loads((tmp_path / "trace.perfetto.json").read_text())["metadata"]
    assert (metadata["tasks"], metadata["instances"], metadata["makespan_ns"]) == (
        tasks,
        instances,
        found["makespan_ns"],
    )
    assert f">{tasks} tasks, {found['makespan_ns'] / 1e6:.3f} ms" in (tmp_path / "gantt.svg").read_text()
    rows = {name: read_csv(tmp_path / f"{name}.csv") for name in ("tasks", "instances", "pes")}
    assert [row["warmup"] for row in rows["instances"]] == [str(int(t < warmup_ns)) for t in (0, 1000, 2000)]
    assert len(rows["tasks"]) == 5 and sum(row["warmup"] == "0" for row in rows["tasks"]) == tasks
    whole = [row for row in rows["pes"] if row["api"] == "all"]
    assert sum(int(row["tasks"]) for row in whole) == tasks
    assert [float(row["utilisation"]) for row in whole] == pytest.approx(list(found["utilisation"].values()), abs=1e-6)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("os_model", ["ideal", "linux-cfs"])
def test_a_task_takes_its_cost_and_under_linux_what_comes_on_top(tmp_path: Path, os_model: str) -> None:
    record = calls(tmp_path / "a.cedrrec", "zip", "kernel", "zip")
    work = Workload(record, "a", at(0, 1000, 2000))
    result = emulate_scenario([work], PLATFORM, "C2+Z1", "SIMPLE", os_model=os_model, out=tmp_path / "out")
    rows = read_csv(tmp_path / "out" / "tasks.csv")
    assert len(rows) == 9 and {row["pe"] for row in rows} == {"cpu1", "cpu2", "zip1"}
    for row in rows:
        assert int(row["cost_ns"]) == costs(row["api"], row["pe"].rstrip("12"))
        assert int(row["duration_ns"]) - int(row["cost_ns"]) >= 0
    longer = [row for row in rows if row["duration_ns"] != row["cost_ns"]]
    assert bool(longer) == (os_model == "linux-cfs")
    assert result.cost_ns.shape == (len(result.classes), 3)


def test_use_is_measured_from_the_first_arrival_to_the_last_end() -> None:
    """cpu1 works from 1000 to 2001 and from 2500 to 3000 ns, cpu2 from 2500 to 4500, fft1 to 1500 and from 3000 to 3001."""
    late = replace(hand_made(), warmup_ns=1500)  # the last instance only: 2000 to 5000 ns
    assert late.span_ns == (2000, 5000)
    assert [use.busy_ns for use in pe_use(late)] == [1 + 500, 2000, 1]
    whole_j, late_j = (energy_j(r, PLATFORM, parse_composition(PLATFORM, "C3")) for r in (hand_made(), late))
    assert whole_j is not None and late_j is not None and 0 < late_j < whole_j


def test_where_no_instance_ends_there_is_no_makespan_but_use() -> None:
    """The last task ends at 4500 ns."""
    result = replace(hand_made(), ends_ns=at(-1, -1, -1))
    found = figures(result)
    assert found["makespan_ns"] is None and found["latency_ns"] == {"min": None, "mean": None, "max": None}
    assert list(found["utilisation"].values()) == [1501 / 4500, 2000 / 4500, 1501 / 4500]
    joules = energy_j(result, PLATFORM, parse_composition(PLATFORM, "C3"))
    assert joules is not None and joules > 0
    said = dict(summary(result))
    assert (said["makespan"], said["latency"], said["unfinished"]) == ("none: no instance ended", "none", "3 instances")
    never = replace(random_run(0), ends_ns=at(-1), warmup_ns=0)
    assert figures(never)["utilisation"] == {"cpu1": 0.0, "cpu2": 0.0, "fft1": 0.0}


def test_a_task_that_ends_behind_the_last_instance_is_in_the_measured_time() -> None:
    result = replace(hand_made(), ends_ns=at(3000, 3001, -1))
    assert figures(result)["makespan_ns"] == 3001 and result.span_ns == (0, 4500)
    assert figures(result)["utilisation"]["cpu2"] == 2000 / 4500


def test_deadlines_and_instances_that_do_not_end() -> None:
    result = hand_made()  # latencies 3000, 2001 and 3000 ns; two applications
    misses = [
        [entry["deadline_misses"] for entry in application_figures(replace(result, deadline_ns=at(*deadlines)))]
        for deadlines in ((-1, -1), (3000, 2999), (2000, 3000), (2001, 1))
    ]
    assert misses == [[0, 0], [0, 1], [2, 0], [1, 1]]
    lost = replace(result, ends_ns=np.array([3000, -1, 5000], np.int64), deadline_ns=at(5000, 5000))
    first, second = application_figures(lost)
    assert (first["instances"], first["finished"], first["failed"], first["deadline_misses"]) == (2, 1, 1, 1)
    assert first["exe_ns"] == 3000 and first["cum_ns"] == 1500 + 500
    assert second["failed"] == 0
    assert figures(lost)["latency_ns"] == {"min": 3000, "mean": 3000.0, "max": 3000}


def test_scheduling_time_is_shared_by_all_instances() -> None:
    result = replace(hand_made(), round_start_ns=at(0, 2500), round_end_ns=at(300, 2800), round_ready=at(1, 2))
    assert [entry["ovh_ns"] for entry in application_figures(result)] == [200.0, 200.0]
    assert [entry["ovh_ns"] for entry in application_figures(replace(result, warmup_ns=500))] == [150.0, 150.0]
    assert [entry["ovh_ns"] for entry in application_figures(hand_made())] == [0.0, 0.0]
