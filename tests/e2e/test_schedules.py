"""Every scheduler on every composition gives a valid schedule, the same one every time."""

from __future__ import annotations

import numpy as np
import pytest

from cedr.runtime.emulator import emulate
from cedr.runtime.record import Record
from cedr.runtime.result import EmulationResult
from cedr.target.platform import class_costs, load_platform, parse_composition

from .conftest import compiled

SCHEDULERS = ("SIMPLE", "RANDOM", "MET", "EFT", "ETF", "HEFT_RT")
COMPOSITIONS = ("C3", "C3+Z1", "C3+C2D1", "C3+F1+C2D1+Z1")
COLUMNS = ("app", "instance", "task", "task_class", "pe", "ready_ns", "start_ns", "end_ns")


def check_valid(result: EmulationResult, record: Record, hw: str) -> None:
    """Every task once, after all it waits for, on a PE that supports its call, alone there."""
    platform = load_platform("zcu102")
    composition = parse_composition(platform, hw)
    assert result.pes == composition.pe_names
    offered, cost = class_costs(platform, record.classes).by_pe(composition)
    is_join = np.array([c.api == "join" for c in record.classes])[record.class_of]
    tasks = np.flatnonzero(~is_join)
    for instance in range(len(result.arrivals_ns)):
        rows = np.flatnonzero(result.instance == instance)
        assert sorted(result.task[rows].tolist()) == record.task_ids[tasks].tolist()
        assert (result.start_ns[rows] >= result.arrivals_ns[instance]).all()
        end = np.zeros(len(record), np.int64)
        start = np.zeros(len(record), np.int64)
        index = np.searchsorted(record.task_ids, result.task[rows])
        start[index], end[index] = result.start_ns[rows], result.end_ns[rows]
        for task in range(len(record)):
            before = record.after_indices[record.after_indptr[task] : record.after_indptr[task + 1]]
            ready = int(end[before].max(initial=0))
            if is_join[task]:
                end[task] = ready
            else:
                assert start[task] >= ready, f"task {task} starts before what it waits for has ended"
    kinds, pe = result.task_class, result.pe
    assert (offered[kinds, pe] >= 0).all(), "a PE was given a call that it does not offer"
    assert (result.end_ns - result.start_ns == cost[kinds, pe]).all()
    for number in range(len(result.pes)):
        rows = np.flatnonzero(pe == number)
        order = rows[np.argsort(result.start_ns[rows], kind="stable")]
        assert (result.start_ns[order][1:] >= result.end_ns[order][:-1]).all(), "a PE runs two tasks at once"


@pytest.mark.parametrize("hw", COMPOSITIONS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(("name", "pipeline"), [("vgg_digits", "default"), ("m5_words", "layerwise")])
def test_valid_and_reproducible(name: str, pipeline: str, scheduler: str, hw: str) -> None:
    _, record = compiled(name, pipeline).record()
    first, second = (emulate(record, "zcu102", hw, scheduler, instances=2, period_ns=100_000, seed=5) for _ in range(2))
    check_valid(first, record, hw)
    for column in COLUMNS:
        assert getattr(first, column).tobytes() == getattr(second, column).tobytes()


def test_the_seed_matters_to_random() -> None:
    _, record = compiled("vgg_digits").record()
    a, b = (emulate(record, "zcu102", "C3", "RANDOM", seed=seed) for seed in (1, 2))
    assert a.pe.tobytes() != b.pe.tobytes() or a.task.tobytes() != b.task.tobytes()
