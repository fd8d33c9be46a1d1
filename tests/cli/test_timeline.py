"""`vfx-swap timeline` as people and programs meet it; engines and models are stand-ins."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.pipeline.shot_fakes import fake_analyse, make_identity
from tests.pipeline.timeline_plates import FILM, clip, gap, number_in, plate_of, quick_tools, sequence, timeline_of
from tests.service.servers import served_from_a_thread
from vfx_swap.cli.app import run
from vfx_swap.pipeline import timeline as timeline_module

HOUR = 3600 * 24


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    real = timeline_module.render_edit
    monkeypatch.setattr(timeline_module, "render_edit", functools.partial(real, tools=quick_tools()))


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    """Two clips of one plate, ten hours into the day."""
    folder = plate_of(tmp_path / "show" / "plate", range(1001, 1031))
    make_identity(tmp_path / "show" / "who.identity")
    of = functools.partial(sequence, folder, 1001, 30, start=10 * HOUR, rate=FILM)
    made = timeline_of(
        [
            clip("one", of(), 10 * HOUR + 4, 4, rate=FILM),
            gap(2, rate=FILM),
            clip("two", of(), 10 * HOUR + 6, 4, rate=FILM),
        ],
        start=HOUR,
        rate=FILM,
    )
    otio.adapters.write_to_file(made, str(tmp_path / "show" / "edit.otio"))
    return tmp_path / "show" / "edit.otio"


def arguments(edit: Path, out: str = "new.otio") -> list[str]:
    who = str(edit.parent / "who.identity")
    return [
        "timeline",
        str(edit),
        "--identity",
        who,
        "--reshape",
        "0",
        "--out",
        str(edit.parent / out),
        "--handles",
        "1",
    ]


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("quick")
def test_a_timeline_is_told_planned_rendered_and_resumed(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments(edit), "--plan", "--json"]) == 0
    planned = events(capsys)
    assert [(one["event"], one["first"], one["last"]) for one in planned] == [("stretch", 1004, 1011)]
    assert planned[0]["clips"] == ["V1, clip 1 'one'", "V1, clip 3 'two'"] or len(planned[0]["clips"]) == 2
    assert not (edit.parent / "new.otio").exists()

    assert run([*arguments(edit), "--json"]) == 0
    told = events(capsys)
    assert [one["done"] for one in told if one["event"] == "frame" and one["stage"] == "render"][-1] == 8
    assert (told[-1]["event"], told[-1]["rendered"], told[-1]["reference"]) == ("done", 8, "vfx_swap_v001")
    assert len(list((edit.parent / "new_media").rglob("*.exr"))) == 8

    assert run(arguments(edit)) == 0
    said = capsys.readouterr()
    assert "0 frames rendered for 2 clips, 8 were current" in said.out
    assert str(edit.parent / "new.otio") in said.out


def test_a_server_renders_and_the_timeline_is_written_here(
    edit: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("rendered here")

    real = timeline_module.render_edit
    monkeypatch.setattr(timeline_module, "render_edit", functools.partial(real, tools=quick_tools()))
    monkeypatch.setattr(timeline_module, "render_shot", refuse)
    with served_from_a_thread(edit.parent, quick_tools()) as address:
        assert run([*arguments(edit), "--server", address, "--json"]) == 0
    assert events(capsys)[-1]["rendered"] == 8
    made = otio.adapters.read_from_file(str(edit.parent / "new.otio")).find_clips()[0].media_reference
    path = otio.url_utils.filepath_from_url(made.target_url_for_image_number(1))
    assert number_in(Path(str(path))) == 1005


def test_an_edit_that_shows_nobody_is_written_as_it_was(
    edit: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, nobody = timeline_module.render_edit, quick_tools(analyse=fake_analyse(faces=False))
    monkeypatch.setattr(timeline_module, "render_edit", functools.partial(real, tools=nobody))
    assert run(arguments(edit)) == 0
    said = capsys.readouterr().out
    assert "left as it is: V1, clip 1 'one' shows nobody of the cast" in said
    assert "as it was: no clip shows the cast" in said
    assert run([*arguments(edit), "--clip", "one"]) == 2  # asked for by name
    assert "clip 1 'one': shows nobody of the cast" in capsys.readouterr().err


def test_what_is_wrong_is_told_in_the_options_words(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = arguments(edit)
    assert run([*who, "--engine", "nothing", "--strength", "7"]) == 2
    told = capsys.readouterr().err
    assert "--engine" in told
    assert "--strength" in told
    assert run([*who, "--track", "V9"]) == 2
    assert "There are 2 clips on V1 (V1)" in capsys.readouterr().err
    assert run(["timeline", str(edit), "--out", str(edit), "--identity", "x"]) == 2
    assert "take the place of the old one" in capsys.readouterr().err
    assert run(["timeline", str(edit), "--out", str(edit.parent / "new.otio")]) == 2
    assert "who goes in is not said" in capsys.readouterr().err
    assert run([*who, "--fps", "25"]) == 2
    assert run([*who, "--server", "127.0.0.1:1", "--device", "cuda"]) == 2
    assert run([*arguments(edit, "new.aaf")]) == 2
    assert not (edit.parent / "new_media").exists()


@pytest.mark.usefixtures("quick")
def test_an_edl_goes_in_and_comes_out(edit: Path) -> None:
    folder = edit.parent / "plate"
    edl = edit.with_suffix(".edl")
    # Source times are frame numbers of the files: 1005 is 00:00:41:21 at 24.
    edl.write_text(
        "TITLE: edit\nFCM: NON-DROP FRAME\n\n"
        "001  PLATE    V     C        00:00:41:21 00:00:42:01 01:00:00:00 01:00:00:04\n"
        f"* FROM CLIP NAME:  one\n* FROM CLIP:  {folder}/plate.[1001-1030].exr\n",
        encoding="utf-8",
    )
    assert run(arguments(edl, "new.edl")) == 0
    files = sorted(path.name for path in (edit.parent / "new_media").rglob("*.exr"))
    assert files == [f"plate.{number}.exr" for number in range(1004, 1010)]
    written = (edit.parent / "new.edl").read_text(encoding="utf-8")
    assert "00:00:41:21 00:00:42:01 01:00:00:00 01:00:00:04" in written
    assert "new_media/plate_1004-1009" in written


def plain_edit(edit: Path) -> Path:
    """At 25: OpenTimelineIO's adapter cannot read the .fcpxml that it writes at 23.976."""
    folder = edit.parent / "plate"
    reference = sequence(folder, 1001, 30, start=100, rate=25)
    made = timeline_of([clip("one", reference, 104, 4, rate=25), clip("two", reference, 106, 4, rate=25)], rate=25)
    otio.adapters.write_to_file(made, str(edit.parent / "plain.otio"))
    return edit.parent / "plain.otio"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("suffix", [".fcpxml", ".xml"])
def test_final_cut_s_xml_comes_out_and_goes_in(edit: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments(plain_edit(edit), f"new{suffix}")) == 0
    written = (edit.parent / f"new{suffix}").read_text(encoding="utf-8")
    assert "new_media/plate_1004-1011/plate.1004.exr" in written
    # Read again, the clips lead to the renders: swapped anew they need the same frames of them.
    again = [*arguments(edit.parent / f"new{suffix}", "again.otio"), "--plan", "--json"]
    capsys.readouterr()
    assert run(again) == 0
    assert [(one["first"], one["last"]) for one in events(capsys)] == [(1004, 1011)]


def test_an_adapter_that_is_not_there_is_named(
    edit: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otio.adapters, "suffixes_with_defined_adapters", lambda **_: {"otio"})
    assert run(arguments(edit, "new.edl")) == 2
    told = capsys.readouterr().err
    assert "otio-cmx3600-adapter" in told
    assert "scripts/setup --editors" in told
