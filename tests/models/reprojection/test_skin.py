from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.faces import Sitter
from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.sample import sample
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.skin import SkinFit, fit_skin, in_shade, spectacle_rims, thin_parts
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep


def fitted(sitter: Sitter, atlas: Atlas, *, rgb: FloatArray | None = None) -> SkinFit:
    positions = atlas.mesh.positions(sitter.points)
    facing = atlas.at_texels(atlas.mesh.normals(positions))[:, 2]
    normals = atlas.at_texels(atlas.mesh.normals(positions, rounds=30))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    shown = sample(sitter.rgb if rgb is None else rgb, atlas.at_texels(positions)[:, :2])
    return fit_skin(shown, normals, facing, atlas)


def test_spectacles_are_found_on_hopper_and_not_on_collins(hopper: Sitter, collins: Sitter, atlas: Atlas) -> None:
    rims = spectacle_rims(fitted(hopper, atlas), atlas)
    assert rims.shape == (atlas.size, atlas.size)
    # On the bridge of the nose, and under both eyes.
    size = atlas.size
    assert rims[int(0.28 * size) : int(0.45 * size), int(0.48 * size) : int(0.52 * size)].max() == 1.0
    assert (rims[:, : size // 2] > 0.5).sum() > 0.004 * size**2
    assert (rims[:, size // 2 :] > 0.5).sum() > 0.004 * size**2
    assert rims[int(0.6 * size) :].max() == 0.0
    assert rims[atlas.regions["eyes"] > 0.9].max() == 0.0
    assert not spectacle_rims(fitted(collins, atlas), atlas).any()


def test_hats_and_fringes_are_not_skin_and_cheeks_are(hopper: Sitter, collins: Sitter, atlas: Atlas) -> None:
    rows = atlas.raster.rows / atlas.size
    middle = np.abs(atlas.raster.columns / atlas.size - 0.5)
    cheek = (rows > 0.5) & (rows < 0.62) & (middle > 0.15) & (middle < 0.25)
    for sitter, top in ((hopper, 0.13), (collins, 0.2)):
        fit = fitted(sitter, atlas)
        forehead = (rows < top) & (middle < 0.2)
        assert np.median(fit.skin[forehead]) < 0.45
        assert np.median(fit.skin[cheek]) > 0.9
        assert np.allclose(np.median(fit.relative[cheek], axis=0), 1.0, atol=0.25)


def shaded(sitter: Sitter, *, tint: tuple[float, float, float]) -> FloatArray:
    """The picture with a spot on a cheek multiplied: a shade where the tint is even, something else where it is not."""
    across, down = sitter.points[50, :2]
    spot = np.zeros(sitter.rgb.shape[:2], np.float32)
    height = float(np.linalg.norm(sitter.points[10, :2] - sitter.points[152, :2]))
    cv2.ellipse(spot, (int(across), int(down)), (int(0.08 * height), int(0.08 * height)), 0, 0, 360, 1.0, -1)
    gain = 1.0 + spot[..., None] * (np.array(tint, np.float32) - 1.0)
    return np.asarray(sitter.rgb * gain, np.float32)


def test_skin_in_a_shade_is_skin_and_what_is_of_another_colour_is_none(collins: Sitter, atlas: Atlas) -> None:
    positions = atlas.mesh.positions(collins.points)
    at = atlas.at_texels(positions)[:, :2]
    for tint, skin in (((0.4, 0.4, 0.4), True), ((0.15, 0.25, 0.6), False)):
        rgb = shaded(collins, tint=tint)
        there = sample(np.abs(rgb - collins.rgb).max(axis=-1), at) > 0.05
        within = blur(atlas.picture(there.astype(np.float32)), 6.0)[atlas.raster.rows, atlas.raster.columns]
        core = there & (within > 0.9)
        fit = fitted(collins, atlas, rgb=rgb)
        assert core.sum() > 100
        # The spot is no skin by itself either way.
        assert float(np.median(fit.skin[core])) < 0.6
        shade = float(np.median(in_shade(fit, atlas)[core]))
        assert shade > 0.8 if skin else shade < 0.2


def test_what_is_brighter_than_skin_lies_in_no_shade(collins: Sitter, atlas: Atlas) -> None:
    fit = fitted(collins, atlas, rgb=shaded(collins, tint=(2.5, 2.5, 2.5)))
    assert float(in_shade(fit, atlas)[fit.distance[:, 2] > 3.0].max()) < 0.2


def test_hair_that_touches_a_frame_is_no_frame(atlas: Atlas) -> None:
    size = atlas.size
    rims = np.zeros((size, size), np.float32)
    cv2.ellipse(rims, (size // 3, size // 3), (size // 9, size // 12), 0, 0, 360, 1.0, max(2, round(0.03 * size)))
    alone = thin_parts(rims)
    assert np.array_equal(alone, rims)
    hair = rims.copy()
    hair[size // 4 : size // 2, : size // 6] = 1.0
    left = thin_parts(hair)
    assert left[size // 4 : size // 2, : size // 8].max() == 0.0
    assert np.array_equal(left[:, size // 3 :], rims[:, size // 3 :])


@pytest.mark.parametrize("stops", [-6, -2, 2, 6])
def test_more_light_is_more_light_and_nothing_else(collins: Sitter, atlas: Atlas, stops: int) -> None:
    gain = np.float32(2.0**stops)
    one, other = fitted(collins, atlas), fitted(collins, atlas, rgb=collins.rgb * gain)
    assert np.allclose(other.shade, one.shade * gain, rtol=5e-3)
    assert np.abs(other.skin - one.skin).max() < 0.03


def test_a_black_face_and_one_turned_away_give_a_finite_fit(collins: Sitter, atlas: Atlas) -> None:
    turned = collins.points * np.array([-1.0, 1.0, 1.0], np.float32) + np.array([450.0, 0.0, 0.0], np.float32)
    away = Sitter(collins.rgb, turned, collins.pose)
    for fit in (fitted(collins, atlas, rgb=np.zeros_like(collins.rgb)), fitted(away, atlas)):
        for values in (fit.shade, fit.relative, fit.skin, fit.distance):
            assert np.isfinite(values).all()


def test_smoothstep_runs_from_nothing_to_everything() -> None:
    values = smoothstep(np.array([-1.0, 1.0, 1.5, 2.0, 9.0], np.float32), 1.0, 2.0)
    assert np.array_equal(values, np.array([0.0, 0.0, 0.5, 1.0, 1.0], np.float32))


@pytest.mark.parametrize("sigma", [1.0, 5.0, 12.0, 30.0])
def test_a_wide_blur_is_the_plain_one(sigma: float) -> None:
    picture = np.zeros((201, 240), np.float32)
    picture[60:140, 80:150] = 1.0
    # Measured 0.014 at sigma 12.
    assert np.abs(blur(picture, sigma) - cv2.GaussianBlur(picture, (0, 0), sigma)).max() < 0.02
    assert blur(np.full((50, 70, 3), 2.5, np.float32), sigma) == pytest.approx(2.5, abs=1e-5)


def test_growing_is_a_square_of_the_radius() -> None:
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1.0
    grown = grow(point, 3.2)
    assert grown.sum() == 49.0
    assert grown[7:14, 7:14].min() == 1.0


def test_features_are_guarded(atlas: Atlas) -> None:
    guard = atlas.regions["guard"]
    for name in ("eyes", "brows", "lips"):
        assert guard[atlas.regions[name] > 0.9].min() > 0.9
    size = atlas.size
    assert guard[int(0.55 * size), int(0.25 * size)] == 0.0
