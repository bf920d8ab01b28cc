"""Programs at random over small tensors of several dtypes, each made anew from its seed alone.

A step reads values that others have made, filled, joined or written in part; many of them are given back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Function = Callable[..., Tensor]
COUNT = 120
STEPS = 30
OUTPUTS = 8
LARGEST = 2000
"""Elements of a value that is kept."""
BINARY: tuple[Function, ...] = (torch.add, torch.sub, torch.mul, torch.minimum, torch.maximum, torch.eq, torch.le)
UNARY: tuple[Function, ...] = (
    torch.zeros_like,
    torch.ones_like,
    torch.neg,
    torch.abs,
    torch.sign,
    torch.tanh,
    torch.bitwise_not,
    torch.triu,
    lambda x: x > 0,
    lambda x: x.clamp(-1, 2),
    lambda x: torch.div(x, 3, rounding_mode="floor"),
    lambda x: x.expand(2, *x.shape),
    lambda x: x.unsqueeze(-1),
    lambda x: x.flatten(),
    lambda x: x.flatten(0, 1),
    lambda x: F.pad(x, (1, 2)),
    lambda x: F.pad(x, (0, 1), value=1),
)
DTYPES = (torch.float32, torch.int64, torch.int32, torch.int8, torch.bool)


@dataclass(frozen=True)
class Program:
    """Steps over the values so far, the inputs first: a function and which values it reads."""

    steps: Sequence[tuple[Function, Sequence[int]]]
    outputs: Sequence[int]

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = list(inputs)
        for function, arguments in self.steps:
            values.append(function(*(values[i] for i in arguments)))
        return tuple(values[i] for i in self.outputs)


class Builder:
    """Draws steps, tries each on the inputs and keeps what PyTorch takes and stays small."""

    def __init__(self, seed: int, inputs: Sequence[Tensor]):
        self.draw = random.Random(seed)
        self.values = list(inputs)
        self.steps: list[tuple[Function, Sequence[int]]] = []

    def step(self) -> None:
        recent = range(max(0, len(self.values) - 6), len(self.values))
        first = self.draw.choice(recent if self.draw.random() < 0.7 else range(len(self.values)))
        ways = [self.unary, self.binary, self.cast, self.along, self.joined, self.filled, self.written, self.chosen]
        function, others = self.draw.choice(ways)(self.values[first])
        arguments = (first, *others)
        try:
            result = function(*(self.values[i] for i in arguments))
        except (RuntimeError, IndexError, NotImplementedError):
            return
        if 0 < result.numel() <= LARGEST and result.dim() <= 5 and bool((result.double().abs() < 1e4).all()):
            self.steps.append((function, arguments))
            self.values.append(result)

    def like(self, fits: Callable[[Tensor], bool]) -> int:
        """One of the values that fit."""
        return self.draw.choice([i for i, value in enumerate(self.values) if fits(value)])

    def dim_of(self, x: Tensor) -> int:
        return self.draw.randrange(max(1, x.dim()))

    # ---- ways to make a step that starts from a value: the function, and what else it reads ----

    def unary(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        return self.draw.choice(UNARY), ()

    def binary(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        return self.draw.choice(BINARY), (self.like(lambda other: other.dim() == x.dim()),)

    def cast(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        dtype = self.draw.choice(DTYPES)
        return lambda x: x.to(dtype), ()

    def along(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        """Something of one dimension."""
        dim = self.dim_of(x)
        size = x.shape[dim] if x.dim() else 1
        start, shift = self.draw.randrange(size), self.draw.randint(-2, 2)
        order = self.draw.sample(range(x.dim()), x.dim())
        positions = torch.tensor([self.draw.randrange(size) for _ in range(3)])
        keep = self.draw.random() < 0.5
        ways: tuple[Function, ...] = (
            lambda x: x.narrow(dim, start, size - start),
            lambda x: x.transpose(0, dim).unfold(0, 1, 2).transpose(0, dim),
            lambda x: x.permute(order),
            lambda x: x.sum(dim, keepdim=keep),
            lambda x: x.amax(dim, keepdim=keep),
            lambda x: x.any(dim),
            lambda x: x.argmax(dim),
            lambda x: x.cumsum(dim),
            lambda x: x.sort(dim).values,
            lambda x: x.flip(dim),
            lambda x: x.roll(shift, dim),
            lambda x: x.select(dim, start),
            lambda x: x.index_select(dim, positions),
            lambda x: x.unsqueeze(dim),
        )
        return self.draw.choice(ways), ()

    def joined(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        dim = self.dim_of(x)
        rest = [n for d, n in enumerate(x.shape) if d != dim]
        others = tuple(
            self.like(lambda o: o.dim() == x.dim() and [n for d, n in enumerate(o.shape) if d != dim] == rest)
            for _ in range(self.draw.randint(1, 2))
        )
        join: Any = torch.stack if self.draw.random() < 0.3 else torch.cat
        return lambda *xs: join(xs, dim), others

    def filled(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        """Joined with a constant."""
        dim, value, before = self.dim_of(x), self.draw.choice((0, 0, 1, 3)), self.draw.random() < 0.5

        def function(x: Tensor) -> Tensor:
            constant = torch.full_like(x, value)
            return torch.cat([constant, x] if before else [x, constant], dim)

        return function, ()

    def written(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        """With a part of it overwritten."""
        dim = self.dim_of(x)
        size = x.shape[dim] if x.dim() else 1
        start, value = self.draw.randrange(size), self.draw.choice((0, 0, 1))

        def in_place(x: Tensor) -> Tensor:
            x = x.clone()
            x.narrow(dim, start, size - start).fill_(value)
            return x

        ways: tuple[Function, ...] = (
            in_place,
            lambda x: torch.select_scatter(x, torch.zeros_like(x.select(dim, start)), dim, start),
            lambda x: x.masked_fill(x > value, value),
        )
        return self.draw.choice(ways), ()

    def chosen(self, x: Tensor) -> tuple[Function, tuple[int, ...]]:
        """By a condition, or by positions."""
        if self.draw.random() < 0.5:
            condition = self.like(lambda other: other.dtype == torch.bool)
            return lambda x, c, y: torch.where(c, x, y), (condition, self.like(lambda o: o.dim() == x.dim()))
        positions = self.like(lambda other: other.dtype == torch.int64)
        return lambda x, i: x[i.remainder(x.shape[0])], (positions,)


def program(seed: int) -> tuple[Program, tuple[Tensor, ...]]:
    """The program of a seed and its inputs."""
    generator = torch.Generator().manual_seed(seed)
    inputs = (
        torch.randn(2, 3, 4, generator=generator),
        torch.randn(4, generator=generator),
        torch.randint(-5, 6, (2, 3, 4), generator=generator),
        torch.randint(-5, 6, (3, 4), generator=generator, dtype=torch.int32),
        torch.randint(0, 2, (2, 3, 4), generator=generator, dtype=torch.bool),
    )
    builder = Builder(seed, inputs)
    while len(builder.steps) < STEPS:
        builder.step()
    made = range(len(inputs), len(builder.values))
    return Program(builder.steps, sorted(builder.draw.sample(made, OUTPUTS))), inputs


def programs() -> Iterator[tuple[str, Program, tuple[Tensor, ...]]]:
    """Name, function and inputs of each."""
    for seed in range(COUNT):
        function, inputs = program(seed)
        yield str(seed), function, inputs
