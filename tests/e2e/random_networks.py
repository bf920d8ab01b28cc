"""Networks at random: shape-correct by construction, each made anew from its seed alone.

A network is a list of steps over the values so far (its inputs first). A step is drawn, tried on the example, and kept;
what no output needs is dropped at the end, so that every layer counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (1, 2, 3, 5, 7, 8, 12, 16)
SIZES = (1, 2, 4, 5, 7, 8, 9, 11, 13, 16, 17)
LARGEST = 30_000
"""Elements of a value that is still made larger."""
ACTIVATIONS: tuple[Callable[..., Tensor], ...] = (
    F.relu, F.relu6, F.leaky_relu, F.elu, F.gelu, F.silu, F.hardswish, F.hardsigmoid, F.softplus, F.mish, torch.sigmoid,
    torch.tanh,
)  # fmt: skip
BINARY: tuple[Callable[..., Tensor], ...] = (torch.add, torch.sub, torch.mul, torch.maximum)
POINTWISE: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda x: x + 1,
    lambda x: 2 * x - 0.5,
    lambda x: x / 3,
    lambda x: 1 - x,
    lambda x: x.clamp(-1, 1),
    lambda x: x.abs().sqrt(),
    lambda x: x * x,
    lambda x: torch.where(x > 0.1, x, x * 0.1),
)


@dataclass(frozen=True)
class Step:
    """A function of some of the values so far."""

    function: Callable[..., Tensor]
    arguments: tuple[int, ...]


class RandomNetwork(nn.Module):
    """The steps, in order; `form` says how the outputs are given back."""

    def __init__(self, steps: Sequence[Step], outputs: Sequence[int], form: str):
        super().__init__()
        self.steps = tuple(steps)
        self.outputs = tuple(outputs)
        self.form = form
        # The steps close over their layers: registered here, each is exported under a name.
        self.layers = nn.ModuleList(s.function for s in steps if isinstance(s.function, nn.Module))

    def forward(self, *inputs: Tensor) -> object:
        values = list(inputs)
        for step in self.steps:
            values.append(step.function(*(values[i] for i in step.arguments)))
        outputs = [values[i] for i in self.outputs]
        if self.form == "one":
            return outputs[0]
        return {f"y{i}": y for i, y in enumerate(outputs)} if self.form == "dict" else tuple(outputs)


class Shifted(nn.Module):
    """A binary operation with a parameter or a buffer."""

    def __init__(self, function: Callable[..., Tensor], value: Tensor, trained: bool):
        super().__init__()
        self.function = function
        if trained:
            self.value: Tensor = nn.Parameter(value)
        else:
            self.register_buffer("value", value)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.value)


class First(nn.Module):
    """The first of a layer's results."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        first: Tensor = self.layer(x)[0]
        return first


@dataclass
class Builder:
    """Draws steps. Everything comes from `choose`, a generator of the network's own, and PyTorch's global one."""

    choose: random.Random
    dtype: torch.dtype
    rank: int
    """Spatial dimensions, 1 or 2."""
    values: list[Tensor]
    steps: list[Step] = field(default_factory=list)

    def add(self, function: Callable[..., Tensor], *arguments: int) -> int:
        """Try a step and keep it; a result that grows is scaled down by a step of its own."""
        result = function(*(self.values[i] for i in arguments))
        self.steps.append(Step(function, arguments))
        self.values.append(result)
        largest = float(result.abs().max()) if result.is_floating_point() else 0.0
        if largest > 30:
            factor = 3 / largest
            return self.add(lambda x: x * factor, len(self.values) - 1)
        return len(self.values) - 1

    def layer(self, layer: nn.Module, argument: int) -> int:
        return self.add(layer.to(self.dtype).eval(), argument)

    def one_of(self, *choices: int) -> int:
        return self.choose.choice(choices)

    def likely(self, probability: float) -> bool:
        return self.choose.random() < probability

    # ---- steps; each takes the value that it starts from, and adds nothing where that does not suit ----

    def convolution(self, i: int, groups: int = 1, filters: int | None = None) -> int:
        x = self.values[i]
        sizes = x.shape[2:]
        if self.likely(0.4):
            kernel = [self.one_of(1, 2, 3, 3, 5, 7, 11) for _ in sizes]
        else:
            kernel = [self.one_of(1, 3, 3, 5)] * self.rank
        dilation = [self.one_of(1, 1, 1, 2, 3) for _ in sizes]
        padding = [self.one_of(0, 1, 2, (k - 1) * d // 2) for k, d in zip(kernel, dilation, strict=True)]
        for dim, size in enumerate(sizes):
            if size + 2 * padding[dim] < (kernel[dim] - 1) * dilation[dim] + 1:
                kernel[dim] = 1
        kind: Any = nn.Conv1d if self.rank == 1 else nn.Conv2d
        layer = kind(
            x.shape[1],
            self.choose.choice(CHANNELS) if filters is None else filters,
            tuple(kernel),
            stride=tuple(self.one_of(1, 1, 1, 2, 3) for _ in sizes),
            padding=tuple(padding),
            dilation=tuple(dilation),
            groups=groups,
            bias=self.likely(0.6),
        )
        return self.layer(layer, i)

    def depthwise(self, i: int) -> int:
        channels = self.values[i].shape[1]
        return self.convolution(i, channels, channels * self.one_of(1, 1, 2))

    def grouped(self, i: int) -> int:
        channels = self.values[i].shape[1]
        groups = self.one_of(*(n for n in range(1, channels + 1) if channels % n == 0))
        return self.convolution(i, groups, groups * self.one_of(1, 2, 3))

    def shared(self, i: int) -> int:
        """One layer, twice."""
        channels = self.values[i].shape[1]
        kind: Any = nn.Conv1d if self.rank == 1 else nn.Conv2d
        layer = kind(channels, channels, 3, padding=1).to(self.dtype).eval()
        return self.add(layer, self.add(layer, i))

    def block(self, i: int) -> int:
        """Convolution, batch norm, activation, in either order, sometimes with the convolution's result used again."""
        convolved = self.convolution(i)
        if self.likely(0.3):
            result = self.batch_norm(self.add(F.relu, convolved))
        else:
            result = self.add(F.relu, self.batch_norm(convolved))
        return self.add(torch.add, result, convolved) if self.likely(0.3) else result

    def batch_norm(self, i: int) -> int:
        kind: Any = nn.BatchNorm1d if self.rank == 1 else nn.BatchNorm2d
        layer = kind(self.values[i].shape[1])
        with torch.no_grad():
            for tensor in (layer.weight, layer.running_var):
                tensor.copy_(torch.rand(tensor.shape) + 0.5)
            for tensor in (layer.bias, layer.running_mean):
                tensor.copy_(torch.randn(tensor.shape) * 0.3)
        return self.layer(layer, i)

    def pooling(self, i: int) -> int:
        sizes = self.values[i].shape[2:]
        kernel = [min(self.one_of(1, 2, 2, 3, 3, 4), size) for size in sizes]
        stride = [self.one_of(1, 2, 2, 3) for _ in sizes]
        padding = [self.choose.randint(0, k // 2) for k in kernel]
        ceil_mode = self.likely(0.4)
        if self.likely(0.5):
            fits = all((k - 1) * 2 + 1 <= size for k, size in zip(kernel, sizes, strict=True))
            dilation = self.one_of(1, 1, 2) if fits else 1
            pool = F.max_pool1d if self.rank == 1 else F.max_pool2d
            return self.add(lambda x: pool(x, kernel, stride, padding, dilation, ceil_mode), i)
        counted = self.likely(0.5)
        average = F.avg_pool1d if self.rank == 1 else F.avg_pool2d
        return self.add(lambda x: average(x, kernel, stride, padding, ceil_mode, counted), i)

    def adaptive(self, i: int) -> int:
        sizes = [self.one_of(1, 2, 3, size) for size in self.values[i].shape[2:]]
        pool: Any = F.adaptive_avg_pool1d if self.rank == 1 else F.adaptive_avg_pool2d
        return self.add(lambda x: pool(x, sizes), i)

    def pad(self, i: int) -> int:
        widths = [self.one_of(0, 1, 2, 3) for _ in range(2 * self.choose.randint(1, self.rank))]
        if self.likely(0.2):  # channels too
            widths += [0] * (2 * self.rank - len(widths)) + [self.one_of(0, 1), self.one_of(0, 2)]
        value = self.choose.choice((0.0, 0.0, 1.5))
        return self.add(lambda x: F.pad(x, widths, value=value), i)

    def enlarge(self, i: int) -> int:
        factor = self.one_of(2, 2, 3)
        return self.add(lambda x: F.interpolate(x, scale_factor=factor), i)

    def concatenate(self, i: int) -> int:
        x = self.values[i]
        dim = self.choose.randrange(1, x.dim())
        rest = [n for d, n in enumerate(x.shape) if d != dim]
        fitting = [
            j
            for j, other in enumerate(self.values)
            if other.is_floating_point()
            and other.dim() == x.dim()
            and [n for d, n in enumerate(other.shape) if d != dim] == rest
        ]
        parts = [i, *(self.choose.choice(fitting) for _ in range(self.choose.randint(1, 3)))]
        self.choose.shuffle(parts)
        return self.add(lambda *xs: torch.cat(xs, dim), *parts)

    def cut(self, i: int) -> int:
        x = self.values[i]
        dim = self.choose.randrange(1, x.dim())
        start = self.choose.randrange(x.shape[dim])
        stop = self.choose.randint(start + 1, x.shape[dim])
        window = (slice(None),) * dim + (slice(start, stop, self.one_of(1, 1, 2, 3)),)
        return self.add(lambda x: x[window], i)

    def gated(self, i: int) -> int:
        """Two parts of the channels, one gating the other where they are alike."""
        channels = self.values[i].shape[1]
        if channels < 2:
            return i
        first = self.choose.randint(1, channels - 1)
        parts = [self.add(lambda x, k=k: x.split([first, channels - first], 1)[k], i) for k in range(2)]
        return (
            self.add(lambda x, y: x * torch.sigmoid(y), *parts) if 2 * first == channels else parts[self.one_of(0, 1)]
        )

    def residual(self, i: int) -> int:
        x = self.values[i]
        alike = [j for j, other in enumerate(self.values) if other.shape == x.shape and other.dtype == x.dtype]
        function = self.choose.choice((*BINARY, lambda x, y: F.relu(x + y)))
        return self.add(function, i, self.choose.choice(alike))

    def shift(self, i: int) -> int:
        """An operation with a constant of the module, broadcast."""
        shape = [1 if self.likely(0.5) else n for n in self.values[i].shape]
        value = torch.randn(shape[self.choose.randrange(len(shape)) :]).to(self.dtype)
        return self.add(Shifted(self.choose.choice(BINARY), value, self.likely(0.5)), i)

    def activation(self, i: int) -> int:
        return self.add(self.choose.choice(ACTIVATIONS), i)

    def pointwise(self, i: int) -> int:
        return self.add(self.choose.choice(POINTWISE), i)

    def softmax(self, i: int) -> int:
        dim = self.choose.randrange(1, self.values[i].dim())
        function = self.choose.choice((F.softmax, F.log_softmax))
        return self.add(lambda x: function(x, dim), i)

    def transposed(self, i: int) -> int:
        return self.add(lambda x: x.transpose(-1, -2), i)

    def mean(self, i: int) -> int:
        dims = self.choose.choice(((-1,), (1,), tuple(range(2, self.values[i].dim()))))
        keep = self.likely(0.5)
        return self.add(lambda x: x.mean(dims, keepdim=keep), i)

    def attention(self, i: int) -> int:
        channels = self.values[i].shape[1]
        tokens = self.add(lambda x: x.flatten(2).transpose(1, 2), i)
        query, key = (self.layer(nn.Linear(channels, 8, bias=self.likely(0.5)), tokens) for _ in range(2))
        weights = self.add(lambda q, k: torch.softmax(q @ k.transpose(1, 2) * 8**-0.5, -1), query, key)
        return self.add(torch.matmul, weights, tokens)

    def moved(self, i: int) -> int:
        """The elements of a dimension at other places."""
        dim = self.choose.randrange(1, self.values[i].dim())
        size = self.values[i].shape[dim]
        positions = torch.tensor([self.choose.randrange(size) for _ in range(self.choose.randint(1, size))])
        shift = self.choose.randint(-size, size)
        ways: tuple[Callable[[Tensor], Tensor], ...] = (
            lambda x: x.flip(dim),
            lambda x: x.roll(shift, dim),
            lambda x: x.index_select(dim, positions),
            lambda x: x.movedim(dim, 1)[:, positions].movedim(1, dim),
        )
        return self.add(self.choose.choice(ways), i)

    def in_order(self, i: int) -> int:
        """Running sums, or the elements of a dimension by their size."""
        dim = self.choose.randrange(1, self.values[i].dim())
        count = self.choose.randint(1, self.values[i].shape[dim])
        ways: tuple[Callable[[Tensor], Tensor], ...] = (
            lambda x: x.cumsum(dim),
            lambda x: x.sort(dim).values,
            lambda x: x.topk(count, dim).values,
        )
        return self.add(self.choose.choice(ways), i)

    def mirrored(self, i: int) -> int:
        sizes = self.values[i].shape[2:]
        widths = [self.choose.randint(0, min(2, size - 1)) for size in reversed(sizes) for _ in range(2)]
        mode = self.choose.choice(("reflect", "replicate"))
        return self.add(lambda x: F.pad(x, widths, mode=mode), i)

    def recurrent(self, i: int) -> int:
        """A recurrent layer over the positions, both ways or one; of a single one, a part would be known beforehand."""
        if self.values[i].numel() == prod(self.values[i].shape[:2]):
            return i
        channels, units = self.values[i].shape[1], self.one_of(1, 3, 8)
        tokens = self.add(lambda x: x.flatten(2).transpose(1, 2)[:, :12], i)
        kind = self.choose.choice((nn.GRU, nn.LSTM, nn.RNN))
        layer = kind(channels, units, batch_first=True, bidirectional=self.likely(0.3)).to(self.dtype).eval()
        return self.add(First(layer), tokens)

    def linear(self, i: int) -> int:
        features = self.one_of(1, 3, 10, 17, 32)
        return self.layer(nn.Linear(self.values[i].shape[-1], features, bias=self.likely(0.6)), i)

    def layer_norm(self, i: int) -> int:
        return self.layer(nn.LayerNorm(self.values[i].shape[-1]), i)

    def reduction(self, i: int) -> int:
        dim = self.choose.randrange(self.values[i].dim())
        function = self.choose.choice((torch.sum, torch.mean, torch.amax))
        return self.add(lambda x: function(x, dim, keepdim=True), i)

    def product(self, i: int) -> int:
        return self.add(lambda x: x @ x.transpose(-1, -2) / x.shape[-1], i)

    def one_more_dimension(self, i: int) -> int:
        return self.add(lambda x: x.unsqueeze(1), i) if self.values[i].dim() < 4 else i

    ANYWHERE = (
        activation,
        activation,
        activation,
        shift,
        shift,
        pointwise,
        pointwise,
        residual,
        residual,
        cut,
        softmax,
        moved,
        in_order,
    )
    SPATIAL = (
        *ANYWHERE, *(convolution,) * 5, depthwise, grouped, shared, *(block,) * 3, batch_norm, *(pooling,) * 3, adaptive,
        pad, pad, enlarge, *(concatenate,) * 3, gated, transposed, mean, attention, mirrored, recurrent,
    )  # fmt: skip
    FLAT = (*ANYWHERE, linear, linear, linear, layer_norm, reduction, concatenate, product, one_more_dimension)

    def step(self) -> None:
        recent = range(max(0, len(self.values) - 3), len(self.values))
        i = self.choose.choice(recent if self.likely(0.9) else range(len(self.values)))
        x = self.values[i]
        table: Any = self.SPATIAL if x.dim() == self.rank + 2 else self.FLAT
        kind = self.choose.choice(table)
        grows = kind in (Builder.enlarge, Builder.concatenate, Builder.attention, Builder.product, Builder.pad)
        if x.dim() > 1 and (not grows or x.numel() <= LARGEST):
            kind(self, i)


def network(seed: int) -> tuple[RandomNetwork, tuple[Tensor, ...]]:
    """The network of a seed, in eval mode, and its example inputs."""
    torch.manual_seed(seed)
    choose = random.Random(seed)
    rank = choose.choice((1, 2, 2, 2))
    dtype = torch.float32 if choose.random() < 0.9 else torch.float64
    batch = choose.choice((1, 1, 1, 2, 3, 4))
    shapes = [
        (batch, choose.choice(CHANNELS), *(choose.choice(SIZES) for _ in range(rank)))
        for _ in range(choose.choice((1, 1, 1, 2)))
    ]
    inputs = tuple(torch.randn(shape).to(dtype) for shape in shapes)
    builder = Builder(choose, dtype, rank, list(inputs))
    with torch.no_grad():
        for _ in range(choose.randint(4, 18)):
            builder.step()
        outputs, form = _outputs(builder)
    steps, outputs = _needed(builder.steps, outputs, len(inputs))
    return RandomNetwork(steps, outputs, form).eval(), inputs


def _outputs(builder: Builder) -> tuple[list[int], str]:
    """What is given back: the last value, often behind a classifier, sometimes with others or with a decision."""
    last = len(builder.values) - 1
    if builder.likely(0.5) and builder.values[last].dim() > 1:
        last = builder.linear(builder.add(lambda x: x.flatten(1), last))
    way = builder.choose.random()
    if way < 0.3:
        others = [builder.choose.randrange(len(builder.values)) for _ in range(builder.choose.randint(1, 2))]
        return [last, *others], builder.choose.choice(("tuple", "dict"))
    if way < 0.4:
        return [last, builder.add(lambda x: x.argmax(-1), last)], "tuple"
    if way < 0.45:
        return [builder.add(torch.sum, last)], "one"
    return [last], "one"


def _needed(steps: Sequence[Step], outputs: Sequence[int], inputs: int) -> tuple[list[Step], list[int]]:
    """The steps that some output needs, their arguments numbered anew."""
    live = set(outputs)
    for position in reversed(range(len(steps))):
        if position + inputs in live:
            live.update(steps[position].arguments)
    number = {i: i for i in range(inputs)}
    kept: list[Step] = []
    for position, step in enumerate(steps):
        if position + inputs in live:
            number[position + inputs] = inputs + len(kept)
            kept.append(Step(step.function, tuple(number[i] for i in step.arguments)))
    return kept, [number[i] for i in outputs]
