"""Painted skin and eyes; needs no assets."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from scripts.digital_doubles import paint
from scripts.digital_doubles.cast import person
from scripts.digital_doubles.person import TONES


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paint, "SKIN_SIZE", (1024, 672))


def at(picture: np.ndarray, angle: float, y: float) -> np.ndarray:
    x, row = paint._pixels(angle, y)
    return np.asarray(picture[int(row) - 1 : int(row) + 2, int(x) - 1 : int(x) + 2].mean((0, 1)))


def test_the_same_person_has_the_same_bits() -> None:
    one, two = (paint.paint_skin(person=person("anna"), tone=person("anna").tone) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert one.shape == (672, 1024, 4)
    assert one[..., :3].min() >= 0.0
    assert one[..., :3].max() < 1.0
    assert 0.2 < one[..., 3].min() < one[..., 3].max() < 0.8


def test_features_go_along_and_the_tone_stays() -> None:
    """An identity's brows on a performer's skin: what a worn face is painted with."""
    emre, fair = person("emre"), TONES["fair"]
    own = paint.paint_skin(person=emre, tone=emre.tone)
    worn = paint.paint_skin(person=emre, tone=fair)
    cheek = (0.62, -0.02)
    assert at(own, *cheek)[:3] == pytest.approx(emre.tone, rel=0.35)
    assert at(worn, *cheek)[:3] == pytest.approx(fair, rel=0.35)
    brow = paint.brow_point(emre, 0.4, 0.0)
    assert at(worn, *brow)[:3].mean() < 0.45 * np.mean(fair)
    assert at(worn, -brow[0], brow[1])[:3].mean() < 0.45 * np.mean(fair)


def test_freckles_stubble_and_scalp_darken_where_they_should() -> None:
    plain = dataclasses.replace(person("ben"), freckles=0.0, stubble=0.0, scalp=0.0)
    base = paint.paint_skin(person=plain, tone=plain.tone)[..., :3].mean(2)

    def change(**told: float) -> np.ndarray:
        other = dataclasses.replace(plain, **told)  # type: ignore[arg-type]
        return np.asarray(paint.paint_skin(person=other, tone=plain.tone)[..., :3].mean(2) / base)

    def part(ratio: np.ndarray, angle: float, y: float) -> float:
        x, row = paint._pixels(angle, y)
        return float(ratio[int(row) - 15 : int(row) + 15, int(x) - 15 : int(x) + 15].mean())

    bearded = change(stubble=0.9)
    assert part(bearded, 0.0, -0.105) < 0.85
    assert part(bearded, 0.3, 0.045) == pytest.approx(1.0, abs=0.01)
    grown = change(scalp=0.8)
    assert part(grown, 0.2, 0.095) < 0.45
    assert part(grown, 0.0, -0.02) == pytest.approx(1.0, abs=0.01)


def test_an_eye_has_a_pupil_an_iris_and_a_white() -> None:
    ben = person("ben")
    eye = paint.paint_eye(person=ben)
    middle = paint.EYE_SIZE // 2
    radius = int(0.004 / paint.BALL * middle)
    assert eye[middle, middle].max() < 0.01
    iris = eye[middle - 2 : middle + 2, middle + radius - 2 : middle + radius + 2].mean((0, 1))
    assert iris[2] > 1.3 * iris[0]  # blue
    assert eye[middle, int(middle + 0.0085 / paint.BALL * middle)].min() > 0.3


def test_hair_grows_higher_over_the_brow_than_at_the_nape() -> None:
    assert paint.hairline(0.0) > 0.06
    assert paint.hairline(np.pi) < -0.05
    assert paint.hairline(-0.7) == paint.hairline(0.7)


def test_the_cylinder_is_what_the_painting_counts_in() -> None:
    place = np.array([[0.05, 0.02, 0.01]])
    uv = paint.cylinder(place)[0]
    x, row = paint._pixels(np.arctan2(0.05, 0.07), 0.02)
    assert uv[0] * 1024 == pytest.approx(x)
    assert (1 - uv[1]) * 672 == pytest.approx(row)
