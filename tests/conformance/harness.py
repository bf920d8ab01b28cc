"""Runs cases, many at once, and says of each what became of it.

A batch of cases is one module with their answers as its outputs: it is exported, imported and evaluated once. What goes wrong
in it is laid to its case, by the place that the message names, or by halving the batch.
"""

from __future__ import annotations

import re
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_flatten

from cedr.dialects.interpreter.run import interpret
from cedr.dialects.universe import make_context
from cedr.dialects.weights import WeightStore
from cedr.frontend.coverage import UnsupportedOpsError
from cedr.frontend.export import ExportError, export_model
from cedr.frontend.importer import ImportedModel, ImportMismatchError, import_program
from cedr.frontend.types import to_numpy
from cedr.runtime.process import ModuleProcess
from cedr.target.errors import CedrError
from cedr.tools.compiler import CompileOptions, compile_ir, write_module
from cedr.tools.parity import compare
from tests.conformance.cases import Batch, Case, place_of

TOLERANCES = {
    torch.float64: 1e-9,
    torch.float32: 2e-5,
    torch.complex64: 2e-5,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
}
"""Largest error of an output, relative to its largest finite magnitude, by its dtype; integers and booleans: none."""

ABSOLUTE = {torch.float64: 1e-10, torch.float32: 1e-6, torch.complex64: 1e-6, torch.float16: 1e-3, torch.bfloat16: 1e-2}
"""An absolute error that counts as none: what is left where PyTorch's own roundings cancel."""

HALVES = (torch.float16, torch.bfloat16)

TIES = ("sort", "argsort", "topk", "kthvalue", "median", "nanmedian", "mode", "msort", "aminmax")
"""Ops that may answer with the position of any of several equal elements."""

_USE = re.compile(
    r"(?P<place>[^\n]+?:\d+|the model's inputs|the model's state|node '\w+'|module '.*?' \(.*?\)): \S.* \(x\d+\): \S.*"
)
"""A located line of a refusal: place, op, count, reason."""
_EMISSION = re.compile(r"(.*:\d+.*|grid @\w+.*): \S.*", re.DOTALL)


class Status(Enum):
    """What became of a case."""

    PASS = "pass"
    REFUSED = "refused"
    NOT_EXPORTABLE = "not exportable"
    WRONG = "WRONG"
    TRACEBACK = "TRACEBACK"


BAD = (Status.WRONG, Status.TRACEBACK)


@dataclass(frozen=True)
class Outcome:
    """A case's status, and why where it is not a pass."""

    case: Case
    status: Status
    reason: str = ""


@dataclass(frozen=True)
class _Batch:
    """Cases with eager's answers."""

    cases: tuple[Case, ...]
    answers: tuple[Any, ...]

    def part(self, keep: Sequence[int]) -> _Batch:
        return _Batch(tuple(self.cases[i] for i in keep), tuple(self.answers[i] for i in keep))

    @cached_property
    def halves(self) -> tuple[_Batch, _Batch]:
        middle = len(self.cases) // 2
        return self.part(range(middle)), self.part(range(middle, len(self.cases)))


Compute = Callable[[ImportedModel, tuple[torch.Tensor, ...]], object]
"""The outputs of an imported module for its inputs, in PyTorch's structure."""


def run_cases(cases: Iterable[Case], compute: Compute | None = None, batch: int = 40) -> list[Outcome]:
    """The outcome of each case, in order; cases to which eager itself raises are left out."""
    outcomes: list[Outcome] = []
    waiting: list[tuple[Case, Any]] = []

    def flush() -> None:
        if waiting:
            ready = _Batch(tuple(c for c, _ in waiting), tuple(a for _, a in waiting))
            outcomes.extend(_run(ready, compute or interpreted))
            waiting.clear()

    for case in cases:
        answered, answer = _eager(case)
        if not answered:
            continue
        waiting.append((case, answer))
        if len(waiting) == batch:
            flush()
    flush()
    return outcomes


def _eager(case: Case) -> tuple[bool, Any]:
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, kwargs = case.arguments(iter([tensor.clone() for tensor in case.tensors]))
            return True, case.function(*args, **kwargs)
    except Exception:  # PyTorch's op database has samples that PyTorch refuses
        return False, None


def _run(batch: _Batch, compute: Compute) -> list[Outcome]:
    module = Batch(batch.cases).eval()
    alone = len(batch.cases) == 1

    def apart() -> list[Outcome]:
        return [outcome for half in batch.halves for outcome in _run(half, compute)]

    def fate(status: Status, reason: str) -> list[Outcome]:
        return [Outcome(batch.cases[0], status, reason)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = export_model(module, module.inputs)
        except ExportError as error:
            return fate(Status.NOT_EXPORTABLE, str(error)) if alone else apart()
        try:
            imported = import_program(program, "conformance")
            imported.module.verify()
            answers = compute(imported, module.inputs)
        except UnsupportedOpsError as error:
            refused = _refused_cases(batch, error)
            if refused is None:
                return fate(Status.TRACEBACK, f"not located: {error}") if alone else apart()
            rest = batch.part([i for i in range(len(batch.cases)) if i not in refused])
            others = iter(_run(rest, compute) if rest.cases else [])
            return [
                Outcome(case, Status.REFUSED, refused[i]) if i in refused else next(others)
                for i, case in enumerate(batch.cases)
            ]
        except ImportMismatchError as error:
            return fate(Status.TRACEBACK, str(error)) if alone else apart()
        except CedrError as error:
            if not alone:
                return apart()
            located = _EMISSION.match(str(error))
            return fate(Status.REFUSED if located else Status.TRACEBACK, f"{type(error).__name__}: {error}")
        except Exception:
            return fate(Status.TRACEBACK, traceback.format_exc()) if alone else apart()
    assert isinstance(answers, list)
    return [judged(case, *pair) for case, *pair in zip(batch.cases, batch.answers, answers, strict=True)]


def _refused_cases(batch: _Batch, error: UnsupportedOpsError) -> dict[int, str] | None:
    """Index of each refused case -> its lines; None if a line can't be laid to a case."""
    places = {place_of(case.name): i for i, case in enumerate(batch.cases)}
    owners = [i for i, case in enumerate(batch.cases) for _ in case.tensors]
    refused: dict[int, str] = {}
    for use in error.uses:
        if not _USE.fullmatch(use.line()):
            return None
        argument = re.match(r"(?:input|buffer) '(?:args|tensors)_(\d+)'", use.op)
        if argument:
            index: int | None = owners[int(argument[1])]
        elif len(batch.cases) == 1:
            index = 0
        else:
            index = places.get(use.place.rpartition(":")[0])
        if index is None:
            return None
        refused[index] = "; ".join(filter(None, (refused.get(index), use.line())))
    return refused


def judged(case: Case, wanted: Any, got: Any) -> Outcome:
    """What became of a case for which PyTorch has one answer and we have another."""
    wanted_leaves, wanted_structure = tree_flatten(wanted)
    got_leaves, got_structure = tree_flatten(got)
    if len(wanted_leaves) != len(got_leaves):
        return Outcome(case, Status.WRONG, f"outputs {got_structure} instead of {wanted_structure}")
    for index, (a, b) in enumerate(zip(wanted_leaves, got_leaves, strict=True)):
        reason = _difference(a, b)
        if reason and not ((case.op in TIES and _same_elements(case, a, b)) or _is_nearer(case, index, a, b)):
            return Outcome(case, Status.WRONG, f"output {index}: {reason}")
    return Outcome(case, Status.PASS)


def _difference(wanted: Any, got: Any) -> str:
    if not isinstance(wanted, torch.Tensor):
        same = wanted == got or (wanted != wanted and got != got)
        return "" if same else f"{got!r} instead of {wanted!r}"
    if (got.dtype, got.shape) != (wanted.dtype, wanted.shape):
        return f"{got.dtype}{list(got.shape)} instead of {wanted.dtype}{list(wanted.shape)}"
    wide = torch.complex128 if wanted.is_complex() else torch.float64 if wanted.is_floating_point() else wanted.dtype
    a, b = (np.asarray(t.detach().resolve_conj().resolve_neg().to(wide)) for t in (wanted, got))
    parity = compare([a], [b], ["f64"], TOLERANCES.get(wanted.dtype, 0.0))
    if parity.within or parity.max_abs <= ABSOLUTE.get(wanted.dtype, 0.0):
        return ""
    return f"error {parity.max_rel:.3g} of {wanted.dtype}: {_few(b)} instead of {_few(a)}"


def _is_nearer(case: Case, index: int, wanted: Any, got: Any) -> bool:
    """Whether an output in a half type is at least as near to what f32 gives for the same arguments as PyTorch's own is,
    some of whose ops add up in the half type."""
    if isinstance(case.function, torch.nn.Module) or not isinstance(wanted, torch.Tensor) or wanted.dtype not in HALVES:
        return False
    wide = (tensor.float() if tensor.dtype in HALVES else tensor.clone() for tensor in case.tensors)
    args, kwargs = case.arguments(iter(wide))
    with torch.no_grad():
        exact = tree_flatten(case.function(*args, **kwargs))[0][index].float()
    ours, theirs = ((value.float() - exact).abs().max() for value in (got, wanted))
    return bool(ours <= theirs)


def _same_elements(case: Case, wanted: Any, got: Any) -> bool:
    """Whether positions along some dim are those of equal elements of the first argument, each there once."""
    source = case.tensors[0]
    if wanted.dtype != torch.int64 or got.dtype != torch.int64 or wanted.dim() not in (source.dim(), source.dim() - 1):
        return False
    for dim in range(source.dim()):
        a, b = (x if x.dim() == source.dim() else x.unsqueeze(dim) for x in (wanted, got))
        others = [axis for axis in range(source.dim()) if axis != dim]
        if (
            any(a.shape[axis] != source.shape[axis] for axis in others)
            or (b < 0).any()
            or (b >= source.shape[dim]).any()
        ):
            continue
        distinct = all(row.unique().numel() == row.numel() for row in b.movedim(dim, -1).reshape(-1, b.shape[dim]))
        if distinct and torch.equal(source.gather(dim, a), source.gather(dim, b)):
            return True
    return False


def _few(array: np.ndarray) -> str:
    return np.array2string(array.ravel()[:6], threshold=6, precision=6)


# What computes


def interpreted(imported: ImportedModel, inputs: tuple[torch.Tensor, ...]) -> object:
    """By the interpreter, on the imported IR."""
    outputs = interpret(imported.module, [to_numpy(x) for x in inputs], imported.weights)
    return imported.rebuild([np.asarray(output) for output in outputs])


def compiled(emit: str, pipeline: str = "default") -> Compute:
    """By a C or a Python module through every level."""

    def compute(imported: ImportedModel, inputs: tuple[torch.Tensor, ...]) -> object:
        options = replace(CompileOptions(emit, pipeline)).checked()
        context = make_context(WeightStore(dict(imported.weights)))
        compilation = compile_ir(context, imported.module, options, "import")
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            directory = Path(folder) / "conformance"
            manifest = write_module(compilation, directory, options, "conformance")
            process = ModuleProcess(directory, manifest.name, emit, manifest.outputs)
            arrays = {spec.name: to_numpy(x) for spec, x in zip(manifest.inputs, inputs, strict=True)}
            return imported.rebuild(process.run(arrays))

    return compute
