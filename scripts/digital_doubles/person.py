"""A seed becomes a person: weights of shape targets, tone, lips, brows, irises, freckles, stubble.

Nobody's likeness: numbers come from a generator, shapes from a base mesh that depicts nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["ANCESTRIES", "TONES", "Brows", "Person", "make_person"]

Colour = tuple[float, float, float]

ANCESTRIES = ("african", "asian", "caucasian")
TONES: Mapping[str, Colour] = {
    "fair": (0.62, 0.405, 0.31),
    "light": (0.53, 0.33, 0.235),
    "tan": (0.40, 0.235, 0.155),
    "brown": (0.235, 0.125, 0.075),
    "dark": (0.125, 0.066, 0.043),
}
"""Scene-linear Rec.709 albedo, in the range that skin measurements give (Krishnaswamy and Baranoski 2004, fig. 6)."""
IRISES: Mapping[str, Colour] = {
    "brown": (0.10, 0.045, 0.018),
    "dark": (0.035, 0.018, 0.010),
    "hazel": (0.16, 0.10, 0.035),
    "green": (0.12, 0.15, 0.075),
    "blue": (0.13, 0.21, 0.30),
    "grey": (0.19, 0.22, 0.24),
}
HAIRS: Mapping[str, Colour] = {
    "black": (0.008, 0.006, 0.005),
    "dark": (0.022, 0.013, 0.009),
    "brown": (0.060, 0.032, 0.017),
    "fair": (0.20, 0.125, 0.062),
    "red": (0.17, 0.055, 0.020),
    "grey": (0.21, 0.20, 0.19),
}

_SIGNED = {
    "nose/nose-scale-horiz": 0.55, "nose/nose-scale-vert": 0.5, "nose/nose-scale-depth": 0.5, "nose/nose-hump": 0.5,
    "nose/nose-volume": 0.4, "nose/nose-width1": 0.5, "nose/nose-width2": 0.5, "nose/nose-width3": 0.5,
    "nose/nose-point-width": 0.5, "nose/nose-nostrils-width": 0.4, "nose/nose-flaring": 0.4, "nose/nose-greek": 0.4,
    "mouth/mouth-scale-horiz": 0.55, "mouth/mouth-lowerlip-volume": 0.5, "mouth/mouth-upperlip-volume": 0.5,
    "mouth/mouth-lowerlip-height": 0.5, "mouth/mouth-upperlip-height": 0.5, "mouth/mouth-cupidsbow": 0.5,
    "mouth/mouth-philtrum-volume": 0.4, "mouth/mouth-lowerlip-width": 0.4, "mouth/mouth-upperlip-width": 0.4,
    "chin/chin-height": 0.5, "chin/chin-width": 0.55, "chin/chin-prominent": 0.45, "chin/chin-bones": 0.5,
    "chin/chin-prognathism": 0.3, "chin/chin-jaw-drop": 0.4, "head/head-fat": 0.3, "head/head-scale-horiz": 0.2,
    "head/head-scale-vert": 0.25, "forehead/forehead-temple": 0.25, "forehead/forehead-nubian": 0.35,
    "forehead/forehead-scale-vert": 0.35, "neck/neck-scale-horiz": 0.3,
}  # fmt: skip
"""Targets with -decr and -incr, and the standard deviation of the weight drawn for them."""
_PAIRS = {
    "nose/nose-point": ("down", "up", 0.5), "nose/nose-trans": ("down", "up", 0.35),
    "nose/nose-base": ("down", "up", 0.4),
    "nose/nose-curve": ("concave", "convex", 0.5), "nose/nose-septumangle": ("decr", "incr", 0.4),
    "mouth/mouth-trans": ("down", "up", 0.35), "mouth/mouth-angles": ("down", "up", 0.35),
    "mouth/mouth-laugh-lines": ("in", "out", 0.4), "eyebrows/eyebrows-trans": ("down", "up", 0.45),
    "eyebrows/eyebrows-angle": ("down", "up", 0.45), "head/head-angle": ("in", "out", 0.3),
    "forehead/forehead-trans": ("backward", "forward", 0.35),
}  # fmt: skip
"""Targets with other endings: low, high, standard deviation."""
_SIDES = {
    "eye-scale": ("decr", "incr", 0.4), "eye-height2": ("decr", "incr", 0.45), "eye-trans": ("in", "out", 0.45),
    "eye-corner1": ("down", "up", 0.4), "eye-corner2": ("down", "up", 0.4), "eye-push1": ("in", "out", 0.3),
    "eye-eyefold": ("down", "up", 0.4), "eye-bag": ("decr", "incr", 0.4), "eye-height1": ("decr", "incr", 0.3),
    "eye-height3": ("decr", "incr", 0.3),
}  # fmt: skip
_CHEEKS = {
    "cheek-bones": ("decr", "incr", 0.5), "cheek-inner": ("decr", "incr", 0.4), "cheek-volume": ("decr", "incr", 0.5),
    "cheek-trans": ("down", "up", 0.35),
}  # fmt: skip
_SHAPES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")


@dataclass(frozen=True)
class Brows:
    """How brows are drawn, lengths in metres on the base mesh."""

    thickness: float
    """Height of the brow at its thickest."""
    arch: float
    """How much higher its peak is than its ends."""
    lift: float
    """Moved up by so much."""
    length: float
    """Factor on the length."""
    density: float
    """0..1."""


@dataclass(frozen=True)
class Person:
    """All that makes one digital person."""

    name: str
    seed: int
    sex: float
    """0 female to 1 male."""
    weights: Mapping[str, float]
    """Shape targets, by `Anatomy.target`'s names."""
    tone: Colour
    """Albedo of the bare skin, scene-linear Rec.709."""
    lips: Colour
    """Factors on the tone."""
    iris: Colour
    hair: Colour
    brows: Brows
    freckles: float
    """0..1."""
    stubble: float
    """0..1."""
    blush: float
    """0..1, redness of cheeks and nose."""
    age: float
    """0 young to 1 old."""
    scalp: float = 0.7
    """0..1: how much the roots of the hair darken the scalp."""


def make_person(
    *,
    name: str,
    seed: int,
    sex: float,
    ancestry: Mapping[str, float],
    tone: str,
    hair: str,
    iris: str,
    age: float = 0.15,
    strength: float = 1.0,
) -> Person:
    """The person of a seed: what the arguments leave open is drawn, the same for the same arguments.

    `ancestry` weighs `ANCESTRIES` (normalised here); `strength` multiplies all drawn shape weights.
    """
    rng = np.random.default_rng([seed, 7919])
    weights = _macro(sex=sex, age=age, ancestry=ancestry, rng=rng)
    weights.update(_details(rng=rng, strength=strength))
    skin = np.array(TONES[tone]) * rng.uniform(0.9, 1.1) * (1.0 + np.array([0.0, 0.03, 0.06]) * rng.uniform(-1, 1))
    redness = rng.uniform(0.0, 1.0)
    lips = np.array([0.92, 0.66, 0.72]) * (1 - 0.12 * redness) + np.array([0.06 * redness, 0.0, 0.0])
    brows = Brows(
        thickness=float(rng.uniform(0.006, 0.0085) + 0.0035 * sex),
        arch=float(rng.uniform(0.001, 0.006) * (1.15 - 0.6 * sex)),
        lift=float(rng.uniform(-0.002, 0.003) - 0.0015 * sex),
        length=float(rng.uniform(0.9, 1.12)),
        density=float(rng.uniform(0.55, 0.85) + 0.15 * sex),
    )
    pale = tone in {"fair", "light"}
    return Person(
        name=name,
        seed=seed,
        sex=sex,
        weights=weights,
        tone=_colour(skin),
        lips=_colour(lips),
        iris=_colour(np.array(IRISES[iris]) * rng.uniform(0.8, 1.2)),
        hair=HAIRS[hair],
        brows=brows,
        freckles=float(rng.uniform(0.3, 1.0)) if pale and rng.random() < 0.6 else 0.0,
        stubble=float(rng.uniform(0.35, 0.9)) if sex > 0.5 and rng.random() < 0.75 else 0.0,
        blush=float(rng.uniform(0.3, 1.0)),
        age=age,
    )


def _colour(values: np.ndarray) -> Colour:
    return float(values[0]), float(values[1]), float(values[2])


def _macro(*, sex: float, age: float, ancestry: Mapping[str, float], rng: np.random.Generator) -> dict[str, float]:
    """MakeHuman's macro targets: ancestry, sex and age, then muscle and weight."""
    total = sum(ancestry.values())
    muscle = float(np.clip(rng.normal(0.1 + 0.25 * sex, 0.25), -0.6, 0.8))
    weight = float(np.clip(rng.normal(0.0, 0.3), -0.6, 0.7))
    weights: dict[str, float] = {}
    for sex_name, sex_weight in (("female", 1 - sex), ("male", sex)):
        for age_name, age_weight in (("young", 1 - age), ("old", age)):
            part = sex_weight * age_weight
            if not part:
                continue
            for race in ANCESTRIES:
                if ancestry.get(race):
                    weights[f"macrodetails/{race}-{sex_name}-{age_name}"] = part * ancestry[race] / total
            for muscle_name, muscle_weight in _blend(muscle, "muscle"):
                for weight_name, weight_weight in _blend(weight, "weight"):
                    share = part * muscle_weight * weight_weight
                    if share:
                        weights[f"macrodetails/universal-{sex_name}-{age_name}-{muscle_name}-{weight_name}"] = share
    return weights


def _blend(value: float, noun: str) -> list[tuple[str, float]]:
    end = f"max{noun}" if value > 0 else f"min{noun}"
    return [(f"average{noun}", 1 - abs(value)), (end, abs(value))]


def _details(*, rng: np.random.Generator, strength: float) -> dict[str, float]:
    weights: dict[str, float] = {}

    def draw(sigma: float) -> float:
        return float(np.clip(rng.normal(0.0, sigma), -0.75, 0.75)) * strength

    def put(stem: str, low: str, high: str, value: float) -> None:
        weights[f"{stem}-{high if value > 0 else low}"] = abs(value)

    for stem, sigma in _SIGNED.items():
        put(stem, "decr", "incr", draw(sigma))
    for stem, (low, high, sigma) in _PAIRS.items():
        put(stem, low, high, draw(sigma))
    for folder, table in (("eyes", _SIDES), ("cheek", _CHEEKS)):
        for stem, (low, high, sigma) in table.items():
            value = draw(sigma)
            for side in ("l", "r"):
                put(f"{folder}/{side}-{stem}", low, high, value + float(rng.normal(0.0, 0.03)))
    shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
    weights[f"head/head-{shape}"] = float(rng.uniform(0.1, 0.45)) * strength
    if rng.random() < 0.4:
        weights["chin/chin-cleft-incr"] = float(rng.uniform(0.1, 0.6)) * strength
    return weights
