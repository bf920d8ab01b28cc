"""Two published figures of object detection on the ZCU102 (PyTorch and CEDR, AICCSA 2023, slides 18 and 19), emulated.

What is known of the runs: an object detector, mapped layer by layer to one Conv2D call for each pair of filter and channel;
compositions of three CPU workers with and without a Conv2D and a ZIP accelerator; round robin, EFT, ETF and HEFT_RT; a
convolution takes 1.9 times as long on the accelerator as on a core. Neither the detector nor the size of its images is
given, so one number, the time of round robin on three CPUs, is taken from the slide; all else has to follow. Ours is
the zoo's small detector on images of 1056 x 1920, so that tasks take milliseconds, as on the slides. What the
schedulers believed of these calls is not published either: here they see the true costs.

Two things follow from the slides' own figures. Several instances take 4.75 s each, one takes 6.3 s, although its tasks
would keep all processing elements busy for longer than that if they were all there was: so a part is the application's own
code, between layers (`application`). And four workers on three cores do not slow one another: so those without a task do
not poll (the effect `polling` is left out), other than in the build of the published sweep.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from cedr.runtime.emulator import Workload, emulate_scenario
from cedr.runtime.host_code import write_with_host_code
from cedr.runtime.record import Record, read_record
from cedr.target.platform import Platform, load_platform

#: The detector and the mapping are those of the example's; its files import each other by name, as scripts do.
sys.path.append(str(Path(__file__).parents[1] / "examples" / "aiccsa23"))

PLATFORM: Final = "zcu102_cedr"
COMPOSITIONS: Final = ("C3", "C3+Z1", "C3+C2D1", "C3+C2D1+Z1")
#: Seconds for one instance, read off slide 18 (to 0.02 s).
SLIDE_18_S: Final[Mapping[str, tuple[float, float, float, float]]] = {
    "SIMPLE": (7.45, 7.45, 10.15, 10.08),
    "EFT": (7.49, 7.48, 6.41, 6.24),
    "ETF": (7.50, 7.47, 7.03, 6.36),
    "HEFT_RT": (7.50, 7.49, 7.03, 6.37),
}
#: Seconds an instance for 1 to 10 instances on the last composition, read off slide 19.
SLIDE_19_S: Final[Mapping[str, tuple[float, ...]]] = {
    "EFT": (6.23, 5.34, 4.92, 4.90, 4.67, 4.97, 4.78, 4.73, 4.93, 4.90),
    "ETF": (6.36, 5.29, 4.89, 4.93, 4.84, 4.99, 4.76, 4.75, 4.84, 4.78),
    "HEFT_RT": (6.39, 5.27, 5.02, 5.12, 5.01, 4.91, 4.80, 4.76, 4.86, 4.92),
}


@functools.cache
def record() -> Record:
    """The detector compiled with the mapping `layerwise`, recorded without values, as CEDR runs it: see `application`."""
    from applications import layerwise
    from detector import detector

    import cedr

    model, inputs = detector()
    program = cedr.compile(model, inputs, pipeline=layerwise(COMPOSITIONS[-1]), platform=PLATFORM, hw=COMPOSITIONS[-1])
    return application(program.record()[1])


def application(record: Record) -> Record:
    """A record in which only convolutions are calls: a layer's are submitted at once, and waited for; all else of the layer
    (summing over channels, bias, activation, pooling) is the application's own code, and takes what it takes on a core.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "detector.cedrrec"
        write_with_host_code(record, _board(), ["conv2d"], path)
        return read_record(path)


@dataclass(frozen=True)
class Slides:
    """Median errors, as fractions; the emulated seconds, by scheduler; whether more hardware helps whom it should."""

    slide18_error: float
    slide19_error: float
    slide18_s: Mapping[str, Sequence[float]]
    slide19_s: Mapping[str, Sequence[float]]
    scale: float
    round_robin_worse_others_better: bool


@functools.cache
def _board() -> Platform:
    return load_platform(PLATFORM)


def _seconds_an_instance(job: tuple[Record, str, str, int]) -> float:
    detections, composition, scheduler, instances = job
    arrivals = np.zeros(instances, np.int64)
    result = emulate_scenario(
        [Workload(detections, "detector", arrivals)],
        _board(),
        composition,
        scheduler,
        os_model="linux-cfs",
        without=("estimates", "polling"),
    )
    assert result.makespan_ns is not None, "nothing fails here"
    return result.makespan_ns / instances / 1e9


def compare(pool: ProcessPoolExecutor) -> Slides:
    """Emulate both slides' runs."""
    detections = record()
    jobs = [(detections, hw, name, 1) for name in SLIDE_18_S for hw in COMPOSITIONS]
    jobs += [(detections, COMPOSITIONS[-1], name, n) for name in SLIDE_19_S for n in range(2, 11)]
    order = sorted(range(len(jobs)), key=lambda index: -jobs[index][3])
    seconds = dict(zip(order, pool.map(_seconds_an_instance, [jobs[i] for i in order]), strict=True))
    times = [seconds[index] for index in range(len(jobs))]
    bars = {name: times[4 * place : 4 * place + 4] for place, name in enumerate(SLIDE_18_S)}
    rest = times[4 * len(SLIDE_18_S) :]
    curves = {name: [bars[name][-1], *rest[9 * place : 9 * place + 9]] for place, name in enumerate(SLIDE_19_S)}
    scale = SLIDE_18_S["SIMPLE"][0] / bars["SIMPLE"][0]
    errors_18 = [
        abs(scale * ours / theirs - 1)
        for name in bars
        for ours, theirs in zip(bars[name], SLIDE_18_S[name], strict=True)
    ]
    errors_19 = [
        abs((ours / curves[name][0]) / (theirs / SLIDE_19_S[name][0]) - 1)
        for name in curves
        for ours, theirs in zip(curves[name], SLIDE_19_S[name], strict=True)
    ]
    worse = bars["SIMPLE"][2] > bars["SIMPLE"][0]
    better = all(bars[name][2] < bars[name][0] for name in bars if name != "SIMPLE")
    return Slides(float(np.median(errors_18)), float(np.median(errors_19)), bars, curves, scale, worse and better)
