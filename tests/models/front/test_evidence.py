"""What a known face does not explain: shadows with sheen in them are the face, a grey thing is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.models.front.test_hands import open_hand
from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.appearance import Appearance, ViewLight, fit_view_light
from vfx_swap.models.front.evidence import confirmed, front_of, is_clear
from vfx_swap.models.front.hands import hand_regions
from vfx_swap.models.front.view import CHANNELS, FaceView

SIZE = 100
SKIN = np.array([-1.6, 0.5, -0.35], np.float32)
"""Log luminance, log R/G and log B/G of a dark skin."""


def scene(change: tuple[float, float, float]) -> tuple[FaceView, Appearance, ViewLight, FloatArray]:
    """A face that is known well, and a patch of it that differs; (SIZE, SIZE) 1 where it does."""
    rows, columns = (part.ravel().astype(np.int32) for part in np.mgrid[10:90, 10:90])
    count = len(rows)
    patch = np.zeros((SIZE, SIZE), np.float32)
    patch[55:80, 20:50] = 1.0
    basis = np.zeros((count, 9), np.float32)
    basis[:, 0] = 1.0
    random = np.random.default_rng(0)
    noise = random.normal(0.0, 0.01, (count, 3)).astype(np.float32)
    log = SKIN + noise + patch[rows, columns][:, None] * np.asarray(change, np.float32)
    uv = np.stack([columns / SIZE, rows / SIZE], axis=1).astype(np.float32)
    view = FaceView(SIZE, rows, columns, uv, basis, np.ones(count, np.float32), log.astype(np.float32))
    size = 64
    appearance = Appearance(
        face=np.broadcast_to(SKIN, (size, size, CHANNELS)).copy(),
        spread=np.broadcast_to(np.array([0.12, 0.05, 0.05], np.float32), (size, size, CHANNELS)).copy(),
        known=np.ones((size, size), np.float32),
        shown=np.ones((size, size), np.float32),
    )
    trust = 1.0 - patch[rows, columns]
    return view, appearance, fit_view_light(view, appearance, trust=trust), patch


@pytest.mark.parametrize("change", [(-0.55, -0.19, 0.14), (-0.9, -0.25, 0.18), (-0.5, 0.0, 0.0)])
def test_a_shadow_on_skin_that_shines_is_the_face(change: tuple[float, float, float]) -> None:
    view, appearance, light, _ = scene(change)
    none = hand_regions([], size=SIZE)
    assert is_clear(view, appearance, light, none) or front_of(view, appearance, light, hands=none).max() < 0.5


@pytest.mark.parametrize("change", [(-0.55, -0.5, 0.35), (0.0, -0.5, 0.35), (-1.6, -0.2, 0.15), (-0.4, 0.3, -0.3)])
def test_a_grey_a_black_and_a_red_thing_are_not(change: tuple[float, float, float]) -> None:
    view, appearance, light, patch = scene(change)
    none = hand_regions([], size=SIZE)
    assert not is_clear(view, appearance, light, none)
    found = front_of(view, appearance, light, hands=none) > 0.5
    assert found[patch > 0.0].mean() > 0.9
    assert found[patch == 0.0].mean() < 0.05


def test_a_speck_of_face_in_a_hand_is_hand_and_a_wide_gap_is_not() -> None:
    view, appearance, light, _ = scene((-0.4, 0.3, -0.3))
    hands = hand_regions([open_hand(26.0, 82.0, 8.0)], size=SIZE)
    for side, filled in ((4, True), (16, False)):
        log = view.log.copy()
        gap = (np.abs(view.rows - 67) < side / 2) & (np.abs(view.columns - 35) < side / 2)
        log[gap] = SKIN
        found = front_of(replace(view, log=log), appearance, light, hands=hands)
        assert bool(found[67, 35] > 0.5) is filled


@pytest.mark.parametrize(("strange", "there"), [(0.0, False), (0.3, False), (0.6, True)])
def test_a_hand_that_one_frame_found_is_there_where_much_of_it_is_not_the_face(strange: float, there: bool) -> None:
    view, appearance, light, _ = scene((0.0, 0.0, 0.0))
    hands = hand_regions([open_hand(26.0, 82.0, 8.0)], size=SIZE)
    under = np.flatnonzero(hands.surely[view.rows, view.columns] > 0.0)
    log = view.log.copy()
    log[under[: round(strange * len(under))]] += np.array([-0.4, -0.5, 0.35], np.float32)
    found = confirmed(replace(view, log=log), appearance, light, hands)
    assert bool(found.surely.any()) is there
