"""Prints the table of `frontend/zoo/README.md`: `python -m cedr.frontend.zoo.figures`. A test compares the two."""

from __future__ import annotations

import importlib

import torch

from cedr.frontend.zoo import ZOO, ZooEntry
from cedr.frontend.zoo.counting import mac_count, parameter_count
from cedr.frontend.zoo.trained import how_made, is_trained

COLUMNS = ("model", "input", "parameters", "MACs", "weights", "seed", "trained on", "held out", "eager's score")


def meta_inputs(entry: ZooEntry) -> tuple[torch.Tensor, ...]:
    """What the entry's skeleton can be run on."""
    return (torch.empty(entry.input_shape, dtype=getattr(torch, entry.input_dtype), device="meta"),)


def eager_score(entry: ZooEntry) -> float:
    """The entry's metric of PyTorch's own answers on its held-out set, which it must have."""
    module, _ = entry.build()
    held_out = entry.held_out()
    assert held_out is not None  # narrowing only: called for entries that have one
    decisions = []
    with torch.no_grad():
        for i in range(len(held_out)):
            decision = entry.decide(module(torch.from_numpy(held_out.inputs[i : i + 1])))
            assert decision is not None  # narrowing only: a model with a held-out set decides
            decisions.append(decision)
    return entry.score(decisions)


def row(entry: ZooEntry) -> tuple[str, ...]:
    """The entry's line, one text per column."""
    module = entry.judge().module
    macs = mac_count(module, meta_inputs(entry))
    held_out = entry.held_out()
    shape = "x".join(str(size) for size in entry.input_shape)
    size = (entry.name, shape, f"{parameter_count(module):,}", f"{macs:,}")
    if held_out is None:
        seed = importlib.import_module(f"cedr.frontend.zoo.{entry.name}").SEED
        return (*size, "drawn", str(seed), "", "", "")
    score = eager_score(entry)
    text = f"{100 * score:.1f} % {entry.metric}" if entry.metric == "accuracy" else f"{score:.3f} {entry.metric}"
    if not is_trained(entry.name):
        return (*size, "none", "", "", str(len(held_out)), text)
    made = how_made(entry.name)
    return (*size, "trained", made["seed"], made["training_samples"], str(len(held_out)), text)


def table() -> str:
    """The whole table in Markdown."""
    lines = [COLUMNS, ("--",) * len(COLUMNS), *(row(entry) for entry in ZOO.values())]
    return "\n".join("|" + "|".join(f" {cell} " if cell else " " for cell in line) + "|" for line in lines)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table())
