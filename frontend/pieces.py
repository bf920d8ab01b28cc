"""Pieces of a program as `torch.compile` hands them out: graphs of PyTorch calls, to parts of ATen ops that convert.

A piece is captured for inputs of given shapes, by AOTAutograd with the decompositions of `cedr.frontend.export`: what it
calls then is functional, and what the piece changes in place or returns as views is put right around it. Its ops are cut
into stages: all that converts and hangs together is one part; what does not convert stands between the parts and is left
to PyTorch.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import getitem
from typing import Any

import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch._aot_autograd.schemas import OutputType, ViewAndMutationMeta
from torch._guards import TracingContext, tracing
from torch._ops import OpOverload
from torch._subclasses import FakeTensorMode
from torch.export import ExportedProgram, ModuleCallEntry, ModuleCallSignature
from torch.export._trace import _ignore_backend_decomps
from torch.export.exported_program import (
    _override_composite_implicit_decomp,
    _split_decomp_table_to_cia_and_python_decomp,
)
from torch.export.graph_signature import (
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    TensorArgument,
)
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import map_arg
from torch.fx.passes.split_module import split_module
from torch.utils._pytree import tree_flatten

from cedr.frontend.aten.registry import schema_arguments
from cedr.frontend.coverage import OpUse, UseCounter
from cedr.frontend.export import decompositions
from cedr.frontend.importer import node_refusals
from cedr.frontend.source import node_place, target_name


@dataclass(frozen=True)
class Part:
    """Ops of a piece that convert and are computed together: a graph of flat tensors, its output a tuple.

    `constant` are the positions of its inputs that are weights: parameters, buffers that the piece does not change, and
    tensors that stand in the code.
    """

    graph: Graph
    constant: frozenset[int]

    def program(self, weights: dict[int, torch.Tensor]) -> ExportedProgram:
        """The part as a program of its other inputs, `weights` by position lifted out as constants."""
        graph = copy.deepcopy(self.graph)
        return _program(graph, weights)


CompilePart = Callable[[Part], Callable[..., Sequence[torch.Tensor]]]
"""Gives what computes a part: it takes all of its inputs, weights too, and gives the tensors of its output."""


@dataclass(frozen=True)
class Piece:
    """A captured piece. `run` takes its inputs, gives its outputs, and calls what `compile_part` made of each part.

    `ops` are those of the piece, with a reason for each that is left to PyTorch. `pure`: it changes no input, returns no
    view of one, and draws no random numbers, so that running it again gives the same.
    """

    run: Callable[..., Sequence[Any]]
    ops: tuple[OpUse, ...]
    pure: bool

    def eager(self) -> tuple[OpUse, ...]:
        """The ops that are left to PyTorch."""
        return tuple(use for use in self.ops if use.reason)


def capture_piece(
    graph: GraphModule,
    inputs: Sequence[Any],
    compile_part: CompilePart,
) -> Piece:
    """A graph of PyTorch calls for inputs of these shapes, dtypes and strides; numbers among them are constants.

    What it computes does not have gradients. Nothing is computed here.
    """
    captured: list[tuple[GraphModule, ViewAndMutationMeta]] = []
    lowered: list[Callable[..., Any]] = []

    def keep(module: GraphModule, flat: Sequence[Any]) -> Callable[..., Any]:
        for node, value in zip(module.graph.find_nodes(op="placeholder"), flat, strict=True):
            node.meta.setdefault("val", value)  # a number has none
        metadata = TracingContext.get().fw_metadata
        assert metadata is not None
        captured.append((module, metadata))
        return lambda *inputs: lowered[0](*inputs)

    mode = FakeTensorMode(allow_non_fake_inputs=True)
    fakes = [mode.from_tensor(v, static_shapes=True) if isinstance(v, torch.Tensor) else v for v in inputs]
    composites, table = _decomposition_tables()
    with (
        torch.no_grad(),
        _ignore_backend_decomps(),
        _override_composite_implicit_decomp(composites),
        tracing(TracingContext(mode)),
    ):
        run = aot_autograd(fw_compiler=keep, inference_compiler=keep, decompositions=table)(graph, fakes)
    ((module, metadata),) = captured
    changed = {i for i, info in enumerate(metadata.input_info) if info.mutates_data or info.mutates_metadata}
    views = any(info.output_type is not OutputType.non_alias for info in metadata.output_info)
    random = any(map(_is_random, module.graph.nodes))
    compute, ops = _lower(module, set(metadata.static_input_indices) - changed, compile_part)
    lowered.append(compute)
    return Piece(run, ops, not (changed or views or random))


def number_inputs(graph: GraphModule) -> tuple[int, ...]:
    """The positions of inputs that a graph takes as tensors of one element and uses as numbers (`item`)."""
    inputs = graph.graph.find_nodes(op="placeholder")
    return tuple(i for i, node in enumerate(inputs) if any(_is_item(user) for user in node.users))


def with_numbers(graph: GraphModule, inputs: Sequence[Any]) -> GraphModule:
    """A graph with the numbers of its `number_inputs` written into a copy of it; itself where it has none."""
    positions = number_inputs(graph)
    if not positions:
        return graph
    fixed = GraphModule(graph, copy.deepcopy(graph.graph))
    nodes = fixed.graph.find_nodes(op="placeholder")
    for position in positions:
        number = inputs[position].item()
        for user in [user for user in nodes[position].users if _is_item(user)]:
            for reader in list(user.users):
                reader.args, reader.kwargs = _with_number((reader.args, reader.kwargs), user, number)
            fixed.graph.erase_node(user)
    fixed.recompile()
    return fixed


def _with_number(arguments: Any, read: Node, number: Any) -> Any:
    return map_arg(arguments, lambda node: number if node is read else node)


def _is_item(node: Node) -> bool:
    return node.op == "call_method" and node.target == "item"


def has_gradients(graph: GraphModule, inputs: Sequence[Any]) -> tuple[bool, ...]:
    """Which outputs of a graph have gradients, as PyTorch would have it. Nothing is computed."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode, torch.enable_grad():
        outputs = graph(
            *(mode.from_tensor(v, static_shapes=True) if isinstance(v, torch.Tensor) else v for v in inputs)
        )
    return tuple(isinstance(v, torch.Tensor) and v.requires_grad for v in outputs)


@lru_cache(maxsize=1)
def _decomposition_tables() -> tuple[Any, Any]:
    """(ops that are composites by themselves, the others), each with what it is made of."""
    composites, others = _split_decomp_table_to_cia_and_python_decomp(decompositions())
    return composites, others


def _is_random(node: Node) -> bool:
    """Whether an op draws random numbers: a recurrent layer or an attention does so only with a dropout that is on."""
    op = node.target
    if not isinstance(op, OpOverload) or torch.Tag.nondeterministic_seeded not in op.tags:
        return False
    names = (argument.name for argument in op._schema.arguments)
    values = dict(zip(names, schema_arguments(op, node.args, node.kwargs), strict=True))
    off = (("train", False), ("training", False), ("dropout", 0.0), ("dropout_p", 0.0))
    return all(values.get(name) != value for name, value in off)


def _lower(
    module: GraphModule, constant: set[int], compile_part: CompilePart
) -> tuple[Callable[..., Any], tuple[OpUse, ...]]:
    """What a functional graph does, cut into stages, its parts compiled; and its ops. `constant`: the inputs that are
    weights."""
    count = len(module.graph.find_nodes(op="placeholder"))
    literals = _lift_literals(module)
    constant = constant | set(range(count, count + len(literals)))
    nodes = list(module.graph.nodes)
    reasons = _refusals(module.graph)
    ops = UseCounter()
    for node, reason in zip(nodes, reasons, strict=True):
        if node.op == "call_function" and node.target is not getitem:
            ops.add(target_name(node), node_place(node), reason)
    stages = _stages(nodes, reasons)
    if not stages:
        return lambda *inputs: module(*inputs, *literals), ops.uses()
    split = split_module(module, None, lambda node: stages[node])  # type: ignore[arg-type]  # typed for the root as any module
    names = {node.name for i, node in enumerate(split.graph.find_nodes(op="placeholder")) if i in constant}
    for call in split.graph.find_nodes(op="call_module"):
        assert isinstance(call.target, str)
        stage = split.get_submodule(call.target)
        assert isinstance(stage, GraphModule)
        if int(call.target.rpartition("_")[2]) % 2:
            continue
        if not call.users:  # checks alone
            split.graph.erase_node(call)
            continue
        weights = frozenset(i for i, arg in enumerate(call.args) if isinstance(arg, Node) and arg.name in names)
        single = _return_tuple(stage.graph)
        split.set_submodule(call.target, _PartModule(compile_part(Part(stage.graph, weights)), single))
    split.recompile()
    return lambda *inputs: split(*inputs, *literals), ops.uses()


class _PartModule(torch.nn.Module):
    """What a part was compiled to, in the place of the stage; `single`: the stage returns its tensor as such."""

    def __init__(self, compiled: Callable[..., Sequence[torch.Tensor]], single: bool):
        super().__init__()
        self.compiled = compiled
        self.single = single

    def forward(self, *inputs: Any) -> Any:
        outputs = self.compiled(*inputs)
        return outputs[0] if self.single else tuple(outputs)


def _lift_literals(module: GraphModule) -> list[torch.Tensor]:
    """Make inputs, behind the others, of the tensors that stand in the code; gives them in order."""
    graph = module.graph
    literals: list[torch.Tensor] = []
    last = next((node for node in graph.nodes if node.op != "placeholder"), None)
    for node in graph.find_nodes(op="get_attr"):
        value = getattr(module, node.target, None) if "." not in node.target else None
        if not isinstance(value, torch.Tensor):
            continue  # the sub-graph of a control-flow operator
        assert last is not None
        with graph.inserting_before(last):
            placeholder = graph.placeholder(f"literal{len(literals)}")
        placeholder.meta = dict(node.meta)
        literals.append(value)
        node.replace_all_uses_with(placeholder)
        if last is node:
            last = node.next
        graph.erase_node(node)
    module.recompile()
    return literals


def _refusals(graph: Graph) -> list[str]:
    """Why each node of a graph can't be converted, in its order; "" where it can."""
    twin = copy.deepcopy(graph)
    nodes = list(twin.nodes)
    found = node_refusals(_program(twin, {}))
    return [found.get(node, "") for node in nodes]


def _stages(nodes: Sequence[Node], reasons: Sequence[str]) -> dict[Node, int]:
    """The stage of each call: an even number is a part that converts, the odd one behind it what is left to PyTorch.

    A call stands in the earliest stage that its inputs allow, so that there are as few parts as can be.
    """
    refused: dict[Node, bool] = {}
    stages: dict[Node, int] = {}
    for node, reason in zip(nodes, reasons, strict=True):
        if node.op in ("placeholder", "output"):
            continue
        inputs = [source for source in node.all_input_nodes if source in stages]
        refused[node] = refused[inputs[0]] if node.target is getitem else bool(reason)
        earliest = max((stages[source] for source in inputs), default=0)
        stages[node] = earliest + (earliest % 2 != refused[node])
    return stages


def _return_tuple(graph: Graph) -> bool:
    """Make the graph return a tuple; whether it returned a tensor as such."""
    output = graph.output_node()
    (returned,) = output.args
    if isinstance(returned, tuple | list):
        output.args = (tuple(returned),)
        return False
    output.args = ((returned,),)
    return True


def _program(graph: Graph, weights: dict[int, torch.Tensor]) -> ExportedProgram:
    """A flat functional graph, which becomes the program's own, with the inputs at the positions of `weights` lifted."""
    inputs: list[InputSpec] = []
    constants: dict[str, Any] = {}
    for position, node in enumerate(graph.find_nodes(op="placeholder")):
        value = node.meta.get("val")
        if position in weights:
            constants[node.name] = weights[position]
            inputs.append(InputSpec(InputKind.CONSTANT_TENSOR, TensorArgument(node.name), node.name))
        elif isinstance(value, torch.Tensor):
            inputs.append(InputSpec(InputKind.USER_INPUT, TensorArgument(node.name), None))
        else:
            inputs.append(InputSpec(InputKind.USER_INPUT, ConstantArgument(node.name, value), None))
    (returned,) = graph.output_node().args
    assert isinstance(returned, tuple | list)
    outputs = [
        OutputSpec(
            OutputKind.USER_OUTPUT,
            TensorArgument(leaf.name) if isinstance(leaf, Node) else ConstantArgument("", leaf),  # type: ignore[arg-type]  # a graph returns nodes, numbers and None
            None,
        )
        for leaf in returned
    ]
    _, structure = tree_flatten(tuple(returned))
    _, nothing = tree_flatten(((), {}))
    signature = ModuleCallSignature([], [], nothing, structure)
    return ExportedProgram(
        torch.nn.Module(),
        graph,
        ExportGraphSignature(inputs, outputs),
        state_dict={},
        range_constraints={},
        module_call_graph=[ModuleCallEntry("", signature)],
        constants=constants,
    )
