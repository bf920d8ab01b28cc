"""Radar correlator, after CEDR's application of that name (UA-RCL/CEDR 96eeda6): how late is the echo of a chirp?

Two transforms of 512 points, a product, an inverse transform.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cedr.frontend.zoo.decisions import arrays
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.signals import CHIRP_HZ_PER_S, LAG_POINTS, chirp_time, held_out, lag_text, radar_correlator

HEARD = LAG_POINTS // 2 + 1
"""Samples of the echo that are looked at."""


class RadarCorrelator(nn.Module):
    """complex64 [N, 256], what is received -> complex64 [N, 512], its correlation with the chirp.

    `time`: float32 [1, 256], the times at which the chirp is taken, in s.
    """

    time: torch.Tensor

    def __init__(self, time: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("time", time)

    def forward(self, received: torch.Tensor) -> torch.Tensor:
        phase = torch.pi * CHIRP_HZ_PER_S * self.time**2
        chirp = torch.complex(torch.sin(phase), torch.cos(phase))
        reference = torch.fft.fft(nn.functional.pad(chirp, (LAG_POINTS, 0)))
        echo = torch.fft.fft(nn.functional.pad(received[:, :HEARD], (0, 2 * LAG_POINTS - HEARD)))
        correlation: torch.Tensor = torch.fft.ifft(reference * echo.conj())
        return correlation

    def decide(self, outputs: object) -> str:
        """The lag at which the correlation's real part is largest."""
        (correlation,) = arrays(outputs)
        return lag_text(int(np.argmax(correlation.reshape(-1).real)))

    def held_out(self) -> HeldOut:
        """Echoes [32, 256] of known delay."""
        return held_out(radar_correlator, 32)


def skeleton() -> nn.Module:
    """The correlator without the chirp's times."""
    return without_weights(lambda: RadarCorrelator(torch.empty(1, LAG_POINTS)))


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The correlator, and an echo."""
    module = RadarCorrelator(torch.from_numpy(chirp_time())[None]).eval()
    return module, (torch.from_numpy(radar_correlator(0).tensor),)
