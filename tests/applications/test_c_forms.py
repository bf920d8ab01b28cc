"""The C forms: the values of the words and of PyTorch, the truth, the calls of the reference applications."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cedr.frontend.zoo.signals import SIGNALS, Signal
from tests.applications import words
from tests.applications.forms import WORDS, Builder, Ran, eager, error, run
from tests.runtime.test_dash_api import build_library

FORMS = [
    pytest.param(name, non_blocking, id=f"{name}-{kind}", marks=[pytest.mark.slow] if name == "sar" else [])
    for name in SIGNALS
    for non_blocking, kind in ((False, "blocking"), (True, "non_blocking"))
]
TOLERANCE = 1e-4

CALLS: dict[str, dict[str, int]] = {
    "radar_correlator": {"fft 512": 2, "ifft 512": 1},
    "pulse_doppler": {"fft 128": 384, "ifft 128": 128},
    "wifi_tx": {"ifft 128": 100},
    "sar": {
        "fft 512": 257,
        "zip 512": 256,
        "ifft 512": 256,
        "fft 256": 512,
        "zip 256": 512,
        "ifft 256": 512,
    },
    "temporal_mitigation": {"gemm 4x64x4": 2, "gemm 4x4x4": 1, "gemm 4x4x64": 1},
}

WAITS = {"radar_correlator": 2, "pulse_doppler": 257, "wifi_tx": 10, "sar": 6, "temporal_mitigation": 3}
"""Of the non-blocking forms."""


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    folder = tmp_path_factory.mktemp("applications")
    build_library(folder)
    return Builder(folder)


@pytest.fixture(scope="module")
def programs(builder: Builder) -> Any:
    return cache(builder.build)


def values(name: str, ran: Ran) -> NDArray[Any]:
    """The result of a C form in the shape of the PyTorch form's."""
    if name == "radar_correlator":
        return ran.complexes("radar_correlator_output.txt")
    if name == "pulse_doppler":
        return ran.numbers("pulse_doppler_map.txt").reshape(128, 128)
    if name == "sar":
        return ran.numbers("SAR_output.txt").reshape(256, 512)
    if name == "wifi_tx":
        return ran.complexes("wifi_tx_output.txt")
    return ran.complexes("temporal_mitigation_output.txt").reshape(4, 64)


@pytest.mark.parametrize(("name", "non_blocking"), FORMS)
def test_values_and_calls(name: str, non_blocking: bool, programs: Any, tmp_path: Path) -> None:
    signal = SIGNALS[name](0)
    ran = run(programs(name, non_blocking), signal.files, tmp_path)
    assert (ran.status, ran.err) == (0, "")
    found = values(name, ran)
    if name == "wifi_tx":
        wanted, pytorch = words.wifi_tx(b"\0\0" + words.OWN_TEXT.encode()), eager(name, signal)[9]
    else:
        wanted, pytorch = WORDS[name](signal.files), eager(name, signal)
    assert error(found, wanted) <= TOLERANCE
    assert error(found, pytorch) <= TOLERANCE
    assert ran.calls() == CALLS[name]
    assert ran.waits() == (WAITS[name] if non_blocking else 0)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n == "sar" else []) for n in SIGNALS])
def test_both_kinds_of_calls_give_the_same_to_the_bit(name: str, programs: Any, tmp_path: Path) -> None:
    files = SIGNALS[name](1).files
    blocking = run(programs(name, False), files, tmp_path / "blocking")
    other = run(programs(name, True), files, tmp_path / "other")
    assert (other.out, other.output) == (blocking.out, blocking.output)


@pytest.mark.parametrize("name", ["radar_correlator", "pulse_doppler"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_truth_is_printed(name: str, seed: int, programs: Any, tmp_path: Path) -> None:
    signal = SIGNALS[name](seed)
    assert run(programs(name, False), signal.files, tmp_path).out == signal.truth + "\n"


def test_pulse_doppler_writes_its_line(programs: Any, tmp_path: Path) -> None:
    signal = SIGNALS["pulse_doppler"](4)
    ran = run(programs("pulse_doppler", False), signal.files, tmp_path)
    assert ran.output["pulse_doppler_output.txt"] == signal.truth + "\n"
    assert words.found_by_scan(words.pulse_doppler(signal.files)) == signal.truth


def test_a_wifi_frame_decodes_to_what_was_sent(programs: Any, tmp_path: Path) -> None:
    ran = run(programs("wifi_tx", False), {}, tmp_path)
    assert len(ran.output["wifi_tx_output.txt"].splitlines()) == 2500
    frame = ran.complexes("wifi_tx_output.txt")
    # Six places are written, of samples that are a thousandth: a prefix is what it repeats, to those places.
    assert words.decoded(np.round(frame, 6)) == (b"\0\0" + words.OWN_TEXT.encode(), True)


def test_temporal_mitigation_prints_the_first_samples(programs: Any, tmp_path: Path) -> None:
    signal = SIGNALS["temporal_mitigation"](2)
    ran = run(programs("temporal_mitigation", False), signal.files, tmp_path)
    printed = np.array(ran.out.split(), float).reshape(16, 2) @ np.array([1, 1j])
    assert error(printed, words.temporal_mitigation(signal.files)[0, :16]) <= TOLERANCE


def test_short_files(programs: Any, tmp_path: Path) -> None:
    """37 and a half pulses: the half keeps the end of the pulse before, and is repeated; the rest is zero elsewhere."""
    signal = SIGNALS["pulse_doppler"](1)
    short = {**signal.files, "input_pd_ps.txt": signal.files["input_pd_ps.txt"][:4800]}
    ran = run(programs("pulse_doppler", True), short, tmp_path / "pulses")
    assert error(ran.numbers("pulse_doppler_map.txt").reshape(128, 128), words.pulse_doppler(short)) <= TOLERANCE
    assert ran.out == words.found_by_scan(words.pulse_doppler(short)) + "\n" != signal.truth + "\n"
    long = {**signal.files, "input_pd_pulse.txt": np.append(signal.files["input_pd_pulse.txt"], np.ones(112))}
    assert run(programs("pulse_doppler", False), long, tmp_path / "long").out == signal.truth + "\n"
    echo = SIGNALS["radar_correlator"](1)
    fewer = {**echo.files, "received_input.txt": echo.files["received_input.txt"][:150]}
    ran = run(programs("radar_correlator", False), fewer, tmp_path / "echo")
    assert error(ran.complexes("radar_correlator_output.txt"), words.radar_correlator(fewer)) <= TOLERANCE


@pytest.mark.parametrize("name", ["radar_correlator", "pulse_doppler", "temporal_mitigation"])
def test_without_output_folder_the_results_are_printed_only(name: str, programs: Any, tmp_path: Path) -> None:
    signal = SIGNALS[name](0)
    ran = run(programs(name, False), signal.files, tmp_path, output=False)
    assert ran.status == 0 and "_output.txt: not written" in ran.err
    assert ran.out == run(programs(name, False), signal.files, tmp_path / "with").out


def test_what_cannot_be_computed_is_refused(programs: Any, tmp_path: Path) -> None:
    signal: Signal = SIGNALS["temporal_mitigation"](0)
    program = programs("temporal_mitigation", False)
    ran = run(program, {}, tmp_path / "none")
    assert (ran.status, ran.err) == (1, "./input/z.txt: No such file or directory\n")
    ran = run(program, {file: np.ones(256) for file in signal.files}, tmp_path / "same")
    assert ran.status == 1 and "S S^H has no inverse" in ran.err and ran.output == {}
    ran = run(program, {"z.txt": ["1.0", "2.0", "three"]}, tmp_path / "broken")
    assert (ran.status, ran.err) == (1, "./input/z.txt: number 3 is none\n")
