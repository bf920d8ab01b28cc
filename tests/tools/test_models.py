"""MODEL on the command line: what a user may write, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from .conftest import Cedr


def test_several_inputs_and_outputs_in_a_structure(cedr: Cedr, models: Path) -> None:
    result = cedr("run", f"{models}:two", "--emit", "python", "--json").json
    assert result["model"] == "two" and result["max_rel_error"] == 0.0


def test_a_lone_tensor_is_one_example_input(cedr: Cedr, models: Path) -> None:
    assert cedr("run", f"{models}:lone_tensor", "--emit", "python", "--json").json["max_rel_error"] == 0.0


def test_integers_and_booleans(cedr: Cedr, models: Path) -> None:
    assert cedr("run", f"{models}:integers", "--emit", "python", "--json").json["max_rel_error"] == 0.0


def test_a_package_s_module(cedr: Cedr, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models.parent)
    assert cedr("run", "beside:make", "--emit", "python", "--json").json["model"] == "make"


def test_what_stands_beside_the_file_is_imported_late_too(cedr: Cedr, models: Path) -> None:
    assert cedr("run", f"{models}:lazily", "--emit", "python", "--json").json["max_rel_error"] == 0.0


def test_a_file_may_be_called_like_a_module_of_the_library(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    import json
    import sys

    (tmp_path / "json.py").write_text((models.parent / "beside.py").read_text())
    assert cedr("run", f"{tmp_path / 'json.py'}:make", "--emit", "python", "--json", "--no-values").status == 0
    assert sys.modules["json"] is json and hasattr(json, "JSONEncoder")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "{}: the factory failed: ValueError: no data today"),
        ("leaves", "{}: the factory failed: SystemExit: 3"),
        ("number", "{}: a factory returns (nn.Module, example inputs) or (nn.Module, example inputs, dynamic shapes), got int"),
        ("module_alone", "{}: a factory returns (nn.Module, example inputs) or (nn.Module, example inputs, dynamic shapes), got Two"),
        ("needs_more", "{}: the factory failed: TypeError: needs_more() missing 1 required positional argument: 'x'"),
        ("absent", "{}: {file} has no function 'absent'; callables there: "),
        ("not_callable", "{}: {file} has no function 'not_callable'; callables there: "),
    ],
)  # fmt: skip
def test_refused_factories(cedr: Cedr, models: Path, name: str, message: str) -> None:
    done = cedr("run", f"{models}:{name}")
    assert done.status == 1 and done.out == ""
    assert done.err.startswith("cedr run: " + message.format(f"{models}:{name}", file=models))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vgg", "no model 'vgg': it is neither a zoo model (vgg16, vgg_digits, m5, m5_words, tiny_yolo, tiny_yolo_digits, "),
        ("", "no model ''"),
        ("small.py", "small.py: which of its functions makes the model? Name it: small.py:FACTORY"),
        ("absent.py:make", "absent.py:make: no such file: absent.py"),
        ("absent.module:make", "importing absent.module failed: ModuleNotFoundError: No module named 'absent'"),
        ("broken.py:make", "importing broken.py failed: SyntaxError: invalid syntax (broken.py, line 1) ("),
        ("quits.py:make", "importing quits.py failed: SystemExit: 4 ("),
        (".", "a directory without a manifest.json, so no compiled module"),
        ("absent.mlir", "absent.mlir: no such file"),
        ("absent/", "no model 'absent/'"),
    ],
)  # fmt: skip
def test_refused_models(
    cedr: Cedr, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.py").write_text(models.read_text())
    Path("broken.py").write_text("def make(:\n")
    Path("quits.py").write_text("import sys\nsys.exit(4)\n")
    done = cedr("run", text, "--json")
    assert done.status == 1 and message in done.err and done.out == ""


def test_training_mode_is_that_of_eager(cedr: Cedr, models: Path) -> None:
    """Batch norm goes by the batch; its new statistics are compared with eager's too."""
    done = cedr("run", f"{models}:training", "--json")
    assert done.status == 0 and json.loads(done.out)["max_rel_error"] <= 1e-5


def test_open_sizes_are_those_of_the_inputs(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    for name, size in (("a", 5), ("b", 5), ("short", 4)):
        np.save(tmp_path / f"{name}.npy", np.arange(size, dtype=np.float32))
    done = cedr("run", f"{models}:dynamic", "--input", tmp_path / "a.npy", "--input", tmp_path / "b.npy", "--json")
    assert done.status == 0 and json.loads(done.out)["max_rel_error"] == 0
    done = cedr("run", f"{models}:dynamic", "--input", tmp_path / "a.npy", "--input", tmp_path / "short.npy")
    assert done.status == 1
    assert "dimension 0 of input 'b' is 4, another of the same size is 5" in done.err
