"""Outcomes as a table: op x dtype x status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.conformance.cases import DTYPES
from tests.conformance.harness import Outcome, Status


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each op, and one for all of them: passes of cases by dtype, counts by status."""
    by_op: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_op.setdefault(outcome.case.op, []).append(outcome)
    dtypes = [dtype for dtype in DTYPES if any(outcome.case.dtype == dtype for outcome in outcomes)]
    lines = [f"{'op':40}" + "".join(f"{dtype:>10}" for dtype in dtypes)]
    lines += [_line(op, some, dtypes) for op, some in by_op.items()]
    return "\n".join([*lines, _line("all", outcomes, dtypes)])


def _line(name: str, outcomes: Sequence[Outcome], dtypes: Sequence[str]) -> str:
    statuses = Counter(outcome.status for outcome in outcomes)
    by_dtype = Counter((outcome.case.dtype, outcome.status is Status.PASS) for outcome in outcomes)
    cells = [f"{by_dtype[dtype, True]}/{sum(by_dtype[dtype, passed] for passed in (True, False))}" for dtype in dtypes]
    words = ", ".join(f"{statuses[status]} {status.value}" for status in Status if statuses[status])
    return f"{name:40}" + "".join(f"{cell:>10}" for cell in cells) + f"  {words}"
