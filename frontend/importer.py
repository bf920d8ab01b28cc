"""From a decomposed ExportedProgram to a module of linalg on tensors, with its weights beside it."""

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from operator import getitem
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument
from torch.fx import Node
from torch.utils._pytree import tree_unflatten
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr
from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import Rewriter

from cedr.dialects.cedr import WeightOp
from cedr.frontend.aten.registry import Unsupported, find_converter, schema_arguments
from cedr.frontend.builder import Builder, element_type
from cedr.frontend.coverage import (
    STATE_CHANGES,
    OpUse,
    UnsupportedOpsError,
    UseCounter,
    boundary_refusals,
    is_check,
    static_refusal,
)
from cedr.frontend.open_sizes import (
    UNDECIDED,
    Symbols,
    is_backed,
    is_open,
    is_size,
    nothing_decided,
    open_lengths,
    plain_size,
    plain_type,
    same,
    shape_of,
    size_at,
    tensor_type,
)
from cedr.frontend.source import node_location, node_place, target_name
from cedr.frontend.types import dtype_name, has_ir_type, scalar_type, to_numpy, to_torch
from cedr.target.errors import CedrError
from cedr.target.manifest import TensorSpec

WEIGHTS_FILE = "weights.safetensors"
"""Value of the module's `cedr.weights_file`: the file beside the IR, which the writer of the IR writes."""


@dataclass(frozen=True)
class ImportedModel:
    """A model as IR.

    `weights` maps the names of the module's `cedr.weight` ops to arrays. They share the memory of the program's tensors
    (which are those of the live module: `torch.export` does not copy them), so changing a parameter in place changes
    them; write them out, or copy them, before the model is trained on. bf16 comes as uint16.

    `inputs` and `outputs` are those of `@main`, in its order: what the PyTorch module takes, then a state for each buffer
    and parameter that it changes; what it returns, then the new values of states and of inputs that are changed in place.
    Outputs are distinct values: `rebuild` takes one array for each and gives what the PyTorch module returns, its
    structure of tuples, lists and dicts with tensors, numbers and None. `macs` counts multiply-accumulates of convolutions
    and matrix products.

    Of a program with open sizes the module has `?` in its types; shapes, macs and numbers that are returned are symbols, for
    which `at` puts numbers. `symbols` says which numbers they may be.
    """

    module: ModuleOp
    weights: dict[str, np.ndarray]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    rebuild: Callable[..., object]
    macs: int
    symbols: Symbols

    def at(self, shapes: Sequence[Sequence[int]]) -> "ImportedModel":
        """The same for inputs of these shapes, all that are passed. The module stays as it is: the pass `specialize-sizes`
        makes one of given sizes. Raises SizesError for shapes that the program is not good for."""
        given = [spec for spec in self.inputs if spec.initial is None]
        known = self.symbols.known([(spec.name, spec.shape, shape) for spec, shape in zip(given, shapes, strict=True)])

        def closed(specs: Iterable[TensorSpec]) -> tuple[TensorSpec, ...]:
            return tuple(replace(s, shape=tuple(size_at(size, known) for size in s.shape)) for s in specs)

        return replace(
            self,
            inputs=closed(self.inputs),
            outputs=closed(self.outputs),
            rebuild=partial(self.rebuild, known=known),
            macs=size_at(self.macs, known),
        )


class ImportMismatchError(CedrError):
    """A converter gave another type than PyTorch: a defect of the table, located."""


def import_program(
    program: ExportedProgram, name: str, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> ImportedModel:
    """The module of a decomposed program (see `cedr.frontend.export.export_model`); `name` is its `cedr.model`.

    `inputs` and `outputs` name what the program takes and returns, PyTorch's names if not given; an output that is
    returned twice has the first name. Raises UnsupportedOpsError, with a line for each op that can't be converted, if
    there is any.
    """
    with _collector_paused():
        importer = _Importer(program, name)
        refused = importer.counter.refused()
        if refused:
            raise UnsupportedOpsError(refused)
        return importer.result(inputs, outputs)


def examine_program(program: ExportedProgram) -> tuple[OpUse, ...]:
    """Every use of an op in a decomposed program and, for those that can't be converted, why: see `OpUse`."""
    return _Importer(program, "").counter.uses()


def import_what_converts(program: ExportedProgram, name: str) -> tuple[tuple[OpUse, ...], ImportedModel]:
    """Every use of an op, as `examine_program` gives it, and a module of those that convert.

    In it the values of what can't be converted are tensors of their types without contents, and what they would have taken
    is returned too, behind the model's own outputs; `rebuild` is good for a model that converts as a whole only.
    """
    with _collector_paused():
        importer = _Importer(program, name)
        return importer.counter.uses(), importer.result(None, None)


def node_refusals(program: ExportedProgram) -> dict[Node, str]:
    """Why each node of a decomposed program that can't be converted can't be; nodes that can are left out."""
    with _collector_paused():
        return _Importer(program, "").refusals


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection meanwhile: it would walk the growing IR, all of it alive, again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Refused:
    """Stands for the value of a node that was refused and has no IR type."""


_REFUSED = _Refused()


class _Importer:
    """One pass over the graph. Refused nodes give an empty tensor of their type, so that what follows is examined too."""

    def __init__(self, program: ExportedProgram, name: str):
        self.program = program
        self.name = name
        self.counter = UseCounter()
        self.refusals: dict[Node, str] = {}
        self.values: dict[Node, Any] = {}
        self.weights: dict[str, np.ndarray] = {}
        self.conditions: list[torch.SymBool] = []
        self.lengths: dict[Any, None] = {}
        for refusal in boundary_refusals(program):
            self.counter.add(*refusal)
        placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
        self.user_inputs = [
            placeholders[spec.arg.name]
            for spec in program.graph_signature.input_specs
            if spec.kind == InputKind.USER_INPUT
            and isinstance(spec.arg, TensorArgument)
            and _has_ir_type(placeholders[spec.arg.name].meta["val"])
        ]
        changed = {spec.target for spec in program.graph_signature.output_specs if spec.kind in STATE_CHANGES}
        self.states = {
            spec.target: placeholders[spec.arg.name]
            for spec in program.graph_signature.input_specs
            if spec.target is not None
            and spec.target in changed
            and spec.kind in (InputKind.PARAMETER, InputKind.BUFFER)
            and _has_ir_type(placeholders[spec.arg.name].meta["val"])
        }
        arguments = (*self.user_inputs, *self.states.values())
        self.block = Block(arg_types=[_ir_type(node.meta["val"]) for node in arguments])
        self.builder = Builder(
            self.block,
            [
                (argument, dim, size.node.expr)
                for node, argument in zip(arguments, self.block.args, strict=True)
                for dim, size in enumerate(node.meta["val"].shape)
                if is_open(size)
            ],
        )
        for node, argument in zip(arguments, self.block.args, strict=True):
            argument.name_hint = _hint(node.name)
            self.values[node] = argument
        for target in self.states:
            self.weights[target] = to_numpy(self._tensor(target))
        self._bind_constants(placeholders)
        with nothing_decided([size for node in self.user_inputs for size in node.meta["val"].shape]):
            for node in program.graph.nodes:
                if node.op in ("call_function", "get_attr"):
                    self.values[node] = self._convert_node(node)

    def _bind_constants(self, placeholders: dict[str, Node]) -> None:
        """Weights of all parameters, buffers and lifted constants that are used, under their qualified names."""
        for spec in self.program.graph_signature.input_specs:
            node = placeholders.get(spec.arg.name)
            if node is None or node in self.values:
                continue
            if spec.kind not in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
                self.values[node] = getattr(spec.arg, "value", _REFUSED)
                continue
            if not node.users or not _has_ir_type(node.meta["val"]):
                self.values[node] = _REFUSED
                continue
            target = spec.target
            assert target is not None
            self.weights[target] = to_numpy(self._tensor(target))
            self.builder.location = node_location(next(iter(node.users)))
            weight = self.builder.add(WeightOp(target, _ir_type(node.meta["val"])))
            weight.result.name_hint = _hint(target)
            self.values[node] = weight.result

    def _tensor(self, target: str) -> torch.Tensor:
        """A parameter, buffer or lifted constant, by its qualified name."""
        tensor = self.program.state_dict.get(target)
        if tensor is None or not isinstance(tensor, torch.Tensor):
            tensor = self.program.constants[target]
        assert isinstance(tensor, torch.Tensor)
        return tensor

    def _convert_node(self, node: Node) -> Any:
        if node.target is getitem:
            return self._get_item(node)
        if is_check(node):
            return None
        if is_backed(node.meta.get("val")):
            return plain_size(node.meta["val"])
        if node.target is torch.ops.aten._assert_scalar.default and is_backed(condition := self._value(node.args[0])):
            self.conditions.append(condition)
            return None
        reason = static_refusal(node)
        result: Any = None
        if not reason:
            self.builder.location = node_location(node)
            self.builder.used_results = _used_results(node)
            self.builder.dense_order = partial(_dense_order, node)
            try:
                result = self._call_converter(node)
            except Unsupported as refusal:
                reason = str(refusal)
            except UNDECIDED:
                reason = "depends on a size that is open; fix the sizes"
        self.counter.add(target_name(node), node_place(node), reason)
        if not reason:
            return result
        self.refusals[node] = reason
        return self._stand_in(node.meta.get("val"))

    def _call_converter(self, node: Node) -> Any:
        target: Any = node.target
        converter = find_converter(target)
        assert converter is not None
        arguments = schema_arguments(target, [self._value(arg) for arg in node.args], self._value(dict(node.kwargs)))
        if _contains_refused(arguments):
            return self._stand_in(node.meta.get("val"))
        result = converter(self.builder, *arguments)
        self._check(node, result)
        return result

    def _value(self, argument: Any) -> Any:
        """A node's argument with nodes replaced by their values, in lists and dicts too."""
        if isinstance(argument, Node):
            return self.values[argument]
        if isinstance(argument, list | tuple):
            return [self._value(item) for item in argument]
        if isinstance(argument, dict):
            return {key: self._value(item) for key, item in argument.items()}
        return argument

    def _get_item(self, node: Node) -> Any:
        source, index = node.args
        assert isinstance(source, Node) and isinstance(index, int)
        results = self.values[source]
        if isinstance(results, _Refused) or results is None or index >= len(results):
            return self._stand_in(node.meta.get("val"))
        return results[index]

    def _check(self, node: Node, result: Any) -> None:
        """The results have the types that PyTorch says; those that are used are there."""
        expected: Any = node.meta.get("val")
        several = isinstance(expected, tuple | list)
        pairs = zip(result, expected, strict=False) if several and result is not None else ((result, expected),)
        for index, (value, fake) in enumerate(pairs):
            if not isinstance(fake, torch.Tensor):
                continue
            if value is None:
                if not several or index in self.builder.used_results:
                    raise Unsupported(
                        f"its result {index} is used, which can't be computed yet; use its other results only"
                    )
                continue
            if value.type != _ir_type(fake) and not _is_same_type(value, fake):
                raise ImportMismatchError(
                    f"{node_place(node)}: {target_name(node)} was converted to {plain_type(value.type)} where PyTorch has"
                    f" {plain_type(_ir_type(fake))}; please report this with the line of the model"
                )
            if value.name_hint is None:
                value.name_hint = _hint(node.name)

    def _stand_in(self, fake: object) -> Any:
        if isinstance(fake, tuple | list):
            return tuple(self._stand_in(part) for part in fake)
        if isinstance(fake, torch.Tensor) and _has_ir_type(fake):
            with suppress(Unsupported):  # a size that has no form in the IR
                return self.builder.empty(tuple(fake.shape), scalar_type(fake.dtype))
        return _REFUSED

    def result(self, input_names: Sequence[str] | None, output_names: Sequence[str] | None) -> ImportedModel:
        """The module; what refused nodes take is returned behind the program's own outputs."""
        output = next(node for node in self.program.graph.nodes if node.op == "output")
        leaves: list[_Place | Any] = []
        returned: dict[SSAValue, int] = {}
        specs: list[TensorSpec] = []
        dtypes: list[torch.dtype] = []
        self.builder.location = self.block.last_op.location if self.block.last_op else self.builder.location
        copies: dict[SSAValue, SSAValue] = {}
        taken = dict.fromkeys(source for node in self.refusals for source in node.all_input_nodes)
        user_outputs, changes = self._split_outputs(output.args[0])
        for place, leaf in enumerate((*user_outputs, *taken)):
            value = self.values[leaf] if isinstance(leaf, Node) else leaf
            if not isinstance(value, SSAValue):
                leaves.append(value)
                continue
            if value.owner is self.block or isinstance(value.owner, WeightOp):
                value = copies.setdefault(value, self.builder.copy(value)) if value not in copies else copies[value]
            if value not in returned:
                returned[value] = len(returned)
                fake = leaf.meta["val"]
                output_name = output_names[place] if output_names else f"output{len(specs)}"
                specs.append(TensorSpec(output_name, dtype_name(fake.dtype), tuple(map(plain_size, fake.shape))))
                dtypes.append(fake.dtype)
            leaves.append(_Place(returned[value]))
        named = dict(zip(self.user_inputs, input_names or [n.name for n in self.user_inputs], strict=True))
        for target, node in self.states.items():
            named[node] = _fresh_name(target, named.values())
        inputs = tuple(_spec(name, node) for node, name in named.items())
        initial = dict(zip(list(named.values())[len(self.user_inputs) :], self.states, strict=True))
        inputs = tuple(replace(spec, initial=initial.get(spec.name)) for spec in inputs)
        for changed, leaf in changes:
            value = self.values[leaf]
            if not isinstance(value, SSAValue) or changed not in named:
                continue  # refused
            if value in returned or value.owner is self.block or isinstance(value.owner, WeightOp):
                value = self.builder.copy(value)
            returned[value] = len(returned)
            output_name = _fresh_name(named[changed], [spec.name for spec in specs])
            specs.append(replace(_spec(output_name, leaf), updates=named[changed]))
            dtypes.append(leaf.meta["val"].dtype)
        self.builder.add(func.ReturnOp(*returned))
        self._erase_dead()
        result_types = [plain_type(value.type) for value in returned]
        self._close_types()
        main = func.FuncOp(
            "main",
            (self.block.arg_types, result_types),
            Region(self.block),
            arg_attrs=_named(inputs),
            res_attrs=_named(specs),
        )
        attributes = {"cedr.model": StringAttr(self.name), "cedr.weights_file": StringAttr(WEIGHTS_FILE)}
        module = ModuleOp([main], attributes)
        structure = self.program.call_spec.out_spec
        names = tuple(spec.name for spec in specs)

        def rebuild(arrays: Sequence[np.ndarray], known: Mapping[Any, int] | None = None) -> object:
            if len(arrays) != len(dtypes):
                raise CedrError(
                    f"{len(arrays)} arrays given for the {len(dtypes)} outputs {', '.join(names) or 'none'}"
                )
            tensors = [to_torch(array, dtype) for array, dtype in zip(arrays, dtypes, strict=True)]
            found = [tensors[v.index] if isinstance(v, _Place) else size_at(v, known or {}) for v in leaves]
            return tree_unflatten(found, structure)

        sizes = [size for spec in inputs for size in spec.shape]
        symbols = Symbols.of(self.program.range_constraints, self.conditions, sizes, self.lengths)
        return ImportedModel(module, self.weights, inputs, tuple(specs), rebuild, self.builder.macs, symbols)

    def _split_outputs(self, leaves: Sequence[Any]) -> tuple[list[Any], list[tuple[Node, Node]]]:
        """What the model returns; and the inputs and states that it changes, with their new values."""
        user_outputs: list[Any] = []
        changes: list[tuple[Node, Node]] = []
        inputs = {node.name: node for node in self.user_inputs}
        for spec, leaf in zip(self.program.graph_signature.output_specs, leaves, strict=True):
            known = self.states if spec.kind in STATE_CHANGES else inputs
            if spec.kind not in (*STATE_CHANGES, OutputKind.USER_INPUT_MUTATION):
                user_outputs.append(leaf)
            elif spec.target in known:
                changes.append((known[spec.target], leaf))
        return user_outputs, changes

    def _close_types(self) -> None:
        """Takes the symbols of open sizes out of the types, and notes them."""
        for block in (
            self.block,
            *(block for op in self.block.walk() for region in op.regions for block in region.blocks),
        ):
            for value in (*block.args, *(result for op in block.ops for result in op.results)):
                if self.builder.sources:
                    self.lengths.update(dict.fromkeys(open_lengths(value.type)))
                closed = plain_type(value.type)
                if closed is not value.type:
                    Rewriter.replace_value_with_new_type(value, closed)

    def _erase_dead(self) -> None:
        """Erases ops without uses, from the end; their weights go with them. Every op here is free of effects."""
        for op in reversed(list(self.block.ops)):
            if op.results and all(result.first_use is None for result in op.results):
                if isinstance(op, WeightOp):
                    del self.weights[op.weight_name]
                self.block.erase_op(op)


@dataclass(frozen=True)
class _Place:
    """An output among a model's leaves: that of an index."""

    index: int


def _spec(name: str, node: Node) -> TensorSpec:
    fake = node.meta["val"]
    return TensorSpec(name, dtype_name(fake.dtype), tuple(map(plain_size, fake.shape)))


def _fresh_name(name: str, taken: Iterable[str]) -> str:
    """The name, or one like it that is not taken."""
    taken = set(taken)
    return next(fresh for i in count() if (fresh := f"{name}_{i}" if i else name) not in taken)


def _named(specs: Sequence[TensorSpec]) -> ArrayAttr[DictionaryAttr] | None:
    return ArrayAttr([_attributes(spec) for spec in specs]) if specs else None


def _attributes(spec: TensorSpec) -> DictionaryAttr:
    labels = {"name": spec.name, "initial": spec.initial, "updates": spec.updates}
    return DictionaryAttr({f"cedr.{key}": StringAttr(label) for key, label in labels.items() if label is not None})


def _used_results(node: Node) -> frozenset[int]:
    return frozenset(
        user.args[1] for user in node.users if user.target is getitem and isinstance(user.args[1], int) and user.users
    )


def _dense_order(node: Node) -> tuple[int, ...] | None:
    """The dims of a node's first tensor in the order of its memory, outermost first; None if it shares that memory."""
    fake = node.all_input_nodes[0].meta.get("val") if node.all_input_nodes else None
    if not isinstance(fake, torch.Tensor) or fake.layout != torch.strided:
        return None
    strides: tuple[int, ...] = fake.stride()
    order = sorted(range(fake.dim()), key=lambda dim: (-strides[dim], dim))
    step = 1
    for dim in reversed(order):
        if fake.shape[dim] != 1 and strides[dim] != step:
            return None
        step *= fake.shape[dim]
    return tuple(order) if fake.storage_offset() == 0 else None


def _has_ir_type(fake: object) -> bool:
    return isinstance(fake, torch.Tensor) and has_ir_type(fake.dtype) and all(map(is_size, fake.shape))


def _ir_type(fake: torch.Tensor) -> Any:
    return tensor_type(tuple(fake.shape), scalar_type(fake.dtype))


def _is_same_type(value: SSAValue, fake: torch.Tensor) -> bool:
    """Whether a value is of PyTorch's type for all open sizes. Raises UNDECIDED where it may be for some."""
    shape = shape_of(value)
    if len(shape) != fake.dim() or element_type(value) != scalar_type(fake.dtype):
        return False
    return all(same(size, wanted) or size == wanted for size, wanted in zip(shape, fake.shape, strict=True))


def _contains_refused(arguments: Any) -> bool:
    if isinstance(arguments, list):
        return any(_contains_refused(item) for item in arguments)
    return isinstance(arguments, _Refused)


def _hint(name: str) -> str:
    """A name for a value in the IR's text: one that a parser keeps, which drops `_1` and the like from a name's end."""
    plain = re.sub(r"(_\d+)+$", "", re.sub(r"[^A-Za-z0-9_]", "_", name))
    return plain if plain and not plain[0].isdigit() else f"_{plain}"
