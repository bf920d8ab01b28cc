"""CEDR's lane detection by four convolutions, the variant `track_2Dconv` (UA-RCL/CEDR 96eeda6), up to the gradient image.

The application computes on integer pixels: each convolution's sums are truncated toward zero and held to 16 bits. So does
this, on floats whose values are integers. The blurs' weights are multiples of 2^-15, within 2^-16 of the application's (the
first takes up what that leaves of their sum, 1): then every product and every sum is exact in float32, in whatever order
they are added, and the C form, this and its compiled forms have the same pixels, not just nearly.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from cedr.frontend.zoo.lane_detection import BLURS, SOBEL_X, SOBEL_Y, LaneFinder, gaussian
from cedr.frontend.zoo.road_images import road
from cedr.frontend.zoo.seeding import without_weights

SEED = 0
GREY_THOUSANDTHS = (299, 587, 144)
WEIGHT_STEPS = 2**15


def exact_gaussian(size: int) -> NDArray[np.float64]:
    """`gaussian(size)` in steps of 2^-15, of sum 1."""
    steps = np.rint(gaussian(size) * WEIGHT_STEPS)
    steps[0, 0] += WEIGHT_STEPS - steps.sum()
    weights: NDArray[np.float64] = steps / WEIGHT_STEPS
    return weights


def displacement(size: int) -> float:
    """How far a blur around a pixel moves an image to the right: its window's middle less the weights'."""
    return size // 2 - float(exact_gaussian(size).sum(axis=0) @ np.arange(size))


DISPLACEMENT = sum(displacement(size) for size in BLURS)
"""How far to the right of its place the lane appears, in pixels."""


class LaneDetectionConv2d(LaneFinder):
    """float32 [N, 3, H, W], red, green and blue as integers from 0 to 255 -> the gradient, see LaneFinder."""

    displacement = DISPLACEMENT
    blur0: torch.Tensor
    blur1: torch.Tensor
    sobel_x: torch.Tensor
    sobel_y: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = {f"blur{index}": exact_gaussian(size) for index, size in enumerate(BLURS)}
        for name, weights in {**filters, "sobel_x": SOBEL_X, "sobel_y": SOBEL_Y}.items():
            self.register_buffer(name, torch.tensor(np.asarray(weights)[None, None], dtype=torch.float32))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        red, green, blue = GREY_THOUSANDTHS
        grey = torch.trunc((red * image[:, :1] + green * image[:, 1:2] + blue * image[:, 2:]) / 1000)
        blurred = convolve(convolve(grey, self.blur0), self.blur1)
        x, y = convolve(blurred, self.sobel_x)[:, 0], convolve(blurred, self.sobel_y)[:, 0]
        return torch.sqrt(x * x + y * y), x, y


def convolve(pixels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Images [N, 1, H, W] of integers, correlated with a window around each pixel, zeros outside; 16-bit integers."""
    sums = functional.conv2d(pixels, weights, padding=weights.shape[-1] // 2)
    return torch.trunc(sums).clamp(-32768, 32767)


def skeleton() -> nn.Module:
    """The module; it has no weights but its filters."""
    return without_weights(LaneDetectionConv2d)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The module, and a road as its example."""
    return LaneDetectionConv2d().eval(), (torch.from_numpy(road(SEED).tensor),)
