"""A task module as a process: recorded, run, executed under a schedule. The emulator never loads one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cedr
from cedr.runtime.record import Record, read_record
from cedr.runtime.result import EmulationResult
from cedr.target.errors import CedrError

Array = NDArray[Any]

IMPORT_ROOT = Path(cedr.__file__).parents[1]
"""Where `cedr` was imported from: a module's process imports the same."""


class ModuleProcessError(CedrError):
    """A module's process that refused or died; the text is its own message."""


@dataclass(frozen=True)
class ModuleProcess:
    """A module in its directory: `emit` is c (an executable `name`) or python (`name`.py)."""

    directory: Path
    name: str
    emit: str
    outputs: tuple[str, ...]
    weights: Path | None = None
    """Another weights file than the one in the directory."""

    @property
    def program(self) -> Path:
        return self.directory / (self.name if self.emit == "c" else f"{self.name}.py")

    def record(self, path: Path) -> Record:
        """What the module submits, written to `path`; no values are computed."""
        self._start([], {"CEDR_MODE": "record", "CEDR_RECORD": str(path)})
        return read_record(path)

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Compute, in the order of submission."""
        return self._compute(inputs, {"CEDR_MODE": "run"})

    def execute(
        self, inputs: Mapping[str, Array], record: Path, result: EmulationResult, instance: int = 0
    ) -> list[Array]:
        """Compute each task in the order in which the emulation started it, on the implementation of its PE."""
        with _scratch() as folder:
            schedule = folder / "schedule.bin"
            write_schedule(schedule, result, instance)
            environment = {"CEDR_MODE": "execute", "CEDR_RECORD": str(record), "CEDR_SCHEDULE": str(schedule)}
            return self._compute(inputs, environment)

    def run_many(self, samples: Iterable[Mapping[str, Array]]) -> Iterator[list[Array]]:
        """`run` for each sample; a Python module is started once for all of them."""
        if self.emit == "c":
            for sample in samples:
                yield self.run(sample)
            return
        with _scratch() as folder:
            command = [sys.executable, "-m", "cedr.runtime.batch", str(self.program)]
            with subprocess.Popen(
                command,
                env=self._environment({"CEDR_MODE": "run"}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stdin is not None and process.stdout is not None and process.stderr is not None
                for sample in samples:
                    process.stdin.write(json.dumps(self._arguments(sample, folder)) + "\n")
                    process.stdin.flush()
                    if process.stdout.readline().strip() != "done":
                        raise ModuleProcessError(process.stderr.read().strip())
                    yield self._results(folder)
                process.stdin.close()
                process.wait()

    def _compute(self, inputs: Mapping[str, Array], environment: Mapping[str, str]) -> list[Array]:
        with _scratch() as folder:
            self._start(self._arguments(inputs, folder), environment)
            return self._results(folder)

    def _arguments(self, inputs: Mapping[str, Array], folder: Path) -> list[str]:
        arguments: list[str] = []
        for i, (name, array) in enumerate(inputs.items()):
            np.save(folder / f"in{i}.npy", np.asarray(array, order="C"))
            arguments += ["--input", f"{name}={folder / f'in{i}.npy'}"]
        for i, name in enumerate(self.outputs):
            arguments += ["--output", f"{name}={folder / f'out{i}.npy'}"]
        return arguments

    def _results(self, folder: Path) -> list[Array]:
        return [np.load(folder / f"out{i}.npy", allow_pickle=False) for i in range(len(self.outputs))]

    def _start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        command = [str(self.program.resolve())] if self.emit == "c" else [sys.executable, str(self.program)]
        try:
            process = subprocess.run(
                [*command, *arguments], env=self._environment(environment), capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise ModuleProcessError(f"{self.program}: cannot be started: {error.strerror}") from error
        if process.returncode < 0:
            raise ModuleProcessError(f"{self.program}: killed by signal {-process.returncode}")
        if process.returncode:
            raise ModuleProcessError(process.stderr.strip() or f"{self.program}: exit status {process.returncode}")

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The process's environment: ours, less what would change its mode, with `cedr` importable."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("CEDR_")}
        paths = [str(IMPORT_ROOT), *filter(None, [own.get("PYTHONPATH")])]
        weights = {} if self.weights is None else {"CEDR_WEIGHTS": str(self.weights)}
        return {**own, "PYTHONPATH": os.pathsep.join(paths), **weights, **extra}


def write_schedule(path: Path, result: EmulationResult, instance: int = 0) -> None:
    """The tasks of one instance in the order of their start, each with implementation 0, as a module's execute mode reads
    it: u32 n, then n x {u32 task, u32 implementation}."""
    tasks = result.task[result.instance == instance]
    words = np.zeros(1 + 2 * len(tasks), np.uint32)
    words[0] = len(tasks)
    words[1::2] = tasks
    words.tofile(path)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cedr-") as folder:
        yield Path(folder)
