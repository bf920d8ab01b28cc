"""cedr-opt as a command: exit statuses, files whole or not at all, weights, and what passes raise."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException, VerifyException

import cedr.passes
from cedr.dialects.cedr import WeightOp
from cedr.dialects.diagnostics import emit_warning
from cedr.dialects.weights import WeightStore, weights_of
from cedr.passes import get_all_passes
from cedr.passes.errors import PassError, at
from cedr.target.errors import CedrError
from cedr.tools import optimizer
from cedr.tools.opt import main

GOOD = "func.func @f(%x: f32) -> f32 {\n  %0 = arith.addf %x, %x : f32\n  func.return %x : f32\n}\n"
WEIGHTS = """\
builtin.module attributes {cedr.weights_file = "weights.safetensors"} {
  func.func @main() -> tensor<2x3xf32> {
    %w = cedr.weight @"fc.weight" : tensor<2x3xf32>
    func.return %w : tensor<2x3xf32>
  }
}
"""


@dataclass(frozen=True)
class ProbePass(ModulePass):
    """Fails in a way of the test's choosing."""

    name = "probe"
    how: str = "nothing"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = next(iter(op.body.block.ops))
        match self.how:
            case "refusal":
                addition, back = function.regions[0].block.ops
                raise PassError("probe", [at(addition, "is too small"), at(back, "is too large")])
            case "plain":
                raise CedrError("the moon is full")
            case "pass":
                raise PassFailedException("the pass gave up")
            case "verify":
                raise VerifyException("built something wrong")
            case "bug":
                raise KeyError("oops")
            case "broken":
                function.regions[0].block.erase_op(function.regions[0].block.last_op)
            case "warning":
                emit_warning(next(iter(function.regions[0].block.ops)), "is slow")
            case "double":
                store = weights_of(ctx, self.name)
                for weight in [inner for inner in op.walk() if isinstance(inner, WeightOp)]:
                    name = store.add(store[weight.weight_name] * 2, "doubled")
                    new = WeightOp(name, weight.result.type)
                    Rewriter.replace_op(weight, new)


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = get_all_passes() | {"probe": lambda: ProbePass}
    monkeypatch.setattr(cedr.passes, "get_all_passes", lambda: passes)
    monkeypatch.setattr(optimizer, "get_all_passes", lambda: passes)


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("good.mlir").write_text(GOOD)
    return "good.mlir"


Capture = pytest.CaptureFixture[str]


def test_output_goes_to_the_file(good: str, capsys: Capture) -> None:
    assert main([good, "-o", "out.mlir", "-p", "dce"]) == 0
    assert capsys.readouterr() == ("", "")
    assert "arith.addf" not in Path("out.mlir").read_text()
    assert main(["out.mlir"]) == 0
    assert capsys.readouterr().out == Path("out.mlir").read_text()


def test_a_file_may_be_its_own_output(good: str) -> None:
    assert main([good, "-o", good, "-p", "dce"]) == 0
    assert "func.return" in Path(good).read_text()


@pytest.mark.parametrize("arguments", [["-p", "probe{how=plain}"], ["-p", "absent"], ["--weights", "absent"]])
def test_a_failure_leaves_no_file_and_touches_none(good: str, arguments: list[str]) -> None:
    Path("old.mlir").write_text("old")
    assert main([good, "-o", "old.mlir", *arguments]) == 1
    assert main([good, "-o", "new.mlir", *arguments]) == 1
    assert Path("old.mlir").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == [good, "old.mlir"]


def test_a_failing_part_leaves_the_others_unwritten(tmp_path: Path, capsys: Capture) -> None:
    source = tmp_path / "parts.mlir"
    source.write_text(f"{GOOD}// -----\nfoo.bar\n// -----\nfoo.baz\n")
    assert main([str(source), "--split-input-file"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "parts.mlir:6:1: error: no op 'foo.bar'" in err
    assert "parts.mlir:8:1: error: no op 'foo.baz'" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.mlir"], "cedr-opt: error: absent.mlir: cannot be read: No such file or directory"),
        (["good.mlir", "-o", "good.mlir/out.mlir"], "cedr-opt: error: good.mlir/out.mlir: can't be written: "),
        (["good.mlir", "-o", "."], "cedr-opt: error: .: can't be written: Is a directory"),
        (["good.mlir", "--weights", "good.mlir"], "good.mlir: not a .safetensors file"),
        (["good.mlir", "-p", "probe{how=plain}"], "error: the moon is full"),
        (["good.mlir", "-p", "probe{how=pass}"], "error: the pass gave up"),
        (["good.mlir", "-p", "probe{how=verify}"], "error: built something wrong"),
        (["good.mlir", "-p", "probe{how=bug}"], "error: 'probe' failed: KeyError: 'oops'; this is a bug of the pass"),
        (["good.mlir", "-p", "probe{how=broken}"], "good.mlir:2:8: error: after 'probe': "),
        (["good.mlir", "-p", "probe{how=refusal}"], "good.mlir:2:8: error: probe: 'arith.addf' is too small\n"
                                                    "  %0 = arith.addf %x, %x : f32\n       ^\n"
                                                    "good.mlir:3:3: error: probe: 'func.return' is too large\n"),
        (["good.mlir", "-p", "probe{how=double}"], "probe: needs the weights' bytes, which were not given; use --weights"),
    ],
)  # fmt: skip
def test_refusals_are_one_message_and_status_1(good: str, arguments: list[str], message: str, capsys: Capture) -> None:
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_the_traceback_of_a_bug_is_there_for_the_asking(good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEDR_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main([good, "-p", "probe{how=bug}"])


@pytest.mark.parametrize(
    "arguments", [["--frobnicate"], ["a", "b"], ["-p", "cse", "--pass-pipeline", "cse"], ["-o"], ["--print-ir"]]
)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: Capture) -> None:
    assert main(arguments) == 2
    assert "usage: cedr-opt" in capsys.readouterr().err


def test_warnings_are_shown_and_change_nothing(good: str, capsys: Capture) -> None:
    assert main([good, "-p", "probe{how=warning}"]) == 0
    out, err = capsys.readouterr()
    assert err == "good.mlir:2:8: warning: is slow\n"
    assert "arith.addf" in out


@pytest.mark.parametrize(
    ("comment", "how", "status"),
    [
        ("expected-warning@+2 {{is slow}}", "warning", 0),
        ("expected-error@+2 {{is slow}}", "warning", 1),
        ("", "warning", 1),
        ("expected-error@unknown {{the moon}}", "plain", 0),
        ("expected-error@below {{the moon}}", "plain", 1),
        ("expected-error-re@unknown {{the {{mo+n}} is}}", "plain", 0),
        ("expected-error-re@unknown {{the {{sun|star}} is}}", "plain", 1),
        ("expected-error {{", "nothing", 1),
        ("expected-error@beneath {{x}}", "nothing", 1),
        ("", "nothing", 0),
    ],
)
def test_diagnostics_are_compared(tmp_path: Path, comment: str, how: str, status: int, capsys: Capture) -> None:
    source = tmp_path / "x.mlir"
    source.write_text(f"// {comment}\n{GOOD}")
    assert main([str(source), "-p", f"probe{{how={how}}}", "--verify-diagnostics"]) == status
    assert ("x.mlir:" in capsys.readouterr().err) == (status == 1 and comment != "expected-error@unknown")


def test_passes_are_listed_with_options_and_a_line_each(capsys: Capture) -> None:
    listed = optimizer.list_passes()
    assert main(["--list-passes"]) == 0
    assert capsys.readouterr().out == listed
    blocks = {block.splitlines()[0]: block for block in listed.replace("\n    ", "\r").splitlines()}
    names = {name.split("\r")[0] for name in blocks}
    assert names >= set(get_all_passes())
    assert "\ncse\n    Merges ops that compute the same.\n" in listed
    assert "\nprobe\n    Fails in a way of the test's choosing.\n    how: text (default nothing)\n" in listed


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.mlir").write_text(WEIGHTS)
    store = WeightStore({"fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "unused": np.zeros(4, np.float32)})
    store.save("in.safetensors")


@pytest.mark.usefixtures("weights")
def test_new_weights_are_written_and_the_module_names_their_file() -> None:
    Path("to").mkdir()
    arguments = ["in.mlir", "--weights", "in.safetensors", "--weights-out", "to/out.safetensors", "-o", "to/out.mlir"]
    assert main([*arguments, "-p", "probe{how=double}"]) == 0
    text = Path("to/out.mlir").read_text()
    assert 'cedr.weights_file = "out.safetensors"' in text
    ((name, array),) = WeightStore.load("to/out.safetensors").items()
    assert name.startswith("doubled.")
    assert f"cedr.weight @{name} :" in text
    np.testing.assert_array_equal(array, 2 * np.arange(6, dtype=np.float32).reshape(2, 3))


@pytest.mark.usefixtures("weights")
def test_weights_go_through_unchanged_when_no_pass_touches_them(capsys: Capture) -> None:
    assert main(["in.mlir", "--weights", "in.safetensors", "--weights-out", "out.safetensors"]) == 0
    assert 'cedr.weights_file = "out.safetensors"' in capsys.readouterr().out
    assert list(WeightStore.load("out.safetensors")) == ["fc.weight"]


@pytest.mark.usefixtures("weights")
def test_weights_that_are_not_there_are_named(capsys: Capture) -> None:
    assert main(["in.mlir", "--weights-out", "out.safetensors", "-o", "out.mlir"]) == 1
    assert "no weight 'fc.weight'" in capsys.readouterr().err
    assert not Path("out.safetensors").exists()
    assert not Path("out.mlir").exists()


@pytest.mark.usefixtures("weights")
def test_weights_are_not_written_without_the_ir_nor_the_ir_without_them() -> None:
    arguments = ["in.mlir", "--weights", "in.safetensors"]
    assert main([*arguments, "--weights-out", "out.safetensors", "-o", "in.mlir/out.mlir"]) == 1
    assert main([*arguments, "--weights-out", "in.mlir/out.safetensors", "-o", "out.mlir"]) == 1
    assert sorted(path.name for path in Path().iterdir()) == ["in.mlir", "in.safetensors"]


def command(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "cedr.tools.opt", *arguments]
    root = Path(cedr.passes.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(line, input=stdin, capture_output=True, env=environment, timeout=120, check=False)


def test_the_command_reads_stdin_and_returns_its_status() -> None:
    assert b"func.func @f" in command(stdin=GOOD.encode()).stdout
    refused = command("-p", "dce", stdin=b"foo.bar\n")
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert refused.stderr.startswith(b"<stdin>:1:1: error: no op 'foo.bar'")
    binary = command(stdin=b"\xff\xfe")
    assert binary.returncode == 1
    assert b"Traceback" not in binary.stderr


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    source = tmp_path / "large.mlir"
    source.write_text("".join(GOOD.replace("@f", f"@f{index}") for index in range(2000)))
    line = f"'{sys.executable}' -m cedr.tools.opt '{source}' | head -1"
    root = Path(cedr.passes.__file__).parents[2]
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=root, timeout=300, check=False)
    assert done.stdout.startswith("builtin.module")
    assert done.stderr == ""


def test_without_xdsl_the_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.delitem(sys.modules, "cedr.tools.optimizer", raising=False)
    monkeypatch.setitem(sys.modules, "xdsl.dialects.builtin", None)
    import cedr.tools

    monkeypatch.delattr(cedr.tools, "optimizer", raising=False)
    assert main([]) == 1
    assert "xDSL is not installed" in capsys.readouterr().err
