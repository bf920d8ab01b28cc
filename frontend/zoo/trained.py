"""Weights of the trained models: `weights/<model>.safetensors`, with how they were made in the file's metadata."""

from __future__ import annotations

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


def save_trained(module: nn.Module, name: str, made: Mapping[str, str]) -> None:
    """Writes the module's weights to `weights/<name>.safetensors`; `made` says how (seed, data, command)."""
    WEIGHTS.mkdir(exist_ok=True)
    tensors: dict[str, torch.Tensor] = {key: value.contiguous() for key, value in module.state_dict().items()}
    (WEIGHTS / f"{name}.safetensors").write_bytes(save(tensors, metadata=dict(sorted(made.items()))))


def how_made(name: str) -> dict[str, str]:
    """What `save_trained` was told of the model called `name`."""
    with safe_open(WEIGHTS / f"{name}.safetensors", framework="pt") as file:
        return dict(file.metadata() or {})
