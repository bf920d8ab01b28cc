"""Every level is text: through files, stage by stage, with the same text and the same values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cedr.dialects.interpreter.run import interpret
from cedr.dialects.parsing import read_ir
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.passes.pipelines import pipeline_text
from cedr.passes.specification import parse_pipeline
from cedr.tools.cli import main
from cedr.tools.compiler import CompileOptions
from cedr.tools.opt import main as opt

from .conftest import PIPELINES, SMALL, zoo_model

QUICK = (("vgg_digits", "default"), ("m5_words", "layerwise"))
"""For every run; text and interpretation of the others take half a minute."""


def pairs() -> list[Any]:
    """(model, pipeline) of the small models as parameters."""
    every = [(name, pipeline) for name in SMALL for pipeline in PIPELINES]
    return [pytest.param(*pair, marks=[] if pair in QUICK else [pytest.mark.slow]) for pair in every]


@pytest.mark.parametrize(("name", "pipeline"), pairs())
def test_stage_by_stage_through_files(
    name: str, pipeline: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", name, "--pipeline", pipeline, "--save-ir", "-o", str(tmp_path / "m")]) == 0
    saved = sorted((tmp_path / "m" / "ir").iterdir())
    weights = tmp_path / "m" / "weights.safetensors"
    assert len(saved) >= 6

    # In one go, from the imported linalg.
    options = CompileOptions(pipeline=pipeline)
    text = pipeline_text(pipeline, options.platform, options.hw)
    whole = tmp_path / "whole.mlir"
    assert opt([str(saved[0]), "-p", text, "--weights", str(weights), "-o", str(whole)]) == 0

    # One pass at a time, each through a file, weights too.
    current, current_weights = saved[0], weights
    for number, call in enumerate(parse_pipeline(text)):
        one = _element(text, call.position)
        target = tmp_path / f"stage{number}.mlir"
        new_weights = tmp_path / f"stage{number}.safetensors"
        arguments = [str(current), "-p", one, "--weights", str(current_weights), "-o", str(target)]
        assert opt([*arguments, "--weights-out", str(new_weights)]) == 0, one
        current, current_weights = target, new_weights
    assert _without_file_name(current.read_text()) == _without_file_name(whole.read_text())


def _without_file_name(text: str) -> str:
    """The text less the name of the weights file, which each run was given another one for."""
    return re.sub(r'cedr\.weights_file = "[^"]*"', "", text, count=1)


def _element(text: str, position: int) -> str:
    """The pass that stands at a position of a pipeline's text, with its options."""
    depth = 0
    for end in range(position, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if text[end] == "," and depth == 0:
            return text[position:end]
    return text[position:]


@pytest.mark.parametrize(("name", "pipeline"), pairs())
def test_values_at_every_level(name: str, pipeline: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reference interpreter on every saved stage, and `cedr run` on a file of every level.

    A pass that found nothing to do leaves the text of the stage before, which is not read again.
    """
    model = zoo_model(name)
    (x,) = model.example_inputs
    assert main(["compile", name, "--pipeline", pipeline, "--save-ir", "-o", str(tmp_path / "m")]) == 0
    np.save(tmp_path / "x.npy", x.numpy())
    stages = {path.read_text(): path for path in sorted((tmp_path / "m" / "ir").iterdir())}.values()
    assert len(stages) >= 6
    reference = None
    weights = WeightStore.load(tmp_path / "m" / "weights.safetensors")
    for path in stages:
        outputs = interpret(read_ir(make_context(), path).module, [x.numpy()], weights)
        reference = outputs if reference is None else reference
        for got, wanted in zip(outputs, reference, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max(), err_msg=path.name)
    assert reference is not None
    for path in stages:
        capsys.readouterr()
        arguments = ["run", str(path), "--input", str(tmp_path / "x.npy"), "--json", "--pipeline", pipeline]
        assert main([*arguments, "--output", str(tmp_path / "y.npy")]) == 0, path.name
        assert json.loads(capsys.readouterr().out)["max_rel_error"] is None
        got = np.load(tmp_path / "y.npy")
        np.testing.assert_allclose(got, reference[0], rtol=0, atol=1e-4 * np.abs(reference[0]).max())
