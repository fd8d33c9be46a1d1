"""What a user's swapper takes as the identity: under which name a pack holds it, and who makes it.

SimSwap's own generators want the face as SimSwap shows it to its recogniser; all others want a recogniser's vector of
the face on that recogniser's own template, two such vectors added, or the identity's picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vfx_swap.models.cards import Card
from vfx_swap.models.default import load_model
from vfx_swap.models.onnx_swap.network import swap_of
from vfx_swap.models.onnx_swap.open import Embedder, open_embedder
from vfx_swap.models.onnx_swap.recogniser import CardRecogniser
from vfx_swap.models.registry import LoadOptions, Registry
from vfx_swap.models.simswap_compat.align import AlignMode
from vfx_swap.models.simswap_compat.identity import SimSwapEmbedder
from vfx_swap.models.weights import find_file

__all__ = ["align_mode", "files_here", "is_simswap", "open_vectors", "recogniser_cards", "vector_name"]

SIMSWAP = "simswap"
FFHQ = "ffhq_512"


def is_simswap(card: Card) -> bool:
    """Whether a card is one of SimSwap's own generators."""
    return card.architecture == SIMSWAP


def align_mode(card: Card) -> AlignMode:
    """How SimSwap aligns faces for a generator of its own."""
    return "ffhq" if card.picture.template == FFHQ else "None"


def vector_name(card: Card) -> str | None:
    """Under which name a pack holds what a swapper takes; None where no pack does: a picture, or in its weights."""
    spec = swap_of(card)
    if spec.source != "embedding" or spec.recogniser is None:
        return None
    if is_simswap(card):
        return spec.recogniser if align_mode(card) != "ffhq" else f"{spec.recogniser}.ffhq"
    return spec.recogniser if spec.recogniser_added is None else f"{spec.recogniser}+{spec.recogniser_added}"


def recogniser_cards(card: Card, *, registry: Registry) -> tuple[Card, ...]:
    """The cards of the recognisers that a swapper's identity is seen by.

    Raises:
        UsageError: the card names a recogniser that is not here.
    """
    spec = swap_of(card)
    named = [one for one in (spec.recogniser, spec.recogniser_added) if one is not None]
    return tuple(registry.card(one, task="recognise") for one in named)


def files_here(card: Card, *, folders: Sequence[Path]) -> bool:
    """Whether the files of a card are here; not whether they are the right ones."""
    return bool(card.file) and all(find_file(card, file, folders=folders) is not None for file in card.file)


def open_vectors(
    card: Card, *, options: LoadOptions, registry: Registry, folders: Sequence[Path] | None = None
) -> Embedder | None:
    """What makes an identity's vector for a swapper; None where the identity is in its weights.

    Args:
        card: of the swapper.
        options: device and threads.
        registry: cards and code.
        folders: where files are looked for; None: `model_folders()`.

    Raises:
        ModelMissingError: the recogniser was not brought.
        ModelMismatchError: a file is not what its card says.
        DeviceError: the device is not there.
        UsageError: the card names a recogniser that is not here.
    """
    if not is_simswap(card):
        return open_embedder(card, options=options, registry=registry, folders=folders)
    (own,) = recogniser_cards(card, registry=registry)
    recogniser = load_model(own, registry=registry, options=options, folders=folders)
    if not isinstance(recogniser, CardRecogniser):
        raise TypeError(f"the card {own.id!r} opens as a {type(recogniser).__name__}")
    return SimSwapEmbedder(recogniser=recogniser, size=card.picture.size or 0, mode=align_mode(card))
