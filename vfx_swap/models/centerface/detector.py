"""CenterFace on a reduced picture, with a second look where it is needed.

Network and decoding: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point",
arXiv:1911.03599. Sizes are in pixels of the picture handed to `detect`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import Card
from vfx_swap.models.pictures import Matrix, apply, resize, similarity_roll, turn_quarter
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.onnx_session import free_input_shape, open_session
from vfx_swap.types import Detection, ModelImage

__all__ = ["CenterFaceDetector", "decode", "keep_best", "load_centerface"]

FIRST_LOOK = 640
"""Long side in pixels of the first look."""
SECOND_LOOK = 1600
"""Long side in pixels of the second look, at most the picture's own unless it is smaller than the first."""
SMALL_FACE = 28.0
"""Faces lower than this many pixels in the first look call for the second one."""
ACCEPT = 0.5
"""Lowest score of a face."""
GOOD = 0.7
"""A picture whose best face scores lower is also looked at turned by 90, 180 and 270 degrees."""
TILTED = 50.0
"""A face that leans more than this many degrees in the picture looked at is looked for in a turned one."""
OVERLAP = 0.4
"""Boxes that overlap more (intersection over union) are one face."""
LARGE_FACE, SURE, CLOSE_LOOK = 160.0, 0.75, 0.4
"""Height in pixels of the first look from which a face is large, the score under which it is looked at again, and at
which size. Heads turned by 45 degrees score 0.54 to 0.59 at 420 pixels, and 0.86 to 0.90 at 150."""
INSIDE = 0.75
"""A box of which this share lies in another is the same face, seen at another scale."""
_CELL = 4
_SIDE = 32


class CenterFaceDetector:
    """Finds faces at any roll angle. Safe to call from several threads: a call keeps no state."""

    def __init__(self, *, id: str, session: Any) -> None:  # Any: onnxruntime ships no types
        self.id = id
        self._session = session

    def detect(self, image: ModelImage, /) -> Sequence[Detection]:
        """All faces, best score first; empty when there is none. Heads at any roll angle.

        The picture is first looked at with its long side at 640 pixels; looks turned by quarter turns follow
        where no face is certain or one leans. A second look at up to 1600 pixels follows where nothing was
        found or a face is small, and one at less than half the size where a face fills the picture and is not
        certain: a turned head that large is boxed badly. So a small head that hangs upside down beside an upright one
        may be missed.
        """
        rgb = image.rgb
        long_side = max(rgb.shape[:2])
        first_scale = min(2.0, FIRST_LOOK / long_side)
        found = self._look_at_scale(rgb, scale=first_scale, all_turns=False)
        small = [face for face in found if face.height * first_scale < SMALL_FACE]
        second_scale = min(1.0, SECOND_LOOK / long_side)
        if (not found or small) and second_scale > first_scale * 1.2:
            leaning = any(abs(similarity_roll(face.points)) > TILTED for face in small)
            second = self._look_at_scale(rgb, scale=second_scale, all_turns=leaning, may_turn=leaning)
            large = [face for face in found if face.height * first_scale >= SMALL_FACE]
            found = _add_others(keep_best([*large, *second]), small)
        doubtful = [face for face in found if face.score < SURE and face.height * first_scale > LARGE_FACE]
        if doubtful or not found:
            third = self._look_at_scale(rgb, scale=CLOSE_LOOK * first_scale, all_turns=False, may_turn=False)
            found = keep_best([*found, *third])
        return found

    def _look_at_scale(
        self, rgb: FloatArray, *, scale: float, all_turns: bool, may_turn: bool = True
    ) -> list[Detection]:
        """Faces at one scale; quarter turns when all are asked for, or when looking upright leaves a doubt."""
        small, back = resize(rgb, scale=scale)
        found = keep_best(self._look(small, back=back, turns=0))
        best = max((face.score for face in found), default=0.0)
        leaning = [face for face in found if abs(similarity_roll(face.points)) > TILTED]
        if all_turns or (may_turn and (best < GOOD or leaning)):
            upright = [face for face in found if abs(similarity_roll(face.points)) <= TILTED]
            turned = [face for turns in (1, 2, 3) for face in self._look(small, back=back, turns=turns)]
            found = _add_others(keep_best([*upright, *turned]), leaning)
        return found

    def _look(self, small: FloatArray, *, back: Matrix, turns: int) -> list[Detection]:
        """Faces in the picture turned clockwise, in pixels of the whole picture."""
        turned, turn_back = turn_quarter(small, turns=turns)
        height, width = turned.shape[:2]
        padded = np.zeros((1, 3, -(-height // _SIDE) * _SIDE, -(-width // _SIDE) * _SIDE), dtype=np.float32)
        padded[0, :, :height, :width] = turned.transpose(2, 0, 1) * np.float32(255.0)
        outputs = self._session.run(["537", "538", "539", "540"], {"input.1": padded})
        faces = []
        for box, points, score in decode(*outputs, width=width, height=height):
            # A face that leans here stands upright, and is seen better, in another turn.
            if turns and abs(similarity_roll(points)) > TILTED:
                continue
            corners = np.array([[box[0], box[1]], [box[2], box[3]]])
            corners = apply(back, apply(turn_back, corners))
            low, high = corners.min(axis=0), corners.max(axis=0)
            faces.append(
                Detection(
                    box=np.concatenate([low, high]).astype(np.float32),
                    points=apply(back, apply(turn_back, points)).astype(np.float32),
                    score=score,
                )
            )
        return faces


def decode(
    heat: FloatArray, scale: FloatArray, offset: FloatArray, landmarks: FloatArray, *, width: int, height: int
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """Boxes (4,), points (5, 2) and scores from the four maps of one picture.

    A cell of the maps covers 4x4 pixels; its centre plus `offset` (in cells, y before x) is the box's
    centre, `exp(scale) * 4` its height and width, and points are fractions of the box, y before x. The maps
    count pixel edges, pixel centres lie at integers here: hence the half pixel.

    Args:
        heat: (1, 1, h, w) scores.
        scale: (1, 2, h, w).
        offset: (1, 2, h, w).
        landmarks: (1, 10, h, w).
        width: of the picture without padding, in pixels; boxes are cut to it.
        height: likewise.
    """
    rows, columns = np.nonzero(heat[0, 0] > ACCEPT)
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        high, wide = np.exp(scale[0, :, row, column].astype(np.float64)) * _CELL
        y = (row + float(offset[0, 0, row, column]) + 0.5) * _CELL - 0.5
        x = (column + float(offset[0, 1, row, column]) + 0.5) * _CELL - 0.5
        if not (x < width and y < height):
            continue
        left, top = x - wide / 2, y - high / 2
        pairs = landmarks[0, :, row, column].astype(np.float64).reshape(5, 2)
        points = np.stack([pairs[:, 1] * wide + left, pairs[:, 0] * high + top], axis=1)
        limits = np.array([width - 1, height - 1, width - 1, height - 1], dtype=np.float64)
        box = np.clip(np.array([left, top, left + wide, top + high]), 0.0, limits)
        if box[2] - box[0] >= 2.0 and box[3] - box[1] >= 2.0:
            found.append((box, points, min(1.0, float(heat[0, 0, row, column]))))
    return found


def keep_best(faces: Sequence[Detection]) -> list[Detection]:
    """Non-maximum suppression: of boxes that overlap the best-scoring stays; best score first."""
    kept: list[Detection] = []
    # Ties are broken by place, so that the order does not depend on the order of looking.
    for face in sorted(faces, key=lambda face: (-face.score, *face.box.tolist())):
        if not any(_same(face.box, other.box) for other in kept):
            kept.append(face)
    return kept


def _add_others(faces: list[Detection], doubtful: Sequence[Detection]) -> list[Detection]:
    """The faces, and of the doubtful ones those that overlap none of them; best score first."""
    others = [face for face in doubtful if not any(_same(face.box, other.box) for other in faces)]
    return keep_best([*faces, *others])


def load_centerface(card: Card, files: Mapping[str, Path], options: LoadOptions) -> CenterFaceDetector:
    """The detector of a card.

    Raises:
        ModelMismatchError: the graph is not CenterFace's.
        DeviceError: the device is not there.
    """
    path = files["graph"]
    free = [(0, "batch"), (2, "height"), (3, "width")]
    graph = free_input_shape(path.read_bytes(), name="input.1", free=free, where=path)
    session = open_session(graph, device=options.device, threads=options.threads, where=path)
    names = [output.name for output in session.get_outputs()]
    if names != list(card.graph.outputs):
        raise ModelMismatchError(
            f"the graph's outputs are {names}, the card says {list(card.graph.outputs)}", where=path
        )
    return CenterFaceDetector(id=card.id, session=session)


def _same(one: FloatArray, other: FloatArray) -> bool:
    """True when two boxes overlap so much that they hold one face, or one lies in the other."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    both = float(np.prod(np.maximum(high - low, 0.0)))
    area, other_area = float(np.prod(one[2:] - one[:2])), float(np.prod(other[2:] - other[:2]))
    return both > OVERLAP * (area + other_area - both) or both > INSIDE * min(area, other_area)
