"""Build an identity from photographs: find the face, cut it out, make the texture, embed it.

Photographs are read as plates are, converted to scene-linear Rec.709, and cropped at their own resolution.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, frozen
from vfx_swap.colour.decide import decide_colour_space
from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.errors import IdentityError, MissingInputError, NoFaceError, UsageError
from vfx_swap.io.near import file_near, sequences_near
from vfx_swap.io.read import read_picture
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.identity_file import (
    IDENTITY_SCHEMA,
    LONGEST_CROP_SIDE,
    MOST_REFERENCES,
    as_stored,
    load_identity,
    save_identity,
)
from vfx_swap.settings.digest import file_sha256
from vfx_swap.types import Consent, Detection, Embedding, Identity, Landmarks, ModelImage, Reference, SkinTexture

__all__ = [
    "IDENTITY_SCHEMA",
    "SMALLEST_FACE_PIXELS",
    "SOFT_FACE_PIXELS",
    "TextureBuilder",
    "build_identity",
    "load_identity",
    "read_photograph",
    "save_identity",
]

TextureBuilder: TypeAlias = Callable[[Sequence[Reference]], SkinTexture]

SMALLEST_FACE_PIXELS = 80
"""Faces less high, forehead to chin, are refused."""
SOFT_FACE_PIXELS = 160
"""Faces less high get a warning: the result will look soft."""
MARGIN_FACE_HEIGHTS = 0.8
"""What a crop shows around the face, for hair, ears and neck."""
TURNED_DEGREES, TURNED_MARGIN = (20.0, 35.0), 0.15
"""Degrees between two views over which their embeddings may lie further apart, and by how much: digital doubles lie up
to 0.41 apart at like angles and up to 0.75 at 35 to 60 degrees (`people` of scripts/doubles, dlib's recogniser)."""
_ALIKE = 0.8
"""A second face this near to the largest's height leaves open which one is meant."""
_FOREHEAD, _CHIN = 10, 152


@dataclass(frozen=True, eq=False)
class _Seen:
    reference: Reference
    embedding: Embedding


def build_identity(
    *,
    name: str,
    references: Sequence[Path],
    consent: Consent | None,
    models: FaceModels,
    config: ColourConfig,
    texture_builder: TextureBuilder,
    face: int | None = None,
    colour_space: str | None = None,
    warn: Callable[[str], None] | None = None,
) -> Identity:
    """An identity from one or more photographs of one person.

    Args:
        name: what the identity is called.
        references: the photographs.
        consent: the record; None makes a pack that every use refuses.
        models: detector, landmarker, recogniser.
        config: OCIO config.
        texture_builder: makes the canonical skin texture from the cropped references.
        face: which face in each photograph, counted from the left, from 1; None: the largest.
        colour_space: of the photographs; None: from their headers, else by kind.
        warn: called with each warning, a sentence that names the file.

    Returns:
        The identity, with pixels as a saved pack holds them and an empty digest.

    Raises:
        UsageError: no reference, too many, or the same file twice.
        MissingInputError: a photograph does not exist.
        UnreadableImageError: a photograph cannot be decoded.
        NoFaceError: a photograph shows no face, or not that many.
        IdentityError: a photograph shows several faces of like size, too small a face, or someone else.
        ColourSpaceError: the colour space is not known.
    """
    tell = warn if warn is not None else _ignore
    files = _check_references(references)
    seen = [_see(path, models=models, config=config, face=face, colour_space=colour_space, warn=tell) for path in files]
    _check_same_person(seen, files, below=models.recogniser.same_person_below, warn=tell)
    cropped = tuple(item.reference for item in seen)
    vectors = np.stack([item.embedding.vector for item in seen])
    mean = Embedding(seen[0].embedding.recogniser, frozen(vectors.mean(axis=0, dtype=np.float64).astype(np.float32)))
    identity = Identity(
        name=name,
        references=cropped,
        texture=texture_builder(cropped),
        embeddings={mean.recogniser: mean},
        consent=consent,
        sha256="",
    )
    return as_stored(identity)


def _ignore(_: str) -> None:
    """The caller wants no warnings."""


def _check_references(references: Sequence[Path]) -> tuple[Path, ...]:
    files = tuple(Path(path) for path in references)
    if not files:
        raise UsageError("no reference photograph was given", mend="Give one or more with --reference FILE")
    if len(files) > MOST_REFERENCES:
        raise UsageError(f"{len(files)} references are too many", mend=f"Give at most {MOST_REFERENCES}")
    twice = [path for index, path in enumerate(files) if path in files[:index]]
    if twice:
        raise UsageError("the same reference was given twice", where=twice[0], mend="Give each photograph once")
    return files


def _see(
    path: Path,
    *,
    models: FaceModels,
    config: ColourConfig,
    face: int | None,
    colour_space: str | None,
    warn: Callable[[str], None],
) -> _Seen:
    linear = read_photograph(path, config=config, colour_space=colour_space, warn=warn)
    image = to_display(linear, config=config, colour_space=LINEAR_REC709)
    detection, landmarks = _one_face(image, path, models=models, face=face)
    height = float(np.linalg.norm(landmarks.points[_FOREHEAD, :2] - landmarks.points[_CHIN, :2]))
    if not height >= SMALLEST_FACE_PIXELS:
        raise IdentityError(
            f"the face is {height:.0f} pixels high; {SMALLEST_FACE_PIXELS} is the least",
            where=path,
            mend="Give a larger photograph, or one taken closer",
        )
    if height < SOFT_FACE_PIXELS:
        warn(f"{path}: the face is {height:.0f} pixels high: below {SOFT_FACE_PIXELS} the result will look soft")
    rgb, points = _crop(linear, landmarks.points, face_height=height)
    reference = Reference(
        rgb=rgb,
        points=points,
        expression=frozen(landmarks.expression.copy()),
        pose=landmarks.pose,
        source=path.name,
        sha256=file_sha256(path),
    )
    return _Seen(reference, models.recogniser.embed(image, detection))


def read_photograph(
    path: Path, *, config: ColourConfig, colour_space: str | None, warn: Callable[[str], None]
) -> FloatArray:
    """A photograph in scene-linear Rec.709, finite, upright as its header says.

    Args:
        path: the file.
        config: OCIO config.
        colour_space: of the file; None: from its header, else by kind.
        warn: called with each warning, a sentence that names the file.

    Raises:
        MissingInputError: it does not exist, or is a folder.
        UnreadableImageError: it cannot be decoded.
        ColourSpaceError: the colour space is not known.
    """
    if os.path.isdir(path):
        raise MissingInputError("is a folder", where=path, mend=sequences_near(path) or "Give one picture")
    if not os.path.lexists(path):
        raise MissingInputError("there is no such file", where=path, mend=file_near(path) or "Check the path")
    picture = read_picture(path)
    decision = decide_colour_space(config, user=colour_space, hints=picture.colour_hints, kind=picture.kind)
    for warning in (*picture.warnings, *decision.warnings):
        warn(f"{path}: {warning}")
    linear = config.convert(picture.rgb(), source=decision.name, destination=LINEAR_REC709)
    clean = np.nan_to_num(linear, nan=0.0, posinf=65504.0, neginf=0.0)
    orientation = picture.rgb_part.spec.get_int_attribute("Orientation", 1)
    return np.ascontiguousarray(_upright(clean, orientation))


def _upright(rgb: FloatArray, orientation: int) -> FloatArray:
    """Undo the camera's orientation (Exif 2.32, tag 0x0112, values 1 to 8)."""
    if orientation >= 5:  # rows and columns change places
        rgb = rgb.transpose(1, 0, 2)
    if orientation in {2, 3, 6, 7}:
        rgb = rgb[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        rgb = rgb[::-1]
    return rgb


def _one_face(image: ModelImage, path: Path, *, models: FaceModels, face: int | None) -> tuple[Detection, Landmarks]:
    """The face that is meant."""
    found = [
        (detection, landmarks)
        for detection in models.detector.detect(image)
        if (landmarks := models.landmarker.landmarks(image, detection)) is not None
    ]
    if not found:
        raise NoFaceError("no face was found", where=path, mend="Give a photograph that shows the face from the front")
    found.sort(key=lambda pair: float(pair[0].box[0]))
    places = ", ".join(
        f"{number} at x {pair[0].box[0]:.0f} to {pair[0].box[2]:.0f}" for number, pair in enumerate(found, start=1)
    )
    if face is not None:
        if not 1 <= face <= len(found):
            what = f"there is no face {face}: {len(found)} found ({places})"
            raise NoFaceError(what, where=path, mend="Count the faces from the left, from 1")
        return found[face - 1]
    largest = max(found, key=lambda pair: pair[0].height)
    alike = [pair for pair in found if pair[0].height >= _ALIKE * largest[0].height]
    if len(alike) > 1:
        what = f"{len(alike)} faces are of about the same size ({places})"
        raise IdentityError(what, where=path, mend="Crop the photograph, or say which with --face N, from the left")
    return largest


def _crop(linear: FloatArray, points: FloatArray, *, face_height: float) -> tuple[FloatArray, FloatArray]:
    """The face with its surroundings, and its landmarks there; scaled down where larger than a pack holds."""
    margin = MARGIN_FACE_HEIGHTS * face_height
    low = np.floor(points[:, :2].min(axis=0) - margin).astype(int)
    high = np.ceil(points[:, :2].max(axis=0) + margin).astype(int) + 1
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(linear.shape[1], int(high[0])), min(linear.shape[0], int(high[1]))
    cut = np.ascontiguousarray(linear[top:bottom, left:right])
    placed = points.astype(np.float64) - (left, top, 0.0)
    height, width = cut.shape[:2]
    if max(height, width) > LONGEST_CROP_SIDE:
        scale = LONGEST_CROP_SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        cut = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
        factors = np.array([size[0] / width, size[1] / height])
        # Pixel centres at integers: areas stay aligned at the crop's edges.
        placed[:, :2] = (placed[:, :2] + 0.5) * factors - 0.5
        placed[:, 2] *= scale
    return frozen(cut.astype(np.float32)), frozen(placed.astype(np.float32))


def _check_same_person(
    seen: Sequence[_Seen], files: Sequence[Path], *, below: float, warn: Callable[[str], None]
) -> None:
    """Refuse references of which one shows somebody else: the one farthest from the others is named.

    The recogniser sees one person from two sides less alike than from one, so views turned against each other may
    lie further apart; such a pair is told of, since it is not certain.
    """
    apart, bounds = np.zeros((len(seen), len(seen))), np.full((len(seen), len(seen)), below)
    for one, other in itertools.combinations(range(len(seen)), 2):
        pair = seen[one], seen[other]
        turned = abs(pair[0].reference.pose.yaw_degrees - pair[1].reference.pose.yaw_degrees)
        allowed = below + TURNED_MARGIN * float(np.interp(turned, TURNED_DEGREES, (0.0, 1.0)))
        apart[one, other] = apart[other, one] = pair[0].embedding.distance(pair[1].embedding)
        bounds[one, other] = bounds[other, one] = allowed
        if below <= apart[one, other] < allowed:
            warn(
                f"{files[other]}: turned by {turned:.0f} degrees against {files[one]}, and {apart[one, other]:.2f} "
                f"from it; one person is surely below {below:g}: see that both show the same person"
            )
    if not (apart >= bounds).any():
        return
    excess = apart / bounds
    odd = int(excess.sum(axis=1).argmax())
    other = int(excess[odd].argmax())
    raise IdentityError(
        f"shows another person than {files[other]}: distance {apart[odd, other]:.2f}, "
        f"one person is below {bounds[odd, other]:.2g}",
        where=files[odd],
        mend="Leave out the photograph that shows somebody else",
    )
