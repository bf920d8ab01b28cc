"""Programs with open sizes: their IR has `?`, and `specialize-sizes` makes of it what the program of given sizes is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.export import Dim
from torch.utils._pytree import tree_leaves

from cedr.dialects.interpreter.run import interpret
from cedr.dialects.universe import make_context
from cedr.frontend.coverage import UnsupportedOpsError
from cedr.frontend.dynamic import Imports, Sizes
from cedr.frontend.export import export_model
from cedr.frontend.importer import ImportedModel, import_program
from cedr.frontend.open_sizes import SizesError, reshape_groups
from cedr.frontend.types import to_numpy, to_torch
from cedr.passes.pipelines import pipeline_passes
from cedr.passes.specialize_sizes import SpecializeSizesPass
from tests.frontend.cases import Forward, Program, floats, integers


def specialized(model: ImportedModel, inputs: tuple[torch.Tensor, ...]) -> ImportedModel:
    """An open model for inputs of these sizes, its module too."""
    fixed = model.at([tuple(x.shape) for x in inputs])
    module = fixed.module.clone()
    for one in SpecializeSizesPass.for_shapes(module, {spec.name: spec.shape for spec in fixed.inputs}):
        one.apply(make_context(), module)
    module.verify()
    return ImportedModel(module, fixed.weights, fixed.inputs, fixed.outputs, fixed.rebuild, fixed.macs, fixed.symbols)


def check(model: ImportedModel, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    """What an open model computes for inputs is what PyTorch does."""
    fixed = specialized(model, inputs)
    states = [fixed.weights[spec.initial] for spec in fixed.inputs if spec.initial is not None]
    arrays = interpret(fixed.module, [*(np.array(to_numpy(x)) for x in inputs), *states], fixed.weights)
    for got, wanted in zip(tree_leaves(fixed.rebuild(arrays)), tree_leaves(module(*inputs)), strict=True):
        if isinstance(wanted, torch.Tensor):
            assert got.dtype == wanted.dtype
            torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
        else:
            assert got == wanted


def normal_text(model: ImportedModel) -> str:
    """The module's text, cleaned and with values called in the order in which they come."""
    module = model.module.clone()
    for one in pipeline_passes("canonicalize,cse,dce"):
        one.apply(make_context(), module)
    names: dict[str, str] = {}
    return re.sub(r"%\w+", lambda found: names.setdefault(found.group(), f"%{len(names)}"), str(module))


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
            "half": length / 2,
            "twice": x.repeat(2, 1, 1)[1:],
        }


def words(batch: int, length: int) -> torch.Tensor:
    return torch.randint(0, 11, (batch, length), generator=torch.Generator().manual_seed(batch * 31 + length))


SHAPES = {"words": {0: Dim("batch", max=8), 1: Dim("length", min=2, max=20)}}


def test_one_import_for_many_sizes() -> None:
    torch.manual_seed(0)
    model = Attends().eval()
    program = import_program(export_model(model, (words(3, 5),), SHAPES), "model")
    text = str(program.module)
    assert "%words: tensor<?x?xi64>" in text
    assert "-> (tensor<?x8xf32>" in text and "tensor<?x?x8xf32>" in text
    assert "tensor.dim %words" in text and "import_sizes" not in text
    for batch, length in ((2, 4), (5, 7), (8, 20)):
        check(program, model, (words(batch, length),))


def test_the_module_is_that_of_the_program_of_given_sizes() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 5)
    ).eval()
    program = import_program(export_model(model, (floats(2, 3, 8, 8),), ({0: Dim("n")},)), "model")
    for batch in (2, 5):
        x = (floats(batch, 3, 8, 8),)
        ours = specialized(program, x)
        theirs = import_program(export_model(model, x), "model")
        assert normal_text(ours) == normal_text(theirs)
        assert (ours.inputs, ours.outputs, ours.macs) == (theirs.inputs, theirs.outputs, theirs.macs)


B, T = Dim("b"), Dim("t", min=4, max=64)

OPEN: dict[str, tuple[Forward | nn.Module, tuple[Any, ...], tuple[tuple[int | str, ...], ...]]] = {
    # name: (what is computed, dynamic shapes, shapes with b and t)
    "linear": (nn.Linear(6, 4), ({0: B, 1: T},), (("b", "t", 6),)),
    "broadcast of a size one": (lambda x, y: x * y + x[:, :1], ({0: B, 1: T}, {1: T}), (("b", "t", 2), (1, "t", 1))),
    "reductions": (lambda x: (x.mean((0, 1)), x.var(1), x.amax(0), x.argmax(1)), ({0: B, 1: T},), (("b", "t", 2),)),
    "softmax": (lambda x: x.log_softmax(1) + x.softmax(-1), ({0: B, 1: T},), (("b", "t", 2),)),
    "slices": (lambda x: (x[:, 1:], x[:, -1], x[:, :-2], x[:, ::2], x[1:2]), ({0: B, 1: T},), (("b", "t", 2),)),
    "joins": (lambda x: torch.stack([torch.cat([x, x[:, 1:]], 1)] * 2, 1), ({0: B, 1: T},), (("b", "t", 2),)),
    "views": (
        lambda x: x.view(-1, 3).view(x.shape[1], x.shape[0], 3, 2).flatten(1).unflatten(1, (-1, 2)),
        ({0: B, 1: T},),
        (("b", "t", 6),),
    ),
    "permutation": (lambda x: x.permute(2, 0, 1).contiguous().squeeze(), ({0: B, 1: T},), (("b", "t", 2),)),
    "padding": (lambda x: nn.functional.pad(x, (1, 2, 0, 3), value=2.0), ({0: B, 1: T},), (("b", "t", 2),)),
    "repetition": (
        lambda x: x.repeat(2, 1, 3) + x.expand(2, *x.shape).sum(0).repeat(2, 1, 3),
        ({0: B, 1: T},),
        (("b", "t", 2),),
    ),
    "ranges": (lambda x: x + torch.arange(2, x.shape[1] + 2)[:, None] * x.shape[0], ({0: B, 1: T},), (("b", "t", 2),)),
    "numbers of sizes": (
        lambda x: x * x.shape[1] ** 0.5 / (x.shape[0] + 1) + x.shape[1] // 2,
        ({0: B, 1: T},),
        (("b", "t"),),
    ),
    "fills": (lambda x: torch.full((x.shape[1], 2), 3.0) + x.new_zeros(x.shape[1], 1), ({1: T},), ((2, "t"),)),
    "triangles": (lambda x: x.tril() + x.triu(1), ({0: T, 1: T},), (("t", "t"),)),
    "products": (lambda x, y: x @ y.transpose(1, 2) @ y, ({0: B, 1: T}, {0: B, 1: T}), (("b", "t", 3), ("b", "t", 3))),
    "embedding": (lambda w, i: w[i], (None, {0: B, 1: T}), ((7, 3), ("b", "t", "index"))),
    "gather": (lambda x: x.gather(1, x.long().clamp(0, 2)), ({0: B, 1: T},), (("b", "t"),)),
    "scan": (lambda x: (x.cumsum(1), x.cummax(1)), ({0: B, 1: T},), (("b", "t", 2),)),
    "1-D convolution": (nn.Conv1d(2, 4, 3, padding=1, stride=2, groups=2), ({0: B, 2: T},), (("b", 2, "t"),)),
    "2-D convolution": (nn.Conv2d(2, 4, 3), ({0: B, 2: T, 3: T},), (("b", 2, "t", "t"),)),
    "pools": (nn.Sequential(nn.MaxPool2d(2, 1), nn.AdaptiveAvgPool2d(1)), ({0: B},), (("b", 2, 6, 5),)),
    "norms": (nn.Sequential(nn.GroupNorm(2, 4), nn.InstanceNorm1d(4), nn.LayerNorm(5)), ({0: B},), (("b", 4, 5),)),
    "recurrent": (nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), ({0: B},), (("b", 5, 3),)),
    "attention": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), ({0: B, 1: T},), (("b", "t", 8),)),
}


def inputs_of(shapes: tuple[tuple[int | str, ...], ...], **sizes: int) -> tuple[torch.Tensor, ...]:
    """Tensors of shapes in which sizes are named; `index`: integers, of the sizes before it."""
    known = [[sizes[size] if isinstance(size, str) else size for size in shape if size != "index"] for shape in shapes]
    return tuple(
        integers(*shape, low=0, high=7) if "index" in names else floats(*shape)
        for names, shape in zip(shapes, known, strict=True)
    )


@pytest.mark.parametrize("name", OPEN)
def test_ops_at_several_sizes(name: str) -> None:
    forward, dims, shapes = OPEN[name]
    module = (forward if isinstance(forward, nn.Module) else Program(forward)).eval()
    dynamic_shapes = dims if isinstance(forward, nn.Module) else (dims,)
    exported = export_model(module, inputs_of(shapes, b=3, t=8), dynamic_shapes)
    program = import_program(exported, "model")
    assert "?" in str(program.module.body.block.first_op.function_type)  # type: ignore[union-attr]  # the only op
    with torch.no_grad():
        for batch, length in ((2, 4), (5, 9)):
            check(program, module, inputs_of(shapes, b=batch, t=length))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.lists(st.booleans(), min_size=10, max_size=10))
def test_groups_of_a_reshape(source: list[int], joined: list[bool]) -> None:
    """Each pair holds equal numbers of elements, and no pair can be cut."""
    flat = [prime for size in source for prime in {4: [2, 2], 6: [2, 3]}.get(size, [size])]
    target: list[int] = []
    for size, is_joined in zip(flat, joined, strict=False):
        if target and is_joined:
            target[-1] *= size
        else:
            target.append(size)
    groups = reshape_groups(source, target)
    assert [dim for group, _ in groups for dim in group] == list(range(len(source)))
    assert [dim for _, group in groups for dim in group] == list(range(len(target)))
    for left, right in groups:
        counts, others = ([source[dim] for dim in left], [target[dim] for dim in right])
        assert np.prod(counts) == np.prod(others)
        cuts = [(a, b) for a in range(1, len(counts)) for b in range(1, len(others))]
        assert not any(np.prod(counts[:a]) == np.prod(others[:b]) for a, b in cuts)


class Branches(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.shape[0] > 4 else x + x.shape[0]


@pytest.mark.parametrize("size", [3, 6])
def test_what_holds_for_some_sizes_only_is_not_used_for_others(size: int) -> None:
    shapes = ({0: Dim.AUTO},)
    model, other = Branches(), torch.ones(9 - size)
    program = import_program(export_model(model, (torch.ones(size),), shapes), "model")
    with pytest.raises(SizesError, match="dimension 0 of input 'x'"):
        program.at([(9 - size,)])
    imports = Imports(model, "model", Sizes.of(model, (torch.ones(size),), shapes), shapes)
    for x in (torch.ones(size), other):
        found = imports.at((x,)).model
        fixed = specialized(found, (x,)) if "?" in str(found.module) else found
        (result,) = interpret(fixed.module, [to_numpy(x)], fixed.weights)
        assert np.array_equal(result, to_numpy(model(x)))


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda x: torch.fft.rfft(x, dim=0).abs(), "aten._fft_r2c.default"),
        (lambda x: nn.functional.interpolate(x[None, None], scale_factor=1.5, mode="linear")[0, 0], "open"),
    ],
    ids=["transform", "upsampling"],
)
def test_what_needs_a_number_is_imported_for_each_set_of_sizes(forward: Forward, reason: str) -> None:
    model, shapes = Program(forward), ({0: Dim("n", min=4)},)
    with pytest.raises(UnsupportedOpsError, match="open"):
        import_program(export_model(model, (floats(8),), (shapes,)), "model")
    imports = Imports(model, "model", Sizes.of(model, (floats(8),), (shapes,)), (shapes,))
    for size in (8, 16):
        found = imports.at((floats(size),)).model
        assert imports.why_fixed is not None and reason in imports.why_fixed
        assert found.inputs[0].shape == (size,)


@pytest.mark.parametrize(
    "forward",
    [lambda x: torch.cat([x[:, :0], x * 2], 1), lambda x: x[:, :0].sum(1) + x[:, 3:].sum(1)],
    ids=["none", "beyond the end"],
)
def test_sizes_that_leave_a_tensor_without_elements_are_imported(forward: Forward) -> None:
    model, shapes = Program(forward), ({0: Dim.AUTO, 1: Dim.AUTO},)
    imports = Imports(model, "model", Sizes.of(model, (floats(4, 5),), (shapes,)), (shapes,))
    for size in (5, 3, 4):
        x = floats(4, size)
        found = imports.at((x,)).model
        fixed = specialized(found, (x,)) if "?" in str(found.module) else found
        (result,) = interpret(fixed.module, [to_numpy(x)], fixed.weights)
        torch.testing.assert_close(to_torch(result, torch.float32), model(x))


def test_a_model_is_exported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = Attends().eval(), []

    def counted(model: nn.Module, inputs: tuple[torch.Tensor, ...], shapes: Any) -> Any:
        calls.append(shapes)
        return export_model(model, inputs, shapes)

    monkeypatch.setattr("cedr.frontend.dynamic.export_model", counted)
    imports = Imports(model, "model", Sizes.of(model, (words(1, 4),), SHAPES), SHAPES)
    for batch, length in ((2, 4), (3, 5), (4, 6)):
        imports.at((words(batch, length),))
    assert calls == [SHAPES]
    imports.at((words(1, 6),))  # one row broadcasts: another program
    assert calls == [SHAPES, None]


def test_sizes_that_stay_fixed_are_exported_again() -> None:
    model, shapes = nn.GRU(3, 4, batch_first=True), ({1: Dim("steps", min=2, max=9)},)
    imports = Imports(model, "model", Sizes.of(model, (torch.ones(2, 4, 3),), shapes), shapes)
    for steps in (5, 6):
        assert imports.at((torch.ones(2, steps, 3),)).model.outputs[0].shape == (2, steps, 4)
    assert imports.why_fixed is not None and "torch.export can't export GRU" in imports.why_fixed


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 5), "dimension 0 of input 'words'"),
        ((9, 5), "dimension 0 of input 'words'"),
        ((2, 21), "dimension 1 of input 'words'"),
    ],
)
def test_sizes_that_a_program_forbids(shape: tuple[int, ...], message: str) -> None:
    program = import_program(export_model(Attends().eval(), (words(3, 5),), SHAPES), "model")
    with pytest.raises(SizesError, match=message):
        program.at([shape])


def test_what_held_for_the_example_holds_for_other_sizes() -> None:
    """The number of pieces is fixed by the example."""
    auto = (({0: Dim.AUTO},),)
    program = import_program(export_model(Program(lambda x: x.chunk(3)[1]), (floats(6, 2),), auto), "model")
    program.at([(8, 2)])
    with pytest.raises(SizesError, match="these sizes don't meet the program's condition"):
        program.at([(4, 2)])
