"""Programs whose sizes the call says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim

import cedr
from cedr.frontend.dynamic import Sizes
from cedr.tools.cli import main
from cedr.tools.models import TorchModel, find_model


class Tagger(nn.Module):
    """Embedded words, a GRU and a bit of attention over time."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 6)
        self.gru = nn.GRU(6, 5, batch_first=True)
        self.out = nn.Linear(5, 3)

    def forward(self, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y, _ = self.gru(self.table(words))
        weights = torch.softmax(y @ y.transpose(1, 2) / 5**0.5, -1)
        return self.out(weights @ y), y.mean(1)


def words(batch: int, length: int) -> torch.Tensor:
    return torch.randint(0, 11, (batch, length), generator=torch.Generator().manual_seed(batch * 31 + length))


def test_one_program_for_many_sizes() -> None:
    torch.manual_seed(0)
    model = Tagger().eval()
    shapes = {"words": {0: Dim("batch", max=8), 1: Dim("length", min=2)}}
    program = cedr.compile(model, (words(2, 4),), dynamic_shapes=shapes)
    for batch in (2, 1, 3):
        for length in (4, 7):
            for got, wanted in zip(program(words(batch, length)), model(words(batch, length)), strict=True):
                torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
    again = program.at((words(3, 7),))
    assert again is program.at((words(3, 7),)) and again is not program
    assert program.at((words(2, 4),)) is program
    assert program.profile(words(1, 7))["tasks"] != program.profile(words(1, 4))["tasks"]
    with pytest.raises(cedr.CedrError, match="dimension 0 of input 'words' is 9, the program is for 0 to 8"):
        program(words(9, 4))
    with pytest.raises(cedr.CedrError, match=r"i64\[2, 4\], got f32\[2, 4\]"):
        program(torch.ones(2, 4))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert_tiny", "gru"])
def test_zoo_models_at_many_sizes(name: str) -> None:
    model = find_model(name)
    assert isinstance(model, TorchModel)
    module, (example,) = model.module, model.example_inputs
    program = cedr.compile(module, (example,), dynamic_shapes=({0: Dim("batch"), 1: Dim("length")},))
    for batch in (1, 2, 3):
        for length in (4, 9, 16):
            repeated = torch.cat([example[:, :length].roll(k, 1) for k in range(batch)])
            with torch.no_grad():
                wanted = module(repeated)
            torch.testing.assert_close(program(repeated), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 9), None),
        ((4, 8), r"dimension 1 of input 'x' is 8, not 2\*n \+ 1 for any n"),
        ((3, 9), "dimension 0 of input 'x' is 3, the program is for 4"),
        ((4, 9, 1), "dimension 0 of input 'x': 3 dimensions given, the program wants 2"),
    ],
)
def test_sizes_that_depend_on_one_another(shape: tuple[int, ...], message: str | None) -> None:
    class Halves(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, ::2] * 2

    sizes = Sizes.of(Halves(), (torch.ones(4, 7),), ({1: 2 * Dim("n") + 1},))
    if message is None:
        sizes.check([shape])
        return
    with pytest.raises(cedr.CedrError, match=message):
        sizes.check([shape])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"y": {0: Dim("n")}}, "dynamic_shapes names y; the arguments of Linear.forward are input"),
        (({2: Dim("n")},), "dynamic_shapes of 'input' names dimension 2, the tensor has 2"),
        (({0: "n"},), "dynamic_shapes of 'input' holds 'n'; write a torch.export.Dim"),
        (3, "dynamic_shapes is a dict by argument or one entry for each of input, got 3"),
    ],
)
def test_what_fits_no_input_is_refused(shapes: Any, message: str) -> None:
    with pytest.raises(cedr.CedrError, match=message):
        cedr.compile(nn.Linear(3, 2), (torch.ones(2, 3),), dynamic_shapes=shapes)


class Pairs(nn.Module):
    """An argument of two tensors, and one of tensors by name."""

    def forward(self, pair: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]) -> torch.Tensor:
        return pair[0] + pair[1] + named["z"]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (({0: Dim("n")}, None), "dynamic_shapes of 'pair' has an entry for each of its 2 items, got {0: Dim"),
        ((({0: Dim("n")},), None), "dynamic_shapes of 'pair' has an entry for each of its 2 items, got \\("),
        ((None, {0: Dim("n")}), r"dynamic_shapes of 'named' is a dict with keys of \['z'\], got {0: Dim"),
    ],
)
def test_what_fits_no_tensor_inside_an_argument_is_refused(shapes: Any, message: str) -> None:
    x = torch.ones(2)
    with pytest.raises(cedr.CedrError, match=message):
        Sizes.of(Pairs(), ((x, x), {"z": x}), shapes)
    assert Sizes.of(Pairs(), ((x, x), {"z": x}), (None, {"z": {0: Dim("n")}})).inputs[2][0].allowed is not None


def test_sizes_that_the_model_itself_does_not_take() -> None:
    program = cedr.compile(nn.Linear(3, 2), (torch.ones(2, 3),), dynamic_shapes=({1: Dim("n")},))
    with pytest.raises(cedr.CedrError, match="torch.export can't export Linear"):
        program(torch.ones(2, 4))


OPEN_TEXT = """
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @forward(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %batch = tensor.dim %x, %c0 : tensor<?x3xf32>
  %0 = tensor.empty(%batch) : tensor<?x3xf32>
  %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
       ins(%x : tensor<?x3xf32>) outs(%0 : tensor<?x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = arith.addf %in, %in : f32
    linalg.yield %2 : f32
  } -> tensor<?x3xf32>
  return %1 : tensor<?x3xf32>
}
"""


def test_text_that_leaves_sizes_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, rows, columns = (tmp_path / name for name in ("doubled.mlir", "rows.npy", "columns.npy"))
    text.write_text(OPEN_TEXT)
    np.save(rows, np.arange(12, dtype=np.float32).reshape(4, 3))
    np.save(columns, np.ones((4, 2), np.float32))
    given = ["--emit", "python", "--input"]
    assert main(["run", str(text), *given, f"x={rows}", "--output", f"output0={tmp_path / 'y.npy'}"]) == 0
    assert np.array_equal(np.load(tmp_path / "y.npy"), 2 * np.load(rows))
    assert main(["compile", str(text), *given, str(rows), "--save-ir", "-o", str(tmp_path / "module")]) == 0
    assert "?" not in (tmp_path / "module" / "ir" / "01_specialize-sizes.mlir").read_text()
    capsys.readouterr()
    for arguments, message in (
        ([], "leaves sizes of input 'x' open, which is tensor<?x3xf32>; say them: --input x=X.npy"),
        (["--input", str(columns)], "takes tensor<?x3xf32> for 'x', got the shape [4, 2]"),
        (["--input", f"y={rows}"], "y"),
    ):
        assert main(["compile", str(text), *arguments, "-o", str(tmp_path / "other")]) == 1
        assert message in capsys.readouterr().err and not (tmp_path / "other").exists()
    text.write_text(OPEN_TEXT.replace("?", "4").replace("tensor.empty(%batch)", "tensor.empty()"))
    assert main(["compile", str(text), "--input", str(rows), "-o", str(tmp_path / "other")]) == 1
    assert "other models have sizes of their own" in capsys.readouterr().err
