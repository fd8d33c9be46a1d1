"""Swappers that take a crop and an identity, by card: normalisation in and out, the identity's tensor, the mask.

Each is a `SwapNetwork`: what `NetworkSwapper` wraps. Where the identity goes in as a picture, that picture,
aligned as the card says, is its embedding: `PictureSource` makes it, flat, RGB in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card, SwapSpec
from vfx_swap.models.network_swapper import NetworkAnswer
from vfx_swap.models.onnx_swap.converter import EmbeddingConverter
from vfx_swap.models.onnx_swap.runners import Runner, Tensor, open_onnx, open_torch_network, run_batch
from vfx_swap.models.onnx_swap.tensors import aligned, masks_of, pictures_of, tensor_of
from vfx_swap.models.onnx_swap.together import together
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import Detection, Embedding, ModelImage

__all__ = ["CardSwapNetwork", "PictureSource", "load_onnx_swap", "load_torch_swap", "scaled", "swap_of"]

EMAP = (512, 512)


def scaled(
    vector: FloatArray, *, scale: Literal["raw", "unit", "emap", "emap-unit"], emap: NDArray[np.float32] | None
) -> FloatArray:
    """An embedding as a swapper wants it; see `SwapSpec.scale`.

    Raises:
        ModelMismatchError: a map is needed and there is none, or the vector has no direction.
    """
    values = vector.astype(np.float64)
    length = float(np.linalg.norm(values))
    if scale != "raw" and not length > 0.0:
        raise ModelMismatchError("an embedding of zeros has no direction", mend="Build the identity again")
    if scale.startswith("emap"):
        if emap is None or emap.shape[0] != len(values):
            raise ModelMismatchError(f"its map does not fit an embedding of {len(values)} numbers")
        values = values @ emap.astype(np.float64) / length
        length = float(np.linalg.norm(values)) if scale == "emap-unit" else 1.0
    result: FloatArray = (values if scale == "raw" else values / max(length, 1e-12)).astype(np.float32)
    return result


class CardSwapNetwork:
    """A swapper as its card describes it. Safe to call from several threads."""

    def __init__(
        self,
        *,
        card: Card,
        runner: Runner,
        emap: NDArray[np.float32] | None = None,
        converter: EmbeddingConverter | None = None,
    ) -> None:
        self.id = card.id
        self.card = card
        self.converter = converter
        self._swap = swap_of(card)
        self._runner = runner
        self._emap = emap

    def __call__(self, image: ModelImage, embedding: Embedding) -> NetworkAnswer:
        """The performer's crop with the identity's face.

        Raises:
            ModelMismatchError: sizes do not fit, or the answer is no picture.
        """
        return self.answers([image], embedding)[0]

    def answers(self, images: Sequence[ModelImage], embedding: Embedding) -> list[NetworkAnswer]:
        """Several crops of one identity; the same as one by one."""
        if not images:
            return []
        fed = {"target": tensor_of(images, self.card.picture), "source": self.source_of(embedding)}
        answer = run_batch(self._runner, fed, where=self.id)
        pictures = pictures_of(answer["image"], self.card.output)
        masks = masks_of(answer["mask"]) if "mask" in answer else [None] * len(pictures)
        return [NetworkAnswer(picture, mask) for picture, mask in zip(pictures, masks, strict=True)]

    def source_of(self, embedding: Embedding) -> Tensor:
        """The identity as the network takes it: (1, n), or (1, 3, s, s).

        Raises:
            ModelMismatchError: the converter it needs is missing, or the vector does not fit.
        """
        spec = self._swap
        if spec.picture is not None:
            side = spec.picture.size or 0
            if len(embedding.vector) != side * side * 3:
                raise ModelMismatchError(
                    f"{self.id!r} takes a picture of {side}x{side} as the identity, "
                    f"not {len(embedding.vector)} numbers by {embedding.recogniser!r}",
                    mend="Embed the identity with the model's PictureSource",
                )
            return tensor_of([ModelImage(embedding.vector.reshape(side, side, 3))], spec.picture)
        vector = embedding.vector
        if spec.converter is not None:
            if self.converter is None:
                raise ModelMismatchError(
                    f"{self.id!r} needs the converter {spec.converter!r}",
                    mend="Bring it: vfx-swap models add FILE; or say another recogniser on the card",
                )
            vector = self.converter.convert(vector)
        return scaled(vector, scale=spec.scale, emap=self._emap)[np.newaxis]


class PictureSource:
    """The identity's aligned picture as its embedding, for swappers that take one (`embed` as a recogniser has it)."""

    def __init__(self, *, card: Card) -> None:
        spec = swap_of(card).picture
        if spec is None:
            raise ValueError(f"{card.id!r} takes no picture of the identity")
        self.id = f"{card.id}.picture"
        self._spec = spec

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        """(s * s * 3,) RGB in [0, 1], row by row."""
        crop = aligned(image, detection.points, self._spec)
        return Embedding(self.id, np.ascontiguousarray(crop.rgb.reshape(-1)))


def load_onnx_swap(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CardSwapNetwork:
    """The swapper of a user's card; its converter, where it has one, is set by who opens both.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    from vfx_swap.models.bring.onnx_file import find_map

    emap = None
    if swap_of(card).scale.startswith("emap"):
        emap = find_map(files["graph"].read_bytes(), shape=EMAP, where=files["graph"])
    return CardSwapNetwork(card=card, runner=together(open_onnx(card, files, options), batch=options.batch), emap=emap)


def load_torch_swap(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CardSwapNetwork:
    """SimSwap's generator with the weights of a user's card.

    Raises:
        ModelMismatchError: the weights are not that network's.
        DeviceError: torch or the device is not there.
    """
    runner = open_torch_network(card, files, options, inputs=("target", "source"), output="image")
    return CardSwapNetwork(card=card, runner=together(runner, batch=options.batch))


def swap_of(card: Card) -> SwapSpec:
    """The card's [swap] table.

    Raises:
        ValueError: it has none, so it is no swapper's.
    """
    if card.swap is None:
        raise ValueError(f"the card {card.id!r} is no swapper's: it has no [swap] table")
    return card.swap
