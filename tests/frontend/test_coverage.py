"""What can't be converted is refused all at once, each op with its line and what can be done."""

import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cedr.frontend.aten.registry import converts, find_converter, supported_ops
from cedr.frontend.coverage import UnsupportedOpsError, survey
from cedr.frontend.export import export_model
from cedr.frontend.importer import examine_program, import_program
from tests.frontend.cases import Program, floats, integers

aten = torch.ops.aten


class Unsupported(nn.Module):
    """Three ops without a converter, one of them on three times on one line, among others that have one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.special.bessel_j0(x) + 1
        for _ in range(3):
            y = torch.special.i1(y)
        z: torch.Tensor = torch.special.bessel_j1(y.relu())
        return z.abs()


def line_of(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


def report(forward: Any, *inputs: torch.Tensor) -> str:
    module = forward if isinstance(forward, nn.Module) else Program(forward)
    with pytest.raises(UnsupportedOpsError) as caught:
        import_program(export_model(module, inputs), "model")
    return str(caught.value)


def test_three_unsupported_ops_give_one_report_of_three_lines() -> None:
    lines = report(Unsupported(), floats(4)).splitlines()
    assert len(lines) == 3
    for line, number, op, count in zip(
        lines,
        (
            line_of("y = torch.special.bessel_j0(x) + 1"),
            line_of("y = torch.special.i1(y)"),
            line_of("z: torch.Tensor = torch.special.bessel_j1(y.relu())"),
        ),
        ("aten.special_bessel_j0.default", "aten.special_i1.default", "aten.special_bessel_j1.default"),
        (1, 3, 1),
        strict=True,
    ):
        place = f"{Path(__file__).name}:{number}: {op} (x{count}): "
        assert place in line
        assert line.endswith("has no conversion; express it by ops that have one, or compute it outside the model")


def test_what_torch_adds_around_an_op_is_not_reported() -> None:
    """torch.linalg.inv brings a check of its result and effect tokens; the user wrote one op."""
    lines = report(lambda x: torch.linalg.inv(x), torch.eye(3)).splitlines()
    assert len(lines) == 1
    assert "aten.linalg_inv_ex.default (x1): has no conversion" in lines[0]


def test_a_line_of_the_report_for_each_line_of_the_source() -> None:
    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.special.i1(x)
            z: torch.Tensor = torch.special.i1(y + 1)
            return z

    first, second = report(Twice(), floats(3)).splitlines()
    assert f":{line_of('y = torch.special.i1(x)')}: aten.special_i1.default (x1)" in first
    assert f":{line_of('z: torch.Tensor = torch.special.i1(y + 1)')}: aten.special_i1.default (x1)" in second


def test_the_survey_lists_supported_ops_too() -> None:
    uses = survey(export_model(Unsupported(), (floats(4),)))
    assert [(use.op, use.count, bool(use.reason)) for use in uses] == [
        ("aten.special_bessel_j0.default", 1, True),
        ("aten.add.Tensor", 1, False),
        ("aten.special_i1.default", 3, True),
        ("aten.relu.default", 1, False),
        ("aten.special_bessel_j1.default", 1, True),
        ("aten.abs.default", 1, False),
    ]


def test_an_examination_also_tells_what_arguments_forbid() -> None:
    program = export_model(Program(lambda x: torch.searchsorted(x, 1.5).relu()), (torch.arange(3),))
    assert [bool(use.reason) for use in survey(program)] == [False, False]
    assert [bool(use.reason) for use in examine_program(program)] == [True, False]


def test_refusals_of_arguments_and_of_ops_stand_in_one_report() -> None:
    def forward(x: torch.Tensor) -> torch.Tensor:
        y = torch.searchsorted(x, 1.5)
        z: torch.Tensor = torch.special.i1(y)
        return z

    first, second = report(forward, torch.arange(3)).splitlines()
    assert "aten.searchsorted.Scalar (x1): looks for a number that is not whole among integers" in first
    assert "aten.special_i1.default (x1)" in second


def test_the_error_survives_pickling() -> None:
    with pytest.raises(UnsupportedOpsError) as caught:
        import_program(export_model(Unsupported(), (floats(4),)), "model")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value) and copy.uses == caught.value.uses


@pytest.mark.parametrize(
    ("forward", "inputs", "message"),
    [
        (lambda x: aten._native_batch_norm_legit_no_training(x, None, None, torch.zeros(4), torch.ones(4), 0.1, 1e-5)[1], (floats(3, 4),), "its result 1 is used, which can't be computed"),
        (lambda x: torch.polygamma(2, x), (floats(3),), "polygamma of order 2; those of order 0 and 1 have a conversion"),
        (lambda x, y: torch.nextafter(x, y), (floats(3, dtype=torch.float16), floats(3, dtype=torch.float16)), "nextafter of f16"),
        (lambda x, m, i, y: x.index_put((m, i), y), (floats(3, 4), floats(3) > 0, torch.tensor([1]), floats(1)), "sets the elements at a mask and at other indices"),
        (nn.BatchNorm1d(3).half().train(), (floats(4, 3, dtype=torch.float16),), "running statistics of f16 that training changes"),
        (lambda x, at: F.grid_sample(x, at, align_corners=False), (floats(1, 1, 2, 2, dtype=torch.float16), floats(1, 2, 2, 2, dtype=torch.float16)), "samples f16 at a grid; convert both to float32 first"),
        (lambda x: torch.histc(x, 3), (floats(3, dtype=torch.float16),), "a histogram of f16"),
        (lambda x: F.rrelu(x, training=True), (floats(3),), "the model is in training mode"),
        (lambda x: torch.searchsorted(x, 1.5), (torch.arange(3),), "looks for a number that is not whole among integers"),
        (lambda x: torch.searchsorted(x, math.inf), (torch.arange(3),), "looks for a number that is not whole among integers"),
        (lambda x: x**-1, (integers(3, low=1),), "an integer to the power of -1"),
        (lambda x: x + torch.arange(100000), (floats(1),), "a range of 100000 numbers; register it as a buffer"),
        (lambda x: x.to(torch.uint8), (floats(3),), "dtype uint8 can't be converted; use one of float64, float32"),
        (lambda x: torch.fft.fft(x.double()).abs(), (floats(4),), "aten._fft_r2c.default .x1.: dtype complex128 can't be converted"),
        (lambda x: x[x > 0], (floats(4),), "aten.nonzero.default|aten.index.Tensor"),
    ],
)  # fmt: skip
def test_refusals(forward: Any, inputs: tuple[torch.Tensor, ...], message: str) -> None:
    text = report(forward if isinstance(forward, nn.Module) else Program(forward), *inputs)
    assert re.search(message, text), text


def test_a_model_in_training_mode_is_told_to_leave_it() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    lines = report(model, floats(2, 1, 5, 5)).splitlines()
    assert any(
        "aten.native_dropout.default (x1): the model is in training mode; call model.eval()" in line for line in lines
    )
    assert len(lines) == 1  # batch norm is that of training


class Grows(nn.Module):
    seen: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(0, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = torch.cat([self.seen, x])
        return self.seen.sum()


def test_a_state_that_changes_its_shape_is_refused() -> None:
    assert report(Grows(), floats(1, 4)) == (
        "the model's state: buffer 'seen' (x1): forward changes it from float32[0, 4] to float32[1, 4]; give it the largest"
        " shape at once and write parts of it by index"
    )


def test_inputs_without_an_ir_type_are_refused_at_the_boundary() -> None:
    text = report(Program(lambda x: x * 2), torch.zeros(3, dtype=torch.complex128))
    assert "the model's inputs: input 'args_0' (x1): dtype complex128 can't be converted" in text


@pytest.mark.parametrize(
    ("forward", "dtype", "reason"),
    [
        (
            lambda x: torch.erf(x.exp()),
            torch.complex64,
            "erf of complex numbers; the functions of complex numbers are acos, acosh",
        ),
        (lambda x: torch.logcumsumexp(x, 0), torch.complex64, "an order of complex numbers"),
        (lambda x: torch.complex(x, x), torch.float64, "dtype complex128 can't be converted"),
        (lambda x: x * torch.ones(3, dtype=torch.float64), torch.complex64, "dtype complex128 can't be converted"),
        (
            lambda x: torch.stft(x, 4, return_complex=False),
            torch.float64,
            "aten.stft.center (x1): complex numbers with",
        ),
    ],
)
def test_complex_numbers_that_are_refused(
    forward: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype, reason: str
) -> None:
    assert reason in report(Program(forward), torch.ones(3, dtype=dtype))


def test_an_op_has_one_converter() -> None:
    with pytest.raises(ValueError, match="aten.relu.default has two converters"):
        converts(aten.relu.default)(lambda b, x: x)
    assert find_converter(aten.relu.default) is not None
    assert find_converter(aten.special_i1.default) is None
    assert "aten.convolution.default" in supported_ops() and list(supported_ops()) == sorted(supported_ops())
