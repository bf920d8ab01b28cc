"""Zoo models compiled once per session, by pipeline and emitter."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pytest
import torch

from cedr.tools.compiler import CompileOptions
from cedr.tools.driver import Program, compile_torch
from cedr.tools.models import TorchModel, find_model

SMALL = ("vgg_digits", "m5_words", "tiny_yolo_digits")
PUBLISHED = ("resnet18", "mobilenet_v2", "unet", "vit", "bert_tiny", "gru", "lstm", "dscnn_kws")
LARGE = ("vgg16", "m5", "tiny_yolo", *PUBLISHED)
PIPELINES = ("default", "layerwise")
EMITTERS = ("c", "python")

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

# Of the small models, the layerwise detector has 170,000 tasks: minutes where each is a NumPy call of its own.
HEAVY = ("tiny_yolo_digits", "layerwise")


def mapped() -> list[Any]:
    """(model, pipeline) of the small models as parameters; the heavy pair is for the slow suite."""
    pairs = [(name, pipeline) for name in SMALL for pipeline in PIPELINES]
    return [pytest.param(*pair, marks=[pytest.mark.slow] if pair == HEAVY else []) for pair in pairs]


@cache
def zoo_model(name: str) -> TorchModel:
    model = find_model(name)
    assert isinstance(model, TorchModel)
    return model


@cache
def compiled(name: str, pipeline: str = "default", emit: str = "c", hw: str = "C3+F1+C2D1+Z1") -> Program:
    """The program, kept for the session."""
    return compile_torch(zoo_model(name), CompileOptions(emit, pipeline, "zcu102", hw))
