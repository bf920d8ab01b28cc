"""The OS model `linux-cfs` for the engine: a platform's figures as arrays, with effects left out by name.

docs/os_models.md describes the model; `loops.advance_linux_cfs` is it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cedr.target.errors import CedrError
from cedr.target.linux_cfs import LinuxCfs
from cedr.target.platform import CORE, OWN_PORT, PORT, ClassCosts, Composition, Platform

Int64Array = npt.NDArray[np.int64]

#: What the loop reads of the figures, in this order.
PARAMETERS: Final = (
    "tick",
    "latency",
    "min_granularity",
    "wakeup_granularity",
    "yield_skip",
    "sleeper_credit",
    "start_debit",
    "poll",
    "polling",
    "daemon_loop",
    "enqueue",
    "signal",
    "balance_period",
    "balance_threshold",
    "contention",
    "contention_half",
    "spread",
    "decision",
    "decision_pair",
    "rescans",
)
_NEVER_NS: Final = 1 << 60

#: What a phase is to the loop.
ON_CORE, ON_DEVICE, ON_DEVICE_ASLEEP = range(3)

#: Effects that can be left out: name -> what the model is then.
EFFECTS: Final[Mapping[str, str]] = {
    "polling": "a worker without a task sleeps, and is woken for the next one",
    "yield": "a worker that polls gives way only when it is furthest ahead, not to whoever is close behind",
    "wakeup-preemption": "a thread that wakes waits for the running one's time slice to end",
    "sleeper-credit": "a thread that slept long gets no head start",
    "start-debit": "a new thread begins level with the others, not one time slice behind",
    "time-slices": "a thread runs until it waits or ends",
    "load-balancing": "application threads stay on the core where they started",
    "placement": "application threads may run on every core that has workers, and start on the one with the fewest threads",
    "busy-waiting": "an accelerator's worker sleeps while the device works",
    "ports": "transfers never wait for a port",
    "contention": "work takes no longer where many application threads can run",
    "enqueue-cost": "a call costs its application thread nothing",
    "signal-cost": "telling an application that its call is over costs the worker nothing",
    "decision-cost": "decisions take no time",
    "daemon-loop": "the daemon notices at once",
    "estimates": "schedulers see the true costs in place of the platform's estimates",
}


class OsModelError(CedrError):
    """An OS model, or an effect of one, that there is not."""


def check_effects(without: Sequence[str]) -> None:
    """Raises OsModelError for a name that is no effect, listing those there are."""
    for name in without:
        if name not in EFFECTS:
            raise OsModelError(f"there is no effect {name!r} to leave out; there are {', '.join(EFFECTS)}")


@dataclass(frozen=True)
class LinuxSetup:
    """What the loop needs of the operating system and of the tasks' phases.

    parameters   int64[len(PARAMETERS)]: ns; thousandths where target.linux_cfs says so; 0 or 1
    n_cores      the daemon's included; application_cores: int64[k], the first one where threads start
    core_of      int64[PEs]: the core of each PE's worker
    phase_ptr    int64[classes * PEs + 1]; phases: int64[k, 3], rows of (ON_..., port or -1, ns)
    n_ports      ports that phases may name
    """

    parameters: Int64Array
    n_cores: int
    application_cores: Int64Array
    core_of: Int64Array
    phase_ptr: Int64Array
    phases: Int64Array
    n_ports: int


def linux_setup(
    platform: Platform,
    model: LinuxCfs,
    composition: Composition,
    costs: ClassCosts,
    scheduler: str,
    without: Sequence[str] = (),
) -> LinuxSetup:
    """The model of a run. scheduler: its upper-case name, for what its decisions take. Raises OsModelError."""
    check_effects(without)
    phase_ptr, phases = _phases(costs, composition, busy="busy-waiting" not in without, ports="ports" not in without)
    cores = platform.worker_cores if "placement" in without else model.application_cores
    return LinuxSetup(
        parameters=_parameters(model, scheduler, without),
        n_cores=platform.cores,
        application_cores=np.array(cores, np.int64),
        core_of=worker_cores(platform, composition),
        phase_ptr=phase_ptr,
        phases=phases,
        n_ports=len(platform.ports),
    )


def worker_cores(platform: Platform, composition: Composition) -> Int64Array:
    """int64[PEs]: the core of each PE's worker: around its type's cores, in the order of the PEs that have the same."""
    before: Counter[tuple[int, ...]] = Counter()
    found = []
    for pe in composition.pes:
        cores = platform.pe_types[pe.type_index].cores
        found.append(cores[before[cores] % len(cores)])
        before[cores] += 1
    return np.array(found, np.int64)


def single_phases(costs_ns: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Phases of tasks that are nothing but work on their worker's core. costs_ns: int64[classes, PEs]."""
    flat = np.ascontiguousarray(costs_ns).reshape(-1)
    phases = np.full((len(flat), 3), -1, np.int64)
    phases[:, 0], phases[:, 2] = ON_CORE, flat
    return np.arange(len(flat) + 1, dtype=np.int64), phases


def _parameters(model: LinuxCfs, scheduler: str, without: Sequence[str]) -> Int64Array:
    decision = model.decision(scheduler)
    values: dict[str, int] = {
        **model.figures,
        "polling": 1,
        "spread": 0,
        "decision": decision.task_ns,
        "decision_pair": round(decision.pair_ns * 1000),
        "rescans": int(decision.rescans),
    }
    changes: dict[str, Callable[[], dict[str, int]]] = {
        "polling": lambda: {"polling": 0},
        "yield": lambda: {"yield_skip": 0},
        "wakeup-preemption": lambda: {"wakeup_granularity": _NEVER_NS},
        "sleeper-credit": lambda: {"sleeper_credit": 0},
        "start-debit": lambda: {"start_debit": 0},
        "time-slices": lambda: {"tick": _NEVER_NS},
        "load-balancing": lambda: {"balance_period": 0},
        "placement": lambda: {"spread": 1},
        "contention": lambda: {"contention": 0},
        "enqueue-cost": lambda: {"enqueue": 0},
        "signal-cost": lambda: {"signal": 0},
        "decision-cost": lambda: {"decision": 0, "decision_pair": 0},
        "daemon-loop": lambda: {"daemon_loop": 1},
    }
    for name in without:
        if name in changes:
            values.update(changes[name]())
    return np.array([values[name] for name in PARAMETERS], np.int64)


def _phases(costs: ClassCosts, composition: Composition, busy: bool, ports: bool) -> tuple[Int64Array, Int64Array]:
    """Every class's phases on every PE; neighbours on the core are one."""
    n_types = costs.cost_ns.shape[1]
    indptr = [0]
    rows: list[tuple[int, int, int]] = []
    for kind in range(len(costs.classes)):
        for pe in composition.pes:
            cell = kind * n_types + pe.type_index
            begin = len(rows)
            for phase in range(int(costs.phase_indptr[cell]), int(costs.phase_indptr[cell + 1])):
                ns = int(costs.phase_ns[phase])
                if costs.phase_resource[phase] == CORE:
                    if len(rows) > begin and rows[-1][0] == ON_CORE:
                        rows[-1] = (ON_CORE, -1, rows[-1][2] + ns)
                    else:
                        rows.append((ON_CORE, -1, ns))
                    continue
                port = -1
                if costs.phase_resource[phase] == PORT and ports:
                    port = int(costs.phase_port[phase])
                    port = pe.port if port == OWN_PORT else port
                polls = busy and bool(costs.phase_poll[phase])
                rows.append((ON_DEVICE if polls else ON_DEVICE_ASLEEP, port, ns))
            indptr.append(len(rows))
    return np.array(indptr, np.int64), np.array(rows, np.int64).reshape(-1, 3)
