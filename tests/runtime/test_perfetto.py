"""The trace that Perfetto opens: valid JSON, exact times, no two overlap, merged where there are too many."""

from __future__ import annotations

import json
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cedr.runtime.perfetto import compact, write_perfetto
from cedr.runtime.result import EmulationResult
from tests.runtime.runs import empty_run, hand_made, random_run


def load(result: EmulationResult, path: Path, most: int | None = None) -> dict[str, Any]:
    write_perfetto(result, path) if most is None else write_perfetto(result, path, most)
    trace: dict[str, Any] = json.loads(path.read_text(), parse_float=Fraction)
    return trace


def slices_of(trace: dict[str, Any], pid: int) -> list[dict[str, Any]]:
    return [event for event in trace["traceEvents"] if event["ph"] == "X" and event["pid"] == pid]


def test_every_task_with_its_times_and_arguments(tmp_path: Path) -> None:
    trace = load(hand_made(), tmp_path / "t.json")
    names = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_name"
    }
    assert [names[1, tid] for tid in (1, 2, 3)] == ["cpu1", "cpu2", "fft1"]
    assert names[2, 1] == "radar 0" and names[2, 3] == hand_made().app_names[1] + " 2"
    tasks = {(e["args"]["instance"], e["args"]["task"]): e for e in slices_of(trace, 1)}
    assert len(tasks) == 5
    second = tasks[1, 0]
    assert (second["name"], second["cat"], second["tid"]) == ("a:0", "fft", 1)
    assert (second["ts"], second["dur"]) == (1, Fraction("1.001"))
    assert second["args"] == {
        "app": "radar",
        "instance": 1,
        "task": 0,
        "ready_ns": 1000,
        "tasks": 1,
        "busy_ns": 1001,
        "api": "fft",
        "dtype": "c64",
        "shape": {"b": 1, "n": 16, "inverse": True},
    }
    instances = slices_of(trace, 2)
    assert [(e["tid"], e["ts"], e["dur"]) for e in instances] == [
        (1, 0, 3),
        (2, 1, Fraction("2.001")),
        (3, 2, 3),
    ]
    assert trace["displayTimeUnit"] == "ns"
    assert trace["metadata"]["compaction"] == "none" and trace["metadata"]["slices"] == 5


def check_slices(result: EmulationResult, trace: dict[str, Any]) -> None:
    """No slices of a PE overlap; together they hold every task and all busy time."""
    by_pe: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in slices_of(trace, 1):
        by_pe[event["tid"]].append(event)
    for pe in range(len(result.pes)):
        own = sorted(by_pe[pe + 1], key=lambda event: event["ts"])
        assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in pairwise(own))
        rows = result.pe == pe
        assert sum(event["args"]["tasks"] for event in own) == int(rows.sum())
        assert sum(event["args"]["busy_ns"] for event in own) == int((result.end_ns - result.start_ns)[rows].sum())
        if len(own):
            assert own[0]["ts"] * 1000 == int(result.start_ns[rows].min())
            assert (own[-1]["ts"] + own[-1]["dur"]) * 1000 == int(result.end_ns[rows].max())


@pytest.mark.parametrize(
    ("most", "layers", "compaction"), [(2000, 4, "none"), (1999, 4, "runs"), (100, 4, "windows"), (1, 1, "windows")]
)
def test_merging(most: int, layers: int, compaction: str, tmp_path: Path) -> None:
    result = random_run(2000, layers)
    trace = load(result, tmp_path / "t.json", most)
    check_slices(result, trace)
    assert trace["metadata"]["compaction"] == compaction and trace["metadata"]["tasks"] == 2000
    assert len(slices_of(trace, 1)) == trace["metadata"]["slices"] <= most + len(result.pes)


def test_runs_of_one_label_are_merged_first(tmp_path: Path) -> None:
    result = random_run(2000, 4)
    one_kind = EmulationResult(**{**result.__dict__, "task_class": result.task_class // 2 * 2})
    trace = load(one_kind, tmp_path / "t.json", 500)
    check_slices(one_kind, trace)
    assert trace["metadata"]["compaction"] == "runs" and len(slices_of(trace, 1)) == 12
    assert {event["name"] for event in slices_of(trace, 1)} == {f"l{layer}_conv:0" for layer in range(4)}


def test_a_window_is_named_after_what_takes_most_of_it() -> None:
    result = random_run(2000, 4)
    slices = compact(result, 60)
    for index in range(len(slices.pe)):
        inside = (
            (result.pe == slices.pe[index])
            & (result.start_ns >= slices.start_ns[index])
            & (result.end_ns <= slices.end_ns[index])
        )
        assert int(inside.sum()) == slices.tasks[index]
        length = (result.end_ns - result.start_ns)[inside]
        busy = np.bincount(result.task_class[inside], weights=length, minlength=len(result.classes))
        assert busy[result.task_class[slices.first[index]]] == busy.max()


def test_an_empty_run(tmp_path: Path) -> None:
    trace = load(empty_run(), tmp_path / "t.json")
    assert slices_of(trace, 1) == []
