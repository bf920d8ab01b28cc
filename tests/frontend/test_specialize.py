"""A program with open sizes, for given ones: the IR is that of the model exported for these."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from cedr.frontend.dynamic import Exports, Sizes
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from cedr.frontend.specialize import NotSpecializedError, specialize


class Attends(nn.Module):
    """Shapes that are computed: heads, a mask, positions, a mean, a buffer that is changed."""

    calls: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.table, self.project, self.norm = nn.Embedding(11, 8), nn.Linear(8, 24), nn.LayerNorm(8)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, words: torch.Tensor) -> dict[str, Any]:
        batch, length = words.shape
        self.calls += 1
        x = self.norm(self.table(words) + torch.arange(length)[:, None] / length)
        q, k, v = (part.view(batch, length, 2, 4).transpose(1, 2) for part in self.project(x).chunk(3, -1))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return {
            "y": y.transpose(1, 2).reshape(batch, length, 8).mean(1),
            "length": length,
            "twice": x.repeat(2, 1, 1)[1:],
        }


def words(batch: int, length: int) -> torch.Tensor:
    return torch.randint(0, 11, (batch, length), generator=torch.Generator().manual_seed(batch * 31 + length))


SHAPES = {"words": {0: Dim("batch", max=8), 1: Dim("length", min=2, max=20)}}


def test_the_text_is_that_of_an_export() -> None:
    model = Attends().eval()
    program = export_model(model, (words(3, 5),), SHAPES)
    for batch, length in ((2, 4), (5, 7)):
        mine = import_program(specialize(program, (words(batch, length),)), "model")
        theirs = import_program(export_model(model, (words(batch, length),)), "model")
        assert str(mine.module) == str(theirs.module)
        assert (mine.inputs, mine.outputs, mine.macs) == (theirs.inputs, theirs.outputs, theirs.macs)


def test_a_model_is_exported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = Attends().eval(), []

    def counted(*arguments: Any) -> Any:
        calls.append(len(arguments))
        return export_model(*arguments)

    monkeypatch.setattr("cedr.frontend.dynamic.export_model", counted)
    exports = Exports(model, Sizes.of(model, (words(1, 4),), SHAPES), SHAPES)
    for batch, length in ((2, 4), (3, 5), (4, 6)):
        exports.at((words(batch, length),))
    assert calls == [3]
    exports.at((words(1, 6),))  # one row broadcasts: another program
    assert calls == [3, 2]


class Branches(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.shape[0] > 4 else x + x.shape[0]


@pytest.mark.parametrize("size", [3, 6])
def test_what_holds_for_some_sizes_only_is_not_used_for_others(size: int) -> None:
    shapes = ({0: Dim.AUTO},)
    model, other = Branches(), torch.ones(9 - size)
    with pytest.raises(NotSpecializedError, match="a size s.* is "):
        specialize(export_model(model, (torch.ones(size),), shapes), (other,))
    exports = Exports(model, Sizes.of(model, (torch.ones(size),), shapes), shapes)
    exports.at((torch.ones(size),))
    program = exports.at((other,))
    assert torch.equal(program.module()(other), model(other))


def test_sizes_that_stay_fixed_are_exported_again() -> None:
    model, shapes = nn.GRU(3, 4, batch_first=True), ({1: Dim("steps", min=2, max=9)},)
    exports = Exports(model, Sizes.of(model, (torch.ones(2, 4, 3),), shapes), shapes)
    for steps in (5, 6):
        x = torch.ones(2, steps, 3)
        program = exports.at((x,))
        torch.testing.assert_close(program.module()(x), model(x))
