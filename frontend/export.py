"""From an nn.Module and example inputs to a decomposed ExportedProgram."""

import io
import logging
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils._pytree import tree_leaves, tree_map

from cedr.frontend.source import is_library_file
from cedr.target.errors import CedrError

_KEPT = (
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten.eye.default,
    torch.ops.aten.eye.m,
    torch.ops.aten.gru.input,
    torch.ops.aten.lstm.input,
    torch.ops.aten.multilabel_margin_loss_forward.default,
    torch.ops.aten.rnn_relu.input,
    torch.ops.aten.rnn_tanh.input,
    torch.ops.aten.roll.default,
    torch.ops.aten.scaled_dot_product_attention.default,
    torch.ops.aten.stft.center,
    torch.ops.aten.unfold_backward.default,
    torch.ops.aten.upsample_nearest1d.vec,
)
"""What converts better whole, or where torch 2.13's decomposition differs from the op (multilabel_margin_loss)."""

_LINSPACES = (
    torch.ops.aten.linspace.default,
    torch.ops.aten.linspace.Scalar_Tensor,
    torch.ops.aten.linspace.Tensor_Scalar,
    torch.ops.aten.linspace.Tensor_Tensor,
)

_log = logging.getLogger(__name__)


class ExportError(CedrError):
    """PyTorch could not export a model: PyTorch's own reason, at the line of the model where it arose if that is known."""


def export_model(model: nn.Module, example_inputs: tuple[Any, ...], dynamic_shapes: Any = None) -> ExportedProgram:
    """The program of a model on inputs of these shapes, decomposed to core ATen ops; with `dynamic_shapes`, which are
    torch.export's, one whose sizes are symbols where they say so.

    The model is exported as it is: in training mode its batch norm is that of training, which changes the running
    statistics, and so is its dropout, which the importer refuses. Nothing is copied: the program holds the model's own
    parameters. Logs the seconds that it took.

    Raises ExportError where PyTorch can't export the model, ValueError's kin included that forward itself raises.
    """
    if not isinstance(model, nn.Module):
        raise ExportError(f"a torch.nn.Module is wanted, got {type(model).__name__}; pass an instance of the model")
    if not isinstance(example_inputs, tuple):
        raise ExportError(f"example inputs are a tuple, got {type(example_inputs).__name__}; write (x,) for one input")
    start = time.perf_counter()
    try:
        with torch.no_grad(), _quiet():
            program: ExportedProgram = torch.export.export(
                model, _apart(model, example_inputs), dynamic_shapes=dynamic_shapes
            ).run_decompositions(decompositions())
    except Exception as error:
        raise ExportError(_explain(model, error)) from error
    _check_changes(program, example_inputs)
    _log.info("exported %s in %.2f s", type(model).__name__, time.perf_counter() - start)
    return program


def _apart(model: nn.Module, example_inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs with a copy of each tensor that stands twice, or that is the model's own, and views without their base.

    PyTorch tells tensors apart by identity: f(x, x) would be traced as a function of one of its arguments only. Where an
    input is a view of another one, torch 2.13 gives that one sizes of its own that are not static.
    """
    seen = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}

    def apart(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        if id(leaf) in seen:
            return leaf.detach().clone()
        seen.add(id(leaf))
        return leaf if leaf._base is None else leaf.detach()

    copied: tuple[Any, ...] = tree_map(apart, example_inputs)
    return copied


def _check_changes(program: ExportedProgram, example_inputs: tuple[Any, ...]) -> None:
    """Raises ExportError where an input that is changed in place shares its memory with another one."""
    specs = [spec.arg.name for spec in program.graph_signature.input_specs if spec.kind == InputKind.USER_INPUT]
    leaves = dict(zip(specs, tree_leaves(example_inputs), strict=True))
    memory = {name: v.untyped_storage().data_ptr() for name, v in leaves.items() if _has_memory(v)}
    for spec in program.graph_signature.output_specs:
        if spec.kind != OutputKind.USER_INPUT_MUTATION or spec.target not in memory:
            continue
        for other, place in memory.items():
            if other != spec.target and place == memory[spec.target]:
                raise ExportError(
                    f"input '{spec.target}' is changed in place and shares its memory with input '{other}', which would "
                    "change too; pass example inputs of their own, and clone one of them in the call"
                )


def _has_memory(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.layout == torch.strided and value.numel() > 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps PyTorch's own remarks about an export from the user: graphs printed to stderr when it fails, log lines, and
    warnings about what it does itself. What came to stderr in an export that succeeds is the model's, and passes."""
    disabled = logging.root.manager.disable
    said = io.StringIO()
    with warnings.catch_warnings():
        # torch 2.13 copies its own tree specs in a way that it warns of; nn.LSTM assigns its weights anew.
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*were assigned during export.*", category=UserWarning)
        logging.disable(max(disabled, logging.WARNING))
        try:
            with redirect_stderr(said):
                yield
        finally:
            logging.disable(disabled)
    sys.stderr.write(said.getvalue())


def decompositions() -> Any:
    """PyTorch's own table less the ops that are kept, with more that convert better apart; each call makes a new
    one."""
    table: Any = torch.export.default_decompositions()
    table[torch.ops.aten.grid_sampler_2d.default] = _grid_sampler_2d
    for op in _LINSPACES:
        table[op] = partial(_linspace, table[op])
    for op in _KEPT:
        table.pop(op)
    return table


def _linspace(
    decomposition: Any, start: Any, end: Any, steps: int, *, dtype: torch.dtype | None = None, **options: Any
) -> Any:
    """PyTorch's decomposition; integers, which it gets wrong, as the op does: both ends become integers first, what lies
    between is computed in f64."""
    if dtype is None or dtype.is_floating_point or dtype.is_complex:
        return decomposition(start, end, steps, dtype=dtype, **options)
    ends = [
        end.to(dtype).to(torch.float64) if isinstance(end, torch.Tensor) else float(int(end)) for end in (start, end)
    ]
    return decomposition(*ends, steps, dtype=torch.float64, **options).to(dtype)


def _grid_sampler_2d(x: torch.Tensor, grid: torch.Tensor, *options: Any) -> Any:
    """PyTorch's decomposition, which its table of an export lacks; that of halves rounds otherwise than the op, which stays."""
    if x.dtype in (torch.float16, torch.bfloat16):
        return NotImplemented
    return torch._decomp.decomposition_table[torch.ops.aten.grid_sampler_2d.default](x, grid, *options)


def _explain(model: nn.Module, error: Exception) -> str:
    """One line: the place in the user's code, what failed, PyTorch's first line, what to do."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_library_file(frame.filename)]
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames and frames[-1].filename != __file__ else ""
    twins = _names_of_one_tensor(model)
    if twins and "expected compiled_fn to be GraphModule" in str(error):  # what PyTorch says of a change by two names
        return (
            f"{type(model).__name__}: forward changes a tensor that the module has by the names {' and '.join(twins)}, which "
            "torch.export can't export; keep it by one of them"
        )
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return (
        f"{place}torch.export can't export {type(model).__name__}: {type(error).__name__}: {reason}; check that the model"
        " runs on the example inputs and that its control flow and shapes don't depend on data"
    )


def _names_of_one_tensor(model: nn.Module) -> list[str]:
    """The names of the first of a module's tensors that has several, plain attributes included."""
    names: dict[int, list[str]] = {}
    for prefix, module in model.named_modules():
        for name, value in {**module._parameters, **module._buffers, **vars(module)}.items():
            if isinstance(value, torch.Tensor):
                names.setdefault(id(value), []).append(f"{prefix}.{name}" if prefix else name)
    return next((several for several in names.values() if len(several) > 1), [])
