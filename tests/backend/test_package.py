"""An own platform in a module's directory: one file that needs no other, whatever the original extends and wherever that lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from cedr.backend.package import write_platform
from cedr.target.extends import PLATFORMS_DIR
from cedr.target.platform import load_platform, platform_names

HEAD = 'extends = "{}"\nformat = 1\nname = "{}"\ntitle = "a copy"\n'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """files/a/own.toml is for a test to write; files/a/base.toml and files/b/base.toml extend one that ships."""
    for folder in ("a", "b"):
        (tmp_path / "files" / folder).mkdir(parents=True)
        (tmp_path / "files" / folder / "base.toml").write_text(HEAD.format("zcu102", "base"))
    return tmp_path / "files"


@pytest.mark.parametrize(
    "extends",
    ["zcu102", "zcu102_cedr", "./base.toml", "../b/base.toml", "../../files/b/base.toml", "{files}/b/base.toml"],
)
@pytest.mark.parametrize(
    "types", [(), ("zcu102:cpu", "zcu102:fft"), ("./base.toml:cpu", "{files}/b/base.toml:fft")], ids=str
)
def test_a_copy_is_the_same_platform_and_refers_to_nothing(
    files: Path, tmp_path: Path, extends: str, types: tuple[str, ...]
) -> None:
    own = files / "a" / "own.toml"
    pes = "".join(f'[[pe]]\nextends = "{text.format(files=files)}"\n' for text in types)
    own.write_text(HEAD.format(extends.format(files=files), "own") + "composition = 'C1+F1'\n" + pes)
    platform = load_platform(own)
    module = tmp_path / "module"
    module.mkdir()
    assert write_platform(module, platform) == "platform/own.toml"
    assert [file for file in module.rglob("*") if file.is_file()] == [module / "platform" / "own.toml"]
    files.rename(tmp_path / "gone")
    copy = load_platform(module / "platform" / "own.toml")
    assert copy.hash == platform.hash and copy.extended_paths == ()
    assert (copy.sources, copy.figures, copy.ports) == (platform.sources, platform.figures, platform.ports)
    assert copy.letters == platform.letters


@pytest.mark.parametrize("name", platform_names())
def test_every_platform_can_be_copied(tmp_path: Path, name: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(HEAD.format(name, "own"))
    platform = load_platform(own)
    write_platform(tmp_path, platform)
    assert load_platform(tmp_path / "platform" / "own.toml").hash == platform.hash


def test_the_copy_is_what_was_read_and_not_what_the_file_says_since(files: Path, tmp_path: Path) -> None:
    own = files / "a" / "own.toml"
    own.write_text(HEAD.format("./base.toml", "own"))
    platform = load_platform(own)
    own.write_text("nothing")
    assert write_platform(tmp_path, platform) == "platform/own.toml"
    assert load_platform(tmp_path / "platform" / "own.toml").hash == platform.hash


def test_a_platform_that_ships_is_not_copied(tmp_path: Path) -> None:
    for name in ("zcu102", str(PLATFORMS_DIR / "zcu102.toml")):
        assert write_platform(tmp_path, load_platform(name)) is None and not list(tmp_path.iterdir())
