"""The extension in real Blender, against a real server with quick workers: pixels through node, takes, save, reload."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hosts.blender.blenders import BLENDERS, Blender, blender_of, extension, pixels
from tests.pipeline.shot_fakes import make_identity, make_shot
from tests.service.quick_server import quick_server
from vfx_swap.pipeline.consent import consent_from_options
from vfx_swap.settings import Shot

pytestmark = pytest.mark.blender


@pytest.fixture(scope="module", params=sorted(BLENDERS))
def venv(request: pytest.FixtureRequest) -> Path:
    return blender_of(request.param)


@pytest.fixture(scope="module")
def shows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server may read and write; a folder for each test, its name with a space and a letter beyond ASCII."""
    return tmp_path_factory.mktemp("blender") / "shöw dir"


@pytest.fixture(scope="module")
def server(shows: Path) -> Iterator[str]:
    with quick_server(shows, seconds=0.03) as served:
        yield served.address


@pytest.fixture
def blender(venv: Path, server: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Blender:
    return Blender(venv, extension(tmp_path_factory.getbasetemp() / venv.name, venv), server, tmp_path)


@pytest.fixture
def shot(shows: Path, request: pytest.FixtureRequest) -> Shot:
    name = "".join(one if one.isalnum() else "_" for one in request.node.name)
    return make_shot(shows / name)


def given(shot: Shot) -> dict[str, Any]:
    """What most scenarios are called with."""
    return {
        "show": str(Path(shot.plate).parent.parent),
        "identity": shot.cast[0].identity,
        "plate": shot.plate.replace("####", "0001"),
    }


def result(pattern: str, frame: int) -> np.ndarray:
    """A frame that the server wrote: (height, width, 3)."""
    return pixels(Path(pattern.replace("####", f"{frame:04d}")))


def same(path: str, wanted: np.ndarray) -> None:
    """Blender's picture has these halves, bit for bit; a NaN is a NaN, for an infinity it writes the largest half."""
    finite = np.where(np.isinf(wanted), np.copysign(np.float16(65504), wanted), wanted)
    np.testing.assert_array_equal(pixels(Path(path))[..., :3], finite[..., :3])


def test_a_node_renders_its_range_and_lasts(blender: Blender, shot: Shot) -> None:
    told = blender.run("node_range", **given(shot))
    plate = {frame: result(shot.plate, frame) for frame in range(1, 7)}
    assert "Choose an identity" in told["nobody"]
    assert {"vs:engine", "vs:lighting.exposure_stops", "vs:cast.strength", "vs:matte.feather"} <= set(told["knobs"])
    assert not pixels(Path(told["before"])).any()  # black, so that nobody takes the plate for a result
    assert "frame 3 has no result" in told["said_before"]
    same(told["plate_for_missing"], plate[3])
    assert (told["rendered"], told["version"]) == (["FINISHED"], 1)
    assert told["result"].endswith("_v001.####.exr")
    for frame, path in zip(range(1, 7), told["after"], strict=True):
        wanted = result(told["result"], frame)
        same(path, wanted)
        assert not np.array_equal(wanted, plate[frame], equal_nan=True)
    same(told["off"], plate[3])
    changed = (result(told["result"], 3) != plate[3]).any(axis=-1) & ~np.isnan(plate[3]).any(axis=-1)
    matte = pixels(Path(told["Matte"]))[..., 0]
    assert ((matte == 0) | (matte == 1)).all()
    assert matte[changed].all()
    assert 0 < changed.sum() <= matte.sum() < matte.size
    same(told["Patch"], np.where(matte[..., None] > 0, result(told["result"], 3), 0))
    assert told["on_disk_again"] == "VfxSwapNode"  # the open file has it back after the save
    assert told["kept"] == [0.5, shot.cast[0].identity, "Vfx Swap"]
    assert told["label"].endswith("(out of date)")
    assert not pixels(Path(told["stale"])).any()
    assert told["fresh_label"] == "Vfx Swap: who"
    same(told["reloaded"], result(told["result"], 3))
    opens_without_the_add_on(blender, shot, told)


def opens_without_the_add_on(blender: Blender, shot: Shot, told: dict[str, Any]) -> None:
    """The file that the node's scenario saved: elsewhere, and back."""
    show = str(Path(shot.plate).parent.parent)
    bare = blender.run("without_add_on", install=False, show=show)
    assert "NodeUndefined" not in bare["kinds"]
    same(bare["picture"], result(told["result"], 3))
    back = blender.run("back_again", show=show)
    assert back["identity"] == shot.cast[0].identity
    same(back["picture"], result(told["result"], 3))
    assert back["found"] == told["result"]
    assert back["trees"] == 2
    assert "CompositorNodeGroup" in back["kinds"]
    assert "VfxSwapNode" not in back["kinds"]


def test_frames_are_made_when_blender_renders_them(blender: Blender, shot: Shot) -> None:
    told = blender.run("at_render", **given(shot))
    second, third, pattern = told["first"]
    same(second, result(pattern, 2))
    same(third, result(pattern, 3))
    assert not Path(pattern.replace("####", "0004")).exists()  # lazy: nobody asked for it
    changed, other = told["second"]
    assert other.endswith("_v002.####.exr")  # other settings never go over what is there
    same(changed, result(other, 2))
    assert told["third"][1].endswith("_v003.####.exr")
    assert "press Render Range" in told["not_a_file"][1]
    assert not pixels(Path(told["not_a_file"][0])).any()
    assert told["range"] == ["FINISHED"]
    picture, trouble, flipped = told["flipped"]
    assert trouble == ""
    same(picture, result(flipped, 2))
    made = next(Path(flipped).parent.glob("*_plate.0002.exr"))
    same(str(made), result(shot.plate, 2)[:, ::-1])
    assert told["range_again"] == [["FINISHED"], flipped]  # the same plate again makes no new version
    assert told["settings_back"] == [True, True]


def test_the_sequencer_lays_takes_that_are_chosen_and_removed(blender: Blender, shot: Shot) -> None:
    told = blender.run("sequencer", **given(shot))
    assert told["regenerated"] == ["FINISHED"]
    assert told["strips"] == [["sh010", 1, True, 12, 14], ["sh010 v001", 2, False, 12, 14]]
    assert [name.rpartition("v001.")[2] for name in told["elements"]] == [f"000{one}.exr" for one in (2, 3, 4, 5)]
    assert (told["note"]["identity"], told["note"]["frames"]) == (shot.cast[0].identity, [2, 5])
    for path, frame in zip(told["shown"], (3, 4), strict=True):
        same(path, result(told["note"]["result"], frame))
    same(told["original"], result(shot.plate, 3))
    assert told["two"] == [["sh010", 1, True], ["sh010 v001", 2, True], ["sh010 v002", 3, False]]
    same(told["second"], result(told["note"]["result"].replace("_v001", "_v002"), 3))
    same(told["first_again"], result(told["note"]["result"], 3))
    assert told["one_left"] == [["sh010", True], ["sh010 v002", False]]
    assert told["none_left"] == [["sh010", False]]
    assert "is no take" in told["no_take"]
    assert "nobody" in told["no_strip"]


def write_movie(path: Path, frames: int) -> str:
    """A grey that rises by the frame, as BT.709 video; returns its path."""
    import av

    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("libx264", rate=24, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 + 20 * number, np.uint8), "rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
            movie.mux(stream.encode(picture))
        movie.mux(stream.encode())
    return str(path)


def test_a_movie_as_a_strip_and_as_a_nodes_plate(blender: Blender, shot: Shot) -> None:
    """Its first frame is 1 for us and for Blender; Blender decodes it within two of its codes as we do."""
    movie = write_movie(Path(shot.plate).with_name("plate.mp4"), 8)
    told = blender.run("movies", **{**given(shot), "plate": movie})
    assert (told["rendered"], told["regenerated"]) == (["FINISHED"], ["FINISHED"])
    assert told["elements"] == [f"{told['note']['result'].rpartition('/')[2][:-8]}000{one}.exr" for one in (2, 3, 4, 5)]
    assert told["range"] == [12, 14, False, True]
    here = pixels(Path(told["plate"]))[..., :3]
    code, next_code = ((40 + 20 * number) / 255 for number in (3, 4))  # of the movie's frame 4, the fourth
    result_4, take = (pixels(Path(one))[..., :3] for one in (told["node"][1], told["shown"]))
    plain = result(told["node"][0], 4)[..., :3]
    outside = ~pixels(Path(told["matte"]))[..., 0].astype(bool)
    assert 0 < outside.sum() < outside.size
    assert np.abs(plain[outside] - code).max() < 0.5 * (next_code - code)
    slack = 0.1 * float(here.mean())  # two codes of 8 bits, in light
    for shown in (result_4, take):
        np.testing.assert_allclose(shown[outside], here[outside], rtol=0, atol=slack)
        assert np.abs(shown - here)[~outside].max() > slack
    np.testing.assert_array_equal(pixels(Path(told["original"]))[..., :3], here)


def test_a_sequence_of_the_image_editor(blender: Blender, shot: Shot) -> None:
    told = blender.run("image", **given(shot))
    assert told["rendered"] == ["FINISHED"]
    assert told["status"].startswith("3 of 3 frames")
    assert len(told["images"]) == 2
    frames = sorted(path.name for path in Path(told["result"]).parent.glob("*.exr"))
    assert [name[-8:] for name in frames] == ["0002.exr", "0003.exr", "0004.exr"]


def test_troubles_are_told_where_the_artist_looks(blender: Blender, shot: Shot) -> None:
    over = consent_from_options(
        who="A Producer", scope="tests", expires=date(2020, 1, 2), performer="who", valid_from=date(2020, 1, 1)
    )
    expired = make_identity(Path(shot.plate).parent.parent / "over.identity", consent=over)
    told = blender.run("troubles", **given(shot), expired=expired)
    assert "2020-01-02" in told["consent"]
    assert "nothing" in told["choice"]
    assert told["chosen"] == ["none", "hair,hand"]
    assert "/nowhere/vfx-swap" in told["agent"]
    assert (told["then"], told["trouble"]) == (["FINISHED"], "")


def test_work_is_cancelled_and_taken_up_again(blender: Blender, shot: Shot) -> None:
    told = blender.run("cancelled", **given(shot))
    assert "under way already" in told["under_way"]
    assert told["cancelled"] == [True, "", ""]
    assert told["made"] != [str(frame) for frame in range(1, 7)]
    assert told["record"]
    assert told["taken_up"] == ["FINISHED"]
    assert told["status"].startswith("6 of 6 frames")
    assert told["job"] == ""
    assert pixels(Path(told["picture"])).any()


def test_light_of_the_scene(blender: Blender, shot: Shot) -> None:
    told = blender.run("lights", show=str(Path(shot.plate).parent.parent))
    assert told["done"] == ["FINISHED"]
    sun, key = told["lights"]
    assert (sun["azimuth_degrees"], sun["elevation_degrees"]) == pytest.approx((90.0, 0.0), abs=1e-3)
    assert (key["azimuth_degrees"], key["elevation_degrees"]) == pytest.approx((0.0, 0.0), abs=1e-3)
    # 100 W at 2 m, straight on: 100 / (4 pi) W/m2 on a face that looks there; the sun grazes it, the HDRI adds pi.
    straight = 100.0 / (4.0 * np.pi)
    assert key["intensity"] == pytest.approx(straight / (straight + np.pi), rel=1e-3)
    bright = 0.2126 + 0.5 * (0.7152 + 0.0722)
    assert sun["intensity"] / key["intensity"] == pytest.approx(2.0 * bright / straight, rel=1e-3)
    assert sun["colour"] == pytest.approx([1 / bright, 0.5 / bright, 0.5 / bright], abs=1e-4)
    assert [text.partition(":")[0] for text in told["left_out"]] == ["away", "behind", "bulb"]
    # The HDRI's middle is +X, 90 degrees to the right of where the camera looks; a Mapping of 30 turns it 30 further.
    assert told["environment"][0].endswith("set.exr")
    assert told["environment"][1] == pytest.approx(120.0, abs=1e-3)
    assert not told["unasked"], "sent to a vfx-swap that was not asked whether it takes them"
    assert told["honoured"]
    assert told["sent"]
    assert "no camera" in told["no_camera"]
