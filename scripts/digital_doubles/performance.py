"""Performances: what a face and a head do at a time, seeded, with no jump in value or speed.

A `Part` gives expression weights at a time in seconds; parts are added up by `played`, head motion by `moved_head`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from scripts.digital_doubles.mesh import FloatArray

__all__ = [
    "VISEMES",
    "Motion",
    "Part",
    "blinks",
    "idle",
    "laugh",
    "moved_head",
    "nods",
    "played",
    "speech",
    "surprise",
    "through",
    "turns",
]

Part = Callable[[float], Mapping[str, float]]
"""Seconds to weights of expression units."""
Motion = Callable[[float], FloatArray]
"""Seconds to (6,): rotation vector in degrees about x, y, z, and metres."""


def _both(**units: float) -> dict[str, float]:
    return {f"{name}{side}": value for name, value in units.items() for side in ("Left", "Right")}


VISEMES: Mapping[str, Mapping[str, float]] = {
    "rest": {"jawOpen": 0.03},
    "a": {"jawOpen": 0.50, **_both(mouthLowerDown=0.15)},
    "e": {"jawOpen": 0.22, **_both(mouthStretch=0.35, mouthUpperUp=0.12)},
    "i": {"jawOpen": 0.12, **_both(mouthStretch=0.40, mouthSmile=0.18)},
    "o": {"jawOpen": 0.36, "mouthFunnel": 0.50},
    "u": {"jawOpen": 0.12, "mouthPucker": 0.65, "mouthFunnel": 0.15},
    "m": {"jawOpen": 0.02, "mouthRollUpper": 0.15, "mouthRollLower": 0.2, **_both(mouthPress=0.35)},
    "f": {"jawOpen": 0.08, "mouthRollLower": 0.35, **_both(mouthUpperUp=0.25)},
    "l": {"jawOpen": 0.20, **_both(mouthUpperUp=0.15, mouthLowerDown=0.2)},
}
"""What a mouth does at a sound, in the spirit of the usual visemes; weights set by eye on the base mesh."""
_OPEN, _CLOSED = ("a", "e", "i", "o", "u"), ("m", "f", "l", "e", "rest")


def through(knots: Sequence[tuple[float, float]], time: float) -> float:
    """A curve through (time, value) knots that rests at each knot: its speed has no jump. Flat beyond the ends."""
    if time <= knots[0][0]:
        return knots[0][1]
    for (start, a), (end, b) in pairwise(knots):
        if time <= end:
            t = (time - start) / (end - start)
            return a + (b - a) * t * t * (3 - 2 * t)
    return knots[-1][1]


def speech(*, seed: int, seconds: float, loudness: float = 1.0) -> Part:
    """Talk: syllables of 0.16 to 0.28 s, each a consonant's mouth and a vowel's, with a pause now and then."""
    rng = np.random.default_rng([seed, 1])
    times, sounds = [0.0], ["rest"]
    while times[-1] < seconds + 0.5:
        pause = rng.random() < 0.12
        length = float(rng.uniform(0.16, 0.28))
        times += [times[-1] + 0.4 * length, times[-1] + length]
        sounds += ["rest", "rest"] if pause else [str(rng.choice(_CLOSED)), str(rng.choice(_OPEN))]
    stress = rng.uniform(0.7, 1.1, len(times)) * loudness
    units = sorted({unit for mouth in VISEMES.values() for unit in mouth})
    curves = {
        unit: [(t, k * VISEMES[sound].get(unit, 0.0)) for t, k, sound in zip(times, stress, sounds, strict=True)]
        for unit in units
    }
    return lambda time: {unit: through(knots, time) for unit, knots in curves.items()}


def blinks(*, seed: int, seconds: float, mean_gap: float = 3.0) -> Part:
    """Blinks: the lids close within 0.10 s, rest 0.04 s and open within 0.18 s, at gaps of 0.6 to 1.4 `mean_gap`."""
    rng = np.random.default_rng([seed, 2])
    knots = [(0.0, 0.0)]
    start = float(rng.uniform(0.2, 0.6)) * mean_gap
    while start < seconds:
        knots += [(start, 0.0), (start + 0.10, 1.0), (start + 0.14, 1.0), (start + 0.32, 0.0)]
        start += max(float(rng.uniform(0.6, 1.4)) * mean_gap, 0.4)
    return lambda time: _both(eyeBlink=through(knots, time))


def laugh(*, start: float, seconds: float, strength: float = 1.0) -> Part:
    """A laugh with teeth: it rises for 0.3 s, shakes the jaw five times a second and fades for 0.5 s."""
    knots = [(start, 0.0), (start + 0.3, strength), (start + seconds, strength), (start + seconds + 0.5, 0.0)]

    def weights(time: float) -> dict[str, float]:
        level = through(knots, time)
        shake = 0.07 * level * (1 + np.sin(2 * np.pi * 5.0 * (time - start)))
        told = _both(
            mouthSmile=0.8 * level, cheekSquint=0.6 * level, mouthUpperUp=0.35 * level,
            eyeSquint=0.45 * level, browOuterUp=0.2 * level,
        )  # fmt: skip
        return {"jawOpen": 0.36 * level + float(shake), **told}

    return weights


def surprise(*, start: float, seconds: float, strength: float = 1.0) -> Part:
    """Brows and lids up, the jaw drops; up within 0.2 s, back within 0.6 s."""
    knots = [(start, 0.0), (start + 0.2, strength), (start + seconds, strength), (start + seconds + 0.6, 0.0)]

    def weights(time: float) -> dict[str, float]:
        level = through(knots, time)
        told = _both(browOuterUp=0.8 * level, eyeWide=0.8 * level)
        return {"browInnerUp": 0.9 * level, "jawOpen": 0.45 * level, "mouthFunnel": 0.15 * level, **told}

    return weights


def played(*parts: Part) -> Part:
    """Parts at once: weights are added and kept in 0..1."""

    def weights(time: float) -> dict[str, float]:
        total: dict[str, float] = {}
        for part in parts:
            for unit, value in part(time).items():
                total[unit] = total.get(unit, 0.0) + value
        return {unit: min(max(value, 0.0), 1.0) for unit, value in total.items()}

    return weights


def turns(*knots: tuple[float, float]) -> Motion:
    """The head turns through (seconds, degrees); positive is toward its own left."""
    return lambda time: np.array([0.0, through(knots, time), 0.0, 0.0, 0.0, 0.0])


def nods(*, start: float, count: int, degrees: float = 7.0) -> Motion:
    """So many nods of 0.6 s, each down and up again."""
    knots = [(start, 0.0)]
    for k in range(count):
        knots += [(start + 0.6 * k + 0.28, degrees), (start + 0.6 * (k + 1), 0.0)]
    return lambda time: np.array([through(knots, time), 0.0, 0.0, 0.0, 0.0, 0.0])


def idle(*, seed: int, degrees: float = 2.0) -> Motion:
    """A head that is never quite still: three slow waves on each axis, about `degrees` and two millimetres at most."""
    rng = np.random.default_rng([seed, 3])
    rate, phase = rng.uniform(0.15, 0.6, (6, 3)), rng.uniform(0, 2 * np.pi, (6, 3))
    reach = np.array([degrees, degrees, 0.5 * degrees, 0.002, 0.001, 0.002]) / 3
    return lambda time: reach * np.sin(2 * np.pi * rate * time + phase).sum(1)


def moved_head(*motions: Motion) -> Motion:
    """Motions at once, added."""
    return lambda time: np.asarray(np.sum([motion(time) for motion in motions], axis=0), np.float64)
