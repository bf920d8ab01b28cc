"""Lines of keys in JSON files."""

from __future__ import annotations

import json
from pathlib import Path

from cedr.target.json_file import key_lines
from tests.target.test_toml_file import paths_of

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "scenarios" / "daemon_config.json"


def test_lines_of_json_keys() -> None:
    text = '{"a": 1,\n "b": {"x": [1,\n {"y": "}]{\\""}], "z": {}},\n "e": [[],\n[2]], "f":\n 2.5}'
    assert key_lines(text) == {
        ("a",): 1,
        ("b",): 2,
        ("b", "x"): 2,
        ("b", "x", 0): 2,
        ("b", "x", 1): 3,
        ("b", "x", 1, "y"): 3,
        ("b", "z"): 3,
        ("e",): 4,
        ("e", 0): 4,
        ("e", 1): 5,
        ("e", 1, 0): 5,
        ("f",): 5,
    }


def test_every_key_of_a_json_file_has_its_line() -> None:
    text = EXAMPLE.read_text()
    assert list(key_lines(text)) == paths_of(json.loads(text))
