"""What libcedr's CPU kernels cost on a Cortex-A53, without having one.

    python benchmarks/a53_kernels.py [--only conv2d,fft] [--fit] [--markdown] [--json]

libcedr's calls.c is compiled for the Cortex-A53 by ziglang's clang and runs under QEMU's user-mode emulator, whose plugin
(a53/counter.c) counts how often every straight piece of code runs in one call, what it loads and stores, and simulates the
data caches (32 KiB, 4 ways; 1 MiB, 16 ways; lines of 64 bytes). Then

    core cycles = sum over the pieces of executions x max(llvm-mca's cycles of the piece repeated, bytes / 8)

with llvm-mca's in-order model of the Cortex-A53, which counts a 128-bit load as one cycle: hence the bound of 8 bytes a
cycle, what the core's load path has. A line that misses in level 1 more often than once adds L2_CYCLES each time. The
roofline is the operands of the call once through memory, at the platform file's `stream`; the longer of the two is the time.

Beside it stands what the platform file `zcu102` says of the same call (without `call_ns`), and `--fit` gives the constants
of its formulas that fit best: least squares of the relative error of the core cycles, none negative. Needs the Python
packages ziglang and, for the fit, scikit-learn; and the Debian packages llvm and qemu-user.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from cedr.target.api import APIS, FUNCTION_FLOPS, CallClass
from cedr.target.platform import Figure, Platform, class_costs, load_platform
from cedr.target.probes import conv1d_class, conv2d_class

SOURCES: Final = Path(__file__).resolve().parent / "a53"
LIBCEDR: Final = Path(__file__).resolve().parents[1] / "runtime" / "libcedr"
CFLAGS: Final = ("-std=c11", "-O3", "-ffp-contract=fast", "-g0", "-fno-sanitize=all", "-D_GNU_SOURCE", f"-I{LIBCEDR}")
FUNCTIONS: Final = ("exp", "tanh", "erf")
"""Those of the mathematical library."""
ITERATIONS: Final = 100
PLUGIN_VERSIONS: Final = (1, 2, 3, 4, 5)
BYTES_PER_CYCLE: Final = 8
"""Of the core's load and store path: 64 bits."""
NS_PER_CYCLE: Final = 1000 / 1199.88
L2_CYCLES: Final = 10
"""A line from level 2, part of its latency of about 15 cycles hidden by the prefetcher: an estimate."""


class ToolError(Exception):
    """What is missing on this machine, or failed, and what to do about it."""


@dataclass(frozen=True)
class Case:
    """One kernel on one shape."""

    call: CallClass
    function: str
    variant: int
    dims: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    lengths: tuple[int, ...]
    """Elements of each operand."""


@dataclass
class Measured:
    """One case, measured. Cycles and counts are of one call with warm caches."""

    case: Case
    instructions: int = 0
    inner_instructions: int = 0
    """Those in the inner loops: pieces of code that ran at least a quarter as often as the one that ran most."""
    mca_cycles: float = 0.0
    core_cycles: float = 0.0
    l1_misses: int = 0
    l2_misses: int = 0
    roofline_ns: float = 0.0
    """The operands once through memory."""
    file_ns: int = 0
    """What the platform file says, the call itself (call_ns) apart."""

    @property
    def refetched(self) -> int:
        """Lines that level 1 lost and level 2 had."""
        own = -(-(self.case.call.bytes_in + self.case.call.bytes_out) // 64)
        return max(0, self.l1_misses - own)

    @property
    def cycles(self) -> float:
        return self.core_cycles + L2_CYCLES * self.refetched

    @property
    def method_ns(self) -> float:
        return max(self.cycles * NS_PER_CYCLE, self.roofline_ns)


# ------------------------------------------------------------------------------------------------------------- shapes


def dense(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a row-major array, in elements."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def api_case(call: CallClass, function: str, variant: int = 0) -> Case:
    """A case from a class of the API table: dense operands, in the table's order."""
    shapes = [[call.dims[name] for name in operand.shape] for operand in APIS[call.api].operands]
    if call.attributes.get("transpose_b"):
        shapes[1] = shapes[1][::-1]
    return Case(
        call,
        f"{function}_{call.dtype}",
        variant,
        tuple(call.dims[name] for name in APIS[call.api].dims),
        tuple(dense(shape) for shape in shapes),
        tuple(math.prod(shape) for shape in shapes),
    )


def zip_case(n: int, kind: int, name: str, dtype: str = "f32") -> Case:
    call = CallClass("zip", dtype, {"n": n}, {"kind": name}, f"zip {name} {n} {dtype}")
    ones = (0,) * 7
    strides = ((*ones, 1), (*ones, 1), (*ones, 1), (*(1,) * 7, n))
    return Case(call, f"zip_{dtype}", kind, (n,), strides, (n, n, n))


def kernel_case(function: str, rows: int, columns: int, flops: int, lengths: tuple[int, ...], reduced: int = 1) -> Case:
    """A compiled loop: operations a point, elements of each operand, points that are reduced to one."""
    elements = rows * columns * reduced
    dims = {
        "elements": elements,
        "flops": flops * elements,
        "bytes_in": 4 * sum(lengths[:-1]),
        "bytes_out": 4 * rows * columns,
        "macs": 0,
    }
    call = CallClass("kernel", "f32", dims, {}, f"{function} {rows}x{columns}")
    return Case(call, function, 0, (rows, columns), (), lengths)


def gemm(m: int, k: int, n: int, dtype: str = "f32", transposed: bool = False) -> Case:
    label = f"gemm {m}x{k}x{n}{' by rows' if transposed else ''} {dtype}"
    dims = {"m": m, "k": k, "n": n}
    return api_case(CallClass("gemm", dtype, dims, {"transpose_b": transposed}, label), "gemm", int(transposed))


def fft(n: int, inverse: bool = False, rows: int = 1) -> Case:
    label = f"{'inverse ' if inverse else ''}fft {n}"
    return api_case(CallClass("fft", "c64", {"b": rows, "n": n}, {"inverse": inverse}, label), "fft", int(inverse))


def cases() -> list[Case]:
    """The shapes that the table in docs/costs.md has: those of layers of small and large networks, and CEDR's own."""
    conv2d = [
        conv2d_class(1, 1, 32, 32, 3),
        conv2d_class(1, 1, 64, 64, 3),
        conv2d_class(1, 1, 64, 64, 11),
        conv2d_class(1, 4, 64, 64, 3),
        conv2d_class(3, 16, 32, 32, 3),
        conv2d_class(16, 16, 16, 16, 3),
        conv2d_class(64, 32, 8, 8, 3),
        conv2d_class(64, 16, 4, 4, 3),
        conv2d_class(64, 16, 2, 2, 3),
        conv2d_class(32, 32, 16, 16, 1),
        conv2d_class(3, 16, 32, 32, 7, stride=2),
        conv2d_class(16, 7, 16, 20, 3),
        conv2d_class(64, 4, 8, 56, 3),
        conv2d_class(4, 8, 16, 16, 3, dtype="f64"),
    ]
    conv1d = [
        conv1d_class(1, 32, 1980, 80, stride=4),
        conv1d_class(32, 32, 495, 3),
        conv1d_class(64, 64, 30, 3),
        conv1d_class(1, 1, 4096, 5),
    ]
    return [
        *(api_case(call, "conv2d") for call in conv2d),
        *(api_case(call, "conv1d") for call in conv1d),
        *(gemm(*shape) for shape in ((1, 512, 256), (1, 256, 10), (16, 64, 64), (64, 64, 100), (4, 1152, 8))),
        *(gemm(*shape, transposed=True) for shape in ((1, 512, 256), (1, 256, 10), (16, 64, 64), (1, 20, 10))),
        gemm(8, 64, 64, "f64"),
        gemm(4, 64, 4, "c64"),
        gemm(16, 32, 16, "c64"),
        *(fft(n) for n in (16, 128, 256, 1024)),
        fft(1024, inverse=True),
        *(zip_case(n, 0, "add") for n in (256, 4096, 50176)),
        zip_case(4096, 2, "mul"),
        zip_case(4096, 3, "div"),
        zip_case(4096, 0, "add", "c64"),
        zip_case(4096, 2, "mul", "c64"),
        zip_case(4096, 3, "div", "c64"),
        kernel_case("copy", 32, 32, 0, (34 * 32, 32 * 32)),
        kernel_case("copy", 64, 224, 0, (226 * 64, 224 * 64)),
        kernel_case("bias_relu", 16, 512, 2, (16 * 512, 16, 16 * 514)),
        kernel_case("bias_relu", 64, 1792, 2, (64 * 1792, 64, 64 * 1794)),
        kernel_case("max_pool", 64, 16, 1, (4 * 64 * 16, 64 * 16), 4),
        kernel_case("max_pool", 112, 112, 1, (4 * 112 * 112, 112 * 112), 4),
        *(kernel_case(name, 16, 256, FUNCTION_FLOPS, (16 * 256, 16 * 256)) for name in FUNCTIONS),
    ]


def grid() -> list[Case]:
    """More shapes, for the fit: every width that the kernels treat apart."""
    found = [
        api_case(conv2d_class(c, f, 16, width * 4 // size, k, stride, dtype=dtype), "conv2d")
        for dtype, size in (("f32", 4), ("f64", 8))
        for width in (16, 8, 4)
        for f in (4, 1)
        for stride in (1, 2)
        for c, k in ((1, 3), (8, 1), (8, 3), (2, 7))
    ]
    found += [gemm(4, k, n) for k in (8, 64, 256) for n in (4, 10, 16, 36, 63, 64, 128)]
    found += [gemm(4, k, n, "f64") for k in (8, 64, 256) for n in (10, 64)]
    found += [gemm(4, k, 8, dtype, True) for k in (3, 16, 20, 64, 300, 512) for dtype in ("f32", "f64")]
    found += [
        gemm(3, k, n, "c64", transposed) for k in (16, 64, 300) for n in (3, 4, 10) for transposed in (False, True)
    ]
    found += [fft(n, rows=rows) for n in (8, 32, 64, 512, 2048, 4096) for rows in (1, 4)]
    found += [zip_case(n, kind, name, "c64") for n in (64, 1024, 16384) for kind, name in ((2, "mul"), (3, "div"))]
    found += [kernel_case("max_pool", 32, n, 1, (4 * 32 * n, 32 * n), 4) for n in (8, 28, 56)]
    return found


# -------------------------------------------------------------------------------------------------------------- tools


def tool(name: str, how: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"{name} is not here; {how}")
    return path


def output_of(command: Sequence[str | Path], text: str | None = None) -> str:
    process = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True, check=False)
    if process.returncode or "error:" in process.stderr:
        raise ToolError(f"{command[0]} failed: {process.stderr.strip()[-2000:]}")
    return process.stdout


def version(path: str) -> str:
    found = re.search(r"version (\S+)", output_of([path, "--version"]))
    return found[1].rstrip(",") if found else "unknown"


class Bench:
    """The compiled driver and plugin, and llvm-mca's answers by piece of code."""

    def __init__(self, scratch: Path):
        debian = "on Debian: apt-get install llvm qemu-user"
        self.qemu, self.mca = tool("qemu-aarch64", debian), tool("llvm-mca", debian)
        objdump, nm = tool("llvm-objdump", debian), tool("llvm-nm", debian)
        zig = [sys.executable, "-m", "ziglang"]
        try:
            self.compiler = f"clang of zig {output_of([*zig, 'version']).strip()}"
        except ToolError as error:
            raise ToolError("the Python package ziglang is not here; pip install ziglang") from error
        self.scratch, self.driver, self.plugin = scratch, scratch / "driver", scratch / "counter.so"
        self.zig = [*zig, "cc"]
        target = ("-target", "aarch64-linux-musl", "-mcpu=cortex_a53", "-static")
        sources = (SOURCES / "driver.c", LIBCEDR / "calls.c", LIBCEDR / "process.c")
        output_of([*self.zig, *target, *CFLAGS, *sources, "-lm", "-o", self.driver])
        self.instruction: dict[int, str] = {}
        for line in output_of([objdump, "-d", "--no-show-raw-insn", "--print-imm-hex", self.driver]).splitlines():
            if match := re.match(r"\s*([0-9a-f]+):\s+(\S.*)$", line):
                self.instruction[int(match[1], 16)] = re.sub(r"\s*(<[^>]*>|//.*)", "", match[2])
        self.mca_version, self.qemu_version = version(self.mca), version(self.qemu)
        symbols = [line.split() for line in output_of([nm, self.driver]).splitlines()]
        self.marks = {parts[-1]: int(parts[0], 16) for parts in symbols if len(parts) == 3}
        self.build_plugin()
        self.cycles: dict[str, float] = {}

    def build_plugin(self) -> None:
        """Of the version of the plugin interface that this QEMU takes."""
        said = ""
        for number in PLUGIN_VERSIONS:
            flags = ["-shared", "-fPIC", "-O2", "-fno-sanitize=all", f"-DPLUGIN_VERSION={number}"]
            output_of([*self.zig, *flags, SOURCES / "counter.c", "-o", self.plugin])
            try:
                self.run(zip_case(16, 0, "add"))
            except ToolError as error:
                said = str(error)
            else:
                return
        raise ToolError(f"this QEMU loads no version of the plugin: {said}")

    def run(self, case: Case) -> list[list[str]]:
        """The lines that the plugin wrote, split."""
        out = self.scratch / "counts"
        groups = [case.dims, *case.strides, case.lengths]
        arguments = " / ".join(" ".join(map(str, group)) for group in groups).split()
        plugin = f"{self.plugin},begin={self.marks['measure_begin']},end={self.marks['measure_end']},out={out}"
        output_of([self.qemu, "-plugin", plugin, self.driver, case.function, str(case.variant), *arguments])
        return [line.split() for line in out.read_text().splitlines()]

    def ask_mca(self, texts: Sequence[str]) -> None:
        """Fill `cycles`: a piece of code -> cycles of one pass, when it repeats itself."""
        wanted = [text for text in dict.fromkeys(texts) if text not in self.cycles]
        if not wanted:
            return
        # Where a branch goes is of no account, and an address out of reach of the piece would not be taken.
        target = re.compile(r"^((?:b|bl|b\.\w+|cbn?z|tbn?z|adrp?)\s(?:.*,)?\s*)0x[0-9a-f]+$", re.MULTILINE)
        regions = [
            f"# LLVM-MCA-BEGIN b{k}\n{text}\n# LLVM-MCA-END b{k}"
            for k, text in enumerate(target.sub(r"\1#0", piece) for piece in wanted)
        ]
        command = [self.mca, "-mtriple=aarch64", "-mcpu=cortex-a53", f"-iterations={ITERATIONS}", "-instruction-info=0"]
        said = output_of([*command, "-resource-pressure=0"], "\n".join(regions) + "\n")
        totals = re.findall(r"^Total Cycles:\s+(\d+)$", said, re.MULTILINE)
        if len(totals) != len(wanted):
            raise ToolError(f"llvm-mca answered {len(totals)} of {len(wanted)} pieces of code")
        self.cycles.update((text, int(total) / ITERATIONS) for text, total in zip(wanted, totals, strict=True))

    def measure(self, case: Case, platform: Platform) -> Measured:
        result = Measured(case)
        pieces: list[tuple[str, int, int, int]] = []
        for kind, *numbers in self.run(case):
            if kind == "cache":
                _, l1, l2 = map(int, numbers)
                result.l1_misses, result.l2_misses = l1, l2
                continue
            address, length, executions, size = int(numbers[0], 16), *map(int, numbers[1:])
            lines = [self.instruction[address + 4 * k] for k in range(length)]
            result.instructions += length * executions
            pieces.append(("\n".join(lines), length, executions, size))
        most = max(executions for _, _, executions, _ in pieces)
        result.inner_instructions = sum(length * count for _, length, count, _ in pieces if 4 * count >= most)
        self.ask_mca([text for text, *_ in pieces])
        for text, _, executions, size in pieces:
            cycles = self.cycles[text]
            result.mca_cycles += executions * cycles
            result.core_cycles += max(executions * cycles, size / BYTES_PER_CYCLE)
        call = case.call
        result.roofline_ns = (call.bytes_in + call.bytes_out) / float(platform.figures["stream"].value)
        result.file_ns = cost_ns(with_figures(platform, {"call_ns": Fraction(1, 10**9)}), call)
        return result


# ---------------------------------------------------------------------------------------------------------------- fit

OFF: Final = {"call_ns": Fraction(1, 10**9), "stream": Fraction(10**12)}
"""Figures that leave the arithmetic alone."""


def with_figures(platform: Platform, values: Mapping[str, Fraction]) -> Platform:
    """The platform with other values for some of its figures, or those of its CPU."""

    def changed(figures: Mapping[str, Figure]) -> dict[str, Figure]:
        return {name: replace(f, value=values.get(name, f.value)) for name, f in figures.items()}

    cpu, *others = platform.pe_types
    types = (replace(cpu, figures=changed(cpu.figures)), *others)
    return replace(platform, figures=changed(platform.figures), pe_types=types)


def cost_ns(platform: Platform, call: CallClass) -> int:
    """Of a call on the platform's first type of PE, the CPU."""
    return int(class_costs(platform, [call]).cost_ns[0, 0])


def fitted(platform: Platform, measured: Sequence[Measured]) -> dict[str, float]:
    """The CPU's constants that fit the core cycles of the cases best. Costs are linear in them. What functions count
    as (FUNCTION_FLOPS) is none of them."""
    from sklearn.linear_model import LinearRegression

    names = [name for name, figure in platform.pe_types[0].figures.items() if figure.unit.startswith("cycle/")]
    tiny = {**OFF, **dict.fromkeys(names, Fraction(1, 10**12))}
    cases = [m for m in measured if m.case.function not in FUNCTIONS]
    columns = []
    for name in names:
        changed = with_figures(platform, {**tiny, name: Fraction(1000)})
        columns.append([cost_ns(changed, m.case.call) / NS_PER_CYCLE / 1000 for m in cases])
    features = np.array(columns).T
    used = features.any(axis=1)
    cycles = np.array([m.cycles for m in cases])[used]
    model = LinearRegression(fit_intercept=False, positive=True)
    solution = model.fit(features[used] / cycles[:, None], np.ones(len(cycles))).coef_
    return {name: float(f"{value:.3g}") for name, value in zip(names, solution, strict=True) if value > 0}


# ------------------------------------------------------------------------------------------------------------- output


def row(m: Measured) -> dict[str, Any]:
    return {
        "kernel": m.case.call.api,
        "shape": m.case.call.label,
        "instructions": m.instructions,
        "inner_share": round(m.inner_instructions / m.instructions, 3),
        "mca_cycles": round(m.mca_cycles),
        "core_cycles": round(m.core_cycles),
        "l1_misses": m.l1_misses,
        "l2_misses": m.l2_misses,
        "core_us": round(m.cycles * NS_PER_CYCLE / 1000, 2),
        "roofline_us": round(m.roofline_ns / 1000, 2),
        "method_us": round(m.method_ns / 1000, 2),
        "file_us": round(m.file_ns / 1000, 2),
        "difference": round(m.file_ns / m.method_ns - 1, 3),
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = (
        "kernel and shape",
        "instructions",
        "in inner loops",
        "llvm-mca, cycles",
        "core, us",
        "roofline, us",
        "file, us",
        "file / method",
    )
    lines = ["| " + " | ".join(heads) + " |", "|--" + "|--:" * (len(heads) - 1) + "|"]
    for r in rows:
        cells = (
            f"`{r['shape']}`",
            f"{r['instructions']:,}",
            f"{r['inner_share']:.0%}",
            f"{r['mca_cycles']:,}",
            f"{r['core_us']:,.1f}",
            f"{r['roofline_us']:,.1f}",
            f"{r['file_us']:,.1f}",
            f"{1 + r['difference']:.2f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="APIS", help="of these APIs only, separated by commas")
    parser.add_argument("--fit", action="store_true", help="the constants of the platform file that fit best")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/costs.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args()
    only = [api for api in options.only.split(",") if api]
    chosen = [case for case in cases() if not only or case.call.api in only]
    platform = load_platform("zcu102")
    try:
        if not chosen:
            raise ToolError(
                f"no case of {options.only}; there are {', '.join(dict.fromkeys(c.call.api for c in cases()))}"
            )
        with tempfile.TemporaryDirectory() as scratch:
            bench = Bench(Path(scratch))
            measured = [bench.measure(case, platform) for case in chosen]
            constants = (
                fitted(platform, [*measured, *(bench.measure(c, platform) for c in grid())]) if options.fit else {}
            )
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    rows = [row(m) for m in measured]
    differences = [abs(r["difference"]) for r in rows]
    result = {
        "compiler": bench.compiler,
        "llvm_mca": bench.mca_version,
        "qemu": bench.qemu_version,
        "counted_by": "a plugin of QEMU's user-mode emulator",
        "median_difference": round(statistics.median(differences), 3),
        "largest_difference": max(differences),
        "rows": rows,
    }
    if options.fit:
        result["constants"] = constants
    if options.json:
        print(json.dumps(result))
        return 0
    if options.markdown:
        print(markdown(rows))
        return 0
    for r in rows:
        print(
            f"{r['shape']:38} {r['instructions']:>9,} instructions  {r['core_cycles']:>9,} cycles  core {r['core_us']:>8,.1f} us"
            f"  roofline {r['roofline_us']:>7,.1f} us  file {r['file_us']:>8,.1f} us  x {1 + r['difference']:.2f}"
        )
    print(
        f"file against method: median difference {result['median_difference']}, largest {result['largest_difference']}"
    )
    for name, value in constants.items():
        print(f"{name} = {value:g}   (the file: {float(platform.pe_types[0].figures[name].value):g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
