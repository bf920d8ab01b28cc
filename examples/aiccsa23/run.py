"""The experiments of "PyTorch and CEDR" (AICCSA 2023) on the emulated board.

    python examples/aiccsa23/run.py -o OUT [--jobs N]

Writes OUT/NAME.csv for each experiment, OUT/figures/*.svg with OUT/figures/captions.md, and OUT/findings.json: what the paper
found, whether it holds here, and with which figures. Ended and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from applications import write_records
from findings import (
    Finding,
    Row,
    fairness,
    instances_flatten,
    is_fair,
    others_are_better_with_conv2d,
    read_points,
    richer_is_faster,
    richer_saturates_later,
    round_robin_is_worse_with_conv2d,
    saturates,
    throughput_is_kept,
)

from cedr.runtime.gantt import write_gantt
from cedr.target.files import write_atomically
from cedr.tools.emulate import EmulateOptions, run_scenario
from cedr.tools.plot import PlotOptions, plot
from cedr.tools.sweep import SweepOptions, run_sweep

HERE: Final = Path(__file__).parent
MAPPINGS: Final = ("layerwise", "default")
#: Each sweep, the figures that are drawn of it, and what a caption says of it.
SWEEPS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "pools": (
        ("pools", "utilisation"),
        "One detection on three CPU workers, with and without a Conv2D and a ZIP accelerator",
    ),
    "instances": (("instances",), "One to ten detections at once on C3+C2D1+Z1"),
    "mix": (
        ("rate", "rate3d", "overhead"),
        "Five detections, 19 pulse Dopplers and 23 WiFi transmissions, about 81 Mb of each, over the injection rate of each",
    ),
    "polling": ((), "The plateau of the mix where workers without a task poll"),
    "fairness": ((), "Each application of the mix by itself, and all together, on C3+F1+C2D1+Z1"),
}
CHECKS: Final[Mapping[str, Sequence[Callable[[Sequence[Row]], Finding]]]] = {
    "pools": (round_robin_is_worse_with_conv2d, others_are_better_with_conv2d),
    "instances": (instances_flatten,),
    "mix": (saturates, richer_is_faster, richer_saturates_later, throughput_is_kept),
    "polling": (richer_is_faster,),
}
DETECTOR: Final = "the small detector on images of 1056 x 1920; every call is simulated, none in batches"


def _write_json(path: Path, value: object) -> None:
    with write_atomically(path) as stream:
        stream.write(json.dumps(value, indent=2).encode() + b"\n")


def _write_csv(path: Path, table: Sequence[Mapping[str, str | float]]) -> None:
    columns = list(dict.fromkeys(name for line in table for name in line))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(table)


def _figures(out: Path, name: str) -> list[Path]:
    """Draw a sweep's figures as OUT/figures/NAME_*.svg."""
    kinds = SWEEPS[name][0]
    if not kinds:
        return []
    drawn = plot(out / name, PlotOptions(kinds, out / name / "figures", ("svg",)))
    return [Path(shutil.move(path, out / "figures" / f"{name}_{path.name}")) for path in drawn]


def _gantt(out: Path, mapping: str) -> Path:
    """The whole run of three networks at once."""
    path = out / "figures" / f"gantt_{mapping}.svg"
    emulated = run_scenario(out / f"gantt_{mapping}.toml", EmulateOptions())
    write_gantt(emulated.emulation, path, title=f"VGG16, detection and speech, mapping {mapping}")
    return path


def _findings(points: Mapping[str, Sequence[Row]], shares: Sequence[Mapping[str, str | float]]) -> dict[str, Finding]:
    found = {}
    for mapping in MAPPINGS:
        for name, checks in CHECKS.items():
            own = [row for row in points[name] if row["workload"] == mapping]
            suffix = f"_with_{name}" if name == "polling" else ""
            found |= {f"{check.__name__}{suffix}.{mapping}": check(own) for check in checks}
        found[f"{is_fair.__name__}.{mapping}"] = is_fair([line for line in shares if line["mix"] == mapping])
    return found


def run(out: Path, jobs: int | None) -> dict[str, Finding]:
    """Everything, into a folder."""
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for file in (*HERE.glob("*.toml"), HERE / "detector.py"):
        shutil.copy(file, out)
    write_records(out / "records")
    points, captions = {}, []
    for name, (_, text) in SWEEPS.items():
        swept = run_sweep(out / f"{name}.toml", SweepOptions(out / name, jobs))
        if swept.refusal is not None:
            raise SystemExit(swept.refusal)
        shutil.copy(out / name / "points.csv", out / f"{name}.csv")
        points[name] = read_points(out / f"{name}.csv")
        captions += [f"- `{path.name}`: {text}; {DETECTOR}." for path in _figures(out, name)]
    for mapping in MAPPINGS:
        path = _gantt(out, mapping)
        captions.append(
            f"- `{path.name}`: VGG16, {DETECTOR.partition(';')[0]} and M5 at once on C3+C2D1+Z1 under EFT, mapping {mapping}; "
            "every call is simulated, none in batches."
        )
    alone = {"pulse_doppler": "pulse_doppler", "wifi_tx": "wifi_tx"}
    shares = fairness(
        points["fairness"],
        {"layerwise": {"detection": "detection", **alone}, "default": {"detection": "detection_default", **alone}},
    )
    _write_csv(out / "shares.csv", shares)
    (out / "figures" / "captions.md").write_text("\n".join(captions) + "\n", encoding="utf-8")
    found = _findings(points, shares)
    _write_json(out / "findings.json", {name: asdict(finding) for name, finding in found.items()})
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a folder, made if need be")
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="processes (default: the machine's cores)")
    arguments = parser.parse_args()
    start = time.perf_counter()
    for name, finding in run(arguments.output, arguments.jobs).items():
        print(f"{'holds ' if finding.holds else 'FAILS '} {name}: {finding.reason}")
    seconds, processes = time.perf_counter() - start, arguments.jobs or os.cpu_count()
    print(f"{arguments.output / 'findings.json'}; {seconds:.0f} s on {processes} processes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
