"""Layers of a result as branches: which there are, and the nodes that bring them out."""

from __future__ import annotations

import pytest

from tests.hosts.nuke.conftest import Session

CHANNELS = [
    "rgba.red", "rgba.green", "rgba.blue", "rgba.alpha", "depth.Z", "matte_1.alpha", "matte_12.alpha", "patch.red",
    "patch.green", "patch.blue", "patch.alpha", "regions.hair", "regions.l_eye", "stmap.red", "stmap.green",
    "stmap_inverse_2.red", "stmap_inverse_2.green", "face_normals.X", "face_normals.Y", "face_normals.Z",
    "CryptoFaceRegion00.red", "CryptoFaceRegion00.green", "CryptoFaceRegion01.red",
]  # fmt: skip

COLOURS = ("red", "green", "blue")


def test_each_layer_has_its_branch(gui: Session) -> None:
    found = gui.adapter("layers").branches(CHANNELS)
    assert found == {
        "matte_1": [("matte_1.alpha", "rgba.alpha")],
        "matte_12": [("matte_12.alpha", "rgba.alpha")],
        "patch": [(f"patch.{one}", f"rgba.{one}") for one in ("red", "green", "blue", "alpha")],
        "regions_hair": [("regions.hair", "rgba.alpha")],
        "regions_l_eye": [("regions.l_eye", "rgba.alpha")],
        "stmap": [("stmap.red", "rgba.red"), ("stmap.green", "rgba.green")],
        "stmap_inverse_2": [("stmap_inverse_2.red", "rgba.red"), ("stmap_inverse_2.green", "rgba.green")],
        "face_normals": [
            ("face_normals.X", "rgba.red"),
            ("face_normals.Y", "rgba.green"),
            ("face_normals.Z", "rgba.blue"),
        ],
        "Cryptomatte": [],
    }


def test_nodes_are_made_below_and_once(gui: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    group = gui.create(gui.read("/p/plate.%04d.exr"))
    monkeypatch.setattr(gui.fake, "channels_of", lambda node: CHANNELS)
    made = gui.adapter("layers").shuffle_out(group)
    assert len(made) == 9
    crypto = gui.nuke.toNode("VfxSwap1_Cryptomatte")
    assert (crypto.Class(), crypto.input(0)) == ("Cryptomatte", group)
    stmap = gui.nuke.toNode("VfxSwap1_stmap")
    assert [stmap.input(0), stmap.input(1)] == [group, group]
    assert [stmap["from1"].value(), stmap["to1"].value()] == ["stmap.green", "rgba.green"]
    assert len({(gui.nuke.toNode(name).xpos(), gui.nuke.toNode(name).ypos()) for name in made}) == 9
    assert gui.adapter("layers").shuffle_out(group) == []
    group["vs_layers"].execute()
    assert group["vs_status"].value() == "every layer has its branch"


def test_a_result_without_layers_says_what_to_do(gui: Session) -> None:
    group = gui.create(gui.read("/p/plate.%04d.exr"))
    group["vs_layers"].execute()
    assert "tick some under Layers" in group["vs_status"].value()
