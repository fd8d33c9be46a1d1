"""The toolset, a golden script file: what the builder builds, and what the picture in docs/nuke.md shows."""

from __future__ import annotations

from tests.hosts.nuke.conftest import Session
from tests.hosts.nuke.drawn import PICTURE, TOOLSET, picture, toolset
from tests.hosts.nuke.nk import read_script


def test_it_is_what_the_builder_builds(gui: Session) -> None:
    assert TOOLSET.read_text(encoding="utf-8") == toolset(gui), "run: python -m tests.hosts.nuke.drawn"


def test_its_node_is_whole_without_the_builder() -> None:
    [group] = read_script(TOOLSET.read_text(encoding="utf-8")).nodes
    assert group.kind == "Group", "a gizmo would need the adapter on every machine"
    plate, write, read, switch, output = (
        group.node(name) for name in ("Plate", "PlateOut", "SwapIn", "UseResult", "Output1")
    )
    assert (write.inputs, switch.inputs, output.inputs) == ([plate], [plate, read], [switch])
    assert switch.knobs["which"] == "{parent.vs_use_result}"
    assert (write.knobs["disable"], write.knobs["raw"], write.knobs["metadata"]) == ("true", "true", "all metadata")
    assert group.knobs["vs_schema"] == "1"
    buttons = [knob for knob in group.user_knobs if knob.kind == 22]
    assert len(buttons) >= 9
    for button in buttons:
        assert "except ImportError" in button.settings["T"], "a button says what is missing"
        compile(button.settings["T"], button.name, "exec")


def test_it_loads_as_a_node_that_can_be_used(gui: Session) -> None:
    made = gui.adapter("actions").create_from_toolset()
    assert gui.adapter("node").is_ours(made)
    assert gui.adapter("node").missing_inside(made) == []
    assert gui.adapter("knobs").values(made)["cast[].strength"] == 1.0


def test_the_picture_is_of_this_file() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(TOOLSET.read_text(encoding="utf-8"))
