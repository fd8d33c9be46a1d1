"""What a face in a mirrored picture says of the face itself: indices, names and rotation swap sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.facemesh.canonical import MESH_VERTEX_COUNT, CanonicalMesh
from vfx_swap.types import LANDMARK_COUNT

__all__ = ["mirrored_expressions", "mirrored_landmarks", "mirrored_rotation"]

_IRISES = (473, 476, 475, 474, 477, 468, 471, 470, 469, 472)
"""Partners of landmarks 468 to 477: centre, then right, top, left and bottom as the picture shows them."""


def mirrored_landmarks(mesh: CanonicalMesh) -> NDArray[np.intp]:
    """(478,) index of each landmark's partner on the face's other side; its own on the middle line.

    Raises:
        ModelMismatchError: the mesh is not mirror-symmetric.
    """
    other_side = mesh.vertices * np.array([-1, 1, 1], dtype=np.float32)
    distance = np.linalg.norm(other_side[:, None, :] - mesh.vertices[None, :, :], axis=2)
    partner = distance.argmin(axis=1)
    if distance.min(axis=1).max() > 1e-3 or not np.array_equal(partner[partner], np.arange(MESH_VERTEX_COUNT)):
        raise ModelMismatchError("the canonical face mesh is not mirror-symmetric")
    partners = np.concatenate([partner, np.array(_IRISES)])
    assert len(partners) == LANDMARK_COUNT  # noqa: S101  follows from the counts that CanonicalMesh checks
    return partners


def mirrored_expressions(names: Sequence[str]) -> NDArray[np.intp]:
    """Index of each expression's partner: `mouthSmileLeft` and `mouthSmileRight`; its own without a side."""
    at = {name: index for index, name in enumerate(names)}
    swapped = [
        name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left") if "Right" in name else name
        for name in names
    ]
    return np.array([at.get(partner, at[name]) for name, partner in zip(names, swapped, strict=True)], dtype=np.intp)


def mirrored_rotation(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation of the face whose mirror image has this one: `F R F` with F turning x round."""
    turn = np.diag([-1.0, 1.0, 1.0])
    result: NDArray[np.float64] = turn @ rotation @ turn
    return result
