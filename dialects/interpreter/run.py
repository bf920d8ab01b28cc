"""Executes a module of any level: `interpret` is what the tests compare every pass and every emitter with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, ShapedType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsTerminator
from xdsl.utils.exceptions import InterpretationError

from cedr.dialects.cedr import WeightOp, element_type_of, shape_of
from cedr.dialects.element_types import dtype_name, numpy_dtype
from cedr.dialects.extensions import GlobalOp
from cedr.dialects.interpreter import cedr, linalg
from cedr.dialects.interpreter.scalar import evaluate, stored_constant

Array = NDArray[Any]

OPERATIONS: dict[type[Operation], Callable[[Any, Sequence[Any], Any], Sequence[Any]]] = {
    **linalg.OPERATIONS,
    **cedr.OPERATIONS,
}
"""Op class -> what it does: `(op, operands, run) -> results`. Tensors are arrays of `numpy_dtype` (bf16 as its bits),
scalars NumPy scalars (bf16 as float32)."""

_SCALAR_DIALECTS = ("arith", "math", "complex")


class Run(cedr.Surroundings):
    """One execution: the module, its weights, and the values computed so far."""

    def __init__(self, module: ModuleOp, weights: Mapping[str, Array]):
        super().__init__(weights, cedr.Memory())
        self.functions = {op.sym_name.data: op for op in module.walk() if isinstance(op, func.FuncOp)}
        self.values: dict[SSAValue, Any] = {}
        self.variables = {op.sym_name.data: op for op in module.ops if isinstance(op, GlobalOp)}
        self.globals: dict[str, Any] = {}
        """What `ml_program.global_store` wrote."""

    def global_value(self, name: str) -> Any:
        """What a variable of the module holds. Raises InterpretationError where there is none, or nothing in it."""
        if name in self.globals:
            return self.globals[name]
        if name not in self.variables:
            raise InterpretationError(f"no ml_program.global @{name}; there are {_names(self.variables)}")
        value = self.variables[name].value
        if not isinstance(value, DenseIntOrFPElementsAttr):
            raise InterpretationError(f"the value of ml_program.global @{name} is not in the IR")
        return stored_constant(value)

    def call(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        """The results of a function of the module. Raises InterpretationError where there is none of that name."""
        function = self.functions.get(name)
        if function is None or function.is_declaration:
            raise InterpretationError(f"no function @{name}; the functions are {_names(self.functions)}")
        return list(self.block(function.body.block, arguments))

    def block(self, block: Block, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """Executes the ops of a block in order; the operands of its terminator."""
        self.values.update(zip(block.args, arguments, strict=True))
        for op in block.ops:
            if op.has_trait(IsTerminator):
                return tuple(self.values[v] for v in op.operands)
            results = self.operation(op, [self.values[v] for v in op.operands])
            self.values.update(zip(op.results, results, strict=True))
        raise InterpretationError("a block ends without a terminator")

    def operation(self, op: Operation, operands: Sequence[Any]) -> Sequence[Any]:
        """The results of one op. Raises InterpretationError, naming the op, where it has no meaning here."""
        if (meaning := OPERATIONS.get(type(op))) is not None:
            return meaning(op, operands, self)
        if op.name.partition(".")[0] in _SCALAR_DIALECTS and not isinstance(op.results[0].type, ShapedType):
            return [evaluate(op, operands)]
        types = ", ".join(str(v.type) for v in (*op.operands, *op.results))
        raise InterpretationError(f"no NumPy meaning for '{op.name}' on {types or 'nothing'}")


def interpret(
    module: ModuleOp, inputs: Sequence[Array], weights: Mapping[str, Array], function: str = "main"
) -> list[Array]:
    """The results of a function: on tensors in the order of its results, on buffers of its `cedr.output` arguments.

    inputs: an array per argument (those for results excepted), of its shape and `numpy_dtype`. weights: by the names of
    the module's `cedr.weight` ops. Raises InterpretationError for inputs that don't fit, a weight that is missing or of
    another type, and an op that it does not know.
    """
    _check_weights(module, weights)
    run = Run(module, weights)
    if function not in run.functions or run.functions[function].is_declaration:
        raise InterpretationError(f"no function @{function}; the functions are {_names(run.functions)}")
    op = run.functions[function]
    is_output = cedr.output_arguments(op)
    wanted = [arg for arg, output in zip(op.body.block.args, is_output, strict=True) if not output]
    if len(inputs) != len(wanted):
        raise InterpretationError(f"@{function} takes {len(wanted)} inputs, got {len(inputs)}")
    arrays = []
    for index, (value, arg) in enumerate(zip(inputs, wanted, strict=True)):
        array, type_ = np.asarray(value), arg.type
        element = type_.get_element_type() if isinstance(type_, linalg.SHAPED) else type_
        shape = type_.get_shape() if isinstance(type_, linalg.SHAPED) else ()
        if array.shape != tuple(shape) or array.dtype != numpy_dtype(element):
            got = f"{array.dtype}{list(array.shape)}"
            raise InterpretationError(f"input {index} of @{function} is {dtype_name(element)}{list(shape)}, got {got}")
        arrays.append(array)
    if any(is_output):
        return list(cedr.run_function(op, arrays, weights))
    return [np.array(result) for result in run.call(function, arrays)]


def _check_weights(module: ModuleOp, weights: Mapping[str, Array]) -> None:
    for op in module.walk():
        if not isinstance(op, WeightOp):
            continue
        name = op.weight_name
        if name not in weights:
            raise InterpretationError(f"no weight {name!r} among the {len(weights)} given")
        shape, dtype = shape_of(op.result), numpy_dtype(element_type_of(op.result))
        if weights[name].shape != shape or weights[name].dtype != dtype:
            got = f"{weights[name].dtype}{list(weights[name].shape)}"
            raise InterpretationError(f"weight {name!r} is {dtype}{list(shape)} in the IR, got {got}")


def _names(functions: Mapping[str, object]) -> str:
    return ", ".join(f"@{name}" for name in functions) or "none"
