"""Tables that schedulers take from a setup before the first round."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, SchedulerSetup

_NEVER: Final = 1 << 62


def mean_estimates(setup: SchedulerSetup) -> Int64Array:
    """int64[classes], ns: the integer mean of a class's estimates over the PEs that offer it; 0 where none does."""
    offered = setup.type_estimate_ns >= 0
    pes = np.bincount(setup.type_of, minlength=offered.shape[1])
    total = (np.where(offered, setup.type_estimate_ns, 0) * pes).sum(axis=1)
    mean: Int64Array = total // np.maximum((offered * pes).sum(axis=1), 1)
    return mean


def least_estimates(setup: SchedulerSetup) -> Int64Array:
    """int64[classes], ns: the smallest of a class's estimates on the PEs that offer it; 0 where none does."""
    there = setup.type_estimate_ns[:, np.unique(setup.type_of)]
    least = np.where(there < 0, _NEVER, there).min(axis=1, initial=_NEVER)
    return np.where(least == _NEVER, 0, least).astype(np.int64)


def estimate_ranks(setup: SchedulerSetup) -> Int64Array:
    """int64[types, classes]: the classes ranked by their estimate on a type, equal if equal; -1: not offered."""
    n_classes, n_types = setup.type_estimate_ns.shape
    ranks = np.full((n_types, n_classes), -1, np.int64)
    for kind_of_pe in range(n_types):
        offered = setup.type_estimate_ns[:, kind_of_pe] >= 0
        ranks[kind_of_pe, offered] = dense_ranks(setup.type_estimate_ns[offered, kind_of_pe])
    return ranks


def dense_ranks(values: Any) -> Int64Array:
    """int64[n]: 0 for the smallest value, equal if equal."""
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def behind(setup: SchedulerSetup, class_ns: Int64Array) -> Int64Array:
    """int64[tasks], ns: the longest path of tasks that wait for a task, itself not counted.

    class_ns: int64[classes], what a task of a class counts; a join counts nothing. Moving data is part of what a call
    takes, so an edge counts nothing either. Tasks that wait for each other in a circle never run; their paths, and those of
    tasks before them, are what was found without the circle.
    """
    program = setup.program
    own = np.append(class_ns, 0)[program.class_of]  # a join's class is -1
    longest = np.zeros(len(own), np.int64)
    _compiled_walk()(program.after_indptr, program.after_indices, program.task_base, own, longest)
    return longest


def upward_ranks(setup: SchedulerSetup, class_ns: Int64Array) -> Int64Array:
    """int64[tasks], ns: the same, the task itself counted."""
    ranks: Int64Array = behind(setup, class_ns) + np.append(class_ns, 0)[setup.program.class_of]
    return ranks


@functools.cache
def _compiled_walk() -> Any:
    from cedr.runtime.engine import compile_lazily  # numba is imported where there is something to compile

    return compile_lazily(_walk_backward)


def _walk_backward(indptr: Any, indices: Any, task_base: Any, own: Any, longest: Any) -> None:
    """From the last tasks to the first; `longest` is filled."""
    n = len(own)
    left = np.zeros(n, np.int32)  # tasks that wait for one, and are not through yet
    first_of = np.empty(n, np.int64)
    stack = np.empty(n, np.int64)
    for application in range(len(task_base) - 1):
        first = task_base[application]
        for task in range(first, task_base[application + 1]):
            first_of[task] = first
            for edge in range(indptr[task], indptr[task + 1]):
                left[first + indices[edge]] += 1
    depth = 0
    for task in range(n):
        if left[task] == 0:
            stack[depth] = task
            depth += 1
    while depth > 0:
        depth -= 1
        task = stack[depth]
        for edge in range(indptr[task], indptr[task + 1]):
            source = first_of[task] + indices[edge]
            longest[source] = max(longest[source], longest[task] + own[task])
            left[source] -= 1
            if left[source] == 0:
                stack[depth] = source
                depth += 1
