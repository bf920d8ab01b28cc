"""The trace that Perfetto opens: valid JSON, every task, exact times, no two of a track overlap."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cedr.runtime.perfetto import APPLICATIONS, CORES, PES, PORTS, SCHEDULER, load_over_time, write_perfetto
from cedr.runtime.result import EmulationResult
from tests.runtime.runs import empty_run, hand_made, random_run, with_a_failure, with_segments


def load(result: EmulationResult, path: Path) -> dict[str, Any]:
    write_perfetto(result, path)
    trace: dict[str, Any] = json.loads(path.read_text(), parse_float=Decimal)
    return trace


def of_kind(trace: dict[str, Any], kind: str, pid: int) -> list[dict[str, Any]]:
    return [event for event in trace["traceEvents"] if event["ph"] == kind and event["pid"] == pid]


def tracks(trace: dict[str, Any]) -> dict[tuple[int, int], str]:
    return {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_name"
    }


def test_every_task_with_its_times_and_arguments(tmp_path: Path) -> None:
    trace = load(hand_made(), tmp_path / "t.json")
    assert tracks(trace) == {(PES, 1): "cpu1", (PES, 2): "cpu2", (PES, 3): "fft1"}
    tasks = {(e["args"]["instance"], e["args"]["task"]): e for e in of_kind(trace, "X", PES)}
    assert len(tasks) == 5
    second = tasks[1, 0]
    assert (second["name"], second["tid"], second["ts"], second["dur"]) == ("a:0", 1, 1, Decimal("1.001"))
    assert second["args"] == {
        "app": "radar",
        "instance": 1,
        "task": 0,
        "ready_ns": 1000,
        "call": "fft c64 b=1 n=16 inverse=True",
    }
    assert tasks[2, 0]["args"]["app"] == hand_made().app_names[1]
    assert trace["displayTimeUnit"] == "ns"
    assert trace["metadata"] == {
        "tool": "cedr",
        "tasks": 5,
        "failed_attempts": 0,
        "instances": 3,
        "makespan_ns": 5000,
        "warmup_ns": 0,
    }


def test_a_failed_attempt_has_a_name_and_a_category_of_its_own(tmp_path: Path) -> None:
    trace = load(with_a_failure(hand_made()), tmp_path / "t.json")
    assert [(e["name"], e["cat"]) for e in of_kind(trace, "X", PES)] == [
        ("a:0", "task"),
        ("a:0", "task"),
        ("b,c:1", "task"),
        ("b,c:1 (failed)", "failed"),
        ("b,c:1", "task"),
    ]
    assert (trace["metadata"]["tasks"], trace["metadata"]["failed_attempts"]) == (4, 1)


def test_instances_are_asynchronous_slices(tmp_path: Path) -> None:
    trace = load(replace(hand_made(), ends_ns=np.array([3000, 3001, -1], np.int64)), tmp_path / "t.json")
    begins, ends = (of_kind(trace, kind, APPLICATIONS) for kind in "be")
    assert [(e["id"], e["name"], e["ts"]) for e in begins] == [
        (0, "radar", 0),
        (1, "radar", 1),
        (2, hand_made().app_names[1], 2),
    ]
    assert [(e["id"], e["name"], e["ts"]) for e in ends] == [(0, "radar", 3), (1, "radar", Decimal("3.001"))]


@pytest.mark.parametrize("n_tasks", [2000, 50_001])
def test_tasks_of_a_pe_do_not_overlap_and_none_is_missing(n_tasks: int, tmp_path: Path) -> None:
    result = random_run(n_tasks)
    trace = load(result, tmp_path / "t.json")
    by_pe: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in of_kind(trace, "X", PES):
        by_pe[event["tid"]].append(event)
    assert sum(map(len, by_pe.values())) == n_tasks
    for pe in range(len(result.pes)):
        own, rows = by_pe[pe + 1], result.pe == pe
        assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in pairwise(own))
        assert [int(event["ts"] * 1000) for event in own] == result.start_ns[rows].tolist()
        assert [int(event["dur"] * 1000) for event in own] == (result.end_ns - result.start_ns)[rows].tolist()


def test_counters_are_those_of_counting(tmp_path: Path) -> None:
    result = random_run(300)
    result = replace(result, ready_ns=np.maximum(0, result.start_ns - 1500))
    times, waiting, running = load_over_time(result)
    assert (np.diff(times) > 0).all() and waiting[-1] == running[-1] == 0
    assert running.max() == len(result.pes)
    for time, waits, runs in zip(times.tolist(), waiting.tolist(), running.tolist(), strict=True):
        assert waits == int(((result.ready_ns <= time) & (result.start_ns > time)).sum())
        assert runs == int(((result.start_ns <= time) & (result.end_ns > time)).sum())
    events = of_kind(load(result, tmp_path / "t.json"), "C", SCHEDULER)
    assert [int(event["ts"] * 1000) for event in events] == times.tolist()
    assert [event["args"] for event in events] == [
        {"waiting": waits, "running": runs} for waits, runs in zip(waiting.tolist(), running.tolist(), strict=True)
    ]


def test_rounds_cores_and_ports_where_there_are_some(tmp_path: Path) -> None:
    result = replace(
        with_segments(hand_made()),
        round_start_ns=np.array([0, 990], np.int64),
        round_end_ns=np.array([5, 1000], np.int64),
        round_ready=np.array([1, 2], np.int64),
    )
    trace = load(result, tmp_path / "t.json")
    names = tracks(trace)
    assert (names[SCHEDULER, 1], names[CORES, 2], names[PORTS, 1]) == ("rounds", "core1", "hp0")
    rounds = of_kind(trace, "X", SCHEDULER)
    assert [(e["ts"], e["dur"], e["args"]["ready"]) for e in rounds] == [
        (0, Decimal("0.005"), 1),
        (Decimal("0.990"), Decimal("0.010"), 2),
    ]
    cores = of_kind(trace, "X", CORES)
    assert [(e["tid"], e["name"], e["args"]["kind"], e["ts"]) for e in cores] == [
        (1, "daemon", "daemon", 0),
        (2, "cpu1 worker", "kernel", 1),
        (2, "radar 0", "application", Decimal("2.001")),
    ]
    assert [(e["tid"], e["name"], e["args"]["kind"]) for e in of_kind(trace, "X", PORTS)] == [(1, "fft1", "in")]


def test_an_empty_run(tmp_path: Path) -> None:
    trace = load(empty_run(), tmp_path / "t.json")
    assert of_kind(trace, "X", PES) == [] and of_kind(trace, "C", SCHEDULER) == []
