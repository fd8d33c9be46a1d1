"""Face parsers as ONNX: which of 19 regions each pixel of a crop is (CelebAMask-HQ's order, 0 background)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.geometry.warps import fit_similarity
from vfx_swap.models.cards import Card
from vfx_swap.models.onnx_swap.runners import Runner, open_onnx, run_batch
from vfx_swap.models.onnx_swap.tensors import tensor_of
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.types import Face, ModelImage, Warp

__all__ = ["REGION_COUNT", "CardParser", "load_onnx_parser"]

REGION_COUNT = 19


class CardParser:
    """A parser as its card describes it (protocol `Parser`)."""

    def __init__(self, *, card: Card, runner: Runner) -> None:
        if card.picture.size is None or card.picture.template is None:
            raise ValueError(f"the card {card.id!r} needs picture.size and picture.template")
        self.id = card.id
        self._size = card.picture.size
        self._template = template_named(card.picture.template)
        self._picture = card.picture
        self._runner = runner

    def warp_for(self, face: Face, /) -> Warp:
        """The template's crop of a face, at the network's size.

        Raises:
            NoFaceError: the face's landmarks fall together.
        """
        size = self._size
        points, template = five_points(face.points), self._template.pixels(size)
        return fit_similarity(points, template, width=size, height=size)

    def parse(
        self,
        image: ModelImage,
        points: FloatArray,  # noqa: ARG002  part of the protocol: the network looks for itself
        /,
        *,
        hidden: Mapping[str, FloatArray] | None = None,  # noqa: ARG002  as above
    ) -> FloatArray:
        """Coverage of the 19 regions: see `Parser`. The shares of a softmax, so edges are soft where it doubts.

        Raises:
            ModelMismatchError: the crop is not of the network's size, or the answer is not 19 maps.
        """
        scores = run_batch(self._runner, {"image": tensor_of([image], self._picture)}, where=self.id)["labels"][0]
        if scores.shape != (REGION_COUNT, self._size, self._size):
            raise ModelMismatchError(f"it answered {scores.shape}, not {REGION_COUNT} maps", where=self.id)
        raised = np.exp(scores.astype(np.float64) - scores.max(axis=0, keepdims=True))
        shares: FloatArray = (raised / raised.sum(axis=0, keepdims=True)).astype(np.float32)
        return shares


def load_onnx_parser(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CardParser:
    """The parser of a user's card.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    return CardParser(card=card, runner=open_onnx(card, files, options))
