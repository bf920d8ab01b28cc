"""What the keys of the commands' JSON mean. Tests compare the names with what the commands print."""

from __future__ import annotations

from typing import Final

_MODEL: Final = (
    "its name: the zoo's, `FACTORY` of `FILE.py:FACTORY`, or a `.mlir` file as given; of a compiled module, that of the model "
    "that it was compiled from"
)

_COMPILED: Final = {
    "model": _MODEL,
    "emit": "`c` or `python`; null for an application or a record, as are the other keys of compiling",
    "pipeline": "name or text of the pipeline",
    "platform": "the platform's name",
    "hw": "the composition, in its canonical spelling",
}

_COMPILE_TIMES: Final = {
    "compile_s": "seconds of this command in import, passes and emission; printing IR and writing weights not counted; null "
    "for a module that was compiled before",
    "build_s": "seconds of this command in the C compiler; null for Python, and where nothing was built",
    "export_s": "seconds of this command in `torch.export`; null without a PyTorch model",
}

_SIZES: Final = {
    "arena_bytes": "size of the arena that all buffers share",
    "arena_bound_bytes": "largest sum of bytes alive at once in layer order, a scratch ring counted with two slots: no plan "
    "of that order with full reuse is smaller",
    "ir_bytes": "size of the IR's text after the import and after each pass; empty for sizes that a call says (`dynamic_shapes`)",
}

JSON_KEYS: Final[dict[str, dict[str, str]]] = {
    "compile": {
        **_COMPILED,
        "directory": "the module's directory",
        **_SIZES,
        **_COMPILE_TIMES,
    },
    "run": {
        **_COMPILED,
        "scheduler": "its name",
        "os_model": "`ideal` or `linux-cfs`",
        "instances": "instances of the model",
        "seed": "as given",
        "max_abs_error": "largest absolute difference from PyTorch's outputs; null without a reference",
        "max_rel_error": "the largest over the outputs of: largest absolute difference divided by the largest finite "
        "magnitude of that output (by 1 where that is 0). NaN and infinities must match, integers be equal, else it is "
        "1e308; null without a reference",
        "decision_match": "whether the model's decision (a class, boxes) is PyTorch's; null where it has no `decide`",
        "makespan_ns": "first arrival to last end",
        "latency_ns": "`min`, `mean`, `max` over the instances, each from its arrival to its end",
        "tasks": "tasks, joins apart",
        "tasks_by_api": "the same by API",
        "macs_by_api": "multiply-accumulates of convolution and linear layers, by the API that does them",
        "utilisation": "busy time from the first arrival to the last end, of an instance or a task, over that time, by PE",
        "energy_j": "joules of the PEs and the board in that time; null where the platform has no power figures",
        **_SIZES,
        **_COMPILE_TIMES,
        "run_s": "seconds to record, emulate and execute",
    },
    "evaluate": {
        "model": _MODEL,
        "metric": "`accuracy`, or `mAP50`: mean average precision of boxes that overlap by half or more",
        "samples": "held-out inputs",
        "eager": "PyTorch's score",
        "compiled": "the compiled module's score",
        "decisions_differing": "held-out inputs on which the two decide differently",
        "max_rel_error": "the worst over the inputs",
    },
    "coverage": {
        "model": _MODEL,
        "supported": "whether every op is, and the model compiles; exit status 1 where not",
        "ops": "list of `op` (by its ATen name, that of ONNX, or that in the text of a `.mlir` file), `count`, `supported`, "
        "`locations` (source lines, or nodes of an .onnx file), `pes` (types of the "
        "composition that its calls are offered to; empty where it computes nothing, is folded away or is done in another "
        "op's calls), `reason` (why it is not supported, and what to do; null where it is)",
    },
    "emulate": {
        "model": "the scenario's file, as given",
        "emit": "of the models that were compiled, or null where they differ or there is none",
        "pipeline": "the same",
        "platform": _COMPILED["platform"],
        "hw": _COMPILED["hw"],
        "scheduler": "its name",
        "os_model": "`ideal` or `linux-cfs`",
        "without": "the effects of the OS model that were left out",
        "instances": "those that the figures are about: all that arrive when the warm-up is over",
        "seed": "as given",
        "decision_match": "null: nothing is computed",
        "makespan_ns": "from the first arrival to the last end of these instances; null where none came to its end",
        "latency_ns": "`min`, `mean`, `max` over those of them that came to their end; each null where none did",
        "tasks": "their tasks, joins apart",
        "tasks_by_api": "the same by API",
        "macs_by_api": "multiply-accumulates of one instance of each application, by API",
        "utilisation": "busy time from the first arrival to the last end, of an instance or a task, over that time, by PE; "
        "whichever instances it works for meanwhile",
        "energy_j": "joules of the PEs and the board in that time; null where the platform has no power figures",
        "arena_bytes": "sum over the models that were compiled, as all that follows; null without one",
        "arena_bound_bytes": "see `cedr run`",
        "ir_bytes": "see `cedr run`",
        "compile_s": "see `cedr run`",
        "build_s": "see `cedr run`",
        "export_s": "see `cedr run`",
        "run_s": "seconds to record and emulate",
        "applications": "list of `name`, `instances`, `finished`, `failed`; the means `exe_ns` (an instance's start to its end), "
        "`cum_ns` (the sum of its tasks' times on PEs), both over the instances that came to their end and null where none did, "
        "`ovh_ns` (the scheduler's time, divided by all instances); "
        "`deadline_misses`; `period_ns` (null for a trace, and for a single instance without one)",
        "failures": "list of `application`, `message`: whose process failed at being recorded; all its instances are `failed`",
        "faults": "what went wrong in the run and what was done, in order of time: list of `kind`, `at_ns`, `fault` (its place "
        "in the scenario, or null), `pe`, `application`, `instance` (of the application, from 0), `task`, `action` (`stopped`, "
        "`retried`, `failed`, `dropped`, `none`), `text`",
    },
    "sweep": {
        "spec": "the specification's file, as given",
        "out": "the folder, as given",
        "points": "of the specification",
        "finished": "of them, now or before",
        "kept": "of them, finished before this command",
        "emulated": "by this command",
        "failures": "list of `point` (its number), `message`; exit status 1 where there is one",
        "points_per_minute": "emulated, over the time that took, recording not counted; null where none was",
        "seconds": "of this command",
        "files": "what it wrote: the points and the tables",
    },
    "plot": {"out": "the folder, as given", "files": "the figures"},
    "record": {
        "application": "as given",
        "output": "the record's file",
        "host_time": "`off`, `fixed`, `blocks` or `measured`",
        "threads": "that made calls, were started or waited for",
        "tasks": "calls that became tasks",
        "tasks_by_api": "the same by API",
        "size_bytes": "of the record",
        "remarks": "what is to be said of its waits, as on stderr",
        "build_s": "seconds in the compiler; null where nothing was built",
    },
    "cc": {
        "output": "the application's file",
        "sources": "as given",
        "module": "whether it is a shared object",
        "target": "as given",
        "build_s": "seconds",
    },
    "models": {"models": "list of `name`, `summary`, `input_shape`, `input_dtype`"},
    "platforms": {
        "platforms": "list of `name`, `title`, `hash`, `composition`, and by letter `pe_types`, `most`, `apis`; and how many "
        "`figures`, `phases`, `sources`, `estimates` there are, and of `linux-cfs`, apart, `linux_cfs_figures` and "
        "`linux_cfs_estimates`",
    },
    "platforms validate": {"file": "as given", "valid": "true", "name": "the platform's name"},
    "schedulers": {"schedulers": "list of `name`, `aliases`, `about`"},
}
"""Command -> key -> meaning, in the order in which they are printed."""

ENVIRONMENT: Final = {
    "CC": "the C compiler, with arguments; else gcc, clang, cc, or the one in the PyPI package `ziglang`",
    "CXX": "the same for C++; else g++, clang++, c++, or the one in `ziglang`",
    "CEDR_CACHE": "where libcedr, built once per compiler, is kept",
    "CEDR_DEBUG": "set: `cedr` prints the traceback of an internal error",
    "CEDR_TRACEBACK": "set: `cedr-opt` lets an internal error of a pass through",
    "CEDR_MODE": "of a module: `run` (default) computes, `record` writes what it would submit, `execute` computes in the "
    "order of a schedule",
    "CEDR_RECORD": "of a module: the record to write (`record`) or to compare with (`execute`)",
    "CEDR_HOST_TIME": "of an application in `record`: the host time, as `--host-time`",
    "CEDR_HOST_NS": "of an application in `record`: the figure of `fixed` and `blocks`",
    "CEDR_VALUES": "of a module in `record`: 1 computes too",
    "CEDR_SCHEDULE": "of a module in `execute`: the schedule's file",
    "CEDR_WEIGHTS": "of a module: the weights' file; else `weights.safetensors` beside it",
}
"""Environment variables -> meaning."""
