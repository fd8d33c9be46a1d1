"""What the pipeline asks of a model, whoever made it.

Pictures are `ModelImage`s (display-referred, [0, 1]); coordinates are pixels of that picture, x right,
y down, pixel centres at integers. Only a swapper sees scene-linear light.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.types import Crop, Detection, Embedding, Face, Identity, Landmarks, ModelImage, Warp

__all__ = [
    "HAND_POINT_COUNT",
    "Detector",
    "Hand",
    "HandFinder",
    "Landmarker",
    "Occluder",
    "Parser",
    "Recogniser",
    "Restorer",
    "SideBySide",
    "Swapper",
    "UnderLight",
]

HAND_POINT_COUNT = 21
"""MediaPipe's hand: the wrist, then four points from root to tip of thumb, index, middle, ring and little finger."""


@runtime_checkable
class Detector(Protocol):
    """Finds faces."""

    id: str
    """The card's id."""

    def detect(self, image: ModelImage, /) -> Sequence[Detection]:
        """All faces, best score first; empty when there is none. Heads at any roll angle."""
        ...


@runtime_checkable
class Landmarker(Protocol):
    """Places the 478 points of MediaPipe's face mesh on one detected face."""

    id: str

    def landmarks(self, image: ModelImage, detection: Detection, /) -> Landmarks | None:
        """The face's landmarks, or None when the detection turns out not to be a face."""
        ...


@runtime_checkable
class Recogniser(Protocol):
    """Tells people apart."""

    id: str
    same_person_below: float
    """Euclidean distance below which two embeddings are one person, by the model's authors."""

    def embed(self, image: ModelImage, detection: Detection, /) -> Embedding:
        """The embedding of one face."""
        ...


@dataclass(frozen=True, eq=False)
class Hand:
    """A hand in a picture."""

    points: FloatArray
    """(21, 3) pixels; z in pixels of the same scale, smaller is nearer to the camera."""
    score: float
    """0 to 1."""

    def __post_init__(self) -> None:
        check_array("Hand.points", self.points, shape=(HAND_POINT_COUNT, 3))


@runtime_checkable
class HandFinder(Protocol):
    """Finds hands."""

    id: str

    def hands(self, image: ModelImage, /) -> Sequence[Hand]:
        """All hands of a picture, best score first; empty when there is none."""
        ...


@runtime_checkable
class Parser(Protocol):
    """Says which region of a face each pixel is."""

    id: str

    def warp_for(self, face: Face, /) -> Warp:
        """Where in the plate this parser wants its crop of a face, and at what size."""
        ...

    def parse(
        self, image: ModelImage, points: FloatArray, /, *, hidden: Mapping[str, FloatArray] | None = None
    ) -> FloatArray:
        """Coverage of the 19 regions (`models.parsing.regions.REGIONS`), soft at their edges.

        Args:
            image: (h, w) the crop of `warp_for`.
            points: (478, 3) landmarks, pixels of the crop.
            hidden: word of `matte.holdout` (`hand`, `glasses`) -> (h, w) 0 to 1 in front of the face, as the analyse
                pass found it. What passes in front is taken out by the caller; a parser need not.

        Returns:
            (19, h, w) 0 to 1, summing to 1 in every pixel.
        """
        ...


@runtime_checkable
class Occluder(Protocol):
    """Says where the face in a crop can be seen."""

    id: str

    def visible(self, crop: ModelImage, /) -> FloatArray:
        """(height, width) of the crop: 1 where the face is seen, 0 where something is before it."""
        ...


@runtime_checkable
class Restorer(Protocol):
    """Brings back detail of a face."""

    id: str

    def restore(self, crop: ModelImage, /) -> ModelImage:
        """The crop, restored, at the same size."""
        ...


Prepared = TypeVar("Prepared")


class Swapper(Protocol[Prepared]):
    """Puts an identity on a performer's face, in scene-linear light."""

    id: str

    def prepare(self, identity: Identity, *, colour_space: str, performer: FloatArray | None = None) -> Prepared:
        """What `swap` needs of an identity, made once per casting.

        Args:
            identity: who goes in.
            colour_space: the plate's scene-linear space.
            performer: (478, 3) the performer's own proportions over the whole track
                (`geometry.shapes.neutral_shape`), any similarity; None when they are not known.
        """
        ...

    def warp_for(self, face: Face, /) -> Warp:
        """Where in the plate this swapper wants its crop of a face, and at what size."""
        ...

    def swap(self, crop: Crop, face: Face, prepared: Prepared, /) -> Crop:
        """The identity's face; alpha is the swapper's own matte, 0 where the plate stays, whatever the colour there."""
        ...


@runtime_checkable
class UnderLight(Protocol):
    """A swapper that puts the plate's light on by itself, and may be told what it is."""

    def under(self, lights: Mapping[int, HarmonicLight]) -> Any:
        """The same swapper, with the light (linear Rec.709) in each frame of a track."""
        ...


@runtime_checkable
class SideBySide(Protocol):
    """A swapper that several threads may use at once, of which each frame keeps one core busy."""

    @property
    def frames_at_once(self) -> int:
        """The most that is of use."""
        ...
