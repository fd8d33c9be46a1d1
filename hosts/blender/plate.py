"""The plate of a node: the files behind its input where there are files, else frames that Blender renders for it."""

from __future__ import annotations

import contextlib
import filecmp
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import compat
from .refused import Refused
from .vfx_swap_bridge.paths import existing, frame_file, pattern_of_file

__all__ = ["Plate", "of_image", "of_node", "of_range", "render_frames"]

_MANY = 1 << 20


@dataclass(frozen=True)
class Plate:
    """Files, and which of them a scene frame shows, as an image's user has it."""

    pattern: str
    """`plate.####.exr`, a movie or a still, absolute."""
    kind: str
    """`SEQUENCE`, `MOVIE` or `FILE`."""
    colour: str = ""
    """Colour space that Blender reads it in; empty: its default."""
    start: int = 1
    offset: int = 0
    duration: int = _MANY
    cyclic: bool = False
    written: bool = True
    """False: Blender must render the frames first."""

    def frame(self, scene_frame: int) -> int:
        """The plate's frame that a scene frame shows: a sequence's is the number in its name, a movie's first is 1."""
        if self.kind == "FILE":
            return 1
        at = scene_frame - self.start + 1
        if self.cyclic:
            at = (at - 1) % self.duration + 1
        return min(max(at, 1), self.duration) + self.offset

    def frames(self, first: int, last: int) -> list[int]:
        """The plate's frames of a range of the scene's, rising, none twice."""
        return sorted({self.frame(one) for one in range(first, last + 1)})

    def path(self, frame: int) -> str:
        """The file of one of the plate's frames."""
        return frame_file(self.pattern, frame)

    def on_disk(self) -> list[int]:
        """Numbers of a sequence's files; 1 for a still that is there."""
        if self.kind != "SEQUENCE":
            return [1] if os.path.isfile(self.pattern) else []
        return existing(self.pattern)


def of_image(image: Any, user: Any) -> Plate | None:
    """The plate that an image and its user show; None for what has no file (a generated or packed image)."""
    if image is None or image.source not in ("FILE", "SEQUENCE", "MOVIE") or not image.filepath:
        return None
    path = os.path.abspath(bpy.path.abspath(image.filepath, library=image.library))
    colour = image.colorspace_settings.name
    if image.source == "FILE":
        return Plate(path, "FILE", colour)
    moving = pattern_of_file(path) if image.source == "SEQUENCE" else path
    return Plate(
        moving, image.source, colour, user.frame_start, user.frame_offset, max(user.frame_duration, 1), user.use_cyclic
    )


def of_node(node: Any) -> Plate | None:
    """The files behind a node's input `Plate`, through reroutes; None where other nodes stand between."""
    socket = node.inputs[0]
    while socket.is_linked:
        link = socket.links[0]
        before = link.from_node
        if before.mute or link.is_muted:
            return None
        if before.bl_idname == "NodeReroute":
            socket = before.inputs[0]
        elif before.bl_idname == "CompositorNodeImage" and link.from_socket.name in ("Image", "Combined"):
            return of_image(before.image, before)
        elif before.bl_idname == "VfxSwapNode" and link.from_socket.name == "Image":
            return _of_result(before)
        else:
            return None
    return None


def _of_result(before: Any) -> Plate | None:
    """The result of a node as the plate of the next, for a second performer."""
    state = before.node_tree.vfx_swap
    plate = of_node(before)
    if plate is None or not (state.result and state.use_result):
        return None
    return Plate(state.result, plate.kind, plate.colour, plate.start, plate.offset, plate.duration, plate.cyclic)


def of_range(folder: str, name: str) -> Plate:
    """The plate that Blender is going to render for a node: scene frames, in its own working space."""
    return Plate(str(Path(folder) / f"{name}_plate.####.exr"), "SEQUENCE", "Linear Rec.709", written=False)


@contextlib.contextmanager
def _shown_alone(tree: Any, socket: Any) -> Iterator[None]:
    """The compositor's picture is what comes into `socket`, within."""
    output = compat.output_socket(tree)
    before = output.links[0].from_socket if output.is_linked else None
    tree.links.new(socket.links[0].from_socket, output)
    try:
        yield
    finally:
        if before is not None:
            tree.links.new(before, output)
        else:
            tree.links.remove(output.links[0])


def _take_over(new: str, path: str) -> None:
    """A file in the place of one before; one of the same bytes keeps its time, so that its result stays current."""
    if os.path.isfile(path) and filecmp.cmp(new, path, shallow=False):
        os.remove(new)
    else:
        os.replace(new, path)


def render_frames(scene: Any, tree: Any, node: Any, plate: Plate, frames: Iterable[int]) -> None:
    """Render what comes into a node to the plate's files, in the foreground.

    Raises:
        Refused: nothing comes in, or the compositor has no output.
    """
    if not node.inputs[0].is_linked:
        raise Refused("Nothing is connected to Plate")
    os.makedirs(os.path.dirname(plate.pattern), exist_ok=True)
    now = scene.frame_current
    with _shown_alone(tree, node.inputs[0]), compat.exr_settings(scene):
        for frame in frames:
            scene.frame_set(frame)
            path = plate.path(frame)
            scene.render.filepath = f"{path}.new.exr"
            bpy.ops.render.render(write_still=True, scene=scene.name)
            _take_over(scene.render.filepath, path)
    scene.frame_set(now)
