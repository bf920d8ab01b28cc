"""Platform files and manifests with something wrong in them: read, or refused with file, line and key, and nothing else."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType

import pytest

from cedr.target.cost import ExpressionError
from cedr.target.errors import CedrError
from cedr.target.manifest import Manifest, ManifestError, ModuleFigures, TensorSpec
from cedr.target.platform import PlatformError, load_platform, platform_names, read_platform
from cedr.target.toml_file import TomlError, TomlFile

LIMIT_S = 10
DIGEST = "0" * 64

# Values of a wrong kind, size or sign, and texts that no one expects.
TOML_VALUES = (
    *("0", "-1", "1", "true", '""', '"x"', "[]", "{}", "[[[]]]", "nan", "-inf", "inf", "-0.0", "0.0"),
    *("1e308", "1e-308", "1e999999999", "1e" + "9" * 30, "-1e999999999", "9" * 400, "0x" + "f" * 300, "1979-05-27T07:32:00Z", "07:32:00"),
    *('"\\u0000"', '"\\U0001F600"', '"ключ"', "'''\n\n'''", "[1, 2, 3]", '["hp0", "hp0"]', '{ mhz = 1 }', "{ a.b.c = 1 }"),
    '"zcu102"', '"zcu102:cpu"', '"./gone.toml"', '"estimate"', '"C3+F1"', '"C' + "9" * 300 + '"',
)  # fmt: skip
EXPRESSIONS = (
    *("n", "1 / 0", "1 / (n - n)", "n / (n - 1)", "-n", "0 * n", "log2(0 - n)", "log2(n) % 0", "n // 0", "n % (n - n)"),
    *("(" * 70 + "n" + ")" * 70, "(" * 900 + "n" + ")" * 900, "-" * 500 + "n", "not " * 300 + "true", "n" * 3000),
    *("+".join(["n"] * 700), "*".join(["n"] * 300), "*".join(["9" * 300] * 6), "9" * 1900, "0." + "0" * 1800 + "1"),
    *("1" + "_1" * 700, "n if n > 0 else " * 100 + "n", "n.real", "__import__('os')", "n ** n", "n[0]", "lambda: n"),
    *(
        "max(n)",
        "max(" + ", ".join(["n"] * 600) + ")",
        "is_power_of_two(n)",
        "dtype",
        "'f32'",
        "inverse",
        "ｎ",
        "n\u0000",
    ),
    *("n == n == n", "dtype in ('f32')", "dtype < 'f32'", "true", "1e5", "0x10", "n 1", "", " ", "\t", "# n"),
    *(" * ".join(["1_000_000_000"] * 60), "abs(" * 60 + "n" + ")" * 60, "log2(" * 30 + "n" + ")" * 30),
)
JSON_VALUES = (
    *(
        "0",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "null",
        "true",
        '""',
        "[]",
        "{}",
        "[[]]",
        '{"a": 1}',
        "9" * 500,
    ),
    *(
        "[" * 3000 + "]" * 3000,
        '{"a":' * 2000 + "1" + "}" * 2000,
        '"\\ud800"',
        '"\\u0000"',
        '"../x"',
        '"/x"',
        '"a\\\\b"',
    ),
    *(
        "1.5",
        "18446744073709551616",
        '"f32"',
        '"zcu102"',
        '"' + "x" * 5000 + '"',
        "tru",
        "'x'",
        '"\\x"',
        "01",
        "+1",
        ".5",
    ),
)
TEXTS = (
    "",
    "\x00",
    "\ufeff",
    "\r",
    "\r\n",
    "\n",
    "]",
    "[",
    "{",
    "}",
    '"',
    "'",
    "'''",
    '"""',
    "=",
    ".",
    "\\",
    "é",
    "\u202e",
)


@contextmanager
def time_limit(what: str) -> Iterator[None]:
    """Fails where the block takes longer than LIMIT_S, even inside of a library."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{what}: longer than {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# -------------------------------------------------------------------------------------------------------- mutations


def damaged(random: Random, text: str) -> str:
    """Cut off, or a few characters or a whole stretch replaced, doubled or moved."""
    match random.randrange(4):
        case 0:
            return text[: random.randrange(len(text))]
        case 1:
            at = random.randrange(len(text))
            return text[:at] + random.choice(TEXTS) * random.choice((1, 1, 1, 2000)) + text[at + random.randint(0, 9) :]
        case 2:
            a, b = sorted(random.randrange(len(text)) for _ in range(2))
            return text[:b] + text[a:b] + text[b:]
        case _:
            a, b, c = sorted(random.randrange(len(text)) for _ in range(3))
            return text[:a] + text[b:c] + text[a:b] + text[c:]


def one_line(random: Random, text: str) -> str:
    """A line of a TOML file dropped, doubled, renamed, given another value, or moved."""
    lines = text.split("\n")
    at = random.choice([index for index, line in enumerate(lines) if line and not line.startswith("#")])
    key, equals, value = lines[at].partition(" = ")
    match random.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines.insert(random.randrange(len(lines)), lines[at])
        case 2:
            lines[at] = (
                random.choice((key + "x", "x" + key, key.upper(), f'"{key}"', f"a.{key}", "ключ", "")) + equals + value
            )
        case 3 | 4:
            lines[at] = f"{key} = {random.choice(TOML_VALUES)}"
        case 5:
            lines[at] = f"{key} = {json.dumps(random.choice(EXPRESSIONS), ensure_ascii=False)}"
        case 6:
            line = lines.pop(at)
            lines.insert(random.randrange(len(lines)), line)
        case _:
            lines[at] = lines[at].replace(random.choice(lines[at]), random.choice(TEXTS), 1)
    return "\n".join(lines)


def one_expression(random: Random, text: str) -> str:
    """An expression of the file replaced by another, or by itself inside of one."""
    found = list(re.finditer(r'(?m)^(?:ns|bytes|supports|\w+) = "([^"\n]*[a-z(][^"\n]*)"$', text))
    match = random.choice(found)
    own = match[1]
    new = random.choice(
        (*EXPRESSIONS, f"({own}) / 0", f"-({own})", f"({own}) * 0", f"({own}) * {'9' * 400}", f"{own} {own}", own[::-1])
    )
    return text[: match.start(1)] + new.replace("\\", "").replace('"', "'") + text[match.end(1) :]


def one_value(random: Random, text: str) -> str:
    """A value of a JSON text replaced by another, a key renamed, dropped or doubled."""
    found = list(re.finditer(r'"[^"]*"(\s*:)?|-?\d+(\.\d+)?|null|true|false', text))
    match = random.choice(found)
    if match[0].endswith(":"):
        end = text.find(",", match.end())
        member = text[match.start() : end if end >= 0 else len(text)]
        new = random.choice(('"x":', '"ключ":', '"\\u0000":', match[0].upper(), "", member + "," + match[0]))
        return text[: match.start()] + new + text[match.end() :]
    return text[: match.start()] + random.choice(JSON_VALUES) + text[match.end() :]


@cache
def platform_texts() -> tuple[str, ...]:
    return tuple(load_platform(name).path.read_text() for name in platform_names())


def mutated_platform(random: Random) -> str:
    text = random.choice(platform_texts())
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = (
            random.choice((one_line, one_line, one_expression, damaged))(random, text) if text.count("=") > 20 else text
        )
    return text


def mutated_manifest(random: Random, whole: str) -> bytes:
    text = whole
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = random.choice((one_value, one_value, one_value, damaged))(random, text) if len(text) > 50 else text
    data = text.encode("utf-8", "surrogatepass")
    return data[:-3] + b"\xff" + data[-3:] if random.random() < 0.03 else data


# ------------------------------------------------------------------------------------------------------------ checks


def check_platform(random: Random, what: str, folder: Path) -> bool:
    """Whether it was read."""
    text = mutated_platform(random)
    path = folder / "platform.toml"
    with time_limit(what):
        try:
            read_platform(TomlFile.parse(text, path))
        except (PlatformError, TomlError, ExpressionError) as error:
            message = str(error)
            where = re.match(rf"(?:{re.escape(str(path))}|\S*/\w+\.toml):(\d+): (.+)", message, re.DOTALL)
            assert where is not None, f"{what}: no place in {message[:300]}"
            assert int(where[1]) <= text.count("\n") + 600 and len(message) < 6000, f"{what}: {message[:300]}"
            return False
    return True


def check_manifest(random: Random, what: str, folder: Path, whole: str) -> bool:
    (folder / "manifest.json").write_bytes(mutated_manifest(random, whole))
    with time_limit(what):
        try:
            Manifest.load(folder)
        except ManifestError as error:
            message = str(error)
            where = re.match(rf"{re.escape(str(folder))}/manifest\.json:(\d+): .", message)
            assert where is not None and len(message) < 6000, f"{what}: no place in {message[:300]}"
            return False
    return True


def run(count: int, folder: Path, check: Callable[[Random, str], bool]) -> None:
    """Some are read all the same, most are not."""
    accepted = sum(check(Random(seed), f"mutation {seed}") for seed in range(count))
    assert 0 < accepted < count * 0.6


@cache
def whole_manifest() -> str:
    """One that loads, with a value for every key."""
    x, y = TensorSpec("x", "f32", (1, 3)), TensorSpec("y", "f32", (1,))
    figures = ModuleFigures(1, 1, ir_bytes={"linalg": 9}, compile_s=0.5, build_s=1.0)
    files = {"m.c": DIGEST, "weights.safetensors": DIGEST}
    manifest = Manifest(
        "m", "m", "c", (x,), (y,), "default", "zcu102", DIGEST, "C3+F1", "static", files, figures, "m.c"
    )
    return manifest.to_json()


def test_the_manifest_is_one(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(whole_manifest())
    assert Manifest.load(tmp_path).to_json() == whole_manifest()


def test_mutated_platforms(tmp_path: Path) -> None:
    run(80, tmp_path, lambda random, what: check_platform(random, what, tmp_path))


def test_mutated_manifests(tmp_path: Path) -> None:
    run(220, tmp_path, lambda random, what: check_manifest(random, what, tmp_path, whole_manifest()))


@pytest.mark.slow
def test_many_mutated_platforms(tmp_path: Path) -> None:
    run(7000, tmp_path, lambda random, what: check_platform(random, what, tmp_path))


@pytest.mark.slow
def test_many_mutated_manifests(tmp_path: Path) -> None:
    run(3000, tmp_path, lambda random, what: check_manifest(random, what, tmp_path, whole_manifest()))


def test_a_hang_is_seen() -> None:
    with pytest.raises(TimeoutError, match="longer"), time_limit("a loop"):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        while True:
            pass


def test_refusals_are_of_one_root() -> None:
    assert all(issubclass(kind, CedrError) for kind in (PlatformError, TomlError, ExpressionError, ManifestError))
