"""The people of the catalogue: seeds, and what their seeds do not decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scripts.digital_doubles.person import ANCESTRIES, Person, make_person

__all__ = ["CAST", "CROWD", "HAIR", "hair_of", "person"]

CROWD = tuple(f"crowd{number:02}" for number in range(1, 257))
"""Names of people who stand in no shot: training material, as many as are asked for. A number is a seed."""

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
    """One of `CAST` or `CROWD`."""
    if name in CROWD:
        return make_person(name=name, strength=0.95, **_drawn(name)[0])
    return make_person(name=name, strength=0.85, **CAST[name])


def hair_of(name: str) -> str:
    """One of `hair.STYLES`."""
    return _drawn(name)[1] if name in CROWD else HAIR[name]


def _drawn(name: str) -> tuple[dict[str, Any], str]:
    """What the catalogue says by hand of its cast, drawn from the number: `make_person`'s arguments, and a style."""
    number = CROWD.index(name) + 1
    rng = np.random.default_rng([number, 104729])
    first, second = rng.choice(len(ANCESTRIES), 2, replace=False)
    share = float(rng.uniform(0.6, 1.0))
    ancestry = {ANCESTRIES[first]: share, ANCESTRIES[second]: 1.0 - share}
    tones = {"african": ("brown", "dark"), "asian": ("light", "tan"), "caucasian": ("fair", "light", "tan")}
    hairs = ("black", "dark", "brown", "fair", "red", "grey") if first == 2 else ("black", "dark")
    irises = ("brown", "dark", "hazel", "green", "blue", "grey") if first == 2 else ("brown", "dark")
    sex = float(number % 2)
    told = {
        "seed": 1000 + number,
        "sex": sex,
        "ancestry": ancestry,
        "tone": str(rng.choice(tones[ANCESTRIES[first]])),
        "hair": str(rng.choice(hairs)),
        "iris": str(rng.choice(irises)),
        "age": float(rng.uniform(0.0, 0.6)),
    }
    return told, str(rng.choice(("crop", "buzz", "part") if sex else ("back", "long", "back")))
