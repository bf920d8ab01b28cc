"""Modules for aarch64, run by QEMU's user-mode emulator: the values are those of this machine and of eager."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from numpy.typing import NDArray

from cedr.backend.toolchain import find_compiler
from cedr.runtime.process import QEMU, ModuleProcessError, foreign_command
from cedr.target.manifest import Manifest
from cedr.tools.cli import main
from cedr.tools.driver import Program, compile_torch, flat_arrays, open_directory
from cedr.tools.models import TorchModel, find_model
from cedr.tools.options import CompileOptions
from cedr.tools.parity import compare

needs_cross = pytest.mark.skipif(
    not any(map(shutil.which, QEMU))
    or (shutil.which("aarch64-linux-gnu-gcc") is None and importlib.util.find_spec("ziglang") is None),
    reason="needs Debian's qemu-user, and gcc-aarch64-linux-gnu or the package ziglang",
)


class Halves(torch.nn.Module):
    """Sixteen-bit elements, which half.h converts, and what rounds: subnormal, infinite and no number among them."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return x.half() * 3, (x.bfloat16() + 1) / 3, (x.half().float() + x.bfloat16().float()) * x


def halves() -> TorchModel:
    x = torch.cat(
        [torch.randn(200) * 10.0 ** torch.randint(-8, 5, (200,)), torch.tensor([0.0, -0.0, torch.inf, torch.nan])]
    )
    return TorchModel("halves", Halves(), (x,))


class Spectrum(torch.nn.Module):
    """Complex elements: FFT, product and quotient."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.fft.fft(x) * torch.fft.fft(y).conj(), torch.sqrt(x / y)


def spectrum() -> TorchModel:
    x, y = torch.randn(2, 4, 128, dtype=torch.complex64)
    return TorchModel("spectrum", Spectrum(), (x, y))


def model_of(name: str) -> TorchModel:
    if name in ("halves", "spectrum"):
        torch.manual_seed(2)
        return halves() if name == "halves" else spectrum()
    model = find_model(name)
    assert isinstance(model, TorchModel)
    return model


def values(program: Program, model: TorchModel) -> list[NDArray[Any]]:
    arrays = flat_arrays(model.example_inputs)
    return program.process.run(dict(zip((s.name for s in program.manifest.inputs), arrays, strict=True)))


def eager_values(model: TorchModel) -> list[NDArray[Any]]:
    with torch.no_grad():
        return flat_arrays(model.module(*model.example_inputs))


@needs_cross
@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg_digits", "tiny_yolo_digits", "gru", "bert_tiny", "halves", "spectrum"])
def test_values_are_those_of_this_machine_and_of_eager(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    host = compile_torch(model, CompileOptions(), tmp_path / "host")
    foreign = compile_torch(model, CompileOptions(target="aarch64"), tmp_path / "aarch64")
    text = subprocess.run(
        ["file", "-b", tmp_path / "aarch64" / host.manifest.name], capture_output=True, text=True, check=False
    )
    assert text.returncode != 0 or "aarch64" in text.stdout
    dtypes = [tensor.dtype for tensor in host.manifest.outputs]
    computed = values(foreign, model)
    eager = eager_values(model)
    # A product and a sum rounded once or twice: the last place of an element of 16 bits may differ.
    tolerance = None if name == "halves" else 1e-6
    assert compare(values(host, model), computed, dtypes, tolerance).within
    assert compare(eager, computed, dtypes).within


@needs_cross
@pytest.mark.slow
def test_run_emulates_it_and_a_directory_is_opened_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "vgg_digits", "-o", str(tmp_path / "m"), "--target", "aarch64", "--json"]) == 0
    capsys.readouterr()
    assert Manifest.load(tmp_path / "m").target == "aarch64"
    program = open_directory(tmp_path / "m")
    assert program.options.target == "aarch64"
    assert main(["run", "vgg_digits", "--target", "aarch64", "--json"]) == 0
    foreign = json.loads(capsys.readouterr().out)
    assert foreign["max_rel_error"] < 1e-4 and foreign["decision_match"]
    assert main(["run", str(tmp_path / "m"), "--no-values", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["makespan_ns"] == foreign["makespan_ns"]
    assert main(["run", str(tmp_path / "m"), "--target", "host"]) == 1
    assert "compiled with --target aarch64, so that --target host comes too late" in capsys.readouterr().err


@needs_cross
@pytest.mark.slow
def test_a_source_changed_by_hand_is_built_for_its_target(tmp_path: Path) -> None:
    model = model_of("spectrum")
    compile_torch(model, CompileOptions(target="aarch64"), tmp_path / "m")
    with (tmp_path / "m" / "spectrum.c").open("a") as source:
        source.write("/* changed */\n")
    program = open_directory(tmp_path / "m", warn=lambda message: None)
    assert program.directory != tmp_path / "m"
    eager = eager_values(model)
    assert compare(eager, values(program, model), ["c64", "c64"]).within


@needs_cross
@pytest.mark.slow
@pytest.mark.parametrize("how", ["debian", "zig"])
def test_the_makefile_takes_either_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "debian" and shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("no aarch64-linux-gnu-gcc here")
    arguments = []
    if how == "zig":
        pytest.importorskip("ziglang")
        real = shutil.which
        monkeypatch.setattr(shutil, "which", lambda name: None if name.startswith("aarch64") else real(name))
        find_compiler.cache_clear()
        compiler = find_compiler("aarch64")
        arguments = [f"CC={' '.join(compiler.command)}", f"ARCH={' '.join(compiler.machine_flags)}"]
    model = model_of("spectrum")
    program = compile_torch(model, CompileOptions(target="aarch64"), tmp_path / "m")
    (tmp_path / "m" / "spectrum").unlink()
    environment = {key: value for key, value in os.environ.items() if key != "CC"}
    subprocess.run(["make", "--silent", *arguments], cwd=tmp_path / "m", env=environment, check=True)
    eager = eager_values(model)
    assert compare(eager, values(program, model), ["c64", "c64"]).within
    find_compiler.cache_clear()


def test_a_target_needs_qemu_where_it_is_not_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("cedr.runtime.process.machine", lambda: "x86_64")
    with pytest.raises(ModuleProcessError, match="m: a program for aarch64, and qemu-aarch64 is not here.*qemu-user"):
        foreign_command("aarch64", "m")
    assert foreign_command("host", "m") == ()
    monkeypatch.setattr("cedr.runtime.process.machine", lambda: "aarch64")
    assert foreign_command("aarch64", "m") == ()
