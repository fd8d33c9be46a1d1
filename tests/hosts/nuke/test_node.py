"""The node: what is inside, its knobs, and that they follow what the agent describes."""

from __future__ import annotations

from tests.hosts.nuke.conftest import Session
from tests.hosts.nuke.fake_nuke import FakeNuke
from tests.hosts.nuke.nk import read_script


def test_it_holds_a_write_a_read_and_a_switch(gui: Session) -> None:
    group = gui.create(gui.read("/p/plate.####.exr", first=3, last=9))
    names = gui.adapter("names")
    assert gui.adapter("node").missing_inside(group) == []
    write, read, switch = (group.node(name) for name in (names.WRITE, names.RESULT, names.SWITCH))
    assert write["disable"].value(), "a render of all Writes would write it"
    told = {
        name: write[name].value() for name in ("file_type", "datatype", "compression", "metadata", "raw", "channels")
    }
    assert told == {
        "file_type": "exr", "datatype": "16 bit half", "compression": "Zip (1 scanline)", "metadata": "all metadata",
        "raw": True, "channels": "rgba",
    }  # fmt: skip
    assert read["on_error"].value() == "error"
    assert (group["vs_first"].value(), group["vs_last"].value()) == (3, 9)
    assert switch["which"].value() == 0.0
    group["vs_use_result"].setValue(True)
    assert switch["which"].value() == 1.0


def test_knobs_are_what_the_agent_describes(gui: Session) -> None:
    group = gui.create()
    strength = group["vs_cast_strength"]
    assert (strength.Class(), strength.value(), strength._range) == ("Double_Knob", 1.0, (0.0, 1.0))
    assert group["vs_engine"].values() == ["reprojection", "network"]
    assert group["vs_matte_holdout_glasses"].value() is True
    assert "exposure (stops)" in group["vs_lighting_exposure_stops"].label()
    assert group.knob("vs_colour_space") is None, "the script's colour management says it"
    silent = [knob.name() for knob in group.allKnobs() if knob._user and knob.visible() and not knob.tooltip()]
    assert [name for name in silent if group[name].Class() not in ("Tab_Knob", "Text_Knob")] == []


def test_a_new_engine_needs_no_new_adapter_and_values_stay(gui: Session) -> None:
    group = gui.create()
    knobs = gui.adapter("knobs")
    group["vs_cast_strength"].setValue(0.25)
    group["vs_matte_holdout_hair"].setValue(False)
    more = gui.options("network", "tomorrow")
    more["options"].append(
        {"key": "tomorrow.sharpness", "kind": "number", "label": "Sharpness", "help": "New.", "minimum": 0.0,
         "maximum": 4.0, "choices": [], "default": 2.0, "unit": "", "engines": ["tomorrow"]}
    )  # fmt: skip
    knobs.refresh(group, more)
    assert group["vs_cast_strength"].value() == 0.25
    assert knobs.values(group)["matte.holdout"] == ["glasses", "hand"]
    assert not group["vs_tomorrow_sharpness"].visible()
    assert "tomorrow.sharpness" not in knobs.values(group)
    group["vs_engine"].setValue("tomorrow")
    assert group["vs_tomorrow_sharpness"].visible(), "the callback shows what the engine can be told"
    assert knobs.values(group)["tomorrow.sharpness"] == 2.0
    knobs.refresh(group, gui.options())
    assert group.knob("vs_tomorrow_sharpness") is None
    assert group["vs_engine"].value() == "reprojection", "an engine that is gone is not kept"


def test_two_nodes_have_two_names(gui: Session) -> None:
    assert [gui.create().name(), gui.create().name()] == ["VfxSwap1", "VfxSwap2"]


def test_a_script_opens_with_and_without_the_adapter(gui: Session) -> None:
    group = gui.create(gui.read("/p/plate.####.exr"), identity="lead", cast_strength=0.5)
    group["vs_use_result"].setValue(True)
    text = gui.fake.saved()
    bare = FakeNuke()
    [_, opened] = bare.load(text)
    assert opened.node("UseResult")["which"].value() == 1.0, "the result shows"
    assert opened["vs_cast_strength"].value() == 0.5
    assert "on_create" not in text.lower()
    assert "knobchanged" not in text.lower()
    assert bare.saved() == text
    again = gui.fake.load(text)[1]
    assert gui.adapter("knobs").values(again) == gui.adapter("knobs").values(group)
    assert read_script(text).node("VfxSwap1").node("PlateOut").knobs["disable"] == "true"
