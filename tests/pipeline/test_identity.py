from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.errors import (
    IdentityError,
    MissingInputError,
    NoFaceError,
    UnreadableImageError,
    UsageError,
)
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.consent import consent_from_options
from vfx_swap.pipeline.identity import _upright, build_identity, load_identity, save_identity
from vfx_swap.settings import file_sha256
from vfx_swap.types import (
    Detection,
    Embedding,
    Identity,
    Landmarks,
    ModelImage,
    Pose,
    Reference,
    SkinTexture,
)

CONSENT = consent_from_options(
    who="A Producer", scope="tests", expires=date(2099, 1, 1), performer="P", valid_from=date(2026, 1, 1)
)


@dataclass
class Seeing:
    """Stands in for the three models: bright rectangles are faces, red over green is who it is."""

    id: str = "stand-in"
    same_person_below: float = 0.1
    not_faces: set[int] = field(default_factory=set)
    seen: list[ModelImage] = field(default_factory=list)
    yaw_at: dict[int, float] = field(default_factory=dict)
    """Left of a face -> degrees; others look ahead."""

    def detect(self, image: ModelImage, /) -> Sequence[Detection]:
        self.seen.append(image)
        found = []
        lit = (image.rgb[..., 0] > 0.4).any(axis=0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], lit.astype(np.int8), [0]])))
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            rows = np.flatnonzero((image.rgb[:, left:right, 0] > 0.4).any(axis=1))
            box = np.array([left, rows[0], right - 1, rows[-1]], np.float32)
            found.append(Detection(box=box, points=np.zeros((5, 2), np.float32), score=0.9))
        return sorted(found, key=lambda item: -item.height)

    def landmarks(self, image: ModelImage, detection: Detection, /) -> Landmarks | None:
        left, top, right, bottom = detection.box
        if int(left) in self.not_faces:
            return None
        points = np.zeros((478, 3), np.float32)
        points[:, 0] = np.linspace(left, right, 478)
        points[:, 1] = np.linspace(top, bottom, 478)
        points[:, 2] = 10.0
        points[10, :2], points[152, :2] = ((left + right) / 2, top), ((left + right) / 2, bottom)
        expression = np.linspace(0, 1, 52, dtype=np.float32)
        return Landmarks(
            points=points, expression=expression, pose=Pose(self.yaw_at.get(int(left), 1.5), -2.25, 0.1), confidence=1.0
        )

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        left, top, right, bottom = detection.box.astype(int)
        return Embedding(self.id, image.rgb[(top + bottom) // 2, (left + right) // 2].astype(np.float32))


def texture_of(references: Sequence[Reference]) -> SkinTexture:
    rgb = np.full((8, 8, 3), 1.2345678, np.float32) * len(references)
    weight = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    return SkinTexture(rgb=rgb, weight=weight, skin_colour=np.array([0.4, 0.3, 0.2], np.float32))


@pytest.fixture(scope="module")
def config() -> ColourConfig:
    return load_config(environ={})


@pytest.fixture
def seeing() -> Seeing:
    return Seeing()


def write_picture(path: Path, pixels: np.ndarray, attributes: dict[str, Any] | None = None) -> Path:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, oiio.HALF if path.suffix == ".exr" else oiio.UINT8)
    for name, value in (attributes or {}).items():
        spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None
    assert output.open(str(path), spec), oiio.geterror()
    assert output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return path


def photograph(
    path: Path,
    *faces: tuple[int, int, int],
    size: tuple[int, int] = (600, 500),
    colour: Sequence[int] = (220, 180, 150),
) -> Path:
    """A grey picture (no exposure is chosen for it) with faces as rectangles of 2:3: (left, top, height)."""
    pixels = np.full((size[1], size[0], 3), (90, 120, 140), np.uint8)
    for left, top, height in faces:
        pixels[top : top + height, left : left + height * 2 // 3] = colour
    return write_picture(path, pixels)


Build = Callable[..., Identity]


@pytest.fixture
def build(config: ColourConfig, seeing: Seeing) -> Build:
    models = FaceModels(detector=seeing, landmarker=seeing, recogniser=seeing, digests={})

    def call(*references: Path, **changes: Any) -> Identity:
        arguments: dict[str, Any] = {
            "name": "lead",
            "references": references,
            "consent": CONSENT,
            "models": models,
            "config": config,
            "texture_builder": texture_of,
        }
        return build_identity(**{**arguments, **changes})

    return call


def test_the_crop_is_linear_and_shows_the_face_with_its_margin(tmp_path: Path, build: Build) -> None:
    path = photograph(tmp_path / "a.png", (250, 160, 181))
    reference = build(path).references[0]
    # face rows 160 to 340, 180 px high, margin 144; columns 250 to 369
    assert reference.rgb.shape == (340 + 144 - (160 - 144) + 1, 369 + 144 - (250 - 144) + 1, 3)
    np.testing.assert_allclose(reference.points[10], (250 + 59.5 - 106, 144, 10), atol=0.01)
    np.testing.assert_allclose(reference.points[152], (250 + 59.5 - 106, 324, 10), atol=0.01)
    # sRGB 220 in linear light (IEC 61966-2-1): ((220/255 + 0.055) / 1.055) ** 2.4
    assert reference.rgb[234, 200, 0] == pytest.approx(0.7157, abs=5e-4)
    assert (reference.source, reference.sha256) == ("a.png", file_sha256(path))
    assert reference.pose == Pose(1.5, -2.25, 0.1)


def test_a_crop_at_the_border_ends_there(tmp_path: Path, build: Build) -> None:
    reference = build(photograph(tmp_path / "a.png", (0, 0, 400), size=(300, 420))).references[0]
    assert reference.rgb.shape == (420, 300, 3)
    assert reference.points[10, 1] == 0.0


def test_a_large_crop_is_scaled_down_with_its_landmarks(tmp_path: Path, build: Build) -> None:
    path = photograph(tmp_path / "a.png", (800, 1000, 1501), size=(2600, 3900))
    reference = build(path).references[0]
    assert max(reference.rgb.shape) == 2048
    inside = reference.rgb[..., 0] > 0.3
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert reference.points[10, 1] == pytest.approx(rows[0], abs=0.6)
    assert reference.points[152, 1] == pytest.approx(rows[-1], abs=0.6)
    assert reference.points[0, 0] == pytest.approx(columns[0], abs=0.6)
    scale = (reference.points[152, 1] - reference.points[10, 1]) / 1500
    assert reference.points[0, 2] == pytest.approx(10 * scale, rel=1e-3)


def test_a_float_picture_keeps_what_is_above_one_and_loses_nan(tmp_path: Path, build: Build) -> None:
    pixels = np.full((400, 300, 3), 0.001, np.float16)
    pixels[100:300, 60:193] = (7.0, 5.0, 4.0)
    pixels[5, 5] = (np.nan, np.inf, -np.inf)
    path = write_picture(tmp_path / "a.exr", pixels, {"colorInteropID": "lin_rec709_scene"})
    reference = build(path).references[0]
    assert reference.rgb.max() == 65504.0
    assert np.isfinite(reference.rgb).all()
    assert reference.rgb[200, 100].tolist() == [7.0, 5.0, 4.0]


def test_a_camera_on_its_side_is_undone(tmp_path: Path, build: Build) -> None:
    upright = np.full((500, 400, 3), 20, np.uint8)
    upright[100:301, 100:233] = (220, 180, 150)
    upright[100:140, 100:120] = (255, 180, 150)
    path = write_picture(tmp_path / "a.tif", np.rot90(upright), {"Orientation": 6})
    reference = build(path).references[0]
    expected = build(write_picture(tmp_path / "b.tif", upright)).references[0]
    np.testing.assert_array_equal(reference.rgb, expected.rgb)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_by_where_row_and_column_0_are_seen(orientation: int) -> None:
    # Exif 2.32: orientation -> the visual side of the stored row 0, and of the stored column 0
    sides = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
    }  # fmt: skip
    stored = np.zeros((4, 6, 3), np.float32)
    stored[0, :, 0] = 1.0
    stored[:, 0, 1] = 1.0
    seen = _upright(stored, orientation)
    edge = {"top": seen[0], "bottom": seen[-1], "left": seen[:, 0], "right": seen[:, -1]}
    for channel, side in enumerate(sides[orientation]):
        assert edge[side][:, channel].min() == 1.0


def test_several_references_give_the_mean_embedding(tmp_path: Path, build: Build) -> None:
    one = photograph(tmp_path / "a.png", (200, 150, 200))
    two = photograph(tmp_path / "b.png", (200, 150, 200), colour=(216, 180, 154))
    both = build(one, two)
    alone = [build(path).embeddings["stand-in"].vector for path in (one, two)]
    np.testing.assert_allclose(both.embeddings["stand-in"].vector, np.mean(alone, axis=0), atol=1e-6)
    assert [reference.source for reference in both.references] == ["a.png", "b.png"]
    assert both.texture.rgb.max() == pytest.approx(2.469, abs=1e-3)


def test_no_face_is_named_with_its_file(tmp_path: Path, build: Build, seeing: Seeing) -> None:
    dark = photograph(tmp_path / "dark.png")
    with pytest.raises(NoFaceError, match=r"dark\.png: no face"):
        build(photograph(tmp_path / "a.png", (200, 150, 200)), dark)
    seeing.not_faces = {200}
    with pytest.raises(NoFaceError, match=r"a\.png: no face"):
        build(tmp_path / "a.png")


def test_the_largest_face_is_taken_when_it_is_clear(tmp_path: Path, build: Build) -> None:
    path = photograph(tmp_path / "a.png", (20, 150, 150), (300, 150, 200))
    assert build(path).references[0].points[152, 1] - build(path).references[0].points[10, 1] == pytest.approx(199)


def test_faces_of_like_size_are_refused_unless_one_is_named(tmp_path: Path, build: Build) -> None:
    path = photograph(tmp_path / "a.png", (20, 150, 190), (300, 150, 200))
    with pytest.raises(IdentityError, match=r"a\.png: 2 faces .*1 at x 20 to 145, 2 at x 300 to 432.*--face N"):
        build(path)
    heights = []
    for face in (1, 2):
        points = build(path, face=face).references[0].points
        heights.append(round(float(points[152, 1] - points[10, 1])))
    assert heights == [189, 199]
    for face in (0, 3):
        with pytest.raises(NoFaceError, match=f"there is no face {face}: 2 found"):
            build(path, face=face)


def test_a_small_face_warns_and_a_tiny_one_is_refused(tmp_path: Path, build: Build) -> None:
    said: list[str] = []
    for height, warned in ((161, 0), (160, 1), (81, 1)):
        said.clear()
        build(photograph(tmp_path / f"{height}.png", (200, 150, height)), warn=said.append)
        assert len([text for text in said if "look soft" in text and str(height) in text]) == warned
    with pytest.raises(IdentityError, match=r"79 pixels high; 80 is the least"):
        build(photograph(tmp_path / "tiny.png", (200, 150, 80)))


def test_somebody_else_among_the_references_is_named(tmp_path: Path, build: Build) -> None:
    same = [photograph(tmp_path / f"{index}.png", (200, 150, 200)) for index in range(2)]
    other = photograph(tmp_path / "other.png", (200, 150, 200), colour=(150, 180, 220))
    with pytest.raises(IdentityError, match=r"other\.png: shows another person") as caught:
        build(same[0], other, same[1])
    assert caught.value.where == str(other)
    build(*same)


def test_a_view_from_the_side_may_lie_further_apart_and_is_told_of(
    tmp_path: Path, build: Build, seeing: Seeing
) -> None:
    ahead = photograph(tmp_path / "ahead.png", (200, 150, 200))
    # 0.13 from the other, over the bound of 0.1 for like angles.
    side = photograph(tmp_path / "side.png", (150, 150, 200), colour=(220, 180, 183))
    with pytest.raises(IdentityError, match="another person"):
        build(ahead, side)
    said: list[str] = []
    seeing.yaw_at[150] = 45.0
    assert len(build(ahead, side, warn=said.append).references) == 2
    (told,) = [text for text in said if "same person" in text]
    assert "side.png: turned by 44 degrees" in told
    stranger = photograph(tmp_path / "stranger.png", (150, 150, 200), colour=(150, 250, 60))
    with pytest.raises(IdentityError, match="another person"):
        build(ahead, stranger)


def test_references_that_cannot_be_used(tmp_path: Path, build: Build) -> None:
    good = photograph(tmp_path / "a.png", (200, 150, 200))
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:300])
    with pytest.raises(MissingInputError, match=r"no\.png"):
        build(tmp_path / "no.png")
    for name in ("empty.png", "cut.png"):
        with pytest.raises(UnreadableImageError, match=name):
            build(tmp_path / name)
    for references in ((), (good, good), tuple(tmp_path / f"{index}.png" for index in range(65))):
        with pytest.raises(UsageError):
            build(*references)


def test_a_built_identity_has_the_bits_of_its_pack(tmp_path: Path, build: Build) -> None:
    built = build(photograph(tmp_path / "a.png", (200, 150, 200)))
    save_identity(built, tmp_path / "lead.identity")
    loaded = load_identity(tmp_path / "lead.identity")
    for array in ("rgb", "points", "expression"):
        np.testing.assert_array_equal(getattr(built.references[0], array), getattr(loaded.references[0], array))
    for array in ("rgb", "weight", "skin_colour"):
        np.testing.assert_array_equal(getattr(built.texture, array), getattr(loaded.texture, array))
    np.testing.assert_array_equal(built.embeddings["stand-in"].vector, loaded.embeddings["stand-in"].vector)
