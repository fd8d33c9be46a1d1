"""An identity's face model as a file: mesh with expressions, and its skin as an sRGB picture."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.transfer import luma_rec709, srgb_eotf_inverse
from vfx_swap.errors import IdentityError, UsageError
from vfx_swap.geometry.mesh import vertex_normals
from vfx_swap.io.shaped_mesh import ShapedMesh, mesh_files, write_mesh
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.facemesh.expressions import expression_shapes
from vfx_swap.models.facemesh.face_model import PATCH_RADIUS, PATCHES, FaceModel, build_face_model
from vfx_swap.pipeline.consent import check_consent
from vfx_swap.pipeline.usage import identity_uses, record_usage, refusals_on_record
from vfx_swap.types import Identity, Reference

__all__ = ["face_texture", "write_face_model"]

SKIN_LUMA = (0.12, 0.5)
"""Bounds of the mean skin's luminance: a photograph's exposure is not the skin's."""
_COLOURS = {"teeth": (0.62, 0.56, 0.45), "tongue": (0.30, 0.09, 0.08), "mouth": (0.05, 0.012, 0.012)}
_SCLERA = (0.62, 0.57, 0.53)
"""Scene-linear reflectances of what no photograph's texture holds."""
_IRISES = ((468, (469, 470, 471, 472)), (473, (474, 475, 476, 477)))
_BALL = 1.23
"""Radius of an eyeball over an iris' diameter (24 mm and 11.7 mm across: 1.03), of MakeHuman's larger balls."""


def write_face_model(
    identity: Identity,
    out: Path,
    *,
    mesh: CanonicalMesh,
    today: date,
    project: str = "",
    levels: int = 1,
    overwrite: bool = False,
    pack: Path | None = None,
) -> tuple[Path, ...]:
    """Write an identity's face model as `.obj`, `.glb` or `.usda`.

    Args:
        identity: whose face; its consent is checked as for a swap.
        out: the file; its suffix chooses the format.
        mesh: the canonical mesh.
        today: the day of the use.
        project: name of the project, against the consent's patterns.
        levels: of subdivision, 0 to 2.
        overwrite: write over files that exist.
        pack: path of the pack, for messages.

    Returns:
        The files written, `out` last.

    Raises:
        UsageError: the suffix is none that is written, or a file exists.
        RefusedError: consent is missing, expired or of another scope.
        IdentityError: the pack holds no texture.
        OutputError: a file cannot be written.
    """
    paths = mesh_files(out, expression_shapes().names)
    with refusals_on_record(lambda: (identity,), shot=project):
        check_consent(identity, today=today, project=project, pack=pack)
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        what = f"exists already, and so do {len(there) - 1} more" if len(there) > 1 else "exists already"
        raise UsageError(what, where=there[-1], mend="Choose another name, or write over with --overwrite")
    if identity.texture.rgb.shape[0] < 16 or float(identity.texture.weight.max(initial=0.0)) <= 0.0:
        mend = "Build it again from photographs that show the skin, with `vfx-swap identity build`"
        raise IdentityError("the pack holds no skin texture", where=pack or identity.name, mend=mend)
    record_usage("face_model", uses=identity_uses((identity,)), shot=project)
    model = build_face_model(identity.references, mesh=mesh, levels=levels)
    return write_mesh(_shaped(model, identity), out)


def _shaped(model: FaceModel, identity: Identity) -> ShapedMesh:
    # `vertex_normals` takes pictures' axes: y down, z away.
    normals = vertex_normals(model.vertices * np.array([1, -1, -1], np.float32), model.triangles)
    encoded = np.round(face_texture(identity) * 255.0).astype(np.uint8)
    _, png = cv2.imencode(".png", encoded[:, :, ::-1])
    return ShapedMesh(
        name=re.sub(r"[^A-Za-z0-9_-]", "_", identity.name),
        vertices=model.vertices,
        normals=normals,
        uv=model.uv,
        triangles=model.triangles,
        names=model.names,
        deltas=model.deltas,
        texture_png=png.tobytes(),
    )


def face_texture(identity: Identity) -> FloatArray:
    """(size, size, 3) sRGB in [0, 1], row 0 at v = 1: skin without holes; eye, teeth and mouth in its corners."""
    texture = identity.texture
    size = texture.rgb.shape[0]
    skin = np.maximum(texture.skin_colour, 1e-4)
    luma = float(luma_rec709(skin))
    skin = skin * np.float32(np.clip(luma, *SKIN_LUMA) / luma)
    # Where nothing was shown and nothing near it, mean skin.
    empty = texture.rgb.max(axis=2, keepdims=True) < 0.02
    linear = np.where(empty, np.float32(1.0), texture.rgb) * skin
    row, column = (np.mgrid[:size, :size] + 0.5) / size
    for name, (u, v) in PATCHES.items():
        x, y = column - u, 1.0 - row - v
        inside = (np.abs(x) < 0.05) & (np.abs(y) < 0.05)
        if name == "eye":
            colour = _eye(np.hypot(x, y) / PATCH_RADIUS, _iris_colour(identity.references, skin))
            linear[inside] = colour[inside]
        else:
            linear[inside] = _COLOURS[name]
    return np.clip(srgb_eotf_inverse(linear.astype(np.float32)), 0.0, 1.0)


def _eye(radius: np.ndarray, iris: FloatArray) -> np.ndarray:
    """(size, size, 3) an eyeball's front; `radius` is the angle from its axis over 90 degrees."""
    angle = np.clip(radius, 0.0, 1.0) * 90.0
    edge = float(np.degrees(np.arcsin(0.5 / _BALL)))
    soft = np.clip((edge + 1.0 - angle) / 2.0, 0.0, 1.0)[..., None]
    pupil = np.clip((0.36 * edge + 1.0 - angle) / 2.0, 0.0, 1.0)[..., None]
    ring = 1.0 - 0.5 * np.clip((angle / edge - 0.75) / 0.25, 0.0, 1.0)[..., None]
    ball = soft * iris * ring + (1.0 - soft) * np.array(_SCLERA)
    return np.asarray(ball * (1.0 - pupil) + 0.004 * pupil)


def _iris_colour(references: tuple[Reference, ...], skin: FloatArray) -> FloatArray:
    """(3,) of the photograph that shows the irises largest, against the skin around the eyes."""
    best = max(references, key=lambda one: float(np.linalg.norm(one.points[469, :2] - one.points[471, :2])))
    height, width = best.rgb.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    found = []
    for centre, ring in _IRISES:
        middle = best.points[centre, :2]
        radius = float(np.linalg.norm(best.points[list(ring), :2] - middle, axis=1).mean())
        away = np.hypot(columns - middle[0], rows - middle[1])
        # Beside the pupil and under it: above lie lashes and the lid's shadow.
        chosen = (away > 0.45 * radius) & (away < 0.85 * radius) & (rows > middle[1] - 0.2 * radius)
        if chosen.any():
            found.append(np.median(best.rgb[chosen], axis=0))
    cheeks = best.points[[50, 280, 101, 330], :2].round().astype(int)
    cheeks = cheeks[((cheeks >= 0) & (cheeks < [width, height])).all(axis=1)]
    if not found or not len(cheeks):
        return np.array([0.08, 0.05, 0.03], np.float32)
    around = np.maximum(np.median(best.rgb[cheeks[:, 1], cheeks[:, 0]], axis=0), 1e-3)
    return np.asarray(np.clip(np.mean(found, axis=0) / around, 0.15, 1.0) * skin, np.float32)
