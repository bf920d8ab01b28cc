"""Pulse Doppler radar, after CEDR's application of that name (UA-RCL/CEDR 96eeda6): a target's range and speed.

Each of 128 echoes is correlated with the pulse, by transforms of 128 points; a transform over the echoes then tells, for
each range, how fast the phase turns.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cedr.frontend.zoo.decisions import arrays
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.signals import PULSE_SAMPLES, doppler_text, held_out, pulse, pulse_doppler


class PulseDoppler(nn.Module):
    """complex64 [N, 128 echoes, 64 samples] -> float32 [N, 128 ranges, 128 speeds], magnitudes; speed 0 in the middle.

    `pulse`: complex64 [64], what was sent.
    """

    pulse: torch.Tensor

    def __init__(self, pulse: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("pulse", pulse)

    def forward(self, echoes: torch.Tensor) -> torch.Tensor:
        heard = torch.fft.fft(nn.functional.pad(echoes, (PULSE_SAMPLES - 1, 1)))
        sent = torch.fft.fft(nn.functional.pad(self.pulse, (0, PULSE_SAMPLES)))
        ranges = torch.fft.ifft(heard * sent.conj())
        speeds: torch.Tensor = torch.fft.fftshift(torch.fft.fft(ranges.mT), dim=-1)
        return speeds.abs()

    def decide(self, outputs: object) -> str:
        """Doppler shift in Hz and delay in s of the largest magnitude, the first one on a tie."""
        (magnitudes,) = arrays(outputs)
        range_index, speed_index = np.unravel_index(np.argmax(magnitudes[0]), magnitudes[0].shape)
        return doppler_text(int(range_index) + 1, int(speed_index) + 1)

    def held_out(self) -> HeldOut:
        """Echoes [16, 128, 64] of targets of known range and speed."""
        return held_out(pulse_doppler, 16)


def skeleton() -> nn.Module:
    """The radar without its pulse."""
    return without_weights(lambda: PulseDoppler(torch.empty(PULSE_SAMPLES, dtype=torch.complex64)))


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The radar, and the echoes of a target."""
    return PulseDoppler(torch.from_numpy(pulse())).eval(), (torch.from_numpy(pulse_doppler(0).tensor),)
