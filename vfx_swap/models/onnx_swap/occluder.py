"""XSeg and its like: where the face in a crop can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.cards import Card
from vfx_swap.models.onnx_swap.runners import Runner, open_onnx, run_batch
from vfx_swap.models.onnx_swap.tensors import masks_of, resized, tensor_of
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import ModelImage

__all__ = ["CardOccluder", "load_occluder"]


class CardOccluder:
    """An occluder as its card describes it (protocol `Occluder`)."""

    def __init__(self, *, card: Card, runner: Runner) -> None:
        self.id = card.id
        self._picture = card.picture
        self._runner = runner

    def visible(self, crop: ModelImage, /) -> FloatArray:
        """(height, width) of the crop: 1 where the face is seen, 0 where something is before it."""
        height, width = crop.rgb.shape[:2]
        side = self._picture.size or height
        shown = ModelImage(resized(crop.rgb, height=side, width=side))
        mask = masks_of(run_batch(self._runner, {"image": tensor_of([shown], self._picture)}, where=self.id)["mask"])[0]
        return np.ascontiguousarray(resized(mask, height=height, width=width))


def load_occluder(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CardOccluder:
    """The occluder of a card.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    return CardOccluder(card=card, runner=open_onnx(card, files, options))
