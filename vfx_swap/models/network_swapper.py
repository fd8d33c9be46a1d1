"""A swapper around any face network: the scene-linear way in and out that every network shares.

    face -> five points -> similarity onto the template -> crop (by the pipeline)
    crop -> encode -> network -> bounded increment -> crop with its own alpha

What a network wants beyond a picture in [0, 1] (its mean and deviation, channel order, tensors, how an
embedding is mapped) is the business of the callable it is wrapped in.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.colour.encode import Carried, apply_increment, encode
from vfx_swap.colour.exposure import face_exposure_stops
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import srgb_eotf
from vfx_swap.errors import IdentityError, ModelMismatchError
from vfx_swap.geometry.warps import fit_similarity
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.network_answer import NetworkAnswer, SwapNetwork
from vfx_swap.models.pixel_boost import boosted
from vfx_swap.models.templates import Template, five_points
from vfx_swap.types import Crop, Embedding, Face, Identity, ModelImage, Warp

__all__ = [
    "MatteMaker",
    "NetworkAnswer",
    "NetworkSwap",
    "NetworkSwapper",
    "PreparedNetwork",
    "SwapNetwork",
    "soft_alpha",
]


MatteMaker: TypeAlias = Callable[[ModelImage, Face, Warp], FloatArray | None]
"""The crop as the network is shown it, the face in the plate and the crop's warp in; (height, width) 0 to 1 out, or
None where it finds no face."""
BORDER = 0.12
"""Width of a matte's fade to the crop's border, as a fraction of half the crop."""
AT_ONCE = 4
"""Frames: each holds its crop and what a network has in between, some 300 MB at 224 pixels."""
MEND_EMBEDDING = "Add it to the pack: vfx-swap identity embed NAME.identity"


@dataclass(frozen=True, eq=False)
class PreparedNetwork:
    """An identity, ready for a network, and the matrices of the shot's colour space."""

    embedding: Embedding
    colour_space: str
    to_lin709: np.ndarray
    """(3, 3) float64."""
    from_lin709: np.ndarray
    """(3, 3) float64."""


@dataclass(frozen=True, eq=False)
class NetworkSwap:
    """A swapped crop, with what the network could not be shown."""

    crop: Crop
    carried: Carried
    changed: float
    """Fraction of the crop's pixels that changed."""
    gain_limited: float
    """Fraction whose highlight was too bright for the increment to follow it in full."""
    exposure_stops: int


class NetworkSwapper:
    """Puts a network's answer on a performer, as an increment on scene-linear light (protocol `Swapper`)."""

    def __init__(
        self,
        *,
        id: str,
        template: Template,
        size: int,
        network: SwapNetwork,
        recogniser: str | None,
        config: ColourConfig,
        exposure_stops: int | None = None,
        alpha_shape: Literal["box", "ellipse"] = "ellipse",
        feather: float = 0.2,
        matte: MatteMaker | None = None,
        boost: int = 1,
        batch: int = 1,
        embed: Callable[[Identity], Embedding] | None = None,
        mend_embedding: str = MEND_EMBEDDING,
        kernels: Kernels = NUMPY,
    ) -> None:
        """Wrap a network.

        Args:
            id: the card's id.
            template: what the network was trained on.
            size: side of its square picture in pixels.
            network: the callable.
            recogniser: id of the recogniser whose embeddings it takes; None: the identity is in its weights.
            config: OCIO config, for the way to linear Rec.709.
            exposure_stops: whole stops that bring the faces of the shot to mid tones; None: chosen for
                every crop by itself, which is right for a still and may flicker in a shot.
            alpha_shape: of the alpha, where the network makes none.
            feather: width of that alpha's soft edge, as a fraction of half the crop.
            matte: makes the alpha of the performer's own face instead; what the network makes is multiplied with it.
            boost: n: the crop is n times the network's size each way (`models.pixel_boost`).
            batch: pictures of the network's passes; so many frames may be at work side by side.
            embed: makes of an identity what the network takes, where no pack holds it.
            mend_embedding: what to do about a pack that lacks the embedding.
            kernels: whose arrays crops are. The network's picture is made on the CPU all the same.
        """
        self.id = id
        self.template = template
        self.size = size * boost
        self.recogniser = recogniser
        self.exposure_stops = exposure_stops
        self._network = network
        self._config = config
        self._boost = boost
        self._batch = batch
        self._matte = matte
        self._embed = embed
        self._mend = mend_embedding
        self._kernels = kernels
        side = self.size
        self._alpha = soft_alpha(width=side, height=side, shape=alpha_shape, feather=feather)
        self._inside = soft_alpha(width=side, height=side, shape="box", feather=BORDER)

    def fitted(self, *, template: Template, exposure_stops: int) -> Self:
        """The same swapper with one template and one exposure for all of a track: neither jumps from frame to frame."""
        fitted = copy.copy(self)
        fitted.template, fitted.exposure_stops = template, exposure_stops
        return fitted

    def check(self, identity: Identity) -> None:
        """Refuse an identity that this network cannot put on anybody.

        Raises:
            IdentityError: the pack holds no embedding of this network's recogniser.
        """
        self._embedding(identity)

    def stops(self, crop: Crop, *, to_lin709: np.ndarray) -> int:
        """Whole stops that bring the face in a crop, in numpy, to mid tones."""
        return face_exposure_stops(crop.rgb, to_lin709=to_lin709, weight=self._alpha * crop.alpha)

    def prepare(
        self,
        identity: Identity,
        *,
        colour_space: str,
        performer: FloatArray | None = None,  # noqa: ARG002  # part of the protocol
    ) -> PreparedNetwork:
        """Pick the identity's embedding, and the matrices from the plate's space to Rec.709 and back.

        A network keeps the performer's proportions by itself: `performer` is not looked at.

        Raises:
            IdentityError: the pack holds no embedding of this network's recogniser.
            ColourSpaceError: unknown space, or one that is not linear.
        """
        embedding = self._embedding(identity)
        to_lin709 = self._config.matrix(source=colour_space, destination=LINEAR_REC709)
        return PreparedNetwork(embedding, colour_space, to_lin709, np.linalg.inv(to_lin709))

    def _embedding(self, identity: Identity) -> Embedding:
        if self._embed is not None:
            return self._embed(identity)
        if self.recogniser is None:
            return Embedding(self.id, np.zeros(1, dtype=np.float32))
        embedding = identity.embeddings.get(self.recogniser)
        if embedding is None:
            held = ", ".join(sorted(identity.embeddings)) or "none"
            raise IdentityError(
                f"identity {identity.name!r} holds no embedding by {self.recogniser!r}, which {self.id!r} needs; "
                f"it holds: {held}",
                mend=self._mend,
            )
        return embedding

    @property
    def frames_at_once(self) -> int:
        """As many as a pass takes; on the CPU, where a network runs in one thread, a few."""
        return max(self._batch, min(AT_ONCE, _cores()) if self._kernels.device == "cpu" else 1)

    def warp_for(self, face: Face, /) -> Warp:
        """The template's crop of a face, at the network's size.

        Raises:
            NoFaceError: the face's landmarks fall together.
        """
        return fit_similarity(
            five_points(face.points), self.template.pixels(self.size), width=self.size, height=self.size
        )

    def swap(self, crop: Crop, face: Face, prepared: PreparedNetwork, /) -> Crop:
        """The crop with the network's answer on it; the crop's own bits where alpha is 0 or nothing changed.

        Raises:
            ModelMismatchError: the network's answer has another size than its picture.
        """
        if self._kernels is NUMPY:
            return self.swap_with_report(crop, prepared, face=face).crop
        plain, array = self._kernels.plain, self._kernels.array
        here = Crop(plain(crop.rgb), plain(crop.alpha), crop.warp, crop.colour_space)
        swapped = self.swap_with_report(here, prepared, face=face).crop
        return replace(crop, rgb=array(swapped.rgb), alpha=array(swapped.alpha))

    def swap_with_report(self, crop: Crop, prepared: PreparedNetwork, /, *, face: Face | None = None) -> NetworkSwap:
        """`swap`, with what could not be carried.

        Args:
            crop: of `warp_for`, in numpy.
            prepared: of `prepare`.
            face: what the matte is made for; None: the plain alpha is taken.

        Raises:
            ModelMismatchError: the network's answer has another size than its picture.
        """
        check_array("crop.rgb", crop.rgb, shape=(self.size, self.size, 3))
        if crop.colour_space != prepared.colour_space:
            raise ValueError(f"prepared for {prepared.colour_space!r}, but the crop is in {crop.colour_space!r}")
        stops = self.exposure_stops
        if stops is None:
            stops = face_exposure_stops(crop.rgb, to_lin709=prepared.to_lin709, weight=self._alpha * crop.alpha)
        encoded = encode(crop.rgb, to_lin709=prepared.to_lin709, exposure_stops=stops)
        shown, answer = boosted(lambda images: self._answers(images, prepared), encoded.image, times=self._boost)
        if shown is not encoded.image:
            encoded = replace(encoded, image=shown, shown=srgb_eotf(shown.rgb))
        own = self._own_alpha(answer, encoded.image, crop.warp, face)
        if answer.image.rgb.shape != encoded.image.rgb.shape or own.shape != crop.alpha.shape:
            raise ModelMismatchError(
                f"{self.id!r} was shown {encoded.image!r} and answered {answer.image!r} with an alpha of {own.shape}",
                mend="Check the size on the model's card.",
            )
        alpha = np.clip(np.nan_to_num(own, nan=0.0), 0.0, 1.0).astype(np.float32) * crop.alpha
        # The alpha is the comp's to apply: here it only says where there is anything to put.
        matte = (alpha > 0.0).astype(np.float32)
        decoded = apply_increment(crop.rgb, encoded, answer.image, from_lin709=prepared.from_lin709, matte=matte)
        swapped = Crop(decoded.rgb, alpha, crop.warp, crop.colour_space)
        return NetworkSwap(swapped, encoded.carried, decoded.changed, decoded.gain_limited, stops)

    def _answers(self, images: Sequence[ModelImage], prepared: PreparedNetwork) -> list[NetworkAnswer]:
        # One by one: where passes take several pictures, these meet those of other frames (`onnx_swap.together`).
        return [self._network(image, prepared.embedding) for image in images]

    def _own_alpha(self, answer: NetworkAnswer, image: ModelImage, warp: Warp, face: Face | None) -> FloatArray:
        made = None if self._matte is None or face is None else self._matte(image, face, warp)
        if made is None:
            return self._alpha if answer.alpha is None else answer.alpha
        own = made * self._inside
        if answer.alpha is None:
            return own
        return own * answer.alpha if answer.alpha.shape == own.shape else answer.alpha


def soft_alpha(*, width: int, height: int, shape: Literal["box", "ellipse"], feather: float) -> FloatArray:
    """1 in the middle of a crop, 0 at its border, smooth between (3 t^2 - 2 t^3).

    Args:
        width: pixels.
        height: pixels.
        shape: a box as large as the crop, or the ellipse inside it.
        feather: width of the soft edge as a fraction of half the crop, in (0, 1].

    Returns:
        (height, width) in [0, 1], exactly 0 in the outermost pixels.
    """
    if not 0.0 < feather <= 1.0:
        raise ValueError(f"feather must be in (0, 1], got {feather}")
    # From -1 to 1 between the centres of the outermost pixels.
    across = np.linspace(-1.0, 1.0, width)[np.newaxis, :]
    down = np.linspace(-1.0, 1.0, height)[:, np.newaxis]
    if shape == "box":
        from_border = (_smooth((1.0 - np.abs(across)) / feather)) * (_smooth((1.0 - np.abs(down)) / feather))
    else:
        from_border = _smooth((1.0 - np.sqrt(across**2 + down**2)) / feather)
    alpha: FloatArray = from_border.astype(np.float32)
    return alpha


def _smooth(distance: np.ndarray) -> np.ndarray:
    t: np.ndarray = np.clip(distance, 0.0, 1.0)
    smoothed: np.ndarray = t * t * (3.0 - 2.0 * t)
    return smoothed


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
