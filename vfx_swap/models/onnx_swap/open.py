"""Opens the user's models by card: a swapper with its converter, and what makes an identity's embedding for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vfx_swap.models.cards import Card
from vfx_swap.models.default import FACE_ARCHITECTURES, PARSE_ARCHITECTURES, LoadModel, load_model
from vfx_swap.models.network_swapper import SwapNetwork
from vfx_swap.models.onnx_swap.network import CardSwapNetwork, PictureSource, swap_of
from vfx_swap.models.registry import Architecture, LoadOptions, Registry, load_registry
from vfx_swap.models.templates import Template, template_named
from vfx_swap.types import Detection, Embedding, ModelImage

__all__ = [
    "BROUGHT_ARCHITECTURES",
    "Embedder",
    "OpenedSwapper",
    "brought_registry",
    "open_embedder",
    "open_swapper",
]


def _lazy(id: str, task: Any, module: str, function: str) -> Architecture:
    def load(card: Card, files: Mapping[str, Path], options: LoadOptions) -> Any:
        import importlib

        return getattr(importlib.import_module(f"vfx_swap.models.onnx_swap.{module}"), function)(card, files, options)

    return Architecture(id, task, load)


BROUGHT_ARCHITECTURES: tuple[Architecture, ...] = (
    _lazy("onnx_swap", "swap", "network", "load_onnx_swap"),
    _lazy("simswap", "swap", "network", "load_torch_swap"),
    _lazy("dfm", "swap", "dfm", "load_dfm"),
    _lazy("onnx_recognise", "recognise", "recogniser", "load_onnx_recogniser"),
    _lazy("arcface", "recognise", "recogniser", "load_torch_recogniser"),
    _lazy("onnx_convert", "convert", "converter", "load_converter"),
    _lazy("onnx_occlude", "occlude", "occluder", "load_occluder"),
    _lazy("onnx_restore", "restore", "restorer", "load_restorer"),
    _lazy("scrfd", "detect", "scrfd", "load_scrfd"),
)
"""The code that runs what users bring; their parsers stand with the default one, in `PARSE_ARCHITECTURES`."""


class Embedder(Protocol):
    """Makes of a face what a swapper takes as the identity."""

    id: str

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        """The embedding of one face."""
        ...


@dataclass(frozen=True, eq=False)
class OpenedSwapper:
    """What `NetworkSwapper` is made of, from one card."""

    card: Card
    network: SwapNetwork
    template: Template
    size: int
    recogniser: str | None
    """Id under which an identity holds its embedding for this swapper; None: the identity is in the weights."""


def open_swapper(
    card: Card,
    *,
    options: LoadOptions,
    registry: Registry | None = None,
    folders: Sequence[Path] | None = None,
    load: LoadModel = load_model,
) -> OpenedSwapper:
    """A swapper ready to run, its converter with it, all files verified.

    Args:
        card: of the task `swap`.
        options: device and threads; no other device is ever taken in its place.
        registry: cards and code; None: all that are here.
        folders: where files are looked for; None: `model_folders()`.
        load: what loads them.

    Raises:
        ModelMissingError: the swapper, or the converter it needs, was not brought.
        ModelMismatchError: a file is not what its card says.
        DeviceError: the device is not there.
        UsageError: the card is no swapper's, or names what is not here.
    """
    known = brought_registry() if registry is None else registry
    network = load(known.card(card.id, task="swap"), registry=known, options=options, folders=folders)
    spec = swap_of(card)
    if spec.converter is not None and isinstance(network, CardSwapNetwork):
        converter = known.card(spec.converter, task="convert")
        network.converter = load(converter, registry=known, options=options, folders=folders)
    recogniser = {
        "picture": f"{card.id}.picture",
        "none": None,
        "embedding": spec.recogniser if spec.recogniser_added is None else f"{spec.recogniser}+{spec.recogniser_added}",
    }[spec.source]
    if card.picture.size is None or card.picture.template is None:
        raise ValueError(f"the card {card.id!r} needs picture.size and picture.template")
    return OpenedSwapper(card, network, template_named(card.picture.template), card.picture.size, recogniser)


def open_embedder(
    card: Card, *, options: LoadOptions, registry: Registry | None = None, folders: Sequence[Path] | None = None
) -> Embedder | None:
    """What makes the identity's embedding for a swapper; None where the identity is in its weights.

    Args:
        card: of the swapper.
        options: device and threads.
        registry: cards and code; None: all that are here.
        folders: where files are looked for; None: `model_folders()`.

    Raises:
        ModelMissingError: the recogniser was not brought.
        ModelMismatchError: a file is not what its card says.
        DeviceError: the device is not there.
        UsageError: the card names a recogniser that is not here.
    """
    from vfx_swap.models.onnx_swap.recogniser import AddedRecognisers

    spec = swap_of(card)
    if spec.source == "none":
        return None
    if spec.recogniser is None:
        return PictureSource(card=card)
    known = brought_registry() if registry is None else registry
    named = [one for one in (spec.recogniser, spec.recogniser_added) if one is not None]
    loaded = [
        load_model(known.card(one, task="recognise"), registry=known, options=options, folders=folders) for one in named
    ]
    embedder: Embedder = loaded[0] if len(loaded) == 1 else AddedRecognisers(first=loaded[0], second=loaded[1])
    return embedder


def brought_registry() -> Registry:
    """Every card here, shipped and the user's, and the code that runs them.

    Raises:
        SettingsError: a card is malformed.
        UsageError: ids clash.
    """
    return load_registry(architectures=(*FACE_ARCHITECTURES, *PARSE_ARCHITECTURES, *BROUGHT_ARCHITECTURES))
