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
_BOX_BY_EYES_TO_MOUTH = 2.2
"""Side of dlib's own face box over the distance from eyes to mouth (1.9 to 2.6 on the two portraits at two sizes)."""
_BOX_BY_EYES_TO_NOSE = 3.0
"""The same over the distance from the eyes to under the nose, as its 5-point predictor places them."""
_BOX_DOWN = 0.62
"""Middle of that box, from the eyes (0) to under the nose (1)."""
_LOOKS = 3
"""Times the points are found; each look boxes the face by the one before: a detector's own box does not matter."""


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

        eyes, mouth = detection.points[:2].mean(axis=0), detection.points[3:].mean(axis=0)
        size = max(_BOX_BY_EYES_TO_MOUTH * float(np.linalg.norm(mouth - eyes)), 1.0)
        centre = (eyes + mouth) / 2.0
        roll = similarity_roll(detection.points)
        piece, _ = cut_upright(image.rgb, centre=centre, side=size / _FACE_IN_PIECE, roll_degrees=roll, size=_PIECE)
        picture = bytes_of(piece)
        middle, half = np.full(2, _PIECE / 2.0), _PIECE * _FACE_IN_PIECE / 2
        with self._lock:
            for _ in range(_LOOKS):
                left, top, right, bottom = (round(float(v)) for v in (*(middle - half), *(middle + half)))
                shape = self._predictor(picture, dlib.rectangle(left, top, right, bottom))
                found = np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)
                pupils, nose = found[:4].mean(axis=0), found[4]
                half = _BOX_BY_EYES_TO_NOSE * max(float(np.linalg.norm(nose - pupils)), 1.0) / 2.0
                middle = pupils + _BOX_DOWN * (nose - pupils)
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
