"""A sweep of the size that CEDR published, under `linux-cfs`: 27 compositions x 4 schedulers x 21 rates.

    python benchmarks/published_sweep.py [--processes 2] [--points N] [--json]

Every point is a run of 71 applications and 29,580 tasks on the ZCU102, every task simulated, nothing kept from one point
to the next. Keys: `seconds` (wall, with the start of the processes and numba's compilation or its cache), `points`,
`tasks`, `processes`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from cedr_sweep import PLATFORM, SCHEDULERS, Parameters, Point, simulate_all

from cedr.target.platform import load_platform

COMPOSITIONS: Final = tuple(f"C{cpus}" + (f"+F{ffts}" if ffts else "") for cpus in (1, 2, 3) for ffts in range(9))
RATES_MBPS: Final = (
    *(10, 20, 30, 50, 70, 80, 100, 200, 300, 500, 700, 800),
    *(1000, 1200, 1300, 1500, 1600, 1700, 1800, 1900, 2000),
)


def sweep(processes: int, limit: int | None) -> dict[str, float | int]:
    """limit: the first points only."""
    points = [
        Point(composition, scheduler, rate, 1.0, 1.0, 0.0)
        for composition in COMPOSITIONS
        for scheduler in SCHEDULERS
        for rate in RATES_MBPS
    ][:limit]
    parameters = Parameters.from_platform(load_platform(PLATFORM))
    start = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        runs = simulate_all(points, parameters, pool)
    return {
        "seconds": time.perf_counter() - start,
        "points": len(runs),
        "tasks": sum(run.tasks for run in runs),
        "processes": processes,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), metavar="N", help="default: the machine's cores"
    )
    parser.add_argument("--points", type=int, default=None, metavar="N", help="the first N points only")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = sweep(arguments.processes, arguments.points)
    if arguments.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['points']} points, {result['tasks']:,} tasks in {result['seconds']:.1f} s "
            f"on {result['processes']} processes"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
