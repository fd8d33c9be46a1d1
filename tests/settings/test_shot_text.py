"""Values of a shot as text read back as the same values."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.errors import UsageError
from vfx_swap.settings.shot_text import shot_text

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
PLAIN = st.one_of(TEXTS, st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(PLAIN, st.lists(PLAIN, max_size=3)),
    lambda inner: st.one_of(
        st.dictionaries(TEXTS, inner, max_size=3),
        st.lists(st.dictionaries(TEXTS, inner, max_size=3), min_size=1, max_size=3),
    ),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_it_reads_back_as_it_was(values: dict[str, Any]) -> None:
    assert tomllib.loads(shot_text(values)) == values


def test_a_shot_reads_as_a_person_would_write_it() -> None:
    shot = {
        "schema": "vfx_swap/shot.1", "name": "sh 010 ñ", "cast": [{"identity": "C:\\who", "strength": 0.5}],
        "lighting": {"tint": 0.0, "match": None}, "write": {"layers": ["matte"]},
    }  # fmt: skip
    assert shot_text(shot) == (
        'schema = "vfx_swap/shot.1"\nname = "sh 010 ñ"\n\n[[cast]]\nidentity = "C:\\\\who"\nstrength = 0.5\n\n'
        '[lighting]\ntint = 0.0\n\n[write]\nlayers = ["matte"]\n'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_no_shot_file_holds_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match=r"lighting\.tint"):
        shot_text({"lighting": {"tint": value}})
