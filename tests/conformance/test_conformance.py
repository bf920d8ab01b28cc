"""No case computes another value than PyTorch or ends in a traceback, and nearly all of them pass.

One case alone: `python -m tests.conformance --case NAME`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from tests.conformance.cases import DTYPES, Case
from tests.conformance.groups import GROUPS, module_cases
from tests.conformance.harness import BAD, Outcome, Status, compiled, interpreted, judged, run_cases
from tests.conformance.op_db import op_db_cases, ops
from tests.conformance.table import table

torch.set_num_threads(1)

FLOOR = 0.95
"""Least share of the cases of a dtype or a group that pass, of those that PyTorch exports."""


def check(outcomes: Sequence[Outcome], floor: float) -> None:
    """Prints the table; fails with every wrong value and traceback, and below the floor."""
    print("\n" + table(outcomes))
    bad = [f"{o.case.name}: {o.status.value}: {o.reason}" for o in outcomes if o.status in BAD]
    assert not bad, "\n".join(bad)
    exported = [o for o in outcomes if o.status is not Status.NOT_EXPORTABLE]
    share = sum(o.status is Status.PASS for o in exported) / len(exported)
    assert share >= floor, f"{share:.1%} of {len(exported)} cases pass"


def spread(dtypes: tuple[str, ...], most: int) -> list[Case]:
    """So many cases of each op and dtype."""
    return [case for op in ops() for case in op_db_cases(op, dtypes, most)]


FAST = ops()[::8]
"""Entries for every run; all of them take minutes."""


@pytest.mark.parametrize("dtype", ["f32", "i64"])
def test_a_case_of_some_ops(dtype: str) -> None:
    cases = [case for op in FAST for case in op_db_cases(op, (dtype,), 1)]
    check(run_cases(cases, interpreted), 0.9)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cases_of_each_op(dtype: str) -> None:
    check(run_cases(spread((dtype,), 60), interpreted), FLOOR)


def test_a_half_answer_passes_where_it_is_nearer_than_pytorchs() -> None:
    logits = torch.tensor([[0.1, 1.0], [0.2, 0.5]], dtype=torch.float16)
    case = Case.of("sum", "sum", "f16", torch.sum, (logits,), {})
    exact, rough, wrong = (torch.tensor(number, dtype=torch.float16) for number in (1.8, 1.81, 1.83))
    assert judged(case, rough, exact).status is Status.PASS
    assert judged(case, rough, wrong).status is Status.WRONG
    assert judged(case, exact, rough).status is Status.WRONG


QUICK = ("modules-activations", "modules-shapes", "modules-empty", "modules-promotion")
"""Groups for every run."""


@pytest.mark.parametrize("group", [pytest.param(g, marks=[] if g in QUICK else [pytest.mark.slow]) for g in GROUPS])
def test_modules_of_ours(group: str) -> None:
    check(run_cases(module_cases(group), interpreted), FLOOR)


def test_some_programs_at_random_through_every_level() -> None:
    check(run_cases(module_cases("modules-programs")[:8], compiled("c")), 1)


@pytest.mark.slow
@pytest.mark.parametrize("emit", ["c", "python"])
@pytest.mark.parametrize("group", GROUPS)
def test_modules_of_ours_through_every_level(group: str, emit: str) -> None:
    check(run_cases(module_cases(group), compiled(emit)), FLOOR)


@pytest.mark.slow
@pytest.mark.parametrize("emit", ["c", "python"])
@pytest.mark.parametrize("dtype", ["f32", "i64"])
def test_cases_through_every_level(dtype: str, emit: str) -> None:
    check(run_cases(spread((dtype,), 3), compiled(emit)), FLOOR)
