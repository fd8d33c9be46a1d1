"""dlib's face recognition ResNet, aligned by its 5-point predictor.

Network and threshold: D. King, "High Quality Face Recognition with Deep Metric Learning" (dlib blog, 2017),
http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card, EmbeddingSpec
from vfx_swap.models.pictures import bytes_of, cut_upright, similarity_roll
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import Detection, Embedding, ModelImage

__all__ = ["DlibRecogniser", "load_dlib_resnet"]

CHIP = 150
PADDING = 0.25
"""Share of the chip around the face that dlib adds on each side; what the network was trained with."""
_PIECE = 400
_FACE_IN_PIECE = 0.45


class DlibRecogniser:
    """128-d embeddings. Calls from several threads take turns."""

    def __init__(self, *, id: str, spec: EmbeddingSpec, network: Any, predictor: Any) -> None:  # Any: dlib is untyped
        self.id = id
        self.same_person_below = spec.same_person_below
        self._length = spec.length
        self._network = network
        self._predictor = predictor
        self._lock = threading.Lock()

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        """The embedding (128,) of one face, as the network gives it; lengths are near 1.4, not normalised.

        The face is first turned upright and scaled to one size, since the 5-point predictor was trained
        on upright faces in boxes like those of dlib's own detectors.
        """
        import dlib

        size = float(np.max(detection.box[2:] - detection.box[:2]))
        centre = detection.points.mean(axis=0)
        roll = similarity_roll(detection.points)
        piece, _ = cut_upright(image.rgb, centre=centre, side=size / _FACE_IN_PIECE, roll_degrees=roll, size=_PIECE)
        picture = bytes_of(piece)
        half = _PIECE * _FACE_IN_PIECE / 2
        low, high = round(_PIECE / 2 - half), round(_PIECE / 2 + half)
        with self._lock:
            shape = self._predictor(picture, dlib.rectangle(low, low, high, high))
            chip = dlib.get_face_chip(picture, shape, size=CHIP, padding=PADDING)
            vector = self._network.compute_face_descriptor(chip)
        embedding = np.array(vector, dtype=np.float32)
        if embedding.shape != (self._length,) or not np.isfinite(embedding).all():
            raise ModelMismatchError(
                f"the recogniser {self.id!r} gave {embedding.shape}, its card says ({self._length},)"
            )
        return Embedding(recogniser=self.id, vector=embedding)


def load_dlib_resnet(card: Card, files: Mapping[str, Path], options: LoadOptions) -> DlibRecogniser:
    """The recogniser of a card. It runs on the CPU whatever the device.

    Raises:
        ModelMismatchError: dlib cannot read a file, or the card says nothing of the embedding.
    """
    del options
    import dlib

    if card.embedding is None:
        raise ModelMismatchError(f"the model card {card.id!r} has no [embedding] table")
    try:
        network = dlib.face_recognition_model_v1(str(files["network"]))
        predictor = dlib.shape_predictor(str(files["predictor"]))
    except RuntimeError as error:
        raise ModelMismatchError(
            f"dlib cannot read the files of {card.id!r} ({error})", where=files["network"]
        ) from error
    return DlibRecogniser(id=card.id, spec=card.embedding, network=network, predictor=predictor)
