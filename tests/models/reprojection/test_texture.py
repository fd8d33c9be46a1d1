from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.models.faces import Sitter
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.texture import LEAST_SKIN, _matt, build_texture, frontal_reference
from vfx_swap.types import Pose, Reference, SkinTexture

SIZE = 256
SIDES = ((0.25, 0.35), (0.65, 0.75))


def rows(low: float, high: float) -> slice:
    return slice(int(low * SIZE), int(high * SIZE))


def test_hat_and_fringe_have_no_weight_and_the_face_has(
    hopper_texture: SkinTexture, collins_texture: SkinTexture, atlas: Atlas
) -> None:
    middle = rows(0.35, 0.65)
    assert hopper_texture.weight[rows(0.0, 0.11), middle].max() < 0.05
    assert collins_texture.weight[rows(0.0, 0.16), middle].max() < 0.05
    for texture in (hopper_texture, collins_texture):
        assert texture.weight[rows(0.5, 0.65), middle].min() > 0.95
        # Outside the mesh nothing is claimed.
        inside = atlas.picture(np.ones(len(atlas.raster.rows), np.float32))
        assert texture.weight[inside == 0.0].max() < 0.5
        assert texture.weight.min() >= 0.0
        assert texture.weight.max() <= 1.0


def test_mean_skin_is_about_one(hopper_texture: SkinTexture, collins_texture: SkinTexture, atlas: Atlas) -> None:
    for texture in (hopper_texture, collins_texture):
        skin = (texture.weight > 0.95) & (atlas.regions["edge"] > 0.5)
        assert np.allclose(np.median(texture.rgb[skin], axis=0), 1.0, atol=0.1)
        assert np.isfinite(texture.rgb).all()
        assert texture.rgb.min() >= 0.0
        assert texture.rgb.max() < 8.0
        assert texture.skin_colour[0] > texture.skin_colour[1] > texture.skin_colour[2] > 0.05


def test_light_is_taken_out(collins: Sitter, collins_texture: SkinTexture, mesh: CanonicalMesh, atlas: Atlas) -> None:
    # The same portrait under a lamp from the left, three times as bright on one side as on the other.
    columns = np.arange(collins.rgb.shape[1], dtype=np.float32)
    ramp = 2.0 ** np.clip((columns - 223.0) / 45.0, -1.0, 1.0) * 0.8
    lit = (collins.rgb * ramp[None, :, None] * np.array([1.1, 1.0, 0.8], np.float32)).astype(np.float32)
    other = build_texture([replace(collins.reference, rgb=lit)], mesh=mesh, size=SIZE)
    both = (collins_texture.weight > 0.95) & (other.weight > 0.95) & (atlas.regions["edge"] > 0.6)
    assert both.sum() > 0.5 * (collins_texture.weight > 0.95).sum()
    ratio = np.log(other.rgb[both] / collins_texture.rgb[both]).mean(axis=1)
    # Measured 0.102: what second-order light cannot follow of a ramp this steep stays in the texture.
    assert np.median(np.abs(ratio)) < 0.12
    sides = [other.rgb[rows(0.5, 0.6), rows(*s)] / collins_texture.rgb[rows(0.5, 0.6), rows(*s)] for s in SIDES]
    # The lamp made them differ by about three to one.
    assert 0.7 < sides[0].mean() / sides[1].mean() < 1.4


def covered(sitter: Sitter, *, left: bool) -> Reference:
    """The reference with a grey card before one half of the face (the image's)."""
    rgb = sitter.rgb.copy()
    x = round(float(sitter.points[6, 0]))
    part = slice(0, x - 12) if left else slice(x + 12, None)
    rgb[:, part] = np.array([0.02, 0.05, 0.3], np.float32)
    return replace(sitter.reference, rgb=rgb)


def test_what_is_hidden_is_mirrored_from_the_other_side(
    collins: Sitter, collins_texture: SkinTexture, mesh: CanonicalMesh
) -> None:
    half = build_texture([covered(collins, left=True)], mesh=mesh, size=SIZE)
    cheek_row, hidden, shown = rows(0.5, 0.6), rows(0.15, 0.35), rows(0.65, 0.75)
    assert half.weight[cheek_row, hidden].mean() < 0.1
    assert half.weight[cheek_row, shown].min() > 0.9
    # Filled: skin, not the card's blue.
    assert np.allclose(half.rgb[cheek_row, rows(0.1, 0.3)].mean(axis=(0, 1)), 1.0, atol=0.25)
    left = half.rgb[cheek_row, rows(0.18, 0.28)]
    right = half.rgb[cheek_row, SIZE - rows(0.18, 0.28).stop : SIZE - rows(0.18, 0.28).start]
    assert np.quantile(np.abs(left[:, ::-1] - right), 0.7) < 0.02


def test_references_that_each_hide_a_side_make_a_whole_face(
    collins: Sitter, collins_texture: SkinTexture, mesh: CanonicalMesh
) -> None:
    one, other = covered(collins, left=True), covered(collins, left=False)
    merged = build_texture([one, other], mesh=mesh, size=SIZE)
    sure = (collins_texture.weight > 0.95) & (merged.weight > 0.95)
    assert sure.sum() > 0.8 * (collins_texture.weight > 0.95).sum()
    for half in (one, other):
        alone = build_texture([half], mesh=mesh, size=SIZE)
        assert (merged.weight > 0.9).sum() > 1.2 * (alone.weight > 0.9).sum()
    difference = np.abs(np.log(np.maximum(merged.rgb[sure], 0.05) / np.maximum(collins_texture.rgb[sure], 0.05)))
    assert np.median(difference) < 0.12


def test_eyes_come_from_the_reference_that_faces_the_camera(collins: Sitter, mesh: CanonicalMesh, atlas: Atlas) -> None:
    turned = replace(collins.reference, pose=Pose(30.0, 0.0, 0.0), rgb=collins.rgb.copy())
    eye = collins.points[468, :2].round().astype(int)
    turned.rgb[eye[1] - 3 : eye[1] + 4, eye[0] - 6 : eye[0] + 7] = np.array([0.0, 1.0, 0.0], np.float32)
    assert frontal_reference([turned, collins.reference]).pose == collins.pose
    alone = build_texture([collins.reference], mesh=mesh, size=SIZE)
    both = build_texture([turned, collins.reference], mesh=mesh, size=SIZE)
    inside = atlas.regions["eyes"] > 0.9
    assert np.abs(both.rgb[inside] - alone.rgb[inside]).max() < 0.02


def test_eyes_behind_spectacles_are_trusted_less(
    hopper_texture: SkinTexture, collins_texture: SkinTexture, atlas: Atlas
) -> None:
    inside = atlas.regions["eyes"] > 0.95
    assert collins_texture.weight[inside].min() > 0.9
    assert hopper_texture.weight[inside].max() < 0.75


def test_same_references_same_bits(collins: Sitter, collins_texture: SkinTexture, mesh: CanonicalMesh) -> None:
    again = build_texture([collins.reference], mesh=mesh, size=SIZE)
    assert np.array_equal(again.rgb, collins_texture.rgb)
    assert np.array_equal(again.weight, collins_texture.weight)
    assert np.array_equal(again.skin_colour, collins_texture.skin_colour)


def test_more_exposure_makes_the_same_texture(
    collins: Sitter, collins_texture: SkinTexture, mesh: CanonicalMesh
) -> None:
    bright = build_texture([replace(collins.reference, rgb=collins.rgb * np.float32(4.0))], mesh=mesh, size=SIZE)
    assert np.allclose(bright.skin_colour, collins_texture.skin_colour * 4.0, rtol=2e-3)
    assert np.quantile(np.abs(bright.rgb - collins_texture.rgb), 0.999) < 0.02


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_do_not_spoil_a_texture(
    collins: Sitter, collins_texture: SkinTexture, mesh: CanonicalMesh, bad: float
) -> None:
    rgb = collins.rgb.copy()
    x, y = collins.points[50, :2].round().astype(int)
    rgb[y, x] = bad
    rgb[0, 0] = bad
    texture = build_texture([replace(collins.reference, rgb=rgb)], mesh=mesh, size=SIZE)
    assert np.isfinite(texture.rgb).all()
    assert np.quantile(np.abs(texture.rgb - collins_texture.rgb), 0.98) < 0.05


def test_no_reference_is_refused(mesh: CanonicalMesh) -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        build_texture([], mesh=mesh, size=SIZE)


def test_strands_of_a_fringe_are_drawn_over(collins: Sitter, collins_texture: SkinTexture, mesh: CanonicalMesh) -> None:
    points = collins.points
    left, right, top, bottom = points[105, 0], points[334, 0], points[10, 1], points[9, 1]
    rgb = collins.rgb.copy()
    for x in np.arange(left, right, 5.0):
        rgb[int(top) : int(bottom), int(x)] *= 0.6
    combed = build_texture([replace(collins.reference, rgb=rgb)], mesh=mesh, size=1024)
    plain = build_texture([collins.reference], mesh=mesh, size=1024)
    forehead = slice(int(0.2 * 1024), int(0.26 * 1024)), slice(int(0.45 * 1024), int(0.55 * 1024))

    def ripple(texture: SkinTexture) -> float:
        luminance = np.log(texture.rgb[forehead].mean(axis=-1))
        return float(np.abs(np.diff(luminance, n=2, axis=1)).mean())

    striped = np.log(np.tile([1.0, 1.0, 1.0, 1.0, 0.6], 21))
    assert ripple(combed) < 0.2 * float(np.abs(np.diff(striped, n=2)).mean())
    assert ripple(combed) < 2.0 * ripple(plain)


def test_brows_are_covered_whole_where_hair_hangs_beside_them(
    collins: Sitter, mesh: CanonicalMesh, atlas: Atlas
) -> None:
    rgb = collins.rgb.copy()
    # Dark hair from the outline to the end of the brow on the image's left.
    rgb[:, : int(collins.points[70, 0]) + 4] = np.array([0.01, 0.008, 0.006], np.float32)
    texture = build_texture([replace(collins.reference, rgb=rgb)], mesh=mesh, size=SIZE)
    brows = (atlas.regions["brows"] > 0.5) & (atlas.regions["depth"] > 0.2)
    assert texture.weight[brows].min() > 0.9
    # Skin, not hair, beside it.
    beside = slice(int(0.3 * SIZE), int(0.34 * SIZE)), slice(int(0.12 * SIZE), int(0.16 * SIZE))
    assert texture.rgb[beside].mean() > 0.6


def test_a_reflection_on_skin_that_shines_is_taken_off() -> None:
    shade = np.tile(np.array([0.3, 0.18, 0.12], np.float32), (3, 1))
    # Mean skin, skin with a white reflection on it, and a pale patch that is no brighter than skin.
    shown = np.stack([shade[0], shade[0] + 0.3, np.full(3, 0.2)]).astype(np.float32)
    matt = _matt(shown, shade)
    np.testing.assert_allclose(matt[0], shown[0], rtol=1e-6)
    # What is left has skin's colour up to the rest of the reflection, and is as bright as the sheen about it.
    np.testing.assert_allclose(matt[1].sum(), LEAST_SKIN * shade[0].sum(), rtol=1e-4)
    np.testing.assert_allclose(np.ptp(matt[1] - shade[0]), 0.0, atol=1e-6)
    np.testing.assert_allclose(matt[2], shown[2], rtol=1e-6)
