"""Renders from the node, by the real agent and a real server with quick workers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from vfx_swap_bridge.agent import Agent

from tests.hosts.nuke.conftest import Session
from tests.pipeline.shot_fakes import make_identity, write_plate
from tests.service.quick_server import quick_server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server's address, and the folder that it may read and write."""
    folder = tmp_path_factory.mktemp("nuke") / "show"
    write_plate(folder / "plates", list(range(1, 7)))
    make_identity(folder / "who.identity")
    with quick_server(folder, seconds=0.02) as server:
        yield server.address, folder


@pytest.fixture(autouse=True)
def _agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VFX_SWAP_AGENT", f"{sys.executable} -I -m vfx_swap")


def node(session: Session, served: tuple[str, Path], out: Path, above: Any = None, **knobs: Any) -> Any:
    """A node that renders on the server."""
    address, folder = served
    read = above or session.read(str(folder / "plates/plate.####.exr"))
    group = session.create(read, where="server", server=address, identity=str(folder / "who.identity"),
                           output=str(out / "swap_v001.%04d.exr"), **knobs)  # fmt: skip
    group["vs_cast_reshape"].setValue(0.0)
    return group


def rendered(session: Session, group: Any) -> str:
    """Press Render, and wait; what the node says then."""
    group["vs_render"].execute()
    session.until(lambda: session.adapter("node").record(group).get("state") not in (None, "running"))
    return str(group["vs_status"].value())


def pixels(path: Path) -> Any:
    file: Any = oiio.ImageInput.open(str(path))
    found, spec = file.read_image(0, 0, 0, 3, oiio.FLOAT), file.spec()
    file.close()
    return found, spec


def test_a_plain_sequence_is_read_where_it_lies(script: Session, served: tuple[str, Path]) -> None:
    out = served[1] / "plain"
    read = script.read(str(served[1] / "plates/plate.####.exr"))
    dot = script.nuke.nodes.Dot()
    dot.setInput(0, read)
    group = node(script, served, out, dot)
    said = rendered(script, group)
    assert said.startswith("done: frames 1-6"), said
    assert script.fake.executed == [], "the plate was not rendered"
    assert [path.name for path in sorted(out.glob("*.exr"))] == [f"swap_v001.{n:04d}.exr" for n in range(1, 7)]
    result = group.node("SwapIn")
    assert result["file"].value() == str(out / "swap_v001.%04d.exr")
    assert (result["first"].value(), result["last"].value(), result["colorspace"].value()) == (1, 6, "ACEScg")
    assert group["vs_use_result"].value()
    assert group["vs_badge"].value() == "v001 current"
    [task] = script.fake.tasks
    assert task.steps == sorted(task.steps)
    assert task.steps[-1] > 0


def test_what_is_above_is_rendered_first_and_only_once(script: Session, served: tuple[str, Path]) -> None:
    out = served[1] / "graded"
    grade = script.nuke.nodes.Grade(white=0.5)
    grade.setInput(0, script.read(str(served[1] / "plates/plate.####.exr")))
    group = node(script, served, out, grade, first=2, last=3, handles=1)
    script.fake.root["workingSpaceLUT"].setValue("ACEScg")
    script.fake.root["colorManagement"].setValue("OCIO")
    script.fake.root["OCIO_config"].setValue("fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1")
    assert rendered(script, group).startswith("done: frames 1-4")
    assert script.fake.executed == [("VfxSwap1.PlateOut", 1, 4, ["main"])]
    plates = sorted((out / "plate_v001").glob("*.exr"))
    assert len(plates) == 4
    given, spec = pixels(plates[0])
    assert spec.get_string_attribute("compression") == "zips"
    source, _ = pixels(served[1] / "plates/plate.0001.exr")
    np.testing.assert_array_equal(given[2:, 2:], (source * np.float32(0.5)).astype(np.float16)[2:, 2:])
    result, _ = pixels(out / "swap_v001.0001.exr")
    np.testing.assert_array_equal(result[-1], given[-1], "what the swap leaves keeps its bits")
    assert (result != given).any()
    assert group.node("SwapIn")["raw"].value(), "the result is in the working space, as the plate was"
    group["vs_lighting_tint"].setValue(0.5)
    assert group["vs_badge"].value() == "v001 stale"
    rendered(script, group)
    assert len(script.fake.executed) == 1, "the plate has not changed"
    assert group["vs_output"].value().endswith("swap_v002.%04d.exr")
    assert group["vs_badge"].value() == "v002 current"
    assert len(list(out.glob("swap_v001.*"))) == 4, "the older version is untouched"


def test_both_eyes_have_one_casting_and_one_name(script: Session, served: tuple[str, Path]) -> None:
    folder = served[1] / "stereo"
    for view in ("left", "right"):
        write_plate(folder / view, [1, 2], seed=view == "left")
    script.fake.root["views"].setValue("left right")
    read = script.read(str(folder / "%V/plate.####.exr"), last=2)
    group = node(script, served, folder / "out_v001", read)
    script.adapter("checks").repair(group)
    assert group["vs_output"].value() == str(folder / "out_v001/%V/swap_v001.%04d.exr")
    assert rendered(script, group).startswith("done: frames 1-2")
    assert [path.relative_to(folder).as_posix() for path in sorted(folder.glob("out_v001/*/*.exr"))] == [
        f"out_v001/{view}/swap_v001.{n:04d}.exr" for view in ("left", "right") for n in (1, 2)
    ]
    shots = dict(script.adapter("node").record(group)["shots"])
    assert shots["left"]["cast"] == shots["right"]["cast"]
    assert shots["left"]["name"] == shots["right"]["name"], "the name seeds the grain"
    assert group.node("SwapIn")["file"].value().count("%V") == 1


def test_cancel_stops_and_render_goes_on_in_the_same_version(script: Session, served: tuple[str, Path]) -> None:
    out = served[1] / "cancelled"
    group = node(script, served, out)
    group["vs_render"].execute()
    script.until(lambda: list(out.glob("*.exr")))
    group["vs_cancel"].execute()
    script.until(lambda: script.adapter("node").record(group)["state"] != "running")
    assert group["vs_badge"].value() == "cancelled"
    assert "cancelled" in group["vs_status"].value()
    assert not group["vs_use_result"].value()
    assert rendered(script, group).startswith("done")
    assert {path.name.split(".")[0] for path in out.glob("*.exr")} == {"swap_v001"}


def test_the_bar_s_own_cancel_is_heard(script: Session, served: tuple[str, Path]) -> None:
    script.fake.cancel_tasks = True
    group = node(script, served, served[1] / "bar")
    assert "cancelled" in rendered(script, group)


def test_a_node_that_is_deleted_meanwhile_harms_nobody(script: Session, served: tuple[str, Path]) -> None:
    group = node(script, served, served[1] / "deleted")
    name = group.fullName()
    group["vs_render"].execute()
    script.nuke.delete(group)
    script.until(lambda: script.adapter("progress").running(name) is None)
    script.fake.process_events()


def test_work_is_taken_up_after_nuke_was_closed(script: Session, served: tuple[str, Path]) -> None:
    out = served[1] / "closed"
    group = node(script, served, out)
    work = script.adapter("work").prepare(group)
    script.adapter("node").set_record(group, work.record(state="running"))
    text = script.fake.saved()
    script.nuke.delete(group)
    [*_, opened] = script.fake.load(text)
    assert opened["vs_badge"].value() == "interrupted"
    opened["vs_resume"].execute()
    script.until(lambda: script.adapter("node").record(opened)["state"] == "done")
    assert len(list(out.glob("swap_v001.*.exr"))) == 6


def test_a_terminal_session_renders_in_its_one_thread(
    terminal: Session, served: tuple[str, Path], tmp_path: Path
) -> None:
    terminal.fake.script = str(tmp_path / "comp.nk")
    out = served[1] / "terminal"
    group = node(terminal, served, out)
    terminal.adapter("actions").render(group)
    assert group["vs_status"].value().startswith("done: frames 1-6")
    assert len(list(out.glob("*.exr"))) == 6
    assert any("VfxSwap1" in line for line in terminal.fake.said)


def test_layers_come_out_on_branches(script: Session, served: tuple[str, Path]) -> None:
    out = served[1] / "layers"
    group = node(script, served, out)
    for name in ("matte", "patch"):
        group[f"vs_write_layers_{name}"].setValue(True)
    assert rendered(script, group).startswith("done")
    group["vs_layers"].execute()
    matte = script.nuke.toNode("VfxSwap1_matte_1")
    assert (matte["from0"].value(), matte["to0"].value()) == ("matte_1.alpha", "rgba.alpha")
    assert matte.input(0) is group
    patch = script.nuke.toNode("VfxSwap1_patch")
    assert [patch[f"to{n}"].value() for n in range(4)] == ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]
    group["vs_layers"].execute()
    assert len(script.nuke.allNodes("Copy")) == 2, "what is there is not made again"


def test_errors_stand_on_the_node_in_sentences(script: Session, served: tuple[str, Path]) -> None:
    group = node(script, served, served[1] / "wrong")
    bare = make_identity(served[1] / "bare.identity", with_consent=False)
    group["vs_identity"].setValue(bare)
    said = rendered(script, group)
    assert "consent" in said
    assert group["vs_badge"].value() == "failed"
    assert not list((served[1] / "wrong").glob("*.exr"))
    group["vs_identity"].setValue(str(served[1] / "who.identity"))
    group["vs_server"].setValue("127.0.0.1:1")
    assert "127.0.0.1:1" in rendered(script, group)


def test_the_farm_gets_a_job(script: Session, served: tuple[str, Path]) -> None:
    out = served[1] / "farm"
    group = node(script, served, out)
    group["vs_where"].setValue("farm job")
    group["vs_render"].execute()
    [template] = (served[1]).rglob("template.json")
    assert json.loads(template.read_text(encoding="utf-8"))["specificationVersion"] == "jobtemplate-2023-09"
    assert str(template.parent) in group["vs_status"].value()
    assert not group["vs_use_result"].value(), "nothing is there yet"
    assert group.node("SwapIn")["file"].value().endswith("swap_v001.%04d.exr")
    assert not list(out.glob("*.exr"))


def test_a_server_s_job_is_followed_after_a_crash_and_not_begun_again(
    script: Session, served: tuple[str, Path]
) -> None:
    out = served[1] / "crashed"
    group = node(script, served, out)
    group["vs_render"].execute()
    script.until(lambda: script.adapter("node").record(group).get("job", {}).get("job"))
    kept = script.adapter("node").record(group)
    text = script.fake.saved()  # autosaved in mid-render; then Nuke is gone, its thread and agent with it
    assert kept["state"] == "running"
    script.until(lambda: script.adapter("node").record(group)["state"] == "done")
    script.nuke.delete(group)
    opened = script.fake.load(text)[-1]
    opened["vs_resume"].execute()
    script.until(lambda: script.adapter("node").record(opened)["state"] == "done")
    again = script.adapter("node").record(opened)
    assert opened["vs_badge"].value() == "v001 current"
    assert again["version"] == kept["version"] == 1
    with Agent(server=served[0]) as agent:
        jobs = agent.request("jobs")["jobs"]
    mine = [one for one in jobs if one["id"] == kept["job"]["job"]]
    assert [one["state"] for one in mine] == ["succeeded"]
    newer = jobs[: jobs.index(mine[0])]
    assert newer == [], "no second job was made"


def test_identities_are_chosen_with_their_consent(script: Session, served: tuple[str, Path]) -> None:
    group = node(script, served, served[1] / "chosen")
    with Agent(server=served[0]) as agent:
        known = agent.request("identities")["identities"]
    group["vs_pick"].execute()
    script.until(lambda: str(group["vs_status"].value()) != "asking for identities")
    assert known == []
    assert "no identities are known" in group["vs_status"].value()
    person = type("Person", (), {"name": "lead", "path": "identities/lead", "consent": "consent expires in 12 days"})
    script.fake.answers["choice"] = 0
    script.adapter("actions")._choose(group.fullName(), [person])
    assert script.fake.said[-1] == "Identity: Who goes in: lead: consent expires in 12 days"
    assert group["vs_identity"].value() == "identities/lead"
    assert group["vs_consent"].value() == "consent expires in 12 days"


def test_no_agent_is_said_on_the_node(script: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VFX_SWAP_AGENT", "/no/such/vfx-swap")
    group = script.create()
    group["vs_reload"].execute()
    script.until(lambda: "/no/such/vfx-swap" in str(group["vs_status"].value()))
    assert "VFX_SWAP_AGENT" in group["vs_status"].value()
    assert group.knob("vs_cast_strength") is not None, "what was known stays"
