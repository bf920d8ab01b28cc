"""`torch.compile(model, backend="cedr")` against eager, and `cedr.fallbacks()`."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_flatten

import cedr
from cedr.frontend.zoo import ZOO
from cedr.target.errors import CedrError
from cedr.tools.parity import compare
from cedr.tools.torch_backend import TorchBackendError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    torch._dynamo.reset()
    torch.manual_seed(0)
    cedr.fallbacks(clear=True)
    yield
    torch._dynamo.reset()
    gc.collect()  # PyTorch's graphs refer to themselves; the processes of their programs end with them


def hooked(model: Any, fullgraph: bool = True, dynamic: bool | None = None, **options: Any) -> Any:
    return torch.compile(
        model, backend="cedr", fullgraph=fullgraph, dynamic=dynamic, options={"emit": "python", **options}
    )


def same(computed: Any, eager: Any) -> None:
    """The same structure, shapes, dtypes and values."""
    ours, our_structure = tree_flatten(computed)
    wanted, structure = tree_flatten(eager)
    assert our_structure == structure
    for value, reference in zip(ours, wanted, strict=True):
        if not isinstance(reference, torch.Tensor):
            assert value == reference
            continue
        assert (value.shape, value.dtype) == (reference.shape, reference.dtype)
        dtype = "f32" if reference.dtype.is_floating_point else "i64"
        parity = compare([reference.detach().double().numpy()], [value.detach().double().numpy()], [dtype], 1e-4)
        assert parity.within, parity


def agrees(model: nn.Module, *inputs: Any, **named: Any) -> Any:
    """The compiled model, once it has given what eager gives, nothing of it left to PyTorch."""
    model.eval()
    compiled = hooked(model)
    with torch.no_grad():
        same(compiled(*inputs, **named), model(*inputs, **named))
    assert cedr.fallbacks() == []
    return compiled


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout()
        )
        self.head = nn.Linear(4 * 4 * 4, 5)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.features(x).flatten(1)).softmax(-1)


def test_a_convolutional_network() -> None:
    agrees(Convolutional(), torch.randn(2, 3, 8, 8))


def test_the_emitted_c() -> None:
    model = Convolutional().eval()
    compiled = torch.compile(model, backend="cedr")
    x = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        same(compiled(x), model(x))


def test_attention() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    agrees(layer, torch.randn(2, 5, 8))


@pytest.mark.parametrize("layer", [nn.LSTM(3, 4, bidirectional=True), nn.GRU(3, 4)], ids=["lstm", "gru"])
def test_recurrent_layers_are_in_the_graph(layer: nn.Module) -> None:
    agrees(layer, torch.randn(2, 3, 3))


class Named(nn.Module):
    def forward(self, x: torch.Tensor, *, scale: float = 1.0, other: torch.Tensor | None = None) -> Any:
        y = x * scale if other is None else x * scale + other
        return {"y": y, "several": (y.sum(0), [x - 1]), "count": x.shape[0], "none": None, "same": x}


def test_named_inputs_and_structured_outputs() -> None:
    x = torch.randn(3, 4)
    compiled = agrees(Named(), x, scale=2.0, other=torch.ones(4))
    with torch.no_grad():
        same(compiled(x), Named()(x))
        assert compiled(x)["same"] is x


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.int32, torch.bool])
def test_dtypes(dtype: torch.dtype) -> None:
    class Doubled(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return x + x, x > 0

    agrees(Doubled(), torch.tensor([[1, 0], [-2, 3]]).to(dtype))


def test_inputs_that_are_not_dense() -> None:
    x = torch.randn(4, 6)
    agrees(Named(), x.t()[::2])


# ---- state ----


class Counting(nn.Module):
    steps: torch.Tensor
    memory: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("memory", torch.zeros(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.steps.add_(1)
        self.memory[0] = x
        return self.memory * self.steps


def test_buffers_that_forward_changes() -> None:
    model, twin = Counting(), Counting()
    compiled = hooked(model)
    for _ in range(3):
        x = torch.randn(3)
        same(compiled(x), twin(x))
    same((model.steps, model.memory), (twin.steps, twin.memory))
    assert cedr.fallbacks() == []


def test_inputs_that_are_changed_and_views_of_them() -> None:
    def change(x: torch.Tensor, y: torch.Tensor) -> Any:
        x.mul_(2)
        return x.view(-1), y[1:], x[0] + y[0]

    def twice(x: torch.Tensor, y: torch.Tensor) -> Any:
        first, second, third = change(x, y)
        torch._dynamo.graph_break()
        second.add_(1)  # y's own memory
        return first, y + 0, third

    x, y = torch.randn(2, 3), torch.randn(2, 3)
    x2, y2 = x.clone(), y.clone()
    same(hooked(twice, fullgraph=False)(x, y), twice(x2, y2))
    same((x, y), (x2, y2))
    assert {use.op for use in cedr.fallbacks()} <= {"aten.as_strided_scatter.default"}  # y's memory by second


def test_weights_that_change_after_compiling() -> None:
    linear = nn.Linear(3, 4)
    model = nn.Sequential(linear, nn.BatchNorm1d(4)).eval()
    compiled = hooked(model)
    x = torch.randn(2, 3)
    with torch.no_grad():
        same(compiled(x), model(x))
        linear.weight.add_(1)
        same(compiled(x), model(x))
        linear.bias.data.copy_(torch.randn(4))  # PyTorch counts no new version
        same(compiled(x), model(x))
        model.load_state_dict(
            {k: v + 0.5 for k, v in model.state_dict().items() if v.is_floating_point()}, strict=False
        )
        same(compiled(x), model(x))
    assert cedr.fallbacks() == []


# ---- shapes ----


def test_numbers_that_change_are_compiled_anew() -> None:
    def scaled(x: torch.Tensor, by: float) -> torch.Tensor:
        return x * by

    compiled = hooked(scaled)
    x = torch.randn(3)
    for by in (1.5, 2.5, 3.5, 2.5):
        same(compiled(x, by), scaled(x, by))
    assert cedr.fallbacks() == []


def test_a_new_shape_is_compiled_anew() -> None:
    model = Convolutional().eval()
    compiled = hooked(model)
    with torch.no_grad():
        for batch in (1, 2, 3, 2):
            x = torch.randn(batch, 3, 8, 8)
            same(compiled(x), model(x))
    assert cedr.fallbacks() == []


def test_sizes_that_pytorch_keeps_open() -> None:
    def scaled(x: torch.Tensor) -> Any:
        return x.reshape(-1) * x.shape[0], x.shape[0] + 1

    compiled = hooked(scaled, dynamic=True)
    for rows in (2, 3, 5):
        x = torch.randn(rows, 4)
        same(compiled(x), scaled(x))
    assert cedr.fallbacks() == []


# ---- graph breaks and what does not convert ----


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: torch.Tensor) -> Any:
        x = self.layers[0](x).relu()
        print("first break")
        x = self.layers[1](x)
        if x.sum().item() > 0:
            return self.layers[2](x)
        return self.layers[2](-x)


def test_two_graph_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    model = Broken().eval()
    compiled = hooked(model, fullgraph=False)
    with torch.no_grad():
        for sign in (1, -1):
            x = sign * torch.randn(2, 4)
            same(compiled(x), model(x))
    assert capsys.readouterr().out.count("first break") == 4
    assert cedr.fallbacks() == []


class Special(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x).exp() + 1
        z = torch.special.bessel_j0(y) * 2
        out: torch.Tensor = self.last(z + torch.special.bessel_j0(z.exp()) + y)
        return out


def test_what_does_not_convert_is_run_by_pytorch_and_counted() -> None:
    model = Special().eval()
    compiled = hooked(model)
    x = torch.randn(5, 3)
    with torch.no_grad():
        same(compiled(x), model(x))
        same(compiled(x), model(x))
    first, second = cedr.fallbacks()
    line = Special.forward.__code__.co_firstlineno + 2
    assert (first.op, first.count, first.place) == (
        "aten.special_bessel_j0.default",
        2,
        f"tests/tools/{Path(__file__).name}:{line}",
    )
    assert "has no conversion" in first.reason
    assert second.place.endswith(f":{line + 1}")
    assert cedr.fallbacks(clear=True) == [first, second]
    assert cedr.fallbacks() == []


def test_random_numbers_are_pytorch_s() -> None:
    compiled = hooked(nn.Dropout(0.5).train())
    x = torch.ones(100)
    with torch.no_grad():
        y = compiled(x)
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert [use.op for use in cedr.fallbacks()] != []


# ---- gradients ----


def test_gradients_are_pytorch_s_and_counted() -> None:
    model, x = Convolutional().eval(), torch.randn(2, 3, 8, 8, requires_grad=True)
    compiled = hooked(model)
    eager = model(x)
    computed = compiled(x)
    same(computed, eager)
    assert computed.requires_grad and cedr.fallbacks() == []
    leaves, weights = [x, *model.parameters()], torch.arange(5.0)
    wanted = torch.autograd.grad((eager * weights).sum(), leaves)
    same(torch.autograd.grad((computed * weights).sum(), leaves), wanted)
    (use,) = cedr.fallbacks()
    assert (use.op, use.count) == ("backward", 1) and "torch.no_grad()" in use.reason


@pytest.mark.parametrize(
    "layer", [nn.GRU(8, 8, dropout=0.3, num_layers=2), nn.TransformerEncoderLayer(8, 2, 16), nn.Dropout()]
)
def test_a_dropout_that_is_off_leaves_nothing_to_pytorch_where_gradients_are_wanted(layer: nn.Module) -> None:
    model, x = nn.Sequential(nn.Linear(8, 8), layer).eval(), torch.randn(5, 2, 8)
    same(hooked(model)(x), model(x))
    assert cedr.fallbacks() == []


def test_a_dropout_that_is_on_is_pytorch_s_where_gradients_are_wanted() -> None:
    hooked(nn.Sequential(nn.Linear(8, 8), nn.GRU(8, 8, dropout=0.3, num_layers=2)))(torch.randn(5, 2, 8))
    assert {use.reason[:24] for use in cedr.fallbacks()} == {"gradients are wanted of "}


def test_outputs_without_gradients_have_none() -> None:
    linear = nn.Linear(3, 4)

    def several(x: torch.Tensor) -> Any:
        y = linear(x)
        return y, y.argmax(-1), x * 2, x.shape[0]

    x = torch.randn(2, 3)
    computed, eager = hooked(several)(x), several(x)
    same(computed, eager)
    assert [v.requires_grad for v in computed[:3]] == [v.requires_grad for v in eager[:3]] == [True, False, False]


def test_a_training_step_with_running_statistics_is_pytorch_s() -> None:
    model, twin = Convolutional(), Convolutional()
    twin.load_state_dict(model.state_dict())
    model.features[4] = twin.features[4] = nn.Identity()
    compiled = hooked(model)
    for _ in range(2):
        x = torch.randn(2, 3, 8, 8)
        for one, run in ((model, compiled), (twin, twin)):
            run(x)[:, 0].sum().backward()
            with torch.no_grad():
                for parameter in one.parameters():
                    assert parameter.grad is not None
                    parameter.sub_(0.1 * parameter.grad)
            one.zero_grad()
    same(dict(model.state_dict()), dict(twin.state_dict()))
    assert {use.reason[:24] for use in cedr.fallbacks()} == {"gradients are wanted of "}


def test_training_with_weights_that_change() -> None:
    model, twin = nn.Linear(3, 1), nn.Linear(3, 1)
    twin.load_state_dict(model.state_dict())
    compiled = hooked(model)
    for _ in range(3):
        x = torch.randn(4, 3)
        for one, run in ((model, compiled), (twin, twin)):
            run(x).square().mean().backward()
            with torch.no_grad():
                for parameter in one.parameters():
                    assert parameter.grad is not None
                    parameter.sub_(0.1 * parameter.grad)
            one.zero_grad()
    same(dict(model.state_dict()), dict(twin.state_dict()))


# ---- options and refusals ----


def test_what_converts_and_cannot_be_emitted_is_refused() -> None:
    message = refusal(hooked(nn.ReLU()), torch.ones(2, dtype=torch.bfloat16))
    assert "bf16 cannot be emitted as Python" in message and "convert the model to float32" in message


def refusal(compiled: Any, *inputs: Any) -> str:
    """The text of what is raised, without PyTorch's own words around it."""
    with torch.no_grad(), pytest.raises(Exception) as raised:  # PyTorch wraps what a backend raises
        compiled(*inputs)
    error: BaseException | None = raised.value
    while error is not None and not isinstance(error, CedrError):
        error = getattr(error, "inner_exception", None) or error.__cause__
    assert isinstance(error, CedrError), raised.value
    assert str(error) in str(raised.value)
    return str(error)


def test_options_reach_the_compiler() -> None:
    model = nn.Conv2d(1, 1, 3).eval()
    x = torch.randn(1, 1, 6, 6)
    with torch.no_grad():
        for options in ({"pipeline": "layerwise"}, {"platform": "zcu102", "hw": "C2"}):
            torch._dynamo.reset()
            same(torch.compile(model, backend="cedr", options={**options})(x), model(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emti": "c"}, "no option 'emti' here; those there are: emit, pipeline, platform, hw"),
        ({"emit": "fortran"}, "no emitter 'fortran'; those there are: c, python"),
        ({"hw": 3}, "option 'hw' of torch.compile is a text, got int"),
        ({"platform": "zcu"}, "zcu"),
    ],
)
def test_options_that_there_are_not(options: dict[str, Any], message: str) -> None:
    assert message in refusal(torch.compile(nn.ReLU(), backend="cedr", options=options), torch.ones(2))


def test_modes_are_refused() -> None:
    assert "has no mode, got 'max-autotune'" in refusal(
        torch.compile(nn.ReLU(), backend="cedr", mode="max-autotune"), torch.ones(2)
    )


def test_tensors_elsewhere_are_refused() -> None:
    message = refusal(hooked(nn.ReLU()), torch.ones(2, device="meta"))
    assert message.startswith("a tensor on device meta: ")
    with pytest.raises(TorchBackendError, match="on device meta"):
        hooked(nn.ReLU())(torch.ones(2, device="meta"))


# ---- registration ----


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "order", ["import cedr, torch", pytest.param("import torch, torch._dynamo, cedr", marks=pytest.mark.slow)]
)
def test_importing_cedr_makes_the_backend_known(order: str) -> None:
    assert "cedr" in fresh(f"{order}\nprint(*torch._dynamo.list_backends())").split()


def test_an_installed_package_names_the_backend() -> None:
    import tomllib

    from cedr.tools.torch_registration import BACKEND

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"][BACKEND.group] == {BACKEND.name: BACKEND.value}
    assert callable(BACKEND.load())


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    fresh(
        f"import tempfile; tempfile.tempdir = {str(tmp_path)!r}\nimport torch, cedr\n"
        "for emit in ('c', 'python'):\n"
        "    f = torch.compile(torch.nn.Linear(2, 2), backend='cedr', options={'emit': emit})\n"
        "    f(torch.ones(1, 2)); f(torch.ones(1, 2))\n"
        "    torch._dynamo.reset()\n"
        "print(f(torch.ones(1, 2)))"
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("cedr")] == []


# ---- the zoo ----


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_a_zoo_model(name: str) -> None:
    model, inputs = ZOO[name].build()
    compiled = torch.compile(model, backend="cedr", fullgraph=True)
    with torch.no_grad():
        same(compiled(*inputs), model(*inputs))
    assert cedr.fallbacks() == []
