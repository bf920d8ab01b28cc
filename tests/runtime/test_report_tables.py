"""The tables of a run: failed attempts take time, and are no tasks."""

from __future__ import annotations

import csv
from pathlib import Path

from cedr.runtime.report import application_table, call_table, pe_table, summary, write_instances_csv, write_pes_csv
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
