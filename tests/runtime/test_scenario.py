"""Scenario files: what they say, when instances arrive, and what is refused, with file, line and key."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cedr.runtime.scenario import MAX_INSTANCES, Application, Scenario, load_scenario, model_title, read_scenario
from cedr.target.errors import CedrError
from cedr.target.extends import PLATFORMS_DIR
from cedr.target.toml_file import TomlFile
from tests.runtime.wrong_files import accepted_or_refused, changed, refusal

ROOT = Path(__file__).resolve().parents[2]
FULL = """\
seed = 1
warmup_us = 2_000
queueing = false
platform = "zcu102"
hw = "C3+F1+C2D1+Z1"
scheduler = "rr"
os_model = "linux-cfs"
without = ["yield", "ports", "yield"]

[[application]]
model = "vgg_digits"
name = "digits"
instances = 20
arrival = "fixed"
period_us = 3_000
start_us = 10.5
deadline_us = 5_000

[[application]]
model = "m5_words"
arrival = "poisson"
instances = 8
rate_mbps = 10.0
megabits = 3.46875

[[application]]
model = "a/b.cedrrec"
arrival = "trace"
trace = [0, 100.5, 250]

[[fault]]
pe = "cpu2"
at_us = 500
kind = "hang"
timeout_us = 100
retries = 2

[[fault]]
application = "digits"
instance = 3
at_us = 700
kind = "crash"
"""
ONE = '[[application]]\nmodel = "vgg_digits"\n'


def parsed(text: str, path: Path = Path("s.toml")) -> Scenario:
    return read_scenario(TomlFile.parse(text, path))


def one(text: str) -> Application:
    """The application of a scenario of one, with further lines of its table."""
    (application,) = parsed(ONE + text).applications
    return application


def test_every_key_is_read() -> None:
    scenario = parsed(FULL)
    assert (scenario.seed, scenario.warmup_ns, scenario.queueing) == (1, 2_000_000, False)
    assert parsed(f"host_scale = 2.1\n{ONE}").host_scale == Fraction("2.1") and scenario.host_scale is None
    digits, words, recorded = scenario.applications
    assert digits == Application(
        "digits", "vgg_digits", 20, "fixed", 3_000_000, 10_500, (), 5_000_000, "s.toml:11: application[0].model"
    )
    assert (words.name, words.period_ns, words.instances, words.deadline_ns) == ("m5_words", 346_875_000, 8, None)
    assert (recorded.name, recorded.instances, recorded.trace_ns) == ("b", 3, (0, 100_500, 250_000))
    hang, crash = scenario.faults
    assert (hang.kind, hang.pe, hang.at_ns, hang.timeout_ns, hang.retries) == ("hang", "cpu2", 500_000, 100_000, 2)
    assert (crash.kind, crash.application, crash.instance, crash.timeout_ns) == ("crash", "digits", 3, None)
    settings = scenario.settle()
    assert (settings.platform.name, settings.composition.text) == ("zcu102", "C3+F1+C2D1+Z1")
    assert (settings.scheduler.name, settings.os_model, settings.seed) == ("SIMPLE", "linux-cfs", 1)
    assert settings.without == ("yield", "ports") and scenario.settle(without=("polling",)).without == ("polling",)


def test_the_page_s_example_has_every_key() -> None:
    page = (ROOT / "docs" / "scenarios.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    parsed(example).settle()
    written = {"application", "fault", *re.findall(r"^([a-z_]+) =", example, re.MULTILINE)}
    for text in (f"x = 1\n{ONE}", f"{ONE}x = 1", f"{ONE}[[fault]]\nx = 1"):
        keys = refusal(parsed, text).partition("the keys here are ")[2].split(", ")
        assert len(keys) >= 7 and set(keys) <= written


def test_little_need_be_said() -> None:
    scenario = parsed(ONE)
    assert scenario.warmup_ns == 0 and scenario.queueing and scenario.faults == ()
    assert one("").arrivals_ns(0, 0).tolist() == [0]
    settings = scenario.settle()
    assert (settings.platform_text, settings.composition.text) == ("zcu102", "C3+F1+C2D1+Z1")
    assert (settings.scheduler.name, settings.os_model, settings.seed) == ("EFT", "ideal", 0)


def test_options_come_before_the_file() -> None:
    settings = parsed(FULL.replace("cpu2", "cpu1")).settle(
        hw="C1+M1", scheduler="MET", seed=0, platform=str(PLATFORMS_DIR / "zcu102.toml")
    )
    assert (settings.composition.text, settings.scheduler.name, settings.seed) == ("C1+M1", "MET", 0)
    assert settings.platform_text.endswith("zcu102.toml")


def test_a_platform_file_is_looked_for_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text((PLATFORMS_DIR / "zcu102.toml").read_text().replace('"zcu102"', '"own"', 1))
    (tmp_path / "s.toml").write_text('platform = "own.toml"\n' + ONE)
    settings = load_scenario(tmp_path / "s.toml").settle()
    assert settings.platform.name == "own" and settings.platform_text == str(tmp_path / "own.toml")


# ---- arrivals ----


def test_fixed_arrivals() -> None:
    assert one("instances = 3\nperiod_us = 2.5").arrivals_ns(0, 0).tolist() == [0, 2_500, 5_000]
    assert one("instances = 3\nperiod_us = 1\nstart_us = 4").arrivals_ns(9, 9).tolist() == [4_000, 5_000, 6_000]
    assert one("instances = 3\nperiod_us = 0").arrivals_ns(0, 0).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("megabits", "period_ns"), [("3.46875", 346_875_000), ("4.3359375", 433_593_750)])
def test_a_rate_is_cedr_s(megabits: str, period_ns: int) -> None:
    """WiFi TX and pulse Doppler at 10 Mb/s, as CEDR's sweeps inject them."""
    assert one(f"instances = 2\nrate_mbps = 10\nmegabits = {megabits}").period_ns == period_ns


def test_poisson_arrivals_are_drawn_by_seed_and_stream() -> None:
    stream = one('arrival = "poisson"\ninstances = 20_000\nperiod_us = 100\nstart_us = 7')
    times = stream.arrivals_ns(3, 0)
    assert times.dtype == np.int64 and len(times) == 20_000 and times[0] > 7_000 and (np.diff(times) >= 0).all()
    gaps = np.diff(times)
    assert abs(gaps.mean() - 100_000) < 3_000 and abs(gaps.std() - 100_000) < 5_000
    assert np.array_equal(times, stream.arrivals_ns(3, 0))
    assert not np.array_equal(times, stream.arrivals_ns(3, 1))
    assert not np.array_equal(times, stream.arrivals_ns(4, 0))


def test_traces(tmp_path: Path) -> None:
    text = ONE + 'arrival = "trace"\n'
    assert parsed(text + "trace = [3, 3, 4.0005]").applications[0].arrivals_ns(0, 0).tolist() == [3_000, 3_000, 4_000]
    (tmp_path / "times.txt").write_text("# us\n0.5\n\n2  # the second\n1e3\n")
    (tmp_path / "s.toml").write_text(text + 'trace = "times.txt"\ninstances = 3')
    (application,) = load_scenario(tmp_path / "s.toml").applications
    assert application.arrivals_ns(0, 0).tolist() == [500, 2_000, 1_000_000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"s\.toml:4: application\[0\]\.trace: .*times\.txt: can't be read: No such file"),
        (b"\xff", r"s\.toml:4: application\[0\]\.trace: .*can't be read: not a text file"),
        (b"# nothing\n", r"s\.toml:4: application\[0\]\.trace: .*has no time in it"),
        (b"1\n\nx\n", r"times\.txt:3: needs a number of at least 0, got 'x'"),
        (b"1\n-2\n", r"times\.txt:2: needs a time of 0 to 2\^60 ns, got -2 us"),
        (b"nan\n", r"times\.txt:1: needs a time of 0 to 2\^60 ns, got nan us"),
        (b"2\n1\n", r"times\.txt:2: 1 us is before the arrival above it \(2 us\)"),
    ],
)
def test_a_trace_s_file_is_refused_with_its_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "times.txt").write_bytes(content)
    (tmp_path / "s.toml").write_text(ONE + 'arrival = "trace"\ntrace = "times.txt"\n')
    with pytest.raises(CedrError, match=message):
        load_scenario(tmp_path / "s.toml")


def test_drawn_times_end_before_virtual_time_does() -> None:
    stream = Application("a", "a", 1000, "poisson", 1 << 55, where="s.toml:1")
    with pytest.raises(CedrError, match=r"s\.toml:1: arrives later than 2\^60 ns"):
        stream.arrivals_ns(0, 0)


@pytest.mark.parametrize(
    ("model", "title"),
    [
        ("vgg_digits", "vgg_digits"),
        ("models/my.py:small", "small"),
        ("package.models:small", "small"),
        ("out/digits", "digits"),
        ("out/digits/", "digits"),
        ("ir/05_choose.mlir", "05_choose"),
        ("a/b.cedrrec", "b"),
    ],
)
def test_a_model_gives_its_application_a_name(model: str, title: str) -> None:
    assert model_title(model) == title


# ---- refusals ----


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 1", "sed = 1", "s.toml:1: sed: unknown key; the keys here are application, seed, warmup_us, queueing"),
        ("seed = 1", "seed = -1", "s.toml:1: seed: needs an integer from 0 to 9223372036854775807, got -1"),
        ("seed = 1", "seed = 1.0", "s.toml:1: seed: needs an integer"),
        ("seed = 1", "seed = 1\nseed = 2", "s.toml:2: not TOML: Cannot overwrite a value"),
        ("2_000", "-2", "s.toml:2: warmup_us: needs a number of at least 0 and below 1e30, got -2"),
        ("2_000", "inf", "s.toml:2: warmup_us: needs a number of at least 0"),
        ("2_000", "1e20", "s.toml:2: warmup_us: needs at most 2^60 ns"),
        ("= false", '= "no"', "s.toml:3: queueing: needs true or false, got 'no'"),
        ('"zcu102"', '"zcu103"', "s.toml:4: platform: no platform 'zcu103' (did you mean 'zcu102'?); there are"),
        ('"zcu102"', '"./zcu103.toml"', "s.toml:4: platform: platform file zcu103.toml: can't be read"),
        ("C3+F1", "C9+F1", "s.toml:5: hw: composition 'C9+F1+C2D1+Z1': at most"),
        ('"rr"', '"EFTT"', "s.toml:6: scheduler: there is no scheduler 'EFTT'; there are SIMPLE (or RR), RANDOM, MET"),
        ('"linux-cfs"', '"windows"', "s.toml:7: os_model: there is no OS model 'windows'; there are ideal, linux-cfs"),
        ('model = "vgg_digits"\n', "", "s.toml:10: application[0].model: missing"),
        ('model = "vgg_digits"', "model = 3", "s.toml:11: application[0].model: needs a text, got 3"),
        ('name = "digits"', 'name = "m5_words"', "s.toml:20: application[1].model: the name 'm5_words' is taken"),
        ('name = "digits"', 'name = "a/b"', "s.toml:12: application[0].name: needs a name without"),
        ("instances = 20", "instances = 0", f"application[0].instances: needs an integer from 1 to {MAX_INSTANCES}"),
        ("instances = 20", "instances = 2.5", "s.toml:13: application[0].instances: needs an integer"),
        ("instances = 20", "instances = true", "s.toml:13: application[0].instances: needs an integer"),
        ('"fixed"', '"regular"', "s.toml:14: application[0].arrival: is one of fixed, poisson, trace, got 'regular'"),
        ("period_us = 3_000", "", "s.toml:10: application[0].period_us: missing; say how often instances arrive"),
        ("period_us = 3_000", "period_us = -1", "s.toml:15: application[0].period_us: needs a number of at least 0"),
        ("period_us = 3_000", 'period_us = "3 ms"', "s.toml:15: application[0].period_us: needs a number"),
        ("period_us = 3_000", "period_us = 1e-5", "s.toml:15: application[0].period_us: is less than a nanosecond"),
        (
            "period_us = 3_000",
            "period_us = 1e15",
            "s.toml:13: application[0].instances: the last instance arrives later",
        ),
        (
            "period_us = 3_000",
            "period_us = 1\nrate_mbps = 1",
            "s.toml:16: application[0].rate_mbps: has no place beside",
        ),
        (
            "period_us = 3_000",
            "trace = [1]\nperiod_us = 1",
            'application[0].trace: has no place beside arrival = "fixed"',
        ),
        ("megabits = 3.46875", "", "s.toml:19: application[1].megabits: missing; the period is megabits / rate_mbps"),
        ("rate_mbps = 10.0", "rate_mbps = 0", "s.toml:23: application[1].rate_mbps: needs a number above 0"),
        ("rate_mbps = 10.0", "rate_mbps = 1e15", "s.toml:23: application[1].rate_mbps: gives a period of 0 ns"),
        ("rate_mbps = 10.0\nmegabits = 3.46875", "period_us = 0", "application[1].period_us: needs a number above 0"),
        ("deadline_us = 5_000", "deadline_us = 0", "s.toml:17: application[0].deadline_us: needs a number above 0"),
        ("trace = [0, 100.5, 250]", "", "s.toml:26: application[2].trace: missing"),
        ("[0, 100.5, 250]", "[]", "s.toml:29: application[2].trace: needs an array of times in us"),
        ("[0, 100.5, 250]", "[0,\n -1]", "s.toml:30: application[2].trace[1]: needs a time of 0 to 2^60 ns, got -1 us"),
        ("[0, 100.5, 250]", "[0, 100, 50]", "s.toml:29: application[2].trace[2]: 50 us is before the arrival above it"),
        ("[0, 100.5, 250]", "[0, true]", "s.toml:29: application[2].trace[1]: needs a number of at least 0, got true"),
        ("[0, 100.5, 250]", "[0]\ninstances = 2", "s.toml:30: application[2].instances: is 2, and the trace has 1"),
        ("[0, 100.5, 250]", "[0]\nperiod_us = 2", "s.toml:30: application[2].period_us: has no place beside"),
        ('pe = "cpu2"', 'pe = "cpu4"', "s.toml:31: fault[0].pe: no PE 'cpu4' in C3+F1+C2D1+Z1; there are cpu1, cpu2"),
        ('pe = "cpu2"', 'pe = "CPU 2"', "s.toml:32: fault[0].pe: needs a PE's name, as cpu1 or fft2"),
        ('pe = "cpu2"', "", "s.toml:31: fault[0].pe: give either pe or application"),
        ("at_us = 500", "", "s.toml:31: fault[0].at_us: missing"),
        ("at_us = 500", "at_us = -5", "s.toml:33: fault[0].at_us: needs a number of at least 0"),
        (
            '"hang"',
            '"explode"',
            "s.toml:34: fault[0].kind: is one of stop, error, hang, dma_timeout, crash, got 'explode'",
        ),
        ('"hang"', '"crash"', "s.toml:34: fault[0].kind: a PE has faults of the kinds stop, error, hang, dma_timeout"),
        ('"hang"', '"stop"', "s.toml:35: fault[0].timeout_us: nothing hangs where the kind is stop"),
        ("retries = 2", "retries = -1", "s.toml:36: fault[0].retries: needs an integer from 0 to 1000, got -1"),
        ("retries = 2", "instance = 2", "s.toml:36: fault[0].instance: belongs to a fault of an application"),
        (
            'application = "digits"',
            'application = "digit"',
            "fault[1].application: no application 'digit'; there are digits",
        ),
        ("instance = 3", "instance = 20", "s.toml:40: fault[1].instance: needs an integer from 0 to 19, got 20"),
        ("instance = 3", "retries = 3", "s.toml:40: fault[1].retries: tasks are tried again where a PE fails"),
        (
            '"crash"',
            '"stop"',
            "s.toml:42: fault[1].kind: an application has faults of the kinds crash, hang, got 'stop'",
        ),
        ("[[fault]]", "[fault]", "s.toml:38: not TOML"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    assert message in refusal(parsed, changed(FULL, old, new))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.toml:1: application: missing"),
        ("application = []", "s.toml:1: application: needs an array of tables, at least one"),
        ("application = 3", "s.toml:1: application: needs an array of tables"),
        ("application = [3]", "s.toml:1: application[0]: needs a table, got 3"),
        ("[application]\nmodel = 'a'", "s.toml:1: application: needs an array of tables"),
        ("seed = ", "s.toml:1: not TOML"),
        (ONE + 'instances = 2\nperiod_us = 1\n[[application]]\nmodel = "vgg_digits"', "s.toml:6: application[1].model"),
    ],
)
def test_what_is_no_scenario(text: str, message: str) -> None:
    assert message in refusal(parsed, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CedrError, match=r"none\.toml: can't be read: No such file"):
        load_scenario(tmp_path / "none.toml")


def check_mutations(seeds: range) -> tuple[int, int]:
    """How many mutated scenarios are accepted, with arrivals in order, and how many are refused."""
    accepted, refused = accepted_or_refused(parsed, FULL, seeds)
    for scenario in accepted:
        for stream, application in enumerate(scenario.applications):
            if application.instances <= 1000:
                times = application.arrivals_ns(scenario.seed or 0, stream)
                assert len(times) == application.instances and times[0] >= 0 and (np.diff(times) >= 0).all()
    return len(accepted), refused


def test_mutated_scenarios_are_accepted_or_refused() -> None:
    accepted, refused = check_mutations(range(400))
    assert accepted >= 20 and refused >= 200


@pytest.mark.slow
def test_thousands_of_mutated_scenarios_are_accepted_or_refused() -> None:
    accepted, refused = check_mutations(range(1000, 5000))
    assert accepted >= 200 and refused >= 2000
