"""The checker finds nothing wrong with valid runs, and each kind of wrong where it is put in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cedr.runtime.emulator import emulate
from cedr.runtime.record import Record
from cedr.runtime.result import EmulationResult
from cedr.runtime.schedulers import all_schedulers
from cedr.target.platform import class_costs, load_platform, parse_composition
from tests.runtime.applications import Application, Event, random_application
from tests.runtime.checker import check_trace

Run = tuple[EmulationResult, list[Record], NDArray[np.int64]]


def run(records: list[Record], composition: str, scheduler: str, instances: int = 1) -> Run:
    platform = load_platform("zcu102")
    result = emulate(records, platform, composition, scheduler, instances, period_ns=700)
    cost_ns = class_costs(platform, result.classes).by_pe(parse_composition(platform, composition))[1]
    return result, records, cost_ns


# The oracle takes graphs that are known beforehand only: tests/runtime/test_oracle.py.
@pytest.mark.parametrize("scheduler", [name for name in all_schedulers(()) if name != "ORACLE"])
@pytest.mark.parametrize("composition", ["C3", "C3+Z1", "C3+C2D1", "C3+F1+C2D1+Z1"])
def test_runs_are_valid(scheduler: str, composition: str, tmp_path: Path) -> None:
    random = Random(composition + scheduler)
    records = [
        random_application(random, 120, ["fft", "zip", "join", "kernel", "gemm"]).record(tmp_path / f"{k}.cedrrec")
        for k in range(2)
    ]
    assert check_trace(*run(records, composition, scheduler, instances=3)) == []


def chain(tmp_path: Path) -> Run:
    """zip 0 -> join 1 -> zip 2 -> fft 3, and zip 4 that waits for nothing; two instances."""
    events = [Event("submit", task=0, kind_of_task=0)]
    events += [
        Event("submit", task=1, kind_of_task=1, listed=(0,)),
        Event("submit", task=2, kind_of_task=0, listed=(1,)),
    ]
    events += [Event("submit", task=3, kind_of_task=2, listed=(2,)), Event("submit", task=4, kind_of_task=0)]
    events += [Event("wait_all"), Event("end")]
    record = Application(["zip", "join", "fft"], {0: events}).record(tmp_path / "a.cedrrec")
    return run([record], "C2+F1", "EFT", instances=2)


def test_the_chain_is_valid(tmp_path: Path) -> None:
    result, records, cost_ns = chain(tmp_path)
    assert check_trace(result, records, cost_ns) == [] and len(result) == 8


def row_of(result: EmulationResult, task: int, instance: int = 0) -> int:
    return int(np.flatnonzero((result.task == task) & (result.instance == instance))[0])


def changed(result: EmulationResult, **cells: tuple[int, int]) -> EmulationResult:
    columns = {}
    for name, (row, value) in cells.items():
        column = getattr(result, name).copy()
        column[row] = value
        columns[name] = column
    return replace(result, **columns)


def moved(result: EmulationResult, row: int, start_ns: int) -> EmulationResult:
    length = int(result.end_ns[row] - result.start_ns[row])
    return changed(
        result, start_ns=(row, start_ns), end_ns=(row, start_ns + length), ready_ns=(row, min(start_ns, start_ns))
    )


def without(result: EmulationResult, row: int) -> EmulationResult:
    names = ("app", "instance", "task", "task_class", "pe", "ready_ns", "start_ns", "end_ns")
    columns: dict[str, Any] = {name: np.delete(getattr(result, name), row) for name in names}
    return replace(result, **columns)


CASES: list[tuple[str, Callable[[EmulationResult], EmulationResult]]] = [
    ("never ran", lambda r: without(r, row_of(r, 2))),
    ("runs more than once", lambda r: changed(r, task=(row_of(r, 4), 0))),
    ("no such task", lambda r: changed(r, task=(row_of(r, 4), 99))),
    ("a join that ran", lambda r: changed(r, task=(row_of(r, 4), 1))),
    ("on a PE that does not take it", lambda r: changed(r, pe=(row_of(r, 0), 2))),
    ("not for the time it costs", lambda r: changed(r, end_ns=(row_of(r, 3), int(r.end_ns[row_of(r, 3)]) + 1))),
    ("starts before all that it waits for", lambda r: moved(r, row_of(r, 3), int(r.end_ns[row_of(r, 2)]) - 1)),
    ("starts before all that it waits for", lambda r: moved(r, row_of(r, 2), int(r.end_ns[row_of(r, 0)]) - 1)),
    ("starts before the row above", lambda r: moved(r, len(r) - 1, 0)),
    (
        "starts before the PE's last task has ended",
        lambda r: changed(r, pe=(row_of(r, 4), int(r.pe[row_of(r, 0)]))),
    ),
    ("ready at an impossible time", lambda r: changed(r, ready_ns=(row_of(r, 3), 0))),
    ("not of its class", lambda r: changed(r, task_class=(row_of(r, 0), 2))),
    ("ends before its last task", lambda r: changed(r, ends_ns=(0, 1))),
    ("starts before all that it waits for", lambda r: changed(r, arrivals_ns=(1, 10**9))),
]


@pytest.mark.parametrize(("what", "spoil"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_each_kind_of_wrong_is_found(
    what: str, spoil: Callable[[EmulationResult], EmulationResult], tmp_path: Path
) -> None:
    result, records, cost_ns = chain(tmp_path)
    findings = check_trace(spoil(result), records, cost_ns)
    assert any(what in finding for finding in findings), findings
