"""A program whose sizes are symbols, for inputs of given sizes: its ops are kept, what they compute of sizes is a number.

Exporting a model again takes seconds; walking through a program that is exported already takes milliseconds an op.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch._subclasses import FakeTensorMode
from torch.export import ExportedProgram, ModuleCallEntry
from torch.export.graph_signature import ConstantArgument, ExportGraphSignature, InputKind
from torch.fx import Graph, Node
from torch.fx.node import map_arg
from torch.utils._pytree import tree_leaves


class NotSpecializedError(Exception):
    """Sizes that a program is not good for, or a program that holds more than ops on tensors and arithmetic of sizes."""


def specialize(program: ExportedProgram, inputs: Sequence[Any]) -> ExportedProgram:
    """A decomposed program for inputs of these sizes: fake tensors of static sizes go through its ops one by one.

    Nothing is computed. Raises NotSpecializedError for a program with sub-graphs and for sizes that its symbols don't allow,
    and whatever an op says of sizes that it can't take.
    """
    _check_sizes(program, tree_leaves(tuple(inputs)))
    graph = Graph()
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    given = iter(tree_leaves(tuple(inputs)))
    nodes: dict[Node, Node] = {}
    values: dict[Node, Any] = {}
    specs = iter(program.graph_signature.input_specs)
    for node in program.graph.nodes:
        match node.op:
            case "placeholder":
                spec = next(specs)
                value = next(given) if spec.kind == InputKind.USER_INPUT else _own(program, spec.target)
                if isinstance(value, torch.Tensor):
                    value = mode.from_tensor(value, static_shapes=True)
                values[node] = value
                nodes[node] = graph.placeholder(node.name)
            case "call_function":
                arguments, keywords = (
                    map_arg(part, lambda source: values[source]) for part in (node.args, node.kwargs)
                )
                with mode, torch.no_grad():
                    values[node] = node.target(*arguments, **keywords)
                if _is_number(values[node]) or (values[node] is None and not node.users):
                    continue  # a size, or a check of one
                kept = [map_arg(part, lambda s: nodes.get(s, values[s])) for part in (node.args, node.kwargs)]
                nodes[node] = graph.create_node("call_function", node.target, kept[0], kept[1], node.name)
            case "output":
                nodes[node] = graph.output(map_arg(node.args[0], lambda source: nodes.get(source, values[source])))
            case _:
                raise NotSpecializedError(f"a node of kind {node.op}")
        if node in nodes:
            nodes[node].meta = {**node.meta, "val": values.get(node)}
    signature = program.graph_signature
    leaves: Any = graph.output_node().args[0]
    outputs = [
        spec if isinstance(leaf, Node) else replace(spec, arg=ConstantArgument("", leaf))
        for spec, leaf in zip(signature.output_specs, leaves, strict=True)
    ]
    return ExportedProgram(
        torch.nn.Module(),
        graph,
        ExportGraphSignature(signature.input_specs, outputs),
        state_dict=program.state_dict,
        range_constraints={},
        module_call_graph=[ModuleCallEntry("", program.module_call_graph[0].signature)],
        constants=program.constants,
    )


def _check_sizes(program: ExportedProgram, leaves: Sequence[Any]) -> None:
    placeholders = program.graph.find_nodes(op="placeholder")
    specs = zip(placeholders, program.graph_signature.input_specs, strict=True)
    fakes = [node.meta.get("val") for node, spec in specs if spec.kind == InputKind.USER_INPUT]
    pairs: list[tuple[Any, int]] = [
        (dim, size)
        for fake, leaf in zip(fakes, leaves, strict=True)
        if isinstance(fake, torch.Tensor)
        for dim, size in zip(fake.shape, leaf.shape, strict=True)
    ]
    symbolic = [(dim.node.expr, size) for dim, size in pairs if isinstance(dim, torch.SymInt)]
    known = {expression: size for expression, size in symbolic if expression.is_Symbol}
    if wrong := [(dim, size) for dim, size in pairs if isinstance(dim, int) and dim != size]:
        raise NotSpecializedError(f"a size {wrong[0][0]} is {wrong[0][1]}")
    for expression, size in symbolic:
        if expression.subs(known) != size:
            raise NotSpecializedError(f"a size {expression} is {size}")
    for symbol, allowed in program.range_constraints.items():
        if symbol in known and not allowed.lower <= known[symbol] <= allowed.upper:
            raise NotSpecializedError(f"a size {symbol} is {known[symbol]}")


def _own(program: ExportedProgram, target: str | None) -> Any:
    assert target is not None
    return program.state_dict[target] if target in program.state_dict else program.constants[target]


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float | torch.SymInt | torch.SymFloat | torch.SymBool)
