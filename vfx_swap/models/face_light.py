"""The light on a face, read off its skin: second-order harmonics fitted to what a picture shows of it.

Works for any picture of the face: the plate, and what an engine made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.geometry.mesh import FineMesh
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.face_shadows import FaceShadows
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.kernels import Kernels
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.skin import SkinFit, fit_skin
from vfx_swap.models.reprojection.texture import NORMAL_ROUNDS, atlas_for
from vfx_swap.types import Crop, Face

__all__ = ["FaceSurface", "SkinSeen"]

SIZE = 128
"""Side of the UV picture that skin is read in: some ten thousand samples, far more than light has freedom."""
LAID_ROUNDS = 4
"""Rounds of smoothing of the normals that new light is laid on by: it finds the creases that light is not read in."""
LEAST_SKIN = 0.05
"""Part of the texels that must be lit skin for a fit to count."""


@dataclass(frozen=True, eq=False)
class SkinSeen:
    """What a picture shows of a face's skin, at the covered texels."""

    fit: SkinFit
    normals: FloatArray
    """(k, 3) smoothed, light frame."""
    weight: FloatArray
    """(k,) how far each counts as skin that is well seen."""
    shown: FloatArray
    """(k, 3) scene-linear Rec.709."""


class FaceSurface:
    """The face mesh as something that light falls on.

    Args:
        mesh: the canonical face mesh.
    """

    def __init__(self, mesh: CanonicalMesh) -> None:
        self._atlas: Atlas = atlas_for(mesh, size=SIZE)
        self._canonical = mesh

    @property
    def mesh(self) -> FineMesh:
        """The subdivided mesh."""
        return self._atlas.mesh

    def positions(self, face: Face) -> FloatArray:
        """(n, 3) plate pixels of its vertices."""
        return self.mesh.positions(face.points)

    def normals(self, positions: FloatArray) -> FloatArray:
        """(n, 3) of the vertices, as smooth as light is read with: a landmarker's depth is coarse."""
        return self.mesh.normals(positions, rounds=NORMAL_ROUNDS)

    def laid_normals(self, positions: FloatArray) -> FloatArray:
        """(n, 3) of the vertices, for light that is laid on: smooth over a few vertices."""
        return self.mesh.normals(positions, rounds=LAID_ROUNDS)

    @cached_property
    def shadows(self) -> FaceShadows:
        """What the face shades of itself; made when first asked for, in a second or two."""
        return FaceShadows(self.mesh.positions(self._canonical.vertices), self.mesh.triangles)

    def read(self, crop: Crop, face: Face, *, kernels: Kernels, to_rec709: np.ndarray | None) -> HarmonicLight | None:
        """The light on a face in a crop, in linear Rec.709; None where too little skin is seen to tell.

        Args:
            crop: of the plate, or of what an engine made of it.
            face: in the plate.
            kernels: what the crop is arrays of; the fit is numpy's on any device.
            to_rec709: (3, 3) from the crop's primaries; None: they are Rec.709's.
        """
        seen = self.skin(crop, face, kernels=kernels, to_rec709=to_rec709)
        return seen.fit.light if float(seen.weight.mean()) >= LEAST_SKIN else None

    def skin(self, crop: Crop, face: Face, *, kernels: Kernels, to_rec709: np.ndarray | None) -> SkinSeen:
        """The face's skin in a crop. Arguments are those of `read`."""
        atlas, matrix = self._atlas, crop.warp.matrix
        positions = self.positions(face)
        facing = atlas.at_texels(self.mesh.normals(positions))[:, 2]
        normals = atlas.at_texels(self.normals(positions))
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        texels = atlas.at_texels(positions)[:, :2].astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        spread = max(0.4, 0.5 * face.height * scale / SIZE)
        at = kernels.array(texels.astype(np.float32))
        shown = kernels.plain(kernels.sample(kernels.blur(_clean(crop.rgb, kernels), spread), at))
        inside = (texels >= 0.0).all(axis=1) & (texels <= [crop.warp.width - 1, crop.warp.height - 1]).all(axis=1)
        visible = inside.astype(np.float32)
        if crop.front is not None:
            hidden = kernels.xp.clip(2.0 * kernels.blur(crop.front, spread + 0.004 * face.height * scale), 0.0, 1.0)
            visible *= 1.0 - kernels.plain(kernels.sample(hidden, at))
        if to_rec709 is not None:
            shown = _through(shown, to_rec709)
        fit = fit_skin(np.maximum(shown, 0.0), normals, facing, atlas, visible=visible)
        trusted = (1.0 - atlas.region("guard")) * (facing > 0.3) * (atlas.region("edge") > 0.2)
        return SkinSeen(fit, normals, np.asarray(trusted * fit.skin, np.float32), shown)


def _clean(rgb: Array, kernels: Kernels) -> Array:
    """Without what is not finite: 0 there, which is no skin."""
    good = kernels.xp.isfinite(rgb)
    return rgb if bool(good.all()) else kernels.xp.where(good, rgb, 0.0)


def _through(rgb: FloatArray, matrix: np.ndarray) -> FloatArray:
    rows = matrix.astype(np.float32)
    # Term by term: BLAS may sum otherwise on another number of threads.
    parts = [row[0] * rgb[:, 0] + row[1] * rgb[:, 1] + row[2] * rgb[:, 2] for row in rows]
    return np.stack(parts, axis=-1)
