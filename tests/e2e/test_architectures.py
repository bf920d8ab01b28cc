"""Small relatives of well-known networks, and odd ones, through the whole path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network_checks import check_network, no_compiler_warnings

Made = tuple[nn.Module, tuple[Any, ...]]


class Of(nn.Module):
    """A function of its layers (by name) and its inputs."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module | Tensor):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, nn.Parameter(layer) if isinstance(layer, Tensor) else layer)

    def forward(self, *inputs: Any) -> Any:
        return self.function(self, *inputs)


def normed(layer: nn.Module, channels: int, activation: nn.Module | None = None) -> nn.Sequential:
    """The layer, batch norm with statistics other than zeros and ones, an activation."""
    norm = nn.BatchNorm1d(channels) if isinstance(layer, nn.Conv1d | nn.Linear) else nn.BatchNorm2d(channels)
    with torch.no_grad():
        for tensor in (*norm.parameters(), *norm.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
    return nn.Sequential(layer, norm, activation or nn.Identity())


def convolved(channels: int, filters: int, kernel: int = 3, stride: int = 1, **options: Any) -> nn.Sequential:
    layer = nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False, **options)
    return normed(layer, filters, nn.ReLU(inplace=True))


def residual(channels: int, filters: int, stride: int = 1) -> nn.Module:
    short = nn.Identity() if stride == 1 and channels == filters else nn.Conv2d(channels, filters, 1, stride)
    body = nn.Sequential(convolved(channels, filters, 3, stride), normed(nn.Conv2d(filters, filters, 3, 1, 1), filters))
    return Of(lambda m, x: F.relu(m.body(x) + m.short(x)), body=body, short=short)


def resnet() -> Made:
    stages = [residual(8, 8), residual(8, 16, 2), residual(16, 16)]
    stem = nn.Sequential(convolved(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)), (
        image(1, 3, 33, 31),
    )


def inverted(channels: int, filters: int, stride: int) -> nn.Module:
    wide = 4 * channels
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, channels, 1), nn.ReLU(), nn.Conv2d(channels, wide, 1))
    expand = normed(nn.Conv2d(channels, wide, 1, bias=False), wide, nn.Hardswish())
    depthwise = normed(nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), wide, nn.Hardswish())
    project = normed(nn.Conv2d(wide, filters, 1, bias=False), filters)

    def forward(m: Any, x: Tensor) -> Any:
        y = m.depthwise(m.expand(x))
        y = m.project(y * F.hardsigmoid(m.gate(y)))
        return x + y if y.shape == x.shape else y

    return Of(forward, gate=gate, expand=expand, depthwise=depthwise, project=project)


def mobilenet() -> Made:
    body = nn.Sequential(convolved(3, 8, 3, 2), inverted(8, 12, 2), inverted(12, 12, 1))
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(12, 10)), (
        image(2, 3, 24, 24),
    )


def unet() -> Made:
    """Not square: the pads on which the decoder's convolutions stand differ in width."""

    def forward(m: Any, x: Tensor) -> Any:
        a = m.a(x)
        b = m.b(F.max_pool2d(a, 2))
        c = m.c(torch.cat([F.interpolate(b, scale_factor=2), a], 1))
        return m.head(c)

    return Of(forward, a=convolved(1, 4), b=convolved(4, 8), c=convolved(12, 4), head=nn.Conv2d(4, 2, 1)), (
        image(2, 1, 24, 20),
    )


def densenet() -> Made:
    def layer(channels: int) -> nn.Module:
        first = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 8, 1, bias=False))
        return Of(lambda m, x: torch.cat([x, m.b(m.a(x))], 1), a=first, b=nn.Conv2d(8, 4, 3, padding=1))

    return nn.Sequential(nn.Conv2d(3, 8, 3), layer(8), layer(12), nn.AvgPool2d(2), layer(16), nn.Flatten()), (
        image(1, 3, 12, 12),
    )


def squeezenet() -> Made:
    def fire(channels: int) -> nn.Module:
        return Of(
            lambda m, x: (lambda s: torch.cat([F.relu(m.a(s)), F.relu(m.b(s))], 1))(F.relu(m.s(x))),
            s=nn.Conv2d(channels, 4, 1), a=nn.Conv2d(4, 6, 1), b=nn.Conv2d(4, 6, 3, padding=1),
        )  # fmt: skip

    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), pool, fire(8), fire(12), pool, nn.Conv2d(12, 5, 1)), (
        image(1, 3, 35, 34),
    )


def shufflenet() -> Made:
    def forward(m: Any, x: Tensor) -> Any:
        a, b = x.chunk(2, 1)
        y = torch.cat([a, m.b(F.relu(m.a(b)))], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    return Of(forward, a=nn.Conv2d(4, 4, 1), b=nn.Conv2d(4, 4, 3, padding=1, groups=4)), (image(1, 8, 9, 9),)


def transformer() -> Made:
    """A vision transformer: patches, a class token, an attention block with two heads."""

    def forward(m: Any, x: Tensor) -> Any:
        x = m.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([m.token.expand(x.shape[0], -1, -1), x], 1) + m.positions
        n, length, width = x.shape
        q, k, v = m.qkv(m.norm(x)).reshape(n, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        attended = torch.softmax(q @ k.transpose(-1, -2) * (width // 2) ** -0.5, -1) @ v
        x = x + m.out(attended.transpose(1, 2).reshape(n, length, width))
        return m.head((x + m.mlp(m.norm(x)))[:, 0])

    mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
    return Of(
        forward, patches=nn.Conv2d(3, 16, 4, 4), token=image(1, 1, 16), positions=image(1, 17, 16), norm=nn.LayerNorm(16),
        qkv=nn.Linear(16, 48), out=nn.Linear(16, 16), mlp=mlp, head=nn.Linear(16, 5),
    ), (image(2, 3, 16, 16),)  # fmt: skip


def keywords() -> Made:
    """Depthwise separable convolutions in one dimension: a call per channel of them under `layerwise`."""
    layers = [
        normed(nn.Conv1d(1, 8, 80, 4), 8, nn.ReLU()), nn.MaxPool1d(4), nn.Conv1d(8, 8, 3, padding=1, groups=8),
        normed(nn.Conv1d(8, 12, 1), 12, nn.ReLU()), nn.Conv1d(12, 12, 3, stride=2, dilation=2, groups=3),
    ]  # fmt: skip
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(12, 8), nn.LogSoftmax(1)), (
        image(1, 1, 600),
    )


def deep() -> Made:
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()) for _ in range(60))), (
        image(1, 3, 6, 7),
    )


def wide_pads() -> Made:
    """Borders of all kinds: uneven, of ones, of channels, of a value with two users, of an output."""

    def forward(m: Any, x: Tensor) -> tuple[Tensor, ...]:
        uneven = F.pad(x, (0, 3, 2, 1))
        y = m.a(uneven) + F.avg_pool2d(uneven, 3, 1)
        channels = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 2))
        return y, m.b(F.pad(y, (2, 0, 0, 1), value=1.5)), F.pad(F.relu(channels), (1, 2, 0, 1), value=2.0)

    return Of(forward, a=nn.Conv2d(3, 3, 3), b=nn.Conv2d(3, 2, 2, 2)), (image(1, 3, 7, 9),)


def structures() -> Made:
    """Inputs and outputs in structures: a value twice, an input, a weight, a view, a constant, numbers."""

    def forward(m: Any, x: dict[str, Tensor], k: list[Tensor], n: int) -> Any:
        y = F.relu(x["a"] * k[0] + k[1])
        return {
            "y": y,
            "again": [y, (y.view(-1), y.t())],
            "x": x["a"],
            "w": m.w,
            "z": torch.arange(3),
            "n": n,
            "s": y.sum(),
        }

    return Of(forward, w=image(3, 2)), ({"a": image(4, 5)}, [image(), torch.tensor(2)], 7)


def doubles() -> Made:
    layers = (normed(nn.Conv2d(3, 4, 3), 4, nn.ReLU()), nn.Flatten(), nn.Linear(36, 3))
    return nn.Sequential(*layers).double(), (image(2, 3, 5, 5).double(),)


def recurrent() -> Made:
    layers = {"lstm": nn.LSTM(3, 4, 2, bidirectional=True), "gru": nn.GRU(8, 5, batch_first=True)}

    def forward(m: Any, x: Tensor) -> Any:
        y, (h, c) = m.lstm(x)
        return m.gru(y)[0], m.lstm(x[:1], (h, c))[0], h, c.tanh()

    return Of(forward, **layers), (image(6, 2, 3),)


def image(*shape: int) -> Tensor:
    return torch.randn(shape)


FAST = (keywords, wide_pads, structures, recurrent)
SLOW = (resnet, unet, mobilenet, densenet, squeezenet, shufflenet, transformer, deep, doubles)


@pytest.mark.parametrize("make", [*FAST, *(pytest.param(make, marks=pytest.mark.slow) for make in SLOW)])
def test_an_architecture(make: Callable[[], Made], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    module, inputs = make()
    check_network(module, inputs, tmp_path, thorough=make in SLOW)
    no_compiler_warnings(capfd)


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        pytest.param(nn.Identity(), (torch.randn(2, 3),), id="identity"),
        pytest.param(nn.Sequential(), (torch.randn(2, 3),), id="nothing"),
        pytest.param(nn.Conv2d(1, 1, 1), (torch.randn(1, 1, 1, 1),), id="one pixel"),
        pytest.param(Of(lambda m, x: x * 2 + 1), (torch.tensor(2.5),), id="scalars"),
        pytest.param(Of(lambda m, x, y: 2 * x - y), (torch.ones(3),) * 2, id="a tensor twice"),
        pytest.param(Of(lambda m, i: (i * 2 + 1) // 3), (torch.arange(12).view(3, 4),), id="integers"),
    ],
)
def test_the_smallest(module: nn.Module, inputs: tuple[Any, ...], tmp_path: Path) -> None:
    check_network(module, inputs, tmp_path)
