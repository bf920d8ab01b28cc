"""The benchmarks say what they should; no time is asserted."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cedr.runtime.engine import Engine
from cedr.runtime.program import build_program
from cedr.runtime.record import RecordWriter, read_record
from cedr.runtime.schedulers import get_scheduler
from tests.runtime.applications import call_class

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCHEDULERS = {"SIMPLE", "MET", "EFT", "ETF", "HEFT_RT"}


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment() -> dict[str, str]:
    """That of this process, with this project first."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(BENCHMARKS.parent), os.environ.get("PYTHONPATH", "")])}


def test_emulator_speed_has_its_keys() -> None:
    command = [sys.executable, str(BENCHMARKS / "emulator_speed.py"), "--quick", "--json"]
    process = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(process.stdout)
    rates = found.pop("ideal")
    assert set(rates) == SCHEDULERS and all(rate > 0 for rate in rates.values())
    other = found.pop("linux_cfs")
    assert other is None or (set(other) == SCHEDULERS and all(rate > 0 for rate in other.values()))
    assert set(found) == {
        *("etf_1000_ready", "python_scheduler", "bytes_per_task", "ten_million_ratio", "simpy", "simpy_ratio")
    }
    assert all(value > 0 for value in found.values())


@pytest.mark.slow
def test_sweep_speed_has_its_keys() -> None:
    command = [sys.executable, str(BENCHMARKS / "sweep_speed.py"), "--rates", "2", "--rounds", "1", "--json"]
    process = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(process.stdout)
    assert set(found) == {"points_per_minute", "scaling", "one_process", "points", "tasks", "cores"}
    assert found["points"] == 32 and found["tasks"] == 32 * 12_740
    assert all(value > 0 for value in found.values())


def test_the_sweep_s_records_are_the_applications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    speed = benchmark("sweep_speed")
    for application in (speed.wifi_tx, speed.pulse_doppler):
        record = application(speed.Parameters(gsl_flops_per_ns=0.3))
        speed.write_record(record, tmp_path / f"{application.__name__}.cedrrec")
        read = read_record(tmp_path / f"{application.__name__}.cedrrec")
        assert read.classes == record.classes and (read.class_of == record.class_of).all()
        assert read.threads[0].steps.tolist() == record.threads[0].steps.tolist()


@pytest.mark.slow
def test_import_time_has_its_keys() -> None:
    command = [sys.executable, str(BENCHMARKS / "import_time.py"), "--models", "m5_words,gru", "--nodes", "400"]
    command += ["--rounds", "1", "--json"]
    process = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(process.stdout)
    assert set(found) == {"machine", "seconds", "nodes_400_s", "linearity", "torch_mlir"}
    assert set(found["seconds"]) == {"m5_words", "gru"} and all(value > 0 for value in found["seconds"].values())
    assert found["nodes_400_s"] > 0 and found["linearity"] > 0
    installed = importlib.util.find_spec("torch_mlir") is not None
    assert (found["torch_mlir"] is not None) == installed
    if installed:
        assert set(found["torch_mlir"]) == {"seconds", "nodes_400_s"}


def random_layers(random: Random, n_tasks: int) -> list[list[int]]:
    """What each task waits for."""
    return [sorted(random.sample(range(task), min(task, random.choice((0, 1, 2, 3))))) for task in range(n_tasks)]


def test_the_simpy_model_schedules_as_the_engine_does(tmp_path: Path) -> None:
    """Costs of few values, so that much happens at one time."""
    simulate = benchmark("simpy_model").simulate
    for seed in range(60):
        random = Random(seed)
        n_tasks, n_pes, instances = random.randint(1, 30), random.randint(1, 5), random.randint(1, 4)
        after = random_layers(random, n_tasks)
        largest = random.choice((1, 3, 100))
        table = [[random.randint(1, largest) for _ in range(n_pes)] for _ in range(n_tasks)]
        costs = [[max(1, value + random.choice((-1, 0, 2))) for value in row] for row in table]
        with RecordWriter(tmp_path / f"{seed}.cedrrec") as writer:
            for task, earlier in enumerate(after):
                kind = writer.add_class(call_class("gemm", f"grid:{task}"))
                writer.submit_many(kind, [task], [0, len(earlier)], earlier)
            writer.wait()
            writer.end()
        program = build_program([read_record(tmp_path / f"{seed}.cedrrec")], ["app"])
        nothing, pes = np.zeros(instances, np.int64), np.arange(n_pes)
        engine = Engine(program, nothing, nothing, pes, table, costs, get_scheduler("EFT"))
        engine.run()
        successors = [[task for task, earlier in enumerate(after) if other in earlier] for other in range(n_tasks)]
        theirs = simulate(successors, [len(earlier) for earlier in after], table, costs, instances)
        rows = engine.rows()
        place = rows["instance"].astype(np.int64) * n_tasks + rows["task"]
        assert len(place) == instances * n_tasks
        for name, expected in zip(("start_ns", "end_ns", "pe"), theirs, strict=True):
            assert rows[name].tolist() == np.array(expected)[place].tolist(), (seed, name)
