"""From an nn.Module and example inputs to a decomposed ExportedProgram."""

import io
import logging
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.utils._pytree import tree_map

from cedr.frontend.source import is_library_file
from cedr.target.errors import CedrError

_KEPT = (
    torch.ops.aten.eye.default,
    torch.ops.aten.eye.m,
    torch.ops.aten.gru.input,
    torch.ops.aten.lstm.input,
    torch.ops.aten.rnn_relu.input,
    torch.ops.aten.rnn_tanh.input,
    torch.ops.aten.roll.default,
    torch.ops.aten.upsample_nearest1d.vec,
)

_DECOMPOSED = (torch.ops.aten.grid_sampler_2d.default,)
"""What PyTorch's table of an export keeps though PyTorch has a decomposition that converts well."""

_log = logging.getLogger(__name__)


class ExportError(CedrError):
    """PyTorch could not export a model: PyTorch's own reason, at the line of the model where it arose if that is known."""


def export_model(model: nn.Module, example_inputs: tuple[Any, ...]) -> ExportedProgram:
    """The program of a model on inputs of these shapes, decomposed to core ATen ops.

    The model is exported as it is: in training mode its dropout and batch norm are those of training, which the importer
    refuses. Nothing is copied: the program holds the model's own parameters. Logs the seconds that it took.

    Raises ExportError where PyTorch can't export the model, ValueError's kin included that forward itself raises.
    """
    if not isinstance(model, nn.Module):
        raise ExportError(f"a torch.nn.Module is wanted, got {type(model).__name__}; pass an instance of the model")
    if not isinstance(example_inputs, tuple):
        raise ExportError(f"example inputs are a tuple, got {type(example_inputs).__name__}; write (x,) for one input")
    start = time.perf_counter()
    try:
        with torch.no_grad(), _quiet():
            program: ExportedProgram = torch.export.export(model, _apart(model, example_inputs)).run_decompositions(
                decompositions()
            )
    except Exception as error:
        raise ExportError(_explain(model, error)) from error
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
    """PyTorch's own table less the ops that convert better whole, with more that convert better apart; each call makes a new
    one."""
    table: Any = torch.export.default_decompositions()
    table.update(torch._decomp.get_decompositions(_DECOMPOSED))
    for op in _KEPT:
        table.pop(op)
    return table


def _explain(model: nn.Module, error: Exception) -> str:
    """One line: the place in the user's code, what failed, PyTorch's first line, what to do."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_library_file(frame.filename)]
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames and frames[-1].filename != __file__ else ""
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return (
        f"{place}torch.export can't export {type(model).__name__}: {type(error).__name__}: {reason}; check that the model"
        " runs on the example inputs and that its control flow and shapes don't depend on data"
    )
