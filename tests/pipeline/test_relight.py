"""Light on the crop of any engine: lamps, environments, and the plate's light in place of the answer's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import faces
from tests.pipeline.shot_fakes import write_exr
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.errors import MissingInputError, UnsupportedImageError
from vfx_swap.geometry.raster import rasterise
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.torch_kernels.kernels import torch_kernels
from vfx_swap.pipeline.relight import Relight, open_environment, wants_relight
from vfx_swap.pipeline.swap import CastFace, swap_frame
from vfx_swap.settings import Cast, Focus, Grain, Light, Lighting, LightingKey, LightKey, Motion, Shot
from vfx_swap.types import Crop, Face, Identity, SwapResult, Warp

TO_ACESCG = load_config().matrix(source=LINEAR_REC709, destination="ACEScg")


@dataclass
class Answers:
    """An engine that shows the plate's own face, changed as told, over a whole crop or at another scale."""

    change: Callable[[FloatArray], FloatArray] = lambda rgb: rgb
    scale: float = 1.0
    id: str = "answers"

    def prepare(self, identity: Identity, *, colour_space: str, performer: FloatArray | None = None) -> None:
        raise AssertionError("a frame's swap prepares nothing")

    def warp_for(self, face: Face, /) -> Warp:
        low, high = face.points[:, :2].min(axis=0) - 30.0, face.points[:, :2].max(axis=0) + 30.0
        left, top = np.floor(low)
        width, height = np.ceil((high - low) * self.scale).astype(int)
        matrix = np.array([[self.scale, 0.0, -self.scale * left], [0.0, self.scale, -self.scale * top]])
        return Warp(matrix, int(width), int(height))

    def swap(self, crop: Crop, face: Face, prepared: None, /) -> Crop:
        points = face.points[:, :2] @ crop.warp.matrix[:, :2].T + crop.warp.matrix[:, 2]
        y, x = np.mgrid[: crop.warp.height, : crop.warp.width]
        middle, reach = points.mean(axis=0), 0.42 * self.scale * face.height
        away = np.hypot(x - middle[0], y - middle[1]) / reach
        alpha = np.clip((1.0 - away) * 10.0, 0.0, 1.0).astype(np.float32)
        # A kernel's arrays, on the CPU: numpy reads them, and makes them what they were.
        like = getattr(crop.rgb, "new_tensor", np.asarray)
        return replace(crop, rgb=like(self.change(np.asarray(crop.rgb))), alpha=like(alpha) * crop.alpha)


@cache
def surface() -> FaceSurface:
    return FaceSurface(faces.canonical_mesh())


@cache
def halves() -> tuple[np.ndarray, np.ndarray]:
    """Where skin on the picture's left and right faces those sides, clear of the matte's edge."""
    sitter = faces.collins()
    positions = surface().positions(sitter.face())
    normals = surface().normals(positions)
    raster = rasterise(positions, surface().mesh.triangles, height=512, width=512)
    across = raster.picture(raster.interpolate(normals, surface().mesh.triangles)[:, 0])
    y, x = np.mgrid[:512, :512]
    middle = sitter.points[:, :2].mean(axis=0)
    near = np.hypot(x - middle[0], y - middle[1]) < 0.36 * sitter.face().height
    return near & (across < -0.35), near & (across > 0.35)


def render(
    lighting: Lighting,
    *,
    engine: Answers | None = None,
    kernels: Kernels = NUMPY,
    relight: Relight | None = None,
    number: int = 1,
    rgb: FloatArray | None = None,
    **cast: Any,
) -> SwapResult:
    sitter = faces.collins()
    frame = faces.frame_of(sitter.rgb if rgb is None else rgb, number=number)
    given = Relight(surface()) if relight is None else relight
    one = CastFace(0, sitter.face(), engine or Answers(), None, 1.0, kernels=kernels, relight=given, **cast)
    shot = Shot(
        name="a", plate="p.####.exr", output="o.####.exr", cast=(Cast(identity="i", position="all"),),
        grain=Grain(match="none"), motion=Motion(match="none"), focus=Focus(match="none"), lighting=lighting,
    )  # fmt: skip
    return swap_frame(frame, [one], shot=shot, want_patch=False)


def lamp(azimuth: float, **more: Any) -> Lighting:
    return Lighting(light=(Light(azimuth_degrees=azimuth, elevation_degrees=10.0, **more),))


def sides(result: SwapResult, plate: FloatArray | None = None) -> tuple[float, float]:
    """How many times as bright as in the plate the two sides of the face are."""
    plate = faces.collins().rgb if plate is None else plate
    left, right = halves()
    return tuple(float(np.median(result.frame.rgb[one].sum(1) / plate[one].sum(1))) for one in (left, right))  # type: ignore[return-value]


def test_a_lamp_lights_the_side_that_it_stands_on_and_nothing_gets_darker() -> None:
    left, right = sides(render(lamp(70.0, intensity=0.8)))
    assert right > 1.4
    assert 0.99 < left < 1.1
    assert right / left > 1.3
    mirrored = sides(render(lamp(-70.0, intensity=0.8)))
    assert mirrored[0] / mirrored[1] > 1.3


def test_a_lamp_throws_the_nose_s_shadow() -> None:
    sitter = faces.collins()

    def gain(result: SwapResult, landmark: int) -> float:
        x, y = np.round(sitter.points[landmark, :2]).astype(int)
        part = np.s_[y - 3 : y + 4, x - 3 : x + 4]
        return float(np.median(result.frame.rgb[part].sum(-1) / sitter.rgb[part].sum(-1)))

    lit = {azimuth: render(lamp(azimuth, intensity=1.0)) for azimuth in (60.0, -60.0)}
    left, right = 129, 358  # beside the nose's wings
    for azimuth, near, far in ((60.0, right, left), (-60.0, left, right)):
        assert gain(lit[azimuth], near) > 1.35
        assert 0.99 < gain(lit[azimuth], far) < 1.12


def test_intensity_is_in_units_of_the_plate_s_mean_light() -> None:
    sitter = faces.collins()
    result = render(lamp(0.0, intensity=1.0, softness=1.0))
    mask = result.matte >= 1.0
    added = (result.frame.rgb - sitter.rgb)[mask].mean() / sitter.rgb[mask].mean()
    assert 0.7 < added < 1.1
    twice = render(lamp(0.0, intensity=2.0, softness=1.0))
    assert (twice.frame.rgb - sitter.rgb)[mask].mean() / sitter.rgb[mask].mean() == pytest.approx(2 * added, rel=0.02)


def test_a_lamp_has_a_colour() -> None:
    sitter = faces.collins()
    result = render(lamp(70.0, colour=(1.0, 0.0, 0.0)))
    added = (result.frame.rgb - sitter.rgb)[halves()[1]]
    assert added[:, 0].mean() > 0.05 * sitter.rgb[halves()[1]].mean()
    assert np.abs(added[:, 1:]).max() < 1e-5


def test_plate_outside_the_matte_and_what_is_not_finite_keep_their_bits() -> None:
    rgb = faces.collins().rgb.copy()
    rgb[200:210, 200:210], rgb[260, 260] = np.nan, np.inf
    result = render(lamp(30.0), rgb=rgb)
    outside = result.matte == 0.0
    assert np.array_equal(result.frame.rgb[outside].view(np.uint32), rgb[outside].view(np.uint32))
    assert np.isfinite(result.frame.rgb[np.isfinite(rgb)]).all()
    assert np.isinf(result.frame.rgb[260, 260]).all()


def test_highlights_stay_the_plate_s() -> None:
    rgb = faces.collins().rgb.copy()
    _, right = halves()
    rows, columns = np.nonzero(right)
    spot = (rows[len(rows) // 2], columns[len(rows) // 2])
    rgb[spot] = 40.0
    result = render(lamp(70.0, intensity=1.0), rgb=rgb)
    assert float(result.frame.rgb[spot][0]) < 41.5
    assert sides(result)[1] > 1.4


def test_keys_move_a_lamp_over_the_shot() -> None:
    keys = (LightKey(frame=1, azimuth_degrees=-70.0), LightKey(frame=9, azimuth_degrees=70.0))
    lighting = lamp(0.0, key=keys)
    ratios = [left / right for left, right in (sides(render(lighting, number=number)) for number in (1, 5, 9))]
    assert ratios[0] > 1.2 > ratios[1] > 0.83 > ratios[2]
    graded = Lighting(key=(LightingKey(frame=1, exposure_stops=0.0), LightingKey(frame=3, exposure_stops=2.0)))
    assert sides(render(graded, number=2)) == pytest.approx((2.0, 2.0), rel=1e-3)


def _latlong(path: Path, azimuth: float) -> str:
    picture = np.full((32, 64, 3), 0.1, np.float32)
    column = int(((360.0 - azimuth) % 360.0) / 360.0 * 64) % 64
    picture[10:16, np.arange(column - 3, column + 4) % 64] = 20.0
    write_exr(path, picture)
    return str(path)


def test_an_environment_takes_the_place_of_the_plate_s_light(tmp_path: Path) -> None:
    room = open_environment(_latlong(tmp_path / "room.exr", -70.0), config=load_config())
    relight = Relight(surface(), environment=room)
    left, right = sides(render(Lighting(), relight=relight))
    assert left / right > 2.0
    assert right < 0.8
    # What lies ahead goes to the right, so what stands beside the camera goes to the left.
    turned = sides(render(Lighting(environment_rotation_degrees=-140.0), relight=relight))
    assert turned[1] / turned[0] > 1.4


def test_what_is_no_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        open_environment(str(tmp_path / "none.exr"), config=load_config())
    square = tmp_path / "square.exr"
    write_exr(square, np.ones((32, 32, 3), np.float32))
    with pytest.raises(UnsupportedImageError, match="twice as wide"):
        open_environment(str(square), config=load_config())
    black = tmp_path / "black.exr"
    write_exr(black, np.zeros((16, 32, 3), np.float32))
    with pytest.raises(UnsupportedImageError, match="no light"):
        open_environment(str(black), config=load_config())


def baked(rgb: FloatArray) -> FloatArray:
    """A network's look: lit from the left, too warm, and a third too bright."""
    across = np.linspace(1.0, -1.0, rgb.shape[1], dtype=np.float32)[None, :, None]
    return np.asarray(rgb * 1.33 * np.exp(0.5 * across) * np.array([1.1, 1.0, 0.85], np.float32), np.float32)


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_the_answer_s_own_light_is_taken_off_and_the_plate_s_put_on(scale: float) -> None:
    engine, plate = Answers(baked, scale=scale), faces.collins().rgb
    kept = render(Lighting(match="none"), engine=engine, relight=Relight(surface(), matches=True))
    matched = render(Lighting(match="plate"), engine=engine, relight=Relight(surface(), matches=True))
    mask = (matched.matte >= 1.0) & (plate.min(axis=2) > 0.02)
    before, after = (float(np.abs(np.log(one.frame.rgb[mask] / plate[mask])).mean()) for one in (kept, matched))
    assert after < 0.35 * before
    left, right = sides(matched)
    assert left == pytest.approx(right, rel=0.12)


def test_the_track_s_light_is_put_on_where_it_is_known() -> None:
    sitter, engine = faces.collins(), Answers()
    crop = Crop(sitter.rgb, np.ones(sitter.rgb.shape[:2], np.float32), Warp(np.eye(2, 3), 512, 512), LINEAR_REC709)
    read = surface().read(crop, sitter.face(), kernels=NUMPY, to_rec709=None)
    assert read is not None
    brighter = replace(read, brightness=2.0 * read.brightness, mean=2.0 * read.mean)
    lit = render(Lighting(), engine=engine, relight=Relight(surface(), matches=True), light=brighter)
    assert sides(lit) == pytest.approx((2.0, 2.0), rel=0.05)


def test_under_flat_light_a_lamp_adds_to_a_flat_face() -> None:
    flat = Answers(lambda rgb: np.full_like(rgb, 0.3))
    lit = render(lamp(70.0), engine=flat, relight=Relight(surface(), flat=True)).frame.rgb
    left, right = halves()
    assert float(np.median(lit[right])) > 1.4 * float(np.median(lit[left]))
    assert float(np.median(lit[left])) == pytest.approx(0.3, rel=0.1)


def test_the_primaries_do_not_matter() -> None:
    """Lamps of the plate's own colour light an ACEScg plate as they light the same plate in Rec.709."""
    plate, to_709 = faces.collins().rgb, np.linalg.inv(TO_ACESCG)
    wide = np.ascontiguousarray(plate @ TO_ACESCG.T, np.float32)
    plain = render(lamp(60.0))
    other = render(lamp(60.0), rgb=wide, to_rec709=to_709)
    assert np.allclose(other.frame.rgb @ to_709.T.astype(np.float32), plain.frame.rgb, atol=0.02)


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_torch_lights_as_numpy_does(scale: float) -> None:
    lighting = Lighting(light=lamp(50.0).light, exposure_stops=0.2)
    relight, engine = Relight(surface(), matches=True), Answers(baked, scale=scale)
    wanted = render(lighting, relight=relight, engine=engine)
    got = render(lighting, relight=relight, engine=engine, kernels=torch_kernels(None))
    assert float(np.abs(wanted.frame.rgb - got.frame.rgb).max()) < 2e-3


def test_relighting_is_asked_for_only_where_something_wants_it() -> None:
    assert not wants_relight(Lighting(exposure_stops=1.0), matches=False)
    assert wants_relight(Lighting(), matches=True)
    assert not wants_relight(Lighting(match="none"), matches=True)
    assert wants_relight(lamp(0.0), matches=False)
    assert wants_relight(Lighting(environment="a.exr"), matches=False)
