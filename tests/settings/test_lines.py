from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.settings.lines import key_lines, line_of

TEXT = '''# a comment with key = value
name = """
plate = "not a key"
"""
"quoted key" = 1
a.b.c = 2   # [not.a.table]
list = [
  { x = 1, y = [2, 3] }, # comment ]
  { x = '#' },
]
[lighting]
tint = 'it\\'
[[cast]]
track = 1
[[cast]]
track = 2
[cast.more]
x = 1
[[lighting.light]]
azimuth = 1
[[lighting.light]]
azimuth = 2
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("name", 2),
        ("quoted key", 5),
        ("a.b.c", 6),
        ("a", 6),
        ("list", 7),
        ("list[0].x", 8),
        ("list[0].y[1]", 8),
        ("list[1].x", 9),
        ("lighting", 11),
        ("lighting.tint", 12),
        ("cast", 13),
        ("cast[0].track", 14),
        ("cast[1]", 15),
        ("cast[1].track", 16),
        ("cast[1].more.x", 18),
        ("lighting.light[0].azimuth", 20),
        ("lighting.light[1].azimuth", 22),
        ("cast[1].nosuch", 15),
        ("lighting.light[1].colour[2]", 21),
        ("lighting.nosuch", 11),
        ("nosuch", None),
        ("", None),
    ],
)
def test_lines(key: str, line: int | None) -> None:
    tomllib.loads(TEXT)  # the walk may count on valid TOML
    assert line_of(key_lines(TEXT), key) == line


def test_a_string_of_five_quotes_at_the_end() -> None:
    text = 'a = """x"""""\nb = 1\n'
    tomllib.loads(text)
    assert key_lines(text)["b"] == 2


KEYS = st.text("ab_", min_size=1, max_size=3)
VALUES = st.recursive(
    st.one_of(st.integers(0, 9), st.booleans(), st.text("a\"#'[]{}=,.\\", max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)


def as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ",\n".join(as_toml(item) for item in value) + "]"
    return "{" + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + "}"


def paths(value: Any, prefix: str) -> list[str]:
    found = [prefix]
    if isinstance(value, dict):
        for key, item in value.items():
            found += paths(item, f"{prefix}.{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += paths(item, f"{prefix}[{index}]")
    return found


@given(values=st.dictionaries(KEYS, VALUES, max_size=5))
@settings(max_examples=200, deadline=None)
def test_every_key_of_any_document_has_its_line(values: dict[str, Any]) -> None:
    text, expected = "", {}
    for key, value in values.items():
        expected[key] = text.count("\n") + 1
        text += f"{key} = {as_toml(value)}\n"
    assert tomllib.loads(text) == values
    lines = key_lines(text)
    assert {key: lines[key] for key in values} == expected
    for key, value in values.items():
        assert set(paths(value, key)) <= set(lines)
