"""Takes an embedding of one recogniser into another's space (crossface and its like)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.cards import Card
from vfx_swap.models.onnx_swap.runners import Runner, open_onnx, run_batch
from vfx_swap.models.registry import LoadOptions

__all__ = ["EmbeddingConverter", "load_converter"]


class EmbeddingConverter:
    """A network from vector to vector. It scales its input itself, so any length of it gives the same."""

    def __init__(self, *, id: str, runner: Runner) -> None:
        self.id = id
        self._runner = runner

    def convert(self, vector: FloatArray, /) -> FloatArray:
        """(n,) -> (m,), as the network gives it."""
        fed = np.ascontiguousarray(vector, dtype=np.float32)[np.newaxis]
        converted: FloatArray = run_batch(self._runner, {"embedding": fed}, where=self.id)["converted"][0]
        return converted.astype(np.float32)


def load_converter(card: Card, files: Mapping[str, Path], options: LoadOptions) -> EmbeddingConverter:
    """The converter of a card.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    return EmbeddingConverter(id=card.id, runner=open_onnx(card, files, options))
