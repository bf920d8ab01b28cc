"""Well-known networks with the published ops and depths, and fewer channels and smaller images than published.

Plain PyTorch; positions, scales and other bare parameters are tables (`nn.Embedding`), so that the zoo's rules of seeded
weights know them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolved(
    channels: int, filters: int, kernel: int | tuple[int, int], stride: int = 1, groups: int = 1, act: str = "relu"
) -> nn.Sequential:
    """A convolution that keeps the size at stride 1, batch norm, an activation by name ("" for none)."""
    acts = {"relu": nn.ReLU, "relu6": nn.ReLU6, "silu": nn.SiLU, "hardswish": nn.Hardswish, "": nn.Identity}
    height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    layer = nn.Conv2d(channels, filters, kernel, stride, (height // 2, width // 2), groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(filters), acts[act]())


class VggBn(nn.Module):
    """VGG16 with batch norm; Simonyan and Zisserman, 2015, and torchvision's vgg16_bn."""

    def __init__(self, base: int = 8) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
            for _ in range(count):
                layers.append(convolved(channels, base * width, 3))
                channels = base * width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            *(nn.Linear(channels * 49, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
        )

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.pool(self.features(x)).flatten(1))


class Gate(nn.Module):
    """Squeeze and excitation: the channels times numbers from 0 to 1 computed from their means."""

    def __init__(self, channels: int, squeezed: int, act: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.body = nn.Sequential(nn.Conv2d(channels, squeezed, 1), act, nn.Conv2d(squeezed, channels, 1), gate)

    def forward(self, x: Tensor) -> Any:
        return x * self.body(self.pool(x))


class MobileBlock(nn.Module):
    """Expansion, a convolution per channel, a gate, projection, a shortcut where the shape stays."""

    def __init__(
        self, channels: int, hidden: int, filters: int, kernel: int, stride: int, act: str, gate: nn.Module | None
    ) -> None:
        super().__init__()
        self.has_shortcut = stride == 1 and channels == filters
        self.body = nn.Sequential(
            *([convolved(channels, hidden, 1, act=act)] if hidden != channels else []),
            convolved(hidden, hidden, kernel, stride, hidden, act),
            gate or nn.Identity(),
            convolved(hidden, filters, 1, act=""),
        )

    def forward(self, x: Tensor) -> Any:
        return x + self.body(x) if self.has_shortcut else self.body(x)


class MobileNetV3(nn.Module):
    """MobileNetV3-Small; Howard et al., 2019, table 2, with a quarter of the channels."""

    ROWS = (
        (3, 16, 16, True, "relu", 2), (3, 72, 24, False, "relu", 2), (3, 88, 24, False, "relu", 1),
        (5, 96, 40, True, "hardswish", 2), (5, 240, 40, True, "hardswish", 1), (5, 240, 40, True, "hardswish", 1),
        (5, 120, 48, True, "hardswish", 1), (5, 144, 48, True, "hardswish", 1), (5, 288, 96, True, "hardswish", 2),
        (5, 576, 96, True, "hardswish", 1), (5, 576, 96, True, "hardswish", 1),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolved(3, 4, 3, 2, act="hardswish")]
        channels = 4
        for kernel, hidden, filters, gated, act, stride in self.ROWS:
            gate = Gate(hidden // 4, hidden // 16, nn.ReLU(), nn.Hardsigmoid()) if gated else None
            layers.append(MobileBlock(channels, hidden // 4, filters // 4, kernel, stride, act, gate))
            channels = filters // 4
        self.features = nn.Sequential(*layers, convolved(channels, 144, 1, act="hardswish"), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Sequential(nn.Linear(144, 64), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.features(x).flatten(1))


class EfficientNet(nn.Module):
    """EfficientNet-B0; Tan and Le, 2019, table 1, with a quarter of the channels."""

    ROWS = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
            (6, 3, 1, 320, 1))  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolved(3, 8, 3, 2, act="silu")]
        channels = 8
        for expansion, kernel, stride, filters, count in self.ROWS:
            for i in range(count):
                hidden = channels * expansion
                gate = Gate(hidden, max(1, channels // 4), nn.SiLU(), nn.Sigmoid())
                step = stride if i == 0 else 1
                layers.append(MobileBlock(channels, hidden, filters // 4, kernel, step, "silu", gate))
                channels = filters // 4
        self.features = nn.Sequential(*layers, convolved(channels, 320, 1, act="silu"), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(320, 10))

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.features(x).flatten(1))


class DenseLayer(nn.Module):
    """Batch norm before each convolution; the result stands beside the input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(4 * growth)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Any:
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y)))], 1)


class DenseNet(nn.Module):
    """DenseNet-121; Huang et al., 2017, table 1, with a growth of 4 in place of 32."""

    def __init__(self, growth: int = 4) -> None:
        super().__init__()
        channels = 2 * growth
        layers: list[nn.Module] = [convolved(3, channels, 7, 2), nn.MaxPool2d(3, 2, 1)]
        for count in (6, 12, 24, 16):
            if len(layers) > 2:
                layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels // 2, 1, bias=False)]
                layers.append(nn.AvgPool2d(2))
                channels //= 2
            for _ in range(count):
                layers.append(DenseLayer(channels, growth))
                channels += growth
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.features(x).flatten(1))


class Branches(nn.Module):
    """The channels of several branches on one input, side by side."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Any:
        return torch.cat([branch(x) for branch in self.branches], 1)


def shrunk(channels: int, filters: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution without padding, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(channels, filters, kernel, stride, bias=False), nn.BatchNorm2d(filters), nn.ReLU())


class InceptionV3(nn.Module):
    """Inception-v3 without its auxiliary head; Szegedy et al., 2016, as torchvision's, with an eighth of the channels."""

    def __init__(self) -> None:
        super().__init__()
        average = nn.AvgPool2d(3, 1, 1)

        def a(channels: int, pooled: int) -> nn.Module:
            return Branches(
                convolved(channels, 8, 1),
                nn.Sequential(convolved(channels, 6, 1), convolved(6, 8, 5)),
                nn.Sequential(convolved(channels, 8, 1), convolved(8, 12, 3), convolved(12, 12, 3)),
                nn.Sequential(average, convolved(channels, pooled, 1)),
            )

        def c(mid: int) -> nn.Module:
            row, column = (1, 7), (7, 1)
            return Branches(
                convolved(96, 24, 1),
                nn.Sequential(convolved(96, mid, 1), convolved(mid, mid, row), convolved(mid, 24, column)),
                nn.Sequential(
                    *(convolved(96, mid, 1), convolved(mid, mid, column), convolved(mid, mid, row)),
                    *(convolved(mid, mid, column), convolved(mid, 24, row)),
                ),
                nn.Sequential(average, convolved(96, 24, 1)),
            )

        def e(channels: int) -> nn.Module:
            def fork() -> nn.Module:
                return Branches(convolved(48, 48, (1, 3)), convolved(48, 48, (3, 1)))

            return Branches(
                convolved(channels, 40, 1),
                nn.Sequential(convolved(channels, 48, 1), fork()),
                nn.Sequential(convolved(channels, 56, 1), convolved(56, 48, 3), fork()),
                nn.Sequential(average, convolved(channels, 24, 1)),
            )

        b = Branches(
            shrunk(36, 48, 3, 2),
            nn.Sequential(convolved(36, 8, 1), convolved(8, 12, 3), shrunk(12, 12, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        d = Branches(
            nn.Sequential(convolved(96, 24, 1), shrunk(24, 40, 3, 2)),
            nn.Sequential(
                convolved(96, 24, 1), convolved(24, 24, (1, 7)), convolved(24, 24, (7, 1)), shrunk(24, 24, 3, 2)
            ),
            nn.MaxPool2d(3, 2),
        )
        self.features = nn.Sequential(
            *(shrunk(3, 4, 3, 2), shrunk(4, 4, 3), convolved(4, 8, 3), nn.MaxPool2d(3, 2)),
            *(shrunk(8, 10, 1), shrunk(10, 24, 3), nn.MaxPool2d(3, 2)),
            *(a(24, 4), a(32, 8), a(36, 8), b, c(16), c(20), c(20), c(24), d, e(160), e(256)),
            nn.AdaptiveAvgPool2d(1),
        )
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(256, 10))

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.features(x).flatten(1))


class Fire(nn.Module):
    """1x1 to fewer channels, then 1x1 and 3x3 side by side."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1(x)), F.relu(self.expand3(x))], 1)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1; Iandola et al., 2016, as torchvision's, with a quarter of the channels."""

    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, 2), nn.ReLU(), pool, Fire(16, 4, 16), Fire(32, 4, 16), pool, Fire(32, 8, 32)),
            *(Fire(64, 8, 32), pool, Fire(64, 12, 48), Fire(96, 12, 48), Fire(96, 16, 64), Fire(128, 16, 64)),
        )
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(128, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.features(x)).flatten(1)


class ShuffleBlock(nn.Module):
    """Half of the channels through convolutions (at stride 2: both halves), then the halves' channels in turn."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        half = filters // 2
        self.left: nn.Module | None = None
        if stride > 1:
            self.left = nn.Sequential(convolved(channels, channels, 3, 2, channels, ""), convolved(channels, half, 1))
        self.right = nn.Sequential(
            convolved(channels if stride > 1 else half, half, 1),
            convolved(half, half, 3, stride, half, ""),
            convolved(half, half, 1),
        )

    def forward(self, x: Tensor) -> Any:
        if self.left is None:
            left, right = x.chunk(2, 1)
            y = torch.cat([left, self.right(right)], 1)
        else:
            y = torch.cat([self.left(x), self.right(x)], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleNetV2(nn.Module):
    """ShuffleNetV2; Ma et al., 2018, table 5, with a third of the 0.5x channels."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolved(3, 8, 3, 2), nn.MaxPool2d(3, 2, 1)]
        channels = 8
        for filters, count in ((16, 4), (32, 8), (64, 4)):
            for i in range(count):
                layers.append(ShuffleBlock(channels, filters, 2 if i == 0 else 1))
                channels = filters
        self.features = nn.Sequential(*layers, convolved(channels, 128, 1))
        self.classifier = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Any:
        return self.classifier(self.features(x).mean((2, 3)))


class ChannelNorm(nn.Module):
    """Layer norm over the channels of an image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Any:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """7x7 on each channel, layer norm, a two-layer perceptron per pixel, scales, a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        self.scale = nn.Embedding(1, channels)

    def forward(self, x: Tensor) -> Any:
        y = self.mlp(self.norm(self.depthwise(x).permute(0, 2, 3, 1))) * self.scale.weight
        return x + y.permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """ConvNeXt-T; Liu et al., 2022, with an eighth of the channels."""

    def __init__(self, base: int = 12) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, base, 4, 4), ChannelNorm(base)]
        channels = base
        for i, count in enumerate((3, 3, 9, 3)):
            if i:
                layers += [ChannelNorm(channels), nn.Conv2d(channels, 2 * channels, 2, 2)]
                channels *= 2
            layers += [ConvNextBlock(channels) for _ in range(count)]
        self.features = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.head = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.norm(self.features(x).mean((2, 3))))


class WindowAttention(nn.Module):
    """Attention within windows of an image [N, H, W, C], which is moved on by `shift` before and back after.

    What depends on the sizes alone are plain tensors on the CPU: they stay when weights are drawn.
    """

    def __init__(self, size: int, channels: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.bias = nn.Embedding((2 * window - 1) ** 2, heads)
        steps = torch.arange(window, device="cpu")
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).flatten(1)
        apart = grid[:, :, None] - grid[:, None, :] + window - 1
        self.places = (apart[0] * (2 * window - 1) + apart[1]).flatten()
        regions = torch.zeros(size, device="cpu")
        if shift:
            regions[size - window :], regions[size - shift :] = 1, 2
        area = regions[:, None] * 3 + regions[None, :]
        rows = self.windows(area[None, :, :, None]).squeeze(-1)
        self.mask = (rows[:, None, :] != rows[:, :, None]).float()[:, None] * -100.0

    def windows(self, x: Tensor) -> Tensor:
        """[N, H, W, C] -> [N x windows, pixels of one, C]."""
        n, h, w, c = x.shape
        x = x.view(n, h // self.window, self.window, w // self.window, self.window, c)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, self.window**2, c)

    def forward(self, x: Tensor) -> Any:
        n, h, w, c = x.shape
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        x = self.windows(x)
        pixels = self.window**2
        q, k, v = self.qkv(x).reshape(-1, pixels, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q * (c // self.heads) ** -0.5 @ k.transpose(-2, -1)
        bias = self.bias.weight[self.places].view(pixels, pixels, self.heads).permute(2, 0, 1)
        scores = scores + bias.unsqueeze(0)
        if self.shift:
            count = self.mask.shape[0]
            scores = scores.view(n, count, self.heads, pixels, pixels) + self.mask.unsqueeze(0)
            scores = scores.view(-1, self.heads, pixels, pixels)
        x = self.out((torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(-1, pixels, c))
        x = x.view(n, h // self.window, w // self.window, self.window, self.window, c)
        x = x.permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        return torch.roll(x, (self.shift, self.shift), (1, 2)) if self.shift else x


class SwinBlock(nn.Module):
    def __init__(self, size: int, channels: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = WindowAttention(size, channels, heads, window, shift)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Any:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Merge(nn.Module):
    """Four pixels become one with twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Any:
        parts = [x[:, i::2, j::2, :] for j in range(2) for i in range(2)]
        return self.reduction(self.norm(torch.cat(parts, -1)))


class Swin(nn.Module):
    """Swin-T; Liu et al., 2021, with windows of 4x4, an eighth of the channels, and a twelfth of the heads' width."""

    def __init__(self, image: int = 128, base: int = 12, window: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, base, 4, 4)
        self.norm1 = nn.LayerNorm(base)
        layers: list[nn.Module] = []
        size, channels = image // 4, base
        for i, (count, heads) in enumerate(((2, 3), (2, 6), (6, 12), (2, 24))):
            if i:
                layers.append(Merge(channels))
                size, channels = size // 2, 2 * channels
            for j in range(count):
                layers.append(SwinBlock(size, channels, heads, window, window // 2 if j % 2 and size > window else 0))
        self.layers = nn.Sequential(*layers)
        self.norm2 = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Any:
        x = self.norm1(self.patches(x).permute(0, 2, 3, 1))
        return self.head(self.norm2(self.layers(x)).mean((1, 2)))


class GptBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Any:
        n, length, width = x.shape
        q, k, v = (
            part.view(n, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(width, 2)
        )
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(n, length, width))
        return x + self.mlp(self.norm2(x))


class Gpt2(nn.Module):
    """GPT-2; Radford et al., 2019, with 2 layers of width 64 and a vocabulary of 500; the head is the word table."""

    def __init__(self, vocabulary: int = 500, width: int = 64, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(64, width)
        self.layers = nn.Sequential(*(GptBlock(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Any:
        x = self.words(ids) + self.positions(torch.arange(ids.shape[1]))
        return F.linear(self.norm(self.layers(x)), self.words.weight)


class Recurrent(nn.Module):
    """A classifier of words: a table, recurrent layers, a linear layer on the last output."""

    def __init__(self, kind: Callable[..., nn.Module], bidirectional: bool, vocabulary: int = 300) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, 16)
        self.layers = kind(16, 24, num_layers=2, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(48 if bidirectional else 24, 5)

    def forward(self, ids: Tensor) -> Any:
        y, _ = self.layers(self.words(ids))
        return F.log_softmax(self.head(y[:, -1]), -1)


class WaveNet(nn.Module):
    """Gated causal convolutions of growing dilation; van den Oord et al., 2016, figure 4, two stacks of eight layers."""

    def __init__(
        self, channels: int = 8, skip: int = 12, dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128) * 2
    ) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, channels, 1)
        self.dilations = dilations
        self.gated = nn.ModuleList(nn.Conv1d(channels, 2 * channels, 2, dilation=d) for d in dilations)
        self.residual = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in dilations)
        self.skip = nn.ModuleList(nn.Conv1d(channels, skip, 1) for _ in dilations)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, 16, 1))

    def forward(self, x: Tensor) -> Any:
        x = self.stem(x)
        total = torch.zeros(())
        for dilation, gated, residual, skip in zip(self.dilations, self.gated, self.residual, self.skip, strict=True):
            value, gate = gated(F.pad(x, (dilation, 0))).chunk(2, 1)
            y = torch.tanh(value) * torch.sigmoid(gate)
            total = total + skip(y)
            x = x + residual(y)
        return self.head(total)


class UNetUpsampled(nn.Module):
    """U-Net with upsampling in place of transposed convolutions; Ronneberger et al., 2015, with an eighth of the channels."""

    def __init__(self, mode: str, base: int = 8) -> None:
        super().__init__()
        widths = [base << level for level in range(5)]
        self.down = nn.ModuleList(
            nn.Sequential(convolved(before, after, 3), convolved(after, after, 3))
            for before, after in zip([1, *widths], widths, strict=False)
        )
        self.mode = mode
        self.up = nn.ModuleList(
            nn.Sequential(convolved(3 * width, width, 3), convolved(width, width, 3)) for width in reversed(widths[:-1])
        )
        self.head = nn.Conv2d(base, 2, 1)

    def forward(self, x: Tensor) -> Any:
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        kept.pop()
        for block in self.up:
            corners = True if self.mode == "bilinear" else None
            x = F.interpolate(x, scale_factor=2, mode=self.mode, align_corners=corners)
            x = block(torch.cat([kept.pop(), x], 1))
        return self.head(x)
