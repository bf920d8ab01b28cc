"""How near the emulator comes to what CEDR measured on the ZCU102.

    python benchmarks/fidelity.py --calibration FILE --check FILE [--without-slides] [--json]

FILE: points of the published API sweep (UA-RCL/CEDR 96eeda6, the sweep's output.csv), in CEDR's own columns or as pool,
scheduler, rate_mbps, exe_ms, cum_ms, ovh_ms. `--calibration` names the points that benchmarks/fit_zcu102.py was given,
`--check` any others.

    calibration, check   errors over each file's points, as fractions: see cedr_sweep.statistics
    slide18_error, slide19_error   see aiccsa_slides.py
    fitted_parameters    name: value
    ablation             effect: the errors over the check points without it (every third point)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiccsa_slides import compare
from cedr_sweep import PLATFORM, Parameters, read_points, simulate_all, statistics

from cedr.runtime.linux_cfs import EFFECTS
from cedr.target.errors import CedrError
from cedr.target.platform import load_platform

ABLATION_EVERY = 3


def measure(calibration: Path, check: Path, slides: bool, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """All figures. Raises CedrError for a file that can't be read."""
    files = {"calibration": read_points(calibration), "check": read_points(check)}
    parameters = Parameters.from_platform(load_platform(PLATFORM))
    result: dict[str, Any] = {}
    for name, points in files.items():
        _tell(f"{name}: {len(points)} points")
        result[name] = statistics(points, simulate_all(points, parameters, pool))
    result["slide18_error"] = result["slide19_error"] = None
    if slides:
        _tell("slides")
        found = compare(pool)
        result |= {
            "slide18_error": found.slide18_error,
            "slide19_error": found.slide19_error,
            "slides": {
                "round_robin_worse_others_better": found.round_robin_worse_others_better,
                "scale": found.scale,
                "slide18_s": dict(found.slide18_s),
                "slide19_s": dict(found.slide19_s),
            },
        }
    result["fitted_parameters"] = asdict(parameters)
    few = files["check"][::ABLATION_EVERY]
    result["ablation"] = {"nothing": statistics(few, simulate_all(few, parameters, pool))}
    for effect in EFFECTS:
        _tell(f"without {effect}")
        result["ablation"][effect] = statistics(few, simulate_all(few, parameters, pool, (effect,)))
    return result


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calibration", type=Path, required=True, metavar="FILE")
    parser.add_argument("--check", type=Path, required=True, metavar="FILE")
    parser.add_argument("--without-slides", action="store_true", help="leave out what needs the compiler and torch")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            result = measure(arguments.calibration, arguments.check, not arguments.without_slides, pool)
    except CedrError as error:
        print(f"fidelity: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(result))
        return 0
    _print(result)
    return 0


def _print(result: dict[str, Any]) -> None:
    keys = list(result["check"])
    rows = {"calibration": result["calibration"], "check": result["check"]}
    rows |= {f"check without {effect}": found for effect, found in result["ablation"].items() if effect != "nothing"}
    print(f"{'':36s}" + " ".join(f"{key.removesuffix('_error').removeprefix('exe_')[:11]:>11s}" for key in keys))
    for name, found in rows.items():
        print(f"{name:36s}" + " ".join("          -" if found[k] is None else f"{found[k]:11.3f}" for k in keys))
    for key in ("slide18_error", "slide19_error"):
        print(f"{key:36s}" + ("          -" if result[key] is None else f"{result[key]:11.3f}"))
    for name, value in result["fitted_parameters"].items():
        print(f"{name:36s}{value:11g}")


if __name__ == "__main__":
    sys.exit(main())
