"""Networks from PyTorch under random plans: grids on tensors and on buffers give PyTorch's values, at the last level in
any order that the dependencies allow."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cedr.dialects.interpreter.cedr import enumerate_tasks, run_tasks
from cedr.dialects.interpreter.run import interpret
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from cedr.passes.add_dependencies import AddDependenciesPass
from cedr.passes.plan_memory import PlanMemoryPass
from tests.passes.dependency_checker import read_edges, unordered
from tests.passes.grid_levels import (
    assert_levels_agree,
    bufferize,
    convert,
    grids,
    main_of,
    plan_at_random,
    values_by_level,
)

torch.set_num_threads(1)


class Branches(nn.Module):
    """YOLO in small: a value pooled and concatenated, a shifted pad of -inf, nearest upsampling, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.narrow, self.joined = nn.Conv2d(6, 4, 1), nn.Conv2d(8, 5, 3, padding=1)
        self.head = nn.Conv2d(6, 3, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.leaky_relu(self.first(x), 0.1)
        y = F.leaky_relu(self.second(F.max_pool2d(x, 2)), 0.1)
        y = F.max_pool2d(F.pad(y, (0, 1, 0, 1), value=float("-inf")), 2, 1)
        up = F.interpolate(self.narrow(y), scale_factor=2, mode="nearest")
        return self.head(y), self.joined(torch.cat([up, x], 1))


class Residual(nn.Module):
    """Batch norm, a residual sum, dilation, groups, depthwise, mean and softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.dilated = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.grouped, self.linear = nn.Conv2d(4, 6, 1, groups=2), nn.Linear(6, 3)
        with torch.no_grad():
            assert self.norm.running_mean is not None and self.norm.running_var is not None
            self.norm.running_mean.uniform_(-1, 1)
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.first(x)))
        y = F.max_pool2d(F.relu(self.dilated(x) + x), 3, 2, padding=1)
        y = self.grouped(F.relu6(self.depthwise(y)))
        return F.softmax(self.linear(y.mean((2, 3))), -1)


class Waves(nn.Module):
    """1-D convolutions with strides and groups, pools that do not divide, a permuted linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(1, 4, 9, stride=4), nn.Conv1d(4, 6, 3)
        self.grouped, self.linear = nn.Conv1d(6, 6, 3, padding=1, groups=3), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool1d(F.relu(self.second(F.max_pool1d(F.relu(self.first(x)), 4))), 2)
        x = F.relu(self.grouped(x))
        return F.log_softmax(self.linear(F.avg_pool1d(x, x.shape[-1]).permute(0, 2, 1)), 2)


class Outputs(nn.Module):
    """Results that are the same value under several shapes, a slice, and a value that is used on."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = F.relu(self.linear(x))
        return y, y + 1, y.reshape(3, -1), y[:, 2:4], y.t(), x.reshape(2, -1)


class Shapes(nn.Module):
    """Pads of one value with different widths and fillers, concatenation of a value with itself, steps, reductions."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x * 2
        wide, narrow = F.pad(y, (1, 2)), F.pad(y, (1, 1))
        twice = torch.cat([y, y, x], 1)
        parts = torch.cat([y[:, :1], y[:, 1:] * 3], 1)
        flat = F.pad((y + 1).reshape(y.shape[0], -1, 1, y.shape[-1]), (1, 1))
        return (
            *(F.pad(x, (1, 1, 2, 2)), F.pad(x, (1, 1, 2, 2), value=1.0), wide, narrow, twice, parts, flat),
            *(y[:, :, ::2, 1:].sum(-1), F.pad(wide, (2, 2, 1, 1)), y.argmax(1), y.max(2).values, y.transpose(1, 3)),
            torch.cat([torch.ones(1, 2), torch.zeros(1, 2)], 1) + x[:, 0, 0, :1],
        )


class Products(nn.Module):
    """Batched matrix products, one operand of them transposed."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        q = x @ x.transpose(1, 2)
        return torch.softmax(q, -1) @ x, torch.bmm(q, x)


class Dense(nn.Module):
    """Nested concatenations: a grid reads one part of the root of which it writes another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(7, 4, 3)
        self.last = nn.Conv2d(11, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([x, F.relu(self.first(x))], 1)
        result: torch.Tensor = self.last(torch.cat([x[:, :, 1:-1, 1:-1], F.relu(self.second(x))], 1))
        return result


class DenseInPlace(nn.Module):
    """As Dense with 1x1 convolutions, so that nothing is padded or cropped and nothing but the input is copied."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(7, 4, 1), nn.Conv2d(11, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([x, F.relu(self.first(x))], 1)
        result: torch.Tensor = self.last(torch.cat([x, F.relu(self.second(x))], 1))
        return result


class Tables(nn.Module):
    """A constant of several values, which becomes a weight."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x, 3, 2, padding=1, count_include_pad=False) + torch.tensor([1.0, 2.0, 3.0])


def stack() -> nn.Module:
    """A stack of linear layers."""
    return nn.Sequential(nn.Linear(7, 12), nn.ReLU(), nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 4))


def small_vgg() -> nn.Module:
    """Convolution, pool and linear layers, two strides."""
    return nn.Sequential(
        *(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 4, 3, padding=1, stride=2),
            nn.ReLU(),
        ),
        *(nn.Flatten(), nn.Linear(4 * 2 * 3, 10)),
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "branches": (Branches, (1, 2, 8, 8)),
    "residual": (Residual, (2, 2, 9, 11)),
    "waves": (Waves, (1, 1, 203)),
    "outputs": (Outputs, (3, 6)),
    "shapes": (Shapes, (1, 3, 4, 5)),
    "products": (Products, (2, 3, 4)),
    "dense": (Dense, (1, 3, 6, 6)),
    "dense_in_place": (DenseInPlace, (1, 3, 5, 6)),
    "tables": (Tables, (1, 2, 5, 5)),
    "stack": (stack, (5, 7)),
    "small_vgg": (small_vgg, (2, 3, 8, 12)),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", NETWORKS)
def test_values_of_pytorch_at_every_level(name: str, seed: int) -> None:
    torch.manual_seed(7)
    build, shape = NETWORKS[name]
    model, x = build().eval(), torch.randn(shape)
    imported = import_program(export_model(model, (x,)), name)
    plan_at_random(imported.module, seed, cut=(0.25, 0.5)[seed])
    found = values_by_level(imported.module, [x.numpy()], imported.weights)
    assert_levels_agree(found)
    with torch.no_grad():
        want = model(x)
    got = imported.rebuild(found["buffers"])
    pairs = [(got, want)] if isinstance(want, torch.Tensor) else zip(got, want, strict=True)  # type: ignore[call-overload]  # a tuple then
    for result, expected in pairs:
        np.testing.assert_allclose(np.asarray(result), expected.numpy(), rtol=1e-4, atol=1e-5)


def any_order(edges: list[set[int]], seed: int) -> list[int]:
    """A random topological order of tasks; `edges[t]` are those that t waits for."""
    rng = random.Random(seed)
    waits = [len(before) for before in edges]
    waiters: list[list[int]] = [[] for _ in edges]
    for task, before in enumerate(edges):
        for other in before:
            waiters[other].append(task)
    ready, order = [task for task, count in enumerate(waits) if not count], []
    while ready:
        task = ready.pop(rng.randrange(len(ready)))
        order.append(task)
        for other in waiters[task]:
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    assert len(order) == len(edges)
    return order


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_values_in_any_order_of_the_last_levels_tasks(name: str) -> None:
    torch.manual_seed(7)
    build, shape = NETWORKS[name]
    model, x = build().eval(), torch.randn(shape)
    imported = import_program(export_model(model, (x,)), name)
    plan_at_random(imported.module, seed=3, cut=0.3)
    store = WeightStore(dict(imported.weights))
    want = interpret(imported.module, [x.numpy()], store)
    module = bufferize(convert(imported.module, store))
    for last in (PlanMemoryPass(), AddDependenciesPass()):
        last.apply(make_context(store), module)
    module.verify()
    function = main_of(module)
    assert unordered(function) == []
    edges, tasks = read_edges(function), {task.id: task for task in enumerate_tasks(function)}
    for seed in range(3):
        order = [tasks[number] for number in any_order(edges, seed) if number in tasks]  # joins do nothing
        assert len(order) == len(tasks)
        for got, expected in zip(run_tasks(function, [x.numpy()], store, order), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_nested_concatenations_copy_the_input_only() -> None:
    torch.manual_seed(7)
    model, x = DenseInPlace().eval(), torch.randn(1, 3, 5, 6)
    imported = import_program(export_model(model, (x,)), "dense")
    module = bufferize(convert(imported.module, WeightStore(dict(imported.weights))))
    assert [name for name in grids(module) if "copy" in name] == ["x_copy"]
