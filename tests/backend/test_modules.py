"""Emitted modules as processes: values against PyTorch, the record, the schedule, refusals. C and Python alike."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from cedr.runtime.record import read_record

from .conftest import TINY, Built, prepare, write_schedule

JOIN = 12
TASKS = 17
_fresh = itertools.count()


def expected(directory: Path) -> tuple[np.ndarray, np.ndarray]:
    weights = load_file(directory / "weights.safetensors")
    x = torch.tensor(np.load(directory / "x.npy"))
    y = torch.nn.functional.conv2d(x, torch.tensor(weights["w"]), torch.tensor(weights["b.x"]))
    y = 2 * torch.clamp(y, min=0.1)
    return y.numpy(), torch.amax(y, (2, 3)).numpy()


def record_of(tiny: Built) -> Path:
    path = tiny.directory / f"{next(_fresh)}.cedrrec"
    process = tiny.start(CEDR_MODE="record", CEDR_RECORD=str(path))
    assert process.returncode == 0, process.stderr
    return path


def test_values_are_those_of_pytorch(tiny: Built) -> None:
    for got, wanted in zip(tiny.compute(), expected(tiny.directory), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_record_holds_tasks_classes_and_dependencies(tiny: Built) -> None:
    record = read_record(record_of(tiny))
    assert record.complete and len(record) == TASKS
    assert [c.api for c in record.classes] == ["conv2d", "kernel", "zip", "join", "kernel"]
    assert record.classes[0].dims["oh"] == 2 and record.classes[2].attributes == {"kind": "add"}

    def after(task: int) -> list[int]:
        return [int(t) for t in record.after_indices[record.after_indptr[task] : record.after_indptr[task + 1]]]

    assert after(0) == [] and after(1) == [0]
    assert after(6) == [1], "the ring of three slots: the fourth convolution waits for the first slot's reader"
    assert after(8) == [1, 3, 5, 7]
    assert after(JOIN) == [8, 9, 10, 11] and after(13) == [JOIN]


def test_both_emitters_record_the_same(tmp_path: Path) -> None:
    records = []
    for emit in ("c", "python"):
        folder = tmp_path / emit
        folder.mkdir()
        records.append(read_record(record_of(prepare(folder, emit))))
    c, python = records
    assert c.classes == python.classes
    for name in ("task_ids", "class_of", "after_indptr", "after_indices"):
        np.testing.assert_array_equal(getattr(c, name), getattr(python, name))


def test_any_order_that_respects_the_record_gives_the_same_bytes(tiny: Built) -> None:
    record = record_of(tiny)
    wanted = tiny.compute()
    schedule = tiny.directory / "order.bin"
    write_schedule(schedule, [0, 2, 4, 1, 3, 5, 6, 7, 11, 10, 9, 8, 16, 15, 14, 13])
    got = tiny.compute(CEDR_MODE="execute", CEDR_RECORD=str(record), CEDR_SCHEDULE=str(schedule))
    for a, b in zip(got, wanted, strict=True):
        assert a.tobytes() == b.tobytes()


def test_an_order_that_breaks_a_dependency_gives_other_values(tiny: Built) -> None:
    record = record_of(tiny)
    schedule = tiny.directory / "order.bin"
    write_schedule(schedule, [8, 9, 10, 11, *range(8), 13, 14, 15, 16])
    y, _ = tiny.compute(CEDR_MODE="execute", CEDR_RECORD=str(record), CEDR_SCHEDULE=str(schedule))
    assert not np.array_equal(y, expected(tiny.directory)[0])


@pytest.mark.parametrize(
    ("order", "implementation", "message"),
    [
        ([0, 1, 2], 0, "task 3 is missing|lacks task 3"),
        ([0, 0], 0, "names task 0, which is not waiting"),
        ([99], 0, "names task 99, which is not waiting"),
        ([JOIN], 0, "names task 12, which is not waiting"),
        ([0], 5, "task 0 has no implementation 5"),
    ],
)
def test_a_wrong_schedule_is_refused(tiny: Built, order: list[int], implementation: int, message: str) -> None:
    record = record_of(tiny)
    schedule = tiny.directory / "order.bin"
    write_schedule(schedule, order, implementation)
    process = tiny.start("--input", "x.npy", CEDR_MODE="execute", CEDR_RECORD=str(record), CEDR_SCHEDULE=str(schedule))
    assert process.returncode == 1
    assert any(part in process.stderr for part in message.split("|")), process.stderr
    assert len(process.stderr.strip().splitlines()) == 1


def test_execute_stops_where_the_module_leaves_its_record(tmp_path: Path) -> None:
    for emit in ("c", "python"):
        folder, other = tmp_path / emit, tmp_path / f"{emit}_other"
        folder.mkdir()
        other.mkdir()
        record = record_of(prepare(folder, emit))
        changed = prepare(other, emit, TINY.read_text().replace("war lag 3:1", "war lag 2:1"))
        write_schedule(other / "order.bin", [])
        process = changed.start(
            "--input", "x.npy", CEDR_MODE="execute", CEDR_RECORD=str(record), CEDR_SCHEDULE="order.bin"
        )
        assert process.returncode == 1
        assert "event 4, task 4: another number of dependencies was recorded" in process.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "message"),
    [
        ((), {}, 1, "input 'x' is missing: give --input x=X.npy"),
        (("--input", "missing.npy"), {}, 1, "missing.npy"),
        (("--input", "weights.safetensors"), {}, 1, "not a .npy file"),
        (("--input", "wide.npy"), {}, 1, "float64|<f8"),
        (("--input", "short.npy"), {}, 1, "[1, 3, 10, 10]"),
        (("--input", "q=x.npy"), {}, 1, "no such name"),
        (("--input", "x.npy", "--input", "x.npy"), {}, 1, "1 of them only"),
        (("--verbose",), {}, 2, "usage"),
        (("--input", "x.npy"), {"CEDR_MODE": "replay"}, 1, "the modes are run, record, execute"),
        (("--input", "x.npy"), {"CEDR_MODE": "record"}, 1, "CEDR_MODE=record needs CEDR_RECORD=FILE"),
        (("--input", "x.npy"), {"CEDR_WEIGHTS": "x.npy"}, 1, "not a .safetensors file"),
        (("--input", "x.npy"), {"CEDR_WEIGHTS": "less.safetensors"}, 1, "holds no weight 'b.x'"),
        (("--input", "x.npy"), {"CEDR_WEIGHTS": "other.safetensors"}, 1, "weight 'w'"),
        (("--input", "x.npy", "--output", "no/y.npy"), {}, 1, "no/y.npy"),
    ],
)
def test_refusals(
    tiny: Built, arguments: tuple[str, ...], environment: dict[str, str], status: int, message: str
) -> None:
    np.save(tiny.directory / "wide.npy", np.zeros((1, 3, 10, 10)))
    np.save(tiny.directory / "short.npy", np.zeros((1, 3, 10, 9), np.float32))
    weights = load_file(tiny.directory / "weights.safetensors")
    save_file({"w": weights["w"]}, tiny.directory / "less.safetensors")
    save_file({**weights, "w": weights["w"][:3]}, tiny.directory / "other.safetensors")
    process = tiny.start(*arguments, **environment)
    assert process.returncode == status, process.stderr
    assert any(part in process.stderr for part in message.split("|")), process.stderr
    assert "Traceback" not in process.stderr
    assert not list(tiny.directory.glob("*.tmp"))


def test_a_record_is_never_overwritten(tiny: Built) -> None:
    path = record_of(tiny)
    before = path.read_bytes()
    process = tiny.start(CEDR_MODE="record", CEDR_RECORD=str(path))
    assert process.returncode == 1 and "a record is never overwritten" in process.stderr
    assert path.read_bytes() == before


def test_a_changed_weight_changes_the_result(tmp_path: Path) -> None:
    for emit in ("c", "python"):
        folder = tmp_path / emit
        folder.mkdir()
        module = prepare(folder, emit)
        before, _ = module.compute()
        weights = load_file(folder / "weights.safetensors")
        weights["b.x"] = weights["b.x"] + 1
        save_file(weights, folder / "weights.safetensors")
        after, _ = module.compute()
        assert not np.array_equal(before, after)
        np.testing.assert_allclose(after, expected(folder)[0], rtol=1e-5, atol=1e-5)
