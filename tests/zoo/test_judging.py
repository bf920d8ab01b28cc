"""The hooks a user's own module may define, and what is refused of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from cedr.frontend.zoo.decisions import top_class
from cedr.frontend.zoo.held_out import HeldOut
from cedr.frontend.zoo.judging import Judge
from cedr.target.errors import CedrError


class Own(nn.Module):
    def decide(self, outputs: object) -> int:
        return top_class(outputs)

    def held_out(self) -> object:
        return SimpleNamespace(inputs=torch.zeros(4, 1, 2), labels=[0, 1, 0, 1])


def test_a_module_without_hooks() -> None:
    judge = Judge(nn.Linear(2, 2))
    assert (judge.decide(torch.zeros(1, 2)), judge.held_out(), judge.metric) == (None, None, None)
    with pytest.raises(CedrError, match=r"^Linear has no held-out set to score decisions on; define held_out"):
        judge.score([])


def test_accuracy_is_the_default() -> None:
    judge = Judge(Own())
    assert judge.metric == "accuracy"
    assert judge.decide(torch.tensor([[0.0, 1.0]])) == 1
    held_out = judge.held_out()
    assert isinstance(held_out, HeldOut) and isinstance(held_out.inputs, np.ndarray)
    assert judge.score([0, 1, 1, 1]) == 0.75


def test_own_metric_and_score() -> None:
    class Scored(Own):
        metric = "half"

        def score(self, decisions: object) -> float:
            return 0.5

    judge = Judge(Scored())
    assert (judge.metric, judge.score([0, 0, 0, 0])) == ("half", 0.5)


def test_the_held_out_set_may_be_an_attribute() -> None:
    module = nn.Linear(2, 2)
    module.held_out = HeldOut(np.zeros((2, 2), np.float32), [0, 1])  # type: ignore[assignment]  # Module's setattr type
    assert Judge(module).score([0, 0]) == 0.5


def test_a_wrong_count_of_decisions_is_refused() -> None:
    with pytest.raises(CedrError, match=r"Own.score: 3 decisions for 4 held-out inputs; one each"):
        Judge(Own()).score([0, 1, 1])


def test_a_held_out_set_of_wrong_form_is_refused() -> None:
    class Wrong(Own):
        def held_out(self) -> object:
            return [1, 2]

    with pytest.raises(CedrError, match=r"Wrong.held_out: expected an object with .inputs and .labels, got list"):
        Judge(Wrong()).held_out()

    class Uneven(Own):
        def held_out(self) -> object:
            return SimpleNamespace(inputs=np.zeros((3, 2)), labels=[0, 1])

    with pytest.raises(CedrError, match=r"Uneven.held_out: 3 inputs but 2 labels"):
        Judge(Uneven()).held_out()
