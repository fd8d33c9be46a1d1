"""What a face network takes and gives, whoever computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from vfx_swap.arrays import FloatArray
from vfx_swap.types import Embedding, ModelImage

__all__ = ["NetworkAnswer", "SwapNetwork"]


@dataclass(frozen=True, eq=False)
class NetworkAnswer:
    """What a face network gives back."""

    image: ModelImage
    """Of the size it was shown."""
    alpha: FloatArray | None = None
    """(height, width) 0 to 1 of the same size, where the network makes a mask of its own."""


SwapNetwork: TypeAlias = Callable[[ModelImage, Embedding], NetworkAnswer]
"""A network with its normalisation: the performer's crop and the identity's embedding in, the answer out."""
