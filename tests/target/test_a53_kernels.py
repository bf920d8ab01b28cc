"""The benchmark that the A53's constants come from: its tools, and that docs and platform file say what it says."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cedr.target.platform import load_platform

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = ROOT / "benchmarks" / "a53_kernels.py"
TOOLS = ("qemu-aarch64", "llvm-mca", "llvm-objdump", "llvm-nm")
needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS) or importlib.util.find_spec("ziglang") is None,
    reason="needs ziglang, and Debian's llvm and qemu-user",
)


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    import os

    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({} if path is None else {"PATH": path})}
    command = [sys.executable, str(BENCHMARK), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_without_the_tools_one_message_says_how_to_get_them(tmp_path: Path) -> None:
    done = run("--json", path=str(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "qemu-aarch64 is not here; on Debian: apt-get install llvm qemu-user\n"


def test_an_api_without_a_case_is_refused() -> None:
    done = run("--only", "fir")
    assert done.returncode == 1 and done.stderr.startswith("no case of fir; there are conv2d, conv1d, gemm, fft, zip")


def test_the_page_has_the_file_s_times() -> None:
    """The table of docs/costs.md is of this platform file: where it changes, the table is made again."""
    import importlib.util as util

    spec = util.spec_from_file_location("a53_kernels", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module: Any = util.module_from_spec(spec)
    sys.modules["a53_kernels"] = module
    spec.loader.exec_module(module)
    platform = module.with_figures(load_platform("zcu102"), {"call_ns": module.OFF["call_ns"]})
    page = (ROOT / "docs" / "costs.md").read_text()
    rows = {cells[1].strip(" `"): cells for line in page.split("\n") if len(cells := line.split("|")) == 10}
    for case in module.cases():
        cells = rows[case.call.label]
        shown = float(cells[7].replace(",", ""))
        assert shown == pytest.approx(module.cost_ns(platform, case.call) / 1000, abs=0.06), case.call.label


@needs_tools
@pytest.mark.slow
def test_the_table_is_what_the_benchmark_measures() -> None:
    """Compilers differ in their versions: instructions within 10 %, the file within 25 % for real calls in the median."""
    done = run("--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["median_difference"] < 0.25
    page = (ROOT / "docs" / "costs.md").read_text()
    for row in result["rows"]:
        assert row["mca_cycles"] <= row["core_cycles"] and row["instructions"] > 0 < row["inner_share"] <= 1
        assert row["method_us"] >= row["roofline_us"]
        found = re.search(rf"`{re.escape(row['shape'])}` \| ([\d,]+) ", page)
        assert found is not None
        assert int(found[1].replace(",", "")) == pytest.approx(row["instructions"], rel=0.1), row["shape"]
