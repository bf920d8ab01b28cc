"""An own platform in a module's directory: what its file extends comes with it, wherever that lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from cedr.backend.package import PackageError, write_platform
from cedr.target.extends import PLATFORMS_DIR
from cedr.target.platform import load_platform

HEAD = 'extends = "{}"\nformat = 1\nname = "{}"\ntitle = "a copy"\n'


def written(main: Path, tmp_path: Path) -> list[str]:
    """The copied files' names; checked to be the same platform when the originals are gone."""
    platform = load_platform(main)
    module = tmp_path / "module"
    module.mkdir()
    names = write_platform(module, platform)
    assert sorted(names) == sorted(str(f.relative_to(module)) for f in module.rglob("*") if f.is_file())
    (tmp_path / "files").rename(tmp_path / "gone")
    copy = load_platform(module / names[0])
    assert copy.hash == platform.hash and copy.name == platform.name
    assert all(path.parent == PLATFORMS_DIR or path.is_relative_to(module) for path in copy.extended_paths)
    return names


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """files/a/own.toml, files/a/base.toml, files/b/base.toml; those named base extend one that ships."""
    for folder in ("a", "b"):
        (tmp_path / "files" / folder).mkdir(parents=True)
        (tmp_path / "files" / folder / "base.toml").write_text(HEAD.format("zcu102", "base"))
    return tmp_path / "files"


def own(files: Path, extends: str, more: str = "") -> Path:
    path = files / "a" / "own.toml"
    path.write_text(HEAD.format(extends, "own") + more)
    return path


def test_one_file(files: Path, tmp_path: Path) -> None:
    assert written(own(files, "zcu102"), tmp_path) == ["platform/own.toml"]


def test_what_it_extends_lies_beside_it(files: Path, tmp_path: Path) -> None:
    assert written(own(files, "./base.toml"), tmp_path) == ["platform/own.toml", "platform/base.toml"]


def test_in_another_folder_and_a_type_of_a_third_file(files: Path, tmp_path: Path) -> None:
    (files / "b" / "deep").mkdir()
    (files / "b" / "deep" / "base.toml").write_text(HEAD.format("../base.toml", "deep"))
    pe = '[[pe]]\nextends = "./base.toml:cpu"\n[[pe]]\nextends = "../b/deep/base.toml:fft"\n'
    assert written(own(files, "../b/base.toml", "composition = 'C1+F1'\n" + pe), tmp_path) == [
        "platform/a/own.toml",
        "platform/b/base.toml",
        "platform/a/base.toml",
        "platform/b/deep/base.toml",
    ]


def test_a_name_that_goes_round_by_a_folder_further_up(files: Path, tmp_path: Path) -> None:
    assert written(own(files, "../../files/b/base.toml"), tmp_path) == [
        "platform/files/a/own.toml",
        "platform/files/b/base.toml",
    ]


def test_from_the_current_folder(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own(files, "../b/base.toml")
    monkeypatch.chdir(files / "b")
    assert written(Path("../a/own.toml"), tmp_path) == ["platform/a/own.toml", "platform/b/base.toml"]


def test_a_platform_that_ships_is_not_copied(tmp_path: Path) -> None:
    for name in ("zcu102", str(PLATFORMS_DIR / "zcu102.toml")):
        assert write_platform(tmp_path, load_platform(name)) == [] and not list(tmp_path.iterdir())


def test_a_file_that_changes_meanwhile(files: Path, tmp_path: Path) -> None:
    platform = load_platform(own(files, "./base.toml"))
    own(files, "./base.toml").write_text(HEAD.format("zcu102", "other"))
    with pytest.raises(PackageError, match=r"own\.toml: its copy in the module's directory is not the same platform"):
        write_platform(tmp_path, platform)
