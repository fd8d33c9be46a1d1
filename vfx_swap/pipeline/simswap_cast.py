"""Who goes in, and on which faces of a frame, by SimSwap's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import IdentityError, NoFaceError
from vfx_swap.models.protocols import Detector
from vfx_swap.models.simswap_compat.identity import SimSwapEmbedder
from vfx_swap.models.simswap_compat.open import SimSwapModels
from vfx_swap.models.simswap_compat.paste import Generator, compat_frame
from vfx_swap.types import Detection, Identity, ModelImage

__all__ = [
    "ID_THRESHOLD",
    "Casting",
    "Role",
    "faces_of",
    "identity_vector",
    "performer_vector",
    "swap_bytes",
]

Casting: TypeAlias = Literal["single", "all", "specific", "multispecific"]
"""The best-scoring face; every face; the one that looks most like a performer; every face of several performers."""
ID_THRESHOLD = 0.03
"""Mean squared difference of two faces' vectors under which they are one person, SimSwap's own default."""
LEAST_SCORE = 0.6
"""Detections below are no faces: SimSwap's own, whatever it is told."""


@dataclass(frozen=True, eq=False)
class Role:
    """A performer and who goes in."""

    identity: Identity
    vector: FloatArray
    """(512,) of the identity."""
    performer: FloatArray | None = None
    """(512,) of the performer, of the length the recogniser gives; None: faces are not told apart."""


def identity_vector(identity: Identity, *, name: str, pack: object = None) -> FloatArray:
    """The vector that a pack holds for a generator.

    Raises:
        IdentityError: it holds none.
    """
    held = identity.embeddings.get(name)
    if held is None:
        raise IdentityError(
            f"identity {identity.name!r} holds no embedding by {name!r}",
            where=pack,
            mend=f"Add it: vfx-swap identity embed {pack or 'NAME.identity'}",
        )
    return held.vector


def faces_of(frame: np.ndarray, *, detector: Detector) -> list[Detection]:
    """Faces of a frame (h, w, 3) uint8 BGR, best score first."""
    image = ModelImage(np.ascontiguousarray(frame[..., ::-1].astype(np.float32) / np.float32(255.0)))
    return [one for one in detector.detect(image) if one.score >= LEAST_SCORE]


def performer_vector(frame: np.ndarray, *, detector: Detector, embedder: SimSwapEmbedder, where: object) -> FloatArray:
    """The vector of the best-scoring face of a photograph (h, w, 3) uint8 BGR.

    Raises:
        NoFaceError: no face is found in it.
    """
    found = faces_of(frame, detector=detector)
    if not found:
        raise NoFaceError("no face is found in this photograph", where=where, mend="Give one with room around the face")
    return embedder.embed_at(frame, found[0].points.astype(np.float64)).vector


def swap_bytes(
    frame: np.ndarray, roles: Sequence[Role], *, casting: Casting, models: SimSwapModels, threshold: float
) -> tuple[np.ndarray, int]:
    """A frame with its faces swapped, as SimSwap writes it.

    Args:
        frame: (h, w, 3) uint8 BGR.
        roles: who goes in; one, but for `multispecific`.
        casting: which faces.
        models: generator, detector and the rest.
        threshold: of `specific` and `multispecific`.

    Returns:
        (h, w, 3) uint8 BGR, and how many faces were swapped.
    """
    cast = _cast(frame, roles, casting=casting, models=models, threshold=threshold)
    if not cast:
        return frame, 0
    points = [one.points.astype(np.float64) for one, _ in cast]
    paints: list[Generator] = [models.generator(role.vector) for _, role in cast]
    swapped = compat_frame(frame, points, generator=paints, parser=models.labeller, size=models.size, mode=models.mode)
    return swapped, len(cast)


def _cast(
    frame: np.ndarray, roles: Sequence[Role], *, casting: Casting, models: SimSwapModels, threshold: float
) -> list[tuple[Detection, Role]]:
    found = faces_of(frame, detector=models.detector)
    if not found or casting == "single":
        return [(one, roles[0]) for one in found[:1]]
    if casting == "all":
        return [(one, roles[0]) for one in found]
    performers = np.stack([role.performer for role in roles if role.performer is not None]).astype(np.float64)
    vectors = [models.embedder.embed_at(frame, one.points.astype(np.float64)).vector for one in found]
    away = ((np.stack(vectors).astype(np.float64)[:, None] - performers[None]) ** 2).mean(axis=-1)
    if casting == "specific":
        nearest = int(away[:, 0].argmin())
        return [(found[nearest], roles[0])] if away[nearest, 0] < threshold else []
    return [
        (one, roles[int(row.argmin())]) for one, row in zip(found, away, strict=True) if float(row.min()) < threshold
    ]
