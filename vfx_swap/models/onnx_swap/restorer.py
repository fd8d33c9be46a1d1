"""Face restorers: GFPGAN, GPEN, CodeFormer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vfx_swap.models.cards import Card
from vfx_swap.models.onnx_swap.runners import Runner, open_onnx, run_batch
from vfx_swap.models.onnx_swap.tensors import pictures_of, tensor_of
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import ModelImage

__all__ = ["CardRestorer", "load_restorer"]


class CardRestorer:
    """A restorer as its card describes it (protocol `Restorer`)."""

    def __init__(self, *, card: Card, runner: Runner, fidelity: float = 0.5) -> None:
        """Wrap a graph.

        Args:
            card: the user's.
            runner: the graph.
            fidelity: for models that have a weight (CodeFormer): 0 restores most, 1 stays nearest to the picture.
        """
        if not 0.0 <= fidelity <= 1.0:
            raise ValueError(f"fidelity must be in [0, 1], got {fidelity}")
        self.id = card.id
        self.card = card
        self._runner = runner
        self._fidelity = np.array([fidelity], dtype=np.float64)

    def restore(self, crop: ModelImage, /) -> ModelImage:
        """The crop, restored, at the same size; it must be the network's."""
        fed = {"image": tensor_of([crop], self.card.picture)}
        if "weight" in self._runner.inputs:
            fed["weight"] = self._fidelity
        return pictures_of(run_batch(self._runner, fed, where=self.id)["restored"], self.card.output)[0]


def load_restorer(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CardRestorer:
    """The restorer of a card.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    return CardRestorer(card=card, runner=open_onnx(card, files, options))
