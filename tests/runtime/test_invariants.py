"""What holds in every run, under both models of the operating system, whatever runs on whatever."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedr.runtime.engine import Engine
from cedr.runtime.linux_cfs import EFFECTS, ON_CORE, ON_DEVICE, ON_DEVICE_ASLEEP, LinuxSetup
from cedr.runtime.program import Program, build_program
from cedr.runtime.record import STEP_HOST, Record
from cedr.runtime.result import EmulationResult
from cedr.runtime.schedulers import Scheduler, all_schedulers
from tests.runtime.applications import random_application
from tests.runtime.checker import check_trace
from tests.runtime.graphs import random_estimates
from tests.runtime.linux_machines import FIGURES, MS, US, Phase, linux

APIS: Final = ("gemm", "fft", "zip", "join", "kernel")
CORES: Final = (1, 2, 3)
#: Schedulers of the registry that decide for all ready tasks in each round.
SCHEDULERS: Final = tuple(scheduler for scheduler in all_schedulers(()).values() if scheduler.name != "ORACLE")


@dataclass(frozen=True)
class Case:
    """Applications, when they arrive, and the PEs. estimate_ns, cost_ns: int64[classes, types]."""

    records: list[Record]
    program: Program
    application_of: npt.NDArray[np.int32]
    arrival_ns: npt.NDArray[np.int64]
    type_of: list[int]
    core_of: list[int]
    estimate_ns: npt.NDArray[np.int64]
    cost_ns: npt.NDArray[np.int64]
    system: LinuxSetup
    on_core_ns: npt.NDArray[np.int64]
    """int64[classes, PEs]: what a task takes of its worker's core; a device goes on while its worker does not run."""
    application_core: int
    """The only one that application threads may use, or -1."""

    def run(self, scheduler: Scheduler, system: LinuxSetup | None) -> EmulationResult:
        engine = Engine(
            self.program,
            self.application_of,
            self.arrival_ns,
            self.type_of,
            self.estimate_ns,
            self.cost_ns,
            scheduler,
            seed=7,
            core_of=self.core_of,
            deadline_ns=[10 * MS] * len(self.records),
            active_w=[1.0 + place for place in range(self.cost_ns.shape[1])],
            idle_w=[0.5] * self.cost_ns.shape[1],
            linux=system,
            record_rounds=True,
        )
        engine.run()
        rows = engine.rows()
        app = self.application_of[rows["instance"]]
        index = self.program.task_base[app] + rows["task"]
        return EmulationResult(
            pes=tuple(f"pe{place}" for place in range(len(self.type_of))),
            app_names=self.program.names,
            classes=self.program.classes,
            app=app,
            instance=rows["instance"],
            task=np.concatenate([np.zeros(0, np.uint32), *self.program.task_ids])[index],
            task_class=self.program.class_of[index],
            pe=rows["pe"].astype(np.int32),
            ready_ns=rows["ready_ns"],
            start_ns=rows["start_ns"],
            end_ns=rows["end_ns"],
            instance_app=self.application_of,
            arrivals_ns=self.arrival_ns,
            starts_ns=engine.launch_ns,
            ends_ns=engine.finish_ns,
            round_start_ns=engine.rounds[:, 0],
            round_end_ns=engine.rounds[:, 1],
            round_ready=engine.rounds[:, 2],
        )


def draw_case(random: Random, folder: Path) -> Case:
    n_types = random.randint(1, 3)
    type_of = [random.randrange(n_types) for _ in range(random.randint(1, 6))]
    core_of = [random.choice(CORES) for _ in type_of]
    scale = random.choice((1, US, 300 * US))
    records = []
    estimates: list[list[int]] = []
    for place in range(random.randint(1, 2)):
        apis = [random.choice(APIS) for _ in range(random.randint(0, 4))] + ["kernel"]
        records.append(random_application(random, random.randint(0, 25), apis).record(folder / f"{place}.cedrrec"))
        table = random_estimates(random, type_of, n_types, len(apis), 20)
        estimates += [[-1] * n_types if api == "join" else row for api, row in zip(apis, table, strict=True)]
    estimate_ns = np.array(estimates, np.int64)
    estimate_ns[estimate_ns > 0] *= scale
    cost_ns = estimate_ns.copy()
    for index in np.ndindex(cost_ns.shape):
        if cost_ns[index] > 0:
            cost_ns[index] = max(1, int(cost_ns[index] * random.choice((0.5, 1, 1, 3))))
    times = sorted(random.choice((0, random.randrange(20 * MS))) for _ in range(random.randint(1, 6)))
    application_of = np.array([random.randrange(len(records)) for _ in times], np.int32)
    phases = [[draw_phases(random, int(of_class[kind])) for kind in type_of] for of_class in cost_ns]
    application_cores = random.choice(((1,), (2,), (1, 2), (1, 2, 3)))
    without = [] if random.random() < 0.5 else random.sample(list(EFFECTS), random.randint(1, 5))
    figures = {
        **FIGURES,
        **random.choice(({}, {"balance_period": 4 * MS}, {"latency": 6 * MS}, {"daemon_loop": 70 * US})),
    }
    return Case(
        records,
        build_program(records, [f"app{place}" for place in range(len(records))]),
        application_of,
        np.array(times, np.int64),
        type_of,
        core_of,
        estimate_ns,
        cost_ns,
        linux(phases, core_of, application_cores, without, n_ports=2, figures=figures),
        np.array([[sum(ns for kind, _, ns in row if kind == ON_CORE) for row in line] for line in phases]),
        application_cores[0] if len(application_cores) == 1 and "placement" not in without else -1,
    )


def draw_phases(random: Random, cost_ns: int) -> list[Phase]:
    """The parts of a cost: on the core, on a device whose worker polls or sleeps, with a port or none."""
    if cost_ns < 0:
        return []
    cuts = sorted(random.randint(0, cost_ns) for _ in range(random.choice((0, 0, 1, 2))))
    parts = np.diff([0, *cuts, cost_ns]).tolist()
    rows: list[Phase] = []
    for ns in parts:
        kind = random.choice((ON_CORE, ON_CORE, ON_DEVICE, ON_DEVICE_ASLEEP))
        rows.append((kind, random.choice((-1, 0, 1)) if kind != ON_CORE else -1, ns))
    return rows


def same(one: EmulationResult, other: EmulationResult) -> None:
    for name in ("instance", "task", "pe", "ready_ns", "start_ns", "end_ns", "starts_ns", "ends_ns", "round_end_ns"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def check_times(case: Case, result: EmulationResult) -> None:
    """Times never go back: 0 <= arrival <= launch <= ready <= start <= end <= the instance's end."""
    launch, end = result.starts_ns, result.ends_ns
    assert (case.arrival_ns <= launch).all() and (launch <= end).all()
    assert (launch[result.instance] <= result.ready_ns).all()
    assert (result.ready_ns <= result.start_ns).all() and (result.start_ns <= result.end_ns).all()
    assert (result.end_ns <= end[result.instance]).all()
    assert len(result) == int(case.program.scheduled[case.application_of].sum())


def check_cores(case: Case, result: EmulationResult) -> None:
    """No two things on a core at once: between any start and any end, its tasks take no more than the time between."""
    cores = np.array(case.core_of)[result.pe]
    needs = case.on_core_ns[result.task_class, result.pe]
    for core in CORES:
        there = np.flatnonzero(cores == core)
        there = there[np.argsort(result.end_ns[there], kind="stable")]
        for first in np.unique(result.start_ns[there]).tolist():
            inside = there[result.start_ns[there] >= first]
            assert (np.cumsum(needs[inside]) <= result.end_ns[inside] - first).all()
    if case.application_core >= 0 and len(case.arrival_ns):
        own = [
            sum(int(t.steps[t.steps[:, 0] == STEP_HOST, 1].sum()) for t in record.threads) for record in case.records
        ]
        busy = sum(own[app] for app in case.application_of) + int(needs[cores == case.application_core].sum())
        assert busy <= int(result.ends_ns.max()) - int(result.starts_ns.min())


def check_queues(result: EmulationResult) -> None:
    """Work conservation: a PE is never idle while a task that was given to it waits."""
    free_ns = dict.fromkeys(range(len(result.pes)), 0)
    for pe, ready, start, end in zip(result.pe, result.ready_ns, result.start_ns, result.end_ns, strict=True):
        assert start == max(int(ready), free_ns[int(pe)])
        free_ns[int(pe)] = int(end)


def holds(random: Random, scheduler: Scheduler, ideal: bool) -> None:
    with TemporaryDirectory() as folder:
        case = draw_case(random, Path(folder))
        system = None if ideal else case.system
        result = case.run(scheduler, system)
        cost_ns = case.cost_ns[:, case.type_of]
        found = check_trace(result, case.records, cost_ns)
        if ideal:
            check_queues(result)
        else:
            found = [finding for finding in found if "not for the time it costs" not in finding]
            check_cores(case, result)
            assert int(result.round_ready.sum()) >= len(result)
            assert (result.round_end_ns[:-1] <= result.round_start_ns[1:]).all()
        assert (result.end_ns - result.start_ns >= cost_ns[result.task_class, result.pe]).all()
        assert found == []
        check_times(case, result)
        same(result, case.run(scheduler, system))
        same(result, case.run(replace(scheduler, compiled=False), system))


CASES: Final = (st.randoms(use_true_random=False), st.sampled_from(SCHEDULERS))


@settings(max_examples=60, deadline=None)
@given(*CASES)
def test_what_holds_in_ideal(random: Random, scheduler: Scheduler) -> None:
    holds(random, scheduler, ideal=True)


@settings(max_examples=120, deadline=None)
@given(*CASES)
def test_what_holds_in_linux_cfs(random: Random, scheduler: Scheduler) -> None:
    holds(random, scheduler, ideal=False)


@pytest.mark.slow
@pytest.mark.parametrize("ideal", [True, False])
def test_what_holds_in_many_more_runs(ideal: bool) -> None:
    for seed in range(1500):
        holds(Random(seed), SCHEDULERS[seed % len(SCHEDULERS)], ideal)
