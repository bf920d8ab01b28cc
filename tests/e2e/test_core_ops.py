"""Scans, shifts, moves of elements, remainders, volumes and upsampling through compiled modules of either emitter."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cedr
from tests.frontend.cases import SPECIAL, floats, integers

from .conftest import EMITTERS


class Scans(nn.Module):
    """Scans over the last dim and over another, before and after other layers."""

    def forward(self, x: torch.Tensor, special: torch.Tensor, i: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x.relu() - x
        return (
            y.cumsum(-1) * 2,
            y.cumsum(0),
            x.cumprod(1),
            i.cumsum(1),
            special.cumsum(0),
            x.logcumsumexp(1),
            *x.cummax(1),
            *x.cummin(2),
            *special.cummax(0),
        )


class Moves(nn.Module):
    """Turned, rolled, unfolded, partly overwritten; shifts."""

    def forward(self, x: torch.Tensor, places: torch.Tensor, i: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x.relu() - x
        return (
            y.flip(0, -1),
            y.roll((1, -2), (0, 2)),
            y.unfold(2, 4, 3),
            y.slice_scatter(x[:, :2], 1, 0, 4, 2),
            y.select_scatter(x[0], 0, -1),
            y.diagonal_scatter(x[:, 0, :4], 1, 2, 1),
            i << places,
            i >> places,
            i.to(torch.int8) << 6,
            y.view(torch.int32),
            (y.view(torch.int32) ^ 1).view(torch.float32),
            x.view(torch.int16),
            i.view(torch.int8),
            i.to(torch.int8).repeat(1, 8).view(torch.int64),
            x.half().view(torch.int16),
            (x.half().view(torch.int16) + 1).view(torch.float16),
            *torch.var_mean(y, 1),
        )


class Rest(nn.Module):
    """Remainders, powers, volumes, upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(1, 2, 3, padding=1)

    def forward(self, x: torch.Tensor, special: torch.Tensor, i: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x.relu() - x
        volume = y[None, None, :, :, :8]
        return (
            torch.fmod(x, 0.7),
            x % special[:5, None],
            x // special[:5, None],
            torch.hypot(special, special.flip(0)),
            torch.copysign(special, special.flip(0)),
            torch.signbit(special),
            torch.fmax(special, special.flip(0)),
            i ** i.abs(),
            i.to(torch.int8) ** 9,
            y.prod(1),
            torch.cdist(x, y),
            F.max_pool3d(self.convolution(volume), 2),
            F.avg_pool3d(volume, 2),
            F.interpolate(y[None], (7, 33), mode="bilinear"),
            F.interpolate(y[None], (7, 33)),
        )


PLACES = torch.tensor([0, 1, 5, 31, 63, 64, -1])


@pytest.mark.parametrize("emit", EMITTERS)
@pytest.mark.parametrize("model", [Scans(), Moves(), Rest().eval()], ids=lambda model: type(model).__name__)
def test_a_module_gives_what_pytorch_gives(model: nn.Module, emit: str) -> None:
    inputs = (floats(4, 5, 40), PLACES if isinstance(model, Moves) else SPECIAL, integers(6, 7))
    program = cedr.compile(model, inputs, emit=emit)
    for got, wanted in zip(program(*inputs), model(*inputs), strict=True):
        torch.testing.assert_close(got, wanted, equal_nan=True)
