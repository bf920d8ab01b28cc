"""Logs that are written while the run goes on: the same bytes as those of a finished run, and whole at any time."""

from __future__ import annotations

from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest

from cedr.runtime.emulator import Workload, emulate_scenario
from cedr.runtime.engine import Engine
from cedr.runtime.fault import Fault
from cedr.runtime.record import STEP_END, STEP_SUBMIT, STEP_WAIT_ALL, Record, ThreadStream
from cedr.runtime.report import write_out
from cedr.runtime.result import EmulationResult, Piece, Sent
from cedr.runtime.trace import WRITERS, read_timing_trace
from cedr.target.api import CallClass

N_TASKS, N_INSTANCES = 1_000, 130  # more than the emulator keeps before it writes


def record(n_tasks: int = N_TASKS) -> Record:
    """Tasks of two kinds that wait for nothing, submitted at once."""
    classes = tuple(CallClass("zip", "f32", {"n": n}, {"kind": "add"}, "") for n in (64, 4096))
    tasks = np.arange(n_tasks, dtype=np.uint32)
    steps = np.array([(STEP_SUBMIT, 0, n_tasks), (STEP_WAIT_ALL, 0, 0), (STEP_END, 0, 0)], np.int64)
    thread = ThreadStream(0, steps, tasks, np.empty(0, np.uint32))
    kinds = (tasks % 2).astype(np.uint16)
    return Record(None, classes, tasks, kinds, np.zeros(n_tasks + 1, np.int64), np.empty(0, np.uint32), (thread,))


@pytest.mark.parametrize("os_model", ["ideal", "linux-cfs"])
def test_logs_of_a_run_that_goes_on_are_those_of_the_finished_one(
    tmp_path: Path, os_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines_before_the_end: list[int] = []
    final = Sent.final

    def looked_at(self: Sent, so_far: EmulationResult, now_ns: int) -> Piece:
        """What stands in the file before each piece parses, line by line."""
        found = read_timing_trace(tmp_path / "streamed" / "timing_trace.log")
        assert not found.cut
        lines_before_the_end.append(len(found.app_id))
        return final(self, so_far, now_ns)

    monkeypatch.setattr(Sent, "final", looked_at)
    workload = Workload(record(), "zips", np.arange(N_INSTANCES, dtype=np.int64) * 1_000_000)
    result = emulate_scenario([workload], "zcu102", "C2+Z1", "MET", os_model=os_model, out=tmp_path / "streamed")
    write_out(result, tmp_path / "finished")
    for name in WRITERS:
        assert (tmp_path / "streamed" / name).read_bytes() == (tmp_path / "finished" / name).read_bytes(), name
    assert len(result) == N_TASKS * N_INSTANCES
    assert len(lines_before_the_end) == 2 and 0 < lines_before_the_end[1] <= 100_000


@pytest.mark.parametrize("os_model", ["ideal", "linux-cfs"])
def test_an_attempt_that_fails_is_not_written_before_it_is_known(
    tmp_path: Path, os_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is looked at after every task; an attempt fails when it ends."""
    monkeypatch.setattr(Engine, "run", partialmethod(Engine.run, every=1))
    faults = [Fault("error", time_ns, pe=pe) for time_ns in range(1, 100_000, 20_000) for pe in ("cpu1", "cpu2")]
    workload = Workload(record(20), "zips", np.zeros(2, np.int64))
    result = emulate_scenario(
        [workload], "zcu102", "C2", "EFT", os_model=os_model, faults=faults, out=tmp_path / "streamed"
    )
    assert 2 <= np.count_nonzero(result.failed) < len(result) - 30
    write_out(result, tmp_path / "finished")
    for name in WRITERS:
        assert (tmp_path / "streamed" / name).read_bytes() == (tmp_path / "finished" / name).read_bytes(), name
