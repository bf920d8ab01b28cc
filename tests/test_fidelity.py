"""The fidelity benchmarks: what they read, what they count, and that their runs are the published workload."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import cedr
from cedr.runtime.record import STEP_END, STEP_HOST, STEP_SUBMIT, STEP_WAIT_ALL
from cedr.target.platform import class_costs, load_platform

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # they import each other by name, as scripts do

import aiccsa_slides as slides  # noqa: E402  # after the path
import cedr_sweep as sweep  # noqa: E402  # after the path
import fit_zcu102 as fitting  # noqa: E402  # after the path
from applications import layerwise  # noqa: E402  # behind aiccsa_slides, which adds the example to the path

CEDR_HEADER = (
    "Resource Pool, Scheduler, Injection Rate (Mbps), Trial 1, Trial 2, Avg. execution time / app.(ns), "
    "Avg. cumulative execution time / app. (ns), Avg. Scheduling overhead / app.(ns), cpu1, fft1"
)


def point(scheduler: str, rate: float, exe: float, cum: float = 10.0, pool: str = "C1F0") -> Any:
    return sweep.Point(pool, scheduler, rate, exe, cum, 1.0)


def run(exe: float, cum: float = 10.0) -> Any:
    return sweep.Run(exe, cum, 1.0, 1)


def test_both_forms_of_points_are_read(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.csv", tmp_path / "theirs.csv"
    ours.write_text("pool,scheduler,rate_mbps,exe_ms,cum_ms,ovh_ms\nC3F1,ETF,200,1504.0,57.1,0.9\n\n")
    theirs.write_text(f"{CEDR_HEADER}\nC3+F1+M0+Z0, ETF, 200, 57100000, 57100000, 1504000000, 57100000, 900000, 0, 0\n")
    (a,), (b,) = sweep.read_points(ours), sweep.read_points(theirs)
    assert (a.composition, b.composition) == ("C3F1", "C3+F1+M0+Z0")
    for found in (a, b):
        numbers = (found.rate_mbps, found.exe_ms, found.cum_ms, found.ovh_ms)
        assert found.scheduler == "ETF" and numbers == pytest.approx((200, 1504, 57.1, 0.9))


def test_an_application_of_the_slides_has_its_convolutions_as_calls_and_the_rest_as_its_own_code() -> None:
    """Two layers, with more pairs of filter and channel than the scratch slots that `layerwise` gives a layer."""
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 5, 3))
    example, hw = (torch.zeros(1, 3, 16, 16),), slides.COMPOSITIONS[-1]
    program = cedr.compile(net, example, pipeline=layerwise(hw), platform=slides.PLATFORM, hw=hw)
    tasks = program.record()[1]
    application = slides.application(tasks)
    (thread,) = application.threads
    kinds = [kind for kind, _, _ in thread.steps.tolist()]
    layers = [count for kind, _, count in thread.steps.tolist() if kind == STEP_SUBMIT]
    assert layers == [24, 40] and kinds == [STEP_HOST, *[STEP_SUBMIT, STEP_WAIT_ALL, STEP_HOST] * 2, STEP_END]
    assert {application.classes[number].api for number in application.class_of} == {"conv2d"}
    costs = class_costs(load_platform(slides.PLATFORM), tasks.classes).cost_ns[:, 0]
    rest = sum(int(costs[number]) for number in tasks.class_of if tasks.classes[number].api not in ("conv2d", "join"))
    assert sum(ns for kind, ns, _ in thread.steps.tolist() if kind == STEP_HOST) == rest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pool,rate\nC1,1\n", "points.csv:1: needs the columns"),
        (
            "pool,scheduler,rate_mbps,exe_ms,cum_ms,ovh_ms\nC1F0,ETF,x,1,1,1\n",
            "points.csv:2: rate and times are numbers",
        ),
        (
            "pool,scheduler,rate_mbps,exe_ms,cum_ms,ovh_ms\nC1F0,ETF,10,0,1,1\n",
            "points.csv:2: rate and times are above 0",
        ),
        (
            "pool,scheduler,rate_mbps,exe_ms,cum_ms,ovh_ms\nthree,ETF,10,1,1,1\n",
            "points.csv:2: the composition is counts",
        ),
        ("pool,scheduler,rate_mbps,exe_ms,cum_ms,ovh_ms\nC1F0,ETF,10\n", "points.csv:2: rate and times are numbers"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(sweep.SweepError, match=message.replace("(", r"\(")):
        sweep.read_points(path)
    with pytest.raises(sweep.SweepError, match="can't be read"):
        sweep.read_points(tmp_path / "missing.csv")


def test_statistics_by_hand() -> None:
    points = [
        point("EFT", 10, 100), point("ETF", 10, 120), point("EFT", 50, 100, 20), point("EFT", 1000, 100),
        point("ETF", 1000, 200), point("EFT", 2000, 300), point("ETF", 2000, 200),
    ]  # fmt: skip
    runs = [run(110), run(108), run(150, 25), run(120), run(190), run(300), run(230)]
    found = sweep.statistics(points, runs)
    # Errors: 0.1, 0.1, 0.5, 0.2, 0.05, 0, 0.15. Plateau: EFT 210 for 200, ETF 210 for 200.
    assert found == pytest.approx(
        {
            "exe_median_error": 0.1,
            "exe_p90_error": 0.32,
            "low_rate_error": 0.1,
            "knee_error": 0.5,
            "plateau_error": 0.05,
            "cum_median_error": 0.0,
            "pair_order": 2 / 3,  # wrong at 10, right at 1000 and at 2000
            "worst_scheduler_hit": 1.0,
        }
    )


def test_statistics_without_a_point_are_none() -> None:
    found = sweep.statistics([point("EFT", 200, 100)], [run(90)])
    assert found["low_rate_error"] is None and found["plateau_error"] is None and found["pair_order"] is None
    assert found["worst_scheduler_hit"] is None and found["exe_median_error"] == pytest.approx(0.1)


def test_the_workload_is_the_published_one() -> None:
    parameters = sweep.Parameters.from_platform(load_platform(sweep.PLATFORM))
    workload = sweep.workload(parameters, 10)
    assert [len(app.record) for app in workload] == [14_340, 100, 100, 512]
    assert [len(app.arrivals_ns) for app in workload] == [1, 25, 25, 20]
    assert sum(len(app.record) * len(app.arrivals_ns) for app in workload) == sweep.TASKS
    last = {int(app.arrivals_ns[-1]) for app in workload[1:]}
    assert last == {8_671_875_000}  # every stream over the same time
    assert sum(len(app.arrivals_ns) for app in workload) == sweep.APPLICATIONS


def test_the_parameters_are_the_platforms_and_can_be_changed() -> None:
    platform = load_platform(sweep.PLATFORM)
    parameters = sweep.Parameters.from_platform(platform)
    assert all(getattr(parameters, name) > 0 for name in fitting.NAMES) and len(fitting.NAMES) == 11
    again = sweep.Parameters.from_platform(parameters.apply(platform))
    assert all(getattr(again, name) == pytest.approx(getattr(parameters, name)) for name in fitting.NAMES)
    slower = replace(parameters, gsl_flops_per_ns=parameters.gsl_flops_per_ns / 2)
    here = point("SIMPLE", 2000, 1000.0)
    assert sweep.simulate(here, slower).cum_ms > 1.3 * sweep.simulate(here, parameters).cum_ms


def test_a_point_is_the_same_again_and_idle_workers_that_sleep_change_it() -> None:
    parameters = sweep.Parameters.from_platform(load_platform(sweep.PLATFORM))
    here = point("EFT", 10, 360.0, pool="C2F1")
    first = sweep.simulate(here, parameters)
    assert first == sweep.simulate(here, parameters) and first.tasks == sweep.TASKS
    assert sweep.simulate(here, parameters, ("polling",)).exe_ms < 0.8 * first.exe_ms


def test_the_fit_keeps_what_is_better_and_is_the_same_again() -> None:
    """Measured times that are emulated ones with other parameters: it has somewhere to go."""
    start = sweep.Parameters.from_platform(load_platform(sweep.PLATFORM))
    true = sweep.simulate(point("EFT", 2000, 1.0), replace(start, gsl_flops_per_ns=start.gsl_flops_per_ns / 2))
    points = [point("EFT", 2000, true.exe_ms, true.cum_ms)]
    with ProcessPoolExecutor(1) as pool:
        found = [fitting.fit(points, start, 12, 3, pool) for _ in range(2)]
        losses = [fitting.loss(points, sweep.simulate_all(points, p, pool)) for p in (start, found[0])]
    assert found[0] == found[1] and losses[1] < losses[0]


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(BENCHMARKS.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / name), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_published_sweep_counts_every_task() -> None:
    process = script("published_sweep.py", "--points", "3", "--processes", "1", "--json")
    found = json.loads(process.stdout)
    assert found["points"] == 3 and found["tasks"] == 3 * sweep.TASKS and found["seconds"] > 0


def test_fidelity_has_its_keys_and_refuses_a_bad_file(tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("pool,scheduler,rate_mbps,exe_ms,cum_ms,ovh_ms\nC1F0,EFT,2000,1157,53,0.8\n")
    process = script("fidelity.py", "--calibration", str(points), "--check", str(points), "--without-slides", "--json")
    found = json.loads(process.stdout)
    assert set(found) == {*("calibration", "check", "slide18_error", "slide19_error", "fitted_parameters", "ablation")}
    assert set(found["fitted_parameters"]) == set(fitting.NAMES)
    assert "polling" in found["ablation"] and found["calibration"] == found["check"]
    assert 0 <= found["check"]["exe_median_error"] < 0.5
    refused = script("fidelity.py", "--calibration", str(tmp_path / "none.csv"), "--check", str(points), "--json")
    assert refused.returncode == 1 and "none.csv: can't be read" in refused.stderr and "Traceback" not in refused.stderr
