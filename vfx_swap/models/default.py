"""The face models of a run: a detector, a landmarker and a recogniser, chosen by card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from vfx_swap.models.cards import Card
from vfx_swap.models.protocols import Detector, HandFinder, Landmarker, Parser, Recogniser
from vfx_swap.models.registry import Architecture, LoadOptions, Registry, load_registry
from vfx_swap.models.weights import model_folders, verified_files

__all__ = ["FACE_ARCHITECTURES", "PARSE_ARCHITECTURES", "FaceModels", "LoadModel", "load_face_models", "load_model"]


def _centerface(card: Card, files: Mapping[str, Path], options: LoadOptions) -> Detector:
    from vfx_swap.models.centerface.detector import load_centerface

    return load_centerface(card, files, options)


def _facemesh(card: Card, files: Mapping[str, Path], options: LoadOptions) -> Landmarker:
    from vfx_swap.models.facemesh.landmarker import load_facemesh

    return load_facemesh(card, files, options)


def _dlib_resnet(card: Card, files: Mapping[str, Path], options: LoadOptions) -> Recogniser:
    from vfx_swap.models.dlib_resnet.recogniser import load_dlib_resnet

    return load_dlib_resnet(card, files, options)


def _handmesh(card: Card, files: Mapping[str, Path], options: LoadOptions) -> HandFinder:
    from vfx_swap.models.handmesh.landmarker import load_handmesh

    return load_handmesh(card, files, options)


def _landmark_parser(card: Card, files: Mapping[str, Path], options: LoadOptions) -> Parser:
    from vfx_swap.models.parsing.landmark_parser import load_landmark_parser

    return load_landmark_parser(card, files, options)


def _bisenet(card: Card, files: Mapping[str, Path], options: LoadOptions) -> Parser:
    from vfx_swap.models.bisenet.parser import load_bisenet

    return load_bisenet(card, files, options)


def _onnx_parser(card: Card, files: Mapping[str, Path], options: LoadOptions) -> Parser:
    from vfx_swap.models.onnx_swap.parser import load_onnx_parser

    return load_onnx_parser(card, files, options)


FACE_ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture("centerface", "detect", _centerface),
    Architecture("facemesh", "landmarks", _facemesh),
    Architecture("dlib_resnet", "recognise", _dlib_resnet),
    Architecture("handmesh", "hands", _handmesh),
)
"""The architectures that come with the default stack."""

PARSE_ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture("landmark_parser", "parse", _landmark_parser),
    Architecture("bisenet", "parse", _bisenet),
    Architecture("onnx_parse", "parse", _onnx_parser),
)
"""What finds the regions of a face: by landmarks, which comes with the package, and by the user's weights."""


@dataclass(frozen=True, eq=False)
class FaceModels:
    """The models that see faces. Close it, or use it in `with`."""

    detector: Detector
    landmarker: Landmarker
    recogniser: Recogniser
    digests: Mapping[str, str]
    """Card id/file name -> sha256 of every file loaded; part of what a result depends on."""
    hands: HandFinder | None = None
    """Finds hands in front of a face; None: none is looked for."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what the models hold. A second call does nothing."""
        for model in (self.detector, self.landmarker, self.recogniser, self.hands):
            close = getattr(model, "close", None)
            if close is not None:
                close()


class LoadModel(Protocol):
    """What `load_model` does; a process that stays brings one that keeps what it loaded."""

    def __call__(
        self, card: Card, *, registry: Registry, options: LoadOptions, folders: Sequence[Path] | None = None
    ) -> Any:
        """The model of a card."""
        ...


def load_model(card: Card, *, registry: Registry, options: LoadOptions, folders: Sequence[Path] | None = None) -> Any:
    """The model of a card, its files verified.

    Args:
        card: which model.
        registry: holds the code that runs it.
        options: device and threads.
        folders: where files are looked for before the packages; None: `model_folders()`.

    Returns:
        What the card's task asks for: a Detector, Landmarker, Recogniser, ...

    Raises:
        ModelMissingError: a file is not installed.
        ModelMismatchError: a file is not what the card says.
        DeviceError: the device is not there.
        UsageError: nothing here runs the card's architecture.
    """
    architecture = registry.architecture_of(card)
    files = verified_files(card, folders=model_folders() if folders is None else folders)
    return architecture.load(card, files, options)


def load_face_models(
    *,
    device: str = "cpu",
    threads: int = 2,
    detector: str | None = None,
    landmarker: str | None = None,
    recogniser: str | None = None,
    registry: Registry | None = None,
    folders: Sequence[Path] | None = None,
) -> FaceModels:
    """The models of a run: the three that see faces, and the default one that sees hands.

    Args:
        device: `cpu`, `cuda` or `cuda:N`. Of the default models the detector alone knows GPUs.
        threads: threads of one operator.
        detector: id of its card; None: the default.
        landmarker: id of its card; None: the default.
        recogniser: id of its card; None: the default.
        registry: cards and code; None: those that come with the package.
        folders: where files are looked for before the packages; None: `model_folders()`.

    Raises:
        ModelMissingError: a file is not installed.
        ModelMismatchError: a file is not what its card says.
        DeviceError: the device is not there.
        UsageError: no such device or card.
    """
    options = LoadOptions(device=device, threads=threads)
    known = load_registry(architectures=FACE_ARCHITECTURES) if registry is None else registry
    cards = (
        known.card(detector, task="detect") if detector else known.default_card("detect"),
        known.card(landmarker, task="landmarks") if landmarker else known.default_card("landmarks"),
        known.card(recogniser, task="recognise") if recogniser else known.default_card("recognise"),
        known.default_card("hands"),
    )
    finds, places, recognises, feels = (
        load_model(card, registry=known, options=options, folders=folders) for card in cards
    )
    digests = {f"{card.id}/{file.name}": file.sha256 for card in cards for file in card.file}
    return FaceModels(detector=finds, landmarker=places, recogniser=recognises, digests=digests, hands=feels)
