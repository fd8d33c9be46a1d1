"""Where a face lies, by layers: maps there and back as Nuke's STMap reads them, UV, normals, depth, confidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from scipy.spatial.transform import Rotation

from tests.pipeline.shot_fakes import digests_of, make_shot, render, rows_of
from vfx_swap.arrays import FloatArray
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.engines import face_mesh
from vfx_swap.pipeline.frame_layers import (
    MARGIN,
    SURFACE_LAYERS,
    Surface,
    make_surface,
    surface_channels,
    surface_layers,
    surface_windows,
)
from vfx_swap.types import Face, Frame, Front, Pose, Window

WHOLE = Window(0, 0, 480, 270)


@pytest.fixture(scope="module")
def surface() -> Surface:
    return make_surface(face_mesh())


def head(*, yaw: float = 0.0, x: float = 240.0, y: float = 135.0, scale: float = 10.0, **more: Any) -> Face:
    """The mean face, turned, as a camera far away sees it."""
    turned = face_mesh().vertices.astype(np.float64) @ Rotation.from_euler("y", yaw, degrees=True).as_matrix().T
    points = np.stack([x + scale * turned[:, 0], y - scale * turned[:, 1], -scale * turned[:, 2]], axis=1)
    points = np.concatenate([points, np.repeat(points[:1], 10, axis=0)]).astype(np.float32)
    values: dict[str, Any] = {"confidence": 0.8, **more}
    return Face(
        frame=1,
        points=np.asarray(points, np.float32),
        expression=np.zeros(52, np.float32),
        pose=Pose(yaw, 0.0, 0.0),
        **values,
    )


def picture(window: Window) -> FloatArray:
    """Waves of light, 35 pixels and longer, another colour in every direction."""
    y, x = np.mgrid[window.y : window.bottom, window.x : window.right].astype(np.float32)
    waves = [np.sin(x / 9) + np.cos(y / 7), np.sin((x + y) / 11), np.sin(x / 13 - y / 17)]
    return np.asarray(np.stack([0.4 + 0.2 * wave for wave in waves], axis=-1), np.float32)


def frame(window: Window = WHOLE, display: Window | None = None) -> Frame:
    return Frame(1, picture(window), window, window if display is None else display, "ACEScg")


def stmap(source: FloatArray, maps: FloatArray, *, source_window: Window, display: Window) -> FloatArray:
    """What Nuke's STMap node gives: u, v are fractions of the format, v up, pixel centres at a half."""
    x = maps[..., 0] * display.width - 0.5 + display.x - source_window.x
    y = (1.0 - maps[..., 1]) * display.height - 0.5 + display.y - source_window.y
    warped = cv2.remap(source, np.float32(x), np.float32(y), cv2.INTER_LINEAR)
    return np.asarray(warped, np.float32)


def pair(layers: dict[str, FloatArray], name: str) -> FloatArray:
    return np.stack([layers[f"{name}.R"], layers[f"{name}.G"]], axis=-1)


@pytest.mark.parametrize("yaw", [0.0, -30.0, 45.0])
def test_undone_and_redone_by_the_maps_the_face_is_the_plate_s_again(surface: Surface, yaw: float) -> None:
    plate = frame()
    layers = surface_layers(surface, plate, {3: head(yaw=yaw)}, tracks=[3], wanted=SURFACE_LAYERS)
    unrolled = stmap(plate.rgb, pair(layers, "stmap_inverse"), source_window=WHOLE, display=WHOLE)
    back = stmap(unrolled, pair(layers, "stmap"), source_window=WHOLE, display=WHOLE)
    error = np.abs(back - plate.rgb).max(axis=-1)[layers["face_uv.R"] > 0]
    assert error.size > 15_000
    assert error.mean() < 0.001
    assert np.percentile(error, 99) < 0.004
    # Where the map runs on past the outline, too, but for its very rim.
    rim = cv2.erode(np.uint8(layers["stmap.R"] > 0), np.ones((3, 3), np.uint8)).astype(bool)
    assert rim.sum() > 1.1 * error.size
    assert np.percentile(np.abs(back - plate.rgb).max(axis=-1)[rim], 99) < 0.02


def test_what_an_open_mouth_shows_is_undone_and_redone_too(surface: Surface) -> None:
    points = np.array(head(scale=14.0).points)
    lower = [95, 88, 178, 87, 14, 317, 402, 318, 324]
    chin = (points[:, 1] > points[14, 1]) & (np.abs(points[:, 0] - 240) < 60)
    points[chin, 1] += 25.0
    points[lower, 1] = points[13, 1] + 25.0 * np.sin(np.pi * np.arange(1, 10) / 10)
    face, plate = replace(head(), points=points), frame()
    layers = surface_layers(surface, plate, {1: face}, tracks=[1], wanted=["stmap", "uv"])
    unrolled = stmap(plate.rgb, pair(layers, "stmap_inverse"), source_window=WHOLE, display=WHOLE)
    back = stmap(unrolled, pair(layers, "stmap"), source_window=WHOLE, display=WHOLE)
    top, middle = (round(float(value)) for value in points[13, 1::-1])
    inside = (slice(top + 3, top + 20), slice(middle - 15, middle + 15))
    assert np.abs(back - plate.rgb)[inside].max() < 0.05


def test_nothing_of_face_space_is_folded(surface: Surface) -> None:
    a, b, c = (surface.place[surface.mesh.triangles[:, corner]] for corner in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (area < 1e-9).all()


def test_face_space_stands_still_while_the_face_moves(surface: Surface) -> None:
    plate = frame()
    unrolled = []
    for face in (head(x=150.0), head(x=300.0, y=150.0)):
        moved = Frame(1, np.roll(plate.rgb, int(face.points[4, 0] - 240), axis=1), WHOLE, WHOLE, "ACEScg")
        layers = surface_layers(surface, moved, {1: face}, tracks=[1], wanted=["stmap"])
        unrolled.append(pair(layers, "stmap_inverse"))
    shift = unrolled[1] - unrolled[0]
    inside = (unrolled[0][..., 0] > 0) & (unrolled[1][..., 0] > 0)
    np.testing.assert_allclose(shift[inside], [[150 / 480, -15 / 270]] * int(inside.sum()), atol=1e-5)


def test_values_are_where_the_convention_says(surface: Surface) -> None:
    face = head()
    layers = surface_layers(surface, frame(), {1: face}, tracks=[1], wanted=SURFACE_LAYERS)
    mesh = face_mesh()
    for landmark in (152, 33, 263):  # the chin, the eyes' outer corners
        x, y = (round(float(value)) for value in face.points[landmark, :2])
        y -= 2 if landmark == 152 else 0
        uv = np.array([layers["face_uv.R"][y, x], layers["face_uv.G"][y, x]])
        assert np.abs(uv - mesh.uv[landmark]).max() < 0.03
        np.testing.assert_allclose(pair(layers, "stmap")[y, x], MARGIN + (1 - 2 * MARGIN) * uv, atol=0.01)
    normals = np.stack([layers[f"face_normals.{one}"] for one in "XYZ"], axis=-1)
    on = layers["face_uv.R"] > 0
    np.testing.assert_allclose(np.linalg.norm(normals[on], axis=-1), 1.0, atol=1e-4)
    left, right = normals[:, :240][on[:, :240]], normals[:, 240:][on[:, 240:]]
    assert left[:, 0].mean() < -0.2 < 0.2 < right[:, 0].mean()  # x to the picture's right
    brow = normals[int(face.points[10, 1]) + 3 : int(face.points[9, 1]), 240]
    chin = normals[int(face.points[152, 1]) - 6 : int(face.points[152, 1]) - 2, 240]
    assert brow[:, 1].mean() > 0.1 > -0.1 > chin[:, 1].mean()  # y up
    assert normals[on][:, 2].min() > -0.2  # z to the camera
    nose = tuple(int(value) for value in face.points[4, 1::-1])
    assert layers["face_depth.Z"][nose] == pytest.approx(layers["face_depth.Z"][on].min(), abs=1.0)
    assert (layers["face_confidence.A"][~on] == 0).all()
    assert 0.6 < layers["face_confidence.A"].max() <= 0.8 + 1e-6


def test_what_lies_in_front_takes_confidence_away(surface: Surface) -> None:
    matte = np.zeros((40, 40), np.uint8)
    matte[:, 20:] = 255
    face = head(front=Front(left=200.0, top=95.0, step=2.0, mattes={"hand": matte}))
    found = {
        holdout: surface_layers(surface, frame(), {1: face}, tracks=[1], wanted=["confidence"], holdout=holdout)
        for holdout in ((), ("hand",))
    }
    clear, hidden = (layers["face_confidence.A"] for layers in found.values())
    assert (hidden[110:160, 260:270] == 0).all()
    assert clear[110:160, 260:270].min() > 0.1
    np.testing.assert_array_equal(hidden[:, :220], clear[:, :220])


def test_windows_of_their_own_are_honoured(surface: Surface) -> None:
    face = head(x=200.0, y=140.0)
    whole = surface_layers(surface, frame(), {1: face}, tracks=[1], wanted=SURFACE_LAYERS)
    part = Window(-20, 10, 400, 240)
    some = surface_layers(surface, frame(part, WHOLE), {1: face}, tracks=[1], wanted=SURFACE_LAYERS)
    for name, values in whole.items():
        np.testing.assert_allclose(some[name][:, 20:], values[10:250, :380], atol=2e-4, err_msg=name)
    # A display window that does not start at 0 moves plate and maps alike.
    off = Window(100, 50, 480, 270)
    moved = surface_layers(surface, frame(off), {1: head(x=300.0, y=190.0)}, tracks=[1], wanted=["stmap"])
    for name in moved:
        np.testing.assert_allclose(moved[name], whole[name], atol=2e-4, err_msg=name)


def test_the_nearer_face_is_in_front_and_each_has_its_maps(surface: Surface) -> None:
    faces = {2: head(x=200.0, scale=12.0), 7: head(x=260.0, scale=8.0)}
    layers = surface_layers(surface, frame(), faces, tracks=[2, 7], wanted=SURFACE_LAYERS)
    alone = surface_layers(surface, frame(), {2: faces[2]}, tracks=[2], wanted=SURFACE_LAYERS)
    assert list(layers) == surface_channels(SURFACE_LAYERS, tracks=[2, 7])
    assert list(alone) == surface_channels(SURFACE_LAYERS, tracks=[2])
    np.testing.assert_array_equal(layers["stmap.2.R"], alone["stmap.R"])
    np.testing.assert_array_equal(layers["stmap_inverse.2.G"], alone["stmap_inverse.G"])
    on = alone["face_uv.R"] > 0
    np.testing.assert_array_equal(layers["face_uv.R"][on], alone["face_uv.R"][on])
    assert (layers["face_uv.R"] > 0).sum() > on.sum() + 1000


def test_a_face_that_is_away_or_beyond_the_frame_leaves_zeros(surface: Surface) -> None:
    for faces in ({}, {1: head(x=-900.0)}):
        layers = surface_layers(surface, frame(), faces, tracks=[1], wanted=["stmap", "uv"])
        assert set(layers) == set(surface_channels(["stmap", "uv"], tracks=[1]))
        assert not any(layers[name].any() for name in ("stmap.R", "stmap.G", "face_uv.R", "face_uv.G"))
    assert surface_windows([head(x=-900.0)], WHOLE, wanted=["uv"])[0].is_empty
    nothing = Frame(1, np.zeros((0, 0, 3), np.float32), Window(0, 0, 0, 0), WHOLE, "ACEScg")
    assert surface_layers(surface, nothing, {}, tracks=[1], wanted=["uv"])["face_uv.R"].size == 0


def test_a_render_writes_them_as_data_and_any_chunk_the_same(tmp_path: Path) -> None:
    shot = make_shot(tmp_path, layers=("matte", *SURFACE_LAYERS))
    render(shot)
    folder = Path(shot.output).parent
    whole = digests_of(folder)
    written = read_picture(next(folder.glob("swap*.exr")))
    parts = {part.name: part for part in written.parts}
    assert list(parts)[1:] == ["stmap", "stmap_inverse", "face_uv", "face_normals", "face_depth", "face_confidence"]
    half = {"face_normals", "face_confidence"}
    for name in list(parts)[1:]:
        part: Any = parts[name]
        assert part.spec.get_string_attribute("colorInteropID") == "data"
        assert {block.pixels.dtype.name for block in part.blocks} == {"float16" if name in half else "float32"}
        assert part.data_window == written.data_window
    assert parts["stmap"].channel("stmap.R").any()
    assert parts["stmap_inverse"].channel("stmap_inverse.G").any()
    digests = {row["settings_digest"] for row in rows_of(folder).values()}
    for path in folder.iterdir():
        path.unlink()
    for number in reversed(range(len(whole))):
        render(shot, frames=[sorted(int(name.split(".")[1]) for name in whole)[number]])
    assert digests_of(folder) == whole
    assert {row["settings_digest"] for row in rows_of(folder).values()} == digests
    first: Any = oiio.ImageInput.open(str(next(folder.glob("swap*.exr"))))
    assert first.spec().channelnames[:3] == ("R", "G", "B")
    first.close()
