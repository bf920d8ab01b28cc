"""What runs is what was emitted: files changed by hand change the result of `cedr run DIR`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cedr.tools.cli import main

from .conftest import zoo_model

MODEL = "tiny_yolo_digits"


@pytest.fixture(scope="module", params=["c", "python"])
def module(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edited")
    (x,) = zoo_model(MODEL).example_inputs
    np.save(folder / "x.npy", x.numpy())
    assert main(["compile", MODEL, "--emit", request.param, "--save-ir", "-o", str(folder / "m")]) == 0
    return folder


def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[np.ndarray], str]:
    capsys.readouterr()
    outputs = [name["name"] for name in json.loads((folder / "m" / "manifest.json").read_text())["outputs"]]
    arguments = ["run", str(folder / "m"), "--input", str(folder / "x.npy"), "--json"]
    for name in outputs:
        arguments += ["--output", f"{name}={folder / name}.npy"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["max_rel_error"] is None
    return [np.load(f"{folder / name}.npy") for name in outputs], captured.err


def differs(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return any(not np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_nothing_changed_nothing_said(module: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, said = run(module, capsys)
    second, _ = run(module, capsys)
    assert said == "" and not differs(first, second)


@pytest.mark.parametrize("what", ["source", "ir", "weights"])
def test_a_change_by_hand_is_used_and_said(
    module: Path, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, _ = run(module, capsys)
    shutil.copytree(module, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "m"
    if what == "weights":
        weights = load_file(folder / "weights.safetensors")
        for name in weights:
            if weights[name].ndim == 1:
                weights[name] = weights[name] + 1
        save_file(weights, folder / "weights.safetensors")
        changed = folder / "weights.safetensors"
    elif what == "source":
        changed = next(p for p in folder.iterdir() if p.suffix in (".c", ".py"))
        text = changed.read_text()
        assert "0.1" in text, "the slope of the leaky ReLU stands in the text"
        changed.write_text(re.sub(r"\b0\.1(?=f|\))", "0.9", text))
    else:
        changed = sorted((folder / "ir").iterdir())[-1]
        text = changed.read_text()
        assert "1.000000e-01" in text
        changed.write_text(text.replace("1.000000e-01", "9.000000e-01"))
    after, said = run(tmp_path, capsys)
    assert differs(before, after)
    assert changed.name in said and "changed by hand" in said
