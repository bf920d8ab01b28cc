"""What the importer makes of a program's boundary: names, weights, structure of outputs, locations, text."""

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from xdsl.dialects import func
from xdsl.dialects.builtin import FileLineColLoc, NameLoc, StringAttr
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.parser import Parser

from cedr.dialects.cedr import WeightOp
from cedr.dialects.interpreter.run import interpret
from cedr.dialects.locations import source_line, source_name
from cedr.frontend.export import ExportError, export_model
from cedr.frontend.importer import ImportedModel, import_program
from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec
from tests.frontend.cases import Program, floats
from tests.frontend.text import context, text_of


class Small(nn.Module):
    """A convolution with batch norm, a pooling, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(4, 2)
        self.unused = nn.Linear(7, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.features(x)
        y: torch.Tensor = self.head(features.mean((2, 3)))
        return y


def imported(forward: Any, *inputs: torch.Tensor) -> ImportedModel:
    module = forward if isinstance(forward, nn.Module) else Program(forward)
    model = import_program(export_model(module.eval(), inputs), "model")
    model.module.verify()
    return model


def values(model: ImportedModel, *inputs: torch.Tensor) -> Any:
    return model.rebuild([np.asarray(y) for y in interpret(model.module, [x.numpy() for x in inputs], model.weights)])


def test_the_module_names_its_model_weights_inputs_and_outputs() -> None:
    model = imported(Small(), floats(1, 3, 8, 8))
    assert model.module.attributes["cedr.model"] == StringAttr("model")
    assert model.module.attributes["cedr.weights_file"] == StringAttr("weights.safetensors")
    assert model.inputs == (TensorSpec("x", "f32", (1, 3, 8, 8)),)
    assert model.outputs == (TensorSpec("output0", "f32", (1, 2)),)
    (main,) = (op for op in model.module.body.block.ops if isinstance(op, func.FuncOp))
    assert main.sym_name.data == "main"
    signature = text_of(model.module).splitlines()[1]
    assert '(%x: tensor<1x3x8x8xf32> {cedr.name = "x"})' in signature.replace("%x : ", "%x: ")
    assert '-> (tensor<1x2xf32> {cedr.name = "output0"})' in signature


def test_weights_are_views_of_exactly_the_parameters_that_are_used() -> None:
    module = Small()
    model = imported(module, floats(1, 3, 8, 8))
    names = {op.weight_name for op in model.module.walk() if isinstance(op, WeightOp)}
    assert names == set(model.weights)
    assert names == {
        "features.0.weight", "features.0.bias", "features.1.weight", "features.1.bias",
        "features.1.running_mean", "features.1.running_var", "head.weight", "head.bias",
    }  # fmt: skip
    for name, array in model.weights.items():
        assert np.shares_memory(array, module.state_dict()[name].numpy())


def test_multiply_accumulates_are_those_of_the_layers() -> None:
    assert imported(Small(), floats(1, 3, 8, 8)).macs == 8 * 8 * 4 * 3 * 9 + 4 * 2
    grouped = nn.Conv1d(4, 8, 3, groups=2)
    assert imported(grouped, floats(1, 4, 10)).macs == 8 * 8 * 2 * 3


def test_a_bias_is_added_after_the_convolution_of_a_zero_fill() -> None:
    model = imported(nn.Conv2d(3, 4, 3, padding=1), floats(1, 3, 8, 8))
    (conv,) = (op for op in model.module.walk() if isinstance(op, linalg_ops.Conv2DNchwFchwOp))
    fill = conv.outputs[0].owner
    assert isinstance(fill, linalg_ops.FillOp)
    assert source_name(conv) == "aten.convolution.default"
    (use,) = conv.res[0].uses
    assert isinstance(use.operation, linalg_ops.GenericOp)
    assert isinstance(use.operation.inputs[1].owner, WeightOp)


def test_every_op_has_the_line_of_the_models_source() -> None:
    model = imported(Small(), floats(1, 3, 8, 8))
    source = Path(__file__).read_text().splitlines()
    lines = {
        "aten.convolution.default": "features = self.features(x)",
        "aten.max_pool2d_with_indices.default": "features = self.features(x)",
        "aten.mean.dim": "y: torch.Tensor = self.head(features.mean((2, 3)))",
        "aten.addmm.default": "y: torch.Tensor = self.head(features.mean((2, 3)))",
    }
    seen = set()
    (main,) = (op for op in model.module.body.block.ops if isinstance(op, func.FuncOp))
    for op in main.body.block.ops:
        assert isinstance(op.location, NameLoc) and isinstance(op.location.location, FileLineColLoc)
        file, line = source_line(op).rsplit(":", 1)
        assert Path(file).name == Path(__file__).name
        if (name := source_name(op)) in lines:
            assert source[int(line) - 1].strip() == lines[name]
            seen.add(name)
    assert seen == set(lines)


def test_the_text_parses_back_with_locations_and_in_generic_form() -> None:
    model = imported(Small(), floats(1, 3, 8, 8))
    for options in ({}, {"locations": True}, {"generic": True}):
        text = text_of(model.module, **options)
        parsed = Parser(context(), text).parse_module()
        parsed.verify()
        assert text_of(parsed, **options) == text


def test_outputs_keep_the_structure_of_pytorch() -> None:
    x = floats(2, 3)
    model = imported(lambda x: {"a": x + 1, "b": [None, 3, (x * 2, x + 1)]}, x)
    result = values(model, x)
    assert torch.equal(result["a"], x + 1)
    assert result["b"][:2] == [None, 3]
    assert torch.equal(result["b"][2][0], x * 2)


def test_a_value_returned_twice_is_one_output() -> None:
    x = floats(2, 3)

    def twice(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = x + 1
        return y, y

    model = imported(twice, x)
    assert len(model.outputs) == 1
    first, second = values(model, x)
    assert torch.equal(first, x + 1) and torch.equal(second, x + 1)


def test_inputs_and_parameters_that_are_returned_are_copied() -> None:
    class Returns(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(floats(3))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            return x, self.weight, x

    module, x = Returns(), floats(2, 3)
    model = imported(module, x)
    (returned,) = (op for op in model.module.walk() if isinstance(op, func.ReturnOp))
    assert all(isinstance(value.owner, linalg_ops.GenericOp) for value in returned.operands)
    first, weight, second = values(model, x)
    assert torch.equal(first, x) and torch.equal(second, x) and torch.equal(weight, module.weight)


def test_rebuild_refuses_another_number_of_arrays() -> None:
    model = imported(lambda x: (x + 1, x * 2), floats(2))
    with pytest.raises(CedrError, match="1 arrays given for the 2 outputs output0, output1"):
        model.rebuild([np.zeros(2, np.float32)])


def test_inputs_that_nothing_uses_stay_and_constants_disappear() -> None:
    class Takes(nn.Module):
        def forward(
            self, x: torch.Tensor, unused: torch.Tensor, n: int, pair: tuple[torch.Tensor, ...]
        ) -> torch.Tensor:
            return x * n + pair[1]

    inputs = (floats(3), floats(4), 2, (floats(5), floats(3)))
    model = import_program(export_model(Takes().eval(), inputs), "model")
    model.module.verify()
    assert [spec.shape for spec in model.inputs] == [(3,), (4,), (5,), (3,)]
    assert len({spec.name for spec in model.inputs}) == 4


def test_a_number_of_a_tensor_that_nothing_reads_is_no_open_size() -> None:
    """torch.export keeps its symbol, without a range."""

    class Unread(nn.Module):
        def forward(self, x: torch.Tensor, i: torch.Tensor) -> torch.Tensor:
            x[i.amax()]
            return x + 1

    program = export_model(Unread().eval(), (torch.ones(4, 3), torch.tensor([1, 2])))
    assert program.range_constraints
    assert not import_program(program, "unread").symbols.ranges


def test_tied_parameters_are_one_weight() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3, bias=False)
            self.b = nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.b(self.a(x))
            return y

    module, x = Tied(), floats(2, 3)
    model = imported(module, x)
    assert len(model.weights) == 1
    torch.testing.assert_close(values(model, x), module(x))


def test_literals_and_buffers_outside_the_state_dict_are_weights() -> None:
    class Holds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", floats(3), persistent=False)
            self.plain = floats(3, seed=4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            table: Any = self.table
            y: torch.Tensor = x * table + self.plain + torch.tensor([1.0, 2.0, 3.0])
            return y

    module, x = Holds(), floats(2, 3)
    model = imported(module, x)
    assert len(model.weights) == 3
    torch.testing.assert_close(values(model, x), module(x))


def test_names_that_differ_in_dots_only_stay_apart() -> None:
    class Names(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.ModuleDict({"b_c": nn.Linear(2, 2)})
            self.a_b = nn.ModuleDict({"c": nn.Linear(2, 2)})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.a["b_c"](self.a_b["c"](x))
            return y

    module, x = Names(), floats(1, 2)
    model = imported(module, x)
    assert set(model.weights) == {"a.b_c.weight", "a.b_c.bias", "a_b.c.weight", "a_b.c.bias"}
    torch.testing.assert_close(values(model, x), module(x))


def test_expanded_and_channels_last_weights_keep_their_strides() -> None:
    module = nn.Conv2d(3, 4, 3)
    module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    module.bias = nn.Parameter(torch.ones(1).expand(4), requires_grad=False)
    x = floats(1, 3, 5, 5)
    model = imported(module, x)
    assert np.shares_memory(model.weights["weight"], module.weight.detach().numpy())
    torch.testing.assert_close(values(model, x), module(x))


def test_the_order_of_imports_is_the_order_of_the_text() -> None:
    program = export_model(Small().eval(), (floats(1, 3, 8, 8),))
    first, second = (text_of(import_program(program, "model").module, locations=True) for _ in range(2))
    assert first == second


def test_names_survive_the_text_whatever_they_end_in() -> None:
    class Names(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.größe_1_2 = nn.Parameter(floats(3))
            self._0 = nn.Parameter(floats(3))

        def forward(self, x: list[torch.Tensor], y_3_4: torch.Tensor) -> torch.Tensor:
            return x[0] * x[1] + y_3_4 * self.größe_1_2 + self._0

    program = export_model(Names(), ([floats(3), floats(3, seed=2)], floats(3)))
    text = text_of(import_program(program, "model").module, locations=True)
    again = Parser(context(), text).parse_module()
    assert text_of(again, locations=True) == text


def test_an_input_that_is_a_view_of_another_one_leaves_it_its_size() -> None:
    x = floats(13)
    assert [spec.shape for spec in imported(torch.add, x[:6, None], x).inputs] == [(6, 1), (13,)]


def test_a_tensor_given_twice_is_two_inputs() -> None:
    """PyTorch alone would trace x - y as a function of one of them."""
    x, y = floats(3), floats(3, seed=5)
    module = Program(lambda a, b: 2 * a - b)
    model = import_program(export_model(module, (x, x)), "model")
    assert torch.equal(values(model, x, y), 2 * x - y)
    layer = nn.Linear(3, 3)
    model = import_program(export_model(layer, (layer.weight,)), "model")
    other = floats(3, 3, seed=5)
    with torch.no_grad():
        torch.testing.assert_close(values(model, other), layer(other))


def test_an_export_keeps_pytorchs_remarks_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    class Remarks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 2)

        def forward(self, x: torch.Tensor) -> object:
            print("the model's own", file=sys.stderr)
            return self.lstm(x)

    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_model(Remarks(), (floats(2, 1, 3),))
    assert "the model's own" in capsys.readouterr().err
    with pytest.raises(ExportError, match="data-dependent"):
        export_model(Branches(), (floats(3),))
    assert capsys.readouterr() == ("", "")
    assert logging.root.manager.disable == logging.NOTSET


def test_an_export_that_fails_names_the_line() -> None:
    def branches(x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:  # here
            return x
        return -x

    number = next(i for i, line in enumerate(Path(__file__).read_text().splitlines(), 1) if line.endswith("# here"))
    with pytest.raises(ExportError, match=rf"test_importer.py:{number}: torch.export can't export Program"):
        export_model(Program(branches), (floats(3),))


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (torch.relu, (floats(1),), "a torch.nn.Module is wanted, got builtin_function_or_method"),
        (nn.ReLU(), floats(1), r"example inputs are a tuple, got Tensor; write \(x,\) for one input"),
    ],
)
def test_export_refuses_other_arguments(model: Any, inputs: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        export_model(model, inputs)


def test_a_recurrent_network_is_a_loop_per_layer() -> None:
    layer = nn.LSTM(40, 64, 3, batch_first=True).eval()
    imported = import_program(export_model(layer, (floats(1, 160, 40),)), "lstm")
    names = [op.name for op in imported.module.walk()]
    assert names.count("scf.for") == 3 and len(names) < 200
    assert imported.macs == 160 * 256 * (40 + 64 + 4 * 64)


def test_a_part_of_complex_numbers_is_read_without_the_other() -> None:
    """PyTorch exports `x.real` as a view of both parts and a select."""

    class Parts(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x.real, torch.view_as_real(x)[..., -1]

    x = torch.complex(torch.randn(3, 4), torch.randn(3, 4))
    imported = import_program(export_model(Parts(), (x,)), "parts")
    text = text_of(imported.module)
    assert (text.count("linalg.generic"), text.count("complex.re"), text.count("complex.im")) == (2, 1, 1)
    real, imaginary = interpret(imported.module, [x.numpy()], imported.weights)
    assert np.array_equal(real, x.real.numpy()) and np.array_equal(imaginary, x.imag.numpy())
