"""Pixel boost: interleaved pictures, and what the low-pass keeps out of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.network_answer import NetworkAnswer
from vfx_swap.models.pixel_boost import boosted, low_pass, phases, woven
from vfx_swap.types import ModelImage


def noise(side: int) -> ModelImage:
    return ModelImage(np.random.default_rng(4).random((side, side, 3), dtype=np.float32))


def echo(images: Sequence[ModelImage]) -> list[NetworkAnswer]:
    return [NetworkAnswer(one, one.rgb[..., 0]) for one in images]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_phases_woven_again_are_the_picture_to_the_bit(times: int) -> None:
    picture = noise(24).rgb
    assert woven(phases(picture, times=times), times=times).tobytes() == picture.tobytes()


def test_a_picture_comes_back_in_place_and_its_mask_too() -> None:
    picture = noise(32)
    seen: list[tuple[int, ...]] = []

    def network(images: Sequence[ModelImage]) -> list[NetworkAnswer]:
        seen.extend(one.rgb.shape for one in images)
        return echo(images)

    shown, answer = boosted(network, picture, times=4)
    assert seen == [(8, 8, 3)] * 16
    assert answer.image.rgb.tobytes() == shown.rgb.tobytes()
    assert answer.alpha is not None
    assert answer.alpha.tobytes() == np.ascontiguousarray(shown.rgb[..., 0]).tobytes()
    same, _ = boosted(network, picture, times=1)
    assert same is picture


def test_what_the_network_cannot_hold_does_not_fold_into_its_pictures() -> None:
    """A pattern with one period a network pixel is a flat tone in every phase, another one in each: it must go."""
    columns = 0.5 + 0.5 * np.cos(2.0 * np.pi * np.arange(64) / 4.0)
    stripes = ModelImage(np.repeat(np.tile(columns, (64, 1))[..., None], 3, axis=-1).astype(np.float32))

    def spread(image: ModelImage) -> float:
        return float(np.ptp([one.mean() for one in phases(image.rgb[8:-8, 8:-8], times=4)]))

    assert spread(stripes) > 0.9
    assert spread(low_pass(stripes, times=4)) < 0.05
    shown, answer = boosted(echo, stripes, times=4)
    assert spread(shown) < 0.05
    assert spread(answer.image) < 0.05
    # While what it can hold comes through.
    wide = 0.5 + 0.5 * np.cos(2.0 * np.pi * np.arange(64) / 32.0)
    slow = ModelImage(np.repeat(np.tile(wide, (64, 1))[..., None], 3, axis=-1).astype(np.float32))
    assert float(np.ptp(low_pass(slow, times=4).rgb[:, 8:-8])) > 0.93


@pytest.mark.parametrize("times", [2, 3, 4])
def test_answers_that_differ_from_phase_to_phase_leave_no_grid(times: int) -> None:
    """Every phase a little brighter than the one before: one tone comes out, and where nothing changes no bit does."""

    def uneven(images: Sequence[ModelImage]) -> list[NetworkAnswer]:
        steps = np.linspace(0.1, 0.4, len(images), dtype=np.float32)
        return [NetworkAnswer(ModelImage(one.rgb + step)) for one, step in zip(images, steps, strict=True)]

    plain = ModelImage(np.full((24, 24, 3), 0.3, np.float32))
    shown, answer = boosted(uneven, plain, times=times)
    inside = (answer.image.rgb - shown.rgb)[times:-times, times:-times]
    assert float(np.ptp(inside)) < 1e-5
    assert float(inside.mean()) == pytest.approx(0.25, abs=1e-3)


def test_an_answer_of_another_size_is_named() -> None:
    def shrinks(images: Sequence[ModelImage]) -> list[NetworkAnswer]:
        return [NetworkAnswer(ModelImage(np.ascontiguousarray(one.rgb[:4]))) for one in images]

    with pytest.raises(ModelMismatchError, match="answered"):
        boosted(shrinks, noise(16), times=2)
