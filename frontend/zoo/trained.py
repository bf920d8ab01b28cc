"""Weights of the trained models: `weights/<model>.safetensors`, with how they were made in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import nn

from cedr.frontend.zoo.seeding import ModuleT, without_weights

WEIGHTS = Path(__file__).parent / "weights"


def trained(make: Callable[[], ModuleT], name: str) -> ModuleT:
    """The module `make()` builds, on the CPU in eval mode, with the weights of `weights/<name>.safetensors`."""
    module = without_weights(make)
    module.load_state_dict(load_file(WEIGHTS / f"{name}.safetensors"), assign=True)
    return module.requires_grad_(True)


def is_trained(name: str) -> bool:
    """Whether the model called `name` has trained weights."""
    return (WEIGHTS / f"{name}.safetensors").is_file()


def packed(module: nn.Module, made: Mapping[str, str]) -> bytes:
    """The module's weights as a .safetensors file; `made` says how they came about (seed, data, command).

    `made` is one JSON text in the file's metadata: several entries would come in an order that changes from run to run.
    """
    tensors: dict[str, torch.Tensor] = {key: value.contiguous() for key, value in module.state_dict().items()}
    return save(tensors, metadata={"made": json.dumps(dict(made), sort_keys=True)})


def save_trained(module: nn.Module, name: str, made: Mapping[str, str]) -> None:
    """Writes `packed(module, made)` to `weights/<name>.safetensors`."""
    WEIGHTS.mkdir(exist_ok=True)
    (WEIGHTS / f"{name}.safetensors").write_bytes(packed(module, made))


def how_made(name: str) -> dict[str, str]:
    """What `save_trained` was told of the model called `name`."""
    with safe_open(WEIGHTS / f"{name}.safetensors", framework="pt") as file:
        made: dict[str, str] = json.loads(file.metadata()["made"])
        return made
