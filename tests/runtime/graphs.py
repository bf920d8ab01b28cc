"""Task graphs as lists, the records that say the same, and random small ones."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from cedr.runtime.record import STEP_END, STEP_SUBMIT, STEP_WAIT_ALL, Record, ThreadStream
from tests.runtime.applications import call_class

JOIN = -1
ALL_THEN_WAIT = [(STEP_SUBMIT, 0, -1), (STEP_WAIT_ALL, 0, 0), (STEP_END, 0, 0)]


@dataclass(frozen=True)
class Graph:
    """By task: its class, or JOIN, and the tasks that it waits for."""

    kinds: list[int]
    after: list[list[int]]

    def record(self, n_classes: int, steps: list[tuple[int, int, int]] | None = None) -> Record:
        """Its record, with classes 0 to n_classes - 1 and one more for joins. steps: by default all submitted at once,
        by one thread; -1 stands for the number of tasks."""
        n = len(self.kinds)
        classes = [call_class("gemm", f"grid:{index}") for index in range(n_classes)] + [call_class("join")]
        rows = [[n if value < 0 else value for value in row] for row in steps or ALL_THEN_WAIT]
        thread = ThreadStream(0, np.array(rows, np.int64), np.arange(n, dtype=np.uint32), np.arange(0, dtype=np.uint32))
        return Record(
            path=None,
            classes=tuple(classes),
            task_ids=np.arange(n, dtype=np.uint32),
            class_of=np.array([n_classes if kind == JOIN else kind for kind in self.kinds], np.uint16),
            after_indptr=np.append(0, np.cumsum([len(tasks) for tasks in self.after])).astype(np.int64),
            after_indices=np.array([task for tasks in self.after for task in tasks], np.uint32),
            threads=(thread,),
        )


def random_graph(random: Random, n: int, n_classes: int, joins: bool = True) -> Graph:
    """Each task waits for some of those before it; the first is no join."""
    kinds = [JOIN if joins and i and random.random() < 0.15 else random.randrange(n_classes) for i in range(n)]
    after = [sorted(random.sample(range(i), min(i, random.choice((0, 1, 1, 2, 3))))) for i in range(n)]
    return Graph(kinds, after)


def random_estimates(random: Random, pes: list[int], n_types: int, n_classes: int, most: int) -> list[list[int]]:
    """[class][type], -1: not offered; each class is offered by a type that has a PE."""
    table = []
    for _ in range(n_classes):
        row = [random.choice((-1, random.randint(1, most))) for _ in range(n_types)]
        row[random.choice(pes)] = random.randint(1, most)
        table.append(row)
    return table
