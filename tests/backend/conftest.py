"""A small network at the last IR level, as a C and as a Python module, with weights and an input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from cedr.backend.c_emitter import emit_c
from cedr.backend.program import Program
from cedr.backend.python_emitter import emit_python
from cedr.backend.toolchain import build_module, copy_libcedr
from cedr.dialects.cedr import Cedr

ROOT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).with_name("tiny.mlir")


def parse(text: str) -> ModuleOp:
    context = Context()
    for name, factory in get_all_dialects().items():
        if name != "cedr":
            context.register_dialect(name, factory)
    context.load_dialect(Cedr)
    module = Parser(context, text).parse_module()
    module.verify()
    return module


@dataclass(frozen=True)
class Built:
    """A module that can be started, in a directory with its weights."""

    directory: Path
    command: tuple[str, ...]

    def start(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        return subprocess.run(
            [*self.command, *arguments], env=env, capture_output=True, text=True, check=False, cwd=self.directory
        )

    def compute(self, **environment: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """y and z for the input x.npy."""
        process = self.start("--input", "x=x.npy", "--output", "y=y.npy", "--output", "z=z.npy", **environment)
        assert process.returncode == 0, process.stderr
        return np.load(self.directory / "y.npy"), np.load(self.directory / "z.npy")


def prepare(directory: Path, emit: str, text: str | None = None) -> Built:
    """Emit and build tiny.mlir (or another text of it) in `directory`."""
    program = Program.of(parse(TINY.read_text() if text is None else text))
    rng = np.random.default_rng(0)
    save_file(
        {
            "w": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
            "b.x": rng.standard_normal(4).astype(np.float32),
        },
        directory / "weights.safetensors",
    )
    np.save(directory / "x.npy", rng.standard_normal((1, 3, 10, 10)).astype(np.float32))
    if emit == "python":
        (directory / "tiny.py").write_text(emit_python(program))
        return Built(directory, (sys.executable, "tiny.py"))
    (directory / "tiny.c").write_text(emit_c(program))
    copy_libcedr(directory)
    build_module(directory, "tiny")
    return Built(directory, ("./tiny",))


@pytest.fixture(scope="session", params=["c", "python"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return prepare(tmp_path_factory.mktemp(f"tiny_{request.param}"), request.param)


def write_schedule(path: Path, order: Sequence[int], implementation: int = 0) -> None:
    words = [len(order)]
    for task in order:
        words += [task, implementation]
    np.array(words, np.uint32).tofile(path)
