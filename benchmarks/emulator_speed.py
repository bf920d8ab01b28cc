"""How fast the emulator is, timing only, beside a SimPy model of the same system.

    python benchmarks/emulator_speed.py [--tasks 1000000] [--quick] [--json]

The workload: 8 PEs, random layered graphs of 1,000 tasks with about 2 dependencies a task; for each task and PE an
estimate is drawn, and a true cost within a fifth of it, so that there are 1,000 classes; 1,000 instances in flight, all
from time 0; start, end and PE of every task are recorded. One process on one core, so times are CPU times: what else
the machine does counts less. A round draws a new graph, and all that is compared runs on it in turn; figures are medians
over the rounds. Compilation by numba is not counted.

    ideal, linux_cfs    tasks a second, by scheduler, under each model of the operating system
    etf_1000_ready      tasks a second of ETF where each round finds 1,000 tasks ready
    python_scheduler    tasks a second of EFT, the same function called as plain Python
    bytes_per_task      peak growth of a process's memory over ten times as many tasks, all in flight at once: the worst
    ten_million_ratio   time a task over ten times as many tasks, 1,000 instances in flight, by that over one time as many
    simpy, simpy_ratio  tasks a second of simpy_model.py, and those of the ideal EFT by them; the schedules are equal
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import simpy_model

from cedr.runtime.engine import Engine
from cedr.runtime.program import Program, build_program
from cedr.runtime.record import RecordWriter, read_record
from cedr.runtime.schedulers import Scheduler, get_scheduler
from cedr.target.api import CallClass
from cedr.target.platform import load_platform

Int64Array = npt.NDArray[np.int64]

N_PES = 8
GRAPH_TASKS = 1000
BOARD_PES, CPU_PES = "C3+F3+Z2", 3
SCHEDULERS = ("SIMPLE", "MET", "EFT", "ETF", "HEFT_RT")
OS_MODELS = ("ideal", "linux_cfs")
LONG = 10
PYTHON_SHARE = 5  # a plain Python scheduler runs on a fifth of the tasks


@dataclass(frozen=True)
class Workload:
    """An application and what its tasks take: int64[tasks, PEs], estimates and true costs in ns."""

    program: Program
    estimate_ns: Int64Array
    cost_ns: Int64Array


def draw(seed: int, widths: tuple[int, int]) -> Workload:
    """A layered graph: each layer as wide as drawn from `widths`, each task behind 1 to 3 tasks of the layer before."""
    rng = np.random.default_rng(seed)
    after: list[list[int]] = []
    layer: list[int] = []
    while len(after) < GRAPH_TASKS:
        first = len(after)
        width = min(int(rng.integers(*widths, endpoint=True)), GRAPH_TASKS - first)
        for _ in range(width):
            count = min(len(layer), int(rng.integers(1, 3, endpoint=True)))
            after.append(sorted(rng.choice(layer, count, replace=False).tolist()) if count else [])
        layer = list(range(first, first + width))
    estimate_ns = rng.integers(1_000, 100_000, (GRAPH_TASKS, N_PES))
    cost_ns = (estimate_ns * rng.uniform(0.8, 1.2, estimate_ns.shape)).astype(np.int64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.cedrrec"
        with RecordWriter(path) as writer:
            for task, list_ in enumerate(after):
                work = {"elements": 1, "flops": 1, "bytes_in": 4, "bytes_out": 4, "macs": 0}
                kind = writer.add_class(CallClass("kernel", "f32", work, {}, f"task:{task}"))
                writer.submit_many(kind, [task], [0, len(list_)], list_)
            writer.wait()
            writer.end()
        program = build_program([read_record(path)], ["graph"])
    return Workload(program, estimate_ns, cost_ns)


def layered(seed: int) -> Workload:
    return draw(seed, (8, 32))


def independent(seed: int) -> Workload:
    """One layer: an instance that arrives has 1,000 tasks ready."""
    return draw(seed, (GRAPH_TASKS, GRAPH_TASKS))


def emulate(workload: Workload, scheduler: Scheduler, arrival_ns: Int64Array, os_model: str = "ideal") -> Engine:
    """A run, with all its rows, under either model of the operating system."""
    options = {} if os_model == "ideal" else {"linux": linux(workload, scheduler)}
    engine = Engine(
        workload.program,
        np.zeros(len(arrival_ns), np.int64),
        arrival_ns,
        np.arange(N_PES),
        workload.estimate_ns,
        workload.cost_ns,
        scheduler,
        **options,
    )
    engine.run()
    return engine


def linux(workload: Workload, scheduler: Scheduler) -> Any:
    """The ZCU102's operating system: 8 pinned workers on 3 cores, 3 of CPU PEs and 5 of accelerators.

    An accelerator's worker moves data for a quarter of the task before and after the device works, and polls meanwhile.
    """
    from cedr.runtime.linux_cfs import ON_CORE, ON_DEVICE, linux_setup
    from cedr.target.platform import class_costs, parse_composition

    board = load_platform("zcu102")
    assert board.linux_cfs is not None
    pes = parse_composition(board, BOARD_PES)
    setup = linux_setup(board, board.linux_cfs, pes, class_costs(board, []), scheduler.name)
    moved = workload.cost_ns // 4
    parts = np.stack([moved, workload.cost_ns - 2 * moved, moved], axis=2)
    parts[:, :CPU_PES, 1] = workload.cost_ns[:, :CPU_PES]
    kept = np.ones(parts.shape, np.bool_)
    kept[:, :CPU_PES, ::2] = False
    kinds = np.full(parts.shape, ON_CORE)
    kinds[:, CPU_PES:, 1] = ON_DEVICE
    phases = np.stack([kinds[kept], np.full(int(kept.sum()), -1), parts[kept]], axis=1).astype(np.int64)
    pointers = np.append(0, np.cumsum(kept.sum(axis=2).reshape(-1))).astype(np.int64)
    return replace(setup, phase_ptr=pointers, phases=phases)


def at_once(instances: int) -> Int64Array:
    return np.zeros(instances, np.int64)


def seconds(work: Callable[[], Any]) -> float:
    """CPU time that `work` takes; what it returns is let go after the clock has stopped."""
    gc.collect()
    start = time.process_time()
    result = work()
    taken = time.process_time() - start
    del result
    return taken


def plain(scheduler: Scheduler) -> Scheduler:
    """The same scheduler as plain Python."""
    return Scheduler(scheduler.name, scheduler.assign, scheduler.initial_state, compiled=False)


def run_simpy(workload: Workload, instances: int) -> tuple[float, tuple[list[int], list[int], list[int]]]:
    """Seconds, and start, end and PE of each task. Python's garbage collector rests: SimPy is faster without."""
    program = workload.program
    successors: list[list[int]] = [[] for _ in range(GRAPH_TASKS)]
    lists = np.split(program.after_indices, program.after_indptr[1:-1])
    for task, earlier in enumerate(lists):
        for other in earlier.tolist():
            successors[other].append(task)
    waiting = [len(earlier) for earlier in lists]
    tables = workload.estimate_ns.tolist(), workload.cost_ns.tolist()
    gc.collect()
    gc.disable()
    start = time.process_time()
    schedule = simpy_model.simulate(successors, waiting, *tables, instances)
    taken = time.process_time() - start
    gc.enable()
    return taken, schedule


def check_equal(engine: Engine, schedule: tuple[list[int], list[int], list[int]]) -> None:
    """Refuse a peer whose schedule is another."""
    rows = engine.rows()
    place = rows["instance"].astype(np.int64) * GRAPH_TASKS + rows["task"]
    for name, theirs in zip(("start_ns", "end_ns", "pe"), schedule, strict=True):
        different = np.flatnonzero(np.array(theirs, np.int64)[place] != rows[name])
        if len(different) or len(place) != len(theirs):
            raise SystemExit(f"the SimPy model schedules otherwise: {name} of {len(different)} of {len(theirs)} tasks")


def memory_bytes(key: str) -> int:
    """What the kernel says of this process's memory: VmRSS now, VmHWM at its peak. (ru_maxrss knows the parent's too.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def memory_growth(instances: int) -> float:
    """In a process of its own (see `bytes_per_task`): peak growth over one run, in bytes a task."""
    workload = layered(0)
    scheduler = get_scheduler("EFT")
    emulate(workload, scheduler, at_once(1))
    before = memory_bytes("VmRSS")
    engine = emulate(workload, scheduler, at_once(instances))
    return (memory_bytes("VmHWM") - before) / len(engine.rows()["task"])


def bytes_per_task(instances: int) -> float:
    command = [sys.executable, __file__, "--memory-of", str(instances)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def time_a_task_ratio(workload: Workload, instances: int) -> float:
    """Time a task over LONG waves of instances, each arriving when the wave before is over, by that over one wave."""
    scheduler = get_scheduler("EFT")
    wave_ns = int(emulate(workload, scheduler, at_once(instances)).finish_ns.max())
    waves = np.repeat(np.arange(LONG, dtype=np.int64) * wave_ns, instances)
    short = seconds(lambda: emulate(workload, scheduler, at_once(instances)))
    return seconds(lambda: emulate(workload, scheduler, waves)) / LONG / short


def speeds(seed: int, instances: int, os_models: list[str]) -> dict[str, float]:
    """One round: all rates on one graph, in turn."""
    workload, wide = layered(seed), independent(seed)
    tasks = instances * GRAPH_TASKS
    found = {}
    taken, schedule = run_simpy(workload, instances)
    found["simpy"] = tasks / taken
    check_equal(emulate(workload, get_scheduler("EFT"), at_once(instances)), schedule)
    del schedule
    for name in SCHEDULERS:
        for key in os_models:
            run = partial(emulate, workload, get_scheduler(name), at_once(instances), key)
            found[f"{key}.{name}"] = tasks / seconds(run)
    apart = np.arange(instances, dtype=np.int64)  # a round each
    found["etf_1000_ready"] = tasks / seconds(lambda: emulate(wide, get_scheduler("ETF"), apart))
    fewer = max(1, instances // PYTHON_SHARE)
    found["python_scheduler"] = (
        fewer * GRAPH_TASKS / seconds(lambda: emulate(workload, plain(get_scheduler("EFT")), at_once(fewer)))
    )
    found["simpy_ratio"] = found["ideal.EFT"] / found["simpy"]
    return found


def warm_up(os_models: list[str]) -> None:
    workload = layered(0)
    for name in SCHEDULERS:
        for key in os_models:
            emulate(workload, get_scheduler(name), at_once(2), key)
    emulate(workload, plain(get_scheduler("EFT")), at_once(1))
    run_simpy(workload, 1)


def measure(tasks: int, rounds: int) -> dict[str, Any]:
    """All figures, by their keys."""
    instances = max(1, tasks // GRAPH_TASKS)
    os_models = list(OS_MODELS)
    if getattr(load_platform("zcu102"), "linux_cfs", None) is None:
        print("zcu102 has no figures for linux-cfs yet: its rates are null", file=sys.stderr)
        os_models.remove("linux_cfs")
    warm_up(os_models)
    found = [speeds(seed, instances, os_models) for seed in range(rounds)]
    median = {key: statistics.median(one[key] for one in found) for key in found[0]}
    result: dict[str, Any] = {
        key: {name: median[f"{key}.{name}"] for name in SCHEDULERS} if key in os_models else None for key in OS_MODELS
    }
    for key in ("etf_1000_ready", "python_scheduler", "simpy", "simpy_ratio"):
        result[key] = median[key]
    ratios = [time_a_task_ratio(layered(seed), instances) for seed in range(min(rounds, 3))]
    result["ten_million_ratio"] = statistics.median(ratios)
    result["bytes_per_task"] = bytes_per_task(instances * LONG)
    return result


def machine() -> str:
    """The processor's name, where the system tells, and the number of its cores."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}"


def report(result: dict[str, Any]) -> None:
    rows = []
    for key, value in result.items():
        rows += [(f"{key}.{name}", rate) for name, rate in value.items()] if isinstance(value, dict) else [(key, value)]
    print(machine())
    for key, value in rows:
        if value is None:
            print(f"{key:20s} not measured")
        elif key.endswith("ratio"):
            print(f"{key:20s} {value:14.2f}")
        else:
            print(f"{key:20s} {value:14,.0f} {'bytes' if key == 'bytes_per_task' else 'tasks/s'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1_000_000, help="tasks a run, in graphs of 1,000")
    parser.add_argument("--rounds", type=int, default=5, help="graphs drawn")
    parser.add_argument("--quick", action="store_true", help="20,000 tasks and one round: a look, no measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(memory_growth(options.memory_of))
        return
    result = measure(20_000, 1) if options.quick else measure(options.tasks, options.rounds)
    if options.json:
        print(json.dumps(result))
    else:
        report(result)


if __name__ == "__main__":
    main()
