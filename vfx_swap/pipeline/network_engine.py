"""A network that the user brought, as an engine: one template and one exposure for each track, mattes by regions.

Everything that could jump from frame to frame is settled once for a track: which of SimSwap's five templates fits it
best, and by how many stops the network's picture is lit. Both are measured over the whole track, so that a frame has
the same bits in whatever range it is rendered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.errors import IdentityError, InputError
from vfx_swap.geometry.warps import cut_crop
from vfx_swap.models.cards import Card
from vfx_swap.models.default import PARSE_ARCHITECTURES, LoadModel, load_model
from vfx_swap.models.identity_vectors import files_here, is_simswap, open_vectors, recogniser_cards, vector_name
from vfx_swap.models.kernels import Kernels
from vfx_swap.models.network_swapper import MEND_EMBEDDING, MatteMaker, NetworkSwapper
from vfx_swap.models.onnx_swap.network import swap_of
from vfx_swap.models.onnx_swap.open import Embedder, OpenedSwapper, open_swapper
from vfx_swap.models.region_matte import RegionMatte
from vfx_swap.models.registry import LoadOptions, Registry, load_registry
from vfx_swap.models.simswap_compat.align import POSES, track_template
from vfx_swap.models.templates import Template, five_points
from vfx_swap.models.weights import model_folders
from vfx_swap.pipeline.association import detection_from
from vfx_swap.pipeline.shot_plate import ShotPlate
from vfx_swap.settings import Cast, Shot
from vfx_swap.types import Embedding, Frame, Identity, Track

__all__ = ["NO_PARSER", "NetworkEngine", "embed_reference", "open_network"]

NO_PARSER = "none"
FRONTAL = "arcface_112_v1"
"""The frontal one of SimSwap's five templates; its generators of 224 pixels know the other four as well."""
MEASURED = 5
"""Frames of a track that its exposure is measured on."""


@dataclass(frozen=True, eq=False)
class NetworkEngine:
    """A network, ready for the castings of a shot."""

    opened: OpenedSwapper
    shot: Shot
    config: ColourConfig
    kernels: Kernels
    digests: dict[str, str]
    """Label -> SHA-256 of every file and card that decides a picture."""
    matte: MatteMaker | None
    embed: Callable[[Identity], Embedding] | None
    mend: str

    def swapper_for(self, cast: Cast) -> NetworkSwapper:  # noqa: ARG002  # one network serves every casting
        """The swapper, not yet fitted to a track."""
        return NetworkSwapper(
            id=self.opened.card.id,
            template=self.opened.template,
            size=self.opened.size,
            network=self.opened.network,
            recogniser=vector_name(self.opened.card),
            config=self.config,
            matte=self.matte,
            boost=self.shot.network.pixel_boost,
            batch=self.shot.network.batch,
            embed=self.embed,
            mend_embedding=self.mend,
            kernels=self.kernels,
        )

    def check(self, identity: Identity) -> None:
        """Refuse an identity that this network cannot take.

        Raises:
            IdentityError: what it needs is not in the pack.
        """
        self.swapper_for(self.shot.cast[0]).check(identity)

    def fit(self, swapper: Any, track: Track, plate: ShotPlate) -> tuple[NetworkSwapper, str]:
        """The swapper with one template and one exposure for a track, and what was chosen, for digests.

        A frame that cannot be read says nothing.
        """
        found = []
        for number in self.frames(track, plate.shot_frames):
            try:
                frame = plate.read(number)
            except InputError:
                continue
            found.append(self.measure(swapper, track, frame))
        return self.settle(swapper, track, found)

    def frames(self, track: Track, numbers: Collection[int]) -> tuple[int, ...]:
        """The frames of a track that its exposure is measured on: some, evenly spread."""
        return tuple(_spread(sorted(set(track.faces) & set(numbers)), MEASURED))

    def measure(self, swapper: Any, track: Track, frame: Frame) -> int:
        """Stops that bring the track's face in a frame to mid tones."""
        fitted: NetworkSwapper = swapper.fitted(template=_template(self.opened, track), exposure_stops=0)
        to_lin709 = self.config.matrix(source=frame.colour_space, destination=LINEAR_REC709)
        warp = fitted.warp_for(track.faces[frame.number])
        crop = cut_crop(frame.rgb, data_window=frame.data_window, warp=warp, colour_space=frame.colour_space)
        return fitted.stops(crop, to_lin709=to_lin709)

    def settle(self, swapper: Any, track: Track, measured: Sequence[int]) -> tuple[NetworkSwapper, str]:
        """The swapper with the track's template and the median of what was measured."""
        template = _template(self.opened, track)
        stops = sorted(measured)[len(measured) // 2] if measured else 0
        return swapper.fitted(template=template, exposure_stops=stops), f"{template.name} {stops}"


def open_network(
    shot: Shot,
    card: Card,
    *,
    registry: Registry,
    config: ColourConfig,
    kernels: Kernels,
    load: LoadModel = load_model,
) -> NetworkEngine:
    """The network of a card.

    Args:
        shot: the settings.
        card: of the task `swap`.
        registry: cards and the code that runs them.
        config: OCIO config.
        kernels: of the device to work on; the network runs there, or not at all.
        load: what loads the network and the parser.

    Raises:
        ModelMissingError: the swapper, its converter or the parser was not brought.
        ModelMismatchError: a file is not what its card says.
        DeviceError: the device is not there.
        UsageError: the card names what is not here.
    """
    options = LoadOptions(device="cpu" if kernels.device == "torch" else kernels.device)
    own = replace(options, batch=shot.network.batch, runtime=shot.network.runtime)
    opened = open_swapper(card, options=own, registry=registry, load=load)
    used = [card]
    if swap_of(card).converter is not None:
        used.append(registry.card(swap_of(card).converter or "", task="convert"))
    matte, parser = _matte(shot, options, load)
    digests = {f"{one.id}/{file.name}": file.sha256 for one in (*used, *parser) for file in one.file}
    digests |= {f"{one.id} card": _conventions(one) for one in used}
    embed = None
    if swap_of(card).source == "picture":
        source = open_vectors(card, options=options, registry=registry)
        if source is not None:
            embed = _from_pack(source, config)
    return NetworkEngine(opened, shot, config, kernels, digests, matte, embed, _mend(card, registry))


def embed_reference(identity: Identity, index: int, *, embedder: Embedder, config: ColourConfig) -> Embedding:
    """A recogniser's vector of one of an identity's references.

    Raises:
        NoFaceError: the reference's landmarks fall together.
    """
    reference = identity.references[index]
    image = to_display(reference.rgb, config=config, colour_space=LINEAR_REC709)
    return embedder.embed(image, detection_from(reference.points, score=1.0))


def _from_pack(source: Embedder, config: ColourConfig) -> Callable[[Identity], Embedding]:
    """The identity's picture: of the reference that faces the camera most squarely, since faces cannot be averaged."""

    def embed(identity: Identity) -> Embedding:
        if not identity.references:
            raise IdentityError(f"identity {identity.name!r} holds no photograph", mend="Build it again")
        turned = [abs(one.pose.yaw_degrees) + abs(one.pose.pitch_degrees) for one in identity.references]
        return embed_reference(identity, int(np.argmin(turned)), embedder=source, config=config)

    return embed


def _matte(shot: Shot, options: LoadOptions, load: LoadModel) -> tuple[MatteMaker | None, tuple[Card, ...]]:
    """What makes mattes, and the card of its parser."""
    wanted = shot.network.parser
    if wanted == NO_PARSER:
        return None, ()
    registry = load_registry(architectures=PARSE_ARCHITECTURES)
    card = registry.card(wanted, task="parse")
    parser = load(card, registry=registry, options=options)
    hair = "hair" not in shot.matte.holdout
    made = RegionMatte(parser=parser, any_size=card.picture.size is None, feather=shot.matte.feather, hair=hair)
    return made, (card,)


def _mend(card: Card, registry: Registry) -> str:
    """What to do about a pack without this network's embedding."""
    if swap_of(card).source != "embedding":
        return MEND_EMBEDDING
    folders = model_folders()
    lacking = [one.id for one in recogniser_cards(card, registry=registry) if not files_here(one, folders=folders)]
    if not lacking:
        return MEND_EMBEDDING
    bring = f"Bring {' and '.join(lacking)} (vfx-swap models add FILE; docs/models.md says which file)"
    return f"{bring}, then: vfx-swap identity embed NAME.identity"


def _conventions(card: Card) -> str:
    """SHA-256 of all on a card that decides a picture: users may edit theirs."""
    kept = {"architecture", "picture", "output", "swap", "weights", "roles", "half"}
    return hashlib.sha256(card.model_dump_json(include=kept).encode()).hexdigest()


def _template(opened: OpenedSwapper, track: Track) -> Template:
    if not is_simswap(opened.card) or opened.template.name != FRONTAL:
        return opened.template
    points = [five_points(face.points) for _, face in sorted(track.faces.items())]
    chosen = track_template(points, size=opened.size)
    fractions = tuple((float(x) / 112.0, float(y) / 112.0) for x, y in POSES[chosen])
    return Template(f"simswap_pose_{chosen + 1}", fractions)


def _spread(numbers: Sequence[int], count: int) -> list[int]:
    """`count` of them, first and last among them; all where there are no more."""
    if len(numbers) <= count:
        return list(numbers)
    return [numbers[round(index * (len(numbers) - 1) / (count - 1))] for index in range(count)]
