"""The Python emitter: a Program as one module that needs NumPy and cedr.runtime alone.

One call per grid; a kernel is a function of NumPy arrays. Everything is stated in the text: shapes, windows,
dependencies, constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType
from xdsl.ir import Attribute, Operation, SSAValue

from cedr.backend.program import (
    Call,
    Edge,
    EmissionError,
    Grid,
    Join,
    Lag,
    Program,
    Tile,
    Wait,
    c_identifier,
)
from cedr.dialects.cedr import Affine, ConvolutionOp, KernelOp, LoadOp, affine_results
from cedr.dialects.constants import CONSTANT_OPS, complex_parts
from cedr.dialects.element_types import dtype_name, element_size_bytes, numpy_dtype
from cedr.target.dtypes import numpy_dtype as target_dtype
from cedr.target.manifest import TensorSpec

PYTHON_DTYPES = ("f64", "f32", "f16", "i64", "i32", "i16", "i8", "u8", "i1", "c64")


def emit_python(program: Program) -> str:
    """The Python text of a module. Raises EmissionError, naming the call, for what has no NumPy form."""
    return _Emitter(program).emit()


def _check(dtype: str, where: str) -> str:
    if dtype not in PYTHON_DTYPES:
        raise EmissionError(
            f"{where}: elements of {dtype} cannot be emitted as Python (there are {', '.join(PYTHON_DTYPES)}); "
            "convert the model to float32"
        )
    return dtype


class _Emitter:
    def __init__(self, program: Program):
        self.program = program
        self.functions: list[str] = []
        self.names: dict[str, int] = {}
        self.next_class = 0

    def emit(self) -> str:
        program = self.program
        body: list[str] = []
        for step in program.steps:
            match step:
                case Grid():
                    body += self._grid(step)
                case Join():
                    body += self._join(step)
                case Wait():
                    body.append("    run.wait()")
        return "\n".join(
            [
                f'"""{program.name}: a CEDR task module. Needs NumPy and cedr.runtime; `python {program.name}.py --help`."""',
                "",
                "import numpy as np",
                "",
                "from cedr.runtime import module as cedr",
                "from cedr.runtime.module import Affine, Call, Edge, Lag, Tile",
                "from cedr.target.api import CallClass",
                "from cedr.target.manifest import TensorSpec",
                "",
                "MODULE = cedr.Module(",
                f"    name={program.name!r},",
                *self._tensors("inputs", program.inputs),
                *self._tensors("outputs", program.outputs),
                *self._tensors("weights", program.weights),
                f"    arena_bytes={program.arena_bytes},",
                f"    task_count={program.task_count},",
                ")",
                "",
                *self.functions,
                "",
                "def run(run: cedr.Run) -> None:",
                *body,
                "",
                "",
                'if __name__ == "__main__":',
                "    cedr.main(MODULE, run, __file__)",
                "",
            ]
        )

    @staticmethod
    def _tensors(name: str, tensors: Sequence[TensorSpec]) -> list[str]:
        for tensor in tensors:
            _check(tensor.dtype, f"{name[:-1]} '{tensor.name}'")
        lines = [
            f"        TensorSpec({t.name!r}, {t.dtype!r}, {t.shape!r}"
            + "".join(
                f", {role}={value!r}" for role in ("initial", "updates") if (value := getattr(t, role)) is not None
            )
            + "),"
            for t in tensors
        ]
        return [f"    {name}=(", *lines, "    ),"]

    def _class(self) -> str:
        value = self.program.classes[self.next_class]
        self.next_class += 1
        return (
            f"CallClass(api={value.api!r}, dtype={value.dtype!r}, dims={dict(value.dims)!r}, "
            f"attributes={dict(value.attributes)!r}, label={value.label!r})"
        )

    def _grid(self, grid: Grid) -> list[str]:
        lines = [
            f"    # {grid.name}",
            "    run.grid(",
            f"        base={grid.base},",
            f"        domain={grid.domain!r},",
        ]
        if grid.is_ordered:
            lines.append("        is_ordered=True,")
        if not _independent(grid):
            lines.append("        batched=False,")
        lines.append("        calls=(")
        for index, call in enumerate(grid.calls):
            where = grid.where(index)
            outs = len(call.op.outputs)
            lines += [
                "            Call(",
                f"                record={self._class()},",
                f"                compute={self._compute(grid, call, where)},",
                *self._tiles("ins", call.tiles[:-outs], where),
                *self._tiles("outs", call.tiles[-outs:], where),
                "                after=(",
                *(f"                    {_after(entry)}," for entry in call.after),
                "                ),",
                "            ),",
            ]
        return [*lines, "        ),", "    )"]

    def _join(self, join: Join) -> list[str]:
        return [
            f"    # {join.name}",
            "    run.join(",
            f"        {self._class()},",
            f"        base={join.base},",
            "        after=(",
            *(f"            {_after(entry)}," for entry in join.after),
            "        ),",
            "    )",
        ]

    @staticmethod
    def _tiles(name: str, tiles: Sequence[Tile], where: str) -> list[str]:
        lines = []
        for tile in tiles:
            buffer = tile.buffer
            slots = f", slots={tile.slots}, slot_elements={tile.slot_elements}" if tile.slots else ""
            lines.append(
                f"                    Tile({buffer.space!r}, {buffer.index}, {_check(buffer.dtype, where)!r}, {tile.shape!r}, "
                f"{tile.strides!r}, {_affine(tile.offset)}{slots}),"
            )
        return [f"                {name}=(", *lines, "                ),"]

    def _compute(self, grid: Grid, call: Call, where: str) -> str:
        op = call.op
        if isinstance(op, KernelOp):
            return self._kernel(grid, op, where)
        attributes = call.call_class.attributes
        if isinstance(op, ConvolutionOp):
            return f"cedr.{op.api}(strides={op.get_strides()!r}, dilations={op.get_dilations()!r})"
        match op.api:
            case "gemm":
                return f"cedr.gemm(transpose_b={bool(attributes['transpose_b'])})"
            case "fft":
                return f"cedr.fft(inverse={bool(attributes['inverse'])})"
            case "zip":
                return f"cedr.zip_({attributes['kind']!r})"
        raise EmissionError(f"{where}: no Python for '{op.name}'")

    def _kernel(self, grid: Grid, op: KernelOp, where: str) -> str:
        name = c_identifier(f"{grid.name}_{op.sym_name.data}")
        count = self.names.setdefault(name, 0)
        self.names[name] += 1
        name = f"{name}_{count}" if count else name
        block = op.body.block
        names: dict[SSAValue, str] = {arg: f"v{i}" for i, arg in enumerate(block.args)}
        lines = ["", f"def {name}({', '.join([*names.values(), 'index'])}):"]
        for inner in block.ops:
            if inner.name == "cedr.yield":
                lines.append(f"    return {', '.join(names[v] for v in inner.operands)}")
                break
            names[inner.results[0]] = f"v{len(names)}"
            text = _expression(inner, [names[v] for v in inner.operands], where)
            lines.append(f"    {names[inner.results[0]]} = {text}")
        self.functions += [*lines, ""]
        maps = ", ".join(
            "None" if whole else "(" + "".join(f"{_affine(r)}, " for r in affine_results(m)) + ")"
            for m, whole in zip(op.maps.data, op.takes_whole(), strict=True)
        )
        init = ""
        if op.init is not None:
            init = f", init=({''.join(_literal(v, where) + ', ' for v in op.init.data)})"
        return f"cedr.kernel({name}, {op.get_bounds()!r}, ({maps},){init})"


def _independent(grid: Grid) -> bool:
    """Whether no window of ins lies in memory that the grid's outs write, a tile that is both apart."""
    written = {t for c in grid.calls for t in c.tiles[len(c.op.inputs) :] if not t.slots}
    read = {t for c in grid.calls for t in c.tiles[: len(c.op.inputs)] if not t.slots} - written
    return not any(_may_overlap(r, w) for r in read for w in written)


def _may_overlap(a: Tile, b: Tile) -> bool:
    if a.buffer.space != b.buffer.space:
        return False
    if a.buffer.space != "arena":
        return a.buffer.index == b.buffer.index

    def span(tile: Tile) -> tuple[int, int]:
        count = math.prod(tile.buffer.shape)
        return tile.buffer.index, tile.buffer.index + count * target_dtype(tile.buffer.dtype).itemsize

    (a0, a1), (b0, b1) = span(a), span(b)
    return a0 < b1 and b0 < a1


def _affine(value: Affine) -> str:
    divisor = f", {value.divisor}" if value.divisor > 1 else ""
    constant = f", {value.constant}" if value.constant or divisor else ""
    return f"Affine({value.coefficients!r}{constant}{divisor})"


def _after(entry: Edge | Lag) -> str:
    if isinstance(entry, Lag):
        return f"Lag({entry.distance}, {entry.call})"
    box = "".join(f"({_affine(low)}, {_affine(high)}), " for low, high in entry.box)
    first = ", first=True" if entry.first else ""
    return f"Edge({entry.base}, {entry.calls}, {entry.call}, {entry.extents!r}, ({box}){first})"


def _scalar_type(element: Attribute, where: str) -> str:
    _check(dtype_name(element), where)
    return f"np.{numpy_dtype(element).name if numpy_dtype(element) != np.bool_ else 'bool_'}"


def _literal(attr: Attribute, where: str) -> str:
    """A scalar constant that evaluates to exactly the same NumPy value."""
    if isinstance(attr, FloatAttr):
        kind = _scalar_type(attr.type, where)
        value = float(attr.value.data)
        if math.isnan(value) or math.isinf(value):
            return f"{kind}({str(value)!r})"
        text = str(np.float32(value)) if kind == "np.float32" else repr(value)
        return f"{kind}({text})"
    if isinstance(attr, IntegerAttr):
        return f"{_scalar_type(attr.type, where)}({attr.value.data})"
    if (parts := complex_parts(attr)) is not None:
        return f"cedr.complex_of({', '.join(_literal(part, where) for part in parts)})[()]"
    raise EmissionError(f"{where}: constant {attr} cannot be emitted as Python")


_BINARY = {
    "arith.addf": "{0} + {1}",
    "arith.subf": "{0} - {1}",
    "arith.mulf": "{0} * {1}",
    "arith.divf": "{0} / {1}",
    "arith.remf": "np.fmod({0}, {1})",
    "arith.maximumf": "np.maximum({0}, {1})",
    "arith.minimumf": "np.minimum({0}, {1})",
    "arith.maxnumf": "np.fmax({0}, {1})",
    "arith.minnumf": "np.fmin({0}, {1})",
    "arith.addi": "{0} + {1}",
    "arith.subi": "{0} - {1}",
    "arith.muli": "{0} * {1}",
    "arith.floordivsi": "{0} // {1}",
    "arith.ceildivsi": "-(-{0} // {1})",
    "arith.divsi": "np.where(({0} < 0) == ({1} < 0), {0} // {1}, -(-{0} // {1}))",
    "arith.remsi": "np.fmod({0}, {1})",
    "arith.maxsi": "np.maximum({0}, {1})",
    "arith.minsi": "np.minimum({0}, {1})",
    "arith.andi": "{0} & {1}",
    "arith.ori": "{0} | {1}",
    "arith.xori": "{0} ^ {1}",
    "arith.shli": "{0} << {1}",
    "arith.shrsi": "{0} >> {1}",
    "math.powf": "np.power({0}, {1})",
    "math.fpowi": "np.power({0}, {1})",
    "math.atan2": "np.arctan2({0}, {1})",
    "math.copysign": "np.copysign({0}, {1})",
    "complex.add": "{0} + {1}",
    "complex.sub": "{0} - {1}",
    "complex.mul": "{0} * {1}",
    "complex.div": "{0} / {1}",
    "arith.negf": "-{0}",
    "complex.neg": "-{0}",
    "math.absf": "np.abs({0})",
    "math.absi": "np.abs({0})",
    "math.ceil": "np.ceil({0})",
    "math.floor": "np.floor({0})",
    "math.round": "np.trunc({0} + np.copysign(np.asarray(0.5, {0}.dtype), {0}))",
    "math.roundeven": "np.rint({0})",
    "math.trunc": "np.trunc({0})",
    "math.exp": "np.exp({0})",
    "math.exp2": "np.exp2({0})",
    "math.expm1": "np.expm1({0})",
    "math.log": "np.log({0})",
    "math.log1p": "np.log1p({0})",
    "math.log2": "np.log2({0})",
    "math.log10": "np.log10({0})",
    "math.sqrt": "np.sqrt({0})",
    "math.rsqrt": "(1 / np.sqrt({0})).astype({0}.dtype)",
    "math.cbrt": "np.cbrt({0})",
    "math.sin": "np.sin({0})",
    "math.cos": "np.cos({0})",
    "math.tan": "np.tan({0})",
    "math.sinh": "np.sinh({0})",
    "math.cosh": "np.cosh({0})",
    "math.tanh": "np.tanh({0})",
    "math.asin": "np.arcsin({0})",
    "math.acos": "np.arccos({0})",
    "math.atan": "np.arctan({0})",
    "math.asinh": "np.arcsinh({0})",
    "math.acosh": "np.arccosh({0})",
    "math.atanh": "np.arctanh({0})",
    "math.erf": "cedr.erf({0})",
    "math.fma": "{0} * {1} + {2}",
    "arith.select": "np.where({0}, {1}, {2})",
    "complex.pow": "np.power({0}, {1})",
    "complex.create": "cedr.complex_of({0}, {1})",
    "complex.eq": "{0} == {1}",
    "complex.neq": "{0} != {1}",
    "complex.angle": "np.arctan2(np.imag({0}), np.real({0}))",
    "complex.re": "np.real({0})",
    "complex.im": "np.imag({0})",
    "complex.abs": "np.abs({0})",
    "complex.exp": "np.exp({0})",
    "complex.log": "np.log({0})",
    "complex.sqrt": "np.sqrt({0})",
    "complex.sin": "np.sin({0})",
    "complex.cos": "np.cos({0})",
    "complex.tan": "np.tan({0})",
    "complex.tanh": "np.tanh({0})",
    "complex.conj": "np.conj({0})",
}
_COMPARE_FLOAT = (
    "np.zeros_like({0}, bool)",
    "{0} == {1}",
    "{0} > {1}",
    "{0} >= {1}",
    "{0} < {1}",
    "{0} <= {1}",
    "({0} < {1}) | ({0} > {1})",
    "({0} == {0}) & ({1} == {1})",
    "~(({0} < {1}) | ({0} > {1}))",
    "~({0} <= {1})",
    "~({0} < {1})",
    "~({0} >= {1})",
    "~({0} > {1})",
    "{0} != {1}",
    "({0} != {0}) | ({1} != {1})",
    "np.ones_like({0}, bool)",
)
_COMPARE_INT = ("==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">=")
_FIRST_UNSIGNED_PREDICATE = 6
_UNSIGNED_OPS = {
    "arith.maxui": "np.where({0} >= {1}, {0}, {1})",
    "arith.minui": "np.where({0} <= {1}, {0}, {1})",
    "arith.shrui": "{0} >> {1}",
    "arith.divui": "{0} // {1}",
    "arith.remui": "{0} % {1}",
}


def _expression(op: Operation, operands: Sequence[str], where: str) -> str:
    """One scalar operation as an expression on NumPy arrays. Raises EmissionError for an op it does not know."""
    if op.name == "cedr.index":
        dim = op.properties["dim"]
        assert isinstance(dim, IntegerAttr)
        return f"index.of({dim.value.data})"
    if isinstance(op, CONSTANT_OPS):
        return _literal(op.value, where)
    if isinstance(op, LoadOp):
        return f"index.load({', '.join(operands)})"
    kind = _scalar_type(op.results[0].type, where)
    if op.name in _BINARY:
        return _BINARY[op.name].format(*operands)
    if isinstance(op, arith.CmpfOp):
        return _COMPARE_FLOAT[op.predicate.value.data].format(*operands)
    if isinstance(op, arith.CmpiOp):
        predicate = op.predicate.value.data
        if predicate >= _FIRST_UNSIGNED_PREDICATE:
            operands = [_as_unsigned(v, op.lhs.type) for v in operands]
        return f"{operands[0]} {_COMPARE_INT[predicate]} {operands[1]}"
    if op.name in _UNSIGNED_OPS:
        unsigned = [_as_unsigned(v, op.results[0].type) for v in operands]
        return f"({_UNSIGNED_OPS[op.name].format(*unsigned)}).astype({kind})"
    if op.name in ("arith.sitofp", "arith.extsi") and _is_i1(op.operands[0].type):  # a signed one-bit 1 is -1
        return f"-np.asarray({operands[0]}).astype({kind})"
    if op.name == "arith.trunci" and _is_i1(op.results[0].type):
        return f"({operands[0]} & 1).astype(np.bool_)"
    if op.name in ("arith.uitofp", "arith.extui", "arith.index_castui"):
        return f"np.asarray({_as_unsigned(operands[0], op.operands[0].type)}).astype({kind})"
    if isinstance(op, arith.BitcastOp):
        return f"np.asarray({operands[0]}).view({kind})"
    if op.name in (
        "arith.extf",
        "arith.truncf",
        "arith.sitofp",
        "arith.fptosi",
        "arith.fptoui",
        "arith.extsi",
        "arith.trunci",
        "arith.index_cast",
    ):
        return f"np.asarray({operands[0]}).astype({kind})"
    raise EmissionError(f"{where}: no Python for '{op.name}'")


def _is_i1(element: Attribute) -> bool:
    return isinstance(element, IntegerType) and element.width.data == 1


def _as_unsigned(operand: str, element: Attribute) -> str:
    if _is_i1(element):
        return operand
    return f"np.asarray({operand}).view(np.uint{8 * element_size_bytes(element)})"
