"""The zoo's models: architecture, weights, and what they answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cedr.frontend.zoo import ZOO, find
from cedr.frontend.zoo.counting import mac_count, parameter_count
from cedr.frontend.zoo.figures import meta_inputs
from cedr.frontend.zoo.m5_words import WORDS, M5Words
from cedr.frontend.zoo.seeding import noise, seeded, token_ids, without_weights
from cedr.target.errors import CedrError

torch.set_num_threads(1)

PUBLISHED = ("resnet18", "mobilenet_v2", "unet", "vit", "bert_tiny", "gru", "lstm", "dscnn_kws")
SEEDED = ("vgg16", "m5", "tiny_yolo", *PUBLISHED)
TRAINED = ("vgg_digits", "m5_words", "tiny_yolo_digits")


@cache
def built(name: str) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    return find(name).build()


def skeleton(name: str) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    module = find(name).judge().module
    assert isinstance(module, nn.Module)
    return module, meta_inputs(find(name))


def run(name: str, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        outputs = built(name)[0](x)
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def test_listing_names_imports_no_torch() -> None:
    code = "import sys; from cedr.frontend.zoo import ZOO; assert 'vgg16' in ZOO; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(CedrError, match="no model called 'vgg19'; it has vgg16, vgg_digits, m5, m5_words, tiny_yolo"):
        find("vgg19")


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("vgg16", 138_357_544, 15_470_264_320),
        ("vgg_digits", 204_282, 9_716_992),
        ("m5", 571_939, 69_551_616),
        ("m5_words", 10_632, 3_326_976),
        ("tiny_yolo", 8_852_366, 2_782_480_896),
        ("tiny_yolo_digits", 550_934, 9_279_360),
        ("resnet18", 11_689_512, 1_814_073_344),
        ("mobilenet_v2", 3_504_872, 300_774_272),
        ("unet", 7_763_041, 12_071_206_912),
        ("vit", 5_717_416, 1_253_683_200),
        ("bert_tiny", 4_385_920, 58_736_640),
        ("gru", 498_012 + 3 * 400, 49 * (10 + 400) * 3 * 400 + 400 * 12),
        ("lstm", 492_620 + 4 * 344, 49 * (10 + 344) * 4 * 344 + 344 * 12),
        ("dscnn_kws", 23_756, 2_656_768),
    ],
)
def test_parameters_and_macs(name: str, parameters: int, macs: int) -> None:
    module, inputs = skeleton(name)
    assert parameter_count(module) == parameters
    assert mac_count(module, inputs) == macs


def test_tiny_yolo_holds_as_many_numbers_as_darknets_weight_file() -> None:
    """yolov3-tiny.weights: 35,434,956 bytes, of which a header of 20 and then float32 numbers."""
    module, _ = skeleton("tiny_yolo")
    statistics = sum(buffer.numel() for name, buffer in module.named_buffers() if "running" in name)
    assert 4 * (parameter_count(module) + statistics) + 20 == 35_434_956


def test_dscnn_holds_as_many_numbers_as_mlperfs_model() -> None:
    """24,908 by the summary that Keras prints of MLPerf Tiny's model, which counts running statistics."""
    module, _ = skeleton("dscnn_kws")
    statistics = sum(buffer.numel() for name, buffer in module.named_buffers() if "running" in name)
    assert parameter_count(module) + statistics == 24_908


def test_macs_by_hand() -> None:
    """VGG16's first convolution and first linear layer, an upsampling and a recurrent one."""
    with torch.device("meta"):
        convolution, linear = nn.Conv2d(3, 64, 3, padding=1), nn.Linear(512 * 7 * 7, 4096)
        up, recurrent = nn.ConvTranspose2d(8, 4, 2, stride=2), nn.GRU(10, 30)
        assert mac_count(convolution, (torch.empty(1, 3, 224, 224),)) == 3 * 9 * 64 * 224 * 224
        assert mac_count(linear, (torch.empty(1, 512 * 7 * 7),)) == 512 * 7 * 7 * 4096
        assert mac_count(up, (torch.empty(1, 8, 5, 6),)) == 8 * 4 * 2 * 2 * 5 * 6
        assert mac_count(recurrent, (torch.empty(7, 1, 10),)) == 7 * (10 + 30) * 3 * 30


def test_m5_has_the_published_lengths() -> None:
    """Table 1 of the paper, for its 32000 samples: 2000, 500, 125 and 31 (32 there) steps after the four pools."""
    module, _ = skeleton("m5")
    lengths: list[int] = []
    pool = module.get_submodule("pool")
    with pool.register_forward_hook(lambda _layer, _inputs, output: lengths.append(output.shape[-1])):
        module(torch.empty(1, 1, 32000, device="meta"))
    assert lengths == [2000, 500, 125, 31]


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("vgg16", [(1, 1000)]),
        ("vgg_digits", [(1, 10)]),
        ("m5", [(1, 35)]),
        ("m5_words", [(1, 8)]),
        ("tiny_yolo", [(1, 255, 13, 13), (1, 255, 26, 26)]),
        ("tiny_yolo_digits", [(1, 45, 3, 3), (1, 45, 6, 6)]),
        ("resnet18", [(1, 1000)]),
        ("mobilenet_v2", [(1, 1000)]),
        ("unet", [(1, 1, 256, 256)]),
        ("vit", [(1, 1000)]),
        ("bert_tiny", [(1, 128, 128), (1, 128)]),
        ("gru", [(1, 12)]),
        ("lstm", [(1, 12)]),
        ("dscnn_kws", [(1, 12)]),
    ],
)
def test_example_and_output_shapes(name: str, shapes: list[tuple[int, ...]]) -> None:
    module, (example,) = built(name)
    assert not module.training
    assert (tuple(example.shape), example.dtype) == (find(name).input_shape, getattr(torch, find(name).input_dtype))
    outputs = run(name, example)
    assert [tuple(output.shape) for output in outputs] == shapes
    assert all(bool(torch.isfinite(output).all()) for output in outputs)


@pytest.mark.parametrize("draw", [noise, lambda shape, seed: torch.rand(shape, generator=_generator(seed))])
@pytest.mark.parametrize("name", SEEDED)
def test_two_random_inputs_differ_in_their_outputs(name: str, draw: Callable[..., torch.Tensor]) -> None:
    entry = find(name)
    first, second = (
        draw(entry.input_shape, seed)
        if entry.vocabulary is None
        else token_ids(entry.input_shape, entry.vocabulary, seed)
        for seed in (101, 102)
    )
    for a, b in zip(run(name, first), run(name, second), strict=True):
        assert (a - b).abs().max() >= 0.1 * torch.maximum(a.abs().max(), b.abs().max())


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def large_ones_slow(*names: str) -> list[Any]:
    """Names as parameters, those of models that take seconds marked."""
    large = ("tiny_yolo", "vgg16", "resnet18", "mobilenet_v2", "unet", "vit", "gru", "lstm")
    return [pytest.param(name, marks=[pytest.mark.slow] if name in large else []) for name in names]


@pytest.mark.parametrize("name", large_ones_slow("m5", "tiny_yolo", *PUBLISHED))
def test_float32_rounding_is_far_below_the_parity_bound(name: str) -> None:
    """A fifth of 1e-4: a seeded network must not blow rounding errors up to what parity checks look for."""
    module, (example,) = find(name).build()
    rounded = run(name, example)
    with torch.no_grad():
        exact = module.double()(example.double() if example.is_floating_point() else example)
    for a, b in zip(rounded, exact if isinstance(exact, tuple) else [exact], strict=True):
        assert (a - b).abs().max() <= 2e-5 * b.abs().max()


@pytest.mark.parametrize("name", ZOO)
def test_build_gives_the_same_weights_each_time(name: str) -> None:
    first, second = built(name), find(name).build()
    assert torch.equal(first[1][0], second[1][0])
    state = second[0].state_dict()
    assert list(first[0].state_dict()) == list(state)
    assert all(torch.equal(tensor, state[key]) for key, tensor in first[0].state_dict().items())


def test_another_seed_gives_other_weights() -> None:
    first = seeded(M5Words, 1, centring=1.0).conv1.weight
    assert not torch.equal(first, seeded(M5Words, 2, centring=1.0).conv1.weight)
    assert torch.equal(first, seeded(M5Words, 1, centring=1.0).conv1.weight)


def test_seeded_weights_have_the_stated_spread() -> None:
    layer = seeded(lambda: nn.Linear(600, 400), 1, centring=0.0)
    assert layer.weight.std().item() == pytest.approx((2 / 600) ** 0.5, rel=0.01)
    centred = seeded(lambda: nn.Linear(600, 400), 1, centring=1.0)
    assert centred.weight.mean(dim=1).abs().max() < 1e-6
    louder = seeded(lambda: nn.Linear(600, 400), 1, centring=0.0, input_deviation=0.25)
    assert torch.allclose(louder.weight, 4 * layer.weight)
    up = seeded(lambda: nn.ConvTranspose2d(600, 20, 2, stride=2), 1, centring=0.0)
    assert up.weight.std().item() == pytest.approx((2 / 600) ** 0.5, rel=0.02)
    recurrent = seeded(lambda: nn.LSTM(150, 200), 1, centring=0.0)
    assert recurrent.get_parameter("weight_ih_l0").std().item() == pytest.approx((2 / 150) ** 0.5, rel=0.02)
    assert recurrent.get_parameter("weight_hh_l0").std().item() == pytest.approx((1 / 200) ** 0.5, rel=0.02)
    assert 0.09 < recurrent.get_parameter("bias_hh_l0").abs().max() <= 0.1
    assert seeded(lambda: nn.Embedding(300, 40), 1, centring=0.0).weight.std().item() == pytest.approx(1, rel=0.02)


def test_seeding_refuses_a_layer_it_has_no_rule_for() -> None:
    with pytest.raises(TypeError, match="no rule to draw the weights of GroupNorm"):
        seeded(lambda: nn.GroupNorm(2, 4), 1, centring=0.0)


@pytest.mark.parametrize("name", large_ones_slow(*SEEDED, *TRAINED))
def test_exports_with_default_decompositions(name: str) -> None:
    module, inputs = built(name)
    program = torch.export.export(module, inputs).run_decompositions()
    calls = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not calls.isdisjoint({"aten.convolution.default", "aten.addmm.default"})
    with torch.no_grad():
        result = program.module()(*inputs)
    for a, b in zip(result if isinstance(result, tuple) else [result], run(name, inputs[0]), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "metric", "bar"),
    [("vgg_digits", "accuracy", 0.97), ("m5_words", "accuracy", 0.90), ("tiny_yolo_digits", "mAP50", 0.8)],
)
def test_held_out_score_of_eager(name: str, metric: str, bar: float) -> None:
    entry, (module, _) = find(name), built(name)
    held_out = entry.held_out()
    assert held_out is not None and len(held_out) >= 100
    assert held_out.inputs.dtype == np.float32
    assert held_out.inputs[:1].shape == entry.input_shape
    decisions = []
    with torch.no_grad():
        for i in range(len(held_out)):
            decision = entry.decide(module(torch.from_numpy(held_out.inputs[i : i + 1])))
            assert decision is not None
            decisions.append(decision)
    assert entry.metric == metric
    assert entry.score(decisions) >= bar
    assert entry.score(decisions[1:] + decisions[:1]) < bar  # the same answers to the wrong inputs are worth less


@pytest.mark.parametrize("name", TRAINED)
def test_decisions_do_not_hang_on_rounding(name: str) -> None:
    """Outputs off by 1e-5 of their largest, either way at random, give the same decision on every held-out input."""
    entry = find(name)
    held_out = entry.held_out()
    assert held_out is not None
    rng = np.random.default_rng(1)
    for i in range(len(held_out)):
        exact = [output.numpy() for output in run(name, torch.from_numpy(held_out.inputs[i : i + 1]))]
        off = [y + 1e-5 * np.abs(y).max() * rng.choice([-1, 1], size=y.shape) for y in exact]
        assert entry.same_decision(entry.decide(exact), entry.decide(off)), f"held-out input {i}"


@pytest.mark.parametrize("name", SEEDED)
def test_seeded_models_decide_nothing(name: str) -> None:
    entry = find(name)
    assert (entry.held_out(), entry.metric) == (None, None)
    assert entry.decide(run(name, built(name)[1][0])) is None
    with pytest.raises(CedrError, match="no held-out set to score"):
        entry.score([1])


def test_words_are_eight() -> None:
    assert len(set(WORDS)) == 8
    assert without_weights(M5Words).linear.out_features == 8
