"""Runs cases and prints every one that is not a pass, then a table op x dtype x status."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

from tests.conformance.cases import DTYPES, Case
from tests.conformance.groups import GROUPS, module_cases
from tests.conformance.harness import BAD, Outcome, Status, compiled, interpreted, run_cases
from tests.conformance.op_db import op_db_cases, ops
from tests.conformance.table import table


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 where a value is wrong or an exception escapes."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument(
        "--op", action="append", choices=names(), metavar="NAME", help="an entry of op_db or modules-GROUP; repeatable"
    )
    parser.add_argument("--dtype", action="append", choices=DTYPES, help="repeatable")
    parser.add_argument("--case", help="the name of one case")
    parser.add_argument("--emit", choices=("c", "python"), help="through a module (default: the interpreter)")
    parser.add_argument("--most", type=int, help="of the cases of an op and dtype, as many, spread evenly")
    parser.add_argument("--reasons", action="store_true", help="count the reasons of refusals, do not list the cases")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    chosen = options.op or names()
    if options.case:
        chosen = [name for name in names() if options.case.startswith((f"{name}.", f"{name}-"))]
    compute = compiled(options.emit) if options.emit else interpreted
    outcomes: list[Outcome] = []
    for name in chosen:
        cases = cases_of(name, tuple(options.dtype or DTYPES), options.most)
        new = run_cases((case for case in cases if options.case in (None, case.name)), compute)
        for outcome in new:
            if outcome.status in BAD or (outcome.status is not Status.PASS and not options.reasons):
                print(f"{outcome.case.name}: {outcome.status.value}: {outcome.reason}", flush=True)
        outcomes += new
    if not outcomes:
        print("no such case", file=sys.stderr)
        return 2
    print(table(outcomes))
    if options.reasons:
        refused = (outcome for outcome in outcomes if outcome.status is Status.REFUSED)
        for reason, count in Counter(outcome.reason.partition(": ")[2] for outcome in refused).most_common():
            print(f"{count:6} {reason}")
    return int(any(outcome.status in BAD for outcome in outcomes))


def names() -> tuple[str, ...]:
    """All that `--op` takes."""
    return (*ops(), *GROUPS)


def cases_of(name: str, dtypes: tuple[str, ...], most: int | None) -> Iterable[Case]:
    """The cases of an entry or a group."""
    return module_cases(name) if name in GROUPS else op_db_cases(name, dtypes, most)


if __name__ == "__main__":
    sys.exit(main())
