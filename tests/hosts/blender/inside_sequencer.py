"""Scenarios of the Sequencer. Runs inside Blender, by `inside.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy

from tests.hosts.blender.within import comp, load, ours, output_of, refused, render, save, scene_for

__all__ = ["movies", "sequencer"]


def sequencer(show: str, identity: str, plate: str) -> dict[str, Any]:
    """A trimmed strip, a take with handles, another, chosen, removed; saved and loaded between."""
    told: dict[str, Any] = {}
    scene = scene_for(first=1, last=20)
    made = ours("compat").strips(scene)
    strip = ours("compat").new_image_strip(scene, name="sh010", filepath=plate, channel=1, frame_start=10)
    for frame in range(2, 7):
        strip.elements.append(Path(plate).name.replace("0001", f"{frame:04d}"))
    strip.colorspace_settings.name = "Linear Rec.709"
    scene.sequencer_colorspace_settings.name = "Linear Rec.709"
    ours("compat").set_trim(strip, first=12, end=14)  # shows plate frames 3 and 4
    save(Path(show))
    scene.vfx_swap.handles = 1
    scene.vfx_swap.identity = identity
    told["regenerated"] = list(bpy.ops.vfx_swap.regenerate(strip="sh010"))
    told["strips"] = [[one.name, one.channel, one.mute, *ours("compat").visible_range(one)] for one in made]
    told["elements"] = [one.filename for one in made["sh010 v001"].elements]
    told["note"] = json.loads(made["sh010 v001"]["vfx_swap"])
    told["shown"] = [render("take", 12), render("take", 13)]
    bpy.ops.vfx_swap.choose_take(strip="sh010")
    told["original"] = render("original", 12)
    scene["vs:cast.strength"] = 0.0
    bpy.ops.vfx_swap.regenerate(strip="sh010 v001")  # of a take: its original is meant
    save(Path(show))
    scene, _ = load(Path(show))
    made = ours("compat").strips(scene)
    told["two"] = [[one.name, one.channel, one.mute] for one in made]
    told["second"] = render("second", 12)
    bpy.ops.vfx_swap.choose_take(strip="sh010 v001")
    told["first_again"] = render("again", 12)
    bpy.ops.vfx_swap.remove_take(strip="sh010 v001")
    told["one_left"] = [[one.name, one.mute] for one in made]
    bpy.ops.vfx_swap.remove_take(strip="sh010 v002")
    told["none_left"] = [[one.name, one.mute] for one in made]
    told["no_take"] = refused(bpy.ops.vfx_swap.remove_take, strip="sh010")
    told["no_strip"] = refused(bpy.ops.vfx_swap.regenerate, strip="nobody")
    return told


def movies(show: str, identity: str, plate: str) -> dict[str, Any]:
    """A movie as a strip, and as the plate of a node."""
    told: dict[str, Any] = {}
    _, tree, node = comp(Path(show), plate=plate, frames=8, first=3, last=5, source="MOVIE")
    node.node_tree.vfx_swap.identity, node.node_tree.vfx_swap.when = identity, "RANGE"
    told["rendered"] = list(bpy.ops.vfx_swap.render())
    told["node"] = [node.node_tree.vfx_swap.result, render("node", 4)]
    tree.links.new(node.outputs["Matte"], output_of(tree))
    told["matte"] = render("matte", 4)
    tree.links.new(node.outputs["Image"], output_of(tree))
    node.node_tree.vfx_swap.use_result = False
    told["plate"] = render("plate", 4)
    scene = scene_for(first=1, last=20)
    made = ours("compat").strips(scene)
    strip = made.new_movie(name="sh010", filepath=plate, channel=1, frame_start=10)
    ours("compat").set_trim(strip, first=12, end=14)  # shows the movie's frames 3 and 4
    scene.vfx_swap.handles = 1
    scene.vfx_swap.identity = identity
    told["regenerated"] = list(bpy.ops.vfx_swap.regenerate(strip="sh010"))
    take = made["sh010 v001"]
    told["elements"] = [one.filename for one in take.elements]
    told["range"] = [*ours("compat").visible_range(take), take.mute, strip.mute]
    told["note"] = json.loads(take["vfx_swap"])
    told["shown"] = render("take", 13)
    bpy.ops.vfx_swap.choose_take(strip="sh010")
    told["original"] = render("original", 13)
    return told
