"""DeepFaceLab's exported models (.dfm): the identity is in the weights, and the masks come with the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vfx_swap.models.cards import Card
from vfx_swap.models.network_swapper import NetworkAnswer
from vfx_swap.models.onnx_swap.runners import Runner, open_onnx, run_batch
from vfx_swap.models.onnx_swap.tensors import masks_of, pictures_of, tensor_of
from vfx_swap.models.onnx_swap.together import together
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import Embedding, ModelImage

__all__ = ["DfmNetwork", "load_dfm"]


class DfmNetwork:
    """One person's model. The alpha is where both masks agree: the performer's face and the painted one."""

    def __init__(self, *, card: Card, runner: Runner, morph: float = 1.0) -> None:
        """Wrap a graph.

        Args:
            card: the user's.
            runner: the graph.
            morph: 0 to 1 for models that have it: how much of the identity's face there is in the answer.
        """
        if not 0.0 <= morph <= 1.0:
            raise ValueError(f"morph must be in [0, 1], got {morph}")
        self.id = card.id
        self.card = card
        self._runner = runner
        self._morph = np.array([morph], dtype=np.float32)

    def __call__(self, image: ModelImage, embedding: Embedding | None = None) -> NetworkAnswer:
        """The performer's crop with the model's own face; the embedding is not looked at."""
        return self.answers([image], embedding)[0]

    def answers(self, images: Sequence[ModelImage], embedding: Embedding | None = None) -> list[NetworkAnswer]:  # noqa: ARG002
        """Several crops; the same as one by one."""
        if not images:
            return []
        fed = {"target": tensor_of(images, self.card.picture)}
        if "morph" in self._runner.inputs:
            fed["morph"] = self._morph
        answer = run_batch(self._runner, fed, where=self.id)
        pictures = pictures_of(answer["image"], self.card.output)
        alphas = [
            np.minimum(*both) for both in zip(masks_of(answer["face_mask"]), masks_of(answer["mask"]), strict=True)
        ]
        return [NetworkAnswer(picture, alpha) for picture, alpha in zip(pictures, alphas, strict=True)]


def load_dfm(card: Card, files: Mapping[str, Path], options: LoadOptions) -> DfmNetwork:
    """The model of a card.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    return DfmNetwork(card=card, runner=together(open_onnx(card, files, options), batch=options.batch))
