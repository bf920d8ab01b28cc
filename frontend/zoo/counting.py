"""What a model costs by PyTorch's own account: parameters and multiply-accumulates, counted from the module alone."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameter_count(module: nn.Module) -> int:
    """How many numbers the parameters hold; running statistics are not parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def mac_count(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    """Multiply-accumulates of the convolutions and matrix products of a run, padding included.

    Module and inputs on the meta device, where nothing is computed, and recurrent layers are the products they consist
    of; on the CPU those are one op, which PyTorch does not count.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2
