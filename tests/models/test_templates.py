"""Alignment templates: the numbers tie to each other and to what the tools use."""

from __future__ import annotations

import numpy as np
import pytest

from vfx_swap.errors import UsageError
from vfx_swap.geometry.warps import crop_points, fit_similarity
from vfx_swap.models.templates import TEMPLATES, Template, five_points, template_named

ARCFACE_DST = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
"""insightface's own table, 112 px."""


def test_names_and_shapes() -> None:
    assert set(TEMPLATES) == {
        "arcface_112_v1", "arcface_112_v2", "arcface_128", "dfl_whole_face", "ffhq_512", "mtcnn_512",
    }  # fmt: skip
    for name, template in TEMPLATES.items():
        assert template.name == name
        points = template.pixels(1)
        left_eye, right_eye, nose, left_mouth, right_mouth = points
        assert points.shape == (5, 2)
        assert ((points > 0.3) & (points < 0.85)).all()
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < nose[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_arcface_is_insightfaces() -> None:
    np.testing.assert_allclose(TEMPLATES["arcface_112_v2"].pixels(112), ARCFACE_DST, atol=1e-4)
    np.testing.assert_allclose(TEMPLATES["arcface_128"].pixels(128), np.add(ARCFACE_DST, [8.0, 0.0]), atol=1e-4)


def test_v1_is_simswaps_frontal_pose() -> None:
    wanted = [[39.730, 51.138], [72.270, 51.138], [56.0, 68.493], [42.463, 87.010], [69.537, 87.010]]
    np.testing.assert_allclose(TEMPLATES["arcface_112_v1"].pixels(112), wanted, atol=1e-3)


def test_an_unknown_template() -> None:
    with pytest.raises(UsageError, match="'arcface_127'") as caught:
        template_named("arcface_127")
    assert caught.value.mend is not None
    assert "arcface_128" in caught.value.mend
    assert template_named("ffhq_512") is TEMPLATES["ffhq_512"]


def test_a_template_has_five_points() -> None:
    with pytest.raises(ValueError, match="five"):
        Template("short", ((0.1, 0.2),))


def test_five_points_of_a_mesh_land_on_the_template() -> None:
    """A mesh whose five points are the template's, turned and moved, comes back onto it."""
    template = TEMPLATES["arcface_128"].pixels(200)
    mesh = np.zeros((478, 3), dtype=np.float32)
    for index, place in ((33, 0), (133, 0), (362, 1), (263, 1), (1, 2), (61, 3), (291, 4)):
        mesh[index, :2] = template[place] @ np.array([[0.0, 1.0], [-1.0, 0.0]]) * 1.5 + (300.0, -20.0)
    mesh[33, :2] += (3.0, 4.0)
    mesh[133, :2] -= (3.0, 4.0)  # an eye is the middle of its corners
    mesh[468:] = np.nan  # and never its iris
    warp = fit_similarity(five_points(mesh), template, width=200, height=200)
    np.testing.assert_allclose(crop_points(five_points(mesh), warp), template, atol=1e-3)
    assert np.sqrt(np.linalg.det(warp.matrix[:, :2])) == pytest.approx(1 / 1.5, abs=1e-5)
