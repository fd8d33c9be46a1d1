"""Layers that say where a face lies: STMap and its inverse, UV, normals, depth and confidence, for any engine.

They follow the performer's face in the tracks, so they hold for whatever was put on it. Two spaces meet: the plate, and
*face space*, in which the face is unrolled by its canonical UV. It is as large as the display window, of which the UV
takes the middle `1 - 2 * MARGIN` each way, in every frame the same.

    stmap          at a plate pixel: where in face space the skin lies that shows there (face space -> plate: redo)
    stmap_inverse  at a face space pixel: where in the plate that skin shows (plate -> face space: undo)

Both as Nuke's STMap node reads them: u to the right, v up, 0 to 1 from edge to edge of the display window, the centre
of pixel i of n at (i + 0.5) / n. They run on past the face's outline, so that filters and soft edges find values there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LOOPS, FineMesh, bent_between, subdivide
from vfx_swap.geometry.raster import rasterise
from vfx_swap.pipeline.drawn import with_drawn
from vfx_swap.pipeline.holdout import front_in_plate
from vfx_swap.pipeline.regions import with_regions
from vfx_swap.types import Face, Frame, Window

if TYPE_CHECKING:
    from vfx_swap.models.facemesh.canonical import CanonicalMesh
    from vfx_swap.pipeline.render_plan import SwapPlan

    Plan = TypeVar("Plan", bound=SwapPlan)

__all__ = [
    "SURFACE_LAYERS",
    "SURFACE_REVISION",
    "Surface",
    "make_surface",
    "surface_channels",
    "surface_layers",
    "surface_windows",
    "with_layers",
]

SURFACE_LAYERS = ("stmap", "uv", "normals", "depth", "confidence")
"""Words of `write.layers` that are made here."""
SURFACE_REVISION = 1
"""Part of the digest of every frame with such layers; raise it when a change gives others from the same inputs."""
BEYOND = 4.0
"""How far maps run past the outline, in steps of the subdivided mesh: about 4 % of face height."""
EVEN = 4
"""Vertices of the outline to each side that its way outward is the mean of: a single one's sticks out as a thorn."""
MARGIN = 0.08
"""Of face space, on each side, that the canonical UV leaves to what runs past the outline."""


AJAR = 0.02
"""How far face space moves the middle of each lip off the shut mouth of the UV: what an open one shows needs room."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The face mesh with a rim around it that runs on as its edge leads."""

    mesh: FineMesh
    """UV with v down."""
    place: FloatArray
    """(n, 2) of fine vertices: where face space has them, v down, 0 to 1 within its margin."""
    edge: NDArray[np.int64]
    """(k,) fine vertices of the outline, in its order."""
    inward: NDArray[np.int64]
    """(k,) for each, the fine vertex it is led away from."""
    rim: NDArray[np.int32]
    """(r, 3) triangles; vertex n + i is beyond `edge[i]`."""
    revision: int = SURFACE_REVISION

    def with_rim(self, values: np.ndarray) -> FloatArray:
        """Per-fine-vertex values (n, c), and those beyond the outline, (n + k, c)."""
        out = (values[self.edge] - values[self.inward]).astype(np.float64)
        even = np.mean([np.roll(out, by, axis=0) for by in range(-EVEN, EVEN + 1)], axis=0)
        return np.concatenate([values, values[self.edge] + BEYOND * even]).astype(np.float32)


def make_surface(mesh: CanonicalMesh) -> Surface:
    """The surface of a canonical mesh.

    Args:
        mesh: of the landmarks.
    """
    uv_down = np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1).astype(np.float32)
    fine = subdivide(uv=uv_down, triangles=mesh.triangles)
    sides = np.concatenate([fine.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]).astype(np.int64)
    _, index, uses = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True, return_counts=True)
    after = dict(sides[uses[index.reshape(-1)] == 1].tolist())  # each side of the outline as its triangle winds
    edge = [min(after)]
    while after[edge[-1]] != edge[0]:
        edge.append(after[edge[-1]])
    first, rim = len(fine.uv), []
    for at, start in enumerate(edge):
        beside = (at + 1) % len(edge)
        rim += [(edge[beside], start, first + at), (edge[beside], first + at, first + beside)]
    outline = np.array(edge, dtype=np.int64)
    place = np.asarray(fine.matrix @ _ajar(uv_down, mesh.triangles), np.float32)
    return Surface(fine, place, outline, _inward(fine, sides, outline), np.array(rim, dtype=np.int32))


def _ajar(uv: FloatArray, triangles: NDArray[np.int32]) -> np.ndarray:
    """(468, 2) UV with the lips drawn apart, bent smoothly to the eyes and the outline, which stay."""
    drawn, free = np.zeros((len(uv), 2)), np.ones(len(uv), dtype=bool)
    for name in ("face", "eye_image_left", "eye_image_right"):
        free[list(LOOPS[name])] = False
    mouth = list(LOOPS["mouth"])  # from corner to corner along the lower lip, and back along the upper
    free[mouth] = False
    drawn[mouth, 1] = AJAR * np.sin(2.0 * np.pi * np.arange(len(mouth)) / len(mouth))
    return np.asarray(uv + bent_between(drawn, free, triangles))


def _inward(fine: FineMesh, sides: NDArray[np.int64], edge: NDArray[np.int64]) -> NDArray[np.int64]:
    """For every vertex of the outline the neighbour inside that lies straightest away from the outline."""
    on_edge = np.zeros(len(fine.uv), dtype=bool)
    on_edge[edge] = True
    along = fine.uv[np.roll(edge, -1)] - fine.uv[np.roll(edge, 1)]
    found = []
    for vertex, tangent in zip(edge.tolist(), along, strict=True):
        beside = np.unique(np.concatenate([sides[sides[:, 0] == vertex, 1], sides[sides[:, 1] == vertex, 0]]))
        inside = beside[~on_edge[beside]]
        away = fine.uv[inside] - fine.uv[vertex]
        lean = np.abs(away @ tangent) / np.maximum(np.linalg.norm(away, axis=1), 1e-9)
        found.append(int(inside[int(np.argmin(lean))]))
    return np.array(found, dtype=np.int64)


def with_layers(plan: Plan, *, device: str) -> Plan:
    """The plan of a shot with all that its layers are made from, and the user's own mattes.

    Args:
        plan: of a shot.
        device: as in `open_parsing`.

    Raises:
        CannotRunError: a model file or the device is missing, or the canonical mesh.
        InputError, UsageError: mattes are not there, or none.
    """
    plan = with_drawn(with_regions(plan, device=device))
    if not set(SURFACE_LAYERS) & set(plan.shot.write.layers):
        return plan
    from vfx_swap.pipeline.engines import face_mesh

    return replace(plan, surface=make_surface(face_mesh()))


def surface_channels(wanted: Collection[str], *, tracks: Sequence[int]) -> list[str]:
    """Names of the channels that `surface_layers` gives, in every frame the same.

    Args:
        wanted: words of `write.layers`.
        tracks: ids of all cast tracks.
    """
    between = ("",) if len(tracks) == 1 else tuple(f"{track}." for track in tracks)
    maps = [f"{name}.{track}{one}" for track in between for name in ("stmap", "stmap_inverse") for one in "RG"]
    named = {
        "stmap": maps,
        "uv": [f"face_uv.{one}" for one in "RG"],
        "normals": [f"face_normals.{one}" for one in "XYZ"],
        "depth": ["face_depth.Z"],
        "confidence": ["face_confidence.A"],
    }
    return [channel for word in SURFACE_LAYERS if word in wanted for channel in named[word]]


def surface_windows(faces: Iterable[Face], plate: Window, *, wanted: Collection[str]) -> list[Window]:
    """The parts of the plate that layers of a frame cover.

    Args:
        faces: that the frame shows.
        plate: its data window.
        wanted: words of `write.layers`; maps cover all, since face space does.
    """
    if "stmap" in wanted:
        return [plate]
    parts = []
    for face in faces:
        low, high = face.points[:, :2].min(axis=0), face.points[:, :2].max(axis=0)
        left, top = (int(value) for value in np.floor(low))
        right, bottom = (int(value) + 1 for value in np.ceil(high))
        parts.append(Window(left, top, right - left, bottom - top).intersect(plate))
    return parts


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the pixels of a window see of one face."""

    maps: FloatArray
    """(h, w, 2) where in face space, u and v; 0 where nothing."""
    uv: FloatArray
    """(h, w, 2) on the face alone."""
    normals: FloatArray
    """(h, w, 3)."""
    depth: FloatArray
    """(h, w)."""
    covered: NDArray[np.bool_]
    """(h, w) True on the face."""


def surface_layers(
    surface: Surface,
    frame: Frame,
    faces: Mapping[int, Face],
    *,
    tracks: Sequence[int],
    wanted: Collection[str],
    holdout: Iterable[str] = (),
    hidden: FloatArray | None = None,
) -> dict[str, FloatArray]:
    """Layers of a frame; the same channels in every frame, 0 where a face is absent.

    Args:
        surface: of the shot.
        frame: the plate, or the part of it that layers are of.
        faces: track id -> face, of the cast tracks that the frame shows; where they meet the larger is in front.
        tracks: ids of all cast tracks. With one, its maps are called `stmap` and `stmap_inverse`; with more, each has
            its own: `stmap.<track>`, `stmap_inverse.<track>`.
        wanted: of `SURFACE_LAYERS`.
        holdout: words of `matte.holdout`; what they name takes confidence away.
        hidden: (height, width) 1 where something else is in front; it does so too.

    Returns:
        Full channel name -> (height, width) of the frame's data window.
    """
    shape = frame.rgb.shape[:2]
    seen = {track: _seen(surface, face, frame) for track, face in faces.items()}
    layers: dict[str, FloatArray] = {}
    for track in tracks if "stmap" in wanted else ():
        between = "" if len(tracks) == 1 else f"{track}."
        pair = np.zeros((*shape, 2), np.float32), np.zeros((*shape, 2), np.float32)
        if track in seen:
            pair = seen[track].maps, _inverse(surface, faces[track], frame)
        for name, values in zip(("stmap", "stmap_inverse"), pair, strict=True):
            layers |= {f"{name}.{between}{one}": values[..., axis] for axis, one in enumerate("RG")}
    uv, normals = np.zeros((*shape, 2), np.float32), np.zeros((*shape, 3), np.float32)
    depth, trust = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for track in sorted(seen, key=lambda one: (faces[one].height, one)):
        one = seen[track]
        at = one.covered
        uv[at], normals[at], depth[at] = one.uv[at], one.normals[at], one.depth[at]
        if "confidence" in wanted:
            trust[at] = _trust(faces[track], one, frame, holdout)[at]
    if hidden is not None:
        trust *= 1.0 - hidden
    if "uv" in wanted:
        layers |= {f"face_uv.{name}": uv[..., axis] for axis, name in enumerate("RG")}
    if "normals" in wanted:
        layers |= {f"face_normals.{name}": normals[..., axis] for axis, name in enumerate("XYZ")}
    if "depth" in wanted:
        layers["face_depth.Z"] = depth
    if "confidence" in wanted:
        layers["face_confidence.A"] = trust
    return {name: np.ascontiguousarray(values) for name, values in layers.items()}


def _seen(surface: Surface, face: Face, frame: Frame) -> _Seen:
    """A face as the frame's pixels see it."""
    window, shape = frame.data_window, frame.rgb.shape[:2]
    origin = np.array([window.x, window.y, 0.0], np.float32)
    flat = surface.mesh.positions(face.points)
    positions = surface.with_rim(flat - origin)
    # Behind the outline it goes on from: where a face is turned away its rim lies across the cheek.
    positions[len(flat) :, 2] = np.maximum(positions[len(flat) :, 2], flat[surface.edge, 2])
    triangles = np.concatenate([surface.rim, surface.mesh.triangles])
    raster = rasterise(positions, triangles, height=shape[0], width=shape[1])
    own = raster.triangle >= len(surface.rim)
    uv = raster.interpolate(surface.with_rim(surface.mesh.uv), triangles)
    uv[:, 1] = np.float32(1.0) - uv[:, 1]
    maps = raster.interpolate(surface.with_rim(surface.place), triangles)
    maps[:, 1] = np.float32(1.0) - maps[:, 1]
    maps = np.float32(MARGIN) + np.float32(1.0 - 2.0 * MARGIN) * maps
    normals = raster.interpolate(surface.with_rim(surface.mesh.normals(flat)), triangles)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.float32(1e-6))
    alone = own.astype(np.float32)
    return _Seen(
        maps=raster.picture(maps),
        uv=raster.picture(uv * alone[:, None]),
        normals=raster.picture(normals * alone[:, None]),
        depth=raster.picture(raster.depth * alone),
        covered=raster.picture(alone) > 0.0,
    )


def _inverse(surface: Surface, face: Face, frame: Frame) -> FloatArray:
    """(h, w, 2) where in the plate what stands in face space shows: u, v of the display window."""
    window, display, shape = frame.data_window, frame.display_window, frame.rgb.shape[:2]
    uv = MARGIN + (1.0 - 2.0 * MARGIN) * surface.with_rim(surface.place)
    place = np.empty((len(uv), 3), np.float32)
    place[:, 0] = uv[:, 0] * display.width - 0.5 + (display.x - window.x)
    place[:, 1] = uv[:, 1] * display.height - 0.5 + (display.y - window.y)
    place[:, 2] = np.arange(len(uv)) >= len(surface.mesh.uv)  # the face before its rim
    triangles = np.concatenate([surface.rim, surface.mesh.triangles])
    raster = rasterise(place, triangles, height=shape[0], width=shape[1], front_only=False)
    found = raster.interpolate(_in_display(surface.with_rim(surface.mesh.positions(face.points)), display), triangles)
    return raster.picture(found)


def _in_display(points: FloatArray, display: Window) -> FloatArray:
    """(n, 2) plate pixels as fractions of the display window, v up."""
    u = (points[:, 0] - display.x + 0.5) / display.width
    v = (display.bottom - points[:, 1] - 0.5) / display.height
    return np.stack([u, v], axis=1).astype(np.float32)


def _trust(face: Face, seen: _Seen, frame: Frame, holdout: Iterable[str]) -> FloatArray:
    """(h, w) 0 to 1: how sure the landmarks were, how squarely skin faces the camera, and what hides it."""
    trust = np.float32(face.confidence) * np.clip(seen.normals[..., 2], 0.0, 1.0)
    hidden = front_in_plate(face.front, words=tuple(holdout), rgb=frame.rgb, window=frame.data_window)
    return np.asarray(trust if hidden is None else trust * (1.0 - hidden), np.float32)
