"""A shot as values, the digest that tells when a result is out of date, and versions that are never written over.

Beside a version's frames lies `<shot>_v001.vfx_swap.json`: the digest of the settings, and size and time of each plate
frame it was made from. So whichever Blender renders (the artist's, one of a farm with the file unsaved) finds the same
version for the same settings, and begins the next for others.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bpy

from . import knobs, link
from .plate import Plate
from .refused import Refused
from .vfx_swap_bridge.paths import frame_file
from .vfx_swap_bridge.shot import shot_name, shot_values
from .vfx_swap_bridge.stale import result_digest

__all__ = ["Version", "digest", "folder_of", "knob_values", "name_of", "pick", "values"]

_LIGHTS = "lighting.light"
_ENVIRONMENT = "lighting.environment"


def name_of(owner: Any) -> str:
    """The shot's name: as given, else the owner's, fit for files."""
    return shot_name(owner.vfx_swap.shot or os.path.splitext(owner.name)[0])


def folder_of(owner: Any) -> str:
    """Where results go, absolute.

    Raises:
        Refused: it is told from a file that was never saved.
    """
    folder = owner.vfx_swap.folder
    if not folder or (folder.startswith("//") and not bpy.data.filepath):
        raise Refused("Save the file first, or name a folder for the results")
    return os.path.join(os.path.abspath(bpy.path.abspath(folder)), name_of(owner))


def knob_values(owner: Any) -> dict[str, Any]:
    """Key -> value of what is set: knobs, and the light of the scene where this vfx-swap takes it."""
    here, state = link.current(), owner.vfx_swap
    found = knobs.values(owner, here.knobs, engine=here.engine_of(owner))
    found.pop("write.layers", None)
    # A list of tables is no knob; lamps and HDRIs came to vfx-swap together.
    if state.lights and here.honours(_ENVIRONMENT):
        found[_LIGHTS] = json.loads(state.lights)
    if state.environment and here.honours(_ENVIRONMENT):
        found[_ENVIRONMENT] = os.path.abspath(bpy.path.abspath(state.environment))
        found["lighting.environment_rotation_degrees"] = state.rotation
    return found


def layers_of(owner: Any) -> list[str]:
    """EXR layers that the owner needs; strips and images have no use for any."""
    if not isinstance(owner, bpy.types.NodeTree):
        return []
    return ["matte", "patch", *(["regions"] if owner.vfx_swap.parsing else [])]


def values(owner: Any, plate: Plate, *, output: str) -> dict[str, Any]:
    """The shot, as the agent takes it. Its frames are all that the plate has: what is rendered now is asked for apart.

    Raises:
        Refused: nobody goes in.
    """
    state = owner.vfx_swap
    if not state.identity:
        raise Refused("Choose an identity")
    here, held = link.current(), knob_values(owner)
    cast: dict[str, Any] = {"identity": _identity(state.identity)}
    if state.performer:
        held.pop("cast[].position", None)
        cast["performer"] = here.far(os.path.abspath(bpy.path.abspath(state.performer)))
    elif "cast[].position" not in held:
        cast["position"] = "largest"
    return shot_values(
        name=name_of(owner),
        plate=here.far(plate.pattern),
        output=here.far(output),
        cast=[cast],
        knobs={**held, "write.layers": layers_of(owner)},
    )


def _identity(text: str) -> str:
    """A path of this machine as the agent's calls it; a name of the server's own as it is."""
    if text.startswith("//") or os.path.isabs(text):
        return link.current().far(os.path.abspath(bpy.path.abspath(text)))
    return text


def digest(owner: Any, plate: Plate) -> str:
    """Of all that decides a result but the plate's own pixels.

    Raises:
        Refused: nobody goes in.
    """
    return result_digest(values(owner, plate, output=""))[:24]


@dataclass
class Version:
    """Frames of one setting."""

    number: int
    pattern: str
    """Of the result."""
    digest: str
    made: dict[str, list[Any]] = field(default_factory=dict)
    """Frame -> file, size and time of the plate's frame it was made from."""

    @property
    def host_pattern(self) -> str:
        """Of the frames as Blender's compositor reads them."""
        folder, name = os.path.split(self.pattern)
        return os.path.join(folder, "blender", name)

    def file(self, frame: int) -> str:
        """A result frame."""
        return frame_file(self.pattern, frame)

    def current(self, plate: Plate, frame: int) -> bool:
        """Whether a frame is there, made from the plate as it is."""
        return self.made.get(str(frame)) == _stamp(plate, frame) and os.path.isfile(self.file(frame))

    def keep(self, plate: Plate, frames: Iterable[int]) -> None:
        """Write down that frames were made; what another process wrote down meanwhile stays."""
        other = _read(_record(self.pattern))
        self.made = {**(other.made if other else {}), **{str(one): _stamp(plate, one) for one in frames}}
        path = _record(self.pattern)
        with open(f"{path}.{os.getpid()}.tmp", "w", encoding="utf-8") as file:
            json.dump({"digest": self.digest, "frames": self.made}, file)
        os.replace(f"{path}.{os.getpid()}.tmp", path)


def pick(owner: Any, plate: Plate, frames: Iterable[int], *, anew: bool = False) -> Version:
    """The version that frames belong to: the newest, if its settings are ours and no frame in it is of another plate.

    Else, or where `anew` asks for it, the next one.

    Raises:
        Refused: as `folder_of`.
    """
    folder, name, wanted = folder_of(owner), name_of(owner), digest(owner, plate)
    newest = _newest(folder, name)
    tail = "" if plate.kind == "FILE" else ".####"
    if newest and not anew:
        pattern = os.path.join(folder, f"{name}_v{newest:03d}{tail}.exr")
        found = _read(_record(pattern))
        if found is not None and found.digest == wanted:
            version = Version(newest, pattern, wanted, found.made)
            others = [one for one in frames if str(one) in found.made and not version.current(plate, one)]
            if not any(os.path.isfile(version.file(one)) for one in others):
                return version
    return Version(newest + 1, os.path.join(folder, f"{name}_v{newest + 1:03d}{tail}.exr"), wanted)


def _newest(folder: str, name: str) -> int:
    """The highest version that anything in the folder has, 0 for none."""
    shape = re.compile(rf"{re.escape(name)}_v(\d+)\b")
    try:
        found = [shape.match(one) for one in os.listdir(folder)]
    except OSError:
        return 0
    return max((int(one[1]) for one in found if one), default=0)


def _record(pattern: str) -> str:
    return re.sub(r"(\.#+)?\.exr$", ".vfx_swap.json", pattern)


def _read(path: str) -> Version | None:
    try:
        with open(path, encoding="utf-8") as file:
            held: Mapping[str, Any] = json.load(file)
        return Version(0, "", str(held["digest"]), dict(held["frames"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stamp(plate: Plate, frame: int) -> list[Any]:
    """What tells one state of a plate's frame from another."""
    path = plate.path(frame)
    try:
        held = os.stat(path)
    except OSError:
        return [os.path.basename(path), -1, -1]
    return [os.path.basename(path), held.st_size, held.st_mtime_ns]
