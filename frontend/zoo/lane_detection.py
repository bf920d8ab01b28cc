"""CEDR's lane detection by Fourier transforms, the variant `track_fft` (UA-RCL/CEDR 96eeda6), up to the gradient image.

One two-dimensional transform of the grey image and one of each of four filters, products of the spectra in a chain, two
transforms back. A filter's spectrum is conjugated, so that it correlates, and the filter stands at the origin with its
first element, not its middle: the result is moved up and to the left, by what the filters reach to the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from cedr.frontend.zoo.decisions import Decision, arrays
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.lane_lines import decision, find_lane
from cedr.frontend.zoo.road_images import held_out_roads, road, share_found
from cedr.frontend.zoo.seeding import without_weights

SEED = 0
GREY = (0.299, 0.587, 0.144)
"""Weights of red, green and blue; the last is the application's own."""
BLURS = (11, 5)
SPREAD = 2 * 0.75**2 * 3.141593
SOBEL_X = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
SOBEL_Y = ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0))
REACH = sum(BLURS) - len(BLURS) + 2
"""Pixels to the right and below of which a pixel of the result is made."""


def gaussian(size: int) -> NDArray[np.float64]:
    """[size, size]: exp(-(x^2 + y^2) / s), x and y from 0, not from the middle; the sum is 1."""
    squares = np.arange(size) ** 2
    heights = np.exp(-(squares[:, None] + squares) / SPREAD)
    weights: NDArray[np.float64] = heights / heights.sum()
    return weights


def middle(size: int) -> float:
    """The weighted mean of a Gaussian filter's columns: a blur by it moves what it blurs so far to the left."""
    return float(gaussian(size).sum(axis=0) @ np.arange(size))


DISPLACEMENT = -sum(middle(size) for size in BLURS) - 1
"""How far to the right of its place the lane appears, in pixels; the Sobel filters' middle is in column 1."""


def transform_size(height: int, width: int) -> int:
    """The power of two that holds the image and what the filters reach beyond it, so that nothing comes round."""
    return 1 << (max(height, width) + REACH - 1).bit_length()


class LaneFinder(nn.Module):
    """An image -> its gradient: magnitude, x and y, [N, H, W] each; `decide` finds the lane in the first image's."""

    metric = "accuracy"
    displacement: ClassVar[float]
    """How far to the right of its place the lane appears, in pixels."""

    def decide(self, outputs: object) -> Decision:
        """The lane as a text."""
        magnitude, x, y = (output[0] for output in arrays(outputs))
        return decision(find_lane(magnitude, x, y))

    def held_out(self) -> HeldOut:
        """Roads drawn from seeds, and where their lanes are."""
        return held_out_roads()

    def score(self, decisions: Sequence[str]) -> float:
        """The share of lanes found where they are, but for the displacement."""
        return share_found(decisions, self.displacement)


class LaneDetection(LaneFinder):
    """float32 [N, 3, H, W], red, green and blue from 0 to 255 -> the gradient, see LaneFinder."""

    displacement = DISPLACEMENT
    blur0: torch.Tensor
    blur1: torch.Tensor
    sobel_x: torch.Tensor
    sobel_y: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        for index, size in enumerate(BLURS):
            self.register_buffer(f"blur{index}", torch.tensor(gaussian(size)[None], dtype=torch.float32))
        self.register_buffer("sobel_x", torch.tensor((SOBEL_X,)))
        self.register_buffer("sobel_y", torch.tensor((SOBEL_Y,)))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        height, width = image.shape[2:]
        size = transform_size(height, width)
        red, green, blue = GREY
        spectrum = transform(red * image[:, 0] + green * image[:, 1] + blue * image[:, 2], size)
        spectrum = spectrum * transform(self.blur0, size).conj()
        spectrum = spectrum * transform(self.blur1, size).conj()
        x = torch.fft.ifft2(spectrum * transform(self.sobel_x, size).conj()).real[:, :height, :width]
        y = torch.fft.ifft2(spectrum * transform(self.sobel_y, size).conj()).real[:, :height, :width]
        return torch.sqrt(x * x + y * y), x, y


def transform(numbers: torch.Tensor, size: int) -> torch.Tensor:
    """Two-dimensional Fourier transforms [..., size, size] of [..., h, w], zeros to the right and below."""
    height, width = numbers.shape[-2:]
    padded = functional.pad(numbers, (0, size - width, 0, size - height))
    spectrum: torch.Tensor = torch.fft.fft2(torch.complex(padded, torch.zeros_like(padded)))
    return spectrum


def skeleton() -> nn.Module:
    """The module; it has no weights but its filters."""
    return without_weights(LaneDetection)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The module, and a road as its example."""
    return LaneDetection().eval(), (torch.from_numpy(road(SEED).tensor),)
