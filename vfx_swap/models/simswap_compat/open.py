"""The models of SimSwap's own pipeline, by the cards of what the user brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMissingError, UsageError
from vfx_swap.models.cards import Card
from vfx_swap.models.default import load_model
from vfx_swap.models.identity_vectors import align_mode, files_here, is_simswap, open_vectors, vector_name
from vfx_swap.models.network_answer import SwapNetwork
from vfx_swap.models.onnx_swap.open import open_swapper
from vfx_swap.models.onnx_swap.runners import Runner, open_onnx, open_torch_network
from vfx_swap.models.protocols import Detector
from vfx_swap.models.registry import LoadOptions, Registry
from vfx_swap.models.simswap_compat.align import AlignMode
from vfx_swap.models.simswap_compat.identity import SimSwapEmbedder
from vfx_swap.models.simswap_compat.paste import Generator, Labeller
from vfx_swap.models.weights import model_folders, verified_files
from vfx_swap.types import Embedding, ModelImage

__all__ = ["SimSwapModels", "open_simswap"]


@dataclass(frozen=True, eq=False)
class SimSwapModels:
    """What a frame goes through."""

    card: Card
    """Of the generator."""
    network: SwapNetwork
    size: int
    mode: AlignMode
    detector: Detector
    labeller: Labeller | None
    """Finds the regions of a crop; None: all of it is replaced."""
    vector_name: str
    """Under which a pack holds the identity's vector."""
    digests: Mapping[str, str]
    """Label -> SHA-256 of every file."""
    _embedder: SimSwapEmbedder | None

    def generator(self, vector: FloatArray) -> Generator:
        """The generator with one identity in it.

        Args:
            vector: (512,) the recogniser's, of any length; it is brought to length 1.
        """
        embedding = Embedding(self.vector_name, vector)

        def paint(planes: np.ndarray) -> np.ndarray:
            answer = self.network(ModelImage(np.ascontiguousarray(planes.transpose(1, 2, 0))), embedding)
            return np.ascontiguousarray(answer.image.rgb.transpose(2, 0, 1))

        return paint

    @property
    def embedder(self) -> SimSwapEmbedder:
        """Makes a face's vector.

        Raises:
            ModelMissingError: the recogniser was not opened.
        """
        if self._embedder is None:
            raise ModelMissingError("SimSwap's recogniser is not open", mend="Bring it: vfx-swap models add FILE")
        return self._embedder


def open_simswap(
    card: Card, *, registry: Registry, options: LoadOptions, mask: bool, recogniser: bool
) -> SimSwapModels:
    """Open what SimSwap's pipeline needs.

    Args:
        card: of a generator of SimSwap's.
        registry: cards and the code that runs them.
        options: device and threads.
        mask: True opens the parser (`--use_mask`).
        recogniser: True opens the recogniser: identities are pictures, or faces are told apart.

    Raises:
        UsageError: the card is of another family.
        ModelMissingError: something was not brought; named with the command that brings it.
        ModelMismatchError: a file is not what its card says.
        DeviceError: the device is not there.
    """
    name = vector_name(card)
    if not is_simswap(card) or name is None:
        raise UsageError(
            f"{card.id!r} is no generator of SimSwap's, so there is no picture of SimSwap's to match",
            mend="Leave --compat out, or give --engine simswap-224 or simswap-512",
        )
    opened = open_swapper(card, options=options, registry=registry)
    finder = _detector(registry)
    used, labeller = [card, finder], None
    if mask:
        parser = registry.card("bisenet", task="parse")
        used.append(parser)
        labeller = _labeller(parser, options)
    embedder = open_vectors(card, options=options, registry=registry) if recogniser else None
    return SimSwapModels(
        card=card,
        network=opened.network,
        size=opened.size,
        mode=align_mode(card),
        detector=load_model(finder, registry=registry, options=LoadOptions(threads=options.threads)),
        labeller=labeller,
        vector_name=name,
        digests={f"{one.id}/{file.name}": file.sha256 for one in used for file in one.file},
        _embedder=embedder if isinstance(embedder, SimSwapEmbedder) else None,
    )


def _detector(registry: Registry) -> Card:
    """SimSwap's own kind where the user brought it, else the default one."""
    folders = model_folders()
    own = [one for one in registry.cards.values() if one.architecture == "scrfd" and files_here(one, folders=folders)]
    return own[0] if own else registry.default_card("detect")


def _labeller(card: Card, options: LoadOptions) -> Labeller:
    files = verified_files(card, folders=model_folders())
    runner: Runner
    if card.weights is None:
        runner = open_onnx(card, files, options)
    else:
        runner = open_torch_network(card, files, options, inputs=("image",), output="labels")

    def label(planes: np.ndarray) -> np.ndarray:
        scores = runner.run({"image": planes[np.newaxis]})["labels"][0]
        labels: np.ndarray = scores.argmax(axis=0)
        return labels

    return label
