"""Alignment templates: where the eyes, nose and mouth corners of a face lie in a model's crop.

A network was trained on one of these and works on no other. Which one a file wants is told by its card
and worth measuring: tools disagree over the same file.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import UsageError
from vfx_swap.types import LANDMARK_COUNT

__all__ = ["TEMPLATES", "Template", "five_points", "template_named"]


@dataclass(frozen=True)
class Template:
    """Five points as fractions of the crop's side; y down.

    Order: left eye, right eye, nose, left mouth corner, right mouth corner; left is the image's.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.points) != 5:
            raise ValueError(f"a template has five points, {self.name!r} has {len(self.points)}")

    def pixels(self, size: int) -> np.ndarray:
        """(5, 2) crop pixels of a square crop, float64.

        Plainly fraction x size, pixel centres at integers: the half pixel that a strict rescaling would
        move is left out on purpose, as in the tools the networks were trained with.
        """
        return np.asarray(self.points, dtype=np.float64) * size


def _template(name: str, *points: tuple[float, float]) -> Template:
    return Template(name, points)


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        template.name: template
        for template in (
            # x 112: the frontal one of SimSwap's five poses
            _template(
                "arcface_112_v1",
                (0.35473214, 0.45658929),
                (0.64526786, 0.45658929),
                (0.5, 0.61154464),
                (0.37913393, 0.776875),
                (0.62086607, 0.776875),
            ),
            # x 112: insightface's arcface_dst
            _template(
                "arcface_112_v2",
                (0.34191607, 0.46157411),
                (0.65653393, 0.45983393),
                (0.500225, 0.64050536),
                (0.37097589, 0.82469196),
                (0.63151696, 0.82325089),
            ),
            # (arcface_dst + 8 px in x) / 128: insightface's estimate_norm for crops that 128 divides
            _template(
                "arcface_128",
                (0.36167656, 0.40387734),
                (0.63696719, 0.40235469),
                (0.50019687, 0.56044219),
                (0.38710391, 0.72160547),
                (0.61507734, 0.72034453),
            ),
            _template(
                "ffhq_512",
                (0.37691676, 0.46864664),
                (0.62285697, 0.46912813),
                (0.50123859, 0.61331904),
                (0.39308822, 0.72541100),
                (0.61150205, 0.72490465),
            ),
            _template(
                "mtcnn_512",
                (0.36562865, 0.46733799),
                (0.63305391, 0.46585885),
                (0.50019127, 0.61942959),
                (0.39032951, 0.77598822),
                (0.61178945, 0.77476328),
            ),
            _template(
                "dfl_whole_face",
                (0.35342266, 0.39285716),
                (0.62797622, 0.39285716),
                (0.48660713, 0.54017860),
                (0.38839287, 0.68750011),
                (0.59821427, 0.68750011),
            ),
        )
    }
)
"""Every template known, by name."""

# MediaPipe's face mesh; left is the image's, which is the person's right.
_LEFT_EYE_CORNERS = (33, 133)
_RIGHT_EYE_CORNERS = (362, 263)
_NOSE_TIP = 1
_MOUTH_CORNERS = (61, 291)


def template_named(name: str) -> Template:
    """A template by its name.

    Raises:
        UsageError: there is none of that name.
    """
    found = TEMPLATES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, TEMPLATES, n=3, cutoff=0.4) or sorted(TEMPLATES)
        raise UsageError(f"there is no alignment template {name!r}", mend=f"Choose one of: {', '.join(near)}.")
    return found


def five_points(points: FloatArray) -> np.ndarray:
    """The five points of a template from a face's mesh.

    An eye is the middle of its two corners and not its iris, so that a glance does not move the crop.

    Args:
        points: (478, 2 or 3) landmarks, plate pixels.

    Returns:
        (5, 2) float64, in the order of `Template`.
    """
    check_array("points", points, shape=(LANDMARK_COUNT, None))
    flat = points[:, :2].astype(np.float64)
    return np.stack(
        [
            flat[list(_LEFT_EYE_CORNERS)].mean(axis=0),
            flat[list(_RIGHT_EYE_CORNERS)].mean(axis=0),
            flat[_NOSE_TIP],
            flat[_MOUTH_CORNERS[0]],
            flat[_MOUTH_CORNERS[1]],
        ]
    )
