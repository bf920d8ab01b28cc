"""The zoo's models imported: values of the small ones, size of the large ones; how the steps of an import grow."""

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from cedr.dialects.interpreter.run import interpret
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from cedr.frontend.zoo import ZOO
from tests.frontend.text import text_of
from tests.steps import steps_of

torch.set_num_threads(1)


def layer_macs(model: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    """Multiply-accumulates of convolutions and linear layers, seen by hooks on the module itself."""
    total = 0

    def count(layer: torch.nn.Module, args: tuple[torch.Tensor, ...], y: torch.Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        total += y.numel() * weight[0].numel()

    kinds = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Linear)
    hooks = [layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, kinds)]
    with torch.no_grad():
        model(*inputs)
    for hook in hooks:
        hook.remove()
    return total


@pytest.mark.parametrize("name", ["vgg_digits", "m5_words", "tiny_yolo_digits"])
def test_small_models_have_the_values_of_pytorch(name: str) -> None:
    module, inputs = ZOO[name].build()
    imported = import_program(export_model(module, inputs), name)
    imported.module.verify()
    assert imported.macs == layer_macs(module, inputs)
    outputs = interpret(imported.module, [x.numpy() for x in inputs], imported.weights)
    with torch.no_grad():
        expected = tree_leaves(module(*inputs))
    for got, wanted in zip(tree_leaves(imported.rebuild(outputs)), expected, strict=True):
        error = np.abs(got.numpy() - wanted.numpy()).max() / np.abs(wanted.numpy()).max()
        assert error <= 1e-5


@pytest.mark.parametrize("name", ["vgg16", "m5", "tiny_yolo"])
def test_large_models_import_into_little_text(name: str) -> None:
    module, inputs = ZOO[name].build()
    imported = import_program(export_model(module, inputs), name)
    imported.module.verify()
    assert len(text_of(imported.module)) < 100_000
    assert imported.macs == layer_macs(module, inputs)
    assert all(array.dtype == np.float32 for array in imported.weights.values())


def test_an_import_takes_steps_by_layer_and_none_by_weight() -> None:
    def steps(layers: int, width: int) -> int:
        chain = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(layers)))
        program = export_model(chain, (torch.zeros(1, width),))
        import_program(program, "warm")  # what is imported and cached by the first is no step of a second
        return steps_of(lambda: import_program(program, "chain"))

    few = steps(4, 8)
    assert steps(4, 256) < 1.5 * few
    assert 4 * few < steps(32, 8) < 12 * few
