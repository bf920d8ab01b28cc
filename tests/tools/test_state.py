"""What a call changes: buffers, of which a program has values of its own, and tensors that are passed."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cedr
from cedr.tools.driver import Program

from .conftest import Cedr


class Counter(nn.Module):
    """How often it was called and what came so far, which it returns too."""

    calls: torch.Tensor
    total: torch.Tensor
    last: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("total", torch.ones(3))
        self.register_buffer("last", torch.zeros(3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.calls += 1
        self.total.add_(x * self.calls)
        self.last.copy_(x)
        return self.total, self.calls * 2


class Norms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm2d(4)
        self.second = nn.InstanceNorm2d(4, track_running_stats=True)
        self.third = nn.BatchNorm1d(6, momentum=0.5, affine=False)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.first(x), self.second(x), self.third(y)


class Cache(nn.Module):
    """Attention over what came so far: keys and values are written by position."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(4, 12)
        self.register_buffer("keys", torch.zeros(5, 4))
        self.register_buffer("values", torch.zeros(5, 4), persistent=False)

    def forward(self, x: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        query, key, value = self.project(x).chunk(3, -1)
        self.keys[position] = key
        self.values.index_copy_(0, position, value)
        scores = query @ self.keys.T
        hidden = torch.arange(5) > position
        return torch.softmax(scores.masked_fill(hidden, -torch.inf), -1) @ self.values


class Learns(nn.Module):
    """A parameter that moves, and a reassigned buffer."""

    window: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("window", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.window = torch.cat([self.window[1:], x.sum()[None]])
        with torch.no_grad():
            self.weight.mul_(0.5)
        return self.window * 2 + (self.weight * x).sum()


class InPlace(nn.Module):
    def forward(self, x: torch.Tensor, pair: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        x.mul_(2)
        pair["b"][0] = x.sum()
        return x, pair["a"] + x[0, 0]


def floats(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def samples(kind: type[nn.Module], seed: int) -> tuple[Any, ...]:
    if kind is Norms:
        return floats(3, 4, 5, 2, seed=seed), floats(7, 6, seed=seed + 1)
    if kind is Cache:
        return floats(1, 4, seed=seed), torch.tensor([seed])
    if kind is InPlace:
        return floats(2, 3, seed=seed).T, {"a": floats(2, seed=seed + 1), "b": floats(2, seed=seed + 2)}
    return (floats(3, seed=seed),)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a module that counts, and its compiled directory beside it."""
    folder = tmp_path_factory.mktemp("counter")
    source = Path(__file__).read_text()
    start, end = source.index("class Counter"), source.index("class Norms")
    factory = "def counter():\n    return Counter(), (torch.ones(3),)\n"
    (folder / "count.py").write_text("import torch\nfrom torch import nn\n\n" + source[start:end] + factory)
    return folder


@pytest.mark.parametrize("kind", [Counter, Norms, Cache, Learns, InPlace])
def test_calls_in_a_row_are_those_of_eager(kind: type[nn.Module]) -> None:
    torch.manual_seed(1)
    model = kind()
    program = cedr.compile(model, samples(kind, 0), emit="c" if kind is Counter else "python")
    eager = copy.deepcopy(model)
    for seed in (0, 1, 2):
        mine, theirs = samples(kind, seed), samples(kind, seed)
        with torch.no_grad():
            wanted = eager(*theirs)
        torch.testing.assert_close(program(*mine), wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
        state = {**dict(eager.named_buffers()), **dict(eager.named_parameters())}
        for name, tensor in program.state.items():
            torch.testing.assert_close(tensor, state[name], rtol=1e-4, atol=1e-5, check_device=False)
    for name, before in kind().named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[name], before)  # the module's own are as they were
    figures = program.profile(*samples(kind, 3))
    assert figures["max_rel_error"] <= 1e-4


def test_a_state_is_what_is_put_there() -> None:
    model = Counter()
    model.calls += 5
    program = cedr.compile(model, (torch.ones(3),), emit="python")
    assert set(program.state) == {"calls", "total", "last"}
    before = dict(program.state)
    assert program(torch.ones(3))[1] == 12
    assert before["calls"] == 5 and program.state["calls"] == 6
    program.state.update(before)
    assert program(torch.ones(3))[1] == 12
    program.state["calls"] = torch.tensor(-1)
    assert program(torch.ones(3))[1] == 0
    program.state["calls"] = torch.tensor(1.5)
    with pytest.raises(cedr.CedrError, match=r"input 'calls' is i64\[\], got f32\[\]"):
        program(torch.ones(3))
    assert program.state["calls"] == 1.5
    del program.state["calls"]
    with pytest.raises(cedr.CedrError, match="state 'calls' is missing; those there are: calls, total, last"):
        program(torch.ones(3))
    program.state.update(before, call=before["calls"])
    with pytest.raises(
        cedr.CedrError, match="state 'call' is none of the program; those there are: calls, total, last"
    ):
        program(torch.ones(3))


class Total(nn.Module):
    total: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total += x.sum()
        return x * self.total


def test_programs_of_all_sizes_have_one_state() -> None:
    shapes = ({0: torch.export.Dim("n", max=9)},)
    program = cedr.compile(Total(), (torch.ones(2),), emit="python", dynamic_shapes=shapes)
    assert [float(program(torch.ones(n))[0]) for n in (3, 2, 1, 3)] == [3, 5, 6, 9]
    assert program.state["total"] == 9


def test_a_modules_directory(cedr: Cedr, counter: Path, tmp_path: Path) -> None:
    """The stored values are where it begins; they come out by name, and go in by name."""
    for emit in ("c", "python"):
        folder = tmp_path / emit
        done = cedr("compile", f"{counter / 'count.py'}:counter", "-o", folder, "--emit", emit)
        assert done.status == 0, done.err
        manifest = json.loads((folder / "manifest.json").read_text())
        assert [(i["name"], i.get("initial")) for i in manifest["inputs"]] == [
            ("x", None),
            ("calls", "calls"),
            ("total", "total"),
            ("last", "last"),
        ]
        assert [o.get("updates") for o in manifest["outputs"]] == [None, None, "calls", "total", "last"]
        np.save(tmp_path / "x.npy", np.full(3, 2, np.float32))
        program = (
            [str(folder / manifest["name"])]
            if emit == "c"
            else [sys.executable, str(folder / f"{manifest['name']}.py")]
        )
        state = tmp_path / "calls.npy"
        first = [*program, "--input", "x.npy", "--output", "calls=calls.npy", "--output", "y.npy"]
        subprocess.run(first, check=True, cwd=tmp_path)
        assert np.load(state) == 1 and np.array_equal(np.load(tmp_path / "y.npy"), [3, 3, 3])
        subprocess.run([*first, "--input", "calls=calls.npy"], check=True, cwd=tmp_path)
        assert np.load(state) == 2 and np.array_equal(np.load(tmp_path / "y.npy"), [5, 5, 5])
        missing = subprocess.run(program, check=False, cwd=tmp_path, capture_output=True, text=True)
        assert missing.returncode == 1 and "input 'x' is missing: give --input x=X.npy" in missing.stderr
        arguments = ["--input", f"x={tmp_path / 'x.npy'}", "--input", f"calls={state}", "--output", f"calls={state}"]
        assert cedr("run", folder, *arguments).status == 0 and np.load(state) == 3


def test_run_compares_the_state_with_eagers(cedr: Cedr, counter: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1, 2, 3], np.float32))
    np.save(tmp_path / "calls.npy", np.array(6))
    arguments = ["--input", tmp_path / "x.npy", "--input", f"calls={tmp_path / 'calls.npy'}"]
    done = cedr(
        "run", f"{counter / 'count.py'}:counter", *arguments, "--output", f"total={tmp_path / 't.npy'}", "--json"
    )
    assert done.status == 0 and json.loads(done.out)["max_rel_error"] == 0
    assert np.array_equal(np.load(tmp_path / "t.npy"), [8, 15, 22])


def test_the_text_goes_on_from_every_level(cedr: Cedr, counter: Path, tmp_path: Path) -> None:
    assert cedr("compile", f"{counter / 'count.py'}:counter", "-o", tmp_path / "m", "--save-ir").status == 0
    np.save(tmp_path / "x.npy", np.ones(3, np.float32))
    stages = sorted((tmp_path / "m" / "ir").iterdir())
    for stage in (stages[0], stages[len(stages) // 2], stages[-1]):
        output = tmp_path / "last.npy"
        done = cedr("run", stage, "--input", tmp_path / "x.npy", "--output", f"calls={output}")
        assert done.status == 0, done.err
        assert np.load(output) == 1


class Shares(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x.add_(1)
        return y * 2


def test_what_shares_memory_with_what_is_changed_is_refused() -> None:
    both = torch.zeros(4)
    message = "input 'x' is changed in place and shares its memory with input 'y'"
    with pytest.raises(cedr.CedrError, match=message):
        cedr.compile(Shares(), (both[:2], both[2:]), emit="python")
    with pytest.raises(cedr.CedrError, match=message):
        cedr.compile(Shares(), (both, both), emit="python")
    program = cedr.compile(Shares(), (torch.zeros(3), torch.zeros(3)), emit="python")
    with pytest.raises(cedr.CedrError, match=message):
        program(both[:3], both[1:])
    assert both.sum() == 0
    x, y = both[:3], torch.ones(3)
    assert program(x, y).tolist() == [2, 2, 2] and both.tolist() == [1, 1, 1, 0]
    assert program(y, y.clone()).tolist() == [2, 2, 2]


class Twins(nn.Module):
    a: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("a", torch.zeros(3))
        self.b = self.a

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.a.add_(x)
        return self.b * 2


def test_a_buffer_of_two_names_is_refused() -> None:
    with pytest.raises(
        cedr.CedrError, match="Twins: forward changes a tensor that the module has by the names a and b"
    ):
        cedr.compile(Twins(), (torch.ones(3),), emit="python")


def test_other_programs_have_no_state(tmp_path: Path) -> None:
    program: Program = cedr.compile(nn.ReLU(), (torch.ones(3),), emit="python")
    assert program.state == {} and program.updates() == []
