"""The values that cross floors: frozen, checked when made, printed by shape.

Coordinates are *plate pixels*: the EXR's own, in which the display window's origin is usually (0, 0)
and the data window may start elsewhere; x right, y down, pixel centres at integers. An array index is
`plate coordinate - data_window origin`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from vfx_swap.arrays import FloatArray, check_array, describe

__all__ = [
    "EXPRESSION_COUNT",
    "LANDMARK_COUNT",
    "ColourHints",
    "Consent",
    "Crop",
    "Detection",
    "Embedding",
    "Face",
    "Frame",
    "Front",
    "Identity",
    "Landmarks",
    "ModelImage",
    "Pose",
    "Reference",
    "SkinTexture",
    "SwapResult",
    "Track",
    "Warp",
    "Window",
]

LANDMARK_COUNT = 478
"""MediaPipe face mesh: 468 of the skin and 10 of the irises."""
EXPRESSION_COUNT = 52
"""ARKit-named expression weights, without MediaPipe's leading `_neutral` kept apart: 52 as delivered."""


@dataclass(frozen=True)
class Window:
    """A half-open rectangle of plate pixels: x in [x, x + width), y in [y, y + height)."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a window cannot have a negative size, got {self.width}x{self.height}")

    @property
    def right(self) -> int:
        """First column past the window."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row past the window."""
        return self.y + self.height

    @property
    def is_empty(self) -> bool:
        """True when it holds no pixel."""
        return self.width == 0 or self.height == 0

    def intersect(self, other: Window) -> Window:
        """The pixels in both; of zero size when there are none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Window(x, y, max(0, right - x), max(0, bottom - y))

    def slices(self, inside: Window) -> tuple[slice, slice]:
        """Row and column slices of this window in an array that covers `inside`; this must lie in it."""
        return (
            slice(self.y - inside.y, self.bottom - inside.y),
            slice(self.x - inside.x, self.right - inside.x),
        )


@dataclass(frozen=True)
class ColourHints:
    """What a file says about its own colour; each None where it says nothing. Made by `io`, weighed by `colour`."""

    interop_id: str | None = None
    """The `colorInteropID` attribute, such as `lin_ap1_scene`."""
    chromaticities: tuple[float, ...] | None = None
    """Eight numbers: x, y of red, green, blue and white."""
    oiio_colour_space: str | None = None
    """OpenImageIO's own reading of other tags (PNG sRGB chunk, DPX transfer), such as `srgb_rec709_scene`."""
    movie_primaries: str | None = None
    """FFmpeg's name of a movie's colour primaries, such as `bt709`; also for the next two."""
    movie_transfer: str | None = None
    movie_matrix: str | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """One plate frame as the swap sees it: scene-linear, unbounded (negatives, inf and NaN included)."""

    number: int
    rgb: FloatArray
    """(height, width, 3) of the data window."""
    data_window: Window
    display_window: Window
    colour_space: str
    """OCIO name of the scene-linear space the values are in, such as `ACEScg`."""

    def __post_init__(self) -> None:
        check_array("Frame.rgb", self.rgb, shape=(self.data_window.height, self.data_window.width, 3))

    def __repr__(self) -> str:
        return f"Frame({self.number}, {describe(self.rgb)}, {self.data_window}, {self.colour_space!r})"


@dataclass(frozen=True, eq=False)
class ModelImage:
    """What a network sees: display-referred, sRGB-encoded (IEC 61966-2-1) Rec.709, float32 in [0, 1].

    The only place where pixels are bounded; made by `colour.encode`, never written to a file as a result.
    """

    rgb: FloatArray
    """(height, width, 3) in [0, 1], finite."""

    def __post_init__(self) -> None:
        check_array("ModelImage.rgb", self.rgb, shape=(None, None, 3))
        low, high = (float(self.rgb.min()), float(self.rgb.max())) if self.rgb.size else (0.0, 0.0)
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(f"ModelImage.rgb must lie in [0, 1], got [{low}, {high}]")

    def __repr__(self) -> str:
        return f"ModelImage({describe(self.rgb)})"


@dataclass(frozen=True, eq=False)
class Detection:
    """A face found by a detector, in pixels of the picture it was given (plate pixels once in the pipeline)."""

    box: FloatArray
    """(4,) left, top, right, bottom."""
    points: FloatArray
    """(5, 2) left eye, right eye, nose, left mouth corner, right mouth corner; left is the image's."""
    score: float
    """0 to 1."""

    def __post_init__(self) -> None:
        check_array("Detection.box", self.box, shape=(4,))
        check_array("Detection.points", self.points, shape=(5, 2))

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return float(self.box[3] - self.box[1])


@dataclass(frozen=True)
class Pose:
    """Head rotation in degrees, in the camera's frame: yaw > 0 turns to the image's right,
    pitch > 0 looks down, roll > 0 is clockwise as seen in the picture.
    """

    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What a landmarker sees of one face."""

    points: FloatArray
    """(478, 3) plate pixels; z in pixels of the same scale, smaller is nearer to the camera."""
    expression: FloatArray
    """(52,) expression weights, 0 to 1, in MediaPipe's order."""
    pose: Pose
    confidence: float
    """0 to 1; falls with motion blur and occlusion."""

    def __post_init__(self) -> None:
        check_array("Landmarks.points", self.points, shape=(LANDMARK_COUNT, 3))
        check_array("Landmarks.expression", self.expression, shape=(EXPRESSION_COUNT,))


@dataclass(frozen=True, eq=False)
class Embedding:
    """A recogniser's vector for a face; comparable only with vectors of the same recogniser."""

    recogniser: str
    """Id of the recogniser's card."""
    vector: FloatArray
    """(n,) as the network gives it."""

    def distance(self, other: Embedding) -> float:
        """Euclidean distance to another face of the same recogniser.

        Raises:
            ValueError: the two come from different recognisers.
        """
        if self.recogniser != other.recogniser:
            raise ValueError(f"cannot compare embeddings of {self.recogniser!r} and {other.recogniser!r}")
        return float(np.linalg.norm(self.vector.astype(np.float64) - other.vector.astype(np.float64)))


@dataclass(frozen=True, eq=False)
class Front:
    """What lies in front of a face in one frame: mattes at the analyse pass's resolution, refined when rendered."""

    left: float
    top: float
    """Plate pixel of the centre of the mattes' first pixel."""
    step: float
    """Plate pixels from one pixel of the mattes to the next."""
    mattes: Mapping[str, np.ndarray]
    """Word of `matte.holdout` (`hand`, `glasses`) -> (height, width) uint8, 255 where all of the pixel is covered;
    `glare` -> the share of the pixel's linear light that lenses reflect, which goes with `glasses`."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one frame of a track, after smoothing; what the render pass works from."""

    frame: int
    points: FloatArray
    """(478, 3) plate pixels, as in `Landmarks.points`."""
    expression: FloatArray
    """(52,) as in `Landmarks.expression`."""
    pose: Pose
    confidence: float
    """0 to 1; 0 where the face was bridged over a gap."""
    bridged: bool = False
    """True where nothing was seen: the face was interpolated over a short gap."""
    identity_distance: float | None = None
    """Distance of this frame's embedding to the track's; None where the frame was not embedded."""
    front: Front | None = None
    """None where nothing lies in front."""

    def __post_init__(self) -> None:
        check_array("Face.points", self.points, shape=(LANDMARK_COUNT, 3))
        check_array("Face.expression", self.expression, shape=(EXPRESSION_COUNT,))

    @property
    def height(self) -> float:
        """Distance in pixels from the top of the forehead (landmark 10) to the chin (152)."""
        return float(np.linalg.norm(self.points[10, :2] - self.points[152, :2]))


@dataclass(frozen=True, eq=False)
class Track:
    """One performer through the shot."""

    id: int
    faces: Mapping[int, Face]
    """Frame number -> face; frames without one are absent."""
    embedding: Embedding
    """Mean over the track's clearest faces."""


@dataclass(frozen=True)
class Consent:
    """The consent on record for an identity: who allowed what, until when.

    A subset of the fields of schema `vfx_swap/consent.1`; the whole record travels as `record_json`.
    """

    id: str
    granted_by: str
    """Who vouches: the performer, a guardian, an estate, or a public-domain statement."""
    scope: str
    """The use allowed, in words reasonably specific."""
    uses: tuple[str, ...]
    """Machine-readable uses: `face_replacement`, `de_age`, `stunt`, `dub`, `demo`, or `any`."""
    projects: tuple[str, ...]
    """Projects or shot-name patterns (fnmatch) it is limited to; empty: all."""
    valid_from: date
    expires: date
    """Last day it holds."""
    record_json: str
    """The whole record, canonical JSON; its SHA-256 stands in render logs."""


@dataclass(frozen=True, eq=False)
class Reference:
    """One photograph of an identity, cropped around the face."""

    rgb: FloatArray
    """(height, width, 3) scene-linear Rec.709 (`lin_rec709_scene`)."""
    points: FloatArray
    """(478, 3) landmarks in pixels of `rgb`."""
    expression: FloatArray
    """(52,)."""
    pose: Pose
    source: str
    """File name it came from."""
    sha256: str
    """Digest of the file it came from."""

    def __post_init__(self) -> None:
        check_array("Reference.rgb", self.rgb, shape=(None, None, 3))
        check_array("Reference.points", self.points, shape=(LANDMARK_COUNT, 3))
        check_array("Reference.expression", self.expression, shape=(EXPRESSION_COUNT,))


@dataclass(frozen=True, eq=False)
class SkinTexture:
    """The identity's skin in the canonical UV of the face mesh, its own light removed.

    Row 0 is v = 1 (the forehead up), column 0 is u = 0, texel centres at (i + 0.5) / size.
    """

    rgb: FloatArray
    """(size, size, 3) scene-linear Rec.709, relative to the mean skin colour (mean skin = 1, 1, 1)."""
    weight: FloatArray
    """(size, size) 0 to 1: how well the references show this texel; 0 never seen."""
    skin_colour: FloatArray
    """(3,) mean skin colour, scene-linear Rec.709."""

    def __post_init__(self) -> None:
        check_array("SkinTexture.rgb", self.rgb, shape=(None, None, 3))
        check_array("SkinTexture.weight", self.weight, shape=self.rgb.shape[:2])
        check_array("SkinTexture.skin_colour", self.skin_colour, shape=(3,))


@dataclass(frozen=True, eq=False)
class Identity:
    """Who goes in: an identity pack, loaded."""

    name: str
    references: tuple[Reference, ...]
    texture: SkinTexture
    embeddings: Mapping[str, Embedding]
    """Recogniser's card id -> mean embedding over the references."""
    consent: Consent | None
    """None in a pack made without a record: every use of it is refused."""
    sha256: str
    """Digest of the pack's file; empty before it is written."""


@dataclass(frozen=True, eq=False)
class Warp:
    """A 2x3 affine map from plate pixels to crop pixels.

    Convention: `crop = matrix @ (x, y, 1)`; x right, y down; pixel centres at integers on both sides;
    outside the plate a crop repeats the border.
    """

    matrix: np.ndarray
    """(2, 3) float64."""
    width: int
    height: int
    """Size of the crop in pixels."""

    def __post_init__(self) -> None:
        check_array("Warp.matrix", self.matrix, shape=(2, 3), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of a plate, scene-linear, with the way back."""

    rgb: FloatArray
    """(height, width, 3) scene-linear."""
    alpha: FloatArray
    """(height, width) 0 to 1: where the crop has something to say. A crop just cut is 1 inside the plate."""
    warp: Warp
    colour_space: str
    front: FloatArray | None = None
    """(height, width) 0 to 1: what lies in front of the face and is no skin; the comp holds it out. None: nothing."""

    def __post_init__(self) -> None:
        check_array("Crop.rgb", self.rgb, shape=(self.warp.height, self.warp.width, 3))
        check_array("Crop.alpha", self.alpha, shape=(self.warp.height, self.warp.width))

    def __repr__(self) -> str:
        return f"Crop({describe(self.rgb)}, {self.colour_space!r})"


@dataclass(frozen=True, eq=False)
class SwapResult:
    """A swapped frame and its layers, all of the plate's data window."""

    frame: Frame
    """The comp: bit-identical to the plate where every matte is 0."""
    matte: FloatArray
    """(height, width) 0 to 1, union of all faces."""
    track_mattes: Mapping[int, FloatArray] = field(default_factory=dict)
    """Track id -> (height, width) matte."""
    patch: FloatArray | None = None
    """(height, width, 4) swapped faces, premultiplied, scene-linear; None unless asked for."""

    def __post_init__(self) -> None:
        check_array("SwapResult.matte", self.matte, shape=self.frame.rgb.shape[:2])
