"""Small models whose modules for CEDR have calls of each kind."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    """Real GEMM calls, several of them beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(40, 300)
        self.second = nn.Linear(300, 7)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.second(torch.relu(self.first(x)))
        return result


class Wide(nn.Module):
    """More tiles than its scratch has room for: GEMM calls in batches."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 4000)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.layer(x))


class Filter(nn.Module):
    """Rows through an FFT, a filter and the FFT back: 2 x 8 FFT calls and a ZIP."""

    def __init__(self, rows: int, points: int) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.randn(rows, points, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = torch.fft.ifft(torch.fft.fft(x) * self.taps).real
        return result


class Mixer(nn.Module):
    """ZIP calls of every kind on two complex inputs, longer than CEDR's accelerator takes."""

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return x + y, x - y, x * y, x / y


class RealMixer(nn.Module):
    """The same on real inputs: all but the quotient become complex on the way."""

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return x + y, x - y, x * y, x / y


class ComplexProduct(nn.Module):
    """A GEMM of complex numbers, one of whose factors is turned."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x @ y.transpose(0, 1)


class Attention(nn.Module):
    """Kernels whose operands are of different sizes in one arena, small enough to be inlined."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


def complex_normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex64)


MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {
    "perceptron": lambda: (Perceptron(), (torch.randn(5, 40),)),
    "wide": lambda: (Wide(), (torch.randn(3, 64),)),
    "filter": lambda: (Filter(8, 64), (torch.randn(8, 64),)),
    "short_filter": lambda: (Filter(3, 8), (torch.randn(3, 8),)),
    "long_filter": lambda: (Filter(2, 4096), (torch.randn(2, 4096),)),
    "mixer": lambda: (Mixer(), (complex_normal(5, 1000), complex_normal(5, 1000))),
    "real_mixer": lambda: (RealMixer(), (torch.randn(30, 7), torch.randn(30, 7))),
    "complex_product": lambda: (ComplexProduct(), (complex_normal(6, 33), complex_normal(10, 33))),
    "attention": lambda: (Attention(), (torch.randn(1, 3, 197, 8),)),
}
