"""A model as CEDR's applications have it: the calls of an accelerator API are tasks, all else is the application's own code."""

from __future__ import annotations

import os
from collections.abc import Collection

import numpy as np

from cedr.runtime.record import Record, RecordError, RecordWriter
from cedr.target.platform import Platform, class_costs

_CORE = "cpu"


def write_with_host_code(
    record: Record, platform: Platform, apis: Collection[str], path: str | os.PathLike[str]
) -> None:
    """Write a record in which only the calls of `apis` are tasks.

    A layer's calls are submitted at once, and waited for; the tasks of other APIs between two layers become host code,
    which takes what these tasks take on a core of the platform, one after another. A call's layer is the number of such
    calls on the longest path to it. Raises RecordError where there is a file already, and for a task that is to be host
    code and that a core does not take.
    """
    core = [kind.name for kind in platform.pe_types].index(_CORE)
    core_ns = class_costs(platform, record.classes).cost_ns[:, core]
    for call, cost_ns in zip(record.classes, core_ns, strict=True):
        if cost_ns < 0 and call.api not in (*apis, "join"):
            raise RecordError(
                f"{path}: {call.api} {call.label!r} is no call here, and no core of {platform.name} takes it"
            )
    called = np.array([call.api in apis for call in record.classes], np.bool_)[record.class_of]
    layer = np.zeros(len(called), np.int64)
    indptr, before = record.after_indptr.tolist(), record.after_indices
    for task, counts in enumerate(called.tolist()):
        layer[task] = layer[before[indptr[task] : indptr[task + 1]]].max(initial=0) + counts
    with RecordWriter(path) as writer:
        numbers = np.array([writer.add_class(call) for call in record.classes], np.int64)
        submitted = 0
        for number in range(int(layer.max(initial=0)) + 1):
            own = layer == number
            calls = record.class_of[own & called]
            if len(calls):
                ids = np.arange(submitted, submitted + len(calls))
                writer.submit_many(numbers[calls], ids, np.zeros(len(calls) + 1, np.int64), [])
                writer.wait()
                submitted += len(calls)
            rest_ns = core_ns[record.class_of[own & ~called]]
            writer.host(int(rest_ns[rest_ns > 0].sum()))
        writer.end()
