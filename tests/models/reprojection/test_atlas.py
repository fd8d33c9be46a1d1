from __future__ import annotations

import numpy as np

from vfx_swap.geometry.mesh import LOOPS
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.reprojection.atlas import Atlas


def test_landmarks_lie_in_their_regions(atlas: Atlas, mesh: CanonicalMesh) -> None:
    uv = np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1)

    def at(landmark: int, region: str) -> float:
        column, row = np.floor(uv[landmark] * atlas.size).astype(int)
        return float(atlas.regions[region][row, column])

    assert at(13, "mouth") > 0.15
    assert at(0, "lips") > 0.3
    assert at(105, "brows") > 0.3
    assert at(2, "nostrils") > 0.3
    # The nose's tip and a cheek are of no region; the mesh's border is the edge.
    for landmark in (5, 50, 280, 151):
        assert max(at(landmark, name) for name in ("eyes", "brows", "lips", "mouth")) < 0.05
        assert at(landmark, "edge") > 0.9 or landmark == 151
    assert max(at(landmark, "edge") for landmark in LOOPS["face"]) < 0.06
    for name, loop in atlas.loops.items():
        assert np.allclose(loop, uv[list(LOOPS[name])])


def test_forehead_is_up_and_the_image_left_is_left(atlas: Atlas) -> None:
    rows = {name: float(loop[:, 1].mean()) for name, loop in atlas.loops.items()}
    assert rows["brow_image_left"] < rows["eye_image_left"] < rows["nostrils"] < rows["lips"]
    assert atlas.loops["eye_image_left"][:, 0].mean() < 0.5 < atlas.loops["eye_image_right"][:, 0].mean()


def test_texels_carry_the_uv_they_lie_at(atlas: Atlas) -> None:
    at = atlas.lookup(atlas.at_texels(atlas.mesh.uv))
    assert np.allclose(at[:, 0], atlas.raster.columns, atol=1e-3)
    assert np.allclose(at[:, 1], atlas.raster.rows, atol=1e-3)
    picture = atlas.picture(np.arange(len(at), dtype=np.float32), fill=-1.0)
    assert np.array_equal(picture[atlas.raster.rows, atlas.raster.columns], np.arange(len(at)))
    assert picture[0, 0] == -1.0


def test_regions_are_symmetric_and_bounded(atlas: Atlas) -> None:
    for name, region in atlas.regions.items():
        assert region.shape == (atlas.size, atlas.size)
        assert region.min() >= 0.0, name
        assert region.max() <= 1.0, name
        assert np.abs(region - region[:, ::-1]).mean() < 0.004, name
        assert np.array_equal(atlas.region(name), region[atlas.raster.rows, atlas.raster.columns])
