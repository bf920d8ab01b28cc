"""From IR of any level to a module's directory: the pass pipeline, emission, packaging."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xdsl.dialects.builtin import MemRefType, ModuleOp, StringAttr
from xdsl.passes import ModulePass
from xdsl.printer import Printer
from xdsl.utils.exceptions import PassFailedException, VerifyException

from cedr.backend.c_emitter import emit_c
from cedr.backend.dash_emitter import emit_dash
from cedr.backend.package import replacing, write_ir, write_platform
from cedr.backend.program import Program
from cedr.backend.python_emitter import emit_python
from cedr.backend.toolchain import DASH_MODULE_FILES, build_module, copy_libcedr, makefile_text
from cedr.dialects.cedr import AllocOp, GridOp, PlanAttr, PlatformAttr, weight_names
from cedr.dialects.parsing import read_ir
from cedr.dialects.universe import make_context
from cedr.dialects.weights import CedrContext, WeightStore
from cedr.passes.import_linalg import argument_names, entry_function
from cedr.passes.pipelines import pipeline_passes
from cedr.passes.plan_memory import arena_figures
from cedr.passes.specialize_sizes import SpecializeSizesPass
from cedr.target.manifest import Emit, Manifest, ModuleFigures, hash_files
from cedr.target.platform import load_platform
from cedr.tools.options import CompileError as CompileError
from cedr.tools.options import CompileOptions as CompileOptions

WEIGHTS = "weights.safetensors"


@dataclass
class Compilation:
    """IR at the last level, with what was seen on the way."""

    module: ModuleOp
    weights: WeightStore
    program: Program
    text: str
    """The emitted C or Python."""
    compile_s: float
    """Passes and emission."""
    ir_bytes: dict[str, int]
    stages: dict[str, str] = field(default_factory=dict)
    """The IR's text by stage, if it was asked for."""
    stage_weights: set[str] = field(default_factory=set)
    """The weights that these stages name."""


def load_ir(path: Path) -> tuple[CedrContext, ModuleOp]:
    """A verified IR file, and a context with its weights mapped. Raises CedrError with file, line and a caret."""
    context = make_context(WeightStore())
    module = read_ir(context, path).module
    if weight_names(module):
        file = module.attributes.get("cedr.weights_file")
        name = file.data if isinstance(file, StringAttr) else WEIGHTS
        context.weights = WeightStore.load(path.parent / name)
    return context, module


def input_names(path: Path) -> list[str]:
    """What the inputs of the model in an IR file are called. Raises CedrError where it can't be read."""
    module = read_ir(make_context(WeightStore()), path).module
    return argument_names(entry_function(module, SpecializeSizesPass.name))


def print_ir(module: ModuleOp, context: CedrContext | None = None) -> str:
    """The module's text with its source locations; with a context, and with the weights that it keeps for the text."""
    stream = io.StringIO()
    printer = Printer(stream=stream, print_debuginfo=True)
    printer.print_op(module)
    if context is not None:
        printer.print_metadata(context.metadata())
    return stream.getvalue() + "\n"


def remaining_passes(module: ModuleOp, passes: Sequence[ModulePass]) -> list[ModulePass]:
    """The passes that IR of some level still needs: the pipeline goes on behind the level that it has reached."""
    grids = [op for op in module.walk() if isinstance(op, GridOp)]
    if any(grid.base is not None for grid in grids):
        return []
    first = None
    if any(isinstance(v.type, MemRefType) for grid in grids for v in grid.outputs):
        allocs = [op for op in module.walk() if isinstance(op, AllocOp)]
        placed = bool(allocs) and all(op.offset is not None for op in allocs)
        first = "add-dependencies" if placed else "plan-memory"
    elif grids:
        first = "bufferize"
    elif any(isinstance(a, PlanAttr) for op in module.walk() for a in op.attributes.values()):
        first = "convert-linalg-to-cedr"
    if first is None:
        return list(passes)
    names = [p.name for p in passes]
    if first not in names:
        raise CompileError(f"the IR goes on with the pass '{first}', which the pipeline lacks ({', '.join(names)})")
    return list(passes[names.index(first) :])


@dataclass
class _Stages:
    """The IR's length by stage, and where they are kept the texts, and the weights that they name."""

    keep: bool
    measure: bool
    context: CedrContext
    sizes: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    weights: set[str] = field(default_factory=set)

    def note(self, name: str, module: ModuleOp) -> None:
        if not (self.keep or self.measure):
            return
        text = print_ir(module)
        while name in self.sizes:
            name += "_again"
        self.sizes[name] = len(text.encode())
        if self.keep:
            self.texts[name] = print_ir(module, self.context) if self.context.resources else text
            self.weights.update(weight_names(module))


def compile_ir(
    context: CedrContext,
    module: ModuleOp,
    options: CompileOptions,
    first_stage: str,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Compilation:
    """Run what remains of the pipeline on `module` (in place) and emit. `shapes` of inputs by name say the sizes that the
    module leaves open. Raises CedrError for every refusal."""
    passes = remaining_passes(module, pipeline_passes(options.pipeline, options.platform, options.hw))
    passes = [*SpecializeSizesPass.for_shapes(module, shapes or {}), *passes]
    weights = context.weights if context.weights is not None else WeightStore()
    # Stages are saved in DIR/ir; the weights stand in the folder above.
    module.attributes["cedr.weights_file"] = StringAttr(f"../{WEIGHTS}")
    stages = _Stages(options.save_ir, options.measure_ir, context)
    stages.note(first_stage, module)
    compile_s, hash_s = 0.0, weights.hash_s
    for position, one in enumerate(passes):
        start = time.perf_counter()
        try:
            one.apply(context, module)
        except (PassFailedException, VerifyException) as error:
            raise CompileError(f"pass '{one.name}': {error}") from error
        compile_s += time.perf_counter() - start
        if position + 1 == len(passes) or passes[position + 1].name != one.name:
            stages.note(one.name, module)
    start = time.perf_counter()
    try:
        module.verify()
    except VerifyException as error:
        raise CompileError(f"the pipeline '{options.pipeline}' left IR that does not verify: {error}") from error
    program = Program.of(module)
    text = _emit(program, options)
    # Naming folded weights by their content is part of writing them, not of the passes.
    compile_s += time.perf_counter() - start - (weights.hash_s - hash_s)
    return Compilation(module, weights, program, text, compile_s, stages.sizes, stages.texts, stages.weights)


def _emit(program: Program, options: CompileOptions) -> str:
    if options.emit == "python":
        return emit_python(program)
    return emit_dash(program, options.dash_zip) if options.abi == "dash" else emit_c(program)


def write_module(
    compilation: Compilation,
    directory: Path,
    options: CompileOptions,
    model: str,
    export_s: float | None = None,
) -> Manifest:
    """Write and build the module's directory, whole or not at all; returns its manifest."""
    program = compilation.program
    name = program.name
    emit: Emit = "c" if options.emit == "c" else "python"
    with replacing(directory) as folder:
        files: list[str] = []
        build_s = None
        source = f"{name}.c" if emit == "c" else f"{name}.py"
        (folder / source).write_text(compilation.text)
        files.append(source)
        names = [weight.name for weight in program.weights]
        if compilation.stages:
            files += write_ir(folder, compilation.stages)
            names = [name for name in compilation.weights if name in compilation.stage_weights]
        compilation.weights.save(folder / WEIGHTS, names)
        files.append(WEIGHTS)
        if emit == "c":
            (folder / "Makefile").write_text(makefile_text(name, options.abi, options.target))
            files.append("Makefile")
        if options.abi == "dash":  # built where CEDR's headers are
            files += copy_libcedr(folder, DASH_MODULE_FILES)
        elif emit == "c":
            files += copy_libcedr(folder)
            start = time.perf_counter()
            build_module(folder, name, target=options.target)
            build_s = time.perf_counter() - start
            files.append(name)
        arena_bytes, arena_bound_bytes = arena_figures(compilation.module)
        platform = load_platform(options.platform)
        platform_file = write_platform(folder, platform)
        if platform_file is not None:
            files.append(platform_file)
        manifest = Manifest(
            name=name,
            model=model,
            emit=emit,
            abi=options.abi,
            target=options.target,
            inputs=program.inputs,
            outputs=program.outputs,
            pipeline=options.pipeline,
            platform=platform.name,
            platform_hash=platform.hash,
            platform_file=platform_file,
            hw=options.hw,
            control="static",
            files=hash_files(folder, files),
            figures=ModuleFigures(
                arena_bytes=arena_bytes,
                arena_bound_bytes=arena_bound_bytes,
                ir_bytes=compilation.ir_bytes,
                export_s=export_s,
                compile_s=compilation.compile_s,
                build_s=build_s,
            ),
        )
        manifest.save(folder)
    return manifest


def platform_of(module: ModuleOp, options: CompileOptions) -> CompileOptions:
    """The options with the platform and composition that planned IR carries, where none were asked for."""
    attribute = module.attributes.get("cedr.platform")
    if not isinstance(attribute, PlatformAttr):
        return options
    return replace(
        options,
        platform=options.platform if "platform" in options.given else attribute.platform_name.data,
        hw=options.hw if "hw" in options.given else attribute.composition.data,
        hw_from="that of the IR",
    )
