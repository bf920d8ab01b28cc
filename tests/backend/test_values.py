"""A module in its execute mode computes each task by the implementation of the PE that the schedule gave it to."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from cedr.backend.c_emitter import emit_c
from cedr.backend.program import Program
from cedr.backend.python_emitter import emit_python
from cedr.backend.toolchain import build_module, copy_libcedr
from cedr.runtime.arithmetic import implementation
from cedr.runtime.emulator import emulate
from cedr.runtime.process import ModuleProcess, write_schedule
from cedr.runtime.record import Record, read_record
from cedr.runtime.result import EmulationResult
from cedr.target.arithmetic import Arithmetic
from cedr.target.manifest import TensorSpec
from cedr.target.platform import Platform, load_platform

from .conftest import Built, parse

ROOT = Path(__file__).resolve().parents[2]
CONVOLUTIONS, KERNELS, ZIPS = (0, 2, 4, 6), (1, 3, 5, 7, 13, 14, 15, 16), (8, 9, 10, 11)
ORDER = [*range(12), *range(13, 17)]


def record_path(tiny: Built) -> Path:
    path = tiny.directory / "values.cedrrec"
    if not path.exists():
        done = tiny.start(CEDR_MODE="record", CEDR_RECORD=str(path))
        assert done.returncode == 0, done.stderr
    return path


def schedule(tiny: Built, words: dict[int, int]) -> dict[str, str]:
    path = tiny.directory / "values.bin"
    entries = [(task, words.get(task, 0)) for task in ORDER]
    np.array([len(entries), *itertools.chain(*entries)], np.uint32).tofile(path)
    return {"CEDR_MODE": "execute", "CEDR_RECORD": str(record_path(tiny)), "CEDR_SCHEDULE": str(path)}


def expected(tiny: Built, record: Record, floats: NDArray[Any], words: dict[int, int]) -> NDArray[Any]:
    """y where some convolutions (two rows each) and additions (a channel each) are done in an arithmetic."""
    weights, x = load_file(tiny.directory / "weights.safetensors"), np.load(tiny.directory / "x.npy")
    convolution, _, addition, *_ = record.classes
    y = floats / 2  # exact: the addition doubles
    for tile, task in enumerate(CONVOLUTIONS):
        if (a := Arithmetic.from_word(words.get(task, 0))) and a.name:
            rows = np.zeros((1, 1, 4, 2, 8), np.float32)
            implementation(convolution, a)([x[None, :, :, 2 * tile : 2 * tile + 4], weights["w"][None]], [rows])
            y[:, :, 2 * tile : 2 * tile + 2] = np.maximum(rows[0] + weights["b.x"][:, None, None], np.float32(0.1))
    result = y + y
    for channel, task in enumerate(ZIPS):
        if (a := Arithmetic.from_word(words.get(task, 0))) and a.name:
            part = y[None, :, channel : channel + 1]
            implementation(addition, a)([part, part], [result[None, :, channel : channel + 1]])
    return result


@pytest.mark.parametrize(
    "words",
    [
        {},
        {2: Arithmetic("int8").word},
        {
            0: Arithmetic("f16").word,
            6: Arithmetic("int16").word,
            10: Arithmetic("f16").word,
            11: Arithmetic("int8").word,
        },
        dict.fromkeys((*CONVOLUTIONS, *ZIPS), Arithmetic("int8", 4).word),
    ],
    ids=str,
)
def test_values_differ_where_a_task_has_another_implementation(tiny: Built, words: dict[int, int]) -> None:
    floats, _ = tiny.compute()
    y, z = tiny.compute(**schedule(tiny, words))
    wanted = expected(tiny, read_record(record_path(tiny)), floats, words)
    assert y.tobytes() == wanted.tobytes()
    np.testing.assert_array_equal(z, y.max((2, 3)))
    touched = np.zeros(y.shape, np.bool_)
    for task in words:
        if task in CONVOLUTIONS:
            touched[:, :, task : task + 2] = True
        else:
            touched[:, task - ZIPS[0]] = True
    differs = y != floats
    assert not differs[~touched].any() and differs.any() == bool(words)


@pytest.mark.parametrize("task", (KERNELS[0], KERNELS[-1]))
def test_a_kernel_has_no_other_implementation(tiny: Built, task: int) -> None:
    done = tiny.start("--input", "x.npy", **schedule(tiny, {task: Arithmetic("f16").word}))
    assert done.returncode == 1 and f"task {task} has no implementation 1" in done.stderr


# ------------------------------------------------------------------------------------- what an emulation's PEs compute


@pytest.fixture(scope="module")
def fixed() -> Platform:
    return load_platform(ROOT / "examples/platforms/zcu102_fixed.toml")


def emulated(tiny: Built, platform: Platform, hw: str, scheduler: str) -> tuple[ModuleProcess, Path, EmulationResult]:
    emit = "c" if tiny.command == ("./tiny",) else "python"
    outputs = (TensorSpec("y", "f32", (1, 4, 8, 8)), TensorSpec("z", "f32", (1, 4)))
    process = ModuleProcess(tiny.directory, "tiny", emit, outputs, timeout_s=60)
    path = record_path(tiny)
    return process, path, emulate(read_record(path), platform, hw, scheduler, instances=2)


@pytest.mark.parametrize(("hw", "scheduler"), [("C1+C2D1", "SIMPLE"), ("C2+C2D1+Z1", "EFT"), ("C1+Z2", "RANDOM")])
def test_the_schedule_decides_what_is_computed(tiny: Built, fixed: Platform, hw: str, scheduler: str) -> None:
    process, path, result = emulated(tiny, fixed, hw, scheduler)
    x = {"x": np.load(tiny.directory / "x.npy")}
    floats = process.run(x)[0]
    for instance in (0, 1):
        words = {}
        for task, pe in zip(
            result.task[result.instance == instance], result.pe[result.instance == instance], strict=True
        ):
            if result.pes[pe].startswith("conv2d"):
                words[int(task)] = Arithmetic("int16", 10).word
            if result.pes[pe].startswith("zip"):
                words[int(task)] = Arithmetic("int16", 8).word
        assert words, "the accelerators are fast enough to be chosen"
        y, z = process.execute(x, path, result, fixed, instance)
        assert y.tobytes() == expected(tiny, read_record(path), floats, words).tobytes()
        if instance == 0:
            again = process.execute(x, path, result, fixed, instance)
            assert [y.tobytes(), z.tobytes()] == [value.tobytes() for value in again]
        write_schedule(tiny.directory / "words.bin", result, fixed, instance)
        entries = np.fromfile(tiny.directory / "words.bin", np.uint32)[1:].reshape(-1, 2).tolist()
        assert {task: word for task, word in entries if word} == words


def test_on_cpus_alone_values_are_those_of_run(tiny: Built, fixed: Platform) -> None:
    process, path, result = emulated(tiny, fixed, "C3", "EFT")
    x = {"x": np.load(tiny.directory / "x.npy")}
    for got, wanted in zip(process.execute(x, path, result, fixed), process.run(x), strict=True):
        assert got.tobytes() == wanted.tobytes()


def test_the_zcu102_computes_in_floats(tiny: Built) -> None:
    zcu102 = load_platform("zcu102")
    process, path, result = emulated(tiny, zcu102, "C1+C2D1+Z1", "SIMPLE")
    assert {result.pes[pe] for pe in result.pe} >= {"conv2d1", "zip1"}
    x = {"x": np.load(tiny.directory / "x.npy")}
    for got, wanted in zip(process.execute(x, path, result, zcu102), process.run(x), strict=True):
        assert got.tobytes() == wanted.tobytes()


SPECTRUM = """
builtin.module attributes {cedr.model = "spectrum"} {
 func.func @main(%x: memref<4x16xcomplex<f32>> {cedr.name = "x"}, %y: memref<4x4xcomplex<f32>> {cedr.output = "y"}) {
  %1 = cedr.alloc at 0 : memref<4x16xcomplex<f32>>
  %2 = cedr.alloc at 512 : memref<4x16xcomplex<f32>>
  cedr.grid @forward [2 parallel] base 0
    ins(%a = %x[d0 * 2, 0][2, 16] : memref<4x16xcomplex<f32>>)
    outs(%o = %1[d0 * 2, 0][2, 16] : memref<4x16xcomplex<f32>>) {
    cedr.fft ins(%a) outs(%o)
    cedr.yield
  }
  cedr.grid @product [4 parallel] base 2
    ins(%a = %1[0, d0 * 4][4, 4] : memref<4x16xcomplex<f32>>, %b = %x[0, d0 * 4][4, 4] : memref<4x16xcomplex<f32>>)
    outs(%o = %1[0, d0 * 4][4, 4] : memref<4x16xcomplex<f32>>) {
    cedr.zip mul ins(%a, %b) outs(%o) after [raw @forward:0[0 to 1]]
    cedr.yield
  }
  cedr.grid @back [1 parallel] base 6
    ins(%a = %1[0, 0][4, 16] : memref<4x16xcomplex<f32>>)
    outs(%o = %2[0, 0][4, 16] : memref<4x16xcomplex<f32>>) {
    cedr.fft inverse ins(%a) outs(%o) after [raw @product:0[0 to 3]]
    cedr.yield
  }
  cedr.grid @gram [1 parallel] base 7
    ins(%a = %2[0, 0][4, 16] : memref<4x16xcomplex<f32>>, %b = %x[0, 0][4, 16] : memref<4x16xcomplex<f32>>)
    outs(%o = %y[0, 0][4, 4] : memref<4x4xcomplex<f32>>) {
    cedr.gemm transpose_b ins(%a, %b) outs(%o) after [raw @back:0[0]]
    cedr.yield
  }
  cedr.wait
  func.return
 }
}
"""


def test_complex_calls_give_the_same_bits_from_c_and_python(tmp_path: Path, fixed: Platform) -> None:
    rng = np.random.default_rng(2)
    x = {"x": (rng.standard_normal((4, 16)) + 1j * rng.standard_normal((4, 16))).astype(np.complex64)}
    program = Program.of(parse(SPECTRUM))
    save_file({}, tmp_path / "weights.safetensors")
    (tmp_path / "spectrum.py").write_text(emit_python(program))
    (tmp_path / "spectrum.c").write_text(emit_c(program))
    copy_libcedr(tmp_path)
    build_module(tmp_path, "spectrum")
    spectrum = np.fft.ifft(np.fft.fft(x["x"]) * x["x"]) @ x["x"].T
    values = []
    for emit in ("c", "python"):
        process = ModuleProcess(tmp_path, "spectrum", emit, (TensorSpec("y", "c64", (4, 4)),))
        path = tmp_path / f"{emit}.cedrrec"
        result = emulate(process.record(path), fixed, "C1+F1+M1+Z1", "EFT")
        assert {result.pes[pe] for pe in result.pe} == {"fft1", "gemm1", "zip1"}
        values.append(process.execute(x, path, result, fixed)[0])
        np.testing.assert_allclose(process.run(x)[0], spectrum, rtol=1e-5, atol=1e-4)
    assert values[0].tobytes() == values[1].tobytes()
    error = np.abs(values[0] - spectrum).max() / np.abs(spectrum).max()
    assert 1e-5 < error < 1e-2


def test_samples_are_computed_as_one_schedule_says(tiny: Built, fixed: Platform) -> None:
    rng = np.random.default_rng(3)
    samples = [{"x": rng.standard_normal((1, 3, 10, 10)).astype(np.float32)} for _ in range(2)]
    process, path, result = emulated(tiny, fixed, "C1+C2D1+Z1", "EFT")
    many = list(process.execute_many(samples, path, result, fixed))
    assert len(many) == 2
    for sample, values in zip(samples, many, strict=True):
        alone = process.execute(sample, path, result, fixed)
        assert [v.tobytes() for v in values] == [v.tobytes() for v in alone]
        assert not np.array_equal(values[0], process.run(sample)[0])
    _, _, on_cpus = emulated(tiny, fixed, "C2", "EFT")
    (values,) = process.execute_many(samples[:1], path, on_cpus, fixed)
    np.testing.assert_array_equal(values[0], process.run(samples[0])[0])
