"""The applications' PyTorch forms compiled: PyTorch's values, the right answers, and the calls they become."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cedr.tools.driver import Program, RunOptions, compile_torch, evaluate, run_program
from cedr.tools.models import TorchModel, find_model
from cedr.tools.options import CompileOptions
from tests.applications.test_c_forms import CALLS
from tests.applications.test_lane_detection import CALLS as LANE_CALLS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "signal_processing.md"

TRANSFORMS = {
    # Rows transformed. That of the chirp, of the pulse and of SAR's range filter is constant and is computed beforehand.
    "radar_correlator": {("fft", 512): 1, ("ifft", 512): 1},
    "pulse_doppler": {("fft", 128): 2 * 128, ("ifft", 128): 128},
    "wifi_tx": {("ifft", 128): 100},
    "sar": {("fft", 512): 256, ("ifft", 512): 256, ("fft", 256): 512, ("ifft", 256): 512},
    "temporal_mitigation": {},
    "lane_detection": {("fft", 1024): 5 * 2 * 1024, ("ifft", 1024): 2 * 2 * 1024},
    "lane_detection_conv2d": {},
}
NAMES = [pytest.param(n, marks=[] if n == "radar_correlator" else [pytest.mark.slow]) for n in TRANSFORMS]
QUICK = {("radar_correlator", "c"), ("radar_correlator", "python"), ("temporal_mitigation", "c")}
PAIRS = [
    pytest.param(name, emit, marks=[] if (name, emit) in QUICK else [pytest.mark.slow])
    for name in TRANSFORMS
    for emit in ("c", "python")
]


@cache
def model(name: str) -> TorchModel:
    found = find_model(name)
    assert isinstance(found, TorchModel)
    return found


@cache
def compiled(name: str, emit: str = "c", pipeline: str = "default") -> Program:
    return compile_torch(model(name), CompileOptions(emit, pipeline))


def transforms(program: Program) -> dict[tuple[str, int], int]:
    """Rows transformed, by direction and points."""
    counts: dict[tuple[str, int], int] = {}
    _, record = program.record()
    for call, times in zip(record.classes, np.bincount(record.class_of, minlength=len(record.classes)), strict=True):
        if call.api == "fft":
            key = ("ifft" if call.attributes["inverse"] else "fft", call.dims["n"])
            counts[key] = counts.get(key, 0) + int(times) * call.dims["b"]
    return counts


@pytest.mark.parametrize(("name", "emit"), PAIRS)
def test_values_and_decision_are_those_of_pytorch(name: str, emit: str) -> None:
    program = compiled(name, emit)
    result = run_program(program, program.bind(model(name).example_inputs), RunOptions())
    assert result.figures["max_rel_error"] <= 1e-4
    assert result.figures["decision_match"] is True


@pytest.mark.parametrize("name", NAMES)
def test_every_transform_is_a_call(name: str) -> None:
    assert transforms(compiled(name)) == TRANSFORMS[name]


def tasks(program: Program) -> str:
    """How many tasks of each API: `fft 48, kernel 56, zip 8`."""
    _, record = program.record()
    counts: Counter[str] = Counter()
    for call, times in zip(record.classes, np.bincount(record.class_of, minlength=len(record.classes)), strict=True):
        counts[call.api] += int(times)
    return ", ".join(f"{api} {count}" for api, count in sorted(counts.items()) if api != "join")


def in_c(name: str) -> str:
    """The calls of the C form, which test_c_forms.py and test_lane_detection.py count: `fft 1537, zip 768`."""
    counts: Counter[str] = Counter()
    for call, times in {**CALLS, **LANE_CALLS}[name].items():
        counts[call.split()[0].replace("ifft", "fft")] += times
    return ", ".join(f"{api} {count}" for api, count in sorted(counts.items()))


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_the_counts(name: str) -> None:
    both = (tasks(compiled(name)), tasks(compiled(name, "c", "layerwise")))
    line = f"| `{name}` | {in_c(name)} | {sum(TRANSFORMS[name].values())} | {both[0]} | {both[1]} |"
    assert line in PAGE.read_text("utf-8").splitlines(), line


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_right_decision_on_every_held_out_input(name: str) -> None:
    result = evaluate(model(name), CompileOptions())
    assert result["eager"] == result["compiled"] == 1
    assert result["decisions_differing"] == 0
    assert result["max_rel_error"] <= 1e-4
