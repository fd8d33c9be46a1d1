"""A shot from settings to files: resume, failures, consent; with quick stand-ins for models and swapper."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import (
    ALL,
    HEIGHT,
    WIDTH,
    digests_of,
    face_at,
    fake_analyse,
    fake_engine,
    fake_swap,
    make_identity,
    make_shot,
    render,
    rows_of,
    tools,
    write_exr,
)
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig, load_config
from vfx_swap.comp.motion import Travel
from vfx_swap.errors import (
    NoFaceError,
)
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.shot import RENDER_REVISION
from vfx_swap.pipeline.shot_tracks import analyse_plate
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.settings import Shot
from vfx_swap.types import Window


def test_a_shot_is_written_with_its_log_and_tracks(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    report = render(shot)
    out = tmp_path / "out"
    assert report.rendered == ALL
    assert (report.skipped, report.without_face) == ((), ())
    assert sorted(path.name for path in out.iterdir()) == [
        "sh010.render.json",
        "sh010.tracks.json",
        *(f"swap.{number:04d}.exr" for number in ALL),
    ]
    row = rows_of(out)[3]
    assert row["output"] == "swap.0003.exr"
    assert row["metrics"]["faces"] == 1
    assert set(row["seconds"]) == {"read", "swap", "write"}
    assert len({rows_of(out)[number]["settings_digest"] for number in ALL}) == len(ALL)


def test_pixels_outside_the_matte_are_the_plates_and_inside_the_swappers(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    plate = read_picture(tmp_path / "plates" / "plate.0002.exr").native_rgb
    out = read_picture(tmp_path / "out" / "swap.0002.exr").native_rgb
    box = (slice(14, 26), slice(15, 27))
    assert np.array_equal(out[box], (plate[box].astype(np.float32) * 0.5).astype(np.float16))
    rest = np.ones(plate.shape[:2], bool)
    rest[box] = False
    assert np.array_equal(out[rest].view(np.uint16), plate[rest].view(np.uint16))


def test_only_what_faces_touch_is_converted_and_nothing_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[Window] = []

    def look(frame: Any, cast: Any, **more: Any) -> Any:
        windows.append(frame.data_window)
        return fake_swap(frame, cast, **more)

    shot = make_shot(tmp_path, layers=("matte", "patch"))
    render(shot, tools=tools(swap_frame=look))
    touched = digests_of(tmp_path / "out")
    monkeypatch.setattr("vfx_swap.pipeline.render_steps._touched", lambda cast, plate: plate)
    render(shot, tools=tools(swap_frame=look), overwrite=True)
    assert digests_of(tmp_path / "out") == touched
    parts, wholes = windows[: len(ALL)], windows[len(ALL) :]
    assert all(window.width < 40 and window.height < 40 for window in parts)
    assert all((window.width, window.height) == (WIDTH, HEIGHT) for window in wholes)


def test_every_face_comes_with_the_way_to_rec709(tmp_path: Path) -> None:
    seen: list[Any] = []

    def look(frame: Any, cast: Any, **more: Any) -> Any:
        seen.extend(one.to_rec709 for one in cast)
        return fake_swap(frame, cast, **more)

    render(make_shot(tmp_path), tools=tools(swap_frame=look))
    wanted = load_config().matrix(source="ACEScg", destination=LINEAR_REC709)
    assert len(seen) == len(ALL)
    assert all(np.array_equal(one, wanted) for one in seen)


def test_the_header_says_what_made_the_frame_and_nothing_of_day_or_machine(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    text = read_picture(tmp_path / "out" / "swap.0002.exr").rgb_part.spec.get_string_attribute("vfx_swap/render")
    header = json.loads(text)
    assert header["settings_digest"] == rows_of(tmp_path / "out")[2]["settings_digest"]
    assert header["engine"] == "reprojection"
    assert header["models"] == {"fake/x": "1"}
    assert header["identities"][0]["consent_id"].startswith("public-domain-")
    assert set(header) == {"schema", "version", "engine", "arithmetic", "models", "identities", "settings_digest"}
    assert str(tmp_path) not in text


def test_the_same_shot_in_another_place_and_at_another_time_is_the_same_bits(tmp_path: Path) -> None:
    one, two = make_shot(tmp_path / "one"), make_shot(tmp_path / "two")
    render(one)
    render(two, today=date(2027, 1, 1))
    assert digests_of(tmp_path / "one" / "out") == digests_of(tmp_path / "two" / "out")


def test_a_second_run_renders_nothing(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    analysed: list[int] = []
    render(shot, tools=tools(analyse=fake_analyse(calls=analysed)))
    before = digests_of(tmp_path / "out")

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a current frame was rendered")

    report = render(shot, tools=tools(swap_frame=refuse, analyse=fake_analyse(calls=analysed)))
    assert report.skipped == ALL
    assert digests_of(tmp_path / "out") == before
    assert len(analysed) == 1


def test_overwrite_renders_every_frame_again(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    assert render(shot, overwrite=True).rendered == ALL


def _spoil_output(folder: Path, shot: Shot) -> Shot:
    (folder / "out" / "swap.0003.exr").write_bytes(b"spoilt")
    return shot


def _remove_output(folder: Path, shot: Shot) -> Shot:
    (folder / "out" / "swap.0003.exr").unlink()
    return shot


def _repaint_plate(folder: Path, shot: Shot) -> Shot:
    path = folder / "plates" / "plate.0003.exr"
    pixels = read_picture(path).native_rgb.copy()
    pixels[40, 60] += 0.25  # outside every face
    write_exr(path, pixels)
    return shot


def _forget_row(folder: Path, shot: Shot) -> Shot:
    path = folder / "out" / "sh010.render.json"
    lines = [line for line in path.read_text().splitlines() if '"frame":3,' not in line]
    path.write_text("\n".join(lines))
    return shot


@pytest.mark.parametrize("change", [_spoil_output, _remove_output, _repaint_plate, _forget_row])
def test_what_changed_in_one_frame_renders_that_frame_only(tmp_path: Path, change: Any) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    report = render(change(tmp_path, shot))
    assert report.rendered == (3,)
    assert report.skipped == (1, 2, 4, 5, 6)


def _stronger(folder: Path, shot: Shot) -> Any:
    return shot.model_copy(update={"cast": (shot.cast[0].model_copy(update={"strength": 0.5}),)}), tools()


def _other_identity(folder: Path, shot: Shot) -> Any:
    make_identity(folder / "who.identity", shade=0.5)
    return shot, tools()


def _other_model(folder: Path, shot: Shot) -> Any:
    return shot, tools(open_engine=fake_engine({"fake/x": "2"}))


def _with_layers(folder: Path, shot: Shot) -> Any:
    return shot.model_copy(update={"write": shot.write.model_copy(update={"layers": ("matte",)})}), tools()


def _matte(folder: Path, shot: Shot) -> Any:
    return shot.model_copy(update={"matte": shot.matte.model_copy(update={"feather": 0.2})}), tools()


def _other_ocio_config(folder: Path, shot: Shot) -> Any:
    return shot, tools(load_config=lambda: replace(load_config(), digest="another"))


class _OtherLut(ColourConfig):
    """The same text, another LUT behind it."""

    def conversion_digest(self, *, source: str, destination: str) -> str:
        return "another"


def _other_lut(folder: Path, shot: Shot) -> Any:
    config = load_config()
    return shot, tools(load_config=lambda: _OtherLut(**vars(config)))


def _other_name(folder: Path, shot: Shot) -> Any:
    for kind in ("render", "tracks"):  # as if moved by hand
        (folder / "out" / f"sh010.{kind}.json").rename(folder / "out" / f"sh020.{kind}.json")
    return shot.model_copy(update={"name": "sh020"}), tools()


@pytest.mark.parametrize(
    "change",
    [_stronger, _other_identity, _other_model, _with_layers, _matte, _other_ocio_config, _other_lut, _other_name],
)
def test_what_changes_every_frame_renders_every_frame(tmp_path: Path, change: Any) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    changed, with_tools = change(tmp_path, shot)
    assert render(changed, tools=with_tools).rendered == ALL


def test_a_new_render_revision_renders_every_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    monkeypatch.setattr("vfx_swap.pipeline.shot_digest.RENDER_REVISION", RENDER_REVISION + 1)
    assert render(shot).rendered == ALL


def edit_frame(path: Path, number: int, *, old: str, new: str) -> None:
    lines = path.read_text().splitlines()
    at = next(index for index, line in enumerate(lines) if f'"frame": {number},' in line and '"points"' in line)
    assert old in lines[at]
    lines[at] = lines[at].replace(old, new, 1)
    path.write_text("\n".join(lines) + "\n")


def test_an_edit_of_one_face_in_the_tracks_renders_that_frame_only(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    edit_frame(tmp_path / "out" / "sh010.tracks.json", 4, old='"points": [[', new='"points": [[1')
    assert render(shot).rendered == (4,)


def test_a_face_moved_in_the_tracks_renders_the_frames_beside_it_too(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    edit_frame(tmp_path / "out" / "sh010.tracks.json", 4, old='"move": [0, 0]', new='"move": [3, 0]')
    assert render(shot).rendered == (3, 4, 5)  # how far theirs goes until then is another


def test_every_face_is_swapped_with_the_way_that_its_track_goes(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    seen: dict[int, Travel | None] = {}

    def analyse(plate: Any, **more: Any) -> Tracks:
        tracks = fake_analyse()(plate, **more)
        places = {1: (20.0, 20.0), 2: (21.0, 20.0), 3: (24.0, 26.0), 5: (30.0, 20.0), 6: (40.0, 22.0)}
        faces = {number: face_at(number, *place) for number, place in places.items()}
        return replace(tracks, tracks=(replace(tracks.tracks[0], faces=faces),), cuts=(6,))

    def look(frame: Any, cast: Any, **more: Any) -> Any:
        seen.update((frame.number, one.travel) for one in cast)
        return tools().swap_frame(frame, cast, **more)

    render(shot, tools=tools(analyse=analyse, swap_frame=look))
    assert set(seen) == {1, 2, 3, 5, 6}
    ways = {number: None if way is None else (way.x_pixels, way.y_pixels) for number, way in seen.items()}
    assert ways[1] == pytest.approx((2.0, 0.0), abs=0.02)
    assert ways[2] == pytest.approx((4.0, 6.0), abs=0.02)
    assert ways[3] == pytest.approx((6.0, 12.0), abs=0.02)
    assert ways[5] is None  # alone between a frame without it and a cut
    assert ways[6] is None


def test_an_edit_of_one_face_renders_every_frame_where_the_track_is_reshaped(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    shot = shot.model_copy(update={"cast": (shot.cast[0].model_copy(update={"reshape": 0.5}),)})
    render(shot)
    path = tmp_path / "out" / "sh010.tracks.json"
    path.write_text(path.read_text().replace('"points": [[', '"points": [[1', 1))
    assert render(shot).rendered == ALL


def test_a_track_that_is_not_in_a_frame_still_has_its_layer_there(tmp_path: Path) -> None:
    shot = make_shot(tmp_path, layers=("matte",))
    shot = shot.model_copy(update={"cast": (shot.cast[0].model_copy(update={"position": "all"}),)})
    render(shot)

    def two(plate: Any, **more: Any) -> Tracks:
        tracks = fake_analyse()(plate, **more)
        late = {number: face for number, face in tracks.tracks[0].faces.items() if number > 3}
        return replace(tracks, tracks=(*tracks.tracks, replace(tracks.tracks[0], id=2, faces=late)))

    (tmp_path / "out" / "sh010.tracks.json").unlink()
    assert render(shot, tools=tools(analyse=two)).rendered == ALL
    for number in (1, 6):
        channels = read_picture(tmp_path / "out" / f"swap.{number:04d}.exr").rgb_part.channels
        assert {"matte.1.A", "matte.2.A"} <= set(channels)


def test_what_stands_in_for_a_missing_frame_is_analysed_anew(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    calls: list[int] = []
    counted = tools(analyse=fake_analyse(calls=calls))
    for missing in ("hold", "black"):  # nothing is missing: the tracks hold
        render(shot.model_copy(update={"missing": missing}), tools=counted)
    assert len(calls) == 1
    (tmp_path / "plates" / "plate.0003.exr").unlink()
    for expected, missing in ((2, "hold"), (2, "hold"), (3, "black"), (4, "hold")):
        render(shot.model_copy(update={"missing": missing}), tools=counted)
        assert len(calls) == expected


def test_another_lut_is_analysed_anew(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    calls: list[int] = []
    render(shot, tools=tools(analyse=fake_analyse(calls=calls)))
    config = load_config()
    render(shot, tools=tools(analyse=fake_analyse(calls=calls), load_config=lambda: _OtherLut(**vars(config))))
    assert len(calls) == 2


def test_the_analyse_pass_sees_the_whole_shot_whatever_range_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def analyse(frames: Any, **_: Any) -> Any:
        seen.extend(frame.number for frame in frames)
        return Tracks(tracks=(), frames=tuple(seen))

    monkeypatch.setattr("vfx_swap.pipeline.shot_tracks.analyse", analyse)
    with pytest.raises(NoFaceError):
        render(make_shot(tmp_path), frames=[5], tools=tools(analyse=analyse_plate))
    assert seen == list(ALL)
