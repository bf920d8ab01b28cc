"""The applications of the experiments, as records: three networks in the paper's mapping, and two radio programs.

VGG16 and the speech network M5 are the zoo's, at their published sizes; detector.py has the detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch
from detector import detector

import cedr
from cedr.frontend.zoo import ZOO, signals
from cedr.passes.pipelines import PIPELINES
from cedr.runtime.host_code import write_with_host_code
from cedr.target.platform import load_platform
from cedr.tools.applications import ApplicationOptions, record_application

#: CEDR's applications in C.
APPLICATIONS: Final = Path(__file__).parents[1] / "applications"
PLATFORM: Final = "zcu102_cedr"
HW: Final = "C3+F1+C2D1+Z1"
#: What the networks of the paper call; all else, sums over channels included, is taken for the application's own code: no
#: other reading gives the published times (docs/fidelity.md).
CALLS: Final = ("conv2d", "conv1d", "gemm")
#: An application's own work on an A53, fitted to CEDR's published sweep (docs/fidelity.md).
WIFI_TX_NS: Final = 9_318_000
PULSE_DOPPLER_NS: Final = 31_000_000


def layerwise(hw: str = HW) -> str:
    """The paper's mapping for a composition, a call for each pair of filter and channel; each partial sum has a place of its
    own, so that what a call waits for is values alone, not memory."""
    own = {"choose": (("slots", str(1 << 20)),), "plan-memory": (("reuse", "none"),)}
    stages = [replace(stage, options=stage.options + own.pop(stage.name, ())) for stage in PIPELINES["layerwise"]]
    assert not own, own
    return ",".join(stage.text(PLATFORM, hw) for stage in stages)


def write_records(folder: Path) -> None:
    """Write those that the folder lacks: `detection.cedrrec`, `vgg.cedrrec`, `speech.cedrrec` in the paper's mapping,
    `wifi_tx.cedrrec`, `pulse_doppler.cedrrec`."""
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[Path], None]] = {
        "detection": partial(_network, detector),
        "vgg": partial(_network, ZOO["vgg16"].build),
        "speech": partial(_network, ZOO["m5"].build),
        "wifi_tx": partial(_c_application, "wifi_tx", 100, WIFI_TX_NS),
        "pulse_doppler": partial(_c_application, "pulse_doppler", 512, PULSE_DOPPLER_NS),
    }
    for name, write in writers.items():
        path = folder / f"{name}.cedrrec"
        if not path.exists():
            part = path.with_suffix(".part")
            part.unlink(missing_ok=True)
            write(part)
            part.rename(path)


def _network(build: Callable[[], tuple[torch.nn.Module, tuple[torch.Tensor, ...]]], path: Path) -> None:
    """In the paper's mapping, as the paper's runtime has it."""
    model, inputs = build()
    record = cedr.compile(model, inputs, pipeline=layerwise(), platform=PLATFORM, hw=HW).record()[1]
    write_with_host_code(record, load_platform(PLATFORM), CALLS, path)


def _c_application(name: str, calls: int, own_ns: int, path: Path) -> None:
    """CEDR's application in C, recorded; its own work is spread evenly over the times between its calls."""
    with TemporaryDirectory() as folder:
        signals.write(name, Path(folder), seed=0)
        options = ApplicationOptions(cwd=Path(folder), host_time="fixed", host_ns=own_ns / calls)
        record_application(APPLICATIONS / name / f"{name}.c", path, options)
