"""MAX_MIN: the largest earliest finish first, over measured availability (Ibarra, Kim 1977; Maheswaran et al. 1999).

Until no task is left: of the ready tasks' earliest finishes the largest, so that long tasks don't come last; ties: the
task first in the queue, then the lowest PE. A PE is believed free when its running task should end and its queue is
worked off.

Where a task comes again after it has failed on a PE (SchedulerSetup.faults), the order is that of the finishes that it
would have if that PE still offered it.

Trying all tasks for every decision would be quadratic. A task's earliest finish is min over the types of (the type's
earliest free PE + estimate), and the first part is the same for all tasks. So the tasks are the leaves of a binary tree
whose nodes hold, for each type, the largest estimate below: a bound on every earliest finish below, under which a search
goes down only where a larger finish may be. The leaves are in the order of a k-d tree over the classes' estimates,
made once, so that what is alike is together: a search touches few leaves, and of equal tasks one.

Worked table, PEs 0 and 1 CPU, PE 2 FFT. Estimates: A 4 on CPU, 6 on FFT; B 3 on CPU; C 9 on CPU, 3 on FFT. Time 10; PE
0 should be free at 12, the others are; queue A B C A:

    decision   earliest finish of A, B, C   pair            free after
    1          14 13 13                     A (first), 1    12 14 10
    2          16 15 13                     A (second), 0   16 14 10
    3          -  17 13                     B, 1            16 17 10
    4          -  -  13                     C, 2            16 17 13
"""

from __future__ import annotations

import numpy as np

from cedr.runtime.schedulers.interface import Int64Array, Scheduler, SchedulerSetup, SchedulerView

_NEVER = 1 << 62
_BUCKET = 4  # classes that are not parted further


def assign(
    ready: Int64Array, now_ns: int, estimate_ns: Int64Array, view: SchedulerView, state: Int64Array
) -> Int64Array:
    """state: [classes] the place of each class among the leaves."""
    n_pes = estimate_ns.shape[1]
    n_types = view.type_estimate_ns.shape[1]
    n = len(ready)
    pairs = view.pairs
    keys = np.empty(n, np.int64)
    for position in range(n):
        keys[position] = state[ready[position]] * n + position
    keys.sort()
    size = 2
    while size < n:
        size *= 2
    largest = np.full((2 * size, n_types), -1, np.int64)  # of the estimates below a node; -1: nothing is left below
    first = np.full(2 * size, n, np.int64)  # the first position below
    offers = np.zeros(n_pes, np.bool_)  # any of these tasks; not so a PE that has stopped
    for leaf in range(n):
        position = keys[leaf] % n
        first[size + leaf] = position
        largest[size + leaf] = _NEVER
        for pe in range(n_pes):
            estimate = estimate_ns[ready[position], pe]
            if estimate >= 0:
                offers[pe] = True
                kind_of_pe = view.type_of[pe]
                largest[size + leaf, kind_of_pe] = min(largest[size + leaf, kind_of_pe], estimate)
    for node in range(size - 1, 0, -1):
        first[node] = min(first[2 * node], first[2 * node + 1])
        for kind_of_pe in range(n_types):
            largest[node, kind_of_pe] = max(largest[2 * node, kind_of_pe], largest[2 * node + 1, kind_of_pe])

    free = np.empty(n_pes, np.int64)
    type_free = np.full(n_types, _NEVER, np.int64)
    for pe in range(n_pes):
        free[pe] = max(now_ns, view.running_until_ns[pe]) + view.queued_ns[pe] if offers[pe] else _NEVER
        type_free[view.type_of[pe]] = min(type_free[view.type_of[pe]], free[pe])
    stack = np.empty(128, np.int64)
    bounds = np.empty(128, np.int64)
    for decision in range(n):
        leaf = -1
        best_finish = np.int64(-1)
        best_position = n
        stack[0] = 1
        bounds[0] = _NEVER
        depth = 1
        while depth > 0:  # down to the leaf with the largest earliest finish
            depth -= 1
            node = stack[depth]
            if bounds[depth] < best_finish or (bounds[depth] == best_finish and first[node] > best_position):
                continue
            if node >= size:
                leaf = node
                best_finish = bounds[depth]
                best_position = first[node]
                continue
            for child in range(2 * node + 1, 2 * node - 1, -1):
                if largest[child, 0] < 0:
                    continue
                bound = np.int64(_NEVER)
                for kind_of_pe in range(n_types):
                    if type_free[kind_of_pe] < _NEVER and largest[child, kind_of_pe] < _NEVER:
                        bound = min(bound, type_free[kind_of_pe] + largest[child, kind_of_pe])
                stack[depth] = child
                bounds[depth] = bound
                depth += 1
            if depth > 1 and stack[depth - 2] == 2 * node + 1 and bounds[depth - 2] > bounds[depth - 1]:  # larger first
                stack[depth - 2], stack[depth - 1] = stack[depth - 1], stack[depth - 2]
                bounds[depth - 2], bounds[depth - 1] = bounds[depth - 1], bounds[depth - 2]

        position = first[leaf]
        kind = ready[position]
        best = -1
        finish = now_ns
        for pe in range(n_pes):
            estimate = estimate_ns[kind, pe]
            if estimate >= 0 and (best < 0 or free[pe] + estimate < finish):
                best = pe
                finish = free[pe] + estimate
        free[best] = finish
        kind_of_pe = view.type_of[best]
        type_free[kind_of_pe] = _NEVER
        for pe in range(n_pes):
            if view.type_of[pe] == kind_of_pe:
                type_free[kind_of_pe] = min(type_free[kind_of_pe], free[pe])
        pairs[decision, 0] = position
        pairs[decision, 1] = best

        first[leaf] = n
        for other in range(n_types):
            largest[leaf, other] = -1
        node = leaf // 2
        while node > 0:
            first[node] = min(first[2 * node], first[2 * node + 1])
            for other in range(n_types):
                largest[node, other] = max(largest[2 * node, other], largest[2 * node + 1, other])
            node //= 2
    return pairs[:n]


def initial_state(setup: SchedulerSetup) -> Int64Array:
    """The classes in the order of a k-d tree over their estimates, parted at the median, one type after the other."""
    points = np.where(setup.type_estimate_ns < 0, _NEVER, setup.type_estimate_ns)[:, np.unique(setup.type_of)]
    n_classes, n_types = points.shape
    order = np.arange(n_classes)
    parts = [(0, n_classes, 0)]
    while parts:
        begin, end, level = parts.pop()
        if end - begin > _BUCKET:
            part = order[begin:end]
            order[begin:end] = part[np.argsort(points[part, level % n_types], kind="stable")]
            middle = (begin + end) // 2
            parts += [(begin, middle, level + 1), (middle, end, level + 1)]
    places = np.empty(n_classes, np.int64)
    places[order] = np.arange(n_classes)
    return places


scheduler = Scheduler(
    "MAX_MIN", assign, initial_state, about="the largest earliest finish first, over measured availability"
)
