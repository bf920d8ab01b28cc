"""`choose` and the pipelines: every op planned, values kept at every level, the options mean something."""

import numpy as np
import pytest
import torch
from torch import nn
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg_ops
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation

from cedr.dialects.cedr import PlanAttr, PlatformAttr
from cedr.dialects.interpreter.run import interpret
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from cedr.frontend.zoo import find
from cedr.passes import UnknownPassError
from cedr.passes.choose import ChoosePass, MappingError
from cedr.passes.errors import PassError
from cedr.passes.pipelines import PIPELINES, UnknownPipelineError, pipeline_passes, pipeline_text
from cedr.passes.specification import PipelineError, parse_pipeline
from cedr.target.platform import PlatformError
from tests.passes.level_1 import Array, assert_keeps_values, imported, parse, run

torch.set_num_threads(1)
LEVEL_1 = "fold-constants,fold-batch-norm,canonicalize,cse,fuse-elementwise,dce"


class Network(nn.Module):
    """A bit of everything: strides, padding, groups, batch norm, residual, pools, upsampling, softmax."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.LeakyReLU(0.1))
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        self.average = nn.AvgPool2d(3, 2, 1)
        self.head = nn.Linear(16 * 4 * 4, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        y = torch.relu(y + self.block(y))
        y = torch.cat([self.up(self.pool(y)), self.depthwise(y)], 1)
        return torch.softmax(self.head(self.average(y).flatten(1)), 1)


def plans(module: ModuleOp) -> list[tuple[LinalgStructuredOperation, PlanAttr]]:
    found = []
    for op in module.walk():
        if isinstance(op, LinalgStructuredOperation) and not isinstance(op, linalg_ops.FillOp):
            plan = op.attributes.get("cedr.plan")
            assert isinstance(plan, PlanAttr), op
            found.append((op, plan))
    return found


def apply(pipeline: str, module: ModuleOp, weights: WeightStore, inputs: list[Array], tolerance: float) -> ModuleOp:
    """All passes of a pipeline; the reference interpreter gives the same values after each."""
    context = make_context(weights)
    want = interpret(module, inputs, weights)
    for one in pipeline_passes(pipeline):
        one.apply(context, module)
        module.verify()
        for got, expected in zip(interpret(module, inputs, weights), want, strict=True):
            np.testing.assert_allclose(
                got, expected, rtol=0, atol=tolerance * float(np.abs(expected).max()), err_msg=one.name
            )
    return module


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_values_stay_at_every_stage(pipeline: str) -> None:
    module, weights, inputs = imported(Network(), torch.randn(1, 3, 16, 16))
    apply(pipeline, module, weights, inputs, 1e-5)


@pytest.mark.parametrize("name", ["vgg_digits", "m5_words"])
def test_zoo_models_keep_their_values(name: str) -> None:
    model, example = find(name).build()
    found = import_program(export_model(model, example), name)
    apply("default", found.module, WeightStore(dict(found.weights)), [x.numpy() for x in example], 1e-5)


@pytest.mark.parametrize("mapping", ["default", "layerwise"])
def test_every_op_has_a_plan_and_layers_are_calls(mapping: str) -> None:
    module, weights, inputs = imported(Network(), torch.randn(1, 3, 16, 16))
    assert_keeps_values(f"{LEVEL_1},choose{{mapping={mapping}}}", module, inputs, weights, 1e-6)
    found = plans(module)
    convolutions = [plan.api.data for op, plan in found if op.name.startswith("linalg.conv")]
    assert convolutions == ["conv2d"] * 4
    assert [plan.api.data for op, plan in found if op.name == "linalg.matmul"] == ["gemm"]
    apis = {plan.api.data for _, plan in found}
    assert apis == ({"conv2d", "gemm", "kernel", "epilogue"} if mapping == "default" else {"conv2d", "gemm", "kernel"})


def test_epilogues_have_slots_for_all_workers() -> None:
    model = nn.Sequential(nn.Conv2d(8, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1))
    module, weights, _ = imported(model, torch.randn(1, 8, 64, 64))
    run(f"{LEVEL_1},choose{{hw=C3}}", module, weights)
    (_, conv), (_, relu), (_, last), (_, bias) = plans(module)
    assert relu.api.data == bias.api.data == "epilogue"
    assert conv.option("slots", 0) >= 6 and last.option("slots", 0) >= 6


@pytest.mark.parametrize(
    ("option", "other"),
    [
        ("mapping=default", "mapping=layerwise"),
        ("hw=C1", "hw=C3"),
        ("slots=1", "slots=2"),
        ("hw=C2", "platform=zcu102"),
    ],
)
def test_every_option_changes_the_plans(option: str, other: str) -> None:
    texts = []
    for text in (option, other):
        module, weights, _ = imported(Network(), torch.randn(1, 3, 16, 16))
        texts.append(str(run(f"{LEVEL_1},choose{{{text}}}", module, weights)))
    assert texts[0] != texts[1]


def test_platform_of_a_file(tmp_path: object) -> None:
    """Another file, another hash, and its costs decide: where a call costs a second, nothing is cut."""
    from pathlib import Path

    from cedr.target.platform import load_platform

    source = load_platform("zcu102").path.read_text("utf-8")
    head, key, rest = source.partition("[constants.call_ns]\nvalue = 3_000")
    assert key, "the platform's cost of a call is where this test changes it"
    path = Path(str(tmp_path)) / "slow.toml"
    path.write_text(f"{head}[constants.call_ns]\nvalue = 1_000_000_000{rest}", "utf-8")
    model, x = nn.Conv2d(8, 64, 3, padding=1), torch.randn(1, 8, 64, 64)
    cut = []
    for platform in ("zcu102", str(path)):
        module, weights, _ = imported(model, x)
        run(f'{LEVEL_1},choose{{hw=C1 platform="{platform}"}}', module, weights)
        attribute = module.attributes["cedr.platform"]
        assert isinstance(attribute, PlatformAttr) and attribute.composition.data == "C1"
        cut.append((attribute.digest.data, plans(module)[0][1].tile_sizes()))
    assert cut[0][0] != cut[1][0]
    assert any(cut[0][1]) and not any(cut[1][1])


def test_plans_are_replaced() -> None:
    module, weights, _ = imported(Network(), torch.randn(1, 3, 16, 16))
    once = str(run(f"{LEVEL_1},choose{{hw=C3}}", module, weights))
    run("choose{mapping=layerwise hw=C1}", module)
    assert str(run("choose{hw=C3}", module)) == once


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mapping": "fastest"}, "no mapping 'fastest'; the mappings are default, layerwise"),
        ({"slots": 0}, "slots is 1 or more, got 0"),
    ],
)
def test_refuses_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(MappingError, match=message):
        ChoosePass(**options)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("platform=zcu999", "no platform 'zcu999'; there are .*zcu102"),
        ("hw=Q1", "composition 'Q1': no PE type at 'Q1'"),
    ],
)
def test_refuses_what_the_platform_does_not_have(options: str, message: str) -> None:
    with pytest.raises(PlatformError, match=message):
        run(f"choose{{{options}}}", parse("func.func @main() { func.return }"))


def test_refuses_dynamic_shapes_all_at_once() -> None:
    line = "linalg.exp ins(%x : tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32>"
    module = parse(f"func.func @main(%x: tensor<?xf32>) {{ %a = {line}\n%b = {line}\nfunc.return }}")
    with pytest.raises(PassError) as caught:
        run("choose", module)
    assert str(caught.value).count("choose: 'linalg.exp'") == 2


# Pipelines.


def test_pipelines_are_data() -> None:
    for name, stages in PIPELINES.items():
        assert [call.name for call in parse_pipeline(pipeline_text(name))] == [stage.name for stage in stages]
        assert all(stage.reason for stage in stages)
        assert f"choose{{mapping={name} platform=zcu102 hw=C2}}" in pipeline_text(name, hw="C2")
    with pytest.raises(UnknownPipelineError, match="no pipeline 'fast'; the pipelines are default, layerwise"):
        pipeline_text("fast")


def test_pipeline_passes_of_a_text() -> None:
    fold, choose = pipeline_passes("fold-constants,choose{mapping=layerwise}", "zcu102", "C2")
    assert fold.name == "fold-constants"
    assert isinstance(choose, ChoosePass) and (choose.mapping, choose.hw) == ("layerwise", "C2")
    (choose,) = pipeline_passes("choose{hw=C1}", "zcu102", "C2")
    assert isinstance(choose, ChoosePass) and choose.hw == "C1"
    (choose,) = pipeline_passes("choose", 'my boards/a "b".toml', "C2")
    assert isinstance(choose, ChoosePass) and choose.platform == 'my boards/a "b".toml'


def test_a_path_with_spaces_passes_through_the_text() -> None:
    passes = pipeline_passes("default", "my boards/a.toml", "C2")
    (choose,) = [one for one in passes if isinstance(one, ChoosePass)]
    assert choose.platform == "my boards/a.toml"


def test_refuses_pipelines() -> None:
    with pytest.raises(
        UnknownPassError, match="no pipeline or pass 'defualt'; the pipelines are default, layerwise; the passes are"
    ):
        pipeline_passes("defualt")
    with pytest.raises(PipelineError, match="'choose' has no option 'mappings'"):
        pipeline_passes("choose{mappings=default}")
