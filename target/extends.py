"""`extends` in platform files: a file that begins as another, a type of PE that begins as one of another file.

    extends = "zcu102"            at the top: a platform that ships, or a file, relative to this one
    extends = "zcu102:cpu"        in [[pe]]: the type `cpu` of it

What the file gives itself stands in the place of what it extends: tables are taken together key by key, but a figure (a
table with a `source`), an array and a value are replaced as a whole, [[pe]] among them. A source that what is taken
speaks of comes with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cedr.target.toml_file import KeyPath, TomlFile, kind_of

PLATFORMS_DIR: Final = Path(__file__).resolve().parent / "platforms"
MOST_FILES: Final = 8
"""In a row, each extending the next."""

_OWN_KEYS: Final = ("format", "name", "title")
"""What a file says of itself, whatever it extends."""


def platform_names() -> tuple[str, ...]:
    """The platforms that ship, in alphabetical order."""
    return tuple(sorted(path.stem for path in PLATFORMS_DIR.glob("*.toml")))


@dataclass
class Extended:
    """A file with all that it extends in its place, and the files that were read for it."""

    file: TomlFile
    paths: list[Path] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)
    """The keys of [sources] that came from another file."""


def extended(file: TomlFile) -> Extended:
    """The file as if it had no `extends`. Raises TomlError with file, line and key."""
    return _Extender(file, ()).run()


class _Extender:
    def __init__(self, file: TomlFile, above: tuple[Path, ...]):
        self.file, self.above = file, (*above, file.path.resolve())
        self.result = Extended(TomlFile(file.path, {}, {}))
        self.known: dict[str, Extended] = {}

    def run(self) -> Extended:
        file, result = self.file, self.result
        base: Extended | None = None
        data = dict(file.data)
        if "extends" in data:
            base = self.base(("extends",), data.pop("extends"))
            for key in _OWN_KEYS:
                if key not in data:
                    raise file.fail((key,), "missing: a file that extends another says this itself")
        types = data.pop("pe") if _has_extending_types(data) else None
        result.file.data.update(self.taken_together(base.file if base else None, (), data, (), ()))
        if types is not None:
            result.file.data["pe"] = [self.pe_type(index, own) for index, own in enumerate(types)]
            self.note(file, ("pe",), ("pe",))
        if base is not None:
            own_sources = file.data.get("sources")
            result.imported |= {
                key
                for key in _table(base.file.data, "sources")
                if not isinstance(own_sources, dict) or key not in own_sources
            }
        return result

    def base(self, path: KeyPath, name: object) -> Extended:
        """What `extends` names, read and extended itself."""
        if not isinstance(name, str) or not name:
            raise self.file.fail(path, f"needs a platform's name or file, got {kind_of(name)}")
        if name not in self.known:
            shipped = platform_names()
            if "/" in name or name.endswith(".toml"):
                target = self.file.path.parent / name
            elif name in shipped:
                target = PLATFORMS_DIR / f"{name}.toml"
            else:
                raise self.file.fail(
                    path, f"no platform {name!r}; there are {', '.join(shipped)}, or give a file: ./own.toml"
                )
            if "\0" in name or not target.is_file():
                raise self.file.fail(path, f"no file {str(target)!r}")
            if target.resolve() in self.above:
                raise self.file.fail(path, f"{target} extends this file in its turn")
            if len(self.above) >= MOST_FILES:
                raise self.file.fail(path, f"at most {MOST_FILES} files extend one another")
            self.known[name] = _Extender(TomlFile.read(target), self.above).run()
            self.result.paths += [target, *self.known[name].paths]
        return self.known[name]

    def pe_type(self, index: int, own: Any) -> Any:
        path: KeyPath = ("pe", index)
        if not isinstance(own, dict) or "extends" not in own:
            return self.take(self.file, path, path)
        at, text = (*path, "extends"), own["extends"]
        name, colon, type_name = text.rpartition(":") if isinstance(text, str) else ("", "", "")
        if not colon:
            raise self.file.fail(at, f'needs PLATFORM:TYPE, as in "zcu102:cpu", got {kind_of(text)}')
        base = self.base(at, name).file
        listed = base.data.get("pe")
        types = [t.get("name") if isinstance(t, dict) else None for t in listed] if isinstance(listed, list) else []
        if type_name not in types:
            there = ", ".join(str(t) for t in types if t is not None) or "none"
            raise self.file.fail(at, f"{name} has no PE type {type_name!r}; those there are: {there}")
        place: KeyPath = ("pe", types.index(type_name))
        mine = {key: value for key, value in own.items() if key != "extends"}
        merged = self.taken_together(base, place, mine, path, path)
        self.bring_sources(at, base, base.at(place))
        return merged

    def bring_sources(self, at: KeyPath, base: TomlFile, value: Any) -> None:
        """The sources that a taken type speaks of."""
        theirs, ours = _table(base.data, "sources"), self.result.file.data.setdefault("sources", {})
        if not isinstance(ours, dict):
            return
        own = _table(self.file.data, "sources")
        for text in _sources(value):
            for key in theirs:
                if text == key or (text.startswith(key) and text[len(key)] in " \t\n,:;"):
                    if key in own and own[key] != theirs[key]:
                        raise self.file.fail(("sources", key), f"{base.path} has a source of this name that is another")
                    if key not in ours:
                        ours[key] = self.take(base, ("sources", key), ("sources", key))
                        self.result.imported.add(key)

    # Values and where they stand.

    def note(self, file: TomlFile, source: KeyPath, target: KeyPath) -> None:
        if source in file.lines:
            self.result.file.lines[target] = file.lines[source]
            self.result.file.origins[target] = file.origins.get(source, file.path)

    def take(self, file: TomlFile, source: KeyPath, target: KeyPath) -> Any:
        """A value of a file, whole, as it will stand at `target`."""
        self.note(file, source, target)
        value = file.at(source)
        if isinstance(value, dict):
            return {key: self.take(file, (*source, key), (*target, key)) for key in value}
        if isinstance(value, list):
            return [self.take(file, (*source, k), (*target, k)) for k in range(len(value))]
        return value

    def taken_together(
        self, base: TomlFile | None, base_path: KeyPath, own: dict[str, Any], own_path: KeyPath, target: KeyPath
    ) -> dict[str, Any]:
        """Two tables as one."""
        if own_path:
            self.note(self.file, own_path, target)
        theirs = base.at(base_path) if base is not None else {}
        merged: dict[str, Any] = {}
        for key in (*theirs, *(key for key in own if key not in theirs)):
            there, here, at = (*base_path, key), (*own_path, key), (*target, key)
            if key not in own:
                assert base is not None
                merged[key] = self.take(base, there, at)
            elif _is_open(theirs.get(key)) and _is_open(own[key]):
                merged[key] = self.taken_together(base, there, own[key], here, at)
            else:
                merged[key] = self.take(self.file, here, at)
        return merged


def _is_open(value: object) -> bool:
    return isinstance(value, dict) and "source" not in value


def _has_extending_types(data: dict[str, Any]) -> bool:
    types = data.get("pe")
    return isinstance(types, list) and any(isinstance(t, dict) and "extends" in t for t in types)


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _sources(value: object) -> Iterator[str]:
    """The texts of all keys `source` within."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "source" and isinstance(inner, str):
                yield inner
            else:
                yield from _sources(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _sources(inner)
