"""Kernels as C functions with static bounds and strides, in the common ground of C and C++."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import SSAValue

from cedr.backend.c_scalars import c_element, c_type, expression, literal, loaded, stored
from cedr.backend.program import Call, EmissionError, Grid, Tile, c_identifier
from cedr.dialects.cedr import Affine, KernelOp, LoadOp, affine_results, shared_dims
from cedr.dialects.element_types import dtype_name


def c_affine(value: Affine, names: Sequence[str] | None = None) -> str:
    """An affine expression as C."""
    names = names or [f"d{i}" for i in range(value.num_dims)]
    terms = [f"{names[i]}" if c == 1 else f"{c} * {names[i]}" for i, c in enumerate(value.coefficients) if c]
    if value.constant or not terms:
        terms.append(str(value.constant))
    text = " + ".join(terms).replace("+ -", "- ")
    return text if value.divisor == 1 else f"cedr_floordiv({text}, {value.divisor})"


@dataclass
class Lines:
    """Text with indentation."""

    lines: list[str] = field(default_factory=list)
    depth: int = 0

    def add(self, text: str = "") -> None:
        self.lines.append("  " * self.depth + text if text else "")

    def open(self, text: str) -> None:
        self.add(f"{text} {{".lstrip())
        self.depth += 1

    def close(self, text: str = "}") -> None:
        self.depth -= 1
        self.add(text)

    def close_all(self, depth: int) -> None:
        while self.depth > depth:
            self.close()


class Kernels:
    """The functions of a module's kernels."""

    def __init__(self, out: Lines):
        self.out = out
        self.names: dict[str, int] = {}

    def function(self, grid: Grid, call: Call, op: KernelOp, where: str) -> str:
        """Adds the function of a kernel; returns its name."""
        name = c_identifier(f"{grid.name}_{op.sym_name.data}")
        count = self.names.setdefault(name, 0)
        self.names[name] += 1
        name = f"{name}_{count}" if count else name
        bounds = op.get_bounds()
        out = self.out
        out.open(f"static void {name}(const cedr_site *site, void *const operand[])")
        out.add("(void)site;")
        ins = len(op.inputs)
        reads = op.reads_outputs()
        dtypes = [tile.buffer.dtype for tile in call.tiles]
        types = [c_type(dtype, where) for dtype in dtypes]
        whole = op.takes_whole()
        positions = [
            "" if w else self._element(affine_results(m), t)
            for m, t, w in zip(op.maps.data, call.tiles, whole, strict=True)
        ]
        args = op.body.block.args
        tables: dict[SSAValue, tuple[str, Tile]] = {
            args[i]: (f"p{i}", tile) for i, tile in enumerate(call.tiles) if whole[i]
        }
        for i, dtype in enumerate(dtypes):
            element = ("const " if i < ins else "") + c_element(dtype, where)
            if i >= ins or args[i].uses.get_length():
                out.add(f"{element} *const p{i} = ({element} *)operand[{i}];")
        reductions = op.reduction_dims()
        parallel = [i for i in range(len(bounds)) if i not in reductions]
        innermost = bool(reductions) and all(r > p for r in reductions for p in parallel)
        used = [shared_dims([affine_results(m)]) for m in op.maps.data]
        # Outs that stay at one element while the reduction runs are kept in a variable.
        kept = [o for o in range(len(dtypes) - ins) if innermost and not used[ins + o] & {*reductions}]
        depth = out.depth
        loops = parallel if innermost else list(range(len(bounds)))
        if op.init is not None and reductions:
            for o, value in enumerate(op.init.data):
                if o not in kept and (not innermost or args[ins + o].uses.get_length()):
                    start = stored(dtypes[ins + o], literal(value, where))
                    self._initialise(bounds, used[ins + o], f"p{ins + o}[{positions[ins + o]}]", start)
        for i in loops:
            out.open(f"for (int64_t d{i} = 0; d{i} < {bounds[i]}; ++d{i})")
        names: dict[SSAValue, str] = {}
        if innermost:
            for o in kept:
                element = types[ins + o]
                current = loaded(dtypes[ins + o], f"p{ins + o}[{positions[ins + o]}]")
                start = current if op.init is None else literal(op.init.data[o], where)
                if op.init is not None or reads[o] or args[ins + o].uses.get_length():
                    out.add(f"{element} a{o} = {start};")
                else:
                    out.add(f"{element} a{o} = 0;")
            for i in reductions:
                out.open(f"for (int64_t d{i} = 0; d{i} < {bounds[i]}; ++d{i})")
        for i, argument in enumerate(args):
            if not argument.uses.get_length() or argument in tables:
                continue
            names[argument] = f"v{len(names)}"
            if i - ins in kept:
                source = f"a{i - ins}"
            elif i >= ins and op.init is not None and not reductions:
                source = literal(op.init.data[i - ins], where)
            else:
                source = loaded(dtypes[i], f"p{i}[{positions[i]}]")
            out.add(f"const {types[i]} {names[argument]} = {source};")
        yielded = self._region(op, names, tables, where)
        for o, value in enumerate(yielded):
            if o in kept:
                out.add(f"a{o} = {value};")
            else:
                out.add(f"p{ins + o}[{positions[ins + o]}] = {stored(dtypes[ins + o], value)};")
        if innermost:
            out.close_all(depth + len(parallel))
            for o in kept:
                out.add(f"p{ins + o}[{positions[ins + o]}] = {stored(dtypes[ins + o], f'a{o}')};")
        out.close_all(depth)
        out.close()
        out.add()
        return name

    def _region(
        self, op: KernelOp, names: dict[SSAValue, str], tables: dict[SSAValue, tuple[str, Tile]], where: str
    ) -> list[str]:
        block = op.body.block
        for inner in block.ops:
            if inner.name == "cedr.yield":
                return [names[v] for v in inner.operands]
            name = f"v{len(names)}"
            names[inner.results[0]] = name
            if inner.name == "cedr.index":
                dim = inner.properties["dim"]
                assert isinstance(dim, IntegerAttr)
                self.out.add(f"const int64_t {name} = d{dim.value.data};")
                continue
            element = c_type(dtype_name(inner.results[0].type), where)
            if isinstance(inner, LoadOp):
                pointer, tile = tables[inner.tile]
                terms = [
                    f"cedr_at({names[i]}, {size}) * {stride}" if stride != 1 else f"cedr_at({names[i]}, {size})"
                    for i, size, stride in zip(inner.indices, tile.shape, tile.strides, strict=True)
                ]
                value = loaded(tile.buffer.dtype, f"{pointer}[{' + '.join(terms) or '0'}]")
                self.out.add(f"const {element} {name} = {value};")
                continue
            text = expression(inner, [names[v] for v in inner.operands], where)
            self.out.add(f"const {element} {name} = {text};")
        raise EmissionError(f"{where}: its region ends without a yield")

    def _initialise(self, bounds: Sequence[int], loops: Collection[int], target: str, value: str) -> None:
        out = self.out
        depth = out.depth
        for i in sorted(loops):
            out.open(f"for (int64_t d{i} = 0; d{i} < {bounds[i]}; ++d{i})")
        out.add(f"{target} = {value};")
        out.close_all(depth)

    @staticmethod
    def _element(results: Sequence[Affine], tile: Tile) -> str:
        """A kernel map's element of a tile as a C index."""
        terms = []
        for result, stride in zip(results, tile.strides, strict=True):
            if result.is_constant() and result.constant == 0:
                continue
            text = c_affine(result)
            if stride == 1:
                terms.append(text)
            else:
                terms.append(f"({text}) * {stride}" if " " in text and result.divisor == 1 else f"{text} * {stride}")
        return " + ".join(terms) or "0"
