"""What a node's tree, an image or a scene keeps of a shot beside its knobs: who, where to, and what came of it."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import link

__all__ = ["CLASSES", "OWNERS", "VfxSwapState", "attach", "detach"]

OWNERS = ("CompositorNodeTree", "Image", "Scene")
"""Types that carry a state, as `vfx_swap`."""


def _people(_state: Any, _context: Any, text: str) -> list[tuple[str, str]]:
    """Identities that hold `text`, with their consent beside them."""
    return [(one.path, one.consent) for one in link.current().identities if text.lower() in one.path.lower()]


def _flip(state: Any, _context: Any) -> None:
    from . import result_tree

    if isinstance(state.id_data, bpy.types.NodeTree):
        result_tree.flip(state.id_data)


def _fit_sockets(state: Any, _context: Any) -> None:
    from . import result_tree

    if isinstance(state.id_data, bpy.types.NodeTree):
        result_tree.fit_sockets(state.id_data, link.current().regions if state.parsing else ())


class VfxSwapState(bpy.types.PropertyGroup):
    """Settings that are the host's own, and the state of the work."""

    identity: StringProperty(
        name="Identity",
        description="Who goes in: an identity of the server, or a pack on disk",
        search=_people,
        search_options={"SUGGESTION"},
    )
    performer: StringProperty(
        name="Performer", subtype="FILE_PATH", description="Photograph of the performer; empty: by position"
    )
    shot: StringProperty(name="Shot", description="Name of the shot; empty: the name of the node, image or strip")
    folder: StringProperty(
        name="Results", subtype="DIR_PATH", default="//vfx_swap/", description="Folder of the results, a version each"
    )
    version: IntProperty(name="Version", min=0, description="Of the result in use; 0: there is none yet")
    first: IntProperty(name="First", default=1, description="First scene frame, with Own Range")
    last: IntProperty(name="Last", default=250, description="Last scene frame, with Own Range")
    own_range: BoolProperty(name="Own Range", description="Render this range in place of the scene's")
    handles: IntProperty(name="Handles", default=8, min=0, soft_max=48, description="Frames more at both ends")
    when: EnumProperty(
        name="Render",
        items=(
            ("FRAME", "At Render", "Each frame is made when Blender renders it, where it is missing or out of date"),
            ("RANGE", "By Button", "Only by Render Range; a render takes what is there"),
        ),
    )
    missing: EnumProperty(
        name="Missing",
        items=(
            ("BLACK", "Black", "A frame without a result is black, so that nobody takes the plate for it"),
            ("PLATE", "Plate", "A frame without a result shows the plate"),
        ),
    )
    use_result: BoolProperty(name="Use Result", default=True, update=_flip, description="Else the plate passes through")
    parsing: BoolProperty(
        name="Parsing Mattes", update=_fit_sockets, description="Also mattes of skin, hair, eyes and all other regions"
    )
    face: PointerProperty(
        type=bpy.types.Object, name="Face", description="Stands where the face is and looks along its -Y"
    )
    lights: StringProperty(options={"HIDDEN"}, description="Lights taken from the scene, as JSON")
    environment: StringProperty(name="Environment", subtype="FILE_PATH", description="Latlong HDRI of the set")
    rotation: FloatProperty(name="Rotation", min=-360.0, max=360.0, description="Degrees; positive to the right")
    result: StringProperty(options={"HIDDEN"}, description="Pattern of the frames in use")
    digest: StringProperty(options={"HIDDEN"}, description="Of the settings and the plate that they were made with")
    colour: StringProperty(options={"HIDDEN"}, description="Colour space that Blender reads the plate and result in")
    job: StringProperty(options={"HIDDEN"}, description="Work under way, to take up again")
    status: StringProperty(options={"HIDDEN"}, description="Last thing to tell")
    trouble: StringProperty(options={"HIDDEN"}, description="What went wrong last, and how to mend it")
    progress: FloatProperty(options={"HIDDEN"}, subtype="FACTOR", min=0.0, max=1.0)


CLASSES = (VfxSwapState,)


def attach() -> None:
    """Give the types their state."""
    for name in OWNERS:
        setattr(getattr(bpy.types, name), "vfx_swap", PointerProperty(type=VfxSwapState))  # noqa: B010  # from a list


def detach() -> None:
    """Take it back; files keep what they hold."""
    for name in OWNERS:
        delattr(getattr(bpy.types, name), "vfx_swap")
