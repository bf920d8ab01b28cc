"""C and C++ applications in scenarios, beside models and records, and with CEDR's daemon_config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cedr.tools.cc import build_application
from cedr.tools.cli import main
from tests.tools.applications import MISBEHAVES_C, TWO_THREADS_C

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario's folder, with applications in another one beside it."""
    folder = tmp_path_factory.mktemp("scenario")
    (folder / "apps").mkdir()
    (folder / "apps" / "app.c").write_text(TWO_THREADS_C)
    (folder / "apps" / "here.txt").write_text("")
    (folder / "bad.c").write_text(MISBEHAVES_C)
    build_application([folder / "bad.c"], folder / "bad")
    return folder


def emulated(
    folder: Path, text: str, capfd: pytest.CaptureFixture[str], *options: str, status: int = 0
) -> dict[str, Any]:
    (folder / "s.toml").write_text(text)
    assert main(["emulate", str(folder / "s.toml"), "--json", *options]) == status
    out, err = capfd.readouterr()
    return {**json.loads(out or "{}"), "stderr": err}


MIX = f"""
hw = "C3+F1+Z1"
[[application]]
model = "apps/app.c"
name = "radar"
instances = 4
period_us = 500
host_time = "fixed"
host_ns = 2_000
arguments = ["x", "y z"]

[[application]]
model = "apps/app.c"
name = "elsewhere"
host_time = "off"
cwd = "."

[[application]]
model = "{ROOT}/examples/tiny.py:tiny"
instances = 2
period_us = 100
"""


def test_applications_and_a_model_share_the_chip(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = emulated(folder, MIX, capfd)
    assert [(one["name"], one["finished"], one["failed"]) for one in first["applications"]] == [
        ("radar", 4, 0),
        ("elsewhere", 1, 0),
        ("tiny", 2, 0),
    ]
    assert first["tasks_by_api"]["fft"] == 25 and first["tasks_by_api"]["zip"] >= 5
    assert first["build_s"] > 0
    assert first["applications"][0]["exe_ns"] > 9 * 2000  # the segments of its main thread
    again = emulated(folder, MIX, capfd)
    for timed in ("build_s", "compile_s", "export_s", "run_s", "stderr"):
        del first[timed], again[timed]
    assert first == again


def test_an_application_that_fails_fails_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = """
[[application]]
model = "bad"
instances = 3
period_us = 10
host_time = "off"
arguments = ["crash"]
[[application]]
model = "bad"
name = "good"
host_time = "off"
"""
    found = emulated(folder, text, capfd)
    assert [(one["name"], one["finished"], one["failed"]) for one in found["applications"]] == [
        ("bad", 0, 3),
        ("good", 1, 0),
    ]
    (failure,) = found["failures"]
    assert failure["application"] == "bad"
    assert "killed by signal 11 (SIGSEGV)\nIts record holds 1 call." in failure["message"]
    assert "application bad failed: " in found["stderr"]
    endless = '[[application]]\nmodel = "bad"\narguments = ["loop"]\n'
    assert "still running after 1 s" in emulated(folder, endless, capfd, "--record-timeout-s", "1", status=1)["stderr"]


def test_applications_beside_a_daemons_configuration(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    config = str(ROOT / "examples/scenarios/daemon_config.json")
    assert main(["emulate", config, "--app", "apps/app.c:3:200", "--app", "bad:2", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [(one["name"], one["finished"]) for one in found["applications"]] == [("app", 3), ("bad", 2)]


def test_a_scale_of_measured_time_lengthens_an_application(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["record", str(folder / "bad"), "-o", str(folder / "x.cedrrec")]) == 0
    text = '[[application]]\nmodel = "x.cedrrec"\n'
    capfd.readouterr()
    spans = [emulated(folder, text, capfd, "--host-scale", scale)["makespan_ns"] for scale in ("1", "3")]
    assert spans[0] < spans[1] < 3 * spans[0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('model = "nowhere.so"', "s.toml:2: application[0].model: {folder}/nowhere.so: no such file"),
        (
            'model = "bad"\nhost_time = "never"',
            "s.toml:3: application[0].host_time: is one of off, fixed, blocks, measured",
        ),
        ('model = "bad"\nhost_ns = 3', "--host-ns goes with --host-time fixed and blocks"),
        ('model = "bad"\ncwd = "nowhere"', "nowhere: no such folder"),
        ('model = "bad"\narguments = "x"', "s.toml:3: application[0].arguments: needs an array of texts"),
        (
            'model = "vgg_digits"\narguments = ["x"]',
            "arguments and cwd and host_time and host_ns are of C and C++ applic",
        ),
    ],
)
def test_refusals(lines: str, message: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = emulated(folder, f"[[application]]\n{lines}\n", capfd, status=1)["stderr"]
    assert message.format(folder=folder) in said
