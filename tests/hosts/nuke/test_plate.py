"""When the plate need not be rendered, what space it is in, where results go, and when they are stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hosts.nuke.conftest import Session

PATTERN = "/show/plates/plate.%04d.exr"
CG = "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1"


def plain(session: Session, above: Any, *, first: int = 1, last: int = 6) -> Any:
    group = session.create(above)
    return session.adapter("plate").plain_source(group, first=first, last=last)


def test_a_read_through_dots_is_the_plate_itself(gui: Session) -> None:
    read = gui.read(PATTERN)
    off = gui.nuke.nodes.Grade(white=2.0, disable=True)
    off.setInput(0, read)
    dot = gui.nuke.nodes.Dot()
    dot.setInput(0, off)
    found = plain(gui, dot)
    assert (found.pattern, found.colour.name, found.knob_space, found.raw) == (PATTERN, "ACEScg", "ACEScg", False)
    assert not found.rendered


def change(session: Session, read: Any, what: str) -> Any:
    """What comes out of the Read after a change that makes it no plain sequence."""
    if what == "retimed":
        read["frame"].setValue("frame*2")
    elif what == "offset":
        read["frame_mode"].setValue("offset")
        read["frame"].setValue("3")
    elif what == "expression":
        read["frame"].setExpression("frame+1")
    elif what == "png":
        read["file"].setValue("/show/plate.%04d.png")
    elif what == "one picture":
        read["file"].setValue("/show/still_v001.exr")
    elif what == "off":
        read["disable"].setValue(True)
    elif what == "short":
        read["last"].setValue(5)
    elif what == "proxy":
        session.fake.root.setProxy(True)
    else:
        node = getattr(session.nuke.nodes, what)()
        node.setInput(0, read)
        return node
    return read


@pytest.mark.parametrize(
    "what",
    [
        "retimed",
        "offset",
        "expression",
        "png",
        "one picture",
        "off",
        "short",
        "proxy",
        "Grade",
        "TimeOffset",
        "Reformat",
    ],
)
def test_anything_else_is_rendered(what: str, gui: Session) -> None:
    assert plain(gui, change(gui, gui.read(PATTERN), what)) is None


def test_no_input_is_no_plate(gui: Session) -> None:
    assert plain(gui, None) is None


@pytest.mark.parametrize(
    ("management", "config", "working", "wanted", "is_role"),
    [
        ("Nuke", "nuke-default", "linear", "Linear Rec.709 (sRGB)", False),
        ("OCIO", "nuke-default", "scene_linear", "Linear Rec.709 (sRGB)", False),
        ("OCIO", CG, "scene_linear (ACES - ACEScg)", "ACES - ACEScg", False),
        ("OCIO", CG, "ACES/ACES - ACEScg\tACES - ACEScg", "ACES - ACEScg", False),
        ("OCIO", CG, "scene_linear", "scene_linear", True),
        ("OCIO", CG, "ACES - ACES2065-1", "ACES - ACES2065-1", False),
    ],
)
def test_the_working_space_is_read_off_the_root(
    management: str, config: str, working: str, wanted: str, is_role: bool, gui: Session
) -> None:
    for name, value in (("colorManagement", management), ("OCIO_config", config), ("workingSpaceLUT", working)):
        gui.fake.root[name].setValue(value)
    found = gui.adapter("colour").working_space()
    assert (found.name, found.is_role) == (wanted, is_role)


@pytest.mark.parametrize(
    ("knob", "raw", "wanted"),
    [
        ("ACEScg", False, "ACEScg"),
        ("default (ACES - ACEScg)", False, "ACES - ACEScg"),
        ("linear", False, "Linear Rec.709 (sRGB)"),
        ("scene_linear", False, "ACES - ACES2065-1"), ("Input - ARRI/V3 LogC\tlogc3", False, "V3 LogC"),
        ("anything", True, "ACES - ACES2065-1"),
    ],
)  # fmt: skip
def test_a_file_s_space_is_its_read_s(knob: str, raw: bool, wanted: str, gui: Session) -> None:
    for name, value in (("colorManagement", "OCIO"), ("OCIO_config", CG), ("workingSpaceLUT", "ACES - ACES2065-1")):
        gui.fake.root[name].setValue(value)
    read = gui.read(PATTERN)
    read["colorspace"]._held = knob  # as Nuke gives it back
    read["raw"].setValue(raw)
    assert gui.adapter("colour").file_space(read).name == wanted


def test_a_config_of_the_script_s_own_goes_to_the_agent(gui: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = gui.adapter("colour").environment
    assert environment() == {}
    for name, value in (
        ("colorManagement", "OCIO"),
        ("OCIO_config", "custom"),
        ("customOCIOConfigPath", "/c/config.ocio"),
    ):
        gui.fake.root[name].setValue(value)
    assert environment() == {"OCIO": "/c/config.ocio"}
    monkeypatch.setenv("OCIO", "/studio/config.ocio")
    assert environment() == {"OCIO": "/studio/config.ocio"}, "the variable goes first, as in Nuke"


def test_a_result_is_shown_in_its_plate_s_space(gui: Session) -> None:
    group = gui.create(gui.read(PATTERN))
    show = gui.adapter("node").show_result
    read = group.node("SwapIn")
    wanted = [
        ("ACEScg", False, "ACEScg"),
        ("default (linear)", False, "default (linear)"),
        ("", True, "default (linear)"),
    ]
    for space, raw, colorspace in wanted:
        show(group, pattern="/s/a.%04d.exr", first=1, last=2, space=space, raw=raw)
        assert (read["colorspace"].value(), read["raw"].value()) == (colorspace, raw)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/s/a_v001/a_v001.%04d.exr", "/s/a_v012/a_v012.%04d.exr"),
        ("/v002/s/a_v001.%04d.exr", "/v002/s/a_v012.%04d.exr"),
        ("/s/nov3l.####.exr", "/s/nov3l_v012.%04d.exr"),
        ("/s/é à/a_V1.%04d.exr", "/s/é à/a_V12.%04d.exr"),
    ],
)
def test_versions_are_written_wherever_they_stand(path: str, wanted: str, gui: Session) -> None:
    assert gui.adapter("outputs").with_version(path, 12) == wanted


def test_a_version_that_holds_anything_is_not_taken(gui: Session, tmp_path: Path) -> None:
    outputs = gui.adapter("outputs")
    pattern = f"{tmp_path}/%V/a_v001.%04d.exr"
    assert outputs.free_version(pattern, ["left", "right"]) == pattern
    for version, view in ((1, "right"), (2, "left")):
        (tmp_path / view).mkdir(exist_ok=True)
        (tmp_path / view / f"a_v{version:03d}.1001.exr").touch()
    (tmp_path / "left" / "a_v003.1001.exr.part").touch()
    assert outputs.free_version(pattern, ["left", "right"]) == f"{tmp_path}/%V/a_v003.%04d.exr"


def test_the_version_knob_changes_the_output(gui: Session) -> None:
    group = gui.create(output="/s/a_v001/a_v001.%04d.exr")
    group["vs_version"].setValue(7)
    assert group["vs_output"].value() == "/s/a_v007/a_v007.%04d.exr"


def test_tcl_in_paths_is_expanded(gui: Session) -> None:
    gui.fake.script = "/show/comp.nk"
    group = gui.create(output="[file dirname [value root.name]]/out_v001.%04d.exr")
    assert gui.adapter("outputs").output_of(group) == "/show/out_v001.%04d.exr"


@pytest.mark.parametrize(
    ("what", "is_other"),
    [
        ("white", True),
        ("strength", True),
        ("plate", True),
        ("identity", True),
        ("label", False),
        ("moved", False),
        ("range", True),
    ],
)
def test_a_result_is_stale_when_pixels_would_differ(what: str, is_other: bool, gui: Session, tmp_path: Path) -> None:
    (tmp_path / "plate.0001.exr").write_bytes(b"one")
    grade = gui.nuke.nodes.Grade()
    grade.setInput(0, gui.read(str(tmp_path / "plate.%04d.exr")))
    group = gui.create(grade, identity="lead")
    of_node = gui.adapter("fingerprint").of_node
    before = of_node(group)
    assert of_node(group) == before
    if what == "white":
        grade["white"].setValue(0.3)
    elif what == "strength":
        group["vs_cast_strength"].setValue(0.3)
    elif what == "plate":
        (tmp_path / "plate.0001.exr").write_bytes(b"other")
    elif what == "identity":
        group["vs_identity"].setValue("other")
    elif what == "label":
        grade["label"].setValue("hello")
        grade.setName("Warm")
    elif what == "range":
        group["vs_last"].setValue(4)
    else:
        grade.setXYpos(5, 900)
    assert (of_node(group) != before) == is_other


def test_a_slider_is_dragged_without_a_walk_over_the_script(gui: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    grade = gui.nuke.nodes.Grade()
    grade.setInput(0, gui.read(PATTERN))
    group = gui.create(grade, identity="lead")
    digests = gui.adapter("fingerprint")
    above = digests.of_plate(group)
    assert digests.of_node(group, plate=above) == digests.of_node(group)
    kept = {"state": "done", "version": 3, "fingerprint": digests.of_node(group), "plate": {"fingerprint": above}}
    gui.adapter("node").set_record(group, kept)
    walked: list[int] = []
    of_plate = digests.of_plate

    def seen(node: Any) -> Any:
        walked.append(1)
        return of_plate(node)

    monkeypatch.setattr(digests, "of_plate", seen)
    for value in (0.1, 0.2, 0.3):
        group["vs_cast_strength"].setValue(value)
        assert group["vs_badge"].value() == "v003 stale"
    assert walked == []
    group["vs_cast_strength"].setValue(1.0)
    assert (group["vs_badge"].value(), walked) == ("v003 current", [1])
    grade["white"].setValue(3.0)
    gui.adapter("stale").mark(group)
    assert group["vs_badge"].value() == "v003 stale"
