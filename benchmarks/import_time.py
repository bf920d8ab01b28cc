"""Time from a decomposed ExportedProgram to a verified module of linalg on tensors, beside torch-mlir's importer.

    python benchmarks/import_time.py [--models vgg16,m5] [--nodes 10000] [--rounds 3] [--json]

`seconds` by model of the zoo and `nodes_10000_s` of a synthetic graph of at least that many nodes are medians over rounds,
each in a fork of the process that exported the program, so that nothing is cached from before (the fork's page faults
count); `linearity` is the time per node of that graph over that of a graph a quarter as long. `torch_mlir` has the same
keys for torch-mlir's FxImporter on the same programs (to its own torch dialect, verified, which is before any lowering to
linalg), null where it isn't installed; a program that it can't import has null. Seconds of the wall clock, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from cedr.frontend.zoo import ZOO

PROGRAM = """
import json, os, sys, time, torch
torch.set_num_threads(1)
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from cedr.tools.models import find_model

class Chain(torch.nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.linear = torch.nn.Linear(16, 16)
        self.blocks = blocks

    def forward(self, x):
        for i in range(self.blocks):
            y = torch.relu(self.linear(x)) * 0.5 + x
            a, b = y.view(4, 2, 16).transpose(0, 1).reshape(8, 16).split(8, 1)
            x = torch.tanh(torch.cat([b, torch.sigmoid(a)], 1)) - y.mean(1, keepdim=True)
        return x

what, rounds = sys.argv[1], int(sys.argv[2])
if what.isdigit():
    blocks = lambda count: export_model(Chain(count).eval(), (torch.randn(8, 16),))
    one, two = (len(blocks(count).graph.nodes) for count in (1, 2))
    program = blocks(1 + -(-(int(what) - one) // (two - one)))
else:
    model = find_model(what)
    program = export_model(model.module, model.example_inputs)

try:
    from torch_mlir import ir
    from torch_mlir.dialects import torch as torch_dialect
    from torch_mlir.extras.fx_importer import FxImporter
except ImportError:
    installed = False
else:
    installed = True

def ours():
    start = time.perf_counter()
    import_program(program, "model").module.verify()
    return time.perf_counter() - start

def theirs():
    if not installed:
        return None
    context = ir.Context()
    torch_dialect.register_dialect(context)
    start = time.perf_counter()
    try:
        importer = FxImporter(context=context)
        importer.import_frozen_program(program)
        assert importer.module.operation.verify()
    except Exception as error:
        print(f"torch-mlir can't import {what}: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    return time.perf_counter() - start

def in_a_fork(measured):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, json.dumps(measured()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)

print(json.dumps({
    "nodes": len(program.graph.nodes),
    "installed": installed,
    "seconds": [in_a_fork(ours) for _ in range(rounds)],
    "torch_mlir": [in_a_fork(theirs) for _ in range(rounds)],
}))
"""


def measure(what: str, rounds: int) -> dict[str, Any]:
    """Medians of rounds on a model, or on a graph of a number of nodes: `nodes`, `seconds`, `torch_mlir`, `installed`."""
    root = str(Path(__file__).resolve().parents[1])
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-c", PROGRAM, what, str(rounds)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(f"{what}: {process.stderr.strip()}")
    found = json.loads(process.stdout.splitlines()[-1])
    theirs = [seconds for seconds in found["torch_mlir"] if seconds is not None]
    return {
        **found,
        "seconds": statistics.median(found["seconds"]),
        "torch_mlir": statistics.median(theirs) if len(theirs) == rounds else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(ZOO), help="zoo models, separated by commas")
    parser.add_argument("--nodes", type=int, default=10_000, help="of the synthetic graph")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args()
    programs = [*options.models.split(","), str(options.nodes), str(options.nodes // 4)]
    rows: dict[str, dict[str, Any]] = {}
    for what in programs:
        row = rows[what] = measure(what, options.rounds)
        if not options.json:
            theirs = "" if row["torch_mlir"] is None else f"  torch-mlir {row['torch_mlir']:.3f} s"
            print(f"{what:18s} {row['nodes']:6d} nodes  {row['seconds']:.3f} s{theirs}", flush=True)
    whole, part = (rows[what] for what in programs[-2:])
    key = f"nodes_{options.nodes}_s"

    def figures(of: str) -> dict[str, Any]:
        return {"seconds": {what: rows[what][of] for what in programs[:-2]}, key: whole[of]}

    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        **figures("seconds"),
        "linearity": (whole["seconds"] / whole["nodes"]) / (part["seconds"] / part["nodes"]),
        "torch_mlir": figures("torch_mlir") if whole["installed"] else None,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{result['machine']}; time per node over that of a quarter of the nodes: {result['linearity']:.2f}")


if __name__ == "__main__":
    main()
