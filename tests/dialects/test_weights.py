"""The weights' bytes: read in place, named by content, written whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from xdsl.context import Context

from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightsError, WeightStore, weights_of
from cedr.target.files import OutputError


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    ],
)
def test_every_dtype_goes_there_and_back(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {
        "a": (torch.arange(6) - 2).reshape(2, 3).to(dtype),
        "scalar": torch.tensor(1).to(dtype),
        "none": torch.empty(0, 3).to(dtype),
    }
    save_file(tensors, tmp_path / "in.safetensors")
    store = WeightStore.load(tmp_path / "in.safetensors")
    if dtype is torch.bfloat16:
        assert store["a"].dtype == np.uint16
        np.testing.assert_array_equal(store["a"], tensors["a"].view(torch.uint16).numpy())
    else:
        np.testing.assert_array_equal(store["a"], tensors["a"].numpy())
    store.save(tmp_path / "out.safetensors")
    again = load_file(tmp_path / "out.safetensors")
    assert set(again) == set(tensors)
    for name, tensor in tensors.items():
        assert again[name].dtype == dtype
        assert torch.equal(again[name], tensor)


def test_arrays_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    WeightStore({"a": np.ones((4, 4), np.float32)}).save(tmp_path / "x.safetensors")
    array = WeightStore.load(tmp_path / "x.safetensors")["a"]
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_mixed_widths_stay_aligned_and_files_are_the_same_each_time(tmp_path: Path) -> None:
    store = WeightStore(
        {
            "odd": np.ones(3, np.uint8),
            "wide": np.ones(2, np.float64),
            "half": np.ones(1, np.float16),
            "f": np.ones(5, np.float32),
        }
    )
    for name in ("a", "b"):
        store.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    for array in WeightStore.load(tmp_path / "a").values():
        assert array.ctypes.data % array.dtype.itemsize == 0


def test_new_names_come_from_the_content() -> None:
    store = WeightStore()
    name = store.add(np.ones((2, 2), np.float32), "folded")
    assert name.startswith("folded.")
    assert store.add(np.ones((2, 2), np.float32), "folded") == name
    others = {
        store.add(np.zeros((2, 2), np.float32), "folded"),
        store.add(np.ones((4,), np.float32), "folded"),
        store.add(np.ones((2, 2), np.int32), "folded"),
        store.add(np.ones((2, 2), np.float32), "packed"),
    }
    assert len(others | {name}) == 5


def test_only_the_named_are_written(tmp_path: Path) -> None:
    store = WeightStore({"a": np.ones(1), "b": np.zeros(1)})
    store.save(tmp_path / "x", ["b", "b"])
    assert list(WeightStore.load(tmp_path / "x")) == ["b"]


def test_a_missing_name_lists_its_like() -> None:
    store = WeightStore({"conv1.weight": np.ones(1), "conv1.bias": np.ones(1), "fc.weight": np.ones(1)})
    with pytest.raises(WeightsError, match=r"no weight 'conv.weight'.* there are 3, e\.g\. conv1\.weight"):
        store["conv.weight"]


def test_a_dtype_without_a_form_is_refused() -> None:
    with pytest.raises(WeightsError, match="dtype uint64 has no form"):
        WeightStore().add(np.ones(1, np.uint64), "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as weights"),
        (b"short", "not a .safetensors file"),
        (b"\xff" * 16, "not a .safetensors file"),
        (b"\x02\0\0\0\0\0\0\0[]", "not a .safetensors file"),
        (b"\x01\0\0\0\0\0\0\0{", "not a .safetensors file"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=f"x.safetensors: {message}"):
        WeightStore.load(tmp_path / "x.safetensors")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    WeightStore({"a": np.ones(100)}).save(tmp_path / "x")
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-8])
    with pytest.raises(WeightsError, match="a tensor lies outside of the file"):
        WeightStore.load(tmp_path / "x")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    store = WeightStore({"a": np.ones(1)})
    with pytest.raises(WeightsError, match="no weight 'b'"):
        store.save(tmp_path / "x", ["a", "b"])
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x").touch()
    with pytest.raises(OutputError, match="x/y: can't be written: "):
        store.save(tmp_path / "x" / "y")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_pass_finds_the_weights_in_its_context_and_in_a_copy() -> None:
    store = WeightStore()
    context = make_context(store)
    assert weights_of(context, "fold") is store
    copy = context.clone()
    assert weights_of(copy, "fold") is store
    assert copy.get_optional_op("cedr.weight") is not None


@pytest.mark.parametrize("context", [make_context(), Context()])
def test_a_pass_without_weights_says_how_to_give_them(context: Context) -> None:
    with pytest.raises(WeightsError, match="fold: needs the weights' bytes.*--weights FILE"):
        weights_of(context, "fold")


def test_a_scalar_keeps_its_shape() -> None:
    store = WeightStore()
    name = store.add(np.array(2.5, np.float32), "scale")
    assert store[name].shape == ()
    assert name != store.add(np.array([2.5], np.float32), "scale")
