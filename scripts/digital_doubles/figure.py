"""A person's drawn parts, per moment: skin, clothes, eyeballs, teeth, tongue, lashes, posed in world space.

A figure may wear another person's face: inside the face region its shape is the identity's, fitted to the performer's,
and fades to the performer's own toward ears, skull and neck. Topology is the same either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.anatomy import GROUPS, Anatomy
from scripts.digital_doubles.lashes import LASHES, lash_matrix
from scripts.digital_doubles.mesh import FloatArray, HeadShape
from scripts.digital_doubles.person import Person
from scripts.digital_doubles.subdivide import Refined, refine

__all__ = ["EYE_RADIUS", "Figure", "Region", "fitted", "rotation"]

IntArray = NDArray[np.int64]

EYE_RADIUS = 0.01496
"""Metres: radius of the base mesh's eyeballs, which its lids fit."""
CUT = -0.30
"""Metres under the eyes where the figure ends, on the base mesh."""


def rotation(vector: FloatArray) -> FloatArray:
    """(..., 3, 3) turn matrices of (..., 3) rotation vectors in radians (Rodrigues)."""
    vector = np.asarray(vector, np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vector / np.maximum(angle[..., 0], 1e-12), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([np.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))], -2)
    eye = np.broadcast_to(np.eye(3), cross.shape)
    return np.asarray(eye + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross), np.float64)


def fitted(*, moving: FloatArray, onto: FloatArray, weight: FloatArray, scale: bool) -> tuple[FloatArray, FloatArray]:
    """The weighted least-squares similarity (Umeyama 1991): matrix (3, 3) with the scale in it, and shift (3,).

    `moving @ matrix.T + shift` lies on `onto`; without `scale` it is rigid.
    """
    share = weight / weight.sum()
    centre_a, centre_b = share @ moving, share @ onto
    a, b = moving - centre_a, onto - centre_b
    u, s, vt = np.linalg.svd((b * share[:, None]).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    matrix = (u * sign) @ vt
    if scale:
        matrix = matrix * float((s * sign).sum() / (share @ (a**2).sum(1)))
    return matrix, centre_b - matrix @ centre_a


@dataclass(frozen=True, eq=False)
class Region:
    """What the base mesh alone decides, shared by all figures."""

    anatomy: Anatomy

    @cached_property
    def face(self) -> FloatArray:
        """(n,) 0..1: the face region, to the jaw and the hairline; 1 in eyes and mouth, 0 at ears, skull and neck."""
        from scipy import sparse

        anatomy = self.anatomy
        count = len(anatomy.vertices)
        pairs = np.array([(f[k], f[k - 1]) for f in anatomy.faces["body"] for k in range(len(f))])
        graph = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count)).tocsr()
        graph = graph + graph.T
        share: Any = sparse.diags(1 / np.maximum(np.asarray(graph.sum(1)).reshape(-1), 1))
        near = share @ graph
        mask = np.maximum(anatomy.mask("face"), self.inside)
        mask[anatomy.vertices[:, 1] < -0.16] = 0.0
        for _ in range(14):  # a fade some 3 cm wide: shapes of two heads meet without a ridge
            mask = np.maximum(0.4 * mask + 0.6 * (near @ mask), self.inside)
        rest = anatomy.vertices
        # sockets, lids' edges and nostrils have their UV elsewhere: what lies behind the face's middle belongs to it
        middle = (np.hypot(rest[:, 0] / 0.049, (rest[:, 1] + 0.03) / 0.070) < 1) & (rest[:, 2] > -0.014)
        for side in (-0.0308, 0.0308):
            middle |= np.linalg.norm(rest - (side, 0.0, 0.0), axis=1) < 0.022
        mask[middle & (rest[:, 2] > -0.014)] = 1.0
        mask = _smoothstep(mask, 0.10, 0.92) * (1 - _smoothstep(near @ anatomy.mask("ears"), 0.0, 0.6))
        for name in GROUPS[1:]:
            mask[anatomy.group(name)] = 1.0
        return np.asarray(mask, np.float64)

    @cached_property
    def inside(self) -> FloatArray:
        """(n,) 0..1: the mouth's cavity."""
        return self.anatomy.mask("inside-mouth")

    @cached_property
    def follow(self) -> FloatArray:
        """(n,) 0..1: how much a vertex follows the head's turns; 0 at the shoulders."""
        rest = self.anatomy.vertices
        return _smoothstep(rest[:, 1] + 0.45 * rest[:, 2], -0.19, -0.112)

    @cached_property
    def collar(self) -> FloatArray:
        """(n,) metres above (positive) the collar's plane of the base mesh."""
        rest = self.anatomy.vertices
        return np.asarray(rest[:, 1] + 0.168 + 0.36 * (rest[:, 2] + 0.03), np.float64)

    @cached_property
    def skin(self) -> Refined:
        """Head and neck, a little under the collar too."""
        keep = [f for f in self.anatomy.faces["body"] if self.collar[list(f)].max() > -0.025]
        return refine(faces=keep, count=len(self.anatomy.vertices), levels=2)

    @cached_property
    def cloth(self) -> Refined:
        """A shirt: the body under the collar's plane."""
        rest = self.anatomy.vertices
        keep = [
            f
            for f in self.anatomy.faces["body"]
            if self.collar[list(f)].mean() < 0.004 and rest[list(f), 1].min() > CUT
        ]
        return refine(faces=keep, count=len(rest), levels=2)

    @cached_property
    def mouth(self) -> Mapping[str, Refined]:
        """Teeth and tongue."""
        return {
            name: refine(faces=self.anatomy.faces[f"helper-{name}"], count=len(self.anatomy.vertices), levels=2)
            for name in ("upper-teeth", "lower-teeth", "tongue")
        }

    @cached_property
    def lashes(self) -> Mapping[str, Any]:
        """Sparse matrices from base vertices to lash points, by group."""
        return {name: lash_matrix(self.anatomy, name) for name in LASHES}


class Figure:
    """One performer, or one performer with an identity's face."""

    def __init__(self, *, region: Region, person: Person, identity: Person | None = None) -> None:
        self.region, self.person, self.identity = region, person, identity
        anatomy = region.anatomy
        self.neutral: FloatArray = _centred(anatomy, anatomy.shaped(person.weights))
        """(n, 3) base mesh vertices in this performer's head space."""
        if identity is not None:
            other = _centred(anatomy, anatomy.shaped(identity.weights))
            matrix, shift = fitted(moving=other, onto=self.neutral, weight=_fit_weight(region), scale=True)
            worn = other @ matrix.T + shift
            self.neutral = self.neutral + region.face[:, None] * (worn - self.neutral)

    @property
    def pivot(self) -> FloatArray:
        """(3,) where the head turns about: in the neck, of the performer (not of a worn face)."""
        anatomy = self.region.anatomy
        return np.asarray(0.4 * anatomy.joint("neck", self.neutral) + 0.6 * anatomy.joint("head", self.neutral))

    def head_pose(self, motion: FloatArray) -> FloatArray:
        """(4, 4) head space at rest to world, of motion (6,): rotation vector in degrees, then a shift in metres."""
        pose = np.eye(4)
        pose[:3, :3] = rotation(np.radians(motion[:3]))
        pose[:3, 3] = self.pivot - pose[:3, :3] @ self.pivot + motion[3:]
        return pose

    def posed(self, *, weights: Mapping[str, float], motion: FloatArray) -> FloatArray:
        """(n, 3) base mesh vertices with an expression and a head motion."""
        vertices = self.neutral + self.region.anatomy.expression(weights)
        follow = self.region.follow
        turns = rotation(np.radians(motion[:3])[None] * follow[:, None])
        around = vertices - self.pivot
        moved = np.einsum("nij,nj->ni", turns, around) + self.pivot
        return np.asarray(moved + motion[3:] * (0.4 + 0.6 * follow[:, None]), np.float64)

    def eye_pose(self, side: str, vertices: FloatArray) -> FloatArray:
        """(4, 4) from an eyeball's own space (z out of the pupil) to that of `vertices`; side `l` or `r`."""
        index = self.region.anatomy.group(f"helper-{side}-eye")
        rest = self.region.anatomy.vertices[index]
        matrix, shift = fitted(moving=rest - rest.mean(0), onto=vertices[index], weight=np.ones(len(index)), scale=True)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = matrix, shift
        return pose

    def parts(self, vertices: FloatArray) -> dict[str, FloatArray]:
        """World vertices of every drawn part, from `posed`'s: skin, cloth, teeth, tongue, lash strands, eyes (4x4)."""
        region = self.region
        found = {"skin": region.skin(vertices), "cloth": region.cloth(vertices + 0.006 * self._outward(vertices))}
        for name, refined in region.mouth.items():
            found[name] = refined(vertices)
        for name, matrix in region.lashes.items():
            found[name] = np.asarray(matrix @ vertices)
        for side in ("l", "r"):
            found[f"{side}-eye"] = self.eye_pose(side, vertices)
        return found

    def _outward(self, vertices: FloatArray) -> FloatArray:
        """(n, 3) unit normals of the body at the base mesh's vertices."""
        quads = np.array([f if len(f) == 4 else (*f, f[-1]) for f in self.region.anatomy.faces["body"]])
        corner = vertices[quads]
        normal = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
        summed = np.zeros_like(vertices)
        for k in range(4):
            np.add.at(summed, quads[:, k], normal)
        return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12), np.float64)

    def head_shape(self) -> HeadShape:
        """What builders of props need of the neutral head."""
        skin = self.region.skin(self.neutral)
        rest = self.region.skin(self.region.anatomy.vertices)

        def at(x: float, y: float, z: float) -> FloatArray:
            return np.asarray(skin[np.argmin(((rest - (x, y, z)) ** 2).sum(1))], np.float64)

        anatomy = self.region.anatomy
        points = {
            "nose_bridge": at(0, -0.004, 0.030), "nose_tip": at(0, -0.035, 0.06), "chin": at(0, -0.110, 0.04),
            "crown": at(0, 0.12, -0.05), "nape": at(0, -0.06, -0.16), "forehead": at(0, 0.070, 0.03),
            "left_ear": at(0.078, 0.004, -0.070), "right_ear": at(-0.078, 0.004, -0.070),
            "left_eye": anatomy.joint("l-eye", self.neutral), "right_eye": anatomy.joint("r-eye", self.neutral),
            "left_brow": at(0.033, 0.022, 0.03), "right_brow": at(-0.033, 0.022, 0.03), "mouth": at(0, -0.068, 0.04),
        }  # fmt: skip
        quads = [tuple(int(i) for i in face) for face in self.region.skin.quads]
        return HeadShape(vertices=skin, faces=quads, points=points, sex=self.person.sex)


def _smoothstep(value: FloatArray, low: float, high: float) -> FloatArray:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float64)


def _centred(anatomy: Anatomy, vertices: FloatArray) -> FloatArray:
    return vertices - 0.5 * (anatomy.joint("l-eye", vertices) + anatomy.joint("r-eye", vertices))


def _fit_weight(region: Region) -> FloatArray:
    """(n,) weights of the vertices that a worn face is fitted by: the face's skin alone."""
    weight = np.zeros(len(region.face))
    body = region.anatomy.group("body")
    weight[body] = region.face[body] * (1.0 - region.inside[body])
    return weight
