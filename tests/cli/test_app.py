"""The commands as people and programs meet them, in this process; engines and models are stand-ins."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.pipeline.shot_fakes import SHOT_FILE, digests_of, fake_analyse, make_identity, make_shot, tools
from vfx_swap import __version__
from vfx_swap.cli.app import app, run
from vfx_swap.pipeline import shot as shot_module

COMMANDS = [
    ["demo"],
    ["identity"],
    ["identity", "build"],
    ["identity", "show"],
    ["swap"],
    ["track"],
    ["render"],
    ["models"],
    ["models", "list"],
    ["models", "show"],
    ["models", "add"],
    ["models", "verify"],
    ["models", "export"],
    ["doctor"],
]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shots render with quick stand-ins."""
    use_tools(monkeypatch)


def use_tools(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    chosen = tools(**changes)
    for name in ("render_shot", "track_plate"):
        real = getattr(shot_module, name)
        original = getattr(real, "func", real)
        monkeypatch.setattr(shot_module, name, functools.partial(original, tools=chosen))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plate, an identity and a shot file."""
    make_shot(tmp_path)
    (tmp_path / "shot.toml").write_text(SHOT_FILE)
    return tmp_path


def swap_arguments(folder: Path) -> list[str]:
    """A plain `swap`."""
    plate, out = folder / "plates" / "plate.####.exr", folder / "out" / "swap.####.exr"
    return ["swap", "--plate", str(plate), "--identity", str(folder / "who.identity"), "--out", str(out)]


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The JSON objects on stdout; fails where a line is none."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Commands" in capsys.readouterr().out


@pytest.mark.parametrize(("group", "holds"), [("models", "verify"), ("identity", "embed"), ("train", "prepare")])
def test_a_group_without_a_command_lists_its_commands(
    group: str, holds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([group]) == 0
    out, err = capsys.readouterr()
    assert ("Commands" in out, holds in out, err) == (True, True, "")


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"vfx-swap {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["swap"],
        ["swap", "--no-such-option"],
        ["models", "nonsense"],
        ["models", "show", "no-such-model"],
        ["demo", "--frames", "0"],
        ["demo", "--frames", "many"],
        ["render", "no-such-shot.toml"],
        ["identity", "show", "no-such.identity"],
        ["identity", "build", "x", "--reference", "a.jpg", "--out", "x.identity"],
        ["track", "--plate", "no-such.####.exr", "--out", "t.json"],
        ["swap", "--plate", "no-such.####.exr", "--out", "o.####.exr", "--identity", "no.identity"],
        ["swap", "--plate", "p.exr", "--out", "o.exr"],
        ["swap", "--plate", "p.exr", "--out", "o.exr", "--cast", "photo"],
        ["swap", "--plate", "p.exr", "--out", "o.exr", "--cast", "a=b", "--identity", "i"],
        ["swap", "--plate", "p.exr", "--out", "o.exr", "--cast", "a=b", "--all-faces"],
        ["swap", "--plate", "p\0.exr", "--out", "o.exr", "--identity", "i"],
        ["swap", "--plate", "", "--out", "", "--identity", ""],
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_2_clean_and_one_json_error(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith("error: "), "Traceback" in err) == ("", True, False)
    assert run([*arguments, "--json"]) == 2
    (event,) = events(capsys)
    assert (event["event"], event["exit_code"]) == ("error", 2)
    assert event["what"]
    assert list(tmp_path.iterdir()) == []


def test_swap_tells_mistakes_by_its_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate, out = folder / "plates" / "plate.####.exr", folder / "out" / "swap.exr"
    base = ["swap", "--plate", str(plate), "--out", str(out), "--frames", "1-9", "--engine", "none", "--strength", "2"]
    more = ["--reshape", "2", "--colour-space", "nope", "--layer", "none", "--pixel-boost", "8", "--json"]
    assert run([*base, *more, "--identity", str(folder / "none.identity")]) == 2
    problems = {one["key"]: one for one in events(capsys)[-1]["problems"]}
    assert set(problems) == {
        "--out", "--frames", "--engine", "--strength", "--reshape", "--colour-space", "--layer", "--identity"
    }  # fmt: skip
    assert problems["--frames"]["mend"].endswith("or give --missing hold or black")
    twice = ["--cast", f"{folder}/none.png={folder}/who.identity"] * 2
    assert run(["swap", "--plate", str(folder / "plates"), "--out", str(out), *twice]) == 2
    said = capsys.readouterr().err
    assert "--cast: performer" in said
    assert "already claimed by another --cast" in said
    assert said.count("--cast: there is no file") == 1
    assert "plates' is a folder. Did you mean" in said
    assert "cast[" not in said


def test_swap_passes_over_nothing_that_was_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for asked, said in (
        (["--pixel-boost", "2"], "--pixel-boost is for networks"),
        (["--parser", "bisenet", "--pixel-boost", "2", "--engine", "reprojection"], "--pixel-boost and --parser are"),
    ):
        assert run([*swap_arguments(folder), *asked]) == 2
        assert said in capsys.readouterr().err
    assert run(["swap", "--plate", str(folder), "--out", f"{folder}/out/", "--identity", str(folder / "no")]) == 2
    said = capsys.readouterr().err
    assert "3 problems" in said
    assert "--out: " in said


@pytest.mark.usefixtures("quick")
def test_swap_renders_then_skips(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(swap_arguments(folder)) == 0
    out, err = capsys.readouterr()
    assert "6 frames rendered" in out
    assert "6/6 frames" in err
    assert run([*swap_arguments(folder), "--json"]) == 0
    found = events(capsys)
    assert found[-1]["event"] == "done"
    assert (found[-1]["rendered"], found[-1]["skipped"]) == (0, 6)
    assert sum(event["event"] == "skipped" for event in found) == 6
    assert len(digests_of(folder / "out")) == 6


@pytest.mark.usefixtures("quick")
def test_swap_takes_ranges_layers_and_overwrite(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--frames", "1-5x2", "--layer", "matte", "--strength", "0.5", "--json"]
    assert run([*swap_arguments(folder), *more]) == 0
    assert [event["frame"] for event in events(capsys) if event["event"] == "frame"] == [1, 3, 5]
    assert run([*swap_arguments(folder), *more, "--overwrite"]) == 0
    assert events(capsys)[-1]["rendered"] == 3


@pytest.mark.usefixtures("quick")
def test_render_is_swap_by_a_file_and_takes_a_range(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", str(folder / "shot.toml"), "--frames", "2,4", "--json"]) == 0
    assert [event["frame"] for event in events(capsys) if event["event"] == "frame"] == [2, 4]
    assert run(["render", str(folder / "shot.toml"), "--json"]) == 0
    assert events(capsys)[-1]["skipped"] == 2
    assert run(["render", str(folder / "shot.toml"), "--frames", "99", "--json"]) == 2
    assert events(capsys)[-1]["kind"] == "FrameRangeError"


@pytest.mark.usefixtures("quick")
def test_every_mistake_of_a_shot_file_is_told_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SHOT_FILE.replace("plates/plate", "plates/nowhere").replace('name = "sh010"', 'name = "sh010"\ncolor = 1')
    (folder / "shot.toml").write_text(text.replace("who.identity", "nobody.identity"))
    assert run(["render", str(folder / "shot.toml"), "--json"]) == 2
    (event,) = events(capsys)
    assert {problem["key"] for problem in event["problems"]} >= {"color", "plate", "cast[0].identity"}
    assert all(problem["line"] for problem in event["problems"])
    assert not (folder / "out").exists()


@pytest.mark.usefixtures("quick")
def test_a_damaged_frame_is_exit_1_named_and_the_others_are_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "plates" / "plate.0003.exr").write_bytes(b"no picture")
    assert run([*swap_arguments(folder), "--json"]) == 1
    error = events(capsys)[-1]
    assert (error["kind"], error["exit_code"]) == ("FramesFailedError", 1)
    assert [failure["frame"] for failure in error["failures"]] == [3]
    assert len(digests_of(folder / "out")) == 5
    assert run(swap_arguments(folder)) == 1
    assert "frame 3" in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
def test_refused_consent_is_exit_3_with_the_command_that_mends_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_identity(folder / "who.identity", with_consent=False)
    assert run([*swap_arguments(folder), "--json"]) == 3
    (error,) = events(capsys)
    assert error["kind"] == "ConsentMissingError"
    assert "vfx-swap identity build" in error["mend"]
    assert not (folder / "out").exists()


def test_a_plate_without_a_face_is_exit_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_tools(monkeypatch, analyse=fake_analyse(faces=False))
    assert run([*swap_arguments(folder), "--json"]) == 2
    assert events(capsys)[-1]["kind"] == "NoFaceError"


def test_a_model_that_is_missing_is_exit_4(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vfx_swap.errors import ModelMissingError

    def missing(*_: Any, **__: Any) -> Any:
        raise ModelMissingError("no file", mend="pip install it")

    use_tools(monkeypatch, open_engine=missing)
    assert run([*swap_arguments(folder), "--json"]) == 4
    assert events(capsys)[-1]["mend"] == "pip install it"


@pytest.mark.usefixtures("quick")
def test_track_writes_the_tracks_that_a_render_reuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate, out = str(folder / "plates" / "plate.####.exr"), folder / "out" / "sh010.tracks.json"
    out.parent.mkdir()
    assert run(["track", "--plate", plate, "--out", str(out), "--json"]) == 0
    found = events(capsys)
    assert {"event": "track", "id": 1, "first": 1, "last": 6, "faces": 6} in found
    assert found[-1]["event"] == "done"
    assert run(["render", str(folder / "shot.toml"), "--json"]) == 0
    assert any("tracks reused" in event.get("message", "") for event in events(capsys))


def test_cast_splits_where_two_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vfx_swap.cli.swap import _photo_and_identity

    monkeypatch.chdir(tmp_path)
    for name in ("a=b.jpg", "c=d.identity"):
        Path(name).write_text("")
    assert _photo_and_identity("a=b.jpg=c=d.identity") == {"performer": "a=b.jpg", "identity": "c=d.identity"}
    assert _photo_and_identity("p.jpg=i.identity") == {"performer": "p.jpg", "identity": "i.identity"}


def test_identity_show_tells_the_record_and_whether_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = make_identity(tmp_path / "good.identity")
    assert run(["identity", "show", good, "--json"]) == 0
    identity, done = events(capsys)
    assert done == {"event": "done"}
    assert identity["name"] == "somebody"
    assert identity["consent"]["expires"] == "2099-12-31"
    assert identity["refused"] is None
    bare = make_identity(tmp_path / "bare.identity", with_consent=False)
    assert run(["identity", "show", bare]) == 0
    assert "no consent record" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "no consent"),
        (["--consented-by", "me"], "--scope"),
        (["--consent", "c.json", "--scope", "x"], "exclude"),
        (["--consent", "c.json"], "no such consent record"),
        (["--consented-by", "me", "--scope", "x", "--expires", "soon"], "not a date"),
        (["--consented-by", "me", "--scope", "x", "--expires", "2001-01-01"], "past"),
    ],
)
def test_identity_build_needs_a_record_before_anything_else(
    options: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["identity", "build", "lead", "--reference", "a.jpg", "--out", "lead.identity", *options]
    assert run([*arguments, "--json"]) == 2
    (error,) = events(capsys)
    assert says in error["what"]


def test_models_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--json"]) == 0
    listed = events(capsys)
    found = {event["id"]: event for event in listed if event["event"] == "model"}
    assert {"centerface", "mediapipe-facemesh", "dlib-resnet"} <= set(found)
    assert all(event["state"] in ("found", "missing", "no files", "to bring") for event in found.values())
    assert run(["models", "show", "centerface", "--json"]) == 0
    shown = events(capsys)[0]
    assert shown["card"]["id"] == "centerface"
    assert run(["models", "show", "centerface"]) == 0
    assert "sha256" in capsys.readouterr().out


def test_a_model_that_is_not_there_is_listed_as_such(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vfx_swap.models.weights._find_in_package", lambda file: None)
    assert run(["models", "list", "--json"]) == 0
    centerface = next(event for event in events(capsys) if event.get("id") == "centerface")
    assert centerface["state"] == "missing"
    assert "pip install" in centerface["reason"]


def test_the_doctor_says_whether_the_stack_can_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vfx_swap.cli import checks

    monkeypatch.setattr(checks, "check_modules", lambda: [checks.Check("libraries", "ok", "all load")])
    assert run(["doctor", "--json"]) == 0
    found = events(capsys)
    assert found[-1] == {"event": "done", "can_run": True, "broken": 0}
    assert {"python", "machine", "one cv2", "devices", "colour", "hosts"} <= {event.get("name") for event in found}
    broken = checks.Check("import cv2", "broken", "ImportError: libGL.so.1", "apt-get install -y libgl1")
    monkeypatch.setattr(checks, "check_modules", lambda: [broken])
    assert run(["doctor"]) == 4
    assert "apt-get install -y libgl1" in capsys.readouterr().out


def test_the_doctor_names_an_ocio_config_that_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vfx_swap.cli import checks

    monkeypatch.setenv("OCIO", str(tmp_path / "none.ocio"))
    monkeypatch.setattr(checks, "check_modules", list)
    assert run(["doctor", "--json"]) == 4
    assert [event["name"] for event in events(capsys) if event.get("state") == "broken"] == ["colour"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["[red]x[/]", "%s", "h é", "a=b", "new\nline", "esc\x1b[31m"])
def test_hostile_paths_break_neither_text_nor_json(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name
    make_shot(folder)
    assert run([*swap_arguments(folder), "--json"]) == 0
    assert events(capsys)[-1]["output"] == str(folder / "out" / "swap.####.exr")
    shutil.rmtree(folder / "plates")
    assert run(swap_arguments(folder)) == 2
    assert "\x1b" not in capsys.readouterr().err
