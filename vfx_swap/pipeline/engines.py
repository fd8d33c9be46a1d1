"""Engines by name: the swapper a shot asks for, and what stands for it in digests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import UsageError
from vfx_swap.models.default import LoadModel, load_model
from vfx_swap.models.facemesh.canonical import CanonicalMesh, read_canonical_mesh
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.protocols import Swapper
from vfx_swap.models.registry import load_registry
from vfx_swap.models.weights import model_folders, verified_files
from vfx_swap.pipeline.identity import TextureBuilder
from vfx_swap.pipeline.shot_plate import ShotPlate
from vfx_swap.settings import Cast, Shot
from vfx_swap.settings.load import ENGINES
from vfx_swap.settings.shot import DEFAULT_ENGINE
from vfx_swap.types import Frame, Identity, Track

__all__ = [
    "Engine",
    "Fitting",
    "engine_ids",
    "face_at_rest",
    "face_mesh",
    "open_engine",
    "texture_builder",
]

MESH_CARD = "mediapipe-facemesh"
"""The card whose model file holds the canonical face mesh."""


class Fitting(Protocol):
    """How a swapper is fitted to a track, in steps: the same frames give what `Engine.fit` gives."""

    def frames(self, track: Track, numbers: Collection[int]) -> tuple[int, ...]:
        """The frames that are measured, of those that there are."""
        ...

    def measure(self, swapper: Any, track: Track, frame: Frame) -> int:
        """What one of them says. A whole frame, in scene-linear light."""
        ...

    def settle(self, swapper: Any, track: Track, measured: Sequence[int]) -> tuple[Swapper[Any], str]:
        """The fitted swapper, and what was chosen, for digests."""
        ...


@dataclass(frozen=True, eq=False)
class Engine:
    """What makes the swappers of a shot."""

    id: str
    swapper_for: Callable[[Cast], Swapper[Any]]
    """Casting -> its swapper. Any: what it prepares only itself knows."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Card id/file name -> SHA-256 of every model file it works with."""
    kernels: Kernels = NUMPY
    """What its swappers' crops are arrays of."""
    check: Callable[[Identity], None] | None = None
    """Raises IdentityError for an identity that it cannot put on anybody; None: any will do."""
    fit: Callable[[Any, Track, ShotPlate], tuple[Swapper[Any], str]] | None = None
    """Swapper, track, plate -> the swapper fitted to that track, and what was chosen, for digests; None: as it is."""
    own_light: bool = False
    """Whether its answers bring a light of their own, as a network's do."""
    fitting: Fitting | None = None
    """`fit` in steps, for frames that come one by one; None where `fit` is, or where it needs the whole plate."""


def engine_ids() -> tuple[str, ...]:
    """Ids of the engines that are here: the default one, and every swapper that the user brought.

    Raises:
        SettingsError: a user's card is malformed.
    """
    from vfx_swap.models.identity_vectors import files_here

    folders = model_folders()
    cards = load_registry().cards.values()
    brought = sorted(card.id for card in cards if card.task == "swap" and files_here(card, folders=folders))
    return (*ENGINES, *(one for one in brought if one not in ENGINES))


def open_engine(shot: Shot, *, config: ColourConfig, kernels: Kernels = NUMPY, load: LoadModel = load_model) -> Engine:
    """The engine that a shot names.

    Args:
        shot: the settings.
        config: OCIO config.
        kernels: of the device to work on.
        load: what loads its networks.

    Raises:
        UsageError: there is none of that name.
        CannotRunError: a model file or a device is missing.
    """
    if shot.engine == DEFAULT_ENGINE:
        return _reprojection(shot, config=config, kernels=kernels)
    here = engine_ids()
    if shot.engine in here:
        return _network(shot, config=config, kernels=kernels, load=load)
    mend = f"Choose one of: {', '.join(here)}; `vfx-swap models add FILE` brings more"
    raise UsageError(f"no engine is called {shot.engine!r}", mend=mend)


def texture_builder() -> TextureBuilder:
    """What makes the skin texture of an identity from its references.

    Raises:
        CannotRunError: the canonical mesh is missing.
    """
    from vfx_swap.models.reprojection.texture import build_texture

    mesh, _ = _canonical_mesh()
    return lambda references: build_texture(references, mesh=mesh)


def face_at_rest() -> Callable[[FloatArray, FloatArray], FloatArray]:
    """What takes the expression off landmarks: (478, 3) points and (52,) weights give (478, 3) points.

    Raises:
        CannotRunError: the canonical mesh is missing.
    """
    from vfx_swap.models.facemesh.expressions import expression_shapes
    from vfx_swap.models.reprojection.reshape import at_rest

    mesh, _ = _canonical_mesh()
    shapes = expression_shapes()
    return lambda points, expression: at_rest(points, expression, mesh=mesh, shapes=shapes)


def face_mesh() -> CanonicalMesh:
    """The canonical face mesh.

    Raises:
        CannotRunError: it is missing.
    """
    return _canonical_mesh()[0]


def _canonical_mesh() -> tuple[CanonicalMesh, dict[str, str]]:
    card = load_registry().card(MESH_CARD)
    paths = verified_files(card, folders=model_folders())
    file = card.file[0]
    return read_canonical_mesh(paths[file.role]), {f"{card.id}/{file.name}": file.sha256}


def _network(shot: Shot, *, config: ColourConfig, kernels: Kernels, load: LoadModel) -> Engine:
    from vfx_swap.models.onnx_swap.open import brought_registry
    from vfx_swap.pipeline.network_engine import open_network

    registry = brought_registry()
    card = registry.card(shot.engine, task="swap")
    network = open_network(shot, card, registry=registry, config=config, kernels=kernels, load=load)
    return Engine(
        id=card.id,
        swapper_for=network.swapper_for,
        digests=network.digests,
        kernels=kernels,
        check=network.check,
        fit=network.fit,
        own_light=True,
        fitting=network,
    )


def _reprojection(shot: Shot, *, config: ColourConfig, kernels: Kernels) -> Engine:
    from vfx_swap.models.reprojection.swapper import ReprojectionOptions, ReprojectionSwapper

    mesh, digests = _canonical_mesh()

    def swapper_for(cast: Cast) -> Swapper[Any]:
        options = ReprojectionOptions(
            feather=shot.matte.feather,
            holdout_hair="hair" in shot.matte.holdout,
            # Rims stand in the tracks' mattes: the comp holds them out, and the swapper paints the face behind them.
            holdout_glasses=False,
            match_light=shot.lighting.match == "plate",
            reshape=cast.reshape,
            makeup=cast.makeup,
        )
        return ReprojectionSwapper(mesh=mesh, config=config, options=options, kernels=kernels)

    return Engine(id=shot.engine, swapper_for=swapper_for, digests=digests, kernels=kernels)
