"""Which of a parser's 19 regions each place on a double is: the truth that a face parser is trained on and judged by.

Skin is divided at its vertices, which all figures share; eyes, teeth, hair and things that are worn are each a region
of their own. What has no region (walls, hands, microphones, lenses) is background.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.figure import Region
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.paint import AXIS, brow_point, hairline
from scripts.digital_doubles.person import Person
from scripts.digital_doubles.truth import attachments
from vfx_swap.models.parsing.regions import BACKGROUND, REGIONS

__all__ = ["PART_REGIONS", "PASSES", "SKIN", "pass_name", "region_layers", "skin_regions"]

Picture = NDArray[np.float32]

PART_REGIONS: Mapping[str, str] = {"hair": "hair", "cap": "hat", "spectacles": "eye_g"}
"""Part of a thing (`mesh.PARTS`) -> its region. Of spectacles that is the frame: lenses are clear."""
SKIN = (*("skin", "l_brow", "r_brow", "l_ear", "r_ear", "nose", "mouth", "u_lip", "l_lip", "neck", "hair"),)
"""What skin is divided into. Hair there is the scalp."""
_DRAWN = (*SKIN, "l_eye", "r_eye", "eye_g", "cloth", "hat")

RADIUS = 0.09
"""Metres: of the cylinder that skin is measured on, at the face (see `paint.cylinder`)."""
SOFT = 0.0012
"""Metres over which one region of skin goes over into the next: about one vertex of the refined mesh."""
LIPS_MEET = -0.0674
"""Y on the base mesh where upper and lower lip lie on one another."""
JAW = (
    (0.0, -0.106), (0.5, -0.091), (0.9, -0.082), (1.2, -0.070), (1.45, -0.052), (1.6, -0.030), (1.75, 0.0), (2.2, 0.02),
)  # fmt: skip
"""Angle about the head and y on the base mesh, under which skin that is not the face's own is the neck's."""
NOSE = (
    *(168, 193, 188, 174, 217, 209, 49, 129, 64, 98, 97, 2),
    *(326, 327, 294, 358, 279, 429, 437, 399, 412, 417),
)
"""The nose's outline by landmarks."""


def pass_name(region: str) -> str:
    """A region's name among Blender's passes: hair is a matte of the stage already."""
    return f"region-{region}"


PASSES: tuple[str, ...] = tuple(pass_name(name) for name in REGIONS if name in _DRAWN)
"""Passes that are drawn: what a double has of the 19."""


def skin_regions(*, region: Region, person: Person) -> Mapping[str, FloatArray]:
    """Region -> (n,) 0..1 at the refined skin's vertices; they sum to 1.

    `l_` is the picture's left, which is the head's own right: x below 0.
    """
    anatomy = region.anatomy
    rest = region.skin(anatomy.vertices)
    angle, y = np.arctan2(rest[:, 0], rest[:, 2] - AXIS), rest[:, 1]

    def masked(values: FloatArray, at: float = 0.5, over: float = 0.4) -> FloatArray:
        return _steep(region.skin(values[:, None])[:, 0], at, over)

    front = (rest[:, 2] > -0.02).astype(np.float64)
    picture_left = _steep(-rest[:, 0], 0.0, SOFT)
    lips, ears = masked(anatomy.mask("lips")), masked(anatomy.mask("ears"))
    upper, brows = _steep(y, LIPS_MEET, 0.0003), _brow(person, angle, y) * front
    # The mask fades under the chin, down to the throat: here it is cut where the chin turns.
    face = np.maximum(masked(anatomy.mask("face"), 0.86, 0.1), front * _middle(rest))
    jaw = np.maximum(face, _steep(y, np.interp(np.abs(angle), *np.array(JAW).T), 2 * SOFT))
    taken = (
        ("mouth", masked(region.inside)),
        ("u_lip", lips * upper),
        ("l_lip", lips),
        ("l_brow", brows * picture_left),
        ("r_brow", brows),
        ("nose", _inside(_outline(rest), np.stack([angle * RADIUS, y], 1)) * front),
        ("l_ear", ears * picture_left),
        ("r_ear", ears),
        ("hair", _steep(y, hairline(angle), 2 * SOFT)),
        ("skin", jaw),
        ("neck", np.ones(len(rest))),
    )
    left, found = np.ones(len(rest)), dict[str, FloatArray]()
    for name, share in taken:
        found[name] = left * share
        left = left - found[name]
    return found


def region_layers(passes: Mapping[str, Picture]) -> tuple[list[str], Picture]:
    """Channel names as `vfx-swap parse` writes them, and (h, w, 19): coverage of every region; they sum to 1.

    Args:
        passes: as Blender wrote them.
    """
    size = next(iter(passes.values())).shape
    layers = np.zeros((*size, len(REGIONS)), np.float32)
    for index, name in enumerate(REGIONS):
        if name in _DRAWN:
            layers[..., index] = np.clip(passes[f"ViewLayer.{pass_name(name)}.X"], 0.0, 1.0)
    # Filters about an edge may add up to a little more than there is.
    layers /= np.maximum(layers.sum(-1, keepdims=True), 1.0)
    layers[..., REGIONS.index(BACKGROUND)] = 1.0 - layers.sum(-1)
    return [f"regions.{name}" for name in REGIONS], layers


def _steep(value: FloatArray, at: float | FloatArray, over: float) -> FloatArray:
    """0 to 1 where a value rises through `at`, within `over`."""
    return np.asarray(np.clip(0.5 + (value - at) / over, 0.0, 1.0), np.float64)


def _middle(rest: FloatArray) -> FloatArray:
    """(n,) lids' edges, sockets and nostrils, whose place in the mask's picture is elsewhere: in the face's middle."""
    return (np.hypot(rest[:, 0] / 0.049, (rest[:, 1] + 0.03) / 0.070) < 1).astype(np.float64)


def _brow(person: Person, angle: FloatArray, y: FloatArray) -> FloatArray:
    """(n,) 0..1: within the outline that the brows' hairs are painted in, both sides."""
    start, end = brow_point(person, 0.0, 0.0)[0], brow_point(person, 1.0, 0.0)[0]
    along = (np.abs(angle) - start) / (end - start)
    low, high = (brow_point(person, np.clip(along, 0.0, 1.0), side)[1] for side in (-1.0, 1.0))
    ends = _steep(np.minimum(along, 1.0 - along) * (end - start) * RADIUS, -0.001, SOFT)
    return np.asarray(ends * _steep(np.minimum(y - low, high - y), -0.0005, SOFT), np.float64)


def _outline(rest: FloatArray) -> FloatArray:
    """(k, 2) the nose's corners on the cylinder, metres."""
    corners = attachments().on(rest)[list(NOSE)]
    return np.stack([np.arctan2(corners[:, 0], corners[:, 2] - AXIS) * RADIUS, corners[:, 1]], 1)


def _inside(outline: FloatArray, points: FloatArray) -> FloatArray:
    """(n,) 0..1: within a polygon, softly."""
    import cv2

    corners = (outline * 1000.0).astype(np.float32)  # millimetres: the test counts in float32
    near = (points > outline.min(0) - SOFT) & (points < outline.max(0) + SOFT)
    found = np.zeros(len(points))
    for index in np.flatnonzero(near.all(1)):
        x, y = (float(value) * 1000.0 for value in points[index])
        found[index] = np.clip(0.5 + cv2.pointPolygonTest(corners, (x, y), True) / (1000.0 * SOFT), 0.0, 1.0)
    return found
