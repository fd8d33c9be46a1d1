"""Where a network's answer goes into the plate: the regions of the performer's face, with a soft edge inside them.

Nothing is eroded by a count of pixels: the edge is as wide as the shot's feather says, in parts of the face's height,
and lies inside the regions, so that no pixel of hair, neck or set is touched.
"""

from __future__ import annotations

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.warps import crop_points, invert_matrix
from vfx_swap.models.parsing.regions import region_index
from vfx_swap.models.protocols import Parser
from vfx_swap.types import Face, ModelImage, Warp

__all__ = ["FACE_REGIONS", "RegionMatte"]

FACE_REGIONS = ("skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "nose", "mouth", "u_lip", "l_lip")
"""What is replaced. Rims of spectacles stand in the tracks' mattes and are held out by the comp."""
LEAST = 0.02
"""Share of a crop under which the parser found no face, so that nothing is known of its edge."""
LEAST_SIGMA = 0.5
"""Crop pixels: an edge is never a staircase."""


class RegionMatte:
    """A matte for a crop of a face, by a parser."""

    def __init__(self, *, parser: Parser, any_size: bool, feather: float, hair: bool = False) -> None:
        """A matte by regions.

        Args:
            parser: finds the regions.
            any_size: True: it takes the swapper's own crop; False: only the crop of its own `warp_for`.
            feather: width of the soft edge as a fraction of face height.
            hair: True: hair over the face is replaced too, and not held out.
        """
        self._parser = parser
        self._any_size = any_size
        self._feather = feather
        self._regions = [region_index(name) for name in (*FACE_REGIONS, *(("hair",) if hair else ()))]

    def __call__(self, image: ModelImage, face: Face, warp: Warp) -> FloatArray | None:
        """(height, width) of the crop, 0 to 1; None where the parser finds no face in it.

        Args:
            image: (height, width) the crop.
            face: in plate pixels.
            warp: of the crop.
        """
        alphas = self._alphas(image, face, warp)
        covered = np.clip(alphas[self._regions].sum(axis=0), 0.0, 1.0).astype(np.float32)
        if float(covered.mean()) < LEAST:
            return None
        height = face.height * float(np.hypot(*warp.matrix[:, 0]))
        soft = cv2.GaussianBlur(covered, (0, 0), max(LEAST_SIGMA, 0.5 * self._feather * height))
        # On a straight edge the blurred matte is 0.5: stretched, it begins there and is whole inside.
        inside: FloatArray = np.minimum(covered, np.clip(2.0 * soft - 1.0, 0.0, 1.0)).astype(np.float32)
        return inside

    def _alphas(self, image: ModelImage, face: Face, warp: Warp) -> FloatArray:
        """(19, height, width) of the crop."""
        own = warp if self._any_size else self._parser.warp_for(face)
        points = _points_in(face, own)
        if self._any_size:
            return self._parser.parse(image, points)
        # The crop as the parser wants it; where that is wider than the swapper's, the border is repeated.
        to_plate = np.vstack([invert_matrix(warp.matrix), [0.0, 0.0, 1.0]])
        matrix = own.matrix @ to_plate
        size = (own.width, own.height)
        seen = cv2.warpAffine(image.rgb, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alphas = self._parser.parse(ModelImage(np.clip(seen, 0.0, 1.0).astype(np.float32)), points)
        back = (warp.width, warp.height)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        laid: FloatArray = np.stack([cv2.warpAffine(one, matrix, back, flags=flags) for one in alphas])
        return laid


def _points_in(face: Face, warp: Warp) -> FloatArray:
    """(478, 3) landmarks in pixels of a crop."""
    flat = crop_points(face.points[:, :2].astype(np.float64), warp)
    deep = face.points[:, 2:] * np.float32(np.hypot(*warp.matrix[:, 0]))
    points: FloatArray = np.column_stack([flat, deep]).astype(np.float32)
    return points
