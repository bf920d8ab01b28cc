"""Recorded applications on the shipped platform: valid schedules, figures, refusals before anything runs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cedr.runtime.emulator import EmulationError, emulate, figures
from cedr.runtime.record import RecordWriter, read_record
from cedr.runtime.result import EmulationResult
from cedr.runtime.schedulers import all_schedulers
from cedr.target.api import CallClass
from cedr.target.errors import CedrError
from cedr.target.platform import class_costs, load_platform, parse_composition
from tests.runtime.applications import call_class, random_application
from tests.runtime.checker import check_trace

SCHEDULERS = [name for name in all_schedulers(()) if name != "ORACLE"]  # for small graphs only
ZCU102 = load_platform("zcu102")
COMPOSITIONS = ["C3", "C3+Z1", "C3+C2D1", "C3+F1+C2D1+Z1"]
COLUMNS = ("app", "instance", "task", "task_class", "pe", "ready_ns", "start_ns", "end_ns", "arrivals_ns", "ends_ns")


@pytest.mark.parametrize("composition", COMPOSITIONS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_schedules_are_valid_and_repeat_to_the_byte(scheduler: str, composition: str, tmp_path: Path) -> None:
    random = Random(f"{scheduler} {composition}")
    apis = ["gemm", "fft", "zip", "kernel", "join"]
    records = [random_application(random, 60, apis).record(tmp_path / f"{name}.cedrrec") for name in ("one", "two")]
    arguments = (records, "zcu102", composition, scheduler, [3, 2], [50_000, 70_000], 5)
    result = emulate(*arguments)
    assert result.app_names == ("one", "two")
    pes = parse_composition(ZCU102, composition)
    assert result.pes == pes.pe_names
    assert check_trace(result, records, class_costs(ZCU102, result.classes).cost_ns[:, pes.pe_types]) == []
    again = emulate(*arguments)
    for column in COLUMNS:
        assert getattr(result, column).tobytes() == getattr(again, column).tobytes()


def test_the_seed_decides_what_random_does(tmp_path: Path) -> None:
    record = random_application(Random(3), 60, ["gemm", "zip"]).record(tmp_path / "a.cedrrec")
    tasks = [emulate(record, "zcu102", "C3+Z1", "RANDOM", 4, seed=seed).task.tolist() for seed in (1, 2, 1)]
    assert tasks[0] == tasks[2] != tasks[1]


def two_gemms(path: Path, instances: int = 1) -> EmulationResult:
    with RecordWriter(path) as writer:
        gemm, join = writer.add_class(call_class("gemm")), writer.add_class(call_class("join"))
        writer.submit_many([gemm, gemm, join], [0, 1, 2], [0, 0, 0, 2], [0, 1])
        writer.wait()
        writer.end()
    return emulate(path, "zcu102", "C1", instances=instances, period_ns=1)


def test_figures(tmp_path: Path) -> None:
    cost = int(class_costs(ZCU102, [call_class("gemm")]).cost_ns[0, 0])
    assert figures(two_gemms(tmp_path / "a.cedrrec")) == {
        "makespan_ns": 2 * cost,
        "latency_ns": {"min": 2 * cost, "mean": 2.0 * cost, "max": 2 * cost},
        "tasks": 2,
        "tasks_by_api": {"gemm": 2},
        "macs_by_api": {"gemm": 2 * 4 * 64 * 4},
        "utilisation": {"cpu1": 1.0},
    }
    several = figures(two_gemms(tmp_path / "b.cedrrec", instances=3))
    assert several["makespan_ns"] == 6 * cost
    assert several["latency_ns"] == {"min": 2 * cost, "mean": 4 * cost - 1.0, "max": 6 * cost - 2}
    assert several["tasks_by_api"] == {"gemm": 6} and several["macs_by_api"] == {"gemm": 2 * 4 * 64 * 4}


def test_figures_of_nothing(tmp_path: Path) -> None:
    RecordWriter(tmp_path / "a.cedrrec").close()
    assert figures(emulate(tmp_path / "a.cedrrec", "zcu102", "C1+Z1")) == {
        "makespan_ns": 0,
        "latency_ns": {"min": 0, "mean": 0.0, "max": 0},
        "tasks": 0,
        "tasks_by_api": {},
        "macs_by_api": {},
        "utilisation": {"cpu1": 0.0, "zip1": 0.0},
    }


def test_calls_that_no_pe_offers_are_all_named_before_the_start(tmp_path: Path) -> None:
    path = tmp_path / "a.cedrrec"
    with RecordWriter(path) as writer:
        large = writer.add_class(CallClass("fft", "c64", {"b": 1, "n": 4096}, {}, "l3:0"))
        gemm = writer.add_class(call_class("gemm"))
        writer.add_class(CallClass("fft", "c64", {"b": 1, "n": 8192}, {}, "unused:0"))
        writer.submit_many([large, large, gemm], [0, 1, 2], [0, 0, 0, 0], [])
    with pytest.raises(EmulationError) as refused:
        emulate(path, "zcu102", "F1")
    lines = str(refused.value).splitlines()
    assert lines[0] == "no PE of F1 offers fft of 4096 points, c64, 'l3:0' (2 tasks); add one of type cpu"
    assert lines[1].startswith("no PE of F1 offers gemm of m = 4, k = 64, n = 4, f32, 'grid:0' (1 tasks); add one of ")
    assert len(lines) == 2
    assert len(emulate(path, "zcu102", "C1+F1")) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"os_model": "linux-cfs", "platform": replace(ZCU102, linux_cfs=None)},
            "platform zcu102 has no figures for the OS model linux-cfs",
        ),
        ({"os_model": "real"}, "there is no OS model 'real'; there are ideal, linux-cfs"),
        ({"scheduler": "BEST"}, "there is no scheduler 'BEST'; there are SIMPLE"),
        ({"instances": 0}, "instances is at least 1; got 0"),
        ({"period_ns": -1}, "period_ns is at least 0; got -1"),
        ({"instances": [1, 2]}, "instances: expected one number, or one for each of 1 applications; got 2"),
        ({"names": ["a", "b"]}, "there are 1 records and 2 names"),
        ({"platform": "zcu999"}, "zcu999"),
        ({"composition": "Q3"}, "Q3"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], message: str, tmp_path: Path) -> None:
    two_gemms(tmp_path / "a.cedrrec")
    arguments: dict[str, object] = {"records": tmp_path / "a.cedrrec", "platform": "zcu102", "composition": "C3"}
    with pytest.raises(CedrError, match=message):
        emulate(**{**arguments, **options})  # type: ignore[arg-type]  # each row changes one of them


def test_an_incomplete_record_is_refused_unless_asked_for(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path / "a.cedrrec")
    writer.submit_many(writer.add_class(call_class("gemm")), [0], [0, 0], [])
    with pytest.raises(
        EmulationError, match="a: the record is incomplete: its process did not come to its end after 1"
    ):
        emulate(tmp_path / "a.cedrrec", "zcu102", "C1")
    assert len(emulate(read_record(tmp_path / "a.cedrrec"), "zcu102", "C1", incomplete=True)) == 1
    writer.close(failed=True)
    with pytest.raises(EmulationError, match="its process ended with an error"):
        emulate(tmp_path / "a.cedrrec", "zcu102", "C1")


def test_no_record_is_refused() -> None:
    with pytest.raises(EmulationError, match="there is no record to emulate"):
        emulate([], "zcu102", "C1")


def test_importing_the_emulator_does_not_import_numba() -> None:
    code = "import sys, cedr.runtime, cedr.runtime.emulator, cedr.runtime.schedulers; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_function_that_cannot_be_cached_is_compiled_all_the_same() -> None:
    """numba finds no place for the cache of a function without a file, as where no directory can be written."""
    from cedr.runtime.engine import compile_lazily

    names: dict[str, Any] = {}
    exec("def twice(x): return 2 * x", names)  # its file does not exist
    compiled: Any = compile_lazily(names["twice"])
    assert compiled(4) == 8 and compiled.stats.cache_path is None
