"""Installed into an empty environment without torch and xDSL: compiled modules run, alone and on the emulator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("backend", "dialects", "frontend", "passes", "runtime", "target", "tools")
MODEL = """
import torch
from torch import nn


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).eval(), torch.ones(1, 1, 4, 4)
"""

pytestmark = pytest.mark.slow


class Environment:
    """An environment of its own; commands run in it see nothing of this one and of the checkout."""

    def __init__(self, folder: Path):
        self.bin = folder / "bin"
        self.home = folder / "home"
        self.home.mkdir()

    def run(self, *command: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "CEDR_"))}
        words = [str(self.bin / str(command[0])), *map(str, command[1:])]
        done = subprocess.run(words, cwd=self.home, env=kept, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def python(self, code: str) -> str:
        return self.run("python", "-c", code).stdout


def copy_of_the_sources(folder: Path) -> Path:
    """So that building leaves nothing in the tree."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder / name)
    skip = shutil.ignore_patterns("__pycache__")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=skip)
    shutil.copytree(ROOT / "cedr", folder / "cedr", symlinks=True, ignore=skip)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """As README says for a machine that only runs modules."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    environment = Environment(folder)
    environment.run("pip", "install", "-q", "--no-deps", copy_of_the_sources(tmp_path_factory.mktemp("sources")))
    environment.run("pip", "install", "-q", "-r", ROOT / "requirements-runtime.txt")
    return environment


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Modules compiled here, by emitter, an input, and the answer that PyTorch gives."""
    import torch

    folder = tmp_path_factory.mktemp("modules")
    (folder / "model.py").write_text(MODEL)
    names: dict[str, object] = {}
    exec(MODEL, names)
    model, example = names["net"]()  # type: ignore[operator]  # the factory
    x = torch.randn(example.shape, generator=torch.Generator().manual_seed(1))
    np.save(folder / "x.npy", x.numpy())
    with torch.no_grad():
        np.save(folder / "eager.npy", model(x).numpy())
    for emit in ("c", "python"):
        command = [sys.executable, "-m", "cedr", "compile", f"{folder / 'model.py'}:net", "--emit", emit]
        command += ["--save-ir", "-o", str(folder / emit)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def check(folder: Path, output: Path) -> None:
    np.testing.assert_allclose(np.load(output), np.load(folder / "eager.npy"), rtol=1e-4, atol=1e-6)


def test_neither_torch_nor_xdsl_is_there(installed: Environment) -> None:
    assert installed.python("from importlib.util import find_spec as f; print(f('torch'), f('xdsl'))") == "None None\n"


def test_all_that_is_data_is_there(installed: Environment) -> None:
    code = "import cedr, pathlib; print(pathlib.Path(cedr.__file__).parent)"
    package = Path(installed.python(code).strip())
    assert installed.bin.parent in package.parents
    data = {".c", ".h", ".html", ".toml", ".safetensors", ".npz"}
    wanted = {path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in data}
    assert len(wanted) > 10 and [str(path) for path in wanted if not (package / path).is_file()] == []


def test_a_python_module_runs_alone(installed: Environment, modules: Path, tmp_path: Path) -> None:
    installed.run("python", modules / "python" / "net.py", "--input", modules / "x.npy", "--output", tmp_path / "y.npy")
    check(modules, tmp_path / "y.npy")


@pytest.mark.parametrize("emit", ["c", "python"])
def test_cedr_run_on_the_emulator(installed: Environment, modules: Path, tmp_path: Path, emit: str) -> None:
    files = ["--input", str(modules / "x.npy"), "--output", str(tmp_path / "y.npy"), "--out", str(tmp_path / "out")]
    result = json.loads(installed.run("cedr", "run", modules / emit, *files, "--json").stdout)
    check(modules, tmp_path / "y.npy")
    assert result["tasks"] > 0 and result["makespan_ns"] > 0 and result["max_rel_error"] is None
    names = {"timing_trace.log", "tasks.csv", "gantt.svg", "trace.perfetto.json", "report.html"}
    assert names <= {path.name for path in (tmp_path / "out").iterdir()}


def test_the_emulator_from_python(installed: Environment, modules: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from cedr.runtime.emulator import emulate\n"
        "from cedr.runtime.process import ModuleProcess\n"
        "from cedr.target.manifest import Manifest\n"
        f"folder = Path({str(modules / 'python')!r})\n"
        "manifest = Manifest.load(folder)\n"
        "process = ModuleProcess(folder, manifest.name, manifest.emit, manifest.outputs)\n"
        "record = process.record(Path('net.cedrrec'))\n"
        "print(emulate(record, 'zcu102', 'C3+F1+C2D1+Z1', 'HEFT_RT').makespan_ns > 0, 'torch' in sys.modules)\n"
    )
    assert installed.python(code) == "True False\n"


@pytest.mark.parametrize("command", ["models", "platforms", "schedulers"])
def test_the_lists(installed: Environment, command: str) -> None:
    assert json.loads(installed.run("cedr", command, "--json").stdout)[command]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "vgg_digits"],
        ["run", "{}/model.py:net"],
        ["run", "{}/python/ir/00_import.mlir"],
        ["compile", "{}/model.py:net", "-o", "m"],
        ["evaluate", "vgg_digits"],
    ],
)
def test_what_compiles_says_what_it_lacks(installed: Environment, modules: Path, arguments: list[str]) -> None:
    done = installed.run("cedr", *(word.format(modules) for word in arguments), status=1)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert "pip install cedr-compiler" in done.stderr or "No module named 'torch'" in done.stderr


def test_cedr_opt_says_what_it_lacks(installed: Environment) -> None:
    done = installed.run("cedr-opt", "--list-passes", status=1)
    assert "xDSL is not installed; it comes with: pip install cedr-compiler" in done.stderr
