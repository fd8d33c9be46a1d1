"""Recognisers whose vectors swappers take: ArcFace and its kin, as ONNX or as our own network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card
from vfx_swap.models.onnx_swap.runners import Runner, open_onnx, open_torch_network, run_batch
from vfx_swap.models.onnx_swap.tensors import aligned, tensor_of
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import Detection, Embedding, ModelImage

__all__ = ["AddedRecognisers", "CardRecogniser", "load_onnx_recogniser", "load_torch_recogniser"]


class CardRecogniser:
    """A recogniser as its card describes it (protocol `Recogniser`). Safe to call from several threads."""

    def __init__(self, *, card: Card, runner: Runner) -> None:
        if card.embedding is None:
            raise ValueError(f"the card {card.id!r} has no [embedding] table")
        self.id = card.id
        self.same_person_below = card.embedding.same_person_below
        self._length = card.embedding.length
        self._picture = card.picture
        self._runner = runner

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        """The vector of one face, of the length the network gives it.

        Raises:
            NoFaceError: the face's points fall together.
            ModelMismatchError: the answer is not the vector the card describes.
        """
        return self.embed_crop(aligned(image, detection.points, self._picture))

    def embed_crop(self, crop: ModelImage) -> Embedding:
        """The vector of a face that is already on the template, at the network's size."""
        answer = run_batch(self._runner, {"image": tensor_of([crop], self._picture)}, where=self.id)["embedding"]
        if answer.shape != (1, self._length):
            raise ModelMismatchError(f"{self.id!r} answered {answer.shape}, its card says {self._length} numbers")
        return Embedding(self.id, answer[0].astype(np.float32))


class AddedRecognisers:
    """Two recognisers whose unit vectors are added, as CSCS takes them."""

    same_person_below = 0.0

    def __init__(self, *, first: CardRecogniser, second: CardRecogniser) -> None:
        self.id = f"{first.id}+{second.id}"
        self._both = (first, second)

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        """The sum of both vectors, each scaled to length 1."""
        vectors = [one.embed(image, detection).vector.astype(np.float64) for one in self._both]
        added = sum((one / max(float(np.linalg.norm(one)), 1e-12) for one in vectors), np.zeros_like(vectors[0]))
        return Embedding(self.id, added.astype(np.float32))


def load_onnx_recogniser(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CardRecogniser:
    """The recogniser of a user's card.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    return CardRecogniser(card=card, runner=open_onnx(card, files, options))


def load_torch_recogniser(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CardRecogniser:
    """SimSwap's ArcFace with the weights of a user's card.

    Raises:
        ModelMismatchError: the weights are not that network's.
        DeviceError: torch or the device is not there.
    """
    runner = open_torch_network(card, files, options, inputs=("image",), output="embedding")
    return CardRecogniser(card=card, runner=runner)
