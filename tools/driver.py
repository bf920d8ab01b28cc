"""The Python API: `cedr.compile(model, example_inputs)` gives a program that computes on the emulator.

The `cedr` command is a thin layer over the same functions. What compiles imports torch and xDSL when it is called: a
compiled module runs on the emulator without them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cedr.backend.toolchain import build_module
from cedr.runtime.emulator import choose_os_model, emulate, figures
from cedr.runtime.process import ModuleProcess
from cedr.runtime.record import Record
from cedr.runtime.result import EmulationResult
from cedr.runtime.schedulers import Scheduler, get_scheduler
from cedr.runtime.weights import load
from cedr.target.dtypes import numpy_dtype
from cedr.target.errors import CedrError
from cedr.target.manifest import Manifest, TensorSpec
from cedr.target.platform import Platform, load_platform, parse_composition
from cedr.tools.models import IrFile, Model, ModuleDirectory, OnnxModel, TorchModel
from cedr.tools.options import CompileOptions
from cedr.tools.parity import compare

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from cedr.frontend.dynamic import Imports
    from cedr.frontend.importer import ImportedModel
    from cedr.frontend.zoo.judging import Judge

Array = NDArray[Any]
Warn = Callable[[str], None]


class RunError(CedrError):
    """A run that can't be done."""


def warn(message: str) -> None:
    """A warning on stderr."""
    print(f"warning: {message}", file=sys.stderr)


@dataclass(frozen=True)
class RunOptions:
    """What `cedr run` takes beyond the options of compile."""

    scheduler: str | Scheduler = "EFT"
    os_model: str | None = None
    """None: the platform's."""
    instances: int = 1
    period_us: float = 0.0
    seed: int = 0
    values: bool = True
    tolerance: float | None = None
    out: Path | None = None
    """A directory whose logs are written while the run goes on."""


@dataclass
class Program:
    """A compiled model: a module's directory, and what PyTorch is needed for, where there is a PyTorch model.

    Calling it computes on the emulator and returns tensors shaped like eager's result. It changes what a call of the
    PyTorch module changes: tensors that are passed, in place, and buffers, of which it has values of its own, `state`.
    `profile` returns the figures of `cedr run --json`.
    """

    directory: Path
    manifest: Manifest
    options: CompileOptions
    torch_model: TorchModel | None = None
    rebuild: Callable[[Sequence[Array]], object] | None = None
    imports: Imports | None = None
    """The PyTorch model for other sizes, where it has some that the call says; this program is for one set of them."""
    process: ModuleProcess = field(init=False)
    _owned: list[tempfile.TemporaryDirectory[str]] = field(default_factory=list, repr=False)
    _record: tuple[Path, Record] | None = field(default=None, repr=False)
    _state: dict[str, Any] | None = field(default=None, repr=False)
    _others: dict[tuple[tuple[int, ...], ...], Program] = field(default_factory=dict, repr=False)
    _computing: _Computing | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        manifest = self.manifest
        self.process = ModuleProcess(
            self.directory, manifest.name, manifest.emit, manifest.outputs, target=manifest.target
        )

    def __call__(self, *inputs: Any) -> Any:
        """Compute on the emulator, with the default scheduler. Takes what the PyTorch model takes.

        Raises RunError for inputs that don't fit, and for one that is changed in place and shares its memory with another.
        """
        program = self.at(inputs)
        arrays = program.bind(inputs)
        given = dict(zip((spec.name for spec in program.user_inputs()), _tensor_leaves(inputs), strict=True))
        program._check_apart({name: arrays[name] for name in given})
        outputs = program.compute(arrays)
        program._update(given, outputs)
        return program.structured(outputs)

    @property
    def state(self) -> dict[str, Any]:
        """The model's buffers, and parameters, that a call changes: tensors by the name of the program's input.

        They begin as they were in the PyTorch module when it was compiled, and after a call stand for its new values. The
        module's own are neither read nor changed. What is put here is what the next call starts from.
        """
        if self._state is None:
            self._state = {}
            specs = [spec for spec in self.manifest.inputs if spec.initial is not None]
            if specs:
                from cedr.frontend.types import named_dtype, to_torch

                path = self.process.weights or self.directory / "weights.safetensors"
                weights = load(path, [replace(spec, name=str(spec.initial), initial=None) for spec in specs])
                for spec in specs:
                    array = np.array(weights[str(spec.initial)])
                    self._state[spec.name] = to_torch(array, named_dtype(spec.dtype))
        return self._state

    def user_inputs(self) -> list[TensorSpec]:
        """The inputs that a call passes: all but the states."""
        return [spec for spec in self.manifest.inputs if spec.initial is None]

    def updates(self) -> list[tuple[TensorSpec, int]]:
        """The inputs that a call changes, each with the position of the output that is its new value."""
        inputs = {spec.name: spec for spec in self.manifest.inputs}
        return [(inputs[o.updates], place) for place, o in enumerate(self.manifest.outputs) if o.updates is not None]

    def _check_apart(self, inputs: Mapping[str, Array]) -> None:
        """What is changed in place shares no memory with the other inputs, where PyTorch would see the change."""
        for spec, _ in self.updates():
            for other, array in inputs.items():
                if spec.initial is None and other != spec.name and np.may_share_memory(inputs[spec.name], array):
                    raise RunError(
                        f"input '{spec.name}' is changed in place and shares its memory with input '{other}'; "
                        "pass a clone of one of them"
                    )

    def _update(self, given: Mapping[str, Any], outputs: Sequence[Array]) -> None:
        """Keep the new values of states, and write those of inputs that are changed in place into the caller's tensors."""
        for spec, place in self.updates():
            target = given.get(spec.name)
            if isinstance(target, np.ndarray):
                target[...] = outputs[place]
                continue
            import torch

            from cedr.frontend.types import named_dtype, to_torch

            value = to_torch(outputs[place], named_dtype(spec.dtype))
            if target is None:
                self.state[spec.name] = value
                continue
            with torch.no_grad():
                target.copy_(value)

    def at(self, inputs: Sequence[Any]) -> Program:
        """The program for inputs of these sizes: this one, or one compiled when they first come, where sizes are open.

        Raises ExportError for sizes that the model is not good for.
        """
        shapes = tuple(tuple(leaf.shape) for leaf in _tensor_leaves(inputs))
        own = tuple(spec.shape for spec in self.user_inputs())
        if self.imports is None or self.torch_model is None or shapes == own or len(shapes) != len(own):
            return self
        self.imports.sizes.check(shapes)
        if shapes not in self._others:
            model = replace(self.torch_model, example_inputs=tuple(inputs), dynamic_shapes=None)
            imported = self.imports.at(tuple(inputs))
            options = replace(self.options, measure_ir=False)
            other = _compile_imported(
                imported.model, model.name, options, None, imported.export_s, imported.import_s, model
            )
            other._state = self.state
            self._others[shapes] = other
        return self._others[shapes]

    def compute(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The outputs for inputs by name, each task by the PE that the default scheduler gives it.

        The first call records the module and emulates it; the next ones only compute, a Python module in the process of
        the first one.
        """
        if self._computing is None:
            self._computing = _Computing(self)
        return self._computing(inputs)

    def profile(
        self,
        *inputs: Any,
        scheduler: str | Scheduler = "EFT",
        instances: int = 1,
        period_us: float = 0.0,
        seed: int = 0,
        os_model: str | None = None,
    ) -> dict[str, Any]:
        """The figures of a run, by the names of `cedr run --json`; with inputs, of a run that computes them."""
        options = RunOptions(scheduler, os_model, instances, period_us, seed, values=bool(inputs))
        program = self.at(inputs) if inputs else self
        return run_program(program, program.bind(inputs) if inputs else None, options).figures

    def bind(self, inputs: Sequence[Any]) -> dict[str, Array]:
        """The model's arguments and its state as arrays by input name. Raises RunError for a wrong count, dtype or shape."""
        arrays = [_as_array(leaf) for leaf in _tensor_leaves(inputs)]
        specs = self.user_inputs()
        if len(arrays) != len(specs):
            wanted = ", ".join(f"{s.name} {s.dtype}{list(s.shape)}" for s in specs)
            raise RunError(f"the program takes {len(specs)} tensors ({wanted}), got {len(arrays)}")
        given = dict(zip((spec.name for spec in specs), arrays, strict=True))
        names = [spec.name for spec in self.manifest.inputs if spec.initial is not None]
        if wrong := sorted(set(names) ^ self.state.keys()):
            known = ", ".join(names) or "none"
            raise RunError(
                f"state '{wrong[0]}' is {'missing' if wrong[0] in names else 'none of the program'}; those there are: {known}"
            )
        given |= {name: _as_array(tensor) for name, tensor in self.state.items()}
        return {spec.name: check_input(spec, given[spec.name]) for spec in self.manifest.inputs}

    def structured(self, outputs: Sequence[Array]) -> Any:
        """Flat output arrays in the structure of eager's result; a tuple of tensors where that is not known."""
        if self.rebuild is not None:
            return self.rebuild(outputs)
        import torch

        return tuple(torch.from_numpy(np.array(o)) for o in outputs)

    def record(self) -> tuple[Path, Record]:
        """The module's record, made on first use."""
        if self._record is None:
            check_emulated(self.manifest, str(self.directory))
            path = self.scratch("record") / f"{self.manifest.name}.cedrrec"
            self._record = path, self.process.record(path)
        return self._record

    def scratch(self, purpose: str) -> Path:
        """A folder that goes when the program does."""
        owned = tempfile.TemporaryDirectory(prefix=f"cedr-{purpose}-")
        self._owned.append(owned)
        return Path(owned.name)


class _Computing:
    """Computes one sample after another by one schedule; threads take turns."""

    def __init__(self, program: Program):
        self._lock = Lock()
        self._waiting: deque[Mapping[str, Array]] = deque()
        path, record = program.record()
        emulation = emulate(record, program.options.platform, program.options.hw)
        platform = load_platform(program.options.platform)
        self._execute = partial(program.process.execute_many, record=path, result=emulation, platform=platform)
        self._results: Iterator[list[Array]] | None = None

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        with self._lock:
            if self._results is None:
                self._results = self._execute(iter(self._waiting.popleft, None))
            self._waiting.append(inputs)
            try:
                return next(self._results)
            except BaseException:
                self._results = None  # its process has ended
                self._waiting.clear()
                raise


def check_input(spec: Any, array: Array) -> Array:
    """The array, if it is what the input `spec` wants. Raises RunError naming both."""
    if array.dtype != numpy_dtype(spec.dtype) or array.shape != spec.shape:
        try:
            dtype = _dtype_of(array)
        except CedrError:  # one that no program takes
            dtype = str(array.dtype)
        raise RunError(f"input '{spec.name}' is {spec.dtype}{list(spec.shape)}, got {dtype}{list(array.shape)}")
    return array


def _tensor_leaves(inputs: Sequence[Any]) -> list[Any]:
    from torch.utils._pytree import tree_leaves

    return [leaf for leaf in tree_leaves(tuple(inputs)) if hasattr(leaf, "shape")]


def _as_array(value: Any) -> Array:
    if hasattr(value, "detach"):
        import torch

        value = value.detach().cpu()
        return np.asarray(value.view(torch.uint16).numpy() if value.dtype == torch.bfloat16 else value.numpy())
    return np.asarray(value)


# ---- compiling ----


def compile(
    model: Any,
    example_inputs: tuple[Any, ...],
    *,
    pipeline: str = "default",
    platform: str = "zcu102",
    hw: str = "C3+F1+C2D1+Z1",
    emit: str = "c",
    dynamic_shapes: Any = None,
) -> Program:
    """Compile an nn.Module. `dynamic_shapes` as torch.export's: sizes that a call says. The task graph of the example's
    sizes is made at once, that of others when they first come.

    Raises CedrError, whose text is the whole message, for everything that can't be compiled.
    """
    from cedr.backend.program import c_identifier

    options = CompileOptions(emit, pipeline, platform, hw, given=frozenset({"pipeline", "hw"}))
    name = c_identifier(type(model).__name__.lower())
    return compile_torch(TorchModel(name, model, tuple(example_inputs), dynamic_shapes), options)


def compile_torch(model: TorchModel, options: CompileOptions, directory: Path | None = None) -> Program:
    """Compile into `directory`, or into a folder that goes when the program does."""
    from cedr.backend.program import c_identifier
    from cedr.frontend.export import export_model

    options = options.checked()
    if model.dynamic_shapes is None:
        start = time.perf_counter()
        exported = export_model(model.module, model.example_inputs)
        return compile_exported(exported, model.name, options, directory, time.perf_counter() - start, model)
    from cedr.frontend.dynamic import Imports, Sizes

    sizes = Sizes.of(model.module, model.example_inputs, model.dynamic_shapes)
    imports = Imports(model.module, c_identifier(model.name), sizes, model.dynamic_shapes)
    imported = imports.at(model.example_inputs)
    program = _compile_imported(
        imported.model, model.name, options, directory, imported.export_s, imported.import_s, model
    )
    program.imports = imports
    return program


def compile_exported(
    exported: ExportedProgram,
    name: str,
    options: CompileOptions,
    directory: Path | None = None,
    export_s: float | None = None,
    torch_model: TorchModel | None = None,
) -> Program:
    """Compile a decomposed program; `torch_model` is what it was exported from. The options were checked."""
    from cedr.backend.program import c_identifier
    from cedr.frontend.importer import import_program

    start = time.perf_counter()
    imported = import_program(exported, c_identifier(name))
    import_s = time.perf_counter() - start
    return _compile_imported(imported, name, options, directory, export_s, import_s, torch_model)


def compile_onnx(model: OnnxModel, options: CompileOptions, directory: Path | None = None) -> Program:
    """Compile an ONNX file; there is no reference to compare with."""
    from cedr.backend.program import c_identifier
    from cedr.frontend.onnx.importing import export_onnx, import_onnx

    options = options.checked()
    start = time.perf_counter()
    file = model.file.bound(model.shapes)
    exported = export_onnx(file)
    export_s = time.perf_counter() - start
    start = time.perf_counter()
    imported = import_onnx(exported, file, c_identifier(file.path.stem))
    import_s = time.perf_counter() - start
    return _compile_imported(imported, str(file.path), options, directory, export_s, import_s)


def _compile_imported(
    imported: ImportedModel,
    name: str,
    options: CompileOptions,
    directory: Path | None,
    export_s: float | None,
    import_s: float,
    torch_model: TorchModel | None = None,
) -> Program:
    from cedr.dialects.universe import make_context
    from cedr.dialects.weights import WeightStore
    from cedr.tools.compiler import compile_ir

    context = make_context(WeightStore(dict(imported.weights)))
    shapes = {spec.name: spec.shape for spec in imported.inputs}
    compilation = compile_ir(context, imported.module.clone(), options, "import", shapes)
    compilation.compile_s += import_s
    return _packaged(compilation, options, name, directory, export_s, torch_model, imported.rebuild)


def compile_file(
    path: Path,
    options: CompileOptions,
    directory: Path | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Program:
    """Compile IR of any level; the pipeline goes on from there. `shapes` of inputs say the sizes that it leaves open."""
    from cedr.dialects.diagnostics import IRError
    from cedr.dialects.parsing import Source, read_text
    from cedr.tools.compiler import compile_ir, load_ir, platform_of

    context, module = load_ir(path)
    options = platform_of(module, options).checked()
    try:
        compilation = compile_ir(context, module, options, path.stem, shapes)
    except IRError as error:
        raise Source(read_text(path), str(path)).with_lines(error) from error
    return _packaged(compilation, options, str(path), directory)


def _packaged(
    compilation: Any,
    options: CompileOptions,
    model: str,
    directory: Path | None,
    export_s: float | None = None,
    torch_model: TorchModel | None = None,
    rebuild: Callable[[Sequence[Array]], object] | None = None,
) -> Program:
    from cedr.tools.compiler import write_module

    if options.dash_zip:
        _warn_of_zip(compilation.program)
    owned: list[tempfile.TemporaryDirectory[str]] = []
    if directory is None:
        owned.append(tempfile.TemporaryDirectory(prefix="cedr-module-"))
        directory = Path(owned[0].name) / compilation.program.name
    manifest = write_module(compilation, directory, options, model, export_s)
    return Program(directory, manifest, options, torch_model, rebuild, _owned=owned)


def _warn_of_zip(program: Any) -> None:
    from cedr.backend.dash_emitter import zip_count

    count = zip_count(program)
    if count == 0:
        warn("--dash-zip changes nothing: the module has no ZIP call that CEDR could do")
        return
    warn(
        f"--dash-zip: {count} ZIP calls go to CEDR, whose CPU and ZIP accelerator disagree on every one: the accelerator takes "
        "n complex numbers for n real ones and leaves the second half alone; with a zip worker the results are wrong"
    )


def check_emulated(manifest: Manifest, where: str) -> None:
    """Raises RunError for a module that the emulator can't start: one for CEDR itself."""
    if manifest.abi == "dash":
        raise RunError(
            f"{where}: compiled with --abi dash, for the CEDR runtime itself: `make CEDR=DIR` there builds {manifest.name}.so, "
            "which CEDR's sub_dag starts; for the emulator compile the model without --abi dash"
        )


def open_directory(path: Path, asked: CompileOptions | None = None, warn: Warn = warn) -> Program:
    """A compiled module; files changed by hand are used as they are, what depends on them is made anew, elsewhere.

    A platform and a composition that were asked for are those that it is emulated on, with a warning where the platform
    is not what it was compiled for. Its figures have no seconds but those of what is done here. Raises RunError for an
    emitter or a pipeline that is not the module's, and where its copy of a platform is missing or broken.
    """
    asked = CompileOptions() if asked is None else asked
    manifest = Manifest.load(path)
    check_emulated(manifest, str(path))
    sizes = replace(manifest.figures, export_s=None, compile_s=None, build_s=None)  # the seconds were spent before
    manifest = replace(manifest, figures=sizes)
    options = CompileOptions(manifest.emit, manifest.pipeline, manifest.platform, manifest.hw, target=manifest.target)
    for name in ("emit", "pipeline", "target"):
        if name in asked.given and getattr(asked, name) != getattr(options, name):
            raise RunError(
                f"{path}: compiled with --{name} {getattr(options, name)}, so that --{name} {getattr(asked, name)} comes "
                "too late; compile the model again"
            )
    options = replace(
        options,
        platform=asked.platform if "platform" in asked.given else _own_platform(path, manifest),
        hw=asked.hw if "hw" in asked.given else options.hw,
        given=asked.given & {"platform", "hw"} | ({"platform"} if manifest.platform_file is not None else set()),
        hw_from="what the module was compiled for",
    ).checked()
    if load_platform(options.platform).hash != manifest.platform_hash:
        warn(
            f"{path}: compiled for another platform than {options.platform} is now: its tiles and their order were chosen "
            f"for {manifest.platform} as it was then; compile it again for a plan of this one"
        )
    changed = manifest.changed_files(path)
    for name in changed:
        state = "is gone" if not (path / name).exists() else "was changed by hand: used as it is"
        warn(f"{path / name} {state}")
    present = [name for name in changed if (path / name).exists()]
    source = f"{manifest.name}.c"
    program = Program(path, manifest, options)
    if any(name == source or name.startswith("libcedr/") for name in present):
        folder = program.scratch("build")
        shutil.copy(path / source, folder / source)
        shutil.copytree(path / "libcedr", folder / "libcedr")
        start = time.perf_counter()
        build_module(folder, manifest.name, target=manifest.target)
        manifest = replace(manifest, figures=replace(sizes, build_s=time.perf_counter() - start))
        rebuilt = Program(folder, manifest, options, _owned=program._owned)
        rebuilt.process = replace(rebuilt.process, weights=path / "weights.safetensors")
        return rebuilt
    stages = [name for name in present if name.startswith("ir/")]
    if stages and f"{manifest.name}.py" not in present:
        last = stages[-1]
        if len(stages) > 1:
            warn(f"{path}: several stages were changed; {last}, the last one, is compiled")
        return compile_file(path / last, options)
    return program


def _own_platform(path: Path, manifest: Manifest) -> str:
    """The platform of a module: one that ships, or its copy in the directory, which is checked here."""
    if manifest.platform_file is None:
        return manifest.platform
    own = str(path / manifest.platform_file)
    try:
        load_platform(path / manifest.platform_file)
    except CedrError as error:
        raise RunError(
            f"{path}: its copy of the platform {manifest.platform} can't be used: {error}\n"
            "Compile the model again, or give --platform FILE"
        ) from error
    return own


def open_model(model: Model, options: CompileOptions, directory: Path | None = None, warn: Warn = warn) -> Program:
    """A program from whatever MODEL names."""
    match model:
        case TorchModel():
            return compile_torch(model, options, directory)
        case OnnxModel():
            return compile_onnx(model, options, directory)
        case IrFile():
            return compile_file(model.path, options, directory, model.shapes)
        case ModuleDirectory():
            return open_directory(model.path, options, warn)


# ---- running ----


@dataclass(frozen=True)
class RunResult:
    """A run: the figures of `cedr run --json`, the outputs in order, and the emulation itself."""

    figures: dict[str, Any]
    outputs: list[Array] | None
    emulation: EmulationResult
    within: bool
    """The outputs are within the tolerance of eager's, or there is no reference."""


def run_program(program: Program, inputs: Mapping[str, Array] | None, options: RunOptions) -> RunResult:
    """Record, emulate, execute under the schedule, and compare with eager where there is a PyTorch model.

    inputs None: values are not computed.
    """
    start = time.perf_counter()
    platform = load_platform(program.options.platform)
    os_model = choose_os_model(options.os_model, platform)
    scheduler = get_scheduler(options.scheduler)
    path, record = program.record()
    manifest = program.manifest
    emulation = emulate(
        record,
        program.options.platform,
        program.options.hw,
        scheduler,
        options.instances,
        round(options.period_us * 1000),
        options.seed,
        os_model,
        names=[manifest.name],
        out=options.out,
    )
    outputs = None
    if options.values and inputs is not None:
        outputs = program.process.execute(inputs, path, emulation, platform)
    run_s = time.perf_counter() - start
    compiled = manifest.figures
    result = run_figures(
        {"model": manifest.model, "emit": manifest.emit, "pipeline": manifest.pipeline},
        emulation,
        platform,
        options.instances,
        {
            "arena_bytes": compiled.arena_bytes,
            "arena_bound_bytes": compiled.arena_bound_bytes,
            "ir_bytes": dict(compiled.ir_bytes),
            "compile_s": compiled.compile_s,
            "build_s": compiled.build_s,
            "export_s": compiled.export_s,
            "run_s": run_s,
        },
    )
    within = True
    if outputs is not None and inputs is not None and program.torch_model is not None:
        within = _compare_with_eager(program, inputs, outputs, options, result)
    return RunResult(result, outputs, emulation, within)


def run_figures(
    model: Mapping[str, Any],
    emulation: EmulationResult,
    platform: Platform,
    instances: int,
    compiled: Mapping[str, Any],
) -> dict[str, Any]:
    """The figures of `cedr run --json`, in order, without a comparison: what was run, the emulation, how it was made."""
    from cedr.runtime.report import energy_j

    setting = emulation.setting
    assert setting is not None
    return {
        **model,
        "platform": platform.name,
        "hw": setting.hw,
        "scheduler": setting.scheduler,
        "os_model": setting.os_model,
        "instances": instances,
        "seed": setting.seed,
        "max_abs_error": None,
        "max_rel_error": None,
        "decision_match": None,
        **figures(emulation),
        "energy_j": energy_j(emulation, platform, parse_composition(platform, setting.hw)),
        **compiled,
    }


def _compare_with_eager(
    program: Program, inputs: Mapping[str, Array], outputs: Sequence[Array], options: RunOptions, result: dict[str, Any]
) -> bool:
    assert program.torch_model is not None
    eager, changed = eager_outputs(program, inputs)
    computed = program.structured(outputs)
    dtypes = [t.dtype for t in program.manifest.outputs]
    references, values = flat_arrays((eager, changed)), flat_arrays(computed)
    values += [outputs[place] for _, place in program.updates()]
    if len(values) != len(dtypes):  # outputs that are one value in the IR stand several times in eager's structure
        dtypes = [_dtype_of(array) for array in references]
    parity = compare(references, values, dtypes, options.tolerance)
    result["max_abs_error"], result["max_rel_error"] = parity.max_abs, parity.max_rel
    judge = program.torch_model.judge()
    wanted = judge.decide(eager)
    if wanted is not None:
        result["decision_match"] = judge.same_decision(wanted, judge.decide(computed))
    return parity.within


def eager_outputs(program: Program, inputs: Mapping[str, Array]) -> tuple[Any, list[Any]]:
    """PyTorch's own answer to input arrays by name, and the values that it leaves in what the program's outputs update.

    States that are not given are the program's. The PyTorch module keeps its own.
    """
    import torch

    from cedr.frontend.types import named_dtype, to_torch

    model = program.torch_model
    assert model is not None
    arguments = torch_inputs(model, [inputs[spec.name] for spec in program.user_inputs()])
    tensors = dict(zip((spec.name for spec in program.user_inputs()), _tensor_leaves(arguments), strict=True))
    buffers: dict[str, Any] = {}
    for spec in program.manifest.inputs:
        if spec.initial is not None:
            given = inputs.get(spec.name)
            value = program.state[spec.name] if given is None else to_torch(given, named_dtype(spec.dtype))
            buffers[spec.initial] = value.clone()
    with torch.no_grad():
        outputs = torch.func.functional_call(model.module, buffers, arguments) if buffers else model.module(*arguments)
    return outputs, [tensors[s.name] if s.initial is None else buffers[s.initial] for s, _ in program.updates()]


def torch_inputs(model: TorchModel, inputs: Sequence[Array]) -> tuple[Any, ...]:
    """Flat input arrays as tensors in the structure of the model's example inputs."""
    import torch
    from torch.utils._pytree import tree_flatten, tree_unflatten

    from cedr.frontend.types import to_torch

    leaves, structure = tree_flatten(tuple(model.example_inputs))
    given = iter(inputs)
    filled = [to_torch(np.array(next(given)), v.dtype) if isinstance(v, torch.Tensor) else v for v in leaves]
    arguments: tuple[Any, ...] = tree_unflatten(filled, structure)
    return arguments


def flat_arrays(outputs: Any) -> list[Array]:
    """The tensors in a structure of outputs as arrays, in order."""
    return [_as_array(leaf) for leaf in _tensor_leaves([outputs])]


def _dtype_of(array: Array) -> str:
    from cedr.target.dtypes import dtype_name

    return "bf16" if array.dtype == np.uint16 else dtype_name(array.dtype)


# ---- evaluating ----


def evaluate(model: TorchModel, options: CompileOptions) -> dict[str, Any]:
    """Accuracy or mAP of eager and compiled code on the held-out set, by the names of `cedr evaluate --json`."""
    judge: Judge = model.judge()
    held_out = judge.held_out()
    if held_out is None:
        raise RunError(f"{model.name} has no held-out set to evaluate on; define held_out() and decide() on the module")
    program = compile_torch(model, options)
    name = program.manifest.inputs[0].name
    samples = [np.ascontiguousarray(held_out.inputs[i : i + 1]) for i in range(len(held_out.labels))]
    dtypes = [t.dtype for t in program.manifest.outputs]
    decisions: dict[str, list[Any]] = {"eager": [], "compiled": []}
    worst = 0.0
    differing = 0
    for sample in samples:
        outputs = program.compute({name: check_input(program.manifest.inputs[0], sample)})
        eager, _ = eager_outputs(program, {name: sample})
        worst = max(worst, compare(flat_arrays(eager), flat_arrays(program.structured(outputs)), dtypes).max_rel)
        pair = judge.decide(eager), judge.decide(program.structured(outputs))
        if pair[0] is None:
            raise RunError(f"{model.name} has a held-out set but no decide(outputs) to say what its outputs mean")
        differing += not judge.same_decision(*pair)
        decisions["eager"].append(pair[0])
        decisions["compiled"].append(pair[1])
    return {
        "model": model.name,
        "metric": judge.metric,
        "samples": len(samples),
        "eager": judge.score(decisions["eager"]),
        "compiled": judge.score(decisions["compiled"]),
        "decisions_differing": differing,
        "max_rel_error": worst,
    }
