"""U-Net: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015.

The variant of Buda et al., "Association of genomic subtypes of lower-grade gliomas with shape features", 2019, published
as `unet` on PyTorch Hub (mateuszbuda/brain-segmentation-pytorch): four levels, 32 channels in the first, padded
convolutions with batch norm, transposed convolutions on the way up. 7,763,041 parameters for 3 channels and one class.
"""

from __future__ import annotations

import torch
from torch import nn

from cedr.frontend.zoo.seeding import noise, seeded, without_weights

SEED = 4
INPUT_SHAPE = (1, 3, 256, 256)


def double_convolution(in_channels: int, channels: int) -> nn.Sequential:
    """Two 3x3 convolutions that keep height and width, batch norm and ReLU after each."""
    layers: list[nn.Module] = []
    for channels_before in (in_channels, channels):
        layers += [
            nn.Conv2d(channels_before, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """float32 [N, in_channels, H, W] -> [N, classes, H, W], probabilities. H and W are multiples of 16.

    `base` is the number of channels of the first level; each level below has twice as many as the one above.
    """

    def __init__(self, classes: int = 1, in_channels: int = 3, base: int = 32) -> None:
        super().__init__()
        widths = [base, 2 * base, 4 * base, 8 * base]
        self.encoders = nn.ModuleList(
            double_convolution(before, width) for before, width in zip([in_channels, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2, stride=2)
        self.bottleneck = double_convolution(8 * base, 16 * base)
        self.upconvs = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in reversed(widths))
        self.decoders = nn.ModuleList(double_convolution(2 * width, width) for width in reversed(widths))
        self.head = nn.Conv2d(base, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skipped: list[torch.Tensor] = []
        for encoder in self.encoders:
            skipped.append(encoder(x))
            x = self.pool(skipped[-1])
        x = self.bottleneck(x)
        for upconv, decoder in zip(self.upconvs, self.decoders, strict=True):
            x = torch.cat((upconv(x), skipped.pop()), dim=1)
            x = decoder(x)
        return torch.sigmoid(self.head(x))


def skeleton() -> nn.Module:
    """U-Net without weights."""
    return without_weights(UNet)


def build() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """U-Net with seeded weights, and noise as its example."""
    return seeded(UNet, SEED, centring=0.8), (noise(INPUT_SHAPE, SEED),)
