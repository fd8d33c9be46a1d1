"""The people of the catalogue: seeds, and what their seeds do not decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.digital_doubles.person import Person, make_person

__all__ = ["CAST", "HAIR", "person"]

CAST: Mapping[str, Mapping[str, Any]] = {
    "anna": {"seed": 4, "sex": 0.0, "ancestry": {"caucasian": 1.0}, "tone": "fair", "hair": "red", "iris": "green"},
    "ben": {"seed": 4, "sex": 1.0, "ancestry": {"caucasian": 1.0}, "tone": "light", "hair": "brown", "iris": "blue"},
    "chike": {"seed": 2, "sex": 1.0, "ancestry": {"african": 1.0}, "tone": "dark", "hair": "black", "iris": "dark"},
    "dina": {
        "seed": 3,
        "sex": 0.0,
        "ancestry": {"african": 0.5, "caucasian": 0.5},
        "tone": "brown",
        "hair": "dark",
        "iris": "brown",
    },
    "emre": {
        "seed": 1,
        "sex": 1.0,
        "ancestry": {"caucasian": 0.7, "asian": 0.3},
        "tone": "tan",
        "hair": "dark",
        "iris": "brown",
        "age": 0.45,
    },
    "fay": {"seed": 1, "sex": 0.0, "ancestry": {"asian": 1.0}, "tone": "light", "hair": "black", "iris": "dark"},
}
"""Name to `make_person`'s arguments."""
HAIR: Mapping[str, str] = {
    "anna": "long",
    "ben": "crop",
    "chike": "buzz",
    "dina": "back",
    "emre": "part",
    "fay": "bob",
}
"""Name to one of `hair.STYLES`."""


def person(name: str) -> Person:
    """One of `CAST`."""
    return make_person(name=name, strength=0.85, **CAST[name])
