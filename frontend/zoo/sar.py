"""Range-Doppler processor of a synthetic aperture radar, after CEDR's application SAR (UA-RCL/CEDR 96eeda6).

Rows of 512 samples, the echoes of 256 pulses, are compressed by a product with the pulse's spectrum; then columns of 256
likewise, in which the spectrum is multiplied by the azimuth chirp as it stands in time.
"""

from __future__ import annotations

import torch
from torch import nn

from cedr.frontend.zoo.decisions import arrays
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.seeding import without_weights
from cedr.frontend.zoo.signals import SAR_PULSES, SAR_SAMPLES, SarGeometry, brightest, held_out, places_text, sar


class Sar(nn.Module):
    """complex64 [N, 256 pulses, 512 samples] -> float32 [N, 256, 512], magnitudes of the image.

    `range_filter`: complex64 [512], in time. `azimuth_filters`: complex64 [1, 512, 256], one for each range, times the
    shifted spectrum of that column.
    """

    range_filter: torch.Tensor
    azimuth_filters: torch.Tensor

    def __init__(self, range_filter: torch.Tensor, azimuth_filters: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("range_filter", range_filter)
        self.register_buffer("azimuth_filters", azimuth_filters)

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        spectra = torch.fft.fftshift(torch.fft.fft(raw), dim=-1)
        columns = torch.fft.ifft(spectra * torch.fft.fft(self.range_filter)).mT
        spectra = torch.fft.fftshift(torch.fft.fft(columns), dim=-1)
        image: torch.Tensor = torch.fft.fftshift(torch.fft.ifft(spectra * self.azimuth_filters), dim=-1)
        return image.abs().mT

    def decide(self, outputs: object) -> str:
        """(row, column) of the three brightest points."""
        (image,) = arrays(outputs)
        return places_text(brightest(image[0], 3))

    def held_out(self) -> HeldOut:
        """Echoes [4, 256, 512] of three point targets each, whose places are known."""
        return held_out(sar, 4)


def skeleton() -> nn.Module:
    """The processor without its filters."""
    sizes = ((SAR_SAMPLES,), (1, SAR_SAMPLES, SAR_PULSES))
    return without_weights(lambda: Sar(*(torch.empty(size, dtype=torch.complex64) for size in sizes)))


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The processor, with the application's one azimuth filter for all ranges, and the echoes of three targets."""
    geometry = SarGeometry()
    filters = [torch.from_numpy(f).to(torch.complex64) for f in (geometry.range_filter, geometry.azimuth_filter)]
    return Sar(filters[0], filters[1].repeat(1, SAR_SAMPLES, 1)).eval(), (torch.from_numpy(sar(0).tensor),)
