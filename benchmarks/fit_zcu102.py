"""Fits the parameters of `linux-cfs` on the ZCU102 to points of CEDR's published API sweep.

    python benchmarks/fit_zcu102.py POINTS.csv [--evaluations 400] [--seed 1] [--json]

POINTS.csv: points in CEDR's own columns, or pool, scheduler, rate_mbps, exe_ms, cum_ms, ovh_ms. The eleven parameters are
`cedr_sweep.Parameters`: each has a physical meaning and none belongs to a composition, a scheduler or a rate. It begins
at the values that the project has and searches at random: one to three parameters at a time are changed by some percent,
and what makes `loss` smaller is kept; steps that succeed grow, others shrink. Small changes of a parameter shift threads by
a time slice, so `loss` is rough: several seeds are worth trying. It prints what it found; nothing is written.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

import numpy as np
from cedr_sweep import PLATFORM, Parameters, Point, Run, read_points, simulate_all, statistics

from cedr.target.errors import CedrError
from cedr.target.platform import load_platform

NAMES: Final = tuple(field.name for field in fields(Parameters))
#: The first step of the search, as a share of each parameter.
FIRST_STEP: Final = 0.09


def loss(points: Sequence[Point], runs: Sequence[Run]) -> float:
    """What is made small: the mean error of the execution time, with weights on low rates, the knee, the cumulative time and
    the order of schedulers. Means rather than quantiles: a hundred noisy points say little about a 90th percentile.
    """
    found = statistics(points, runs)
    errors = [abs(run.exe_ms / point.exe_ms - 1) for point, run in zip(points, runs, strict=True)]
    weights = {"low_rate_error": 0.5, "knee_error": 0.3, "cum_median_error": 0.3}
    weighted = sum(weight * (found[key] or 0.0) for key, weight in weights.items())
    wrong_order = 0.0 if found["pair_order"] is None else 1 - found["pair_order"]
    return float(np.mean(errors)) + weighted + 0.1 * wrong_order


def fit(
    points: Sequence[Point], start: Parameters, evaluations: int, seed: int, pool: ProcessPoolExecutor
) -> Parameters:
    """The best parameters found. Reports every step forward on stderr."""
    random = np.random.default_rng(seed)
    best, least = start, loss(points, simulate_all(points, start, pool))
    print(f"start: {least:.4f}", file=sys.stderr)
    steps = dict.fromkeys(NAMES, FIRST_STEP)
    for evaluation in range(1, evaluations + 1):
        moved = [str(name) for name in random.choice(NAMES, random.integers(1, 4), replace=False)]
        values = asdict(best)
        for name in moved:
            values[name] *= math.exp(random.normal() * steps[name])
        values["matched_filter_share"] = min(values["matched_filter_share"], 0.95)
        candidate = Parameters(**values)
        found = loss(points, simulate_all(points, candidate, pool))
        better = found < least
        for name in moved:
            steps[name] = (
                min(2.5 * FIRST_STEP, steps[name] * 1.3) if better else max(FIRST_STEP / 6, steps[name] * 0.95)
            )
        if better:
            best, least = candidate, found
            print(f"{evaluation} evaluations: {least:.4f} {json.dumps(asdict(best))}", file=sys.stderr)
    return best


def rounded(parameters: Parameters) -> Parameters:
    """To four significant digits: as they are written down."""
    return Parameters(**{name: _round(value) for name, value in asdict(parameters).items()})


def _round(value: float) -> float:
    return round(value, 3 - math.floor(math.log10(value))) if value > 0 else value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path, metavar="POINTS.csv")
    parser.add_argument("--evaluations", type=int, default=400, metavar="N", help="of all points (default: 400)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the search (default: 1)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        points = read_points(arguments.points)
        start = Parameters.from_platform(load_platform(PLATFORM))
        with ProcessPoolExecutor(
            os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
        ) as pool:
            best = rounded(fit(points, start, arguments.evaluations, arguments.seed, pool))
            found = statistics(points, simulate_all(points, best, pool))
    except CedrError as error:
        print(f"fit_zcu102: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"parameters": asdict(best), "statistics": found}))
        return 0
    for name, value in asdict(best).items():
        print(f"{name:26s} {value:g}")
    for key, figure in found.items():
        print(f"{key:26s} {figure if figure is None else round(figure, 4)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
