"""How far each scheduler is from the best schedule, on small random task graphs.

    python benchmarks/scheduler_gap.py [--graphs 100] [--tasks 14] [--seed 0] [--json]

Layered graphs, about 2 dependencies a task, of FFT, ZIP and GEMM calls: 20 to 200 us on a CPU (whole ones), 1 to 5 times as fast
on an accelerator of their kind. Each graph runs on each composition under each scheduler, in the operating system model
`ideal`; the oracle gives the shortest makespan (runtime/schedulers/oracle.py). A gap is a makespan over the shortest,
less 1. By composition and over all:

    exact          median and worst gap where the estimates are what calls take
    misjudged      the same where an estimate is 0.5 to 1.5 times what the call takes: the oracle knows the truth
    unproven       graphs that are left out, because no schedule was proven the shortest in time

The applications have no deadlines, which is why VOS is an EFT over measured availability here, and in `ideal` each PE has
a core of its own, which is why CEFT is the same. ENERGY_EFT sees 1 W for a CPU at work, 0.3 W for an accelerator.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

from cedr.runtime.engine import Engine
from cedr.runtime.program import Program, build_program
from cedr.runtime.record import STEP_END, STEP_SUBMIT, STEP_WAIT_ALL, Record, ThreadStream
from cedr.runtime.schedulers import SchedulerError, all_schedulers
from cedr.runtime.schedulers.oracle import optimal_schedule
from cedr.target.api import CallClass

Int64Array = npt.NDArray[np.int64]
Gaps = dict[str, list[float]]

CALLS = {"fft": {"b": 1, "n": 256}, "zip": {"n": 1024}, "gemm": {"m": 4, "k": 64, "n": 4}}
TYPES = ("cpu", *CALLS)
COMPOSITIONS = {
    "C2": (0, 0),
    "C3+F1": (0, 0, 0, 1),
    "C2+F1+Z1": (0, 0, 1, 2),
    "C3+F1+Z1+M1": (0, 0, 0, 1, 2, 3),
}
ACTIVE_W, IDLE_W = (1.0, 0.3, 0.3, 0.3), (0.1, 0.1, 0.1, 0.1)
TIME_LIMIT = 2.0  # of the oracle, in its deterministic time


@dataclass(frozen=True)
class Workload:
    """An application; int64[tasks, types]: what a call takes, and the misjudged estimates."""

    program: Program
    cost_ns: Int64Array
    misjudged_ns: Int64Array


def workload(random: Random, n: int) -> Workload:
    """A graph of n tasks in layers of 2 to 5, a class for each."""
    layers: list[list[int]] = []
    while (made := sum(map(len, layers))) < n:
        layers.append(list(range(made, min(n, made + random.randint(2, 5)))))
    after: list[list[int]] = []
    for number, layer in enumerate(layers):
        before = layers[number - 1] if number else []
        after += [sorted(random.sample(before, min(len(before), random.choice((1, 2, 2, 3))))) for _ in layer]
    apis = [random.choice(tuple(CALLS)) for _ in range(n)]
    costs = np.full((n, len(TYPES)), -1)  # in us at first: whole ones, so that a schedule can be proven the shortest
    for task, api in enumerate(apis):
        on_cpu = random.randint(20, 200)
        costs[task, 0], costs[task, TYPES.index(api)] = on_cpu, round(on_cpu / random.uniform(1, 5))
    costs = np.where(costs < 0, -1, 1000 * costs)
    factors = np.array([[random.uniform(0.5, 1.5) for _ in TYPES] for _ in range(n)])
    record = Record(
        path=None,
        classes=tuple(
            CallClass(api, "c64" if api == "fft" else "f32", CALLS[api], {}, f"task:{i}") for i, api in enumerate(apis)
        ),
        task_ids=np.arange(n, dtype=np.uint32),
        class_of=np.arange(n, dtype=np.uint16),
        after_indptr=np.append(0, np.cumsum([len(tasks) for tasks in after])).astype(np.int64),
        after_indices=np.array([task for tasks in after for task in tasks], np.uint32),
        threads=(
            ThreadStream(
                0,
                np.array([(STEP_SUBMIT, 0, n), (STEP_WAIT_ALL, 0, 0), (STEP_END, 0, 0)], np.int64),
                np.arange(n, dtype=np.uint32),
                np.zeros(0, np.uint32),
            ),
        ),
    )
    misjudged = np.where(costs < 0, -1, (costs * factors).astype(np.int64))
    return Workload(build_program([record], ["graph"]), costs, misjudged)


def measure(graphs: int, tasks: int, seed: int) -> tuple[dict[str, dict[str, Gaps]], int]:
    """Gaps by kind of estimate, composition and scheduler; how many graphs were left out."""
    policies = {name: policy for name, policy in all_schedulers(()).items() if name != "ORACLE"}
    found: dict[str, dict[str, Gaps]] = {
        kind: {composition: {name: [] for name in policies} for composition in COMPOSITIONS}
        for kind in ("exact", "misjudged")
    }
    unproven = 0
    random = Random(seed)
    for _ in range(graphs):
        work = workload(random, tasks)
        for composition, pes in COMPOSITIONS.items():
            try:
                best = optimal_schedule(work.program, [0], [0], pes, work.cost_ns, time_limit=TIME_LIMIT).makespan_ns
            except SchedulerError as error:
                if "was proven the shortest" not in str(error):
                    raise
                unproven += 1
                continue
            for kind, estimates in (("exact", work.cost_ns), ("misjudged", work.misjudged_ns)):
                for name, policy in policies.items():
                    engine = Engine(
                        work.program, [0], [0], pes, estimates, work.cost_ns, policy, active_w=ACTIVE_W, idle_w=IDLE_W
                    )
                    engine.run()
                    gap = int(engine.rows()["end_ns"].max()) / best - 1
                    if gap < 0:
                        raise SystemExit(f"{name} on {composition} is shorter than the oracle's {best} ns")
                    found[kind][composition][name].append(gap)
    return found, unproven


def summary(gaps: Gaps) -> dict[str, dict[str, float]]:
    return {
        name: {"median": statistics.median(values), "worst": max(values)} for name, values in gaps.items() if values
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=14, help="of each graph")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args()
    found, unproven = measure(options.graphs, options.tasks, options.seed)
    result: dict[str, object] = {"graphs": options.graphs, "tasks": options.tasks, "unproven": unproven}
    for kind, by_composition in found.items():
        names = next(iter(by_composition.values())).keys()
        everywhere = {name: [gap for gaps in by_composition.values() for gap in gaps[name]] for name in names}
        result[kind] = {"all": summary(everywhere)} | {key: summary(gaps) for key, gaps in by_composition.items()}
    if options.json:
        print(json.dumps(result))
        return
    print(f"gap to the shortest schedule, {options.graphs} graphs of {options.tasks} tasks, {unproven} unproven")
    for kind in found:
        print(f"\n{kind:12s}" + "".join(f"{key:>18s}" for key in ("all", *COMPOSITIONS)))
        table: dict[str, dict[str, dict[str, float]]] = result[kind]  # type: ignore[assignment]  # made above
        for name in table["all"]:
            cells = [f"{gaps[name]['median']:.1%} {gaps[name]['worst']:.1%}" for gaps in table.values() if name in gaps]
            print(f"{name:12s}" + "".join(f"{cell:>18s}" for cell in cells))


if __name__ == "__main__":
    main()
