"""An identity's vectors for the networks that are here: by every recogniser whose files the user brought.

They are made from the photographs inside the pack, so that a pack made before a network was brought can be brought up
to date without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from vfx_swap.arrays import frozen
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import IdentityError
from vfx_swap.models.cards import Card
from vfx_swap.models.default import load_model
from vfx_swap.models.identity_vectors import files_here, open_vectors, recogniser_cards, vector_name
from vfx_swap.models.onnx_swap.network import swap_of
from vfx_swap.models.onnx_swap.open import Embedder, brought_registry
from vfx_swap.models.registry import LoadOptions, Registry
from vfx_swap.models.weights import model_folders
from vfx_swap.pipeline.network_engine import embed_reference
from vfx_swap.types import Embedding, Identity

__all__ = ["Vector", "vectors_here", "with_vectors"]

BUILT = "dlib-resnet"
"""The recogniser that every pack is built with, and needs no second look."""


@dataclass(frozen=True, eq=False)
class Vector:
    """A kind of vector that can be made here."""

    name: str
    """Under which a pack holds it."""
    wanted_by: tuple[str, ...]
    """Ids of the swappers that take it; none: nobody does yet."""
    open: Callable[[], Embedder]


def vectors_here(*, registry: Registry | None = None, options: LoadOptions | None = None) -> tuple[Vector, ...]:
    """Every kind of vector whose recognisers are here, by name; none is loaded.

    Args:
        registry: cards and code; None: all that are here.
        options: device and threads.
    """
    known = brought_registry() if registry is None else registry
    found: dict[str, Vector] = {}
    for name, wanted_by, opener in _kinds(known, options or LoadOptions()):
        before = found.get(name)
        users = (*(() if before is None else before.wanted_by), *wanted_by)
        found[name] = Vector(name, users, opener if before is None else before.open)
    return tuple(found[name] for name in sorted(found))


def _kinds(registry: Registry, options: LoadOptions) -> Iterator[tuple[str, tuple[str, ...], Callable[[], Embedder]]]:
    """Name, who wants it, what opens it. Swappers first: they say how their recogniser is shown a face."""
    where = model_folders()

    def here(card: Card) -> bool:
        return files_here(card, folders=where)

    for card in registry.cards.values():
        # A family's card counts as well: who brings the recogniser first has its vector when the swapper comes.
        if card.task != "swap" or swap_of(card).source != "embedding":
            continue
        name = vector_name(card)
        if name is not None and all(here(one) for one in recogniser_cards(card, registry=registry)):
            users = (card.id,) if here(card) else ()
            yield name, users, partial(_opened, card, registry, options)
    for card in registry.cards.values():
        if card.task == "recognise" and card.id != BUILT and here(card):
            yield card.id, (), partial(load_model, card, registry=registry, options=options)


def _opened(card: Card, registry: Registry, options: LoadOptions) -> Embedder:
    embedder = open_vectors(card, options=options, registry=registry)
    if embedder is None:
        raise TypeError(f"{card.id!r} takes no vector")
    return embedder


def with_vectors(
    identity: Identity, *, config: ColourConfig, vectors: Sequence[Vector], again: bool = False
) -> tuple[Identity, tuple[str, ...]]:
    """The identity with the mean vector of its photographs, of each kind that it lacks.

    Args:
        identity: of a pack.
        config: OCIO config.
        vectors: `vectors_here()`.
        again: True makes those anew that it holds.

    Returns:
        The identity, its digest empty where something was added; and the names added.

    Raises:
        IdentityError: the pack holds no photograph.
        CannotRunError: a model file is not what its card says, or the device is missing.
    """
    lacking = [one for one in vectors if again or one.name not in identity.embeddings]
    if not lacking:
        return identity, ()
    if not identity.references:
        raise IdentityError(f"identity {identity.name!r} holds no photograph to look at", mend="Build it again")
    made = dict(identity.embeddings)
    for vector in lacking:
        embedder = vector.open()
        each = [
            embed_reference(identity, index, embedder=embedder, config=config).vector
            for index in range(len(identity.references))
        ]
        mean = np.stack(each).mean(axis=0, dtype=np.float64).astype(np.float32)
        made[vector.name] = Embedding(vector.name, frozen(mean))
    return replace(identity, embeddings=made, sha256=""), tuple(one.name for one in lacking)
