"""The parser without weights, on two portraits whose regions are known by sight."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.models.portraits import astronaut, hopper, image
from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.geometry.warps import crop_points, cut_crop
from vfx_swap.models.default import PARSE_ARCHITECTURES, FaceModels, load_model
from vfx_swap.models.parsing.forehead import forehead
from vfx_swap.models.parsing.landmark_parser import LandmarkParser, load_landmark_parser
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.models.protocols import Parser
from vfx_swap.models.registry import LoadOptions, load_registry
from vfx_swap.types import Face, ModelImage, Pose, Window

KNOWN = {"skin", "l_brow", "r_brow", "l_eye", "r_eye", "nose", "mouth", "u_lip", "l_lip", "hair"}


@pytest.fixture(scope="module")
def parser() -> LandmarkParser:
    registry = load_registry(architectures=PARSE_ARCHITECTURES)
    found = load_model(registry.default_card("parse"), registry=registry, options=LoadOptions())
    assert isinstance(found, LandmarkParser)
    return found


class Parsed:
    """A portrait's crop with its regions."""

    def __init__(self, parser: LandmarkParser, models: FaceModels, rgb: FloatArray, scale: float = 1.0) -> None:
        seen = image(rgb)
        landmarks = models.landmarker.landmarks(seen, models.detector.detect(seen)[0])
        assert landmarks is not None
        points = (landmarks.points * np.float32(scale)).astype(np.float32)
        self.face = Face(1, points, landmarks.expression, Pose(0.0, 0.0, 0.0), 1.0)
        self.parser, self.warp = parser, parser.warp_for(self.face)
        window = Window(0, 0, rgb.shape[1], rgb.shape[0])
        crop = cut_crop(rgb.astype(np.float32), data_window=window, warp=self.warp, colour_space="sRGB")
        self.image = ModelImage(np.clip(crop.rgb, 0.0, 1.0))
        flat = crop_points(self.face.points[:, :2].astype(np.float64), self.warp)
        self.points = np.column_stack([flat, self.face.points[:, 2]]).astype(np.float32)
        self.alphas = parser.parse(self.image, self.points)

    def at(self, landmark: int, *, up: float = 0.0) -> dict[str, float]:
        """Regions of a pixel, `up` face heights above a landmark."""
        away = up * (self.points[10, :2] - self.points[152, :2])
        x, y = np.round(self.points[landmark, :2] + away).astype(int)
        return {name: float(self.alphas[index, y, x]) for index, name in enumerate(REGIONS)}


@pytest.fixture(scope="module")
def collins(parser: LandmarkParser, face_models: FaceModels) -> Parsed:
    return Parsed(parser, face_models, astronaut())


@pytest.fixture(scope="module")
def grace(parser: LandmarkParser, face_models: FaceModels) -> Parsed:
    return Parsed(parser, face_models, hopper())


def test_it_keeps_the_protocol(parser: LandmarkParser) -> None:
    assert isinstance(parser, Parser)
    assert parser.id == "landmark-parser"


def test_regions_share_every_pixel(collins: Parsed, grace: Parsed) -> None:
    for one in (collins, grace):
        assert one.alphas.shape == (19, one.warp.height, one.warp.width)
        assert one.alphas.dtype == np.float32
        assert one.alphas.min() >= 0.0
        assert np.abs(one.alphas.sum(axis=0) - 1.0).max() < 1e-5
        assert one.alphas[0, 0, 0] == 1.0


@pytest.mark.parametrize(
    ("landmark", "up", "name"),
    [
        *((4, 0.0, "nose"), (468, 0.0, "l_eye"), (473, 0.0, "r_eye"), (13, -0.02, "mouth"), (17, 0.02, "l_lip")),
        *((105, -0.025, "l_brow"), (334, -0.025, "r_brow")),
        *((50, 0.0, "skin"), (280, 0.0, "skin"), (200, 0.0, "skin"), (152, 0.03, "skin")),
    ],
)
def test_landmarks_lie_in_their_regions(collins: Parsed, landmark: int, up: float, name: str) -> None:
    here = collins.at(landmark, up=up)
    assert here[name] > 0.7, here


def test_only_what_can_be_known_is_told(collins: Parsed) -> None:
    told = {name for index, name in enumerate(REGIONS) if collins.alphas[index].max() > 0.0}
    assert told == {"background", *KNOWN}


def test_a_fringe_is_hair_and_no_skin(collins: Parsed) -> None:
    here = collins.at(10, up=-0.02)
    assert here["hair"] > 0.8, here


def test_edges_are_soft(collins: Parsed) -> None:
    for name in ("skin", "u_lip", "l_eye"):
        alpha = collins.alphas[region_index(name)]
        assert ((alpha > 0.05) & (alpha < 0.95)).sum() > 0.1 * (alpha > 0.5).sum(), name


def test_left_is_the_pictures_left(grace: Parsed) -> None:
    columns = np.arange(grace.warp.width)
    for left, right in (("l_eye", "r_eye"), ("l_brow", "r_brow")):
        middle = [
            (grace.alphas[region_index(one)].sum(axis=0) * columns).sum() / grace.alphas[region_index(one)].sum()
            for one in (left, right)
        ]
        assert middle[0] < middle[1] - 10.0


def test_spectacles_lie_over_all(grace: Parsed) -> None:
    rims = np.zeros(grace.image.rgb.shape[:2], np.float32)
    x, y = np.round(grace.points[105, :2]).astype(int)
    rims[y - 2 : y + 3] = 1.0
    alphas = grace.parser.parse(grace.image, grace.points, hidden={"glasses": rims})
    assert alphas[region_index("eye_g"), y, x] == 1.0
    assert alphas[region_index("l_brow"), y, x] == 0.0
    assert np.abs(alphas.sum(axis=0) - 1.0).max() < 1e-5


def test_a_cap_s_shadow_is_skin_and_a_dark_fringe_is_not(grace: Parsed) -> None:
    rows = np.arange(grace.warp.height)[:, None, None]
    edge = float(grace.points[151, 1]) + 6.0
    above = 1.0 / (1.0 + np.exp(np.clip((rows - edge) / 1.5, -30.0, 30.0)))
    x, y = np.round(grace.points[151, :2]).astype(int)
    rgb = grace.image.rgb
    shaded = (rgb * (1.0 - 0.5 * above)).astype(np.float32)  # a fifth of the light
    fringe = (rgb * (1.0 - above) + np.array([0.1, 0.1, 0.12], np.float32) * above).astype(np.float32)
    found = {name: grace.parser.parse(ModelImage(one), grace.points)[:, y, x] for name, one in
             (("shaded", shaded), ("fringe", fringe))}  # fmt: skip
    assert found["shaded"][region_index("skin")] > 0.7
    assert found["fringe"][region_index("hair")] > 0.7


@pytest.mark.parametrize("softness", [5.0, 60.0])
def test_a_half_of_the_face_three_stops_down_is_no_hair(grace: Parsed, softness: float) -> None:
    across = np.arange(grace.warp.width) - float(grace.points[1, 0])
    gain = np.exp2(-3.0 / (1.0 + np.exp(across / softness)))[None, :, None]
    rgb = np.clip(grace.image.rgb, 0.0, 1.0) * gain ** (1.0 / 2.2)
    dark = grace.parser.parse(ModelImage(rgb.astype(np.float32)), grace.points)[region_index("hair")]
    lit = grace.alphas[region_index("hair")]
    assert dark.sum() < 1.1 * lit.sum()


def test_a_shut_eye_is_none(collins: Parsed) -> None:
    shut = collins.points.copy()
    upper = (173, 157, 158, 159, 160, 161, 246)
    lower = (155, 154, 153, 145, 144, 163, 7)
    shut[list(upper), 1] = shut[list(lower), 1] - 0.5
    alphas = collins.parser.parse(collins.image, shut)
    assert alphas[region_index("l_eye")].max() < 0.05
    assert alphas[region_index("r_eye")].max() > 0.9


def test_the_crop_has_the_plates_pixels(parser: LandmarkParser, collins: Parsed) -> None:
    def scale(by: float) -> float:
        points = (collins.face.points * np.float32(by)).astype(np.float32)
        face = Face(1, points, collins.face.expression, Pose(0.0, 0.0, 0.0), 1.0)
        return float(np.hypot(*parser.warp_for(face).matrix[:, 0]))

    assert scale(2.0) == pytest.approx(1.0, rel=0.05)
    assert scale(3.0) == pytest.approx(1.0, rel=0.04)
    assert scale(30.0) < 0.5  # a face of 3500 pixels: memory first


def test_bad_bundles_are_named(tmp_path: Path) -> None:
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(b"nothing")
    card = load_registry().card("landmark-parser")
    with pytest.raises(ModelMismatchError):
        load_landmark_parser(card, {"bundle": path}, LoadOptions())


def painted(paint: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A picture of a flat face of 100 pixels: light, landmarks, and skin on the mesh; `paint` tells what is no skin."""
    rows, columns = np.mgrid[:200, :160].astype(np.float64)
    points = np.zeros((478, 3), np.float32)
    ring = (10, 338, 297, 332, 284, 251, 389, 356, 127, 162, 21, 54, 103, 67, 109)
    angles = np.radians([0, 12, 24, 36, 48, 60, 75, 90, -90, -75, -60, -48, -36, -24, -12])
    for index, angle in zip(ring, angles, strict=True):
        points[index, :2] = 80.0 + 38.0 * np.sin(angle), 120.0 - 50.0 * np.cos(angle)
    points[152, :2] = 80.0, 170.0
    mesh = ((columns - 80.0) / 38.0) ** 2 + ((rows - 120.0) / 50.0) ** 2 < 1.0
    linear = np.where(paint(rows, columns)[..., None], [0.02, 0.018, 0.015], [0.4, 0.25, 0.18])
    return linear.astype(np.float32), points, mesh.astype(np.float32)


def test_skin_goes_up_to_the_hairline_and_not_on() -> None:
    linear, points, skin = painted(lambda rows, _: rows < 55.0)
    found = forehead(linear, points, skin, 100.0)
    assert found[58:70, 80].min() > 0.9  # above the mesh, which ends at 70
    assert found[:53].max() < 0.1


def test_skin_behind_a_hairline_is_not_jumped_to() -> None:
    linear, points, skin = painted(lambda rows, _: (rows < 68.0) & (rows > 60.0))
    assert forehead(linear, points, skin, 100.0)[:60].max() < 0.1


def test_no_skin_no_forehead() -> None:
    linear, points, skin = painted(lambda rows, _: rows < 55.0)
    assert not forehead(linear, points, 0.0 * skin, 100.0).any()
