"""Where in the user's own source a graph node comes from."""

import os
import re
import sysconfig
from functools import lru_cache

import torch
from torch.fx import Node
from xdsl.dialects.builtin import UNKNOWN_LOC, FileLineColLoc, IntAttr, LocationAttr, NameLoc, StringAttr

PLACE = "cedr_place"
"""Key in a node's `meta`: its place for a message, where that is no line of Python."""

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_STDLIB = sysconfig.get_paths()["stdlib"] + os.sep


@lru_cache(maxsize=4096)
def frame_of_trace(trace: str) -> tuple[str, int] | None:
    """(file, line) of the innermost frame of a stack trace that is neither PyTorch's nor Python's own.

    A file below the current directory is named relative to it. A trace of PyTorch's own frames alone (a bare
    `nn.Sequential`) has no such frame: None.
    """
    for file, line in reversed(_FRAME.findall(trace)):
        if not is_library_file(file):
            return _display_path(file), int(line)
    return None


def is_library_file(file: str) -> bool:
    """Whether a frame's file belongs to PyTorch, to Python or to no file at all (`<frozen ...>`, `<eval_with_key>`)."""
    path = os.path.abspath(file)
    inside_python = path.startswith(_STDLIB) and "site-packages" not in path
    return path.startswith(_TORCH) or inside_python or file.startswith("<")


def node_frame(node: Node) -> tuple[str, int] | None:
    """(file, line) of the user's own source line that a node comes from, if known."""
    if PLACE in node.meta:
        return None
    trace = node.meta.get("stack_trace")
    return frame_of_trace(trace) if trace else None


def node_place(node: Node) -> str:
    """The node's place for a message: `model.py:31`, or the module's path, or the node's name."""
    if PLACE in node.meta:
        return str(node.meta[PLACE])
    frame = node_frame(node)
    if frame is not None:
        return f"{frame[0]}:{frame[1]}"
    modules = node.meta.get("nn_module_stack")
    if modules:
        path, class_ = list(modules.values())[-1]
        return f"module '{path}' ({class_ if isinstance(class_, str) else class_.__name__})"
    return f"node '{node.name}'"


def node_location(node: Node) -> LocationAttr:
    """The node's IR location: the target's name around `file:line:0`, or around a place that is no line, or nothing."""
    return _location(target_name(node), node_frame(node), node.meta.get(PLACE))


def target_name(node: Node) -> str:
    """The name of what a node calls: `aten.relu.default`."""
    target = node.target
    if isinstance(target, str):
        return target
    return str(target) if isinstance(target, torch._ops.OpOverload) else getattr(target, "__name__", str(target))


@lru_cache(maxsize=4096)
def _location(name: str, frame: tuple[str, int] | None, place: str | None) -> LocationAttr:
    if frame is None:
        return NameLoc(StringAttr(name), NameLoc(StringAttr(place), UNKNOWN_LOC) if place else UNKNOWN_LOC)
    return NameLoc(StringAttr(name), FileLineColLoc(StringAttr(frame[0]), IntAttr(frame[1]), IntAttr(0)))


def _display_path(file: str) -> str:
    here = os.getcwd() + os.sep
    path = os.path.abspath(file)
    return path.removeprefix(here)
