"""Small PyTorch modules of every kind, and models, as torch-mlir's users have them: each a module with example inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Function = Callable[..., Any]


class Wrapped(nn.Module):
    """A function as a module."""

    def __init__(self, function: Function):
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


@cache  # export must find them made: it does not trace a generator of random numbers
def _f32(*shape: int) -> Tensor:
    """Random numbers: the same tensor for the same shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape) + len(shape)))


def _int(low: int, high: int, *shape: int) -> Tensor:
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(7))


X = (_f32(2, 3, 4),)
XY = (_f32(2, 3, 4), _f32(2, 3, 4) + 0.25)
IMAGE = (_f32(1, 4, 9, 8),)
INTEGERS = (_int(-9, 9, 3, 5), _int(1, 7, 3, 5))

FUNCTIONS: dict[str, tuple[Function, Sequence[Tensor]]] = {
    # elementwise
    "add": (lambda x, y: x + y, XY),
    "sub_alpha": (lambda x, y: torch.sub(x, y, alpha=2), XY),
    "mul_broadcast": (lambda x, y: x * y, (_f32(2, 3, 4), _f32(3, 1))),
    "div_scalar": (lambda x: x / 3, X),
    "fmod": (lambda x, y: torch.fmod(x, y), XY),
    "remainder": (lambda x, y: torch.remainder(x, y), XY),
    "pow": (lambda x: x.abs() ** 2.5, X),
    "gelu": (F.gelu, X),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), X),
    "silu": (F.silu, X),
    "sigmoid": (torch.sigmoid, X),
    "tanh": (torch.tanh, X),
    "elu": (F.elu, X),
    "leaky_relu": (F.leaky_relu, X),
    "hardswish": (F.hardswish, X),
    "softplus": (F.softplus, X),
    "clamp": (lambda x: x.clamp(-0.5, 0.75), X),
    "where": (lambda x, y: torch.where(x > y, x, y), XY),
    "isnan": (torch.isnan, X),
    "round_floor": (lambda x: torch.round(x * 3) + torch.floor(x) + torch.ceil(x), X),
    "exp_log": (lambda x: torch.log(torch.exp(x) + 1), X),
    "rsqrt": (lambda x: torch.rsqrt(x.abs() + 1), X),
    "erf": (torch.erf, X),
    "atan2": (torch.atan2, XY),
    "to_double": (lambda x: x.double() * 2, X),
    "to_half": (lambda x: (x.half() + 1).float(), X),
    "to_int": (lambda x: (x * 4).to(torch.int32), X),
    # integers and booleans
    "int_arithmetic": (lambda x, y: x * y - (x + y), INTEGERS),
    "int_floor_divide": (lambda x, y: torch.div(x, y, rounding_mode="floor"), INTEGERS),
    "int_true_divide": (lambda x, y: x / y, INTEGERS),
    "int_shift": (lambda x, y: torch.bitwise_left_shift(x, y) ^ torch.bitwise_right_shift(x, y), INTEGERS),
    "int_bits": (lambda x, y: (x & y) | ~x, INTEGERS),
    "int_compare": (lambda x, y: x <= y, INTEGERS),
    "bool_logic": (lambda x, y: torch.logical_and(x > 0, torch.logical_not(y > 0)), XY),
    "i8_matmul": (
        lambda x, y: torch.mm(x.to(torch.int32), y.to(torch.int32)),
        (_int(-9, 9, 3, 5).to(torch.int8), _int(-9, 9, 5, 4).to(torch.int8)),
    ),
    # reductions
    "sum_all": (torch.sum, X),
    "sum_dim": (lambda x: x.sum(1), X),
    "mean_keepdim": (lambda x: x.mean((1, 2), keepdim=True), X),
    "max_dim": (lambda x: tuple(x.max(1)), X),
    "min_dim": (lambda x: tuple(x.min(2, keepdim=True)), X),
    "amax": (lambda x: x.amax((0, 2)), X),
    "argmax": (lambda x: x.argmax(1), X),
    "any": (lambda x: (x > 1).any(1), X),
    "all": (lambda x: (x > -3).all(), X),
    "var": (lambda x: x.var(1), X),
    "norm": (lambda x: torch.linalg.vector_norm(x, dim=1), X),
    "prod": (lambda x: x.prod(1), X),
    "softmax": (lambda x: x.softmax(1), X),
    "log_softmax": (lambda x: x.log_softmax(2), X),
    "int_sum": (lambda x, y: (x + y).sum(1), INTEGERS),
    # shapes
    "reshape": (lambda x: x.reshape(4, 6) + 0.0, X),
    "permute": (lambda x: x.permute(2, 0, 1) + 1, X),
    "unsqueeze_expand": (lambda x: x.unsqueeze(1).expand(2, 5, 3, 4) * 2, X),
    "squeeze_scalar": (lambda x: x.reshape(()) * 2, (_f32(1, 1),)),
    "scalar_view": (lambda x: (x.sum() * 2).reshape(1, 1), X),
    "cat": (lambda x, y: torch.cat([x, y, x], 1), XY),
    "stack": (lambda x, y: torch.stack([x, y], 2), XY),
    "slice": (lambda x: x[:, 1:, ::2] + 0.0, X),
    "select": (lambda x: x[:, 1] * 2, X),
    "split": (lambda x: torch.split(x, [1, 3], 2), X),
    "pad_constant": (lambda x: F.pad(x, (1, 2, 0, 1), value=1.5), X),
    "pad_reflect": (lambda x: F.pad(x, (1, 2), mode="reflect"), X),
    "flip": (lambda x: x.flip(1), X),
    "roll": (lambda x: x.roll(1, 2), X),
    "triu": (lambda x: torch.triu(x), X),
    "arange": (lambda x: x + torch.arange(4), X),
    "full_like": (lambda x: torch.full_like(x, 3) - x, X),
    "slice_scatter": (lambda x, y: torch.slice_scatter(x, y[:, :1], 1, 1, 2), XY),
    "identity": (lambda x: x, X),
    "repeat": (lambda x: x.repeat(1, 2, 1), X),
    # positions
    "embedding": (lambda i: F.embedding(i, _f32(10, 4)), (_int(0, 10, 2, 3),)),
    "gather": (lambda x, i: torch.gather(x, 1, i), (_f32(3, 5), _int(0, 5, 3, 2))),
    "index_select": (lambda x, i: torch.index_select(x, 1, i), (_f32(3, 5), _int(0, 5, 4))),
    "index": (lambda x, i: x[:, i], (_f32(3, 5), _int(0, 5, 4))),
    "upsample_nearest": (lambda x: F.interpolate(x, scale_factor=2), IMAGE),
    "upsample_bilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), IMAGE),
    # layers
    "conv1d": (lambda x: F.conv1d(x, _f32(5, 3, 3), _f32(5), stride=2, padding=1), (_f32(2, 3, 17),)),
    "conv2d": (lambda x: F.conv2d(x, _f32(5, 4, 3, 3), _f32(5), padding=1), IMAGE),
    "conv2d_depthwise": (lambda x: F.conv2d(x, _f32(4, 1, 3, 3), groups=4), IMAGE),
    "conv2d_groups": (lambda x: F.conv2d(x, _f32(6, 2, 3, 3), _f32(6), groups=2, stride=2), IMAGE),
    "conv_transpose2d": (lambda x: F.conv_transpose2d(x, _f32(4, 3, 3, 3), stride=2), IMAGE),
    "linear": (lambda x: F.linear(x, _f32(6, 4), _f32(6)), X),
    "matmul": (torch.matmul, (_f32(3, 5), _f32(5, 4))),
    "batch_matmul": (torch.matmul, (_f32(2, 3, 5), _f32(2, 5, 4))),
    "matmul_vector": (torch.mv, (_f32(3, 5), _f32(5))),
    "dot": (torch.dot, (_f32(7), _f32(7))),
    "max_pool1d": (lambda x: F.max_pool1d(x, 3, 2), (_f32(2, 3, 17),)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), IMAGE),
    "avg_pool2d_padded": (lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), IMAGE),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2), (_f32(1, 2, 4, 4, 6),)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 1), IMAGE),
    "layer_norm": (lambda x: F.layer_norm(x, (4,), _f32(4), _f32(4) + 1), X),
    "group_norm": (lambda x: F.group_norm(x, 2, _f32(4), _f32(4) + 1), IMAGE),
    "attention": (lambda q, k: F.softmax(q @ k.transpose(1, 2) / 2, -1) @ k, (_f32(2, 3, 4), _f32(2, 5, 4))),
    "reciprocal_of_weights": (lambda x: x * torch.reciprocal(_f32(4).abs() + 1), X),
    "cumsum": (lambda x: x.cumsum(1), X),
    "several_outputs": (lambda x, y: (x + y, x - y, (x * y).sum()), XY),
}


class _M5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 8, 80, 16), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(4),
            nn.Conv1d(8, 8, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(4),
        )  # fmt: skip
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = F.avg_pool1d(x, x.shape[-1]).permute(0, 2, 1)
        return F.log_softmax(self.fc(x), dim=2)


def _vgg() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for width in (8, 16, 16):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10)
    )


class _TinyYolo(nn.Module):
    def __init__(self) -> None:
        super().__init__()

        def block(a: int, b: int) -> nn.Module:
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.1))

        self.a, self.b, self.c = block(3, 8), block(8, 16), block(16, 16)
        self.pool, self.same = nn.MaxPool2d(2, 2), nn.MaxPool2d(2, 1)
        self.up = nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(32, 18, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        early = self.b(self.pool(self.a(x)))
        late = self.c(self.same(F.pad(self.pool(early), (0, 1, 0, 1), value=-1e9)))
        return self.head(torch.cat([self.up(late), early], 1)), late


class _Residual(nn.Module):
    def __init__(self, a: int, b: int, stride: int):
        super().__init__()
        self.one, self.two = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(b), nn.BatchNorm2d(b)
        self.down = (
            nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)) if stride != 1 else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.two(F.relu(self.bn1(self.one(x)))))
        result: Tensor = F.relu(y + self.down(x))
        return result


def _resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        _Residual(8, 8, 1), _Residual(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


class _Inverted(nn.Module):
    def __init__(self, a: int, b: int, stride: int):
        super().__init__()
        wide = 4 * a
        self.body = nn.Sequential(
            nn.Conv2d(a, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, b, 1, bias=False), nn.BatchNorm2d(b),
        )  # fmt: skip
        self.adds = a == b and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.adds else y


def _mobilenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish(),
        _Inverted(8, 8, 1), _Inverted(8, 12, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10),
    )  # fmt: skip


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(32, 16), nn.Embedding(6, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu", dropout=0.0)
        self.head = nn.Linear(16, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places(torch.arange(6))
        scores: Tensor = self.head(self.layer(x)[:, 0])
        return scores


MODELS: dict[str, tuple[Callable[[], nn.Module], Sequence[Tensor]]] = {
    "m5": (_M5, (_f32(1, 1, 2000),)),
    "vgg": (_vgg, (_f32(1, 3, 32, 32),)),
    "tiny_yolo": (_TinyYolo, (_f32(1, 3, 32, 32),)),
    "resnet": (_resnet, (_f32(1, 3, 32, 32),)),
    "mobilenet": (_mobilenet, (_f32(1, 3, 32, 32),)),
    "transformer": (_Transformer, (_int(0, 32, 1, 6),)),
}


def build(name: str) -> tuple[nn.Module, Sequence[Tensor]]:
    """A module in eval mode with seeded weights whose statistics are no zeros and ones, and its inputs."""
    if name in FUNCTIONS:
        function, inputs = FUNCTIONS[name]
        function(*inputs)  # makes the constants
        return Wrapped(function).eval(), inputs
    factory, inputs = MODELS[name]
    torch.manual_seed(3)
    module = factory()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.5)
            part.running_var.uniform_(0.5, 2)
    return module.eval(), inputs
