"""A tensor in a file is what is wanted, or a refusal that says what it is instead."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from cedr.runtime.npy import NpyError, map_npy
from cedr.target.manifest import TensorSpec


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_was_saved_is_read(tmp_path: Path, shape: tuple[int, ...], order: Literal["C", "F"]) -> None:
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    np.save(tmp_path / "x.npy", np.array(array, order=order))
    np.testing.assert_array_equal(map_npy(tmp_path / "x.npy", TensorSpec("x", "f32", shape)), array)


@pytest.mark.parametrize(
    ("shape", "dtype", "holds"),
    [((2,), "f32", "float32[3]"), ((3, 1), "f32", "float32[3]"), ((3,), "f64", "float32[3]")],
)
def test_another_tensor_is_refused(tmp_path: Path, shape: tuple[int, ...], dtype: str, holds: str) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3, np.float32))
    with pytest.raises(NpyError) as refusal:
        map_npy(tmp_path / "x.npy", TensorSpec("x", dtype, shape))
    assert str(refusal.value) == f"'x' is {dtype}{list(shape)}, the file holds {holds}"


def test_no_file_of_that_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    np.save(tmp_path / "whole.npy", np.zeros(3, np.float32))
    whole = (tmp_path / "whole.npy").read_bytes()
    np.savez(tmp_path / "archive.npz", x=np.zeros(3, np.float32))
    pickled = tmp_path / "pickled.npy"
    np.save(pickled, np.array([{}]), allow_pickle=True)
    lie = whole.replace(b"(3,), }       ", b"(99999999999,)")
    assert len(lie) == len(whole) and lie != whole
    rubbish = [(tmp_path / "archive.npz").read_bytes(), pickled.read_bytes(), lie]
    for content in [*(whole[:n] for n in range(len(whole))), *rubbish]:
        path.write_bytes(content)
        with pytest.raises(NpyError, match=r"^'x' is f32\[3\], this is not a \.npy file: "):
            map_npy(path, TensorSpec("x", "f32", (3,)))
    path.unlink()
    with pytest.raises(NpyError, match="No such file"):
        map_npy(path, TensorSpec("x", "f32", (3,)))
