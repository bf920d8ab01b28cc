"""The main job on real input: a trained network reads a handwritten digit on an emulated ZCU102.

`make demo`, or `python examples/demo.py [SAMPLE]`: which of the held-out images to read (default 0).
"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console

from cedr.runtime.report import print_report, write_out
from cedr.tools.compiler import CompileOptions
from cedr.tools.driver import RunOptions, compile_torch, run_program
from cedr.tools.models import TorchModel, find_model

SHADES = " .:-=+*#%@"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sample", nargs="?", type=int, default=0, help="number of the held-out image")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="where traces and pictures go")
    arguments = parser.parse_args()

    model = find_model("vgg_digits")
    assert isinstance(model, TorchModel)
    judge = model.judge()
    held_out = judge.held_out()
    assert held_out is not None
    image = np.ascontiguousarray(held_out.inputs[arguments.sample : arguments.sample + 1])

    program = compile_torch(model, CompileOptions())
    result = run_program(program, {program.manifest.inputs[0].name: image}, RunOptions())
    assert result.outputs is not None

    console = Console(highlight=False)
    console.print(f"held-out image {arguments.sample}, a handwritten {held_out.labels[arguments.sample]}:\n")
    low, high = float(image.min()), float(image.max())
    for row in image[0, 0, ::2]:
        console.print("  " + "".join(SHADES[int((v - low) / (high - low) * (len(SHADES) - 1))] for v in row))
    compiled = judge.decide(program.structured(result.outputs))
    match = {True: "the same", False: "ANOTHER ONE", None: "unknown"}[result.figures["decision_match"]]
    console.print(f"\nprediction on the emulated ZCU102: {compiled}; PyTorch's: {match}")
    console.print(
        f"parity: largest relative error {result.figures['max_rel_error']:.2e} (tolerance 1e-4), "
        f"{'passed' if result.within else 'FAILED'}"
    )
    console.print(
        f"export {result.figures['export_s']:.2f} s, compile {result.figures['compile_s']:.2f} s, "
        f"C build {result.figures['build_s']:.2f} s\n"
    )
    print_report(result.emulation, console, f"{model.name} on {result.figures['platform']} {result.figures['hw']}")
    for path in write_out(result.emulation, arguments.out, model.name):
        console.print(f"wrote {path}")
    if not result.within or result.figures["decision_match"] is not True:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
