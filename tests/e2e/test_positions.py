"""Reads and writes at positions that the program computes, through compiled modules."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cedr
from tests.frontend.cases import floats, integers


class Positions(nn.Module):
    """Some of each: gathers of weights and of computed tensors, scatters, orders."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 3)

    def forward(self, x: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x.relu() - x
        return (
            self.table(i).sum(-1),
            y[:, i],
            y[i, :, i + 1],
            y.gather(1, j.expand(4, 3, 2)),
            y.index_put((j.squeeze(1),), x[:3], accumulate=True),
            y.scatter_reduce(1, j.expand(4, 3, 2), x, "mean"),
            *y.sort(1, descending=True),
            *x.topk(2),  # not y: which of equal elements comes first is not said
            F.pad(y, (2, 1), mode="reflect"),
            F.interpolate(y[None], scale_factor=2, mode="bicubic"),
        )


INPUTS = (floats(4, 5, 6), torch.tensor([[0, 2, 1], [3, 1, 2]]), integers(3, 1, low=0, high=4))


@pytest.mark.parametrize("emit", ["c", "python"])
def test_positions(emit: str) -> None:
    model = Positions().eval()
    i, j = INPUTS[1], INPUTS[2]
    program = cedr.compile(model, (INPUTS[0], i, j), emit=emit)
    for got, wanted in zip(program(INPUTS[0], i, j), model(INPUTS[0], i, j), strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("emit", ["c", "python"])
def test_a_position_outside_ends_the_module_with_a_message(emit: str) -> None:
    program = cedr.compile(nn.Embedding(7, 3), (torch.tensor([1, 2]),), emit=emit)
    with pytest.raises(cedr.CedrError, match="index 9 is out of range for a dimension of size 7"):
        program(torch.tensor([1, 9]))
