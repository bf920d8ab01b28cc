"""The `cedr` command: exit statuses, JSON, files, and what each argument refuses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cedr.tools.cli
from cedr.dialects.cedr import WeightOp
from cedr.dialects.weights import WeightStore
from cedr.frontend.zoo import ZOO
from cedr.passes.pipelines import PIPELINES
from cedr.target.manifest import Manifest
from cedr.target.platform import load_platform, platform_summaries
from cedr.tools.compiler import load_ir

from .conftest import Cedr

ROOT = Path(__file__).resolve().parents[2]
RUN_KEYS = [
    *("model", "emit", "pipeline", "platform", "hw", "scheduler", "os_model", "instances", "seed"),
    *("max_abs_error", "max_rel_error", "decision_match", "makespan_ns", "latency_ns", "tasks", "tasks_by_api"),
    *("macs_by_api", "utilisation", "energy_j", "arena_bytes", "arena_bound_bytes", "ir_bytes"),
    *("compile_s", "build_s", "export_s", "run_s"),
]
EVALUATE_KEYS = ["model", "metric", "samples", "eager", "compiled", "decisions_differing", "max_rel_error"]
OUT = {
    *("timing_trace.log", "schedule_trace.log", "appruntime_trace.log", "tasks.csv", "instances.csv", "pes.csv"),
    *("gantt.svg", "trace.perfetto.json", "report.html"),
}
SCHEDULERS = ["SIMPLE", "RANDOM", "MET", "EFT", "ETF", "HEFT_RT"]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder with good and bad inputs of `two`."""
    np.save(tmp_path / "a.npy", np.array([1, 2, 3], np.float32))
    np.save(tmp_path / "b.npy", np.array([5, 7, 11], np.float32))
    np.save(tmp_path / "long.npy", np.ones(4, np.float32))
    np.save(tmp_path / "double.npy", np.ones(3))
    np.save(tmp_path / "text.npy", np.array(["x", "y", "z"]))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "several.npz", np.ones(3, np.float32))
    (tmp_path / "words.npy").write_text("words")
    return tmp_path


# ---- run ----


def test_run_prints_one_json_object_with_the_keys(cedr: Cedr, models: Path) -> None:
    done = cedr("run", f"{models}:two", "--emit", "python", "--json")
    result = done.json
    assert done.status == 0 and list(result) == RUN_KEYS
    assert result["model"] == "two" and result["scheduler"] == "EFT" and result["hw"] == "C3+F1+C2D1+Z1"
    assert result["max_abs_error"] == result["max_rel_error"] == 0.0
    assert result["decision_match"] is None and result["energy_j"] > 0 and result["build_s"] is None
    assert result["tasks"] == 3 and result["tasks_by_api"] == {"zip": 3}
    assert list(result["utilisation"]) == ["cpu1", "cpu2", "cpu3", "fft1", "conv2d1", "zip1"]
    assert set(result["latency_ns"]) == {"min", "mean", "max"}
    assert all(size > 0 for size in result["ir_bytes"].values()) and "add-dependencies" in result["ir_bytes"]


def test_run_for_people(cedr: Cedr, models: Path) -> None:
    done = cedr("run", f"{models}:net", "--emit", "python")
    assert done.status == 0
    assert "against PyTorch" in done.out and "makespan" in done.out and "conv2d" in done.out and "cpu1" in done.out
    assert re.search(r"^energy    [0-9.e-]+ J$", done.out, re.MULTILINE)
    done = cedr("run", f"{models}:net", "--emit", "python", "--platform", "zcu102_cedr", "--hw", "C2")
    assert done.status == 0 and "energy" not in done.out, "it has no power figures"


def test_what_the_model_prints_is_no_part_of_the_json(cedr: Cedr, models: Path) -> None:
    done = cedr("run", f"{models}:loud", "--emit", "python", "--json")
    assert done.json["max_rel_error"] == 0.0
    assert "factory speaks" in done.err and "forward speaks" in done.err


def test_no_values(cedr: Cedr, compiled: dict[str, Path]) -> None:
    result = cedr("run", compiled["c"], "--no-values", "--json").json
    assert list(result) == RUN_KEYS
    assert result["max_abs_error"] is result["max_rel_error"] is result["decision_match"] is None
    assert result["tasks"] == 3


@pytest.mark.parametrize("option", ["--input", "--output"])
def test_no_values_takes_and_gives_none(cedr: Cedr, compiled: dict[str, Path], option: str) -> None:
    done = cedr("run", compiled["c"], "--no-values", option, "x.npy")
    assert done.status == 1 and "--no-values computes nothing" in done.err and done.out == ""


@pytest.mark.parametrize("emit", ["c", "python"])
@pytest.mark.parametrize("named", [True, False])
def test_inputs_and_outputs_by_name_and_in_order(
    cedr: Cedr, compiled: dict[str, Path], inputs: Path, emit: str, named: bool
) -> None:
    a, b = inputs / "a.npy", inputs / "b.npy"
    given = ["--input", f"b={b}", "--input", f"a={a}"] if named else ["--input", a, "--input", b]
    name = "output2=" if named else ""
    done = cedr("run", compiled[emit], *given, "--output", f"{name}{inputs / 'new' / 'y.npy'}", "--json")
    assert done.status == 0 and done.json["max_rel_error"] is None
    assert np.load(inputs / "new" / "y.npy").tolist() == ([-4, -5, -8] if named else [6, 9, 14])


def test_a_name_first_and_a_place_after_it(cedr: Cedr, compiled: dict[str, Path], inputs: Path) -> None:
    files = ["--input", f"b={inputs / 'a.npy'}", "--input", inputs / "b.npy"]
    assert cedr("run", compiled["c"], *files, "--output", inputs / "y.npy", "--output", f"output2={inputs / 'd.npy'}")
    assert np.load(inputs / "d.npy").tolist() == [4, 5, 8]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "input 'a', 'b' is missing: give --input a=X.npy"),
        (["a.npy"], "input 'b' is missing: give --input b=X.npy"),
        (["b=b.npy"], "input 'a' is missing: give --input a=X.npy"),
        (["c=a.npy", "b.npy"], "--input c=a.npy: no such name; those there are: a, b"),
        (["a=a.npy", "a=b.npy"], "--input a=b.npy: a is given twice"),
        (["a.npy", "b.npy", "b.npy"], "--input b.npy: the model has 2 of them only (a, b)"),
        (["a.npy", "long.npy"], "input 'b' is f32[3], got f32[4]"),
        (["a.npy", "double.npy"], "input 'b' is f32[3], got f64[3]"),
        (["a.npy", "text.npy"], "input 'b' is f32[3], got <U1[3]"),
        (["a.npy", "words.npy"], "--input words.npy: not a .npy file"),
        (["a.npy", "objects.npy"], "--input objects.npy: not a .npy file"),
        (["a.npy", "several.npz"], "--input several.npz: not a .npy file"),
        (["a.npy", "absent.npy"], "--input absent.npy: not a .npy file"),
    ],
)
def test_refused_inputs(
    cedr: Cedr,
    compiled: dict[str, Path],
    inputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(inputs)
    arguments = [part for one in given for part in ("--input", one)]
    done = cedr("run", compiled["c"], *arguments, "--output", "y.npy", "--json")
    assert done.status == 1 and message in done.err and done.out == ""
    assert not Path("y.npy").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["nope=y.npy"], "--output nope=y.npy: no such name; those there are: output0, output1, output2"),
        (["1.npy", "2.npy", "3.npy", "4.npy"], "--output 4.npy: the model has 3 of them only"),
        (["a.npy/y.npy"], "a.npy/y.npy: can't be written"),
    ],
)
def test_refused_outputs(
    cedr: Cedr,
    compiled: dict[str, Path],
    inputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(inputs)
    before = sorted(Path().iterdir())
    arguments = [part for one in given for part in ("--output", one)]
    done = cedr("run", compiled["c"], "--input", "a.npy", "--input", "b.npy", *arguments)
    assert done.status == 1 and message in done.err
    assert sorted(Path().iterdir()) == before


def test_values_that_differ_are_exit_status_1_and_the_figures_are_there(cedr: Cedr, models: Path) -> None:
    done = cedr("run", f"{models}:moody", "--emit", "python", "--json")
    assert done.status == 1
    assert done.json["max_abs_error"] == 0.5 and done.json["max_rel_error"] == 0.2
    assert "the values differ from PyTorch's by 0.2 relative, more than the tolerance of its dtype" in done.err


def test_the_tolerance_is_the_user_s(cedr: Cedr, models: Path) -> None:
    assert cedr("run", f"{models}:moody", "--emit", "python", "--tolerance", "0.2").status == 0
    done = cedr("run", f"{models}:moody", "--emit", "python", "--tolerance", "0.19")
    assert done.status == 1 and "more than --tolerance 0.19" in done.err


@pytest.mark.parametrize("scheduler", [*SCHEDULERS, "rr", "heft_rt"])
def test_every_scheduler(cedr: Cedr, compiled: dict[str, Path], scheduler: str) -> None:
    result = cedr("run", compiled["c"], "--no-values", "--scheduler", scheduler, "--json").json
    assert result["scheduler"] == {"rr": "SIMPLE", "heft_rt": "HEFT_RT"}.get(scheduler, scheduler)
    assert result["tasks"] == 3 and result["makespan_ns"] > 0


def test_a_scheduler_of_one_s_own(cedr: Cedr, compiled: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from cedr.runtime.schedulers import Scheduler, get_scheduler\n"
        "mine = Scheduler('MINE', get_scheduler('EFT').assign, get_scheduler('EFT').initial_state)\n"
    )
    (tmp_path / "mix.toml").write_text(f'[[application]]\nmodel = "{compiled["python"]}/"\n')
    for command in (("run", compiled["python"], "--no-values"), ("emulate", tmp_path / "mix.toml")):
        result = cedr(*command, "--scheduler", f"{tmp_path}/own.py:mine", "--json").json
        assert result["scheduler"] == "MINE" and result["tasks"] == 3
        done = cedr(*command, "--scheduler", f"{tmp_path}/own.py:yours")
        assert done.status == 1 and "own.py has no 'yours'; schedulers there: mine" in done.err
    for name, there in (("mine", True), ("yours", False)):
        text = (tmp_path / "mix.toml").read_text()
        (tmp_path / "own.toml").write_text(f'scheduler = "own.py:{name}"\n' + text)
        done = cedr("emulate", tmp_path / "own.toml", "--json")
        if there:
            assert done.json["scheduler"] == "MINE", "a file that a scenario names is one of its folder"
        else:
            assert done.status == 1 and "own.toml:1: scheduler: " in done.err and "has no 'yours'" in done.err


def test_instances_and_their_period(cedr: Cedr, compiled: dict[str, Path]) -> None:
    arguments = ("run", compiled["c"], "--no-values", "--json", "--instances", "3")
    one = cedr("run", compiled["c"], "--no-values", "--json").json
    apart = cedr(*arguments, "--period-us", "100").json
    at_once = cedr(*arguments).json
    assert apart["instances"] == 3 and apart["tasks"] == 3 * one["tasks"]
    assert apart["makespan_ns"] == 200_000 + one["makespan_ns"]
    assert apart["latency_ns"]["min"] == apart["latency_ns"]["max"] == one["latency_ns"]["mean"]
    assert at_once["latency_ns"]["max"] > one["latency_ns"]["max"]
    assert at_once["makespan_ns"] < 3 * one["makespan_ns"] + 1


def test_a_seed_gives_the_same_run_and_another_one_another(cedr: Cedr, compiled: dict[str, Path]) -> None:
    def makespan(seed: str) -> object:
        arguments = ("--scheduler", "RANDOM", "--instances", "20", "--seed", seed, "--no-values", "--json")
        result = cedr("run", compiled["c"], *arguments).json
        return result["seed"], result["latency_ns"], result["utilisation"]

    assert makespan("4") == makespan("4")
    assert len({str(makespan(str(seed))) for seed in range(4)}) > 1


@pytest.mark.parametrize("hw", ["C3+F1+C2D1+Z1", "C3F1C2D1Z1", "Z1+C2D1+F1+C3", "c3f1c2d1z1"])
def test_spellings_of_a_composition(cedr: Cedr, compiled: dict[str, Path], hw: str) -> None:
    done = cedr("run", compiled["c"], "--no-values", "--hw", hw, "--json")
    if hw == hw.lower():
        assert done.status == 1 and "composition 'c3f1c2d1z1'" in done.err
    else:
        assert done.json["hw"] == "C3+F1+C2D1+Z1"


def test_out_has_the_four_files(cedr: Cedr, compiled: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    assert cedr("run", compiled["c"], "--no-values", "--out", folder).status == 0
    assert {path.name for path in folder.iterdir()} == OUT
    assert json.loads((folder / "trace.perfetto.json").read_text())
    assert (folder / "gantt.svg").read_text().lstrip().startswith(("<?xml", "<svg"))
    assert len((folder / "tasks.csv").read_text().splitlines()) == 1 + 3
    assert (folder / "timing_trace.log").read_text().count("\n") >= 3


def test_out_that_is_a_file(cedr: Cedr, models: Path, compiled: dict[str, Path], tmp_path: Path) -> None:
    """One refusal, in the words of both commands, before anything is made."""
    (tmp_path / "out").write_text("mine")
    (tmp_path / "mix.toml").write_text(f'[[application]]\nmodel = "{compiled["python"]}/"\n')
    for command in (("run", f"{models}:fails"), ("emulate", tmp_path / "mix.toml")):
        for out in (tmp_path / "out", tmp_path / "out" / "below" / "it"):
            done = cedr(*command, "--out", out)
            told = f"--out {out}: {tmp_path / 'out'} is a file; give a folder that is there or can be made"
            assert done.status == 1 and done.err == f"cedr {command[0]}: {told}\n" and done.out == ""
    assert (tmp_path / "out").read_text() == "mine"
    assert cedr("run", compiled["python"], "--no-values", "--out", tmp_path / "new" / "folder").status == 0
    assert (tmp_path / "new" / "folder" / "tasks.csv").is_file()


# ---- what run, compile and evaluate share ----


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--pipeline", "fast"], "no pipeline or pass 'fast'; the pipelines are default, layerwise; the passes are add-dep"),
        (["--pipeline", "cse,fast"], "no pass 'fast'; those there are: add-dependencies, bufferize, "),
        (["--pipeline", "choose{slot=1}"], "'choose' has no option 'slot'; its options: mapping (text), platform (text)"),
        (["--pipeline", "choose{slots=0}"], "'choose': slots is 1 or more, got 0"),
        (["--pipeline", "choose{slots=many}"], "option 'slots' of 'choose' wants int or none, got many"),
        (["--pipeline", "choose{"], "expected '}'"),
        (["--platform", "zcu103"], "no platform 'zcu103' (did you mean 'zcu102'?); there are jetson_agx_xavier, odroid_xu3, zcu102, "),
        (["--platform", "./none.toml"], "platform file none.toml: can't be read: No such file or directory"),
        (["--hw", "Q3"], "composition 'Q3': no PE type at 'Q3'; platform zcu102 has C (cpu, up to 3), F (fft"),
        (["--hw", "C99"], "composition 'C99': at most 3 C, got 99"),
        (["--hw", "C0"], "composition 'C0': no PE at all"),
        (["--hw", ""], "composition '': a PE type is missing"),
        (["--hw", "C3+"], "composition 'C3+'"),
        (["--hw", "C1+C2"], "composition 'C1+C2'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "evaluate", "compile"])
def test_options_are_checked_before_the_model_is_made(
    cedr: Cedr, models: Path, tmp_path: Path, command: str, option: list[str], message: str
) -> None:
    more = ["-o", tmp_path / "m"] if command == "compile" else []
    done = cedr(command, f"{models}:fails", *option, *more, "--json")
    assert done.status == 1 and message in done.err and done.out == ""
    assert done.err.startswith(f"cedr {command}: ")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--scheduler", "fifo"], "there is no scheduler 'fifo'; there are SIMPLE (or RR), RANDOM, MET, EFT, ETF, HEFT_RT"),
    ],
)  # fmt: skip
def test_run_options_are_checked_before_the_model_is_made(
    cedr: Cedr, models: Path, option: list[str], message: str
) -> None:
    done = cedr("run", f"{models}:fails", *option)
    assert done.status == 1 and message in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["frob"], "'frob'"),
        (["run"], "required: MODEL"),
        (["run", "x", "y"], "unrecognized arguments: y"),
        (["run", "x", "--frob"], "unrecognized arguments: --frob"),
        (["run", "x", "--emit", "rust"], "invalid choice: 'rust' (choose from"),
        (["run", "x", "--os-model", "vxworks"], "invalid choice: 'vxworks' (choose from"),
        (["run", "x", "--instances", "0"], "--instances: needs a whole number of at least 1, got '0'"),
        (["run", "x", "--instances", "-3"], "--instances: needs a whole number of at least 1, got '-3'"),
        (["run", "x", "--instances", "two"], "--instances: needs a whole number of at least 1, got 'two'"),
        (["run", "x", "--instances", "1.5"], "--instances: needs a whole number of at least 1, got '1.5'"),
        (["run", "x", "--period-us", "-1"], "--period-us: needs a number of at least 0, got '-1'"),
        (["run", "x", "--period-us", "nan"], "--period-us: needs a number of at least 0, got 'nan'"),
        (["run", "x", "--period-us", "inf"], "--period-us: needs a number of at least 0, got 'inf'"),
        (["run", "x", "--period-us", "soon"], "--period-us: needs a number of at least 0, got 'soon'"),
        (["run", "x", "--tolerance", "-1"], "--tolerance: needs a number of at least 0, got '-1'"),
        (["run", "x", "--tolerance", "some"], "--tolerance: needs a number of at least 0, got 'some'"),
        (["run", "x", "--seed", "dice"], "--seed: invalid int value: 'dice'"),
        (["run", "x", "--scheduler"], "--scheduler: expected one argument"),
        (["compile", "x"], "required: -o"),
        (["compile", "x", "-o", "y", "--scheduler", "EFT"], "unrecognized arguments: --scheduler EFT"),
        (["evaluate"], "required: MODEL"),
        (["platforms", "frob"], "'frob'"),
        (["platforms", "validate"], "required: FILE"),
        (["models", "vgg16"], "unrecognized arguments: vgg16"),
        (["schedulers", "EFT"], "unrecognized arguments: EFT"),
    ],
)
def test_wrong_usage_is_exit_status_2(cedr: Cedr, arguments: list[str], message: str) -> None:
    done = cedr(*arguments)
    assert done.status == 2 and message in done.err and done.out == ""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["platforms", "validate", "--help"]])
def test_help_is_exit_status_0(cedr: Cedr, arguments: list[str]) -> None:
    done = cedr(*arguments)
    assert done.status == 0 and done.out.startswith("usage: cedr")


@pytest.mark.parametrize("seed", ["-5", str(2**70)])
def test_any_whole_number_is_a_seed(cedr: Cedr, compiled: dict[str, Path], seed: str) -> None:
    result = cedr("run", compiled["c"], "--no-values", "--scheduler", "random", "--seed", seed, "--json").json
    assert result["seed"] == int(seed)


def test_pes_that_offer_nothing_the_model_needs(cedr: Cedr, compiled: dict[str, Path]) -> None:
    done = cedr("run", compiled["c"], "--no-values", "--hw", "F1")
    assert done.status == 1
    assert "no PE of F1 offers zip of n = 3, f32, 'l0_add:0' (1 tasks); add one of type cpu or zip" in done.err


# ---- compile ----


@pytest.mark.parametrize("emit", ["c", "python"])
def test_compile_writes_the_directory(cedr: Cedr, models: Path, tmp_path: Path, emit: str) -> None:
    folder = tmp_path / "new" / "m"
    result = cedr("compile", f"{models}:two", "--emit", emit, "-o", folder, "--json").json
    assert result["directory"] == str(folder) and result["model"] == "two" and result["emit"] == emit
    files = {"c": {"two.c", "two", "libcedr", "Makefile"}, "python": {"two.py"}}[emit]
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "weights.safetensors", *files}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [t["name"] for t in manifest["inputs"]] == ["a", "b"]
    assert {"version", "outputs", "pipeline", "platform", "hw", "control", "files"} <= manifest.keys()
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


def test_save_ir_keeps_every_stage_in_order(compiled: dict[str, Path]) -> None:
    names = sorted(path.name for path in (compiled["c"] / "ir").iterdir())
    stages = ["import", *(stage.name for stage in PIPELINES["default"])]
    assert len(stages) == len(set(stages))
    assert names == [f"{number:02}_{stage}.mlir" for number, stage in enumerate(stages)]


def test_saved_stages_find_the_weights_that_they_name(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    """Also where the weights of the file that is compiled stand elsewhere, under another name."""
    options = ("--emit", "python", "--save-ir", "-o")
    assert cedr("compile", f"{models}:net", *options, tmp_path / "net").status == 0
    (tmp_path / "net" / "weights.safetensors").rename(tmp_path / "w.safetensors")
    text = (tmp_path / "net" / "ir" / "00_import.mlir").read_text()
    (tmp_path / "net.mlir").write_text(text.replace("../weights.safetensors", "w.safetensors"))
    assert cedr("compile", tmp_path / "net.mlir", *options, tmp_path / "m").status == 0
    named: set[str] = set()
    for path in (tmp_path / "m" / "ir").iterdir():
        context, module = load_ir(path)
        of_stage = {op.weight_name for op in module.walk() if isinstance(op, WeightOp)}
        assert context.weights is not None and of_stage <= set(context.weights)
        named |= of_stage
    assert named and named == set(WeightStore.load(tmp_path / "m" / "weights.safetensors"))


def test_a_module_may_take_the_place_of_one(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    assert cedr("compile", f"{models}:net", "--emit", "python", "-o", tmp_path / "m").status == 0
    (tmp_path / "empty").mkdir()
    assert cedr("compile", f"{models}:two", "--emit", "python", "-o", tmp_path / "m").status == 0
    assert cedr("compile", f"{models}:two", "--emit", "python", "-o", tmp_path / "empty").status == 0
    assert (tmp_path / "m" / "two.py").exists() and not (tmp_path / "m" / "net.py").exists()


def test_what_is_no_module_is_not_replaced(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "one.jpg").write_text("x")
    extension = tmp_path / "extension"
    extension.mkdir()
    (extension / "manifest.json").write_text('{"manifest_version": 3, "name": "of a browser"}')
    for folder in (photos, extension):
        before = {path: path.read_text() for path in folder.iterdir()}
        done = cedr("compile", f"{models}:two", "-o", folder)
        assert done.status == 1
        assert f"{folder}: not empty and no compiled module; name another directory for -o" in done.err
        assert {path: path.read_text() for path in folder.iterdir()} == before
    done = cedr("compile", f"{models}:two", "-o", photos / "one.jpg")
    assert done.status == 1 and "a file of that name is in the way" in done.err
    done = cedr("compile", f"{models}:two", "--emit", "python", "-o", photos / "one.jpg" / "m")
    assert done.status == 1 and "cannot be written" in done.err


def test_a_module_is_not_compiled_again(cedr: Cedr, compiled: dict[str, Path], tmp_path: Path) -> None:
    done = cedr("compile", compiled["c"], "-o", tmp_path / "m")
    assert done.status == 1 and "already a compiled module" in done.err and not (tmp_path / "m").exists()


@pytest.mark.parametrize("emit", ["c", "python"])
def test_seconds_are_those_of_the_command(cedr: Cedr, compiled: dict[str, Path], tmp_path: Path, emit: str) -> None:
    """A module that was compiled before has its sizes and none of the seconds that it took; its name is the model's."""
    result = cedr("run", compiled[emit], "--no-values", "--json").json
    assert result["model"] == "two" and list(result) == RUN_KEYS
    assert result["export_s"] is result["compile_s"] is result["build_s"] is None and result["run_s"] > 0
    assert result["arena_bytes"] is not None and "add-dependencies" in result["ir_bytes"]
    assert Manifest.load(compiled[emit]).figures.compile_s is not None, "the manifest keeps them"
    shutil.copytree(compiled[emit], tmp_path / "m")
    with next((tmp_path / "m").glob("two.[cp]*")).open("a") as source:
        source.write("\n")
    result = cedr("run", tmp_path / "m", "--no-values", "--json").json
    assert result["export_s"] is result["compile_s"] is None
    assert (result["build_s"] is not None) == (emit == "c"), "what was changed by hand is built again"
    (tmp_path / "mix.toml").write_text('[[application]]\nmodel = "m"\n')
    result = cedr("emulate", tmp_path / "mix.toml", "--json").json
    assert result["compile_s"] is None and (result["build_s"] is not None) == (emit == "c")


def test_three_unsupported_ops_are_one_report_of_three_lines(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    for command, more in (("run", []), ("compile", ["-o", tmp_path / "m"])):
        done = cedr(command, f"{models}:three", *more)
        lines = done.err.splitlines()
        assert done.status == 1 and done.out == "" and len(lines) == 3
        for line, op in zip(
            lines, ("aten.special_bessel_j0", "aten.special_bessel_j1", "aten._linalg_svd"), strict=True
        ):
            assert "small.py:" in line and op in line
        assert list(tmp_path.iterdir()) == []


def test_a_pipeline_that_stops_early_names_the_next_pass(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    arguments = ["compile", f"{models}:two", "--emit", "python", "-o", tmp_path / "m"]
    done = cedr(*arguments, "--pipeline", "choose,convert-linalg-to-cedr,bufferize,plan-memory")
    assert done.status == 1 and "has no base; run the pass 'add-dependencies' first" in done.err
    done = cedr(*arguments, "--pipeline", "choose")
    assert done.status == 1 and "run the pass" in done.err
    assert list(tmp_path.iterdir()) == []
    whole = "choose,convert-linalg-to-cedr,bufferize,plan-memory{reuse=none},add-dependencies"
    assert cedr(*arguments, "--pipeline", whole).status == 0


@pytest.mark.parametrize("emit", ["c", "python"])
def test_an_interrupt_leaves_no_half_written_directory(
    cedr: Cedr, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emit: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    place = "cedr.tools.compiler.build_module" if emit == "c" else "cedr.tools.compiler.hash_files"
    monkeypatch.setattr(place, interrupt)
    done = cedr("compile", f"{models}:two", "--emit", emit, "-o", tmp_path / "m")
    assert done.status == 130 and done.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_defect_of_ours_is_one_line_too(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise IndexError("off by one")

    monkeypatch.setattr("cedr.tools.models.find_model", broken)
    assert cedr.tools.cli.main(["run", f"{models}:two"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "internal error, please report it: IndexError: off by one" in error
    monkeypatch.setenv("CEDR_DEBUG", "1")
    assert cedr.tools.cli.main(["run", f"{models}:two"]) == 1
    assert "in broken" in capsys.readouterr().err


# ---- a compiled module or IR as MODEL ----


def test_a_module_is_emulated_on_what_was_asked_for(cedr: Cedr, compiled: dict[str, Path]) -> None:
    own = cedr("run", compiled["c"], "--no-values", "--json").json
    one = cedr("run", compiled["c"], "--no-values", "--hw", "C1", "--json").json
    assert own["hw"] == "C3+F1+C2D1+Z1" and one["hw"] == "C1"
    assert list(one["utilisation"]) == ["cpu1"] and one["makespan_ns"] > own["makespan_ns"]


def test_a_composition_that_nobody_asked_for_says_where_it_comes_from(
    cedr: Cedr, models: Path, compiled: dict[str, Path], tmp_path: Path
) -> None:
    done = cedr("run", compiled["c"], "--platform", "odroid_xu3", "--no-values")
    assert done.status == 1 and "this board has no C (cpu)" in done.err
    assert "\nC3+F1+C2D1+Z1 is what the module was compiled for: give another one, as --hw B4+L3\n" in done.err
    planned = sorted((compiled["c"] / "ir").iterdir())[-1]
    done = cedr("run", planned, "--platform", "odroid_xu3", "--no-values")
    assert done.status == 1 and "\nC3+F1+C2D1+Z1 is that of the IR: give another one, as --hw B4+L3\n" in done.err
    done = cedr("run", f"{models}:fails", "--platform", "odroid_xu3")
    assert done.status == 1 and "\nC3+F1+C2D1+Z1 is the default: give another one, as --hw B4+L3\n" in done.err
    done = cedr("run", compiled["c"], "--platform", "odroid_xu3", "--hw", "C3", "--no-values")
    assert done.status == 1 and "this board has no C (cpu)" in done.err and "--hw B4" not in done.err
    options = ("--platform", "odroid_xu3", "--hw", "B4+L3")
    assert cedr("compile", f"{models}:two", "--emit", "python", *options, "-o", tmp_path / "m").status == 0
    assert cedr("run", tmp_path / "m", "--platform", "odroid_xu3", "--no-values", "--json").json["hw"] == "B4+L3"


@pytest.mark.parametrize("option", [["--emit", "python"], ["--pipeline", "layerwise"]])
def test_a_module_can_t_be_compiled_otherwise_any_more(
    cedr: Cedr, compiled: dict[str, Path], option: list[str]
) -> None:
    done = cedr("run", compiled["c"], "--no-values", *option)
    assert done.status == 1
    assert f"{option[0]} {option[1]} comes too late; compile the model again" in done.err
    assert cedr("run", compiled["c"], "--no-values", "--emit", "c", "--pipeline", "default").status == 0


def test_ir_goes_on_from_its_level(cedr: Cedr, compiled: dict[str, Path], inputs: Path) -> None:
    given = ["--input", inputs / "a.npy", "--input", inputs / "b.npy", "--output", inputs / "y.npy"]
    for name in ("import", "convert-linalg-to-cedr"):
        (file,) = (compiled["c"] / "ir").glob(f"*_{name}.mlir")
        result = cedr("run", file, *given, "--emit", "python", "--json").json
        assert result["model"] == str(file) and result["max_rel_error"] is None and result["export_s"] is None
        assert np.load(inputs / "y.npy").tolist() == [6, 9, 14]


def test_planned_ir_carries_its_composition_unless_another_is_asked_for(cedr: Cedr, compiled: dict[str, Path]) -> None:
    (file,) = (compiled["c"] / "ir").glob("*_choose.mlir")
    arguments = ("run", file, "--no-values", "--emit", "python", "--json")
    assert cedr(*arguments).json["hw"] == "C3+F1+C2D1+Z1"
    assert cedr(*arguments, "--hw", "C2").json["hw"] == "C2"


def test_ir_without_inputs(cedr: Cedr, compiled: dict[str, Path]) -> None:
    done = cedr("run", compiled["c"] / "ir" / "00_import.mlir", "--emit", "python")
    assert done.status == 1 and "input 'a', 'b' is missing" in done.err


def test_ir_that_does_not_parse_or_verify(cedr: Cedr, tmp_path: Path) -> None:
    file = tmp_path / "bad.mlir"
    for text, message in (
        ("func.func @f( {\n", "bad.mlir:1:"),
        ("func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  func.return\n}\n", "bad.mlir:2:"),
    ):
        file.write_text(text)
        done = cedr("run", file, "--no-values")
        assert done.status == 1 and message in done.err


def test_a_directory_that_is_damaged(cedr: Cedr, compiled: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(compiled["python"], folder)
    (folder / "manifest.json").write_text("{")
    done = cedr("run", folder, "--no-values")
    assert done.status == 1 and "manifest.json" in done.err
    shutil.copy(compiled["python"] / "manifest.json", folder)
    (folder / "two.py").unlink()
    done = cedr("run", folder, "--no-values")
    assert done.status == 1 and "two.py" in done.err


# ---- evaluate ----


def test_evaluate(cedr: Cedr, models: Path) -> None:
    result = cedr("evaluate", f"{models}:judged", "--emit", "python", "--json").json
    assert list(result) == EVALUATE_KEYS
    assert result == {
        "model": "judged",
        "metric": "accuracy",
        "samples": 4,
        "eager": 0.75,
        "compiled": 0.75,
        "decisions_differing": 0,
        "max_rel_error": 0.0,
    }
    done = cedr("evaluate", f"{models}:judged", "--emit", "python")
    assert done.status == 0 and "eager 0.7500, compiled 0.7500; 0 decisions differ" in done.out


def test_run_says_whether_the_decision_is_the_same(cedr: Cedr, models: Path) -> None:
    assert cedr("run", f"{models}:judged", "--emit", "python", "--json").json["decision_match"] is True


def test_evaluate_needs_a_held_out_set(cedr: Cedr, models: Path, compiled: dict[str, Path]) -> None:
    done = cedr("evaluate", f"{models}:two")
    assert done.status == 1 and "two has no held-out set to evaluate on; define held_out() and decide()" in done.err
    for place in (compiled["c"], compiled["c"] / "ir" / "00_import.mlir"):
        done = cedr("evaluate", place)
        assert done.status == 1 and "evaluate needs the PyTorch model, with its held-out set" in done.err


# ---- lists ----


def test_models(cedr: Cedr) -> None:
    rows = cedr("models", "--json").json["models"]
    names = [row["name"] for row in rows]
    assert names == list(ZOO)
    assert rows[0]["input_shape"] == [1, 3, 224, 224] and rows[0]["input_dtype"] == "float32"
    assert {row["name"] for row in rows if row["input_dtype"] == "int64"} == {"bert_tiny", "wifi_tx"}
    assert {row["name"] for row in rows if row["input_dtype"] == "complex64"} >= {"radar_correlator", "sar"}
    shown = cedr("models").out
    assert all(name in shown for name in names)


def test_schedulers(cedr: Cedr) -> None:
    rows = cedr("schedulers", "--json").json["schedulers"]
    assert [row["name"] for row in rows][: len(SCHEDULERS)] == SCHEDULERS and len(rows) > len(SCHEDULERS)
    assert rows[0]["aliases"] == ["RR"] and all(row["about"] for row in rows)
    shown = cedr("schedulers").out
    assert all(name in shown for name in SCHEDULERS)


def test_platforms(cedr: Cedr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    rows = cedr("platforms", "--json").json["platforms"]
    (row,) = [row for row in rows if row["name"] == "zcu102"]
    assert row["name"] == "zcu102" and row["composition"] == "C3+F1+C2D1+Z1"
    assert row["pe_types"] == {"C": "cpu", "F": "fft", "M": "gemm", "C2D": "conv2d", "Z": "zip"}
    printed = cedr("platforms").out
    assert "zcu102" in printed
    for row in rows:
        estimates, figures = row["linux_cfs_estimates"], row["linux_cfs_figures"]
        assert 0 < estimates < figures and f" {estimates} of {figures} estimates" in printed
        published = row["name"].startswith("zcu102")
        assert (estimates < figures / 2) == published, "CEDR's published runs are of the ZCU102"
    assert all(f"{row['path']}\n" in printed and Path(row["path"]).is_file() for row in rows)


def test_platforms_validate(cedr: Cedr, tmp_path: Path) -> None:
    file = ROOT / "target" / "platforms" / "zcu102.toml"
    assert cedr("platforms", "validate", file, "--json").json == {"file": str(file), "valid": True, "name": "zcu102"}
    assert "valid: platform zcu102" in cedr("platforms", "validate", file).out
    broken = tmp_path / "broken.toml"
    for text, message in (("x", "broken.toml:1: not TOML"), ("[nothing]\n", "broken.toml")):
        broken.write_text(text)
        done = cedr("platforms", "validate", broken, "--json")
        assert done.status == 1 and message in done.err and done.out == ""
    for wrong, reason in (("absent.toml", "No such file or directory"), ("", "Is a directory")):
        done = cedr("platforms", "validate", tmp_path / wrong)
        assert done.status == 1
        assert done.err == f"cedr platforms: platform file {tmp_path / wrong}: can't be read: {reason}\n"
    done = cedr("platforms", "validate", "zcu102")
    assert done.status == 1 and f"; the platform zcu102 that ships is {file}\n" in done.err


def test_a_platform_file_of_one_s_own(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    """Compiled for it by its file, which the module's directory then holds."""
    text = (ROOT / "target" / "platforms" / "zcu102.toml").read_text()
    assert 'name = "zcu102"' in text
    file = tmp_path / "own.toml"
    file.write_text(text.replace('name = "zcu102"', 'name = "own"', 1))
    folder = tmp_path / "m"
    arguments = ("compile", f"{models}:two", "--emit", "python", "--platform", file, "-o", folder, "--json")
    assert cedr(*arguments).json["platform"] == "own"
    assert Manifest.load(folder).platform_file == "platform/own.toml"
    assert load_platform(folder / "platform" / "own.toml").hash == load_platform(file).hash
    done = cedr("run", folder, "--no-values", "--platform", file, "--json")
    assert done.json["platform"] == "own" and done.err == ""
    file.unlink()
    done = cedr("run", folder, "--no-values", "--json")
    assert done.json["platform"] == "own" and done.err == ""
    done = cedr("run", folder, "--no-values", "--platform", "zcu102", "--json")
    assert (
        done.json["platform"] == "zcu102"
        and f"warning: {folder}: compiled for another platform than zcu102" in done.err
    )
    copy = folder / "platform" / "own.toml"
    copy.write_text(copy.read_text() + "# a comment is no other platform\n")
    done = cedr("run", folder, "--no-values", "--json")
    assert done.json["platform"] == "own" and "changed by hand" in done.err and "compiled for another" not in done.err
    copy.write_text(copy.read_text().replace("title = ", 'title = "other" #'))
    done = cedr("run", folder, "--no-values", "--json")
    assert done.json["platform"] == "own" and f"compiled for another platform than {copy} is now" in done.err
    copy.write_text(copy.read_text() + "[nothing]\n")
    done = cedr("run", folder, "--no-values", "--json")
    assert done.status == 1 and f"{folder}: its copy of the platform own can't be used: {copy}:" in done.err
    copy.unlink()
    done = cedr("run", folder, "--no-values")
    assert done.status == 1 and "own.toml is gone" not in done.err
    assert (
        "own.toml: can't be read: No such file" in done.err
        and "Compile the model again, or give --platform" in done.err
    )
    assert cedr("run", folder, "--no-values", "--platform", "zcu102", "--json").json["platform"] == "zcu102"
    assert "own" not in [s.name for s in platform_summaries()]


def test_stages_of_a_module_are_compiled_for_its_copy(cedr: Cedr, models: Path, tmp_path: Path) -> None:
    """IR that was changed by hand goes on for the platform in the directory, or for the one that was asked for."""
    file = tmp_path / "own.toml"
    file.write_text('extends = "zcu102"\nformat = 1\nname = "own"\ntitle = "a copy"\n')
    folder = tmp_path / "m"
    arguments = (
        "compile",
        f"{models}:two",
        "--emit",
        "python",
        "--platform",
        file,
        "--save-ir",
        "-o",
        folder,
        "--json",
    )
    assert cedr(*arguments).status == 0
    file.unlink()
    stage = sorted((folder / "ir").iterdir())[-1]
    stage.write_text(stage.read_text() + "// changed\n")
    assert cedr("run", folder, "--no-values", "--json").json["platform"] == "own"
    assert cedr("run", folder, "--no-values", "--platform", "zcu102", "--json").json["platform"] == "zcu102"


def test_a_platform_that_ships_has_changed_since(cedr: Cedr, compiled: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(compiled["python"], folder)
    manifest = Manifest.load(folder)
    assert manifest.platform_file is None and '"file"' not in manifest.to_json()
    done = cedr("run", folder, "--no-values", "--json")
    assert done.status == 0 and done.err == ""
    replace(manifest, platform_hash="0" * 64).save(folder)
    done = cedr("run", folder, "--no-values", "--json")
    assert (
        done.json["tasks"] == 3 and f"warning: {folder}: compiled for another platform than zcu102 is now" in done.err
    )


# ---- as a process ----


def test_the_lists_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from cedr.tools.cli import main\n"
        "assert [main([c, '--json']) for c in ('models', 'platforms', 'schedulers')] == [0, 0, 0]\n"
        "assert 'numba' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("emit", ["c", "python"])
def test_a_module_runs_without_torch_and_xdsl(compiled: dict[str, Path], inputs: Path, emit: str) -> None:
    arguments = ["run", str(compiled[emit]), "--input", str(inputs / "a.npy"), "--input", str(inputs / "b.npy")]
    arguments += ["--output", str(inputs / "y.npy"), "--json"]
    code = (
        "import sys; sys.modules['torch'] = sys.modules['xdsl'] = None\n"
        f"from cedr.tools.cli import main\nsys.exit(main({arguments!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"] == 3
    assert np.load(inputs / "y.npy").tolist() == [6, 9, 14]


@pytest.mark.parametrize("arguments", [["run", "vgg_digits"], ["compile", "vgg_digits", "-o", "m"]])
def test_what_compiles_says_that_xdsl_or_torch_is_missing(arguments: list[str]) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['xdsl'] = None\n"
        f"from cedr.tools.cli import main\nsys.exit(main({arguments!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "is not installed; it comes with: pip install cedr-compiler" in done.stderr


@pytest.mark.parametrize("module", ["cedr", "cedr.runtime.emulator", "cedr.runtime.module", "cedr.tools.opt", "cedr.tools.optimizer"])  # fmt: skip
def test_imports_are_light(module: str) -> None:
    code = f"import sys, {module}; print([name for name in ('torch', 'numba') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_reader_that_goes_away_is_no_crash() -> None:
    """`cedr models | true`."""
    command = f"{sys.executable} -m cedr models --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
