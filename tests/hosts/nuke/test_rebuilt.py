"""The graph of docs/layers.md: what is plugged into what, and that its channels are those that a result has."""

from __future__ import annotations

from tests.conftest import ROOT
from tests.hosts.nuke.nk import NkNode, read_script
from vfx_swap.pipeline.frame_layers import surface_channels

GRAPH = ROOT / "docs" / "graphs" / "rebuild_nuke.nk"
NAMES = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}


def graph() -> NkNode:
    return read_script(GRAPH.read_text(encoding="utf-8"))


def plugged(node: NkNode) -> list[str]:
    return [one.name if one is not None else "" for one in node.inputs]


def test_it_is_plugged_as_the_nodes_count_their_inputs() -> None:
    script = graph()
    wires = {node.name: plugged(node) for node in script.nodes}
    assert wires == {
        "Plate": [],
        "Result": [],
        "Patch": ["Result", "Result"],
        "Over": ["Plate", "Patch"],  # B, A
        "Undo": ["Plate", "Result"],  # the picture, the map
        "Redo": ["Undo", "Result"],
        "Back": ["Plate", "Redo", "Result"],  # B, A, mask
    }
    assert script.node("Over").knobs["operation"] == "over"


def test_its_channels_are_those_of_a_result() -> None:
    written = [*surface_channels(["stmap"], tracks=[1]), *(f"patch.{one}" for one in "RGBA")]
    here = {f"{name.rpartition('.')[0]}.{NAMES[name.rpartition('.')[2]]}" for name in written} | {"matte_1.alpha"}
    layers = {name.partition(".")[0] for name in here}
    script = graph()
    assert {script.node(name).knobs["uv"] for name in ("Undo", "Redo")} <= layers
    assert script.node("Back").knobs["maskChannel"] in here
    copied = {value for name, value in script.node("Patch").knobs.items() if name.startswith("from")}
    assert copied <= here
    assert len(copied) == 4
