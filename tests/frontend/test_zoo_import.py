"""The zoo's models imported: values of the small ones, size of the large ones; how the steps of an import grow."""

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from cedr.dialects.interpreter.run import interpret
from cedr.frontend.export import export_model
from cedr.frontend.importer import import_program
from cedr.frontend.zoo import ZOO
from cedr.frontend.zoo.counting import mac_count
from cedr.frontend.zoo.figures import meta_inputs
from tests.frontend.text import text_of
from tests.steps import steps_of

torch.set_num_threads(1)


def macs(name: str) -> int:
    """Multiply-accumulates by PyTorch's own count."""
    return mac_count(ZOO[name].judge().module, meta_inputs(ZOO[name]))


@pytest.mark.parametrize("name", ["vgg_digits", "m5_words", "tiny_yolo_digits"])
def test_small_models_have_the_values_of_pytorch(name: str) -> None:
    module, inputs = ZOO[name].build()
    imported = import_program(export_model(module, inputs), name)
    imported.module.verify()
    assert imported.macs == macs(name)
    outputs = interpret(imported.module, [x.numpy() for x in inputs], imported.weights)
    with torch.no_grad():
        expected = tree_leaves(module(*inputs))
    for got, wanted in zip(tree_leaves(imported.rebuild(outputs)), expected, strict=True):
        error = np.abs(got.numpy() - wanted.numpy()).max() / np.abs(wanted.numpy()).max()
        assert error <= 1e-5


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("vgg16", 100_000), ("m5", 100_000), ("tiny_yolo", 100_000), ("resnet18", 200_000), ("dscnn_kws", 100_000)),
        *(
            ("mobilenet_v2", 500_000),
            ("unet", 200_000),
            ("vit", 700_000),
            ("bert_tiny", 200_000),
            ("gru", 700_000),
            ("lstm", 700_000),
        ),
    ],
)
def test_large_models_import_into_little_text(name: str, size: int) -> None:
    module, inputs = ZOO[name].build()
    imported = import_program(export_model(module, inputs), name)
    imported.module.verify()
    assert len(text_of(imported.module)) < size
    assert imported.macs == macs(name)
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
