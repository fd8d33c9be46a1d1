from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.models.faces import Sitter
from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.raster import Raster, rasterise
from vfx_swap.geometry.sample import sample
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.eyes import FADE, GRID, IRISES, REACH, follow_gaze, reference_eyes


def turned(points: FloatArray, degrees: float, scale: float) -> FloatArray:
    """Landmarks rolled clockwise round (300, 300) and scaled."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = points[:, :2].mean(axis=0)
    out = points.astype(np.float64)
    out[:, :2] = scale * (out[:, :2] - middle) @ turn + 300.0
    out[:, 2] *= scale
    return out.astype(np.float32)


def gazing(points: FloatArray, x: float, y: float) -> FloatArray:
    """Both irises moved by some pixels, lids as they were."""
    out = points.copy()
    out[468:, :2] += np.array([x, y], np.float32)
    return out


def eyes_read(
    atlas: Atlas, sitter: Sitter, points: FloatArray, opening: float
) -> tuple[Raster, FloatArray, FloatArray]:
    raster = rasterise(atlas.mesh.positions(points), atlas.mesh.triangles, height=600, width=600)
    uv = raster.interpolate(atlas.mesh.uv, atlas.mesh.triangles)
    eyes = reference_eyes(sitter.reference, atlas.mesh)
    return raster, uv, follow_gaze(points, raster, uv, eyes, np.full(len(uv), opening, np.float32))


def iris_picture(atlas: Atlas, sitter: Sitter) -> FloatArray:
    """A UV picture that is 1 on the sitter's irises, as they lie in the portrait."""
    positions = atlas.mesh.positions(sitter.points)
    texels = atlas.at_texels(positions)[:, :2]
    out = np.zeros(len(texels), np.float32)
    for centre, ring in IRISES:
        middle = sitter.points[centre, :2]
        radius = float(np.linalg.norm(sitter.points[list(ring), :2] - middle, axis=1).mean())
        out = np.maximum(out, (np.linalg.norm(texels - middle, axis=1) < radius).astype(np.float32))
    return atlas.picture(out)


@pytest.mark.parametrize(("roll", "scale"), [(0.0, 2.0), (25.0, 2.0), (-15.0, 3.0)])
@pytest.mark.parametrize("gaze", [(0.0, 0.0), (5.0, 0.0), (-6.0, 2.0)])
def test_the_iris_is_round_and_where_the_performer_looks(
    collins: Sitter, fine_atlas: Atlas, roll: float, scale: float, gaze: tuple[float, float]
) -> None:
    points = gazing(turned(collins.points, roll, scale), *gaze)
    raster, _, at = eyes_read(fine_atlas, collins, points, 1.0)
    seen = raster.picture(sample(iris_picture(fine_atlas, collins), fine_atlas.lookup(at)))
    for centre, ring in IRISES:
        middle = points[centre, :2]
        radius = float(np.linalg.norm(points[list(ring), :2] - middle, axis=1).mean())
        y, x = np.mgrid[:600, :600]
        near = np.hypot(x - middle[0], y - middle[1]) < 1.15 * radius
        rows, columns = np.nonzero((seen > 0.5) & near)
        assert abs(columns.mean() - middle[0]) < 0.08 * radius + 0.3
        assert abs(rows.mean() - middle[1]) < 0.08 * radius + 0.3
        assert len(rows) == pytest.approx(np.pi * radius**2, rel=0.12)
        spread = np.linalg.eigvalsh(np.cov(np.stack([columns, rows])))
        assert spread[1] / spread[0] < 1.15


def test_closed_lids_leave_the_mesh_alone(collins: Sitter, atlas: Atlas) -> None:
    points = gazing(turned(collins.points, 10.0, 2.0), 5.0, 0.0)
    _, uv, at = eyes_read(atlas, collins, points, 0.0)
    assert np.array_equal(at, uv)


def test_a_half_open_eye_goes_half_way(collins: Sitter, atlas: Atlas) -> None:
    points = gazing(turned(collins.points, 0.0, 2.0), 5.0, 0.0)
    _, uv, whole = eyes_read(atlas, collins, points, 1.0)
    _, _, half = eyes_read(atlas, collins, points, 0.5)
    assert np.abs(whole - uv).max() > 0.005
    assert np.allclose(half, 0.5 * (whole + uv), atol=1e-5)


def test_nothing_moves_away_from_the_irises(collins: Sitter, atlas: Atlas) -> None:
    points = gazing(turned(collins.points, 0.0, 2.0), 5.0, 0.0)
    raster, uv, at = eyes_read(atlas, collins, points, 1.0)
    away = np.full(len(uv), np.inf)
    for centre, ring in IRISES:
        radius = float(np.linalg.norm(points[list(ring), :2] - points[centre, :2], axis=1).mean())
        offset = np.stack([raster.columns, raster.rows], axis=1) - points[centre, :2]
        away = np.minimum(away, np.linalg.norm(offset, axis=1) / radius)
    assert np.array_equal(at[away > FADE[1] + 0.01], uv[away > FADE[1] + 0.01])
    assert np.isfinite(at).all()


def test_without_eyes_the_mesh_decides(collins: Sitter, atlas: Atlas) -> None:
    points = turned(collins.points, 0.0, 2.0)
    raster = rasterise(atlas.mesh.positions(points), atlas.mesh.triangles, height=600, width=600)
    uv = raster.interpolate(atlas.mesh.uv, atlas.mesh.triangles)
    assert np.array_equal(follow_gaze(points, raster, uv, None, np.ones(len(uv), np.float32)), uv)


def test_eyes_of_a_reference(collins: Sitter, atlas: Atlas) -> None:
    eyes = reference_eyes(collins.reference, atlas.mesh)
    assert eyes is not None
    for eye, name in zip(eyes, ("eye_image_left", "eye_image_right"), strict=True):
        assert eye.uv.shape == (GRID, GRID, 2)
        # The middle lies in that eye's loop; left of it is left, above it is above.
        low, high = atlas.loops[name].min(axis=0), atlas.loops[name].max(axis=0)
        assert np.all((eye.uv[GRID // 2, GRID // 2] > low) & (eye.uv[GRID // 2, GRID // 2] < high))
        assert eye.uv[GRID // 2, 0, 0] < eye.uv[GRID // 2, -1, 0]
        assert eye.uv[0, GRID // 2, 1] < eye.uv[-1, GRID // 2, 1]
    # What an eye holds reaches past where it fades.
    assert FADE[1] < REACH


def test_a_reference_that_does_not_show_its_eyes_gives_none(collins: Sitter, atlas: Atlas) -> None:
    eye_rows = int(collins.points[468, 1])
    cut = replace(collins.reference, rgb=np.ascontiguousarray(collins.rgb[:eye_rows]))
    assert reference_eyes(cut, atlas.mesh) is None
    elsewhere = replace(collins.reference, points=(collins.points + np.float32(5000.0)).astype(np.float32))
    assert reference_eyes(elsewhere, atlas.mesh) is None


@pytest.mark.parametrize("roll", [0.0, 30.0, -30.0])
def test_one_s_own_gaze_reads_one_s_own_eyes_however_the_head_is_rolled(
    collins: Sitter, atlas: Atlas, roll: float
) -> None:
    _, uv, at = eyes_read(atlas, collins, turned(collins.points, roll, 2.0), 1.0)
    # A quarter of an iris' radius is 0.008 in UV.
    assert np.abs(at - uv).max() < 0.006
