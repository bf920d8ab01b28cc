"""The figures of the OS model `linux-cfs`: table `[linux_cfs]` of a platform file.

CEDR's runtime on Linux: a daemon that owns one core and loops, one thread for each PE's worker that polls its queue, one
thread for each application thread, and the kernel's Completely Fair Scheduler on the cores that workers and
applications share. docs/os_models.md says what each figure does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from cedr.target.toml_file import KeyPath, Section, TomlFile, kind_of

#: Key -> (its unit in the file, what one of it is in ours: nanoseconds or thousandths). All are needed.
FIGURES: Final[Mapping[str, tuple[str, int]]] = {
    "tick": ("us", 1000),
    "latency": ("us", 1000),
    "min_granularity": ("us", 1000),
    "wakeup_granularity": ("us", 1000),
    "yield_skip": ("us", 1000),
    "sleeper_credit": ("us", 1000),
    "start_debit": ("slices", 1000),
    "poll": ("us", 1000),
    "daemon_loop": ("us", 1000),
    "enqueue": ("us", 1000),
    "signal": ("us", 1000),
    "balance_period": ("us", 1000),
    "balance_threshold": ("percent", 1000),
    "contention": ("share", 1000),
    "contention_half": ("threads", 1000),
}
_POSITIVE: Final = ("tick", "latency", "min_granularity", "poll", "daemon_loop", "balance_threshold", "contention_half")
OTHER: Final = "other"
_LONGEST: Final = 10**15


@dataclass(frozen=True)
class Decision:
    """What a scheduler's decisions take: `task_ns` a task, and `pair_ns` (a fraction) a pair of task and PE looked at.

    rescans: it looks at every pair of a waiting task and a PE before each of its decisions, not only at its own task's.
    """

    task_ns: int
    pair_ns: Fraction
    rescans: bool


@dataclass(frozen=True)
class LinuxCfs:
    """The figures, by their keys, in nanoseconds (of `start_debit`, `balance_threshold`, `contention`,
    `contention_half`: in thousandths); the cores that application threads may run on, the first one where they start;
    what decisions take, by scheduler, `other` for those that are not named.
    """

    figures: Mapping[str, int]
    application_cores: tuple[int, ...]
    decisions: Mapping[str, Decision]

    def decision(self, scheduler: str) -> Decision:
        """A scheduler's, by its upper-case name."""
        return self.decisions.get(scheduler, self.decisions[OTHER])


def read_linux_cfs(file: TomlFile, path: KeyPath, data: object, workers: tuple[int, ...]) -> LinuxCfs:
    """Read the table strictly; the caller checks the sources (`figure_paths`).

    Raises TomlError with the file, the line and the key.
    """
    section = Section(file, path, data, (*FIGURES, "application_cores", "decision"))
    figures: dict[str, int] = {}
    for key, (unit, scale) in FIGURES.items():
        figure = Section(file, (*path, key), section.data[key], (unit, "source"))
        value = ceil(figure.positive(unit, zero=key not in _POSITIVE) * scale)
        if value > _LONGEST:
            raise figure.fail(unit, f"is at most {_LONGEST // scale}")
        figures[key] = value
    table = Section(file, (*path, "application_cores"), section.data["application_cores"], ("cores", "source"))
    own = table.data["cores"]
    if not isinstance(own, list) or not own or not all(type(core) is int for core in own):
        raise table.fail("cores", f"needs an array of core numbers, at least one, got {kind_of(own)}")
    if len(set(own)) < len(own) or not set(own) <= set(workers):
        raise table.fail("cores", f"needs different cores of those that workers have ({workers}), got {own}")
    decisions: dict[str, Decision] = {}
    named = section.data["decision"]
    if not isinstance(named, dict) or OTHER not in named:
        raise section.fail("decision", f"needs a table for each scheduler, and one named {OTHER} for the rest")
    for name in named:
        one = Section(file, (*path, "decision", name), named[name], ("task_us", "pair_us", "source"), ("rescans",))
        decisions[name] = Decision(
            ceil(one.positive("task_us", zero=True) * 1000),
            one.positive("pair_us", zero=True) * 1000,
            one.truth("rescans", False),
        )
    return LinuxCfs(figures, tuple(own), decisions)


def figure_paths(data: object, path: KeyPath) -> list[KeyPath]:
    """Every table below `[linux_cfs]` that has a source."""
    found: list[KeyPath] = []
    if isinstance(data, dict):
        if "source" in data:
            found.append(path)
        for key, value in data.items():
            found.extend(figure_paths(value, (*path, str(key))))
    return found
