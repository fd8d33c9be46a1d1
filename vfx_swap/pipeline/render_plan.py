"""All that is settled before the first frame is rendered, and the digest of what decides a frame's pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.motion import Travel
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.protocols import SideBySide
from vfx_swap.pipeline.camera_look import CameraLook, travel_of
from vfx_swap.pipeline.camera_match import FaceCamera
from vfx_swap.pipeline.relight import Relight
from vfx_swap.pipeline.swap import CastFace

if TYPE_CHECKING:
    from vfx_swap.colour.ocio import ColourConfig
    from vfx_swap.io.outputs import Output
    from vfx_swap.io.plates import Plate
    from vfx_swap.pipeline.drawn import DrawnMattes
    from vfx_swap.pipeline.frame_layers import Surface
    from vfx_swap.pipeline.regions import Parsing
    from vfx_swap.settings import Shot
    from vfx_swap.types import Frame, SwapResult, Track

__all__ = [
    "CastTrack",
    "RenderPlan",
    "SwapFrame",
    "SwapPlan",
    "camera_at",
    "frame_digest",
    "swapped_at_once",
    "travel_at",
]


class SwapFrame(Protocol):
    """One frame's swap: a pure function."""

    def __call__(self, frame: Frame, cast: Sequence[CastFace], *, shot: Shot, want_patch: bool) -> SwapResult:
        """The frame with every cast face swapped."""
        ...


@dataclass(frozen=True, eq=False)
class CastTrack:
    """A track and who goes in, ready to swap."""

    track: Track
    swapper: Any
    """A `Swapper`; of what it prepares only itself knows."""
    prepared: Any
    """What the swapper made of the identity."""
    strength: float
    performer: FloatArray | None
    """(478, 3) neutral shape of the track, where faces are reshaped; every frame depends on it."""
    identity_sha256: str
    cuts: frozenset[int] = frozenset()
    """First frames after cuts: nothing moves across one."""
    fitted: str = ""
    """What the swapper was fitted to of the whole track; every frame depends on it."""
    relight: Relight | None = None
    """What lights its answers, where more than a grade is wanted."""
    lights: Mapping[int, HarmonicLight] = field(default_factory=dict)
    """Frame -> the plate's light on the face, solved over the track."""
    camera: CameraLook = field(default_factory=CameraLook)
    """What the camera did to the shot."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SwapPlan:
    """All that is settled before the first frame is swapped, wherever frames come from."""

    shot: Shot
    config: ColourConfig
    colour_space: str
    """Of the plate's file."""
    cast: tuple[CastTrack, ...]
    base_digest: str
    """Digest of settings, identities, engine, models and colour: of all but plate and faces."""
    header: Mapping[str, object]
    """What the header of every frame says, beside the frame's own digest. Nothing of the day or the machine."""
    swap_frame: SwapFrame
    kernels: Kernels = NUMPY
    """Of the device that frames are swapped on."""
    parsing: Parsing | None = None
    """Where regions are written: what finds them."""
    surface: Surface | None = None
    """Where layers of the face's surface are written: what they are made from."""
    drawn: DrawnMattes | None = None
    """The user's own mattes, where there are any."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RenderPlan(SwapPlan):
    """All that is settled before the first frame of a shot on disk."""

    plate: Plate
    output: Output
    frames: tuple[int, ...]
    overwrite: bool = False
    """True renders frames even where their output is current."""


def frame_digest(plan: SwapPlan, number: int) -> str:
    """SHA-256 of all that decides a frame's pixels and header beside the plate's picture."""
    faces = [_face_key(cast, number) for cast in plan.cast if number in cast.track.faces]
    # A matte layer of every cast track is in every frame, its face seen or not.
    named = {"matte", "stmap"} & set(plan.shot.write.layers)
    mattes = [cast.track.id for cast in plan.cast] if named else []
    decides: list[object] = [plan.base_digest, faces, mattes]
    if plan.surface is not None:
        decides.append(["surface", plan.surface.revision])
    if plan.parsing is not None:
        decides.append(plan.parsing.key(number))
    text = json.dumps(decides, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def travel_at(cast: CastTrack, number: int) -> Travel | None:
    """How far a face goes in the plate from the frame before to the frame after; None where it stands alone."""
    return travel_of(cast.track, number, cuts=cast.cuts)


def camera_at(cast: CastTrack, number: int) -> FaceCamera:
    """What the camera does to a face in a frame."""
    look = cast.camera
    blur, focus = look.blur(travel_at(cast, number)), look.focus.get(cast.track.id, {}).get(number, 0.0)
    return FaceCamera(blur=blur, focus=focus, knock=look.knock.get(cast.track.id, {}).get(number), grain=look.grain)


def _face_key(cast: CastTrack, number: int) -> list[object]:
    face = cast.track.faces[number]
    sha = hashlib.sha256(np.ascontiguousarray(face.points).tobytes())
    sha.update(np.ascontiguousarray(face.expression).tobytes())
    if cast.performer is not None:
        sha.update(np.ascontiguousarray(cast.performer).tobytes())
    travel = travel_at(cast, number)
    if travel is not None:
        sha.update(np.array([travel.x_pixels, travel.y_pixels]).tobytes())
    if face.front is not None:
        sha.update(repr((face.front.left, face.front.top, face.front.step)).encode())
    for word, matte in sorted(face.front.mattes.items()) if face.front is not None else ():
        sha.update(word.encode())
        sha.update(np.ascontiguousarray(matte).tobytes())
    if (light := cast.lights.get(number)) is not None:
        sha.update(light.brightness.tobytes() + light.colour.tobytes() + repr(light.mean).encode())
    camera = camera_at(cast, number)
    sha.update(repr((camera.blur.length_pixels, camera.blur.angle_degrees, camera.focus)).encode())
    sha.update(repr(camera.knock).encode())
    if camera.grain is not None:
        sha.update(camera.grain.covariance.tobytes() + repr(camera.grain.softness).encode())
    pose = face.pose
    numbers = (pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees, face.confidence, cast.strength)
    fitted = (cast.fitted,) if cast.fitted else ()
    seen = [cast.track.id, cast.identity_sha256, sha.hexdigest(), face.bridged]
    return [*seen, *(repr(float(n)) for n in numbers), *fitted]


def swapped_at_once(plan: SwapPlan) -> int:
    """Frames that are swapped side by side: as many as every swapper says, of those that others can share."""
    each = [one.swapper.frames_at_once if isinstance(one.swapper, SideBySide) else 1 for one in plan.cast]
    return max(1, min(each)) if each else 1
