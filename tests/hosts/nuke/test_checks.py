"""Checks and what they repair, nodes of other versions, and what stops a render of missing frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.nuke.conftest import Session

PATTERN = "/show/plates/plate.%04d.exr"


def keys(session: Session, group: Any) -> list[str]:
    return [one.key for one in session.adapter("checks").problems(group)]


def fit(session: Session, **knobs: Any) -> Any:
    values = {"identity": "lead", "output": "/show/out/swap_v001.%04d.exr", **knobs}
    return session.create(session.read(PATTERN), **values)


def test_a_node_in_order_has_no_problem(script: Session) -> None:
    assert keys(script, fit(script)) == []


@pytest.mark.parametrize(
    ("key", "knobs", "wanted"),
    [
        ("range", {"first": 9, "last": 3}, {"first": 1, "last": 6}),
        ("range", {"first": 90, "last": 93}, {"first": 1, "last": 6}),
        ("handles", {"handles": -2}, {"handles": 0}),
        ("views", {"views": "left"}, {"views": ""}),
        ("backslash", {"output": "C:\\out\\s_v001.%04d.exr"}, {"output": "C:/out/s_v001.%04d.exr"}),
        ("padding", {"output": "/out/s_v001.exr"}, {"output": "/out/s_v001.%04d.exr"}),
        ("format", {"output": "/out/s_v001.%04d.png"}, {"output": "/out/s_v001.%04d.exr"}),
    ],
)
def test_what_can_be_repaired_is(key: str, knobs: dict[str, Any], wanted: dict[str, Any], script: Session) -> None:
    group = fit(script, **knobs)
    assert key in keys(script, group)
    assert key in [one.key for one in script.adapter("checks").repair(group)]
    assert {name: group[f"vs_{name}"].value() for name in wanted} == wanted
    assert keys(script, group) == []


def test_an_output_is_put_beside_the_script(script: Session, tmp_path: Path) -> None:
    group = fit(script, output="")
    script.fake.root["views"].setValue("left right")
    script.adapter("checks").repair(group)
    assert group["vs_output"].value() == f"{tmp_path}/vfx_swap/VfxSwap1_v001/%V/VfxSwap1_v001.%04d.exr"
    script.fake.script = ""
    group["vs_output"].setValue("")
    assert script.adapter("checks").repair(group) == [], "an unsaved script has no beside"


def test_proxy_the_inside_and_the_write_are_repaired(script: Session) -> None:
    group = fit(script)
    script.fake.root.setProxy(True)
    script.nuke.delete(group.node("UseResult"))
    assert keys(script, group) == ["inside"], "nothing else can be told before that"
    script.adapter("checks").repair(group)
    assert not script.fake.root.proxy()
    assert script.adapter("node").missing_inside(group) == []
    assert group.node("Output1").input(0).name() == "UseResult"
    group.node("PlateOut")["disable"].setValue(False)
    assert keys(script, group) == ["write"]
    script.adapter("checks").repair(group)
    assert keys(script, group) == []


@pytest.mark.parametrize(
    ("key", "knobs"),
    [
        ("identity", {"identity": "  "}),
        ("performer", {"performer": "/no/such.jpg"}),
        ("relative", {"output": "s_v001.%04d.exr"}),
    ],
)
def test_what_only_the_artist_knows_is_said(key: str, knobs: dict[str, Any], script: Session) -> None:
    group = fit(script, **knobs)
    assert keys(script, group) == [key]
    assert script.adapter("checks").repair(group) == []
    assert keys(script, group) == [key]


def test_without_an_input_nothing_is_rendered(script: Session) -> None:
    group = script.create(None, identity="lead", output="/o/s_v001.%04d.exr")
    group["vs_render"].execute()
    assert "nothing is plugged in" in group["vs_status"].value()
    assert script.fake.said == ["VfxSwap1: nothing is plugged in. Plug the plate into the node."]


def test_the_check_button_asks_and_repairs(script: Session) -> None:
    group = fit(script, handles=-1)
    script.fake.answers["ask"] = False
    group["vs_check"].execute()
    assert group["vs_handles"].value() == -1
    script.fake.answers["ask"] = True
    group["vs_check"].execute()
    assert group["vs_handles"].value() == 0
    assert group["vs_status"].value() == "repaired: handles"


def test_a_config_that_is_not_there_and_a_role_are_told(script: Session) -> None:
    group = fit(script)
    root = script.fake.root
    said = {"colorManagement": "OCIO", "OCIO_config": "custom", "customOCIOConfigPath": "/no/config.ocio"}
    for name, value in {**said, "workingSpaceLUT": "scene_linear"}.items():
        root[name].setValue(value)
    found = script.adapter("checks").problems(group)
    assert [(one.key, one.stops) for one in found] == [("config", True), ("role", False)]


def test_older_nodes_are_brought_up_to_date_step_by_step(script: Session) -> None:
    migrate = script.adapter("migrate")
    group = fit(script)
    went: list[int] = []
    steps = {number: lambda _, n=number: went.append(n) for number in (1, 2, 3)}
    assert migrate.migrate(group, steps=steps, current=4) == [1, 2, 3]
    assert went == [1, 2, 3]
    assert group["vs_schema"].value() == 4
    assert migrate.is_newer(group)
    assert keys(script, group) == ["newer"]

    def broken(_: Any) -> None:
        raise RuntimeError("no")

    group["vs_schema"].setValue(1)
    with pytest.raises(RuntimeError):
        migrate.migrate(group, steps={1: steps[1], 2: broken}, current=3)
    assert group["vs_schema"].value() == 2, "what was done is not done again"
    with pytest.raises(LookupError, match="schema 2"):
        migrate.migrate(group, steps={}, current=3)


def test_every_older_schema_has_a_way_up(gui: Session) -> None:
    assert sorted(gui.adapter("migrate").MIGRATIONS) == list(range(1, gui.adapter("names").SCHEMA_NUMBER))


def test_a_newer_node_is_shown_and_left_alone(script: Session) -> None:
    group = fit(script)
    group["vs_schema"].setValue(99)
    [_, opened] = script.fake.load(script.fake.saved())
    assert "newer vfx-swap" in opened["vs_status"].value()
    assert opened["vs_schema"].value() == 99


def test_nonsense_in_the_record_harms_nothing(script: Session) -> None:
    group = fit(script)
    for text in ("{", "[]", '{"state": "running"}', json.dumps({"state": "running", "shots": 3})):
        group["vs_job"].setValue(text)
        [*_, opened] = script.fake.load(script.fake.saved())
        opened["vs_resume"].execute()
        assert "no render to go on with" in opened["vs_status"].value()


def test_a_write_stops_where_a_swapped_frame_is_missing(script: Session, tmp_path: Path) -> None:
    group = fit(script)
    (tmp_path / "s.0002.exr").touch()
    script.adapter("node").show_result(group, pattern=f"{tmp_path}/s.%04d.exr", first=1, last=3, space="", raw=True)
    write = script.nuke.nodes.Write()
    write.setInput(0, group)
    other = script.nuke.nodes.Write()
    script.fake.frame = 2
    script.fake.call_back("BeforeFrameRender", write)
    script.fake.frame = 3
    script.fake.call_back("BeforeFrameRender", other)
    with pytest.raises(RuntimeError, match=r"VfxSwap1: the swapped frame .*s\.0003\.exr is not there"):
        script.fake.call_back("BeforeFrameRender", write)
    group["vs_use_result"].setValue(False)
    script.fake.call_back("BeforeFrameRender", write)
