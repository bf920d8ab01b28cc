"""Schedulers: one file each, one registry, plug-ins by entry point (group `cedr.schedulers`) or as `FILE.py:NAME`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from cedr.runtime.schedulers import (
    ceft,
    eft,
    energy_eft,
    etf,
    heft,
    heft_rt,
    max_min,
    met,
    min_min,
    oracle,
    peft,
    random,
    simple,
    vos,
)
from cedr.runtime.schedulers.calls import SchedulerError
from cedr.runtime.schedulers.interface import Assign, Scheduler, SchedulerSetup, SchedulerView, no_state
from cedr.target.python_files import import_module

__all__ = [
    "Assign",
    "Scheduler",
    "SchedulerError",
    "SchedulerSetup",
    "SchedulerView",
    "all_schedulers",
    "get_scheduler",
    "no_state",
]

ENTRY_POINT_GROUP = "cedr.schedulers"

_OURS = tuple(
    module.scheduler
    for module in (
        *(simple, random, met, eft, etf, heft_rt),  # CEDR's
        *(heft, peft, min_min, max_min, ceft, vos, energy_eft, oracle),
    )
)


def all_schedulers(plug_ins: Iterable[EntryPoint] | None = None) -> dict[str, Scheduler]:
    """Every scheduler by its upper-case name: ours in a fixed order, then plug-ins by name. No aliases.

    plug_ins: the entry points to take; by default those of the installed packages. Raises SchedulerError where one
    is no Scheduler, or takes a name that is taken.
    """
    found = {scheduler.name: scheduler for scheduler in _OURS}
    taken = {alias: scheduler.name for scheduler in _OURS for alias in (scheduler.name, *scheduler.aliases)}
    points = entry_points(group=ENTRY_POINT_GROUP) if plug_ins is None else plug_ins
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        try:
            scheduler = point.load()
        except Exception as error:  # whatever another package's module raises
            raise SchedulerError(
                f"entry point {point.name!r} of group {ENTRY_POINT_GROUP} ({point.value}) can't be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(scheduler, Scheduler):
            raise SchedulerError(
                f"entry point {point.name!r} of group {ENTRY_POINT_GROUP} ({point.value}): expected a "
                f"cedr.runtime.schedulers.Scheduler, found {type(scheduler).__name__}"
            )
        for name in (scheduler.name, *scheduler.aliases):
            if name.upper() in taken:
                raise SchedulerError(
                    f"entry point {point.name!r} of group {ENTRY_POINT_GROUP} ({point.value}): the name {name!r} is "
                    f"taken by {taken[name.upper()]}; rename one of them"
                )
            taken[name.upper()] = scheduler.name
        found[scheduler.name.upper()] = scheduler
    return found


def get_scheduler(name: str | Scheduler) -> Scheduler:
    """The scheduler of a name or alias, in any case, or of `FILE.py:NAME` or `PACKAGE.MODULE:NAME`.

    Plug-ins are loaded only for a name that is none of ours; a file is read at each call. Raises SchedulerError with the
    names that there are, PythonFileError for a file that is not there or fails.
    """
    if isinstance(name, Scheduler):
        return name
    place, colon, own = name.rpartition(":")
    if colon and place:
        return _from_module(name, place, own)
    if name.endswith(".py"):
        raise SchedulerError(f"{name}: which of its schedulers? Name it: {name}:NAME")
    schedulers = {scheduler.name: scheduler for scheduler in _OURS}
    found = _named(name, schedulers)
    if found is None:
        schedulers = all_schedulers()
        found = _named(name, schedulers)
    if found is not None:
        return found
    names = ", ".join(
        scheduler.name + "".join(f" (or {alias})" for alias in scheduler.aliases) for scheduler in schedulers.values()
    )
    raise SchedulerError(f"there is no scheduler {name!r}; there are {names}, or give one of your own: FILE.py:NAME")


def _from_module(text: str, place: str, name: str) -> Scheduler:
    module = import_module(text, place)
    found = getattr(module, name, None)
    if not isinstance(found, Scheduler):
        names = ", ".join(own for own, value in vars(module).items() if isinstance(value, Scheduler)) or "none"
        what = f"{place}'s {name} is no Scheduler, but {type(found).__name__}" if found is not None else ""
        raise SchedulerError(
            f"{text}: {what or f'{place} has no {name!r}'}; schedulers there: {names}. A scheduler is made by "
            'cedr.runtime.schedulers.Scheduler("NAME", function)'
        )
    for own in (found.name, *found.aliases):
        taken = _named(own, {scheduler.name: scheduler for scheduler in _OURS})
        if taken is not None and taken is not found:
            raise SchedulerError(f"{text}: the name {own!r} is taken by {taken.name}; give it another one")
    return found


def _named(name: str, schedulers: dict[str, Scheduler]) -> Scheduler | None:
    for scheduler in schedulers.values():
        if name.upper() in (known.upper() for known in (scheduler.name, *scheduler.aliases)):
            return scheduler
    return None
