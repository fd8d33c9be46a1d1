"""Regions on the plate: faces over one another, layers and Cryptomatte read back, resume, chunks, `render`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.pipeline.shot_fakes import (
    ALL,
    HEIGHT,
    WIDTH,
    digests_of,
    face_at,
    fake_analyse,
    leftovers,
    make_shot,
    render,
    rows_of,
    tools,
    write_plate,
)
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import FramesFailedError, UnsupportedImageError, UsageError
from vfx_swap.io.cryptomatte import name_id
from vfx_swap.io.read import read_picture
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.pipeline import regions as rooms
from vfx_swap.pipeline.parse import parse_plate
from vfx_swap.pipeline.regions import Parsing, parse_face, parse_frame, region_layers
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.types import Embedding, Face, Frame, Front, ModelImage, Track, Warp, Window

SKIN, NOSE = region_index("skin"), region_index("nose")


class BoxParser:
    """A face is a box of skin, 12 pixels wide, with a nose in its left half; as large as it says."""

    id = "boxes"

    def __init__(self, *, zoom: float = 1.0) -> None:
        self.zoom = zoom

    def warp_for(self, face: Face, /) -> Warp:
        left, top = np.round(face.points[:, :2].mean(axis=0).astype(np.float64)) - 10.0
        size = round(20 * self.zoom)
        half = 0.5 * self.zoom - 0.5
        matrix = np.array([[self.zoom, 0.0, half - self.zoom * left], [0.0, self.zoom, half - self.zoom * top]])
        return Warp(matrix, size, size)

    def parse(
        self, image: ModelImage, points: FloatArray, /, *, hidden: Mapping[str, FloatArray] | None = None
    ) -> FloatArray:
        assert image.rgb.shape[:2] == (round(20 * self.zoom),) * 2
        middle = points[:, :2].mean(axis=0)
        assert np.abs(middle - 10.0 * self.zoom).max() < 2.0 * self.zoom
        out = np.zeros((19, *image.rgb.shape[:2]), np.float32)
        first, last = round(4 * self.zoom), round(16 * self.zoom)
        out[SKIN, first:last, first:last] = 1.0
        out[NOSE, first:last, first : round(10 * self.zoom)] = 0.25
        out[SKIN] -= out[NOSE]
        out[0] = 1.0 - out[1:].sum(axis=0)
        return out


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "load_model", lambda *_, **__: BoxParser())


def grey(number: int = 1) -> Frame:
    window = Window(0, 0, WIDTH, HEIGHT)
    return Frame(number, np.full((HEIGHT, WIDTH, 3), 0.2, np.float32), window, window, "ACEScg")


def track(id: int, *faces: Face) -> Track:
    return Track(id, {face.frame: face for face in faces}, Embedding("fake", np.ones(4, np.float32)))


def larger(face: Face, by: float) -> Face:
    middle = face.points.mean(axis=0)
    points = (middle + (face.points - middle) * np.float32(by)).astype(np.float32)
    return Face(face.frame, points, face.expression, face.pose, face.confidence, front=face.front)


def test_a_face_s_regions_lie_where_the_face_is() -> None:
    found = parse_face(grey(), face_at(1, 30.0, 20.0), BoxParser(), track_id=7, config=load_config())
    assert found is not None
    skin = np.zeros((HEIGHT, WIDTH), np.float32)
    skin[found.window.slices(Window(0, 0, WIDTH, HEIGHT))] = found.alphas[SKIN] + found.alphas[NOSE]
    wanted = np.zeros_like(skin)
    wanted[14:26, 24:36] = 1.0
    assert np.array_equal(skin, wanted)


@pytest.mark.parametrize("zoom", [3.0, 0.5])
def test_a_crop_of_another_scale_comes_back_to_the_same_place(zoom: float) -> None:
    found = parse_face(grey(), face_at(1, 30.0, 20.0), BoxParser(zoom=zoom), track_id=7, config=load_config())
    assert found is not None
    covered = found.alphas[SKIN] + found.alphas[NOSE]
    rows, columns = np.mgrid[: found.window.height, : found.window.width]
    weight = float(covered.sum())
    assert weight == pytest.approx(144.0, rel=0.08)
    assert float((covered * rows).sum()) / weight + found.window.y == pytest.approx(19.5, abs=0.1)
    assert float((covered * columns).sum()) / weight + found.window.x == pytest.approx(29.5, abs=0.1)
    assert np.abs(found.alphas.sum(axis=0) - 1.0).max() < 1e-5


def test_a_face_outside_the_frame_has_none() -> None:
    assert parse_face(grey(), face_at(1, -90.0, 20.0), BoxParser(), track_id=7, config=load_config()) is None


def test_a_hand_in_front_is_no_region() -> None:
    face = face_at(1, 30.0, 20.0)
    matte = np.zeros((HEIGHT, WIDTH), np.uint8)
    matte[:, :30] = 255
    covered = Face(
        1,
        face.points,
        face.expression,
        face.pose,
        0.9,
        front=Front(left=0.0, top=0.0, step=1.0, mattes={"hand": matte}),
    )
    found = parse_face(grey(), covered, BoxParser(), track_id=7, config=load_config())
    assert found is not None
    left = 30 - found.window.x
    assert not found.alphas[1:, :, : left - 1].any()
    assert found.alphas[SKIN, 10, left + 2] == 1.0
    assert np.abs(found.alphas.sum(axis=0) - 1.0).max() < 1e-6


def test_the_larger_face_lies_in_front() -> None:
    small, large = face_at(1, 24.0, 20.0), larger(face_at(1, 30.0, 20.0), 1.3)
    parsing = Parsing(BoxParser(), (track(1, small), track(2, large)))
    behind, front = parse_frame(grey(), parsing, config=load_config())
    assert (behind.track_id, front.track_id) == (1, 2)
    layers, _ = region_layers([behind, front], parsing, window=grey().data_window, wanted={"regions"})
    assert list(layers) == [f"regions.{name}" for name in REGIONS]
    whole = np.stack(list(layers.values()))
    assert np.abs(whole.sum(axis=0) - 1.0).max() < 1e-6
    assert front.alphas[1:].sum() == 144.0
    assert behind.alphas[1:].sum() == 6.0 * 12.0


def test_cryptomatte_of_two_faces_adds_up() -> None:
    parsing = Parsing(BoxParser(), (track(1, face_at(1, 24.0, 20.0)), track(2, larger(face_at(1, 30.0, 20.0), 1.3))))
    faces = parse_frame(grey(), parsing, config=load_config())
    layers, header = region_layers(faces, parsing, window=grey().data_window, wanted={"cryptomatte"})
    by_region = {name: plane for name, plane in layers.items() if name.startswith("CryptoFaceRegion")}
    ids = np.stack([plane for name, plane in by_region.items() if name[-1] in "RB"])
    covered = np.stack([plane for name, plane in by_region.items() if name[-1] in "GA"])
    for one in faces:
        whole = np.zeros((HEIGHT, WIDTH), np.float32)
        whole[one.window.slices(grey().data_window)] = 1.0 - one.alphas[0]
        shown = [
            np.where(
                layers[f"CryptoPerformer00.{id_}"] == name_id(f"track{one.track_id}"),
                layers[f"CryptoPerformer00.{of}"],
                0,
            )
            for id_, of in ("RG", "BA")
        ]
        np.testing.assert_allclose(sum(shown), whole, atol=1e-6)
        for index, name in enumerate(REGIONS[1:], start=1):
            wanted = np.zeros((HEIGHT, WIDTH), np.float32)
            wanted[one.window.slices(grey().data_window)] = one.alphas[index]
            got = np.where(ids == name_id(f"track{one.track_id}/{name}"), covered, 0.0).sum(axis=0)
            assert np.array_equal(got, wanted), name
    manifests = [set(json.loads(text)) for key, text in header.items() if key.endswith("/manifest")]
    assert manifests == [{f"track{one}/{name}" for one in (1, 2) for name in REGIONS[1:]}, {"track1", "track2"}]


def parsed(folder: Path, **more: Any) -> Any:
    plate = folder / "plates" / "plate.####.exr"
    if not plate.parent.exists():
        write_plate(plate.parent, list(ALL))
    more.setdefault("tools", tools())
    return parse_plate(str(plate), out=str(folder / "out" / "swap.####.exr"), **more)


def planes_of(path: Path) -> dict[str, tuple[str, np.ndarray]]:
    """Channel -> its type and samples, over all parts."""
    out: dict[str, tuple[str, np.ndarray]] = {}
    source: Any = oiio.ImageInput.open(str(path))
    part = 0
    while source.seek_subimage(part, 0):
        spec = source.spec()
        pixels = source.read_image(part, 0, 0, spec.nchannels, "float")
        for index, name in enumerate(spec.channelnames):
            out[str(name)] = (str(spec.channelformat(index)), pixels[..., index])
        part += 1
    source.close()
    return out


@pytest.mark.usefixtures("boxes")
def test_parse_writes_nineteen_layers_over_the_plate(tmp_path: Path) -> None:
    report = parsed(tmp_path)
    assert (report.rendered, report.skipped, report.without_face, report.warnings) == (ALL, (), (), ())
    planes = planes_of(tmp_path / "out" / "swap.0001.exr")
    assert {name for name in planes if name.startswith("regions.")} == {f"regions.{name}" for name in REGIONS}
    assert {kind for kind, _ in planes.values()} == {"half"}
    skin, nose = planes["regions.skin"][1], planes["regions.nose"][1]
    wanted = np.zeros((HEIGHT, WIDTH), np.float32)
    wanted[14:26, 14:26] = 1.0
    assert np.array_equal(skin + nose, wanted)
    assert np.array_equal(planes["regions.background"][1], 1.0 - wanted)  # also where nobody looked
    plate = read_picture(tmp_path / "plates" / "plate.0001.exr")
    out = read_picture(tmp_path / "out" / "swap.0001.exr")
    assert np.array_equal(out.native_rgb.view(np.uint16), plate.native_rgb.view(np.uint16))
    assert (out.data_window, out.display_window) == (plate.data_window, plate.display_window)
    assert leftovers(tmp_path) == []
    header = json.loads(out.rgb_part.spec.get_string_attribute("vfx_swap/render"))
    assert header["engine"] == "boxes"
    assert header["identities"] == []


@pytest.mark.usefixtures("boxes")
def test_cryptomatte_is_float_in_a_part_of_its_own_and_decodes(tmp_path: Path) -> None:
    parsed(tmp_path, layers=["cryptomatte"])
    path = tmp_path / "out" / "swap.0002.exr"
    planes = planes_of(path)
    names = [name for name in planes if name.startswith("CryptoFaceRegion")]
    assert names == [f"CryptoFaceRegion0{layer}.{one}" for layer in range(3) for one in "RGBA"]
    assert {planes[name][0] for name in names} == {"float"}
    ids, covered = planes["CryptoFaceRegion00.R"][1], planes["CryptoFaceRegion00.G"][1]
    assert ids[20, 23] == name_id("track1/skin")
    assert covered[20, 23] == 1.0
    second = planes["CryptoFaceRegion00.B"][1], planes["CryptoFaceRegion00.A"][1]
    assert covered[20, 17] == 0.75
    assert (second[0][20, 17], second[1][20, 17]) == (name_id("track1/nose"), 0.25)
    assert not any(planes[name][1][0].any() for name in names)
    source: Any = oiio.ImageInput.open(str(path))
    assert source.seek_subimage(0, 0)
    layers = [one.value for one in source.spec().extra_attribs if one.name.endswith("/name")]
    assert sorted(layers) == ["CryptoFaceRegion", "CryptoPerformer"]
    assert source.seek_subimage(1, 0)
    said = {str(one.name): one.value for one in source.spec().extra_attribs if one.name.startswith("cryptomatte/")}
    compression = source.spec().get_string_attribute("compression")
    source.close()
    key = {name.rpartition("/")[0] for name in said}
    assert len(key) == 1
    assert len(key.pop().partition("/")[2]) == 7
    assert sorted(value for name, value in said.items() if not name.endswith("manifest")) == [
        "CryptoFaceRegion",
        "MurmurHash3_32",
        "uint32_to_float32",
    ]
    assert compression.startswith("zip")


@pytest.mark.usefixtures("boxes")
def test_what_is_current_is_skipped_and_chunks_give_the_same_bits(tmp_path: Path) -> None:
    parsed(tmp_path / "whole", layers=["regions", "cryptomatte"])
    whole = digests_of(tmp_path / "whole" / "out")
    assert len(whole) == len(ALL)
    for chunk in ((1, 2), (3,), (4, 5, 6)):
        parsed(tmp_path / "chunks", layers=["regions", "cryptomatte"], wanted=chunk)
    assert digests_of(tmp_path / "chunks" / "out") == whole
    again = parsed(tmp_path / "whole", layers=["regions", "cryptomatte"])
    assert (again.rendered, again.skipped) == ((), ALL)
    other = parsed(tmp_path / "whole", layers=["regions"])
    assert other.rendered == ALL


def test_another_parser_writes_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = BoxParser()
    monkeypatch.setattr(rooms, "load_model", lambda *_, **__: parser)
    parsed(tmp_path)
    parser.id = "better boxes"
    assert parsed(tmp_path).rendered == ALL


@pytest.mark.usefixtures("boxes")
def test_a_moved_face_is_written_anew(tmp_path: Path) -> None:
    parsed(tmp_path)
    path = tmp_path / "out" / "swap.tracks.json"
    document = json.loads(path.read_text())
    document["edited"] = True
    frame = next(face for face in document["tracks"][0]["faces"] if face["frame"] == 3)
    frame["points"] = [[x + 4.0, y, z] for x, y, z in frame["points"]]
    path.write_text(json.dumps(document))
    assert parsed(tmp_path).rendered == (3,)


@pytest.mark.usefixtures("boxes")
def test_frames_without_a_face_are_the_plate_with_empty_layers(tmp_path: Path) -> None:
    report = parsed(tmp_path, tools=tools(analyse=fake_analyse(absent=[4])), layers=["regions", "cryptomatte"])
    assert report.without_face == (4,)
    assert report.warnings == ("no face in frame 4: the plate as it is",)
    planes = planes_of(tmp_path / "out" / "swap.0004.exr")
    assert set(planes) == set(planes_of(tmp_path / "out" / "swap.0001.exr"))
    assert planes["regions.background"][1].min() == 1.0
    assert not planes["regions.skin"][1].any()
    nobody = parsed(tmp_path / "empty", tools=tools(analyse=fake_analyse(faces=False)))
    assert nobody.rendered == ALL


@pytest.mark.usefixtures("boxes")
def test_a_broken_frame_fails_alone(tmp_path: Path) -> None:
    write_plate(tmp_path / "plates", list(ALL))
    (tmp_path / "plates" / "plate.0003.exr").write_bytes(b"no picture")
    with pytest.raises(FramesFailedError) as caught:
        parsed(tmp_path)
    assert [one.frame for one in caught.value.failures] == [3]
    assert len(digests_of(tmp_path / "out")) == len(ALL) - 1


@pytest.mark.parametrize("out", ["out.png", "out.mov"])
def test_only_exr_holds_layers(tmp_path: Path, out: str) -> None:
    pattern = write_plate(tmp_path / "plates", [1])
    with pytest.raises(UnsupportedImageError, match="layers"):
        parse_plate(pattern, out=str(tmp_path / out), tools=tools())


def test_an_unknown_parser_is_refused_before_faces_are_looked_for(tmp_path: Path) -> None:
    calls: list[int] = []
    with pytest.raises(UsageError, match="landmark-parser"):
        parsed(tmp_path, engine="phrenology", tools=tools(analyse=fake_analyse(calls=calls)))
    assert calls == []


@pytest.mark.usefixtures("boxes")
def test_render_writes_the_layers_of_cast_faces_and_swaps_as_without(tmp_path: Path) -> None:
    def analyse(plate: Any, **more: Any) -> Tracks:
        found = fake_analyse()(plate, **more)
        far = {number: face_at(number, 50.0, 36.0) for number in plate.shot_frames}
        return Tracks(tracks=(*found.tracks, track(2, *far.values())), frames=found.frames)

    quick = tools(analyse=analyse)
    render(make_shot(tmp_path / "plain"), tools=quick)
    shot = make_shot(tmp_path / "with", layers=["regions", "cryptomatte", "matte"])
    report = render(shot, tools=quick)
    assert report.rendered == ALL
    assert rows_of(tmp_path / "with" / "out")[2]["metrics"]["parsed"] == 1
    for number in ALL:
        bare = read_picture(tmp_path / "plain" / "out" / f"swap.{number:04d}.exr").native_rgb
        planes = planes_of(tmp_path / "with" / "out" / f"swap.{number:04d}.exr")
        rgb = read_picture(tmp_path / "with" / "out" / f"swap.{number:04d}.exr").native_rgb
        assert np.array_equal(rgb.view(np.uint16), bare.view(np.uint16))
        assert planes["regions.skin"][1][14:26].any()
        assert not planes["regions.skin"][1][30:].any()  # nobody is cast there
        assert planes["CryptoFaceRegion00.G"][1].any()
    part = read_picture(tmp_path / "with" / "out" / "swap.0001.exr").rgb_part
    assert json.loads(part.spec.get_string_attribute("vfx_swap/render"))["parser"] == "boxes"
    assert render(shot, tools=quick).skipped == ALL
