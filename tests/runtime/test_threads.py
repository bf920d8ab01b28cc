"""Applications with several threads: SPAWN, JOIN, BLOCK, WAIT and HOST, against times that were computed by hand, and
for random ones against the plain simulator (ideal) and against what must hold whoever has the cores (linux-cfs)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedr.runtime.emulator import emulate
from cedr.runtime.record import HostTime, RecordWriter, read_record
from cedr.target.api import CallClass
from cedr.target.platform import Platform
from tests.runtime.applications import Application, Event, random_application
from tests.runtime.reference_simulator import Simulator
from tests.runtime.test_host_work import BOARD, board

GEMM = ["gemm"]
TWO = BOARD.replace("most = 1", "most = 2").replace("workers = [1]", "workers = [0, 1]")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """One or two cores on which a GEMM takes 7 ns."""
    return board(tmp_path_factory.mktemp("board") / "board.toml", TWO)


FORK_AND_JOIN = {
    0: [
        Event("host", number=10),
        Event("spawn", number=1),
        Event("block", task=0, kind_of_task=0),
        Event("join", number=1),
        Event("host", number=5),
        Event("end"),
    ],
    1: [
        Event("host", number=3),
        Event("submit", task=1, kind_of_task=0),
        Event("wait", listed=(1,)),
        Event("host", number=20),
        Event("end"),
    ],
}
"""The second thread begins at 10 and submits at 13."""

BATCHES = {
    0: [
        Event("submit", 2, task=0, kind_of_task=0),
        Event("submit", 2, task=1, kind_of_task=0),
        Event("submit", 2, task=2, kind_of_task=0),
        Event("wait", listed=(0, 1)),
        Event("host", number=4),
        Event("submit", task=3, kind_of_task=0, listed=(2,)),
        Event("wait_all"),
        Event("end"),
    ]
}
"""Submitted at 2, 4, 6; the wait is for the first two of three."""

JOINED_AFTER_ITS_END = {
    0: [
        Event("spawn", number=1),
        Event("spawn", number=2),
        Event("host", number=100),
        Event("join", number=1),
        Event("join", number=2),
        Event("end"),
    ],
    1: [Event("block", task=0, kind_of_task=0), Event("end")],
    2: [
        Event("submit", task=1, kind_of_task=0),
        Event("wait", listed=(1,)),
        Event("host", number=200),
        Event("end"),
    ],
}


@pytest.mark.parametrize(
    ("threads", "composition", "tasks", "makespan_ns"),
    [
        # task 0 from 10 to 17, task 1 from 17 to 24; thread 1 until 44; main 5 more
        (FORK_AND_JOIN, "C1", [(0, 10, 17), (1, 17, 24)], 49),
        # task 1 on the other core from 13 to 20; thread 1 until 40
        (FORK_AND_JOIN, "C2", [(0, 10, 17), (1, 13, 20)], 45),
        # 2-9, 9-16, 16-23 on one core; the wait ends at 16, task 3 is submitted at 20, and runs behind task 2
        (BATCHES, "C1", [(0, 2, 9), (1, 9, 16), (2, 16, 23), (3, 23, 30)], 30),
        # 2-9 and 4-11 on two; task 2 from 9 to 16; the wait ends at 11, task 3 is submitted at 15 and ready at 16
        (BATCHES, "C2", [(0, 2, 9), (1, 4, 11), (2, 9, 16), (3, 16, 23)], 23),
        # main goes on at 100; thread 2 waits until 14, and computes for 200
        (JOINED_AFTER_ITS_END, "C1", [(0, 0, 7), (1, 7, 14)], 214),
        (JOINED_AFTER_ITS_END, "C2", [(0, 0, 7), (1, 0, 7)], 207),
    ],
)
def test_threads_take_the_time_that_was_computed_by_hand(
    threads: dict[int, list[Event]],
    composition: str,
    tasks: list[tuple[int, int, int]],
    makespan_ns: int,
    platform: Platform,
    tmp_path: Path,
) -> None:
    record = Application(GEMM, threads).record(tmp_path / "a.cedrrec")
    result = emulate(record, platform, composition)
    found = zip(result.task.tolist(), result.start_ns.tolist(), result.end_ns.tolist(), strict=True)
    assert sorted(found) == tasks
    assert result.makespan_ns == makespan_ns
    three = emulate(record, platform, composition, instances=3, period_ns=1000)  # each finds the chip empty
    assert three.latency_ns.tolist() == [makespan_ns] * 3


def test_measured_host_time_is_scaled_and_a_stated_one_is_not(platform: Platform, tmp_path: Path) -> None:
    spans = {}
    kinds: tuple[HostTime, ...] = ("measured", "fixed")
    for host_time in kinds:
        with RecordWriter(tmp_path / f"{host_time}.cedrrec", host_time) as writer:
            writer.add_class(CallClass("gemm", "f32", {"m": 1, "k": 1, "n": 1}, {"transpose_b": False}))
            writer.host(11)
            writer.submit_many(0, [0], [0, 0], [], host_ns=3, block=True)
            writer.end()
        record = read_record(tmp_path / f"{host_time}.cedrrec")
        spans[host_time] = emulate(record, platform, "C1", host_scale=Fraction(5, 2)).makespan_ns
    assert spans == {"measured": 28 + 8 + 7, "fixed": 11 + 3 + 7}  # 27.5 and 7.5 ns, rounded up


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n_tasks=st.integers(1, 25), cores=st.integers(1, 2), instances=st.integers(1, 3))
def test_random_threads_do_what_a_plain_simulator_does(
    seed: int, n_tasks: int, cores: int, instances: int, platform: Platform
) -> None:
    application = random_application(Random(seed), n_tasks, ["gemm", "join"])
    with TemporaryDirectory() as folder:
        record = application.record(Path(folder) / "a.cedrrec")
        result = emulate(record, platform, f"C{cores}", "SIMPLE", instances, 50)
    pointer = 0

    def in_turn(kinds: list[int], _now: int) -> list[tuple[int, int]]:
        nonlocal pointer
        pairs = []
        for position in range(len(kinds)):
            pairs.append((position, pointer))
            pointer = (pointer + 1) % cores
        return pairs

    simulator = Simulator([0] * cores, [[7], [0]], in_turn, [0])
    rows = simulator.run([(50 * number, 0, application) for number in range(instances)])
    columns = (result.instance, result.task, result.pe, result.ready_ns, result.start_ns, result.end_ns)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert found == [(r.instance, r.task, r.pe, r.ready_ns, r.start_ns, r.end_ns) for r in rows]
    assert result.ends_ns.tolist() == [instance.end_ns for instance in simulator.instances]


def soonest(application: Application, end_ns: dict[int, int], start_ns: int) -> tuple[dict[int, int], int]:
    """When each task can be submitted at the soonest, and the application's threads be over, if tasks end as they did."""
    submitted: dict[int, int] = {}
    spawned = {event.number for events in application.threads.values() for event in events if event.kind == "spawn"}
    clocks = {number: start_ns for number in application.threads if number not in spawned}
    places = dict.fromkeys(application.threads, 0)
    own: dict[int, list[int]] = {number: [] for number in application.threads}
    moved = True
    while moved:
        moved = False
        for number, events in application.threads.items():
            while number in clocks and places[number] < len(events):
                event = events[places[number]]
                if event.kind == "join" and places[event.number] < len(application.threads[event.number]):
                    break
                clocks[number] += event.host_ns
                if event.kind in ("submit", "block"):
                    submitted[event.task] = clocks[number]
                    own[number].append(event.task)
                awaited = {"block": [event.task], "wait": list(event.listed), "wait_all": own[number]}.get(
                    event.kind, []
                )
                clocks[number] = max([clocks[number], *(end_ns[task] for task in awaited if task in end_ns)])
                if event.kind == "host":
                    clocks[number] += event.number
                elif event.kind == "spawn":
                    clocks[event.number] = clocks[number]
                elif event.kind == "join":
                    clocks[number] = max(clocks[number], clocks[event.number])
                places[number] += 1
                moved = True
    assert all(places[number] == len(events) for number, events in application.threads.items())
    return submitted, max(clocks.values())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), n_tasks=st.integers(1, 25), os_model=st.sampled_from(["ideal", "linux-cfs"]))
def test_no_thread_goes_on_before_what_it_waits_for(seed: int, n_tasks: int, os_model: str) -> None:
    application = random_application(Random(seed), n_tasks, ["gemm", "fft", "zip", "kernel"])
    with TemporaryDirectory() as folder:
        record = application.record(Path(folder) / "a.cedrrec")
        result = emulate(record, "zcu102", "C3+F1+Z1", "EFT", 2, 100_000, os_model=os_model)
    assert result.finished.all()
    for instance in range(2):
        rows = result.instance == instance
        end_ns = dict(zip(result.task[rows].tolist(), result.end_ns[rows].tolist(), strict=True))
        assert len(end_ns) == n_tasks == int(rows.sum())
        submitted, over_ns = soonest(application, end_ns, int(result.starts_ns[instance]))
        for task, ready_ns in zip(result.task[rows].tolist(), result.ready_ns[rows].tolist(), strict=True):
            assert ready_ns >= submitted[task]
        assert int(result.ends_ns[instance]) >= max(over_ns, *end_ns.values(), 0)
