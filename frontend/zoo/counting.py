"""What a model costs by its own account: parameters and multiply-accumulates, counted from the PyTorch module alone."""

from __future__ import annotations

import math

import torch
from torch import nn


def parameter_count(module: nn.Module) -> int:
    """How many numbers the parameters hold; running statistics are not parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def macs_by_layer(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict[str, int]:
    """Multiply-accumulates of each convolution and linear layer, by its name, in order of execution.

    A convolution does (input channels / groups) x taps of them per output element, padding included; a linear layer
    its input features per output element. Works on the meta device, where nothing is computed.
    """
    macs: dict[str, int] = {}

    def hook(name: str, layer: nn.Module, output: torch.Tensor) -> None:
        if isinstance(layer, (nn.Conv1d, nn.Conv2d)):
            per_output = layer.in_channels // layer.groups * math.prod(layer.kernel_size)
        else:
            assert isinstance(layer, nn.Linear)  # narrowing only: hooks stand on these kinds alone
            per_output = layer.in_features
        macs[name] = macs.get(name, 0) + per_output * output.numel()

    def register(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        return layer.register_forward_hook(lambda _layer, _inputs, output: hook(name, layer, output))

    handles = [
        register(name, layer)
        for name, layer in module.named_modules()
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear))
    ]
    try:
        with torch.no_grad():
            module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return macs


def mac_count(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    """All multiply-accumulates of the module's convolutions and linear layers."""
    return sum(macs_by_layer(module, inputs).values())
