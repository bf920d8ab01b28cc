"""How many points a minute `cedr sweep` emulates, and what a second core brings.

    python benchmarks/sweep_speed.py [--rates 60] [--rounds 3] [--json]

The points are those of the cross-domain mixes: a run of 25 WiFi transmissions and 20 pulse Dopplers, the applications of
CEDR's published sweep (`cedr_sweep.py`) as records, 12,740 tasks a point, under `linux-cfs`, on 4 compositions, by 4
schedulers, at `--rates` injection rates. Each round emulates all of them with one process and with two, in turn, into
new folders, the journal's fsync of every point and the tables included; what starts a process and makes numba's code
ready is done beforehand by a sweep of two points. The figures are medians over the rounds.

    points_per_minute   with two processes
    scaling             the same by that of one process, each round's own pair
    points, tasks       of one sweep
    cores               that this process may use: with one of them, scaling says nothing
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from cedr_sweep import PLATFORM, PULSE_DOPPLER_MEGABITS, WIFI_TX_MEGABITS, Parameters, pulse_doppler, wifi_tx

from cedr.runtime.record import STEP_BLOCK, STEP_HOST, Record, RecordWriter
from cedr.target.platform import load_platform
from cedr.tools.sweep import SweepOptions, run_sweep

JOBS: Final = 2
MOST_MBPS: Final = 2_000

SPEC: Final = """\
platform = "{platform}"
hw = {hw}
schedulers = {schedulers}
rates_mbps = {rates}
os_model = "linux-cfs"

[[workload]]
name = "mix"

[[workload.application]]
model = "wifi_tx.cedrrec"
instances = {wifi_tx}
megabits = {wifi_tx_megabits}

[[workload.application]]
model = "pulse_doppler.cedrrec"
instances = {pulse_doppler}
megabits = {pulse_doppler_megabits}
"""


def write_record(record: Record, path: Path) -> None:
    """One thread that works and calls in turn."""
    (thread,) = record.threads
    host_ns, calls = 0, 0
    with RecordWriter(path) as writer:
        numbers = [writer.add_class(call) for call in record.classes]
        for kind, value, _ in thread.steps.tolist():
            if kind == STEP_HOST:
                host_ns = value
            elif kind == STEP_BLOCK:
                writer.submit_many(numbers[record.class_of[calls]], [calls], [0, 0], [], host_ns=host_ns, block=True)
                host_ns, calls = 0, calls + 1
        writer.end()


def write_spec(path: Path, rates: int, whole: bool) -> None:
    """The sweep; not whole: two points of it."""
    path.write_text(
        SPEC.format(
            platform=PLATFORM,
            hw=json.dumps(["C2+F1", "C3", "C3+F1", "C3+F2"] if whole else ["C3"]),
            schedulers=json.dumps(["RR", "MET", "EFT", "ETF"] if whole else ["EFT"]),
            rates=[round(10 * (MOST_MBPS / 10) ** (k / max(1, rates - 1)), 3) for k in range(rates)]
            if whole
            else [10, 20],
            wifi_tx=25,
            wifi_tx_megabits=WIFI_TX_MEGABITS,
            pulse_doppler=20,
            pulse_doppler_megabits=PULSE_DOPPLER_MEGABITS,
        )
    )


def measure(folder: Path, rates: int, rounds: int) -> dict[str, Any]:
    parameters = Parameters.from_platform(load_platform(PLATFORM))
    for name, record in (("wifi_tx", wifi_tx(parameters)), ("pulse_doppler", pulse_doppler(parameters))):
        write_record(record, folder / f"{name}.cedrrec")
    write_spec(folder / "whole.toml", rates, True)
    write_spec(folder / "two.toml", rates, False)
    per_minute: dict[int, list[float]] = {1: [], JOBS: []}
    points = 0
    for jobs in per_minute:
        run_sweep(folder / "two.toml", SweepOptions(folder / f"first{jobs}", jobs))
    for number in range(rounds):
        for jobs, found in per_minute.items():
            out = folder / f"{number}-{jobs}"
            start = time.perf_counter()
            figures = run_sweep(folder / "whole.toml", SweepOptions(out, jobs)).figures
            found.append(60 * figures["emulated"] / (time.perf_counter() - start))
            points = figures["points"]
    return {
        "points_per_minute": statistics.median(per_minute[JOBS]),
        "scaling": statistics.median(two / one for one, two in zip(per_minute[1], per_minute[JOBS], strict=True)),
        "one_process": statistics.median(per_minute[1]),
        "points": points,
        "tasks": points * (25 * 100 + 20 * 512),
        "cores": len(os.sched_getaffinity(0)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rates", type=int, default=60, metavar="N", help="injection rates; 16 points each (default: 60)"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cedr-sweep-") as folder:
        result = measure(Path(folder), arguments.rates, arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['points_per_minute']:,.0f} points a minute with {JOBS} processes on {result['cores']} cores, "
            f"{result['scaling']:.2f} times that of one; {result['points']:,} points, {result['tasks']:,} tasks"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
