"""Which crop meets which identity at a step: a function of seed and step alone, so that a run resumes to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import UsageError
from vfx_swap.models.training.crops import Answers

__all__ = ["Batch", "augmented", "draw_answered", "draw_batch", "other_pictures", "retoned", "shaken"]

_PAIRS, _LOOKS, _SHAKES, _OTHERS, _TONES, _ANSWERED = 11, 13, 19, 23, 29, 31
"""Streams of the seed."""
LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Of encoded RGB: ITU-R BT.709-6, item 3.2."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of `Crops`."""

    performers: NDArray[np.int64]
    """(b,) the crops that are swapped."""
    identities: NDArray[np.int64]
    """(b,) the crops whose identity goes in."""
    same: bool
    """Whether each pair shows one person; then the swap must give the performer's crop back."""
    answers: NDArray[np.int64] | None = None
    """(b,) rows of `Answers`: what each swap should be; None: nobody knows."""


def draw_batch(
    labels: NDArray[np.int64], *, size: int, seed: int, step: int, casting: Sequence[tuple[int, int]] = ()
) -> Batch:
    """The pairs of a step: one person on even steps, two different ones on odd (SimSwap, 4.1: in turns).

    On even steps the two crops differ where the person has two, so that an identity cannot be read off the pixels.

    Args:
        labels: (n,) whose each crop is.
        size: pairs.
        seed: of the run.
        step: from 0.
        casting: (performer, identity) as labels: only these are different people's pairs; empty: any two.

    Raises:
        UsageError: there are fewer than two people.
    """
    people = np.unique(labels)
    if len(people) < 2:
        raise UsageError(f"{len(people)} identity is here; two are the least that can be swapped")
    rng = np.random.default_rng([seed, _PAIRS, step])
    same = step % 2 == 0
    performers, identities = np.empty(size, np.int64), np.empty(size, np.int64)
    for slot in range(size):
        person, other = _pair(rng, people, same=same, casting=casting)
        rows = np.flatnonzero(labels == person)
        performers[slot] = rng.choice(rows)
        choice = np.flatnonzero(labels == other)
        if same and len(choice) > 1:
            choice = choice[choice != performers[slot]]
        identities[slot] = rng.choice(choice)
    return Batch(performers, identities, same)


def draw_answered(labels: NDArray[np.int64], answers: Answers, *, size: int, seed: int, step: int) -> Batch:
    """Pairs of different people whose true swap is known; who brings the identity is any of its own crops.

    Args:
        labels: (n,) whose each crop is.
        answers: of the crops; everyone whose face is in them has a crop.
        size: pairs.
        seed: of the run.
        step: from 0.
    """
    rng = np.random.default_rng([seed, _ANSWERED, step])
    chosen = rng.integers(len(answers.rows), size=size)
    identities = [int(rng.choice(np.flatnonzero(labels == label))) for label in answers.labels[chosen]]
    return Batch(answers.rows[chosen], np.array(identities, np.int64), same=False, answers=chosen)


def other_pictures(labels: NDArray[np.int64], rows: NDArray[np.int64], *, seed: int, step: int) -> NDArray[np.int64]:
    """For each of some crops another one of the same person, or itself where the person has no other.

    Args:
        labels: (n,) whose each crop is.
        rows: (b,) of the crops.
        seed: of the run.
        step: from 0.

    Returns:
        (b,) rows.
    """
    rng = np.random.default_rng([seed, _OTHERS, step])
    others = np.array(rows, dtype=np.int64)
    for slot, row in enumerate(rows):
        choice = np.flatnonzero(labels == labels[row])
        if len(choice) > 1:
            others[slot] = rng.choice(choice[choice != row])
    return others


def _pair(
    rng: np.random.Generator, people: NDArray[np.int64], *, same: bool, casting: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """Who is swapped, and whose identity goes in."""
    if casting and not same:
        return casting[int(rng.integers(len(casting)))]
    person = int(rng.choice(people))
    return person, person if same else int(rng.choice(people[people != person]))


def augmented(pictures: NDArray[np.uint8], *, seed: int, step: int, stream: int, amount: float = 1.0) -> FloatArray:
    """Pictures as a network takes them, each mirrored or not and graded a little.

    Args:
        pictures: (b, h, w, 3) uint8.
        seed: of the run.
        step: from 0.
        stream: tells the uses of one step apart.
        amount: 0: as they are; 1: mirrored half of the time, gain and each channel within 8 %.

    Returns:
        (b, 3, h, w) float32 in [0, 1].
    """
    rng = np.random.default_rng([seed, _LOOKS, step, stream])
    mirrored = rng.random(len(pictures)) < 0.5 * min(amount, 1.0)
    gains = 1.0 + 0.08 * amount * rng.uniform(-1.0, 1.0, (len(pictures), 1, 1, 1))
    tints = 1.0 + 0.08 * amount * rng.uniform(-1.0, 1.0, (len(pictures), 1, 1, 3))
    looks = pictures.astype(np.float32) / 255.0
    looks[mirrored] = looks[mirrored, :, ::-1]
    graded = np.clip(looks * (gains * tints).astype(np.float32), 0.0, 1.0)
    return np.ascontiguousarray(graded.transpose(0, 3, 1, 2))


def shaken(looks: FloatArray, *, seed: int, step: int, amount: float = 1.0) -> FloatArray:
    """Looks turned, scaled, shifted, blurred and noisy: who holds still under all of these is harder to fool.

    A recogniser that never saw them tells people apart by pixels that a generator then learns to set, and the swap
    looks like the identity to that recogniser alone.

    Args:
        looks: (b, 3, h, w) in [0, 1].
        seed: of the run.
        step: from 0.
        amount: 1: to 8 degrees, 8 % of scale, 4 % of a side; half of them blurred by up to 1.2 pixels of 64; noise to
            6 %.

    Returns:
        (b, 3, h, w) float32 in [0, 1].
    """
    import cv2

    rng = np.random.default_rng([seed, _SHAKES, step])
    side = looks.shape[3]
    result = np.empty_like(looks)
    for number, look in enumerate(looks):
        turn, scale, across, down, blur, noise = amount * rng.uniform(-1.0, 1.0, 6)
        matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), 8.0 * turn, 1.0 + 0.08 * scale)
        matrix[:, 2] += 0.04 * side * np.array([across, down])
        picture = cv2.warpAffine(
            np.ascontiguousarray(look.transpose(1, 2, 0)), matrix, (side, side), borderMode=cv2.BORDER_REPLICATE
        )
        if blur > 0.0:
            picture = cv2.GaussianBlur(picture, (0, 0), max(1.2 * blur * side / 64.0, 0.1))
        picture = picture + abs(0.06 * noise) * rng.standard_normal(picture.shape)
        result[number] = np.clip(picture, 0.0, 1.0).transpose(2, 0, 1)
    return result


def retoned(looks: FloatArray, *, seed: int, step: int, share: float) -> FloatArray:
    """Looks in other tones: who tells people apart by the colour of their skin sees it no more.

    Of the share that is retoned, half turn grey first (luma of BT.709); all take another gamma, gain and cast.

    Args:
        looks: (b, 3, h, w) in [0, 1].
        seed: of the run.
        step: from 0.
        share: of the looks, 0 to 1; the others stay as they are.

    Returns:
        (b, 3, h, w) float32 in [0, 1]: gamma by up to 0.6 stops, gain by 0.7, each channel by 0.5 more.
    """
    rng = np.random.default_rng([seed, _TONES, step])
    result = np.array(looks, dtype=np.float32)
    for number, (chosen, grey) in enumerate(rng.random((len(looks), 2))):
        gamma, gain, *cast = rng.uniform(-1.0, 1.0, 5)
        if chosen >= share:
            continue
        look = result[number]
        if grey < 0.5:
            look = np.broadcast_to(np.tensordot(LUMA, look, axes=1), look.shape)
        scale = np.exp2(0.7 * gain + 0.5 * np.asarray(cast))[:, np.newaxis, np.newaxis]
        result[number] = np.clip(scale * np.power(np.clip(look, 0.0, 1.0), np.exp2(0.6 * gamma)), 0.0, 1.0)
    return result
