"""The identity as SimSwap sees it: its own crop of 8-bit display values, every other pixel of it, its recogniser.

The reduction to 112 pixels is by nearest neighbours, without antialiasing: a recogniser that is shown the face in any
other way gives another vector, and the generator was not made for that one.
"""

from __future__ import annotations

import numpy as np

from vfx_swap.models.onnx_swap.recogniser import CardRecogniser
from vfx_swap.models.simswap_compat.align import AlignMode, align, crop_bgr, nearest_indices
from vfx_swap.types import Detection, Embedding, ModelImage

__all__ = ["RECOGNISED", "SimSwapEmbedder", "bgr_bytes", "reduced"]

RECOGNISED = 112
"""Side of the recogniser's picture."""


class SimSwapEmbedder:
    """Makes a face's vector as SimSwap does, for a generator of one size and way of alignment."""

    def __init__(self, *, recogniser: CardRecogniser, size: int, mode: AlignMode) -> None:
        """Wrap a recogniser.

        Args:
            recogniser: SimSwap's own.
            size: of the generator's crop, 224 or 512; the identity's crop has the same.
            mode: of alignment.
        """
        self.id = recogniser.id if mode != "ffhq" else f"{recogniser.id}.ffhq"
        self._recogniser = recogniser
        self._size = size
        self._mode: AlignMode = mode

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        """The vector of a face in a picture, of the length the network gives it.

        Raises:
            NoFaceError: the face's points fall together.
        """
        return self.embed_at(bgr_bytes(image), detection.points.astype(np.float64))

    def embed_at(self, frame: np.ndarray, points: np.ndarray) -> Embedding:
        """The vector of a face (5, 2) in a frame (h, w, 3) uint8 BGR.

        Raises:
            NoFaceError: the face's points fall together.
        """
        matrix = align(points, size=self._size, mode=self._mode).matrix
        return self.embed_crop(crop_bgr(frame, matrix, size=self._size))

    def embed_crop(self, crop: np.ndarray) -> Embedding:
        """The vector of a crop (S, S, 3) uint8 BGR that is aligned already."""
        vector = self._recogniser.embed_crop(reduced(crop)).vector
        return Embedding(self.id, vector)


def reduced(crop: np.ndarray) -> ModelImage:
    """A crop (h, w, 3) uint8 BGR as the recogniser sees it: 112 pixels, nearest neighbours, RGB."""
    rows = nearest_indices(crop.shape[0], to=RECOGNISED)
    columns = nearest_indices(crop.shape[1], to=RECOGNISED)
    rgb = crop[np.ix_(rows, columns)][..., ::-1].astype(np.float32) / np.float32(255.0)
    return ModelImage(np.ascontiguousarray(rgb))


def bgr_bytes(image: ModelImage) -> np.ndarray:
    """(h, w, 3) uint8 BGR, rounded to nearest."""
    return np.ascontiguousarray(np.round(image.rgb[..., ::-1] * np.float32(255.0)).astype(np.uint8))
