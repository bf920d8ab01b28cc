"""Zoo models compiled once per session, by pipeline and emitter."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from cedr.tools.compiler import CompileOptions
from cedr.tools.driver import Program, compile_torch
from cedr.tools.models import TorchModel, find_model

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("vgg_digits", "m5_words", "tiny_yolo_digits")
LARGE = ("vgg16", "m5", "tiny_yolo")
PIPELINES = ("default", "layerwise")
EMITTERS = ("c", "python")

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

Compile = Callable[..., Program]


@cache
def zoo_model(name: str) -> TorchModel:
    model = find_model(name)
    assert isinstance(model, TorchModel)
    return model


@cache
def compiled(name: str, pipeline: str = "default", emit: str = "c", hw: str = "C3+F1+C2D1+Z1") -> Program:
    """The program, kept for the session."""
    return compile_torch(zoo_model(name), CompileOptions(emit, pipeline, "zcu102", hw))


@pytest.fixture
def program() -> Compile:
    return compiled
