"""What must hold of any network, whatever it computes: one check for networks at random and for architectures."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import FlopCounterMode

from cedr.backend.c_emitter import emit_c
from cedr.backend.python_emitter import emit_python
from cedr.dialects.parsing import parse_ir
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.frontend.export import export_model
from cedr.frontend.importer import ImportedModel, import_program
from cedr.passes.plan_memory import PlanMemoryPass, arena_figures
from cedr.runtime.emulator import emulate, figures
from cedr.runtime.record import Record
from cedr.target.platform import load_platform
from cedr.tools.compiler import Compilation, CompileOptions, compile_ir, print_ir, write_module
from cedr.tools.driver import Program, flat_arrays
from cedr.tools.models import TorchModel
from cedr.tools.parity import compare

HW = "C3+F1+C2D1+Z1"
SCHEDULES = ((HW, "EFT"), ("C3", "RANDOM"), (HW, "RANDOM"))


@dataclass(frozen=True)
class Network:
    """A module in eval mode with inputs that are not its example's, and eager's answer to them."""

    module: nn.Module
    example: tuple[Any, ...]
    inputs: tuple[Any, ...]
    eager: Any

    @staticmethod
    def of(module: nn.Module, example: tuple[Any, ...]) -> Network:
        module = module.eval().requires_grad_(False)
        generator = torch.Generator().manual_seed(99)

        def other(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
                return leaf
            return torch.randn(leaf.shape, generator=generator, dtype=torch.float64).to(leaf.dtype)

        inputs = tree_map(other, example)
        return Network(module, example, inputs, module(*inputs))

    def macs(self) -> int:
        """Multiply-accumulates of convolutions and matrix products, by PyTorch's own count."""
        # Without oneDNN a recurrent layer is made of products that the counter sees.
        with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
            self.module(*self.inputs)
        return int(counter.get_total_flops()) // 2

    def layerwise_tasks(self) -> dict[str, int]:
        """The paper's mapping: a call per image, output and input channel of a convolution, and the adds of these."""
        tasks = {"conv1d": 0, "conv2d": 0, "zip": 0}

        def count(layer: nn.Module, inputs: Any, _: Any) -> None:
            assert isinstance(layer, nn.Conv1d | nn.Conv2d)
            (x,) = inputs
            rank = len(layer.kernel_size)
            one_row = rank == 2 and layer.groups > 1 and x.shape[-2] == 1 and layer.kernel_size[0] == 1
            if one_row and layer.padding[0] == 0:  # in the IR the same as a grouped 1-D one
                rank = 1
            filters = layer.out_channels * (x.shape[0] if x.dim() == len(layer.kernel_size) + 2 else 1)
            tasks[f"conv{rank}d"] += filters * layer.in_channels // layer.groups
            tasks["zip"] += filters * (layer.in_channels // layer.groups - 1)

        layers = [m for m in self.module.modules() if isinstance(m, nn.Conv1d | nn.Conv2d)]
        handles = [layer.register_forward_hook(count) for layer in layers]
        self.module(*self.inputs)
        for handle in handles:
            handle.remove()
        return tasks


def check_network(module: nn.Module, example: tuple[Any, ...], folder: Path, thorough: bool = False) -> None:
    """Compile with both pipelines and both emitters, and compare all that can be compared.

    thorough: the text of every stage and every schedule, not some of them.
    """
    network = Network.of(module, example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, about the networks themselves
        exported = export_model(network.module, network.example)
    makespans = {}
    for pipeline in ("default", "layerwise"):
        imported = import_program(exported, "net")
        context = make_context(WeightStore(dict(imported.weights)))
        options = CompileOptions("c", pipeline, save_ir=True).checked()
        compilation = compile_ir(context, imported.module, options, "import")
        stages = compilation.stages
        for stage in stages if thorough else ("import", "convert-linalg-to-cedr", "add-dependencies"):
            check_text(stage, stages[stage])
        check_arena(compilation)
        compilation.stages = {}
        tasks, macs, makespans[pipeline] = check_modules(network, imported, compilation, options, folder, thorough)
        assert sum(macs.values()) == network.macs(), pipeline
        if pipeline == "layerwise":
            wanted = network.layerwise_tasks()
            assert {api: tasks.get(api, 0) for api in wanted} == wanted
        else:
            assert sum(n for api, n in macs.items() if api != "kernel") >= 0.95 * sum(macs.values())
    # Where no layer is worth cutting there is nothing to win, and a few microseconds to lose.
    assert makespans["default"] <= 1.05 * makespans["layerwise"] + 5_000


def check_text(stage: str, text: str) -> None:
    """The IR of a stage is small, and printing it, parsing and printing gives the same."""
    assert len(text) < 1_000_000
    assert print_ir(parse_ir(make_context(), text, stage).module) == text, stage


def check_arena(compilation: Compilation) -> None:
    """At most twice the bound; 1.1 times with full reuse."""
    arena, bound = arena_figures(compilation.module)
    assert arena <= 2 * bound
    context = make_context()
    buffers = parse_ir(context, compilation.stages["bufferize"], "bufferize").module
    PlanMemoryPass(reuse="full").apply(context, buffers)
    arena, bound = arena_figures(buffers)
    assert arena <= 1.1 * bound


def check_modules(
    network: Network,
    imported: ImportedModel,
    compilation: Compilation,
    options: CompileOptions,
    folder: Path,
    thorough: bool,
) -> tuple[dict[str, int], dict[str, int], int]:
    """Values of the C and the Python module under schedules; (tasks by API, MACs by API, makespan) under EFT."""
    path = folder / f"{options.pipeline}.cedrrec"
    record: Record | None = None
    for emit in ("c", "python"):
        text = emit_c(compilation.program) if emit == "c" else emit_python(compilation.program)
        directory = folder / f"{options.pipeline}_{emit}"
        manifest = write_module(replace(compilation, text=text), directory, replace(options, emit=emit), "net")
        model = TorchModel("net", network.module, network.example)
        program = Program(directory, manifest, options, model, imported.rebuild)
        inputs = program.bind(network.inputs)
        if record is None:  # the Python module executes what the C module recorded
            record = program.process.record(path)
        schedules = SCHEDULES if thorough else SCHEDULES[:2] if emit == "c" else SCHEDULES[1:2]
        answers = [program.process.run(inputs)] if thorough or emit == "c" else []
        for hw, scheduler in schedules:
            emulation = emulate(record, "zcu102", hw, scheduler, seed=3, names=["net"])
            answers.append(program.process.execute(inputs, path, emulation, load_platform("zcu102")))
            if scheduler == "EFT":
                run = figures(emulation)
        for answer in answers[1:]:
            assert [y.tobytes() for y in answer] == [y.tobytes() for y in answers[0]], emit
        check_values(network.eager, program.structured(answers[0]))
    return run["tasks_by_api"], run["macs_by_api"], run["makespan_ns"]


def check_values(eager: Any, computed: Any) -> None:
    """The same structure, types and shapes, and values within the tolerance."""
    wanted, got = tree_leaves(eager), tree_leaves(computed)
    assert len(wanted) == len(got)
    for a, b in zip(wanted, got, strict=True):
        if isinstance(a, Tensor):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
        else:
            assert a == b
    references = flat_arrays(eager)
    dtypes = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
    parity = compare(references, flat_arrays(computed), [dtypes.get(a.dtype, "i64") for a in references])
    assert parity.within, f"max_rel_error {parity.max_rel}"


def no_compiler_warnings(capfd: pytest.CaptureFixture[str]) -> None:
    """-Wall -Wextra -Wpedantic had nothing to say: the toolchain passes it on to stderr."""
    assert capfd.readouterr().err == ""
