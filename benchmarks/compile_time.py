"""Time from an exported program to a module that can run, beside torch.compile's (inductor, cold) on the same models.

    python benchmarks/compile_time.py [--models vgg16,m5] [--pipeline default] [--rounds 3] [--json]

Per model, medians over rounds, each measurement in a process of its own, the two in turn: `export_s` (torch.export, for
information), `compile_s` (import, passes, emission), `build_s` (the C compiler), `inductor_s` (first call of the compiled
module less its second, caches empty), and `ratio`, the median over rounds of (compile_s + build_s) / inductor_s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SMALL = ("vgg_digits", "m5_words", "tiny_yolo_digits")

OURS = """
import json, sys, torch
torch.set_num_threads(1)
from cedr.tools.driver import compile_torch
from cedr.tools.models import find_model
from cedr.tools.options import CompileOptions
program = compile_torch(find_model(sys.argv[1]), CompileOptions(pipeline=sys.argv[2]))
figures = program.manifest.figures
print(json.dumps({"export_s": figures.export_s, "compile_s": figures.compile_s, "build_s": figures.build_s}))
"""
INDUCTOR = """
import json, sys, time, torch
torch.set_num_threads(1)
from cedr.tools.models import find_model
model = find_model(sys.argv[1])
compiled = torch.compile(model.module)
times = []
with torch.no_grad():
    for _ in range(2):
        start = time.perf_counter()
        compiled(*model.example_inputs)
        times.append(time.perf_counter() - start)
print(json.dumps({"inductor_s": times[0] - times[1]}))
"""


def measure(program: str, *arguments: str) -> dict[str, float]:
    """What a program prints, run in a process of its own with empty compiler caches."""
    root = str(Path(__file__).resolve().parents[1])
    with tempfile.TemporaryDirectory() as cache:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TORCHINDUCTOR_CACHE_DIR": cache,
            "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
        }
        process = subprocess.run(
            [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    if process.returncode:
        raise SystemExit(f"{arguments[0]}: {process.stderr.strip()}")
    figures: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(SMALL), help="zoo models, separated by commas")
    parser.add_argument("--pipeline", default="default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args()
    result: dict[str, object] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"}
    for model in options.models.split(","):
        rounds = [{**measure(OURS, model, options.pipeline), **measure(INDUCTOR, model)} for _ in range(options.rounds)]
        row = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        row["ratio"] = statistics.median((r["compile_s"] + r["build_s"]) / r["inductor_s"] for r in rounds)
        result[model] = row
        if not options.json:
            print(f"{model:18s} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items()), flush=True)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
