"""CEDR's daemon_config.json: what is taken over, what is warned of, and what the live runtime dies of or ignores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cedr.runtime.daemon_config import Submission, load_daemon_config, parse_submission, read_daemon_config
from cedr.runtime.scenario import Scenario
from cedr.target.errors import CedrError
from cedr.target.json_file import JsonFile
from cedr.target.platform import load_platform
from tests.runtime.wrong_files import accepted_or_refused, changed, refusal

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "scenarios" / "daemon_config.json"
FULL = """\
{
 "Worker Threads": {"cpu": 2,
                    "fft": 1, "gemm": 0, "zip": 1, "gpu": 0},
 "Features": {
  "Cache Schedules": false,
  "Enable Queueing": true,
  "Use PAPI": false,
  "PAPI Counters": [],
  "Loosen Thread Permissions": true,
  "Fixed Periodic Injection": true,
  "Exit When Idle": false
 },
 "PAPI Counters": ["perf::INSTRUCTIONS"],
 "DASH API Costs": {
  "DASH_FFT_cpu": 132955,
  "DASH_FFT_fft": 119456,
  "DASH_GEMM_gemm": 7,
  "DASH_ZIP_zip": 9
 },
 "Max Parallel Jobs": 12,
 "Scheduler": "EFT",
 "Random Seed": 5,
 "DASH Binary Paths": ["./libdash-rt.so"]
}
"""
ZCU102 = load_platform("zcu102")


def parsed(text: str, *apps: str, hw: str | None = None) -> Scenario:
    submissions = [parse_submission(app) for app in apps or ("app:1",)]
    return read_daemon_config(JsonFile.parse(text, Path("d.json")), ZCU102, submissions, hw)


def warned(old: str, new: str) -> str:
    """The one warning of a changed file."""
    (warning,) = parsed(changed(FULL, old, new)).warnings
    return warning


def test_every_key_is_read() -> None:
    scenario = parsed(FULL)
    assert scenario.warnings == () and scenario.queueing and scenario.seed == 5 and scenario.scheduler == "EFT"
    assert scenario.hw == "C2+F1+Z1"
    assert scenario.estimates_ns == {
        ("fft", "cpu"): 132955,
        ("fft", "fft"): 119456,
        ("gemm", "gemm"): 7,
        ("zip", "zip"): 9,
    }
    assert not parsed(FULL.replace('"Enable Queueing": true', '"Enable Queueing": false')).queueing


def test_an_empty_file_has_the_defaults_of_an_arm_board() -> None:
    scenario = parsed("{}")
    settings = scenario.settle()
    assert (settings.composition.text, settings.scheduler.name, settings.seed) == ("C3+F1+M1", "SIMPLE", 0)
    assert scenario.queueing and scenario.estimates_ns == {} and scenario.warnings == ()


def test_another_composition_goes_beyond_the_file_s() -> None:
    text = FULL.replace('"gpu": 0', '"gpu": 5')
    assert parsed(text, hw="C3").settle(hw="C3").composition.text == "C3"


# ---- arrivals ----


def test_instance_j_arrives_after_j_and_one_periods() -> None:
    one, other = parsed(FULL, "first:3:2.5", "second").applications
    assert one.arrivals_ns(5, 0).tolist() == [2_500, 5_000, 7_500] and one.period_ns == 2_500
    assert other.arrivals_ns(5, 1).tolist() == [0]


def test_injection_that_is_not_periodic_has_exponential_gaps() -> None:
    text = FULL.replace('"Fixed Periodic Injection": true', '"Fixed Periodic Injection": false')
    many, at_once = parsed(text, "first:5000:10", "second:3").applications
    times = many.arrivals_ns(5, 0)
    assert times[0] > 0 and abs(np.diff(times).mean() - 10_000) < 600
    assert at_once.arrivals_ns(5, 1).tolist() == [0, 0, 0]


def test_an_application_given_twice_has_two_names() -> None:
    names = [a.name for a in parsed(FULL, "a/x.cedrrec", "b/x.cedrrec:2", "x_2", "x").applications]
    assert names == ["x", "x_2", "x_2_2", "x_3"]


@pytest.mark.parametrize(
    ("text", "submission"),
    [
        ("vgg_digits", Submission("vgg_digits", 1, 0)),
        ("vgg_digits:5", Submission("vgg_digits", 5, 0)),
        ("vgg_digits:5:2000", Submission("vgg_digits", 5, 2_000_000)),
        ("my/models.py:small", Submission("my/models.py:small", 1, 0)),
        ("my/models.py:small:5:0.5", Submission("my/models.py:small", 5, 500)),
        ("package.models:small:5", Submission("package.models:small", 5, 0)),
        ("out/dir:3", Submission("out/dir", 3, 0)),
        ("a.cedrrec:3:1", Submission("a.cedrrec", 3, 1_000)),
    ],
)
def test_submissions(text: str, submission: Submission) -> None:
    assert parse_submission(text) == submission


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no model"),
        (":3", "there is no model"),
        ("a.mlir:x", "N is a whole number from 1 to 10000000, got 'x'"),
        ("m.py:f:x", "N is a whole number from 1 to 10000000, got 'x'"),
        ("a:0", "N is a whole number from 1 to 10000000, got '0'"),
        ("a:-1", "N is a whole number from 1 to 10000000, got '-1'"),
        ("a:1.5", "N is a whole number from 1 to 10000000, got '1.5'"),
        ("a:²", "N is a whole number"),
        ("a:99999999999999999999999", "N is a whole number"),
        ("a:", "N is a whole number from 1 to 10000000, got ''"),
        ("a:1:", "PERIOD_US is a number of at least 0, got ''"),
        ("a:1:-2", "PERIOD_US is a number of at least 0, got '-2'"),
        ("a:1:soon", "PERIOD_US is a number of at least 0, got 'soon'"),
        ("a:1:1e3", "PERIOD_US is a number of at least 0, got '1e3'"),
        ("a:1:0.0001", "a period of 0.0001 us is less than a nanosecond"),
        ("a:10:1000000000000000", "the last instance arrives later than 2^60 ns"),
        ("a:1:2:3", "'3' is one number too many"),
    ],
)
def test_a_submission_that_is_none(text: str, message: str) -> None:
    """What ends CEDR's sub_dag with an uncaught exception."""
    with pytest.raises(CedrError) as caught:
        parse_submission(text)
    assert message in str(caught.value) and "write MODEL[:N[:PERIOD_US]]" in str(caught.value)


# ---- what CEDR's own files get wrong ----


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (
            "DASH_GEMM_gemm",
            "DASH_GEMM_mmult",
            "d.json:17: 'DASH API Costs'.DASH_GEMM_mmult: taken for DASH_GEMM_gemm; CEDR does not know this name and would "
            "take DASH_GEMM_gemm for 0",
        ),
        (
            "DASH_ZIP_zip",
            "DASH_ZIP_ZIP",
            "taken for DASH_ZIP_zip; CEDR does not know this name and would take DASH_ZIP_zip for 0",
        ),
        (
            '"gemm": 0',
            '"mmult": 0',
            "d.json:3: 'Worker Threads'.mmult: taken for gemm; CEDR does not know this name and would start its default number "
            "of gemm workers, 1 on Arm boards",
        ),
        (
            "DASH Binary Paths",
            "DASH Binary Path",
            "d.json:23: 'DASH Binary Path': taken for DASH Binary Paths; CEDR does not know this name and would use its "
            "default library",
        ),
    ],
)
def test_cedr_s_misspelt_names_mean_what_they_mean(old: str, new: str, warning: str) -> None:
    assert warning in warned(old, new)
    mended, misspelt = parsed(FULL), parsed(changed(FULL, old, new))
    assert (mended.hw, mended.estimates_ns) == (misspelt.hw, misspelt.estimates_ns)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"DASH_GEMM_gemm": 7', '"DASH_GEMM_mmult": 8, "DASH_GEMM_gemm": 7'),
        ('"gemm": 0', '"mmult": 1, "gemm": 0'),
        ('"DASH Binary Paths"', '"DASH Binary Path": "x.so", "DASH Binary Paths"'),
    ],
)
def test_a_misspelt_name_beside_the_right_one_is_ignored_as_cedr_does(old: str, new: str) -> None:
    assert "would ignore it; so is it here" in warned(old, new)
    mended, misspelt = parsed(FULL), parsed(changed(FULL, old, new))
    assert (mended.hw, mended.estimates_ns) == (misspelt.hw, misspelt.estimates_ns)


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (
            '_zip": 9',
            '_zip": 0',
            "d.json:18: 'DASH API Costs'.DASH_ZIP_zip: a cost of 0: schedulers believe that DASH_ZIP on zip",
        ),
        ('"DASH_ZIP_zip"', '"DASH_FIR_cpu"', "no call of ours is a DASH_FIR; not used"),
        ('"DASH_ZIP_zip"', '"DASH_ZIP_gpu"', "platform zcu102 has no gpu; not used"),
        ('PAPI": false', 'PAPI": true', "d.json:7: Features.'Use PAPI': there are no hardware counters"),
        ('Permissions": true', 'Permissions": false', "d.json:9: Features.'Loosen Thread Permissions': false makes"),
        (
            '"EFT"',
            '"eft"',
            "d.json:21: Scheduler: CEDR has no scheduler of this name and would end at its first task; EFT it is",
        ),
    ],
)
def test_what_is_accepted_with_a_warning(old: str, new: str, warning: str) -> None:
    assert warning in warned(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Schedules": false', 'Schedules": true'),
        ('PAPI": false', 'PAPI": true'),
        ('Counters": []', 'Counters": ["perf::CYCLES"]'),
        ('Permissions": true', 'Permissions": false'),
        ('Idle": false', 'Idle": true'),
        ('Jobs": 12', 'Jobs": 1'),
        ('["./libdash-rt.so"]', "[]"),
    ],
)
def test_what_changes_nothing_in_an_emulation(old: str, new: str) -> None:
    assert replace(parsed(changed(FULL, old, new)), warnings=()) == parsed(FULL)


def test_a_cost_of_0_is_an_estimate() -> None:
    assert parsed(FULL.replace('_zip": 9', '_zip": 0')).estimates_ns["zip", "zip"] == 0


# ---- what the live runtime dies of, hangs on, or ignores ----


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"EFT"', '"EFTT"', "d.json:21: Scheduler: there is no scheduler 'EFTT'; there are SIMPLE"),
        ('"EFT"', "7", "d.json:21: Scheduler: needs a text, got 7"),
        ('"cpu": 2', '"cpu": 0', "d.json:2: 'Worker Threads'.cpu: needs an integer from 1 to 1024, got 0"),
        ('"cpu": 2', '"cpu": -1', "d.json:2: 'Worker Threads'.cpu: needs an integer from 1 to 1024, got -1"),
        ('"cpu": 2', '"cpu": "two"', "d.json:2: 'Worker Threads'.cpu: needs an integer from 1 to 1024, got 'two'"),
        ('"cpu": 2', '"cpu": 2.0', "d.json:2: 'Worker Threads'.cpu: needs an integer"),
        ('"cpu": 2', '"cpu": true', "d.json:2: 'Worker Threads'.cpu: needs an integer"),
        ('"cpu": 2', '"cpu": 1000', "d.json:2: 'Worker Threads'.cpu: platform zcu102 has at most"),
        (
            '"gpu": 0',
            '"gpu": 1',
            "d.json:3: 'Worker Threads'.gpu: platform zcu102 has none, got 1; give --hw",
        ),
        (
            '"fft": 1',
            '"ftt": 1',
            "d.json:3: 'Worker Threads'.ftt: unknown key; the keys here are cpu, fft, gemm, zip, gpu",
        ),
        ("Worker Threads", "Workers", "d.json:2: Workers: unknown key; the keys here are Worker Threads, Features"),
        ("Enable Queueing", "Enable Queuing", "d.json:6: Features.'Enable Queuing': unknown key"),
        ('Queueing": true', 'Queueing": 1', "d.json:6: Features.'Enable Queueing': needs true or false, got 1"),
        ('Idle": false', 'Idle": null', "d.json:11: Features.'Exit When Idle': needs true or false"),
        (
            "132955",
            "-132955",
            "d.json:15: 'DASH API Costs'.DASH_FFT_cpu: needs an integer from 0 to 1152921504606846976, got -132955",
        ),
        ("132955", "132955.5", "d.json:15: 'DASH API Costs'.DASH_FFT_cpu: needs an integer"),
        ("132955", '"132955"', "d.json:15: 'DASH API Costs'.DASH_FFT_cpu: needs an integer"),
        ("DASH_FFT_fft", "DASH_FTT_fft", "d.json:16: 'DASH API Costs'.DASH_FTT_fft: unknown key: no API 'DASH_FTT'"),
        ("DASH_FFT_fft", "DASH_FFT_fpga", "d.json:16: 'DASH API Costs'.DASH_FFT_fpga: unknown key: no resource 'fpga'"),
        ("DASH_FFT_fft", "FFT", "d.json:16: 'DASH API Costs'.FFT: unknown key: no API 'FFT'"),
        ('Jobs": 12', 'Jobs": "many"', "d.json:20: 'Max Parallel Jobs': needs an integer from 1"),
        ('Jobs": 12', 'Jobs": 0', "d.json:20: 'Max Parallel Jobs': needs an integer from 1"),
        ('Seed": 5', 'Seed": -5', "d.json:22: 'Random Seed': needs an integer from 0"),
        ('["./libdash-rt.so"]', '"./libdash-rt.so"', "d.json:23: 'DASH Binary Paths': needs an array of texts"),
        ('["perf::INSTRUCTIONS"]', "[1]", "d.json:13: 'PAPI Counters': needs an array of texts"),
        ('"Random Seed": 5', '"Random Seed": 5, "Scheduler": "MET"', "d.json:22: Scheduler: is given twice"),
        ('"Random Seed": 5', '"Random Seed": NaN', "d.json:22: not JSON: NaN is no number there"),
        ('"Random Seed": 5,', '"Random Seed": 5', "d.json:23: not JSON: Expecting ',' delimiter"),
        ('"Random Seed": 5', "// five", "d.json:22: not JSON"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    assert message in refusal(parsed, changed(FULL, old, new))


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "{}{}", '{"a"}', "[" * 100_000, '{"Worker Threads": []}'])
def test_what_is_no_configuration(text: str) -> None:
    with pytest.raises(CedrError, match=r"d\.json:\d+: "):
        parsed(text)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(CedrError, match=r"none\.json: can't be read: No such file"):
        load_daemon_config(tmp_path / "none.json", ZCU102, [])
    (tmp_path / "d.json").write_bytes(b"{\n\xff}")
    with pytest.raises(CedrError, match=r"d\.json:2: not UTF-8 text"):
        load_daemon_config(tmp_path / "d.json", ZCU102, [])


def test_mutated_configurations_are_accepted_or_refused() -> None:
    accepted, refused = accepted_or_refused(parsed, FULL, range(400))
    assert len(accepted) >= 15 and refused >= 200


@pytest.mark.slow
def test_thousands_of_mutated_configurations_are_accepted_or_refused() -> None:
    for text in (FULL, EXAMPLE.read_text()):
        accepted, refused = accepted_or_refused(parsed, text, range(1000, 3000))
        assert len(accepted) >= 50 and refused >= 1000
