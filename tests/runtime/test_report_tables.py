"""The tables of a run: failed attempts take time, and are no tasks."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from cedr.runtime.fault import FaultReport
from cedr.runtime.report import (
    FAULT_COLUMNS,
    application_table,
    call_table,
    fault_table,
    pe_table,
    summary,
    write_instances_csv,
    write_out,
    write_pes_csv,
)
from cedr.runtime.result import EmulationResult
from tests.runtime.runs import hand_made, with_a_failure


def test_a_failed_attempt_is_no_task() -> None:
    """Of the five rows the last but one failed: 2,000 ns of a zip on cpu2, the only row of the second application."""
    whole = hand_made()
    result = with_a_failure(whole)
    assert dict(summary(whole))["tasks"] == "5" and "failed attempts" not in dict(summary(whole))
    assert dict(summary(result))["tasks"] == "4" and dict(summary(result))["failed attempts"] == "1"
    calls = {row[0]: row[1:4] for row in call_table(result).rows}
    assert calls == {"fft": ("2", "2.501 us", "1.250 us"), "zip": ("2", "2.501 us", "834 ns")}
    assert {row[0]: row[1:3] for row in pe_table(result).rows}["cpu2"] == ("0", "2.000 us")
    assert [row[3:5] for row in application_table(result).rows] == [("4", "3.002 us"), ("0", "2.000 us")]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_nor_is_it_in_the_csv_files(tmp_path: Path) -> None:
    result = with_a_failure(hand_made())
    write_instances_csv(result, tmp_path / "instances.csv")
    counted = [(row["tasks"], row["task_time_ns"]) for row in rows_of(tmp_path / "instances.csv")]
    assert counted == [("2", "2000"), ("2", "1002"), ("0", "2000")]
    write_pes_csv(result, tmp_path / "pes.csv")
    cpu2 = [row for row in rows_of(tmp_path / "pes.csv") if row["pe"] == "cpu2"]
    assert [(row["api"], row["tasks"], row["busy_ns"]) for row in cpu2] == [("zip", "0", "2000"), ("all", "0", "2000")]


def with_deadlines() -> EmulationResult:
    """Latencies of 3000 and 2001 ns, due in 2500; the instance of the second application, without a deadline, fails."""
    return replace(
        hand_made(), deadline_ns=np.array([2500, -1], np.int64), ends_ns=np.array([3000, 3001, -1], np.int64)
    )


def test_deadlines_and_failures_of_every_instance(tmp_path: Path) -> None:
    write_instances_csv(with_deadlines(), tmp_path / "i.csv")
    columns = ("deadline_ns", "late", "failed", "end_ns")
    found = [tuple(row[column] for column in columns) for row in rows_of(tmp_path / "i.csv")]
    assert found == [("2500", "1", "0", "3000"), ("2500", "0", "0", "3001"), ("", "", "1", "")]
    lost = replace(with_deadlines(), deadline_ns=np.array([-1, 9000], np.int64))
    write_instances_csv(lost, tmp_path / "i.csv")
    assert [(row["late"], row["failed"]) for row in rows_of(tmp_path / "i.csv")] == [("", "0"), ("", "0"), ("1", "1")]


def test_the_table_of_applications_has_those_that_are_late() -> None:
    assert "late" not in application_table(hand_made()).headings
    table = application_table(with_deadlines())
    late = table.headings.index("late")
    assert [row[late] for row in table.rows] == ["1", ""]
    assert all(len(row) == len(table.headings) for row in table.rows)
    warm = replace(with_deadlines(), warmup_ns=500)  # the late one is of the warm-up
    assert [row[late] for row in application_table(warm).rows] == ["0", ""]


def test_faults_are_in_a_file_of_their_own(tmp_path: Path) -> None:
    radar = hand_made().app_names[0]
    faults = (
        FaultReport("hang", 2001, 1, "cpu1", radar, 1, 0, "retried", 'cpu1: reset, since it "hung"'),
        FaultReport("stop", 9000, 0, "fft1", None, None, None, "stopped", "fft1 stops"),
    )
    result = replace(hand_made(), faults=faults)
    assert tmp_path / "faults.csv" in write_out(result, tmp_path)
    rows = rows_of(tmp_path / "faults.csv")
    assert [tuple(row) for row in rows] == [FAULT_COLUMNS] * 2
    assert [tuple(row.values()) for row in rows] == [
        ("2001", "hang", "retried", "1", "cpu1", "1", radar, "0", 'cpu1: reset, since it "hung"'),
        ("9000", "stop", "stopped", "0", "fft1", "", "", "", "fft1 stops"),
    ]
    assert [row["text"] for row in rows] == [row[1] for row in fault_table(result).rows]
    assert tmp_path / "faults.csv" not in write_out(hand_made(), tmp_path)
    assert not (tmp_path / "faults.csv").exists()
