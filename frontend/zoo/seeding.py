"""Seeded weights for the full-size models, drawn fast and the same on every call.

Default initialisation is not used: it shrinks the signal layer by layer until VGG16's output hardly depends on its
input, and an error check on such a model can't fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def without_weights(make: Callable[[], ModuleT]) -> ModuleT:
    """The module `make()` builds, on the meta device: shapes, no memory, no initialisation; eval mode."""
    with torch.device("meta"):
        return make().eval()


def seeded(make: Callable[[], ModuleT], seed: int, centring: float, input_deviation: float = 1.0) -> ModuleT:
    """The module `make()` builds, on the CPU in eval mode, with every parameter and buffer drawn from `seed`.

    Weights of convolutions and linear layers: He initialisation (uniform, variance 2 / fan-in), less `centring` (0 to
    1) of the mean of each output's weights. With 0 the mean that ReLU leaves, the same for every input, grows from
    layer to layer and drowns what differs (two random inputs of VGG16: 7 to 10 % of the outputs); with 1 every layer
    pulls near inputs apart, rounding errors included (VGG16: 2e-5 from float64). Deeper networks do with less.
    The first layer expects inputs of standard deviation `input_deviation`. Of a recurrent layer the weights that see its
    input are drawn alike, those that see its state of half the variance (tanh keeps it from growing). Embeddings have
    variance 1. Biases, a norm's beta and running mean: uniform in +-0.1; gamma in 0.8 to 1.2, running variance in 0.5 to
    1.5.
    """
    module = without_weights(make).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor: torch.Tensor | None, low: float, high: float) -> None:
        if tensor is not None:
            tensor.uniform_(low, high, generator=generator)

    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                rows = _weights_by_output(layer)
                bound = math.sqrt(6.0 / rows.shape[1]) / input_deviation
                draw(rows, -bound, bound)
                rows -= centring * rows.mean(dim=1, keepdim=True)
                draw(layer.bias, -0.1, 0.1)
                input_deviation = 1.0
            elif isinstance(layer, nn.RNNBase):
                for name, parameter in layer.named_parameters():
                    variance = 1.0 if name.startswith("weight_hh") else 2.0
                    bound = math.sqrt(3.0 * variance / parameter.shape[-1]) if name.startswith("weight") else 0.1
                    draw(parameter, -bound, bound)
            elif isinstance(layer, nn.Embedding):
                draw(layer.weight, -math.sqrt(3.0), math.sqrt(3.0))
            elif isinstance(layer, nn.LayerNorm):
                draw(layer.weight, 0.8, 1.2)
                draw(layer.bias, -0.1, 0.1)
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                draw(layer.weight, 0.8, 1.2)
                draw(layer.bias, -0.1, 0.1)
                draw(layer.running_mean, -0.1, 0.1)
                draw(layer.running_var, 0.5, 1.5)
                if layer.num_batches_tracked is not None:
                    layer.num_batches_tracked.zero_()
            elif [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]:
                raise TypeError(f"seeded: no rule to draw the weights of {type(layer).__name__}")
    return module


def _weights_by_output(layer: nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> torch.Tensor:
    """A view [outputs, what each of them sums over]; of a transposed convolution [outputs x taps, input channels], which
    is that for a stride as large as the kernel."""
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.weight.flatten(1).t()
    return layer.weight.flatten(1)


def noise(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """A standard normal float32 tensor, the same for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def token_ids(shape: tuple[int, ...], vocabulary: int, seed: int) -> torch.Tensor:
    """int64 numbers from 0 to less than `vocabulary`, the same for the same seed."""
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(seed))
