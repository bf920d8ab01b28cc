"""Modules for CEDR itself: they compile against its header as it is, and compute what eager does with its functions as they
are, whatever order its workers take the calls in."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cedr.backend.dash_emitter import emit_dash
from cedr.backend.program import Program
from cedr.backend.toolchain import DASH_MODULE_FILES, LIBCEDR, Language, copy_libcedr, find_compiler
from cedr.runtime.record import read_record
from cedr.target.manifest import Manifest
from cedr.tools.driver import compile_torch, flat_arrays, open_directory
from cedr.tools.models import TorchModel, find_model
from cedr.tools.options import CompileError, CompileOptions
from tests.runtime.test_dash_api import build_library

from .conftest import TINY, parse
from .dash.models import MODELS

HERE = Path(__file__).with_name("dash")
FLAGS = ("-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-fvisibility=hidden")
LANGUAGES: dict[Language, tuple[str, ...]] = {"c": ("-std=gnu11",), "c++": ("-x", "c++")}
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Host:
    """CEDR's functions, and what stands for its daemon."""

    program: Path

    def start(
        self, application: Path, *how: str, variant: str = "inline", counts: Path | None = None, **environment: str
    ) -> list[int]:
        """The exit status of each instance."""
        environment = {**os.environ, "DASH_VARIANT": variant, **environment}
        if counts is not None:
            environment["DASH_COUNTS"] = str(counts)
        done = subprocess.run(
            [self.program, application, *how], env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return [int(word) for word in done.stdout.split()]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("cedr")
    compiler = find_compiler()
    compiler.run(
        [
            "-O2",
            "-Wall",
            "-shared",
            "-fPIC",
            f"-I{HERE}",
            str(HERE / "original.c"),
            "-o",
            "libdash-rt.so",
            "-lm",
            "-lpthread",
        ],
        folder,
    )
    compiler.run(
        [
            "-O1",
            "-Wall",
            str(HERE / "host.c"),
            "-o",
            "host",
            "-L.",
            "-ldash-rt",
            "-Wl,-rpath,$ORIGIN",
            "-ldl",
            "-lpthread",
        ],
        folder,
    )
    return Host(folder / "host")


@cache
def library_objects(language: Language, headers: Path = HERE) -> tuple[Path, ...]:
    """What every module is linked with, built once."""
    folder = Path(tempfile.mkdtemp(prefix="cedr-dash-"))
    atexit.register(shutil.rmtree, folder)
    sources = [Path(name) for name in copy_libcedr(folder, DASH_MODULE_FILES) if name.endswith(".c")]
    for source in sources:
        flags = [*LANGUAGES[language], *FLAGS, f"-I{headers}"]
        find_compiler("host", language).run([*flags, "-c", str(source), "-o", f"{source.stem}.o"], folder)
    return tuple(folder / f"{source.stem}.o" for source in sources)


@dataclass
class Application:
    """A module's directory, and what eager says."""

    directory: Path
    manifest: Manifest
    references: list[NDArray[Any]]
    built: dict[str, Path] = field(default_factory=dict)

    def build(self, language: Language) -> Path:
        """The shared object, built once."""
        if language not in self.built:
            name = f"{self.manifest.name}_{len(self.built)}.so"
            objects = map(str, library_objects(language))
            flags = [*LANGUAGES[language], *FLAGS, "-shared", f"-I{HERE}"]
            libraries = ("-x", "none", *objects, "-lm", "-ldl", "-lpthread")
            find_compiler("host", language).run(
                [*flags, f"{self.manifest.name}.c", "-o", name, *libraries], self.directory
            )
            self.built[language] = self.directory / name
        return self.built[language]

    def outputs(self) -> list[NDArray[Any]]:
        """What the last instance wrote; the files are gone then."""
        several = len(self.references) > 1
        paths = [self.directory / (f"output{i}.npy" if several else "output.npy") for i in range(len(self.references))]
        arrays = [np.load(path) for path in paths]
        for path in paths:
            path.unlink()
        return arrays

    def check(self) -> None:
        """The outputs are eager's. Raises AssertionError."""
        for got, wanted in zip(self.outputs(), self.references, strict=True):
            assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def eager(model: TorchModel) -> list[NDArray[Any]]:
    with torch.no_grad():
        return flat_arrays(model.module(*model.example_inputs))


Make = Callable[..., Application]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Applications by model and options, each compiled once."""
    made: dict[object, Application] = {}

    def compiled(name: str, **options: Any) -> Application:
        key = (name, *options.items())
        if key not in made:
            if name in MODELS:
                torch.manual_seed(1)
                module, inputs = MODELS[name]()
                model = TorchModel(name, module, inputs)
            else:
                found = find_model(name)
                assert isinstance(found, TorchModel)
                model = found
            directory = tmp_path_factory.mktemp("application") / name
            program = compile_torch(
                model, CompileOptions(abi="dash", **options, given=frozenset({*options})), directory
            )
            arrays = flat_arrays(model.example_inputs)
            for i, array in enumerate(arrays):
                np.save(directory / (f"input{i}.npy" if len(arrays) > 1 else "input.npy"), array)
            made[key] = Application(directory, program.manifest, eager(model))
        return made[key]

    return compiled


@pytest.mark.parametrize("variant", ["inline", "late", "accelerator"])
@pytest.mark.parametrize("language", [*LANGUAGES])
@pytest.mark.parametrize("name", [*MODELS, "vgg_digits"])
def test_the_outputs_are_eager_s(host: Host, make: Make, name: str, language: Language, variant: str) -> None:
    application = make(name)
    library = application.build(language)
    assert host.start(library, "once", "once", variant=variant) == [0, 0]
    application.check()
    assert host.start(library, "two", variant=variant) == [0, 0]
    application.check()


INLINED = ("--param", "large-function-insns=100", "--param", "large-function-growth=0")
"""As in a large module: a kernel that one grid calls becomes part of it, and the grid a function of its own."""


@pytest.mark.parametrize("level", ["-O1", "-O2"])
def test_an_inlined_kernel_is_computed(host: Host, make: Make, tmp_path: Path, level: str) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc here")
    original = make("attention")
    application = Application(tmp_path / "attention", original.manifest, original.references)
    shutil.copytree(original.directory, application.directory, ignore=shutil.ignore_patterns("*.so"))
    flags = [*LANGUAGES["c"], *FLAGS, level, *INLINED, "-shared", f"-I{HERE}"]
    command = ["gcc", *flags, "attention.c", "-o", "it.so", *map(str, library_objects("c")), "-lm", "-ldl", "-lpthread"]
    subprocess.run(command, cwd=application.directory, check=True)
    assert host.start(application.directory / "it.so", "once") == [0]
    application.check()


@pytest.mark.parametrize("level", ["-O1", "-O2"])
def test_gcc_takes_no_address_for_an_impossible_one(tmp_path: Path, level: str) -> None:
    """The case alone: address_zero.c says what is wrong with it."""
    include = [f"-I{HERE}", f"-I{LIBCEDR}"]
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", level, "-DCURED", *include]
    find_compiler().run([*flags, str(HERE / "address_zero.c"), "-o", "case"], tmp_path)
    assert subprocess.run([tmp_path / "case"], capture_output=True, text=True, check=True).stdout == "right\n"


SIGNAL_MODELS = ("radar_correlator", "pulse_doppler", "wifi_tx", "sar", "temporal_mitigation", "lane_detection")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SIGNAL_MODELS, "bert_tiny", "gru", "tiny_yolo_digits", "dscnn_kws", "vit"])
def test_the_zoo_s_outputs_are_eager_s(host: Host, make: Make, tmp_path: Path, name: str) -> None:
    application = make(name)
    counts = tmp_path / "counts"
    assert host.start(application.build("c"), "once", variant="late", counts=counts) == [0]
    application.check()
    assert counts.exists() == (name != "tiny_yolo_digits")  # of convolutions alone
    assert host.start(application.build("c++"), "two", variant="accelerator") == [0, 0]
    application.check()


class Total(torch.nn.Module):
    """A state: the sum of what has come so far."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.ones(4))
        self.total: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total.add_(x)
        return self.total * 2


def test_a_state_begins_as_its_weight_where_it_has_no_file(host: Host, tmp_path: Path) -> None:
    model = TorchModel("total", Total(), (torch.arange(4.0),))
    program = compile_torch(model, CompileOptions(abi="dash"), tmp_path / "total")
    np.save(tmp_path / "total" / "input0.npy", np.arange(4, dtype=np.float32))
    application = Application(program.directory, program.manifest, [np.arange(4) + 1.0, 2 * (np.arange(4) + 1.0)])
    if program.manifest.outputs[0].updates is None:
        application.references.reverse()
    for _ in range(2):
        assert host.start(application.build("c"), "once") == [0]
        application.check()
    np.save(tmp_path / "total" / "input1.npy", np.zeros(4, np.float32))
    application.references = [reference - (2 if reference[0] == 2 else 1) for reference in application.references]
    assert host.start(application.build("c"), "once") == [0]
    application.check()


def counted(host: Host, application: Application, path: Path) -> Counter[str]:
    assert host.start(application.build("c"), "once", counts=path) == [0]
    application.check()
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("filter", {"FFT_nb 64 1 0": 8, "FFT_nb 64 0 0": 8}),  # in flight together
        ("short_filter", {}),  # an FFT of 8 points is none for the accelerator
        ("long_filter", {}),  # nor one of 4096
        ("mixer", {}),  # what ZIP calls mean, CEDR does not agree with itself about
        ("perceptron", {"GEMM_nb 2 40 300": 2, "GEMM 1 40 300": 1, "GEMM 5 300 4": 1, "GEMM 5 300 3": 1}),
        ("complex_product", {"GEMM_nb 2 33 10": 3}),
    ],
)
def test_calls_are_those_that_every_pe_does_right(
    host: Host, make: Make, tmp_path: Path, name: str, calls: dict[str, int]
) -> None:
    assert counted(host, make(name), tmp_path / "counts") == calls


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("filter", {"ZIP_nb 256 2 0": 2}),
        ("short_filter", {"ZIP 24 2 0": 1}),
        ("long_filter", {"ZIP_nb 2048 2 0": 4}),  # 8192 elements: no call is longer than the accelerator takes
        ("real_mixer", {"ZIP 210 0 0": 1, "ZIP 210 1 0": 1, "ZIP 210 2 0": 1}),  # the quotient is the module's own
        ("mixer", {f"ZIP{form} {op} 0": n for op in range(4) for form, n in (("_nb 2000", 2), (" 1000", 1))}),
    ],
)
def test_zip_calls_are_right_on_a_cpu_and_wrong_on_the_accelerator(
    host: Host, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, calls: dict[str, int]
) -> None:
    application = make(name, dash_zip=True)
    found = counted(host, application, tmp_path / "counts")
    assert {call: n for call, n in found.items() if call.startswith("ZIP")} == calls
    for language in LANGUAGES:
        for variant in ("inline", "late"):
            assert host.start(application.build(language), "two", variant=variant) == [0, 0]
            application.check()
    host.start(application.build("c"), "once", variant="accelerator")
    with pytest.raises(AssertionError):
        application.check()


def test_zip_calls_come_with_a_warning(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (("real_mixer", "3 ZIP calls go to CEDR, whose CPU and ZIP accelerator disagree"),
                        ("perceptron", "--dash-zip changes nothing")):  # fmt: skip
        module, inputs = MODELS[name]()
        options = CompileOptions(abi="dash", dash_zip=True)
        compile_torch(TorchModel(name, module, inputs), options, tmp_path / name)
        assert words in capsys.readouterr().err


def check_syntax(application: Application, language: Language, headers: Path) -> None:
    sources = [
        f"{application.manifest.name}.c",
        *(f"libcedr/{p.name}" for p in application.directory.glob("libcedr/*.c")),
    ]
    flags = [*LANGUAGES[language], *FLAGS, "-fsyntax-only", f"-I{headers}"]
    find_compiler("host", language).run([*flags, *sources], application.directory)


def test_it_compiles_against_a_header_that_knows_cpp(make: Make, tmp_path: Path) -> None:
    """As CEDR's may: its declarations are C's then already."""
    shutil.copy(HERE / "dash_types.h", tmp_path)
    text = (HERE / "dash.h").read_text().replace("#endif\n", "")
    types = '#include "dash_types.h"\n'
    (tmp_path / "dash.h").write_text(
        text.replace(types, types + '#ifdef __cplusplus\nextern "C" {\n#endif\n')
        + "#ifdef __cplusplus\n}\n#endif\n#endif\n"
    )
    check_syntax(make("filter"), "c++", tmp_path)


@pytest.mark.parametrize("language", [*LANGUAGES])
def test_it_compiles_against_our_own_header(make: Make, tmp_path: Path, language: Language) -> None:
    for name in ("dash.h", "dash_types.h"):
        shutil.copy(LIBCEDR / name, tmp_path)
    check_syntax(make("filter"), language, tmp_path)


@pytest.fixture(scope="module")
def our_host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """The same host with libcedr's DASH_ functions."""
    folder = tmp_path_factory.mktemp("libcedr")
    build_library(folder)
    options = ["-O1", "-Wall", "-DRECORDED", str(HERE / "host.c"), "-o", "host"]
    libraries = ["-L.", "-Wl,--no-as-needed", "-lcedr", "-Wl,-rpath,$ORIGIN", "-ldl", "-lpthread"]
    find_compiler().run([*options, *libraries], folder)
    return Host(folder / "host")


@pytest.mark.parametrize(
    "name",
    [
        "filter",
        "mixer",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("perceptron", "wide", "complex_product")),
    ],
)
def test_libcedr_s_own_functions_serve_it_too(our_host: Host, make: Make, tmp_path: Path, name: str) -> None:
    """As `cedr cc --module` builds it, with all names in sight. ZIP calls are right there, everywhere."""
    original = make(name, dash_zip=True)
    folder = tmp_path / name
    shutil.copytree(original.directory, folder, ignore=shutil.ignore_patterns("*.so"))
    headers = tmp_path / "headers"
    headers.mkdir()
    for header in ("dash.h", "dash_types.h"):
        shutil.copy(LIBCEDR / header, headers)
    sources = [f"{name}.c", *(f"libcedr/{path.name}" for path in folder.glob("libcedr/*.c"))]
    compiler = find_compiler()
    compiler.run(
        ["-std=gnu11", "-O1", "-Wall", "-fPIC", "-shared", f"-I{headers}", *sources, "-o", "it.so", "-lm"], folder
    )
    application = Application(folder, original.manifest, original.references)
    assert our_host.start(folder / "it.so", "once", "two") == [0, 0, 0]
    application.check()
    record = tmp_path / "it.cedrrec"
    assert our_host.start(folder / "it.so", "once", CEDR_MODE="record", CEDR_RECORD=str(record)) == [0]
    application.check()
    text = (folder / f"{name}.c").read_text()
    apis = {kind.api for kind in read_record(record).classes} - {"kernel", "join"}
    assert apis == {api for api in ("gemm", "fft", "zip") if f"DASH_{api.upper()}_flt" in text}


@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_the_makefile_builds_it_and_says_what_is_missing(make: Make, tmp_path: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    application = make("short_filter")
    folder = tmp_path / "copy"
    shutil.copytree(application.directory, folder, ignore=shutil.ignore_patterns("*.so"))
    command = ["make", "--silent", f"CC={compiler}", "CFLAGS=-O0 -Wall -Werror"]
    refused = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "make CEDR=DIR: no dash.h in ''" in refused.stderr
    subprocess.run([*command, f"CEDR={HERE}"], cwd=folder, check=True)
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", "short_filter.so"], cwd=folder, capture_output=True, text=True
    )
    assert [line.split()[-1] for line in symbols.stdout.splitlines()] == ["main"]


def test_the_module_keeps_nothing_that_instances_would_share(make: Make) -> None:
    """All its data are constants, but for a pointer of each thread."""
    library = make("filter").build("c")
    table = subprocess.run(["nm", "-f", "sysv", str(library)], capture_output=True, text=True, check=True).stdout
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines() if line.count("|") == 6]
    mutable = {row[0]: row[6] for row in rows if row[6] in (".data", ".bss", ".tdata", ".tbss")}
    of_compiler = ("__dso_handle", "__TMC_END__", "completed.0")
    assert {name: place for name, place in mutable.items() if name not in of_compiler} == {"current": ".tbss"}


# ---- refusals ----


def run_alone(host: Host, application: Application) -> str:
    """stderr of an instance that fails, in a host that goes on."""
    done = subprocess.run(
        [host.program, application.build("c"), "once", "once"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]
    return done.stderr


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "input.npy").unlink(), "input.npy: No such file or directory"),
        (lambda folder: np.save(folder / "input.npy", np.zeros((8, 63), np.float32)), "has shape [8, 64], the file holds [8, 63]"),
        (lambda folder: np.save(folder / "input.npy", np.zeros((8, 64))), "is f32 (<f4), the file holds '<f8'"),
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"rubbish"), "weights.safetensors: not a .safetensors file"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors: No such file or directory"),
    ],
)  # fmt: skip
def test_a_message_ends_the_instance_and_not_the_daemon(
    host: Host, make: Make, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    application = make("filter")
    application.build("c")
    folder = tmp_path / "filter"
    shutil.copytree(application.directory, folder)
    spoil(folder)
    spoilt = Application(folder, application.manifest, application.references, {
        key: folder / path.name for key, path in application.built.items()
    })  # fmt: skip
    error = run_alone(host, spoilt)
    assert error.count("filter: ") == 2 and message in error
    assert not list(folder.glob("output*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(abi="dash", emit="python"), "--abi dash is for C modules: CEDR loads shared objects, not Python"),
        (dict(dash_zip=True), "--dash-zip says what ZIP calls become with --abi dash"),
        (dict(abi="mpi"), "no ABI 'mpi'; those there are: cedr, dash"),
        (dict(target="riscv"), "no target 'riscv'; those there are: host, aarch64"),
        (dict(target="aarch64", emit="python"), "--target aarch64 is for C modules"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CompileError, match=re.escape(message)):
        CompileOptions(**options).checked()


def test_complex128_is_refused(tmp_path: Path) -> None:
    class Double(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = torch.fft.fft(x) * 2
            return result

    model = TorchModel("double", Double(), (torch.randn(2, 16, dtype=torch.float64),))
    with pytest.raises(Exception, match="dtype complex128 can't be converted"):
        compile_torch(model, CompileOptions(abi="dash"), tmp_path / "double")
    assert not list(tmp_path.iterdir())


def test_the_emulator_does_not_start_it(make: Make) -> None:
    application = make("filter")
    assert (application.manifest.abi, application.manifest.target) == ("dash", "host")
    with pytest.raises(Exception, match="compiled with --abi dash, for the CEDR runtime itself: `make CEDR=DIR`"):
        open_directory(application.directory)


# ---- the emitted text ----


def loops_and_calls(text: str) -> list[str]:
    """The lines of the grids that loop over tiles, call CEDR or wait."""
    words = ("DASH_", "cedr_dash_wait", "int32_t first", "int32_t tile")
    body = text[text.index("static void grid_") :]
    return [line.strip() for line in body.splitlines() if any(word in line for word in words)]


def test_a_module_of_conv2d_calls_none_of_cedr_s() -> None:
    """Its CONV_2D is for 16-bit integers."""
    text = emit_dash(Program.of(parse(TINY.read_text())))
    assert "cedr_conv2d_f32(&sites[0], operand);" in text
    assert not [line for line in loops_and_calls(text) if "DASH_" in line]


def test_as_many_calls_are_in_flight_as_scratch_has_room_for(make: Make) -> None:
    """A slot of the ring is free again only when the kernel behind the call has read it."""
    lines = loops_and_calls((make("wide").directory / "wide.c").read_text())
    assert lines[:4] == [
        "for (int32_t first = 0; first < 5; first += 4) {",
        "for (int32_t tile = first; tile < last; ++tile) {",
        "DASH_GEMM_flt_nb(&a0[0], &b0[i], &c0[i], &m0, &k0, &n0, &cedr->barrier);",
        "cedr_dash_wait(cedr);",
    ]


def test_a_call_alone_blocks(make: Make) -> None:
    lines = loops_and_calls((make("short_filter", dash_zip=True).directory / "short_filter.c").read_text())
    assert [line for line in lines if "DASH_" in line] == [
        "DASH_ZIP_flt(a0[0], b0[0], c0[0], 24, (zip_op_t)2 /* MULT */);"
    ]
    assert "cedr_dash_wait(cedr);" not in lines
