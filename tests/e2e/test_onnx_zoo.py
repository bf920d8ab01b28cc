"""The zoo's networks as ONNX, by both of PyTorch's exporters, through the C module against eager."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from cedr.frontend.zoo import ZOO
from cedr.frontend.zoo.signals import SIGNALS
from cedr.tools.cli import main
from cedr.tools.parity import compare

QUICK = {("vgg_digits", False)}
PAIRS = [
    pytest.param(name, dynamo, marks=() if (name, dynamo) in QUICK else pytest.mark.slow, id=f"{name}-{kind}")
    for name in ZOO
    if name not in (*SIGNALS, "lane_detection")  # ONNX has no complex numbers
    if name != "lane_detection_conv2d"  # the older exporter has no trunc
    for dynamo, kind in ((True, "dynamo"), (False, "torchscript"))
]


@pytest.mark.parametrize(("name", "dynamo"), PAIRS)
def test_a_zoo_model_from_onnx_gives_what_eager_gives(name: str, dynamo: bool, tmp_path: Path) -> None:
    module, inputs = ZOO[name].build()
    path = tmp_path / f"{name}.onnx"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter says that it is the older one
        torch.onnx.export(module.eval(), inputs, str(path), dynamo=dynamo, verbose=False)
        eager = module(*inputs)
    references = [x.numpy() for x in (eager if isinstance(eager, tuple | list) else (eager,))]
    options = []
    for index, x in enumerate(inputs):
        np.save(tmp_path / f"x{index}.npy", x.numpy())
        options += ["--input", str(tmp_path / f"x{index}.npy")]
    outputs = [tmp_path / f"y{index}.npy" for index in range(len(references))]
    for output in outputs:
        options += ["--output", str(output)]
    assert main(["run", str(path), *options, "--json"]) == 0
    values = [np.load(output) for output in outputs]
    assert compare(references, values, ["f32"] * len(values)).max_rel <= 1e-4
