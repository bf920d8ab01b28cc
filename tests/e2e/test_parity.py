"""The main job: compiled models on the emulated ZCU102 give PyTorch's own answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cedr.frontend.zoo import ZOO
from cedr.tools.compiler import CompileOptions
from cedr.tools.driver import RunOptions, evaluate, run_program

from .conftest import EMITTERS, LARGE, PIPELINES, SMALL, compiled, mapped, zoo_model


@pytest.mark.parametrize("emit", EMITTERS)
@pytest.mark.parametrize(("name", "pipeline"), mapped())
def test_a_held_out_input_under_the_schedule(name: str, pipeline: str, emit: str) -> None:
    model = zoo_model(name)
    held_out = model.judge().held_out()
    assert held_out is not None
    program = compiled(name, pipeline, emit)
    sample = np.ascontiguousarray(held_out.inputs[3:4])
    result = run_program(program, {program.manifest.inputs[0].name: sample}, RunOptions())
    assert result.figures["max_rel_error"] <= 1e-4
    assert result.figures["decision_match"] is True
    assert sum(result.figures["tasks_by_api"].values()) == result.figures["tasks"]


@pytest.mark.slow
@pytest.mark.parametrize("emit", EMITTERS)
@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("name", SMALL)
def test_every_held_out_input(name: str, pipeline: str, emit: str) -> None:
    result = evaluate(zoo_model(name), CompileOptions(emit, pipeline))
    assert result["samples"] >= 100
    assert result["max_rel_error"] <= 1e-4
    assert result["decisions_differing"] == 0
    assert result["eager"] == result["compiled"]
    assert result["eager"] >= {"vgg_digits": 0.97, "m5_words": 0.90, "tiny_yolo_digits": 0.8}[name]


def random_input(name: str, generator: torch.Generator) -> NDArray[Any]:
    entry = ZOO[name]
    if entry.vocabulary is None:
        drawn = torch.randn(entry.input_shape, generator=generator)
    else:
        drawn = torch.randint(entry.vocabulary, entry.input_shape, generator=generator)
    array: NDArray[Any] = drawn.numpy()
    return array


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n != "dscnn_kws" else []) for n in LARGE])
def test_full_size_on_ten_inputs_that_are_not_the_example(name: str) -> None:
    program = compiled(name)
    (spec,) = program.manifest.inputs
    generator = torch.Generator().manual_seed(7)
    for _ in range(10):
        sample = random_input(name, generator)
        result = run_program(program, {spec.name: sample}, RunOptions())
        assert result.figures["max_rel_error"] <= 1e-4
    assert max(result.figures["ir_bytes"].values()) < 1_000_000


def test_a_program_answers_as_the_module_does() -> None:
    model = zoo_model("vgg_digits")
    program = compiled("vgg_digits")
    (x,) = model.example_inputs
    got = program(x)
    with torch.no_grad():
        wanted = model.module(x)
    assert isinstance(got, torch.Tensor) and got.shape == wanted.shape
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_the_difference_is_measured_not_assumed() -> None:
    """A run with a weight changed in the module differs from eager, and says so."""
    program = compiled("vgg_digits")
    model = zoo_model("vgg_digits")
    result = run_program(program, program.bind(model.example_inputs), RunOptions(tolerance=0.0))
    assert result.figures["max_rel_error"] > 0.0
    assert not result.within
