from __future__ import annotations

import copy
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.models.faces import Sitter, identity_of
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig, load_config
from vfx_swap.geometry.mesh import LOOPS
from vfx_swap.geometry.warps import cut_crop
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.reprojection.swapper import PreparedReprojection, ReprojectionOptions, ReprojectionSwapper
from vfx_swap.types import Crop, Face, SkinTexture, Window

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@pytest.fixture(scope="session")
def config() -> ColourConfig:
    return load_config()


@pytest.fixture(scope="session")
def swapper(mesh: CanonicalMesh, config: ColourConfig) -> ReprojectionSwapper:
    return ReprojectionSwapper(mesh=mesh, config=config, options=ReprojectionOptions())


@pytest.fixture(scope="session")
def as_collins(swapper: ReprojectionSwapper, collins: Sitter, collins_texture: SkinTexture) -> PreparedReprojection:
    return swapper.prepare(identity_of(collins, collins_texture), colour_space=LINEAR_REC709)


@pytest.fixture(scope="session")
def as_hopper(swapper: ReprojectionSwapper, hopper: Sitter, hopper_texture: SkinTexture) -> PreparedReprojection:
    return swapper.prepare(identity_of(hopper, hopper_texture), colour_space=LINEAR_REC709)


def with_options(swapper: ReprojectionSwapper, options: ReprojectionOptions) -> ReprojectionSwapper:
    other = copy.copy(swapper)  # the atlas, which takes long to make, is shared
    other.options = options
    return other


def cut(swapper: ReprojectionSwapper, rgb: FloatArray, face: Face, space: str = LINEAR_REC709) -> Crop:
    window = Window(0, 0, rgb.shape[1], rgb.shape[0])
    return cut_crop(
        np.ascontiguousarray(rgb, np.float32), data_window=window, warp=swapper.warp_for(face), colour_space=space
    )


def swapped(
    swapper: ReprojectionSwapper, rgb: FloatArray, face: Face, prepared: PreparedReprojection
) -> tuple[Crop, Crop]:
    before = cut(swapper, rgb, face)
    return before, swapper.swap(before, face, prepared)


def drawn(crop: Crop, face: Face, loop: str) -> np.ndarray:
    """True inside a loop of landmarks, in the crop."""
    shift = crop.warp.matrix[:, 2]
    corners = np.round(face.points[list(LOOPS[loop]), :2] + shift).astype(np.int32)
    inside: np.ndarray = cv2.fillPoly(np.zeros(crop.alpha.shape, np.uint8), [corners], 1) > 0
    return inside


def test_crops_are_whole_plate_pixels_around_the_face(swapper: ReprojectionSwapper, collins: Sitter) -> None:
    warp = swapper.warp_for(collins.face(shift=(0.37, -200.8)))
    assert np.array_equal(warp.matrix[:, :2], np.eye(2))
    assert np.array_equal(warp.matrix, np.round(warp.matrix))
    placed = collins.face(shift=(0.37, -200.8)).points[:, :2] + warp.matrix[:, 2]
    assert placed.min() > 0.0
    assert np.all(placed.max(axis=0) < [warp.width - 1, warp.height - 1])


def test_a_face_swapped_for_itself_stays_close_to_the_plate(
    swapper: ReprojectionSwapper, collins: Sitter, as_collins: PreparedReprojection
) -> None:
    before, after = swapped(swapper, collins.rgb, collins.face(), as_collins)
    solid = after.alpha > 0.95
    assert solid.mean() > 0.08
    ratio = np.log(after.rgb[solid] @ LUMA / (before.rgb[solid] @ LUMA))
    # Measured: median 0.02, 95 % under 0.16.
    assert np.median(np.abs(ratio)) < 0.06
    assert np.quantile(np.abs(ratio), 0.95) < 0.3
    assert np.corrcoef(after.rgb[solid] @ LUMA, before.rgb[solid] @ LUMA)[0, 1] > 0.95


def test_another_identity_changes_the_face(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection
) -> None:
    before, after = swapped(swapper, collins.rgb, collins.face(), as_hopper)
    solid = after.alpha > 0.95
    assert np.corrcoef(after.rgb[solid] @ LUMA, before.rgb[solid] @ LUMA)[0, 1] < 0.9
    # Under the same light: as bright as the plate's skin.
    assert abs(float(np.median(np.log(after.rgb[solid] @ LUMA / (before.rgb[solid] @ LUMA))))) < 0.15


def test_alpha_is_nothing_outside_the_mesh(
    swapper: ReprojectionSwapper, collins: Sitter, as_collins: PreparedReprojection
) -> None:
    face = collins.face()
    before, after = swapped(swapper, collins.rgb, face, as_collins)
    outside = ~(cv2.dilate(drawn(before, face, "face").astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    assert after.alpha[outside].max() == 0.0
    assert after.alpha.min() >= 0.0
    assert after.alpha.max() <= 1.0
    assert after.warp is before.warp
    assert after.colour_space == before.colour_space


def test_the_mouth_s_inside_is_the_plate_s(
    swapper: ReprojectionSwapper, collins: Sitter, as_collins: PreparedReprojection
) -> None:
    face = collins.face(scale=2.0)
    rgb = cv2.resize(collins.rgb, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
    before, after = swapped(swapper, np.maximum(rgb, 0.0), face, as_collins)
    inner = cv2.erode(drawn(before, face, "mouth").astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert inner.sum() > 30
    assert after.alpha[inner].max() < 0.05


def test_hair_over_the_face_stays_in_front(
    swapper: ReprojectionSwapper, collins: Sitter, hopper: Sitter, as_hopper: PreparedReprojection
) -> None:
    face = collins.face()
    before, after = swapped(swapper, collins.rgb, face, as_hopper)
    _, without = swapped(with_options(swapper, ReprojectionOptions(holdout_hair=False)), collins.rgb, face, as_hopper)
    # The fringe: at the middle of the forehead, above the landmark between hair line and brows.
    x, y = (face.points[10, :2] * 0.75 + face.points[9, :2] * 0.25 + before.warp.matrix[:, 2]).round().astype(int)
    fringe = np.s_[y - 3 : y + 4, x - 8 : x + 9]
    assert after.alpha[fringe].max() < 0.15
    assert without.alpha[fringe].mean() > after.alpha[fringe].mean() + 0.2
    assert np.all(without.alpha >= after.alpha - 1e-6)


def test_rims_are_kept_when_held_out_and_painted_over_when_not(
    swapper: ReprojectionSwapper, hopper: Sitter, as_collins: PreparedReprojection
) -> None:
    face = hopper.face()
    before, over = swapped(swapper, hopper.rgb, face, as_collins)
    kept_by = with_options(swapper, ReprojectionOptions(holdout_glasses=True))
    _, kept = swapped(kept_by, hopper.rgb, face, as_collins)
    seen = kept_by._look(
        before.rgb, kept_by._atlas.mesh.positions(shifted(face, before)), as_collins, face.height, None, 1.0, None
    )
    assert (seen.rims > 0.9).sum() > 300
    lost = over.alpha - kept.alpha
    assert lost.max() > 0.9
    # What is kept is dark in the plate: the frame.
    frame = lost > 0.7
    assert np.median(before.rgb[frame] @ LUMA) < 0.6 * np.median(before.rgb[over.alpha > 0.9] @ LUMA)
    assert np.abs(lost[int(0.75 * len(lost)) :]).max() < 0.1


def shifted(face: Face, crop: Crop) -> FloatArray:
    return np.asarray(face.points + np.append(crop.warp.matrix[:, 2], 0.0), dtype=np.float32)


@pytest.mark.parametrize("stops", [2, -2])
def test_more_light_on_the_plate_is_more_light_on_the_face(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection, stops: int
) -> None:
    gain = np.float32(2.0**stops)
    _, one = swapped(swapper, collins.rgb, collins.face(), as_hopper)
    _, other = swapped(swapper, collins.rgb * gain, collins.face(), as_hopper)
    solid = one.alpha > 0.5
    assert np.abs(other.alpha - one.alpha).max() < 0.01
    error = np.abs(other.rgb[solid] / gain - one.rgb[solid]) / (one.rgb[solid] + 0.01)
    assert np.quantile(error, 0.99) < 0.005


def test_coloured_light_colours_the_face(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection
) -> None:
    blue = np.array([0.4, 0.7, 1.6], np.float32)
    _, one = swapped(swapper, collins.rgb, collins.face(), as_hopper)
    _, other = swapped(swapper, collins.rgb * blue, collins.face(), as_hopper)
    solid = (one.alpha > 0.9) & (other.alpha > 0.9)
    ratio = np.median(other.rgb[solid] / np.maximum(one.rgb[solid], 1e-3), axis=0)
    assert np.allclose(ratio / blue, 1.0, atol=0.15)


def test_light_from_one_side_lights_that_side(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection
) -> None:
    columns = np.arange(collins.rgb.shape[1], dtype=np.float32)
    ramp = 2.0 ** np.clip((columns - 223.0) / 45.0, -1.0, 1.0)
    _, flat = swapped(swapper, collins.rgb, collins.face(), as_hopper)
    _, lit = swapped(swapper, collins.rgb * ramp[None, :, None], collins.face(), as_hopper)
    solid = (flat.alpha > 0.9) & (lit.alpha > 0.9)
    columns_of = np.nonzero(solid)[1]
    ratio = (lit.rgb[solid] @ LUMA) / (flat.rgb[solid] @ LUMA)
    left, right = (
        np.median(ratio[side])
        for side in (columns_of < np.quantile(columns_of, 0.25), columns_of > np.quantile(columns_of, 0.75))
    )
    assert left < 0.8
    assert right > 1.25


def test_without_the_plate_s_light_the_identity_keeps_its_own_colour(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection
) -> None:
    flat = with_options(swapper, ReprojectionOptions(match_light=False))
    _, one = swapped(flat, collins.rgb, collins.face(), as_hopper)
    # Darker or brighter, the plate's light is none of its business: nor do its highlights show.
    for gain in (0.25, 8.0):
        _, other = swapped(flat, collins.rgb * np.float32(gain), collins.face(), as_hopper)
        solid = (one.alpha > 0.9) & (other.alpha > 0.9)
        assert np.allclose(np.median(other.rgb[solid], axis=0), as_hopper.skin_colour, rtol=0.25)
        assert np.abs(one.rgb[solid] - other.rgb[solid]).max() < 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_do_not_spread(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection, bad: float
) -> None:
    rgb = collins.rgb.copy()
    spots = [collins.points[landmark, :2].round().astype(int) for landmark in (50, 5, 280)]
    for x, y in spots:
        rgb[y, x] = bad
    before, after = swapped(swapper, rgb, collins.face(), as_hopper)
    _, clean = swapped(swapper, collins.rgb, collins.face(), as_hopper)
    face = after.alpha > 0.0
    assert np.isfinite(after.rgb[face]).all()
    near = np.zeros(face.shape, bool)
    for x, y in spots:
        column, row = np.array([x, y]) + before.warp.matrix[:, 2].astype(int)
        near[row - 4 : row + 5, column - 4 : column + 5] = True
    change = np.abs(after.rgb - clean.rgb).max(axis=2)
    assert np.quantile(change[face & ~near], 0.999) < 0.02
    assert np.abs(after.alpha - clean.alpha)[~near].max() < 0.1
    # Where the plate was spoilt the face is still a face, not a glare.
    assert after.rgb[face & near].max() < 4.0


@pytest.mark.parametrize("shift", [(-223, 0), (290, 0), (0, -120), (0, 390), (-260, -160), (2000, 2000), (-5000, 0)])
def test_faces_at_and_beyond_the_picture_s_border(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection, shift: tuple[int, int]
) -> None:
    rgb = np.roll(collins.rgb, (shift[1] % 512, shift[0] % 512), axis=(0, 1))
    before, after = swapped(swapper, rgb, collins.face(shift=shift), as_hopper)
    assert np.isfinite(after.rgb).all()
    assert after.alpha[before.alpha == 0.0].max(initial=0.0) == 0.0


@pytest.mark.parametrize("height", [1.0, 5.0, 20.0, 700.0])
def test_tiny_and_huge_faces(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection, height: float
) -> None:
    scale = height / collins.face().height
    rgb = cv2.resize(collins.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    before, after = swapped(swapper, rgb, collins.face(scale=scale), as_hopper)
    assert np.isfinite(after.rgb).all()
    if height >= 20.0:
        assert after.alpha.max() > 0.9
        solid = after.alpha > 0.9
        ratio = np.median(after.rgb[solid] @ LUMA) / np.median(before.rgb[solid] @ LUMA)
        assert 0.8 < ratio < 1.25


def test_reshaping_moves_features_and_keeps_the_matte(
    swapper: ReprojectionSwapper, collins: Sitter, hopper: Sitter, hopper_texture: SkinTexture
) -> None:
    shaping = with_options(swapper, ReprojectionOptions(reshape=1.0))
    identity = identity_of(hopper, hopper_texture)
    prepared = shaping.prepare(identity, colour_space=LINEAR_REC709, performer=collins.points)
    assert prepared.proportions is not None
    _, still = swapped(swapper, collins.rgb, collins.face(), prepared)
    before, after = swapped(shaping, collins.rgb, collins.face(), prepared)
    solid = (still.alpha > 0.9) & (after.alpha > 0.9)
    assert np.abs(after.rgb[solid] - still.rgb[solid]).max() > 0.05
    face = collins.face()
    outside = ~(cv2.dilate(drawn(before, face, "face").astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    assert after.alpha[outside].max() == 0.0
    assert np.array_equal(after.rgb[outside], before.rgb[outside])
    unknown = shaping.prepare(identity, colour_space=LINEAR_REC709)
    _, same = swapped(shaping, collins.rgb, collins.face(), unknown)
    assert np.array_equal(same.rgb, still.rgb)


def test_primaries_of_the_plate_do_not_matter(
    swapper: ReprojectionSwapper,
    config: ColourConfig,
    collins: Sitter,
    hopper: Sitter,
    hopper_texture: SkinTexture,
    as_hopper: PreparedReprojection,
) -> None:
    _, wanted = swapped(swapper, collins.rgb, collins.face(), as_hopper)
    wide = config.convert(collins.rgb, source=LINEAR_REC709, destination="ACEScg")
    prepared = swapper.prepare(identity_of(hopper, hopper_texture), colour_space="ACEScg")
    after = swapper.swap(cut(swapper, wide, collins.face(), "ACEScg"), collins.face(), prepared)
    back = config.convert(np.ascontiguousarray(after.rgb), source="ACEScg", destination=LINEAR_REC709)
    solid = (wanted.alpha > 0.9) & (after.alpha > 0.9)
    assert np.abs(after.alpha - wanted.alpha).max() < 0.1
    assert np.median(np.abs(back[solid] - wanted.rgb[solid]) / wanted.rgb[solid]) < 0.05


def test_same_bits_twice_and_arguments_untouched(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection
) -> None:
    before = cut(swapper, collins.rgb, collins.face())
    kept = before.rgb.copy()
    one, two = (swapper.swap(before, collins.face(), as_hopper) for _ in range(2))
    assert np.array_equal(one.rgb, two.rgb)
    assert np.array_equal(one.alpha, two.alpha)
    assert np.array_equal(before.rgb, kept)


def test_feather_softens_the_edge(
    swapper: ReprojectionSwapper, collins: Sitter, as_collins: PreparedReprojection
) -> None:
    areas = []
    for feather in (0.0, 0.1, 0.2, 0.5):
        _, after = swapped(
            with_options(swapper, ReprojectionOptions(feather=feather)), collins.rgb, collins.face(), as_collins
        )
        areas.append(int((after.alpha > 0.95).sum()))
    # However wide, the middle of the face is whole.
    assert areas[0] > 1.05 * areas[1] > 1.1 * areas[2] > 0
    assert areas[3] > 0


def test_an_identity_without_coverage_changes_nothing(
    swapper: ReprojectionSwapper, collins: Sitter, collins_texture: SkinTexture
) -> None:
    bare = replace(collins_texture, weight=np.zeros_like(collins_texture.weight))
    prepared = swapper.prepare(identity_of(collins, bare), colour_space=LINEAR_REC709)
    _, after = swapped(swapper, collins.rgb, collins.face(), prepared)
    assert after.alpha.max() == 0.0


def test_a_hand_of_skin_s_colour_lends_no_light(
    swapper: ReprojectionSwapper, collins: Sitter, as_hopper: PreparedReprojection
) -> None:
    """What lies in front is told to the swapper: the face beside it is lit as without it."""
    face = collins.face()
    crop, bare = swapped(swapper, collins.rgb, face, as_hopper)
    covered = np.zeros(crop.alpha.shape, np.float32)
    column, row = np.round(face.points[205, :2] + crop.warp.matrix[:, 2]).astype(int)
    covered[row - 16 : row + 16, column - 14 : column + 14] = 1.0
    hand = np.where(covered[..., None] > 0.0, np.array([1.1, 0.75, 0.6], np.float32), crop.rgb)
    told = swapper.swap(replace(crop, rgb=hand, front=covered), face, as_hopper)
    untold = swapper.swap(replace(crop, rgb=hand), face, as_hopper)
    beside = (covered == 0.0) & (bare.alpha > 0.9)
    off, wrong = (np.abs(one.rgb - bare.rgb)[beside].mean() for one in (told, untold))
    assert off < 0.75 * wrong


def test_a_head_turned_away_shows_no_rims(
    monkeypatch: pytest.MonkeyPatch,
    swapper: ReprojectionSwapper,
    hopper: Sitter,
    as_collins: PreparedReprojection,
) -> None:
    """What looks like a frame beyond 45 degrees is the far side of the face: taken for one it left patches."""
    asked: list[float] = []
    look = ReprojectionSwapper._look

    def watched(self: ReprojectionSwapper, *arguments: object) -> object:
        seen = look(self, *arguments)  # type: ignore[arg-type]  # whatever it was given
        asked.append(float(seen.rims.max()))
        return seen

    monkeypatch.setattr(ReprojectionSwapper, "_look", watched)
    for yaw in (0.0, 50.0):
        face = replace(hopper.face(), pose=replace(hopper.face().pose, yaw_degrees=yaw))
        swapper.swap(cut(swapper, hopper.rgb, face), face, as_collins)
    assert asked[0] > 0.5
    assert asked[1] == 0.0
