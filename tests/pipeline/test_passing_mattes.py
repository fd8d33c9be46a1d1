"""What passes in front of a face over a few frames, one of which lost it."""

from __future__ import annotations

import cv2
import numpy as np

from tests.models.front.test_evidence import SIZE, SKIN, scene
from tests.models.front.test_hands import open_hand
from vfx_swap.models.front.hands import hand_regions
from vfx_swap.pipeline.passing_mattes import Sight, passing_mattes

GREY = (-0.4, -0.45, 0.3)
FAINT = (-0.4, -0.1, 0.05)
"""What is left of a grey thing in a flash: by itself it is taken for the face."""

DARK = (-0.48, 0.07, -0.06)
"""Skin in a shadow that it seldom is in, such as a mouth's corner."""


def sight(change: tuple[float, float, float], *, mouth: bool = False, held: bool = False) -> Sight:
    view = scene(change)[0]
    log = np.full((SIZE, SIZE, 3), SKIN, np.float32)
    log[view.rows, view.columns] = view.log
    light = np.exp(log[..., 0])
    green = light / (0.2126 * np.exp(log[..., 1]) + 0.7152 + 0.0722 * np.exp(log[..., 2]))
    linear = np.stack([green * np.exp(log[..., 1]), green, green * np.exp(log[..., 2])], axis=-1) - 0.01
    detail = np.random.default_rng(3).normal(0.0, 1.0, (SIZE, SIZE)).astype(np.float32)
    linear = linear * np.exp(0.4 * cv2.GaussianBlur(detail, (0, 0), 1.5))[..., None]
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)
    found = [open_hand(35.0, 82.0, 20.0)] if mouth else []
    return Sight(
        rgb=cv2.resize(rgb.astype(np.float32), (2 * SIZE, 2 * SIZE)),
        view=view,
        hands=hand_regions(found, size=SIZE),
        count=len(found),
        held=held,
    )


def mattes(sights: list[Sight], times: list[int] | None = None) -> list[np.ndarray | None]:
    _, face, light, _ = scene((0.0, 0.0, 0.0))
    asked: list[int] = []

    def see(index: int) -> Sight:
        asked.append(index)
        return sights[index]

    out = passing_mattes(times or list(range(len(sights))), [light] * len(sights), face, see=see)
    assert asked == list(range(len(sights)))
    return out


def area(matte: np.ndarray | None) -> float:
    """Share of the patch that is covered."""
    patch = cv2.resize(scene(GREY)[3], (2 * SIZE, 2 * SIZE))
    return 0.0 if matte is None else float((matte / 255.0 * patch).sum() / patch.sum())


def test_a_frame_that_lost_the_thing_has_it_from_the_frames_beside() -> None:
    assert area(mattes([sight(FAINT)])[0]) < 0.1, "else this frame did not lose it"
    found = mattes([sight(GREY), sight(GREY), sight(FAINT), sight(GREY), sight(GREY)])
    areas = [area(matte) for matte in found]
    assert min(areas) > 0.85


def test_a_cut_carries_nothing() -> None:
    found = mattes([sight(GREY), sight(FAINT), sight(GREY)], [0, 1000, 2000])
    assert area(found[1]) < 0.1


def test_fingers_seen_in_a_mouth_in_one_frame_are_no_hand() -> None:
    assert area(mattes([sight(DARK, mouth=True)])[0]) > 0.2, "else nobody was mistaken"
    found = mattes([sight(DARK), sight(DARK, mouth=True), sight(DARK)])
    without = mattes([sight(DARK)] * 3)
    assert area(found[1]) == area(without[1]) < 0.05


def test_a_hand_that_the_frames_beside_have_too_is_believed() -> None:
    assert area(mattes([sight(DARK, mouth=True, held=True)] * 3)[1]) > 0.2


def test_a_face_alone_has_nothing_in_front() -> None:
    assert mattes([sight((0.0, 0.0, 0.0))] * 3) == [None] * 3


def test_a_long_shot_gives_what_its_middle_gives() -> None:
    sights = [sight(GREY), sight(FAINT), sight(GREY), sight(GREY), sight(GREY)]
    whole, part = mattes(sights), mattes(sights[:4])
    for one, other in zip(whole[:3], part[:3], strict=True):
        assert one is not None
        assert other is not None
        assert np.array_equal(one, other)
