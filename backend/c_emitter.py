"""The C emitter: a Program as one C11 file that calls libcedr.

Loops stay loops: a grid is a nest of `for` with one submit per call; dependencies are computed in closed form, only when
they are asked for. A kernel is a function of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from cedr.backend.c_kernels import Kernels, Lines, c_affine
from cedr.backend.c_scalars import c_element, c_type
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
    tile_index,
)
from cedr.dialects.cedr import Affine, KernelOp, linear_index
from cedr.target.api import APIS
from cedr.target.manifest import TensorSpec

MAX_RANK = 8
"""CEDR_MAX_RANK of libcedr."""

ZIP_KINDS = {"add": 0, "sub": 1, "mul": 2, "div": 3, "cmp_mul": 4}


def emit_c(program: Program) -> str:
    """The C text of a module. Raises EmissionError, naming the call, for what has no C."""
    return CEmitter(program).emit()


def _task(base: int, calls: int, index: str, call: int) -> str:
    """The task of call `call` at a tile, as C; `index` is the tile's linear index, "" for 0."""
    if not index:
        return str(base + call)
    if calls > 1:
        index = f"{calls} * ({index})" if " " in index else f"{calls} * {index}"
    text = " + ".join([*([str(base + call)] if base + call else []), index])
    return f"(uint32_t)({text})"


class CEmitter:
    """What is written of a module for libcedr."""

    def __init__(self, program: Program):
        self.program = program
        self.out = Lines()
        self.kernels = Kernels(self.out)
        self.sites: list[str] = []
        self.strides: dict[tuple[tuple[int, ...], ...], str] = {}

    def emit(self) -> str:
        program = self.program
        body = Lines()
        for step in program.steps:
            match step:
                case Grid():
                    self._grid(step, body)
                case Join():
                    self._join(step, body)
                case Wait():
                    pass  # the host waits for all tasks: one line of run()
        text = [
            f"/* {program.name}: a CEDR task module. `make` builds it; see libcedr/cedr.h for its modes. */",
            "#include <math.h>",
            "",
            '#include "libcedr/cedr.h"',
            '#include "libcedr/cedr_complex.h"',
            "",
            *self._tensors(),
            *self._initial(),
            *self.out.lines,
            *self._stride_tables(),
            "",
            "static const cedr_site sites[] = {",
            *(self.sites or ["    {0},"]),
            "};",
            "",
            *body.lines,
            "static void run(cedr_context *cedr) {",
        ]
        text += [
            "  cedr_wait(cedr);" if isinstance(step, Wait) else f"  grid_{c_identifier(step.name)}(cedr);"
            for step in program.steps
        ]
        text += [
            "}",
            "",
            "static const cedr_module module = {",
            *self._module_tensors(),
            "    .sites = sites,",
            f"    .site_count = {len(self.sites)},",
            f"    .arena_bytes = INT64_C({program.arena_bytes}),",
            f"    .task_count = {program.task_count},",
            "    .run = run,",
            "};",
            "",
            "int main(int argc, char **argv) {",
            "  return cedr_main(argc, argv, &module);",
            "}",
            "",
        ]
        return "\n".join(text)

    def _initial(self) -> list[str]:
        """The table of the weights that inputs are where none are given, if there are any."""
        places = {weight.name: place for place, weight in enumerate(self.program.weights)}
        initial = [-1 if spec.initial is None else places[spec.initial] for spec in self.program.inputs]
        if max(initial, default=-1) < 0:
            return []
        return [f"static const int32_t initial[] = {{{', '.join(map(str, initial))}}};", ""]

    def _tensors(self) -> Iterator[str]:
        """The tables of the inputs, outputs and weights."""
        for name, tensors in self._tensor_lists():
            if not tensors:
                continue
            yield f"static const cedr_tensor {name}[] = {{"
            for tensor in tensors:
                c_type(tensor.dtype, f"{name[:-1]} '{tensor.name}'")
                if len(tensor.shape) > MAX_RANK:
                    raise EmissionError(
                        f"{name[:-1]} '{tensor.name}' has {len(tensor.shape)} dimensions, C modules take {MAX_RANK}"
                    )
                shape = ", ".join(map(str, tensor.shape)) or "1"
                yield f"    {{{json.dumps(tensor.name)}, CEDR_{tensor.dtype.upper()}, {len(tensor.shape)}, {{{shape}}}}},"
            yield "};"
            yield ""

    def _module_tensors(self) -> Iterator[str]:
        """The first fields of the module's description: its name, inputs, outputs, weights, and where states begin."""
        yield f'    .name = "{self.program.name}",'
        for name, tensors in self._tensor_lists():
            yield f"    .{name} = {name if tensors else 'NULL'},"
            yield f"    .{name[:-1]}_count = {len(tensors)},"
        yield f"    .initial = {'initial' if self._initial() else 'NULL'},"

    def _tensor_lists(self) -> tuple[tuple[str, tuple[TensorSpec, ...]], ...]:
        program = self.program
        return ("inputs", program.inputs), ("outputs", program.outputs), ("weights", program.weights)

    def _stride_tables(self) -> Iterator[str]:
        for shape, name in self.strides.items():
            rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in shape)
            yield f"static const int64_t {name}[][CEDR_MAX_RANK] = {{{rows}}};"

    # Steps.

    def _grid(self, grid: Grid, body: Lines) -> None:
        body.open(f"static void grid_{c_identifier(grid.name)}(cedr_context *cedr)")
        depth = body.depth
        used = self._used_dims(grid)
        for i, extent in enumerate(grid.domain):
            if i in used or extent > 1:
                body.open(f"for (int32_t d{i} = 0; d{i} < {extent}; ++d{i})")
        index = tile_index(grid)
        body.add(f"const int32_t tile = {c_affine(self._without_unit_dims(index, grid, used))};")
        pointers = self._pointers(grid, (tile for call in grid.calls for tile in call.tiles), body, used)
        for c, call in enumerate(grid.calls):
            site = self._site(grid, c, call)
            if call.after:
                body.open("if (cedr->recording)")
                for entry in call.after:
                    self._after(entry, grid, body, used)
                body.close()
            arguments = ", ".join(pointers[tile] for tile in call.tiles)
            task = _task(grid.base, len(grid.calls), "tile", c)
            body.add(f"cedr_submit(cedr, {task}, &sites[{site}], (void *const[]){{{arguments}}});")
        body.close_all(depth)
        body.close()
        body.add()

    @staticmethod
    def _used_dims(grid: Grid) -> set[int]:
        """Dimensions that the emitted code names; those of extent 1 are 0 and drop out."""
        return {i for i, extent in enumerate(grid.domain) if extent > 1}

    @staticmethod
    def _without_unit_dims(value: Affine, grid: Grid, used: set[int]) -> Affine:
        return Affine(
            tuple(c if i in used else 0 for i, c in enumerate(value.coefficients)), value.constant, value.divisor
        )

    def _pointers(self, grid: Grid, tiles: Iterable[Tile], body: Lines, used: set[int]) -> dict[Tile, str]:
        """Declares a pointer per distinct tile."""
        names: dict[Tile, str] = {}
        for tile in tiles:
            if tile in names:
                continue
            name = f"t{len(names)}"
            element = c_element(tile.buffer.dtype, grid.where())
            offset = self._without_unit_dims(tile.offset, grid, used)
            if tile.slots:
                slot = f"tile % {tile.slots}" if tile.slots > 1 else "0"
                position = f"(int64_t)({slot}) * {tile.slot_elements}"
            else:
                position = self._wide(offset)
            root = {
                "arena": f"cedr->arena + {tile.buffer.index}",
                "input": f"cedr->input[{tile.buffer.index}]",
                "output": f"cedr->output[{tile.buffer.index}]",
                "weight": f"cedr->weight[{tile.buffer.index}]",
            }[tile.buffer.space]
            pointer = f"({element} *)(void *)({root})" if tile.buffer.space == "arena" else f"({element} *){root}"
            tail = "" if position == "0" else f" + {position}"
            body.add(f"{element} *const {name} = {pointer}{tail};")
            names[tile] = name
        return names

    @staticmethod
    def _wide(offset: Affine) -> str:
        """An element offset, computed in 64 bits."""
        terms = [f"INT64_C({c}) * d{i}" if c != 1 else f"d{i}" for i, c in enumerate(offset.coefficients) if c]
        if offset.constant or not terms:
            terms.append(str(offset.constant))
        return "(" + " + ".join(terms) + ")" if len(terms) > 1 else terms[0]

    def _after(self, entry: Edge | Lag, grid: Grid, body: Lines, used: set[int]) -> None:
        if isinstance(entry, Lag):
            task = _task(grid.base, len(grid.calls), f"tile - {entry.distance}", entry.call)
            body.open(f"if (tile >= {entry.distance})")
            body.add(f"cedr_after(cedr, {task});")
            body.close()
            return
        depth = body.depth
        if entry.first and grid.is_ordered and grid.domain[-1] > 1:
            body.open(f"if (d{len(grid.domain) - 1} == 0)")
        names: list[str] = []
        for i, ((low, high), extent) in enumerate(zip(entry.box, entry.extents, strict=True)):
            low, high = (self._without_unit_dims(v, grid, used) for v in (low, high))
            first, last = self._clamped(low, extent, grid, upper=False), self._clamped(high, extent, grid, upper=True)
            if first == last:
                names.append(first if first.isidentifier() or first.isdecimal() else f"({first})")
                continue
            name = f"a{body.depth}_{i}"
            body.open(f"for (int32_t {name} = {first}; {name} <= {last}; ++{name})")
            names.append(name)
        index = linear_index(entry.extents)
        terms = [f"{c} * {n}" if c != 1 else n for c, n in zip(index.coefficients, names, strict=True) if n != "0"]
        body.add(f"cedr_after(cedr, {_task(entry.base, entry.calls, ' + '.join(terms), entry.call)});")
        body.close_all(depth)

    @staticmethod
    def _clamped(value: Affine, extent: int, grid: Grid, upper: bool) -> str:
        """A bound of a box, clamped to the target's domain where it can leave it."""
        smallest, largest = value.bounds(grid.domain)
        text = c_affine(value)
        if value.divisor > 1:
            text = f"(int32_t){text}"
        if upper and largest > extent - 1:
            return f"cedr_min({text}, {extent - 1})"
        if not upper and smallest < 0:
            return f"cedr_max({text}, 0)"
        return text

    def _join(self, join: Join, body: Lines) -> None:
        self.sites.append(self._site_text(None, 0, join.name, (), None, 0, self._class_line(len(self.sites))))
        self._alone(
            join.name, join.after, body, f"cedr_submit(cedr, {join.base}, &sites[{len(self.sites) - 1}], NULL);"
        )

    def _alone(self, name: str, after: Sequence[Edge], body: Lines, submit: str) -> None:
        point = Grid(name, 0, (), False, ())
        body.open(f"static void grid_{c_identifier(name)}(cedr_context *cedr)")
        if after:
            body.open("if (cedr->recording)")
            for edge in after:
                self._after(edge, point, body, set())
            body.close()
        body.add(submit)
        body.close()
        body.add()

    # Sites.

    def _class_line(self, index: int) -> str:
        return self.program.classes[index].to_json()

    def _site(self, grid: Grid, index: int, call: Call) -> int:
        """Adds the call's site, and its function for a kernel; returns the site's number."""
        where = grid.where(index)
        api = call.call_class.api
        if isinstance(call.op, KernelOp):
            function = self.kernels.function(grid, call, call.op, where)
            dims: tuple[int, ...] = ()
        else:
            function = self._library_function(call, where)
            dims = tuple(call.call_class.dims[d] for d in APIS[api].dims)
        variant = self._variant(call)
        strides = None if isinstance(call.op, KernelOp) else self._strides(call, api)
        number = len(self.sites)
        self.sites.append(
            self._site_text(
                function, len(call.tiles), f"{grid.name}:{index}", dims, strides, variant, self._class_line(number)
            )
        )
        return number

    @staticmethod
    def _library_function(call: Call, where: str) -> str:
        api, dtype = call.call_class.api, call.call_class.dtype
        if dtype not in APIS[api].c_dtypes:
            known = ", ".join(APIS[api].c_dtypes) or "no element type"
            raise EmissionError(f"{where}: libcedr's {api} takes {known}, got {dtype}; use --emit python")
        return f"cedr_{api}_{dtype}"

    @staticmethod
    def _variant(call: Call) -> int:
        attributes = call.call_class.attributes
        if call.call_class.api == "zip":
            return ZIP_KINDS[str(attributes["kind"])]
        return int(bool(attributes.get("transpose_b") or attributes.get("inverse")))

    def _strides(self, call: Call, api: str) -> str:
        """The table of the operands' strides; zip's are aligned to the right, with the shape as a last row."""
        rows: list[tuple[int, ...]]
        if api == "zip":
            rank = len(call.tiles[0].shape)
            rows = [(0,) * (MAX_RANK - rank) + tile.strides for tile in call.tiles]
            rows.append((1,) * (MAX_RANK - rank) + call.tiles[0].shape)
        else:
            rows = [tile.strides for tile in call.tiles]
        return self.strides.setdefault(tuple(rows), f"strides_{len(self.strides)}")

    @staticmethod
    def _site_text(
        function: str | None,
        operands: int,
        label: str,
        dims: Sequence[int],
        strides: str | None,
        variant: int,
        line: str,
    ) -> str:
        fields = [f".run = {function or 'NULL'}", f".operands = {operands}", f".record = {json.dumps(line)}"]
        if dims:
            fields.append(f".dims = {{{', '.join(map(str, dims))}}}")
        if strides is not None:
            fields.append(f".strides = {strides}")
        if variant:
            fields.append(f".variant = {variant}")
        return f"    /* {label} */\n    {{{', '.join(fields)}}},"
