"""Which ops of a program can be converted: found before anything is, and reported all at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import getitem

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument
from torch.fx import Node

from cedr.frontend import aten  # noqa: F401  # fills the table of converters
from cedr.frontend.aten.registry import find_converter
from cedr.frontend.open_sizes import is_backed, is_size
from cedr.frontend.source import node_place, target_name
from cedr.frontend.types import has_ir_type, supported_dtypes
from cedr.target.errors import CedrError

STATE_CHANGES = (OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION)
"""The kinds of outputs that are new values of the model's own tensors."""

_TRAINING_OPS = (
    "native_dropout",
    "rrelu_with_noise",
)


@dataclass(frozen=True)
class OpUse:
    """An op at a source line of the model: how often, and why it can't be converted ("" if it can)."""

    op: str
    place: str
    count: int
    reason: str

    def line(self) -> str:
        """`model.py:31: aten.foo.default (x3): why; what can be done`."""
        return f"{self.place}: {self.op} (x{self.count}): {self.reason}"


class UnsupportedOpsError(CedrError):
    """A model has ops that can't be converted: one line for each distinct (op, source line), in the graph's order."""

    def __init__(self, uses: tuple[OpUse, ...]):
        super().__init__("\n".join(use.line() for use in uses))
        self.uses = uses

    def __reduce__(self) -> tuple[type["UnsupportedOpsError"], tuple[tuple[OpUse, ...]]]:
        return type(self), (self.uses,)


class UseCounter:
    """Collects uses of ops in the graph's order and counts those that agree in op, place and reason."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}

    def add(self, op: str, place: str, reason: str = "", count: int = 1) -> None:
        """Counts a use, or several."""
        key = (op, place, reason)
        self._counts[key] = self._counts.get(key, 0) + count

    def uses(self) -> tuple[OpUse, ...]:
        """All uses."""
        return tuple(OpUse(op, place, count, reason) for (op, place, reason), count in self._counts.items())

    def refused(self) -> tuple[OpUse, ...]:
        """The uses that have a reason."""
        return tuple(use for use in self.uses() if use.reason)


def survey(program: ExportedProgram) -> tuple[OpUse, ...]:
    """Every use of an op in a decomposed program, with what the table, dtypes and shapes say about it.

    A converter may still refuse a use by its arguments: `cedr.frontend.importer.examine_program` tells that too.
    """
    counter = UseCounter()
    for op, place, reason in boundary_refusals(program):
        counter.add(op, place, reason)
    for node in program.graph.nodes:
        if node.op in ("call_function", "get_attr") and node.target is not getitem:
            counter.add(target_name(node), node_place(node), static_refusal(node))
    return counter.uses()


def boundary_refusals(program: ExportedProgram) -> Iterator[tuple[str, str, str]]:
    """(what, place, reason) for each of the program's inputs and outputs that can't be had."""
    signature = program.graph_signature
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    for spec in signature.input_specs:
        if spec.kind == InputKind.TOKEN:
            continue  # orders an operator with effects, which is reported itself
        if spec.kind == InputKind.CUSTOM_OBJ:
            yield f"input '{spec.arg.name}'", "the model's inputs", f"an input of kind {spec.kind.name}; pass tensors"
        elif isinstance(spec.arg, TensorArgument) and (
            spec.kind == InputKind.USER_INPUT or placeholders[spec.arg.name].users
        ):
            if reason := _value_refusal(placeholders[spec.arg.name].meta["val"]):
                yield f"input '{spec.target or spec.arg.name}'", "the model's inputs", reason
        elif spec.kind == InputKind.USER_INPUT and not hasattr(spec.arg, "value"):
            yield f"input '{spec.arg.name}'", "the model's inputs", "a size that is not static; export with fixed sizes"
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    states = {spec.target: spec.arg.name for spec in signature.input_specs if spec.target is not None}
    for output in signature.output_specs:
        if output.kind in STATE_CHANGES:
            assert output.target is not None
            before, after = values.get(states.get(output.target, "")), values.get(output.arg.name)
            if reason := _change_refusal(before, after):
                yield f"buffer '{output.target}'", "the model's state", reason
        elif output.kind not in (OutputKind.USER_OUTPUT, OutputKind.USER_INPUT_MUTATION, OutputKind.TOKEN):
            yield (
                f"output '{output.target or output.kind.name}'",
                "the model's outputs",
                (f"an output of kind {output.kind.name}; return tensors, numbers or None"),
            )


def _change_refusal(before: object, after: object) -> str:
    """Why a state can't be changed from one value (a fake tensor) to another, or ""."""
    if not isinstance(before, torch.Tensor) or not isinstance(after, torch.Tensor):
        return "forward changes what no other call sees; return the new value as an output"
    if (before.shape, before.dtype) == (after.shape, after.dtype):
        return ""
    old, new = (f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}" for value in (before, after))
    return f"forward changes it from {old} to {new}; give it the largest shape at once and write parts of it by index"


def is_check(node: Node) -> bool:
    """Whether a node only checks the result of a linear algebra op, which is converted or reported itself."""
    return (
        node.target is torch.ops.higher_order.with_effects
        and node.args[1] is torch.ops.aten._linalg_check_errors.default
    )


def static_refusal(node: Node) -> str:
    """Why a node can't be converted whatever its arguments are, or "" if that isn't so."""
    if node.op == "get_attr":
        return "a sub-graph of a control-flow operator; unroll the loop or compute both branches and use torch.where"
    if isinstance(node.target, torch._ops.HigherOrderOperator):
        return "a control-flow operator; unroll the loop or compute both branches and use torch.where"
    if not isinstance(node.target, torch._ops.OpOverload):
        return "computes a size or number at run time from data; use sizes that the shapes of the inputs fix"
    if find_converter(node.target) is None:
        name = node.target._schema.name.removeprefix("aten::")
        if name in _TRAINING_OPS:
            return "the model is in training mode; call model.eval() before compiling"
        return "has no conversion; express it by ops that have one, or compute it outside the model"
    for value in (
        *_values(node.meta.get("val")),
        *(v for arg in node.all_input_nodes for v in _values(arg.meta.get("val"))),
    ):
        if reason := _value_refusal(value):
            return reason
    return ""


def _values(value: object) -> Iterable[object]:
    return value if isinstance(value, tuple | list) else (value,)


def _value_refusal(value: object) -> str:
    """Why a node's value (a fake tensor, a number or None) has no IR type, or ""."""
    if isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool) and not is_backed(value):
        return "a number that is known at run time only; use sizes that the shapes of the inputs fix"
    if not isinstance(value, torch.Tensor):
        return ""
    if not all(map(is_size, value.shape)):
        shape = ", ".join(str(size) for size in value.shape)
        return f"a tensor of shape [{shape}], whose sizes depend on data; use operations that keep static shapes"
    if value.is_sparse or value.is_quantized or value.layout != torch.strided:
        return f"a tensor of layout {value.layout}; convert it with .to_dense() or .dequantize()"
    if not has_ir_type(value.dtype):
        name = str(value.dtype).removeprefix("torch.")
        return f"dtype {name} can't be converted; use one of {', '.join(supported_dtypes())}"
    return ""
