"""The two mappings are what they say, counted from the PyTorch modules alone."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from cedr.tools.driver import RunOptions, run_program

from .conftest import SMALL, compiled, zoo_model

IMAGE = ("vgg_digits", "tiny_yolo_digits")


def figures(name: str, pipeline: str, hw: str = "C3+F1+C2D1+Z1", scheduler: str = "EFT") -> dict[str, Any]:
    return run_program(compiled(name, pipeline, hw=hw), None, RunOptions(scheduler, values=False)).figures


def convolutions(module: nn.Module) -> list[nn.Conv1d | nn.Conv2d]:
    return [m for m in module.modules() if isinstance(m, nn.Conv1d | nn.Conv2d)]


def macs_of_module(name: str) -> int:
    """Multiply-accumulates of convolution and linear layers, seen by hooks on a forward pass."""
    model = zoo_model(name)
    total = 0

    def count(layer: Any, _: Any, output: Any) -> None:
        nonlocal total
        if isinstance(layer, nn.Linear):
            total += output.numel() * layer.in_features
        else:
            total += output.numel() * layer.weight[0].numel()

    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    handles = [m.register_forward_hook(count) for m in model.module.modules() if isinstance(m, kinds)]
    model.module(*model.example_inputs)
    for handle in handles:
        handle.remove()
    return total


@pytest.mark.parametrize("name", SMALL)
def test_layerwise_counts(name: str) -> None:
    layers = convolutions(zoo_model(name).module)
    tasks = figures(name, "layerwise")["tasks_by_api"]
    pairs = {1: 0, 2: 0}
    adds = 0
    for layer in layers:
        rank = len(layer.kernel_size)
        channels = layer.in_channels // layer.groups
        pairs[rank] += layer.out_channels * channels
        adds += layer.out_channels * (channels - 1)
    assert tasks.get("conv1d", 0) == pairs[1]
    assert tasks.get("conv2d", 0) == pairs[2]
    assert tasks.get("zip", 0) == adds
    assert tasks.get("gemm", 0) == sum(isinstance(m, nn.Linear) for m in zoo_model(name).module.modules())


@pytest.mark.parametrize("pipeline", ["default", "layerwise"])
@pytest.mark.parametrize("name", SMALL)
def test_macs_are_those_of_the_module(name: str, pipeline: str) -> None:
    macs = figures(name, pipeline)["macs_by_api"]
    total = macs_of_module(name)
    assert sum(macs.values()) == total
    assert sum(n for api, n in macs.items() if api != "kernel") >= 0.95 * total


@pytest.mark.parametrize("name", SMALL)
def test_default_is_faster_than_layerwise(name: str) -> None:
    assert figures(name, "default")["makespan_ns"] < figures(name, "layerwise")["makespan_ns"]


@pytest.mark.parametrize("name", IMAGE)
def test_there_is_parallelism_in_the_ir(name: str) -> None:
    three = figures(name, "default", "C3")["makespan_ns"]
    one = figures(name, "default", "C1")["makespan_ns"]
    assert three <= 0.45 * one


@pytest.mark.parametrize("name", SMALL)
def test_the_arena_is_small(name: str) -> None:
    result = figures(name, "default")
    assert result["arena_bytes"] <= 2 * result["arena_bound_bytes"]
