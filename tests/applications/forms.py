"""The forms of an application: in words, as eager PyTorch, in C; and how far two are apart."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cedr.backend.toolchain import LIBCEDR, find_compiler
from cedr.frontend.zoo import find
from cedr.frontend.zoo.decisions import arrays
from cedr.frontend.zoo.signals import Signal
from cedr.runtime.record import STEP_WAIT, read_record
from tests.applications import words

APPLICATIONS = Path(__file__).resolve().parents[2] / "examples" / "applications"

WORDS: dict[str, Callable[[Mapping[str, words.Numbers]], NDArray[Any]]] = {
    "radar_correlator": words.radar_correlator,
    "pulse_doppler": words.pulse_doppler,
    "sar": words.sar,
    "temporal_mitigation": words.temporal_mitigation,
}


def eager(name: str, signal: Signal) -> NDArray[Any]:
    """What the zoo's module computes, without the batch."""
    module, _ = find(name).build()
    with torch.no_grad():
        (output,) = arrays(module(torch.from_numpy(signal.tensor)))
    result: NDArray[Any] = output[0]
    return result


def error(got: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Largest absolute difference over the largest magnitude."""
    assert got.shape == wanted.shape
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


# ---- in C ----


@dataclass(frozen=True)
class Ran:
    """What a C form did: its exit status, what it printed, the files of ./output, and its calls."""

    status: int
    out: str
    err: str
    output: dict[str, str]
    record: Path

    def numbers(self, file: str) -> NDArray[np.float64]:
        """A file of ./output as numbers, in order."""
        return np.array(self.output[file].split(), np.float64)

    def complexes(self, file: str) -> NDArray[np.complex128]:
        """A file of pairs."""
        numbers = self.numbers(file)
        return numbers[0::2] + 1j * numbers[1::2]

    def calls(self) -> dict[str, int]:
        """How often each call was made: `fft 512`, `ifft 512`, `zip 512`, `gemm 4x64x4`."""
        record = read_record(self.record)
        counts: Counter[str] = Counter()
        for call, times in zip(record.classes, np.bincount(record.class_of), strict=True):
            api = "ifft" if call.attributes.get("inverse") else call.api
            sizes = "mkn" if api == "gemm" else "n"
            counts[f"{api} {'x'.join(str(call.dims[size]) for size in sizes)}"] += int(times)
        return dict(counts)

    def waits(self) -> int:
        """How often it waited for calls that had not blocked."""
        (thread,) = read_record(self.record).threads
        return int((thread.steps[:, 0] == STEP_WAIT).sum())


@dataclass(frozen=True)
class Builder:
    """Builds C forms against a libcedr.so in a folder."""

    folder: Path

    def build(self, name: str, non_blocking: bool) -> Path:
        """The executable of one form of an application."""
        program = self.folder / f"{name}{'_nb' * non_blocking}"
        flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-DWRITE_MAP", f"-I{LIBCEDR}"]
        flags += ["-DNON_BLOCKING"] * non_blocking
        linked = [f"-L{self.folder}", "-Wl,--no-as-needed", "-lcedr", f"-Wl,-rpath,{self.folder}", "-lm"]
        source = str(APPLICATIONS / name / f"{name}.c")
        find_compiler().run([*flags, source, "-o", str(program), *linked], self.folder)
        return program


def run(program: Path, files: Mapping[str, Any], folder: Path, output: bool = True) -> Ran:
    """Runs a C form in `folder`, which gets ./input with these numbers and, if wanted, ./output; its calls are recorded."""
    (folder / "input").mkdir(parents=True)
    if output:
        (folder / "output").mkdir()
    for file, numbers in files.items():
        (folder / "input" / file).write_text(" ".join(map(str, numbers)))
    record = folder / "calls.cedrrec"
    environment = {"CEDR_MODE": "record", "CEDR_RECORD": str(record)}
    done = subprocess.run([str(program)], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    written = {path.name: path.read_text() for path in (folder / "output").iterdir()} if output else {}
    return Ran(done.returncode, done.stdout, done.stderr, written, record)
