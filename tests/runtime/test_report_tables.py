"""The tables of a run: failed attempts take time, and are no tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cedr.runtime.report import application_table, call_table, pe_table, summary
from tests.runtime.runs import hand_made


def test_a_failed_attempt_is_no_task() -> None:
    """Of the five rows the last but one failed: 2,000 ns of a zip on cpu2, the only row of the second application."""
    whole = hand_made()
    result = replace(whole, failed=np.array([False, False, False, True, False]))
    assert dict(summary(whole))["tasks"] == "5" and "failed attempts" not in dict(summary(whole))
    assert dict(summary(result))["tasks"] == "4" and dict(summary(result))["failed attempts"] == "1"
    calls = {row[0]: row[1:4] for row in call_table(result).rows}
    assert calls == {"fft": ("2", "2.501 us", "1.250 us"), "zip": ("2", "2.501 us", "834 ns")}
    assert {row[0]: row[1:3] for row in pe_table(result).rows}["cpu2"] == ("0", "2.000 us")
    assert [row[3:5] for row in application_table(result).rows] == [("4", "3.002 us"), ("0", "2.000 us")]
