"""Small machines under `linux-cfs` with figures of their own, so that a fit of a platform's changes no test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import numpy as np

from cedr.runtime.engine import Engine
from cedr.runtime.linux_cfs import ON_CORE, LinuxSetup, linux_setup
from cedr.runtime.program import build_program
from cedr.runtime.schedulers import Scheduler, get_scheduler
from cedr.target.linux_cfs import OTHER, Decision, LinuxCfs
from cedr.target.platform import class_costs, load_platform, parse_composition
from tests.runtime.applications import Application

US: Final = 1_000
MS: Final = 1_000_000
#: In the units of the model: nanoseconds, and thousandths from `start_debit` on.
FIGURES: Final[Mapping[str, int]] = {
    "tick": 4 * MS,
    "latency": 18 * MS,
    "min_granularity": 2_250 * US,
    "wakeup_granularity": 3 * MS,
    "yield_skip": 3 * MS,
    "sleeper_credit": 9 * MS,
    "poll": 1_500,
    "daemon_loop": 5_900,
    "enqueue": 10_500,
    "signal": 9_000,
    "balance_period": 127 * MS,
    "start_debit": 1_000,
    "balance_threshold": 109_000,
    "contention": 280,
    "contention_half": 5_000,
}
DECISION: Final = Decision(2_000, Fraction(50), False)
Phase = tuple[int, int, int]
"""(ON_..., port or -1, ns)"""


def linux(
    phases: Sequence[Sequence[Sequence[Phase]]],
    core_of: Sequence[int],
    application_cores: tuple[int, ...] = (1, 2),
    without: Sequence[str] = (),
    decision: Decision = DECISION,
    n_ports: int = 0,
    figures: Mapping[str, int] = FIGURES,
) -> LinuxSetup:
    """phases: by class and PE. figures: those that are not as in FIGURES."""
    platform = load_platform("zcu102")
    model = LinuxCfs({**FIGURES, **figures}, application_cores, {OTHER: decision})
    setup = linux_setup(
        platform, model, parse_composition(platform, "C1"), class_costs(platform, []), "SIMPLE", without
    )
    flat = [row for of_class in phases for row in of_class]
    return replace(
        setup,
        core_of=np.array(core_of, np.int64),
        phase_ptr=np.cumsum([0, *(len(row) for row in flat)]).astype(np.int64),
        phases=np.array([phase for row in flat for phase in row], np.int64).reshape(-1, 3),
        n_ports=n_ports,
    )


def on_core(costs_ns: Sequence[Sequence[int]]) -> list[list[list[Phase]]]:
    """Work on the worker's core. costs_ns: by class and PE; -1: not offered."""
    return [[[(ON_CORE, -1, ns)] if ns >= 0 else [] for ns in of_class] for of_class in costs_ns]


@dataclass(frozen=True)
class Task:
    """A row of a run: instance, task, PE, and its times."""

    instance: int
    task: int
    pe: int
    ready_ns: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Run:
    """tasks: in the order of their starts; by instance: when its first thread was launched, and when it ended."""

    tasks: list[Task]
    launch_ns: list[int]
    finish_ns: list[int]
    scheduling_ns: int


def tasks_of(engine: Engine) -> list[Task]:
    """The executed tasks of an engine, with their numbers in the record."""
    rows = engine.rows()
    ids = engine.program.task_ids
    applications = engine._arrays["application_of"]
    columns = (rows[key].tolist() for key in ("instance", "task", "pe", "ready_ns", "start_ns", "end_ns"))
    return [Task(i, int(ids[applications[i]][t]), *rest) for i, t, *rest in zip(*columns, strict=True)]


def run(
    folder: Path,
    applications: Sequence[Application],
    setup: LinuxSetup | None,
    costs_ns: Sequence[Sequence[int]],
    arrivals: Sequence[tuple[int, int]] = ((0, 0),),
    scheduler: str | Scheduler = "SIMPLE",
    seed: int = 0,
    core_of: Sequence[int] | None = None,
) -> Run:
    """costs_ns: by class (of all applications, end to end) and PE. arrivals: (ns, application), in order of time."""
    own = Path(mkdtemp(dir=folder))
    records = [app.record(own / f"{place}.cedrrec") for place, app in enumerate(applications)]
    table = np.array(costs_ns, np.int64)
    engine = Engine(
        build_program(records, [f"app{place}" for place in range(len(records))]),
        [place for _, place in arrivals],
        [time for time, _ in arrivals],
        np.arange(table.shape[1]),
        table,
        table,
        get_scheduler(scheduler),
        seed,
        core_of=core_of,
        linux=setup,
    )
    engine.run()
    return Run(tasks_of(engine), engine.launch_ns.tolist(), engine.finish_ns.tolist(), engine.scheduling_ns)
