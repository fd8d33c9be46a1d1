"""Runs inside Blender: `python inside.py FOLDER SCENARIO`. Knows nothing of vfx_swap; tells by FOLDER/answer.json.

Ends by `os._exit`: the modules of 4.2 and 4.5 can hang or crash when Python takes them down.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import bpy

__all__: list[str] = []

# For this import alone: Blender must find no vfx_swap on its path.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.hosts.blender.inside_light import light_rig  # noqa: F401  # a scenario
from tests.hosts.blender.inside_sequencer import movies, sequencer  # noqa: F401  # scenarios
from tests.hosts.blender.within import (
    FOLDER,
    NAME,
    ORDER,
    comp,
    install,
    load,
    ours,
    output_of,
    refused,
    render,
    save,
    scene_for,
    swap_of,
    tree_of,
)

del sys.path[0]


def node_range(show: str, identity: str, plate: str) -> dict[str, Any]:
    """A node: before a result, after Render Range, off, its mattes, saved and loaded, out of date."""
    told: dict[str, Any] = {}
    _, tree, node = comp(Path(show), plate=plate)
    state = node.node_tree.vfx_swap
    state.when = "RANGE"
    told["nobody"] = refused(bpy.ops.vfx_swap.render)
    state.identity = identity
    bpy.ops.vfx_swap.connect()
    told["knobs"] = sorted(key for key in node.node_tree.keys() if key.startswith("vs:"))  # noqa: SIM118  # no dict
    told["before"] = render("before", 3)
    told["said_before"] = state.trouble
    state.missing = "PLATE"
    told["plate_for_missing"] = render("missing", 3)
    state.missing = "BLACK"
    told["rendered"] = list(bpy.ops.vfx_swap.render())
    told["result"], told["version"] = state.result, state.version
    told["after"] = [render("after", frame) for frame in range(1, 7)]
    state.use_result = False
    told["off"] = render("off", 3)
    state.use_result = True
    for name in ("Matte", "Patch"):
        tree.links.new(node.outputs[name], output_of(tree))
        told[name] = render(name, 3)
    tree.links.new(node.outputs["Image"], output_of(tree))
    node.node_tree["vs:cast.strength"] = 0.5
    save(Path(show))
    told["on_disk_again"] = swap_of(tree).bl_idname
    _, tree = load(Path(show))
    node = swap_of(tree)
    told["kept"] = [node.node_tree["vs:cast.strength"], node.node_tree.vfx_swap.identity, node.name]
    told["label"] = node.draw_label()
    told["stale"] = render("stale", 3)
    node.node_tree["vs:cast.strength"] = 1.0
    told["fresh_label"] = node.draw_label()
    told["reloaded"] = render("reloaded", 3)
    save(Path(show))
    return told


def without_add_on(show: str) -> dict[str, Any]:
    """The file where nobody has heard of us."""
    _, tree = load(Path(show))
    kinds = sorted(node.bl_idname for node in tree.nodes)
    told = {"kinds": kinds, "picture": render("without", 3)}
    save(Path(show))
    return told


def back_again(show: str) -> dict[str, Any]:
    """The file that was saved by a Blender without us, with us; then a plain group for good."""
    _, tree = load(Path(show))
    node = swap_of(tree)
    node.node_tree.vfx_swap.result = ""  # as where another Blender rendered, and this file was not saved after it
    told = {"identity": node.node_tree.vfx_swap.identity, "picture": render("back", 3)}
    told["found"] = node.node_tree.vfx_swap.result
    copied = tree.nodes.new("VfxSwapNode")
    told["trees"] = len({one.node_tree.name for one in tree.nodes if one.bl_idname == "VfxSwapNode"})
    tree.nodes.remove(copied)
    tree.nodes.active = swap_of(tree)
    bpy.ops.vfx_swap.to_group()
    save(Path(show))
    _, tree = load(Path(show))
    told["kinds"] = sorted(node.bl_idname for node in tree.nodes)
    return told


def at_render(show: str, identity: str, plate: str) -> dict[str, Any]:
    """Frames made at render; an animation; settings changed; a plate that other nodes make; the second node."""
    told: dict[str, Any] = {}
    scene, tree, node = comp(Path(show), plate=plate, first=2, last=3)
    state = node.node_tree.vfx_swap
    state.identity = identity
    told["first"] = [render("lazy", 2), render("lazy", 3), state.result]
    node.node_tree["vs:lighting.exposure_stops"] = 1.0
    told["second"] = [render("lazier", 2), state.result]
    node.node_tree["vs:lighting.exposure_stops"] = 0.0
    told["third"] = [render("laziest", 2), state.result]
    turned = tree.nodes.new("CompositorNodeFlip")
    if "Flip X" in turned.inputs:
        turned.inputs["Flip X"].default_value = True
    else:  # a property before 4.5
        turned.axis = "X"
    tree.links.new(node.inputs["Plate"].links[0].from_socket, turned.inputs[0])
    tree.links.new(turned.outputs[0], node.inputs["Plate"])
    told["not_a_file"] = [render("not_a_file", 2), state.trouble]
    node.node_tree["vs:colour_space"] = "ACEScg"  # the quick engine of the tests knows no other
    told["range"] = list(bpy.ops.vfx_swap.render())
    told["flipped"] = [render("flipped", 2), state.trouble, state.result]
    told["range_again"] = [list(bpy.ops.vfx_swap.render()), state.result]
    told["settings_back"] = [scene.render.filepath.endswith("flipped.0002.exr"), scene.render.use_file_extension]
    return told


def image(show: str, identity: str, plate: str) -> dict[str, Any]:
    """The Image editor's: a loaded sequence, its own range, the result as an image beside it."""
    scene_for()
    save(Path(show))
    loaded = bpy.data.images.load(plate)
    loaded.source = "SEQUENCE"
    state = loaded.vfx_swap
    state.identity, state.own_range, state.first, state.last = identity, True, 2, 4
    told = {"rendered": list(bpy.ops.vfx_swap.render(owner=f"Image/{loaded.name}"))}
    told["status"], told["result"] = state.status, state.result
    told["images"] = sorted(one.name for one in bpy.data.images if one.source == "SEQUENCE")
    return told


def troubles(show: str, identity: str, plate: str, expired: str) -> dict[str, Any]:
    """What is said when it does not go."""
    told: dict[str, Any] = {}
    _, _, node = comp(Path(show), plate=plate)
    state = node.node_tree.vfx_swap
    state.identity = expired
    told["consent"] = refused(bpy.ops.vfx_swap.render)
    state.identity = identity
    told["choice"] = refused(bpy.ops.vfx_swap.choose, key="lighting.match", choice="nothing")
    bpy.ops.vfx_swap.choose(key="lighting.match", choice="none")
    bpy.ops.vfx_swap.toggle(key="matte.holdout", word="glasses")
    told["chosen"] = [node.node_tree["vs:lighting.match"], node.node_tree["vs:matte.holdout"]]
    bpy.context.preferences.addons[NAME].preferences.agent = "/nowhere/vfx-swap"
    told["agent"] = refused(bpy.ops.vfx_swap.render)
    bpy.context.preferences.addons[NAME].preferences.agent = ""
    told["then"] = list(bpy.ops.vfx_swap.render())
    told["trouble"] = state.trouble
    return told


def cancelled(show: str, identity: str, plate: str) -> dict[str, Any]:
    """Stopped by the artist; closed while under way and taken up again."""
    told: dict[str, Any] = {}
    _, _, node = comp(Path(show), plate=plate)
    owner = node.node_tree
    owner.vfx_swap.identity = identity
    work = ours("render").start_range(owner, scene=bpy.context.scene)
    while owner.vfx_swap.progress == 0.0 and work.pump():
        pass
    told["under_way"] = refused(bpy.ops.vfx_swap.render)
    bpy.ops.vfx_swap.cancel(owner=f"NodeTree/{owner.name}")
    work.wait()
    told["cancelled"] = [work.cancelled, work.trouble, owner.vfx_swap.job]
    told["made"] = sorted(work.version.made)
    work = ours("render").start_range(owner, scene=bpy.context.scene)
    while not (owner.vfx_swap.progress > 0.0 and json.loads(owner.vfx_swap.job)["job"]["job"]) and work.pump():
        pass
    save(Path(show))
    _, tree = load(Path(show))
    ours("link").current().close()
    owner = swap_of(tree).node_tree
    told["record"] = json.loads(owner.vfx_swap.job)["job"]["job"]
    told["taken_up"] = list(bpy.ops.vfx_swap.take_up(owner=f"NodeTree/{owner.name}"))
    told["status"], told["job"] = owner.vfx_swap.status, owner.vfx_swap.job
    told["picture"] = render("taken_up", 6)
    return told


def lights(show: str) -> dict[str, Any]:
    """Lights and HDRI of a scene."""
    from math import radians

    scene = bpy.context.scene
    for thing in list(scene.objects):
        bpy.data.objects.remove(thing)

    def add(name: str, data: Any, at: tuple[float, ...], turn: tuple[float, ...] = (0, 0, 0)) -> Any:
        thing = bpy.data.objects.new(name, data)
        thing.location, thing.rotation_euler = at, turn
        scene.collection.objects.link(thing)
        return thing

    # The camera looks along +Y at a face in the origin that looks back at it; the picture's right is +X.
    scene.camera = add("camera", bpy.data.cameras.new("camera"), (0, -5, 0), (radians(90), 0, 0))
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.color = 2.0, (1.0, 0.5, 0.5)
    add("sun", sun, (9, 9, 9), (0, radians(90), 0))  # shines along -X: it stands to the right
    area = bpy.data.lights.new("key", "AREA")
    area.energy = 100.0
    add("key", area, (0, -2, 0), (radians(90), 0, 0))  # at the camera, towards the face
    add("away", bpy.data.lights.new("away", "AREA"), (0, -3, 0), (radians(-90), 0, 0))
    add("behind", bpy.data.lights.new("behind", "SUN"), (0, 0, 0), (radians(-90), 0, 0))
    add("bulb", bpy.data.lights.new("bulb", "POINT"), (0, -1, 0))
    world = bpy.data.worlds.new("set")
    scene.world = world
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    nodes = world.node_tree.nodes
    ground = next(node for node in nodes if node.bl_idname == "ShaderNodeBackground")
    sky = nodes.new("ShaderNodeTexEnvironment")
    picture = bpy.data.images.new("hdri", 8, 4)
    picture.source, picture.filepath = "FILE", str(Path(show) / "set.exr")
    sky.image = picture
    turned = nodes.new("ShaderNodeMapping")
    turned.inputs["Rotation"].default_value = (0, 0, radians(30))
    world.node_tree.links.new(turned.outputs[0], sky.inputs["Vector"])
    world.node_tree.links.new(sky.outputs[0], ground.inputs["Color"])
    bpy.context.view_layer.update()
    ours("compat").ensure_compositor_tree(scene)
    bpy.ops.vfx_swap.add_node()
    tree = swap_of(tree_of(scene)).node_tree
    told: dict[str, Any] = {"done": list(bpy.ops.vfx_swap.take_lights(owner=f"NodeTree/{tree.name}"))}
    state = tree.vfx_swap
    told["lights"], told["environment"] = json.loads(state.lights), [state.environment, state.rotation]
    told["left_out"] = list(ours("lights").from_scene(scene).left_out)
    told["unasked"] = "lighting.light" in ours("shots").knob_values(tree)
    bpy.ops.vfx_swap.connect()
    told["honoured"] = ours("link").current().honours("lighting.environment")
    told["sent"] = "lighting.light" in ours("shots").knob_values(tree)
    scene.camera = None
    told["no_camera"] = refused(bpy.ops.vfx_swap.take_lights, owner=f"NodeTree/{tree.name}")
    return told


def parsing(show: str, identity: str, plate: str, size: list[int], frame: int) -> dict[str, Any]:
    """Parsing mattes as outputs of the node, with the default swapper."""
    told: dict[str, Any] = {}
    _, tree, node = comp(Path(show), plate=plate, frames=100000, width=size[0], height=size[1], first=frame, last=frame)
    bpy.ops.vfx_swap.connect()
    state = node.node_tree.vfx_swap
    state.identity, state.parsing, state.when = identity, True, "RANGE"
    told["outputs"] = [socket.name for socket in node.outputs]
    told["rendered"] = list(bpy.ops.vfx_swap.render())
    told["result"], told["trouble"] = state.result, state.trouble
    for name in ("Image", "Matte", "skin", "nose"):
        tree.links.new(node.outputs[name], output_of(tree))
        told[name] = render(name, frame)
    return told


def what_there_is() -> dict[str, Any]:
    """After Connect: engines and knobs that panels show, identities with their consent."""
    bpy.ops.vfx_swap.connect()
    here = ours("link").current()
    return {
        "engines": here.knob("engine").choices,
        "knobs": [knob.key for knob in here.knobs],
        "identities": {one.name: one.consent for one in here.identities},
    }


def one_render(plate: str, name: str, folder: str, identity: str, maps: str, **asked: Any) -> dict[str, Any]:
    """A sequence of the Image editor, rendered, or cancelled once its first frame is there."""
    bpy.context.preferences.addons[NAME].preferences.maps = maps
    loaded = bpy.data.images.load(plate)
    loaded.source = "SEQUENCE"
    state = loaded.vfx_swap
    state.identity, state.shot, state.folder = identity, name, folder
    state.own_range, state.first, state.last = True, asked["first"], asked["last"]
    loaded["vs:cast.reshape"] = 0.0
    told: dict[str, Any] = {"text": "", "state": "done", "frames": [], "result": ""}
    if asked["cancel"]:
        work = ours("render").start_range(loaded, scene=bpy.context.scene)
        while not any(Path(work.version.file(frame)).is_file() for frame in work.frames) and work.pump():
            pass
        bpy.ops.vfx_swap.cancel(owner=f"Image/{loaded.name}")
        work.wait()
        return {**told, "state": "cancelled" if work.cancelled and not work.trouble else "done", "text": state.status}
    told["text"] = refused(bpy.ops.vfx_swap.render, owner=f"Image/{loaded.name}", new_version=True)
    if told["text"]:
        return {**told, "state": "failed"}
    return {**told, "text": state.status, "result": state.result}


def picture_of_tree(show: str, identity: str, plate: str) -> dict[str, Any]:
    """What a drawing of the node needs."""
    _, tree, node = comp(Path(show), plate=plate)
    node.node_tree.vfx_swap.identity = identity
    bpy.ops.vfx_swap.render()
    inner = node.node_tree

    def links(of: Any) -> list[list[str]]:
        return [[w.from_node.name, w.from_socket.name, w.to_node.name, w.to_socket.name] for w in of.links]

    return {
        "outer": links(tree),
        "inner": links(inner),
        "inputs": [one.name for one in node.inputs],
        "outputs": [one.name for one in node.outputs],
    }


def main() -> None:
    """One scenario."""
    answer: dict[str, Any]
    try:
        if ORDER["zip"]:
            install()
        assert "vfx_swap" not in sys.modules
        answer = globals()[sys.argv[2]](**ORDER["given"])
    except BaseException:  # noqa: BLE001  # told to the test
        answer = {"failed": traceback.format_exc()}
    (FOLDER / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
