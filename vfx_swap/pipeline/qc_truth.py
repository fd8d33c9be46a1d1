"""Measurements against a known answer: a render of the true swap, and true mattes of what lies in front of the face.

They need what only made shots have: the same performance, camera and light with the identity's face. Where a
number is a ratio, 0 is the true swap itself and 1 is the plate left alone. Pixels are compared as
`L = log2(luminance + 0.01)` smoothed by 0.4 % of face height, so a *stop* means the same in shadow and light, and
grain, which has its own metric, counts little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from scipy import ndimage

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LOOPS
from vfx_swap.pipeline.qc_pixels import log_luminance

__all__ = [
    "RegionError",
    "TrueError",
    "face_parts",
    "face_region",
    "holdout_iou",
    "left_to_plate",
    "registered",
    "true_error",
]

_LUMA = (0.2126, 0.7152, 0.0722)
"""ITU-R BT.709-6, table 3."""
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear Rec.709 to CIE XYZ, D65 (IEC 61966-2-1)."""
_BLUR, _BROAD = 0.004, 0.08
"""Of face height: what is finer than the first is grain, what is broader than the second is light."""
_MID_KEY = 0.4
"""Luminance that the true face's median is shown at before CIE Lab: L* 69, where its steps are even."""
_OUTLINE = 0.08
"""Of face height: how far in from the landmarks' hull the outline reaches."""
_PARTS = (
    ("eyes", (LOOPS["eye_image_left"], LOOPS["eye_image_right"]), 0.02),
    ("brows", (LOOPS["brow_image_left"], LOOPS["brow_image_right"]), 0.02),
    ("mouth", (LOOPS["lips"],), 0.02),
    ("nose", ((*LOOPS["nostrils"], 168, 6, 193, 417),), 0.01),
)
"""Part, its loops of landmarks, and how much of face height it is grown; the first that holds a pixel has it."""
_FEWEST = 64
"""Pixels below which nothing is said."""


@dataclass(frozen=True)
class RegionError:
    """Where the error is."""

    stops: float
    """Mean |L swap - L true| over the region."""
    plate_stops: float
    share: float
    """Of the whole face's error, 0 to 1."""


@dataclass(frozen=True)
class TrueError:
    """How far a swap is from the true swap of the same frame, and how far the plate is, which changed nothing."""

    stops: float
    """Mean |L swap - L true| over the visible face."""
    plate_stops: float
    after_gain_stops: float
    """The same after the one gain that fits best: `gain_stops` taken out."""
    plate_after_gain_stops: float
    gain_stops: float
    """Median of L swap - L true: positive, the swap is too bright."""
    light_stops: float
    """Mean magnitude of the part of the error that is broader than 8 % of face height: light and skin tone."""
    plate_light_stops: float
    feature_stops: float
    """Mean magnitude of the rest: features that are missing, misplaced, soft or left over."""
    plate_feature_stops: float
    colour: float
    """Mean CIE dE2000 with luminance made equal pixel by pixel: hue and saturation alone."""
    plate_colour: float
    done: float | None
    """Share of the way from plate to truth that the swap went: 0 nothing changed, 1 all of it. Least squares of
    (swap - plate) on (true - plate) in L. None where plate and truth are the same."""
    stray: float | None
    """What the swap changed that the truth does not ask for, as a share of what it asks for: rms of the rest."""
    regions: Mapping[str, RegionError] = field(default_factory=dict)
    """Part of the face -> its error; those of which anything is visible."""

    @property
    def ratio(self) -> float | None:
        """Error over that of leaving the plate alone."""
        return self.stops / self.plate_stops if self.plate_stops > 0.0 else None


def true_error(
    plate: FloatArray,
    swap: FloatArray,
    true: FloatArray,
    weight: FloatArray,
    *,
    face_height_pixels: float,
    parts: Mapping[str, FloatArray] | None = None,
) -> TrueError | None:
    """The error of one face in one frame.

    Args:
        plate: (height, width, 3) linear Rec.709, a window about the face.
        swap: the same window of the swap.
        true: and of the true swap.
        weight: (height, width) 0 to 1, the visible face: occluders are no part of it.
        face_height_pixels: distance from landmark 10 to 152.
        parts: regions that the error is told apart by, as `face_parts` gives them.

    Returns:
        The error; None where less than 64 pixels of the face are visible.
    """
    total = float(weight.sum(dtype=np.float64))
    if total < _FEWEST:
        return None
    fine, broad = max(0.5, _BLUR * face_height_pixels), _BROAD * face_height_pixels
    logs = [ndimage.gaussian_filter(log_luminance(one, weights=_LUMA), fine) for one in (plate, swap, true)]
    own, made, wanted = (np.asarray(one, dtype=np.float64) for one in logs)
    share = np.maximum(ndimage.gaussian_filter(weight.astype(np.float64), broad), 1e-6)

    def mean(values: np.ndarray) -> float:
        return float((np.abs(values) * weight).sum() / total)

    def measured(error: np.ndarray) -> tuple[float, float, float, float, float]:
        low = ndimage.gaussian_filter(error * weight, broad) / share
        gain = _median(error, weight)
        return mean(error), mean(error - gain), gain, mean(low), mean(error - low)

    stops, after_gain, gain, light, feature = measured(made - wanted)
    plate_stops, plate_after_gain, _, plate_light, plate_feature = measured(own - wanted)
    done, stray = _way_gone(made - own, wanted - own, weight)
    colours = [np.asarray(_smooth(one, fine), dtype=np.float64) for one in (plate, swap, true)]
    key = _MID_KEY / max(_median(colours[2] @ _LUMA, weight), 1e-4)
    return TrueError(
        stops=stops,
        plate_stops=plate_stops,
        after_gain_stops=after_gain,
        plate_after_gain_stops=plate_after_gain,
        gain_stops=gain,
        light_stops=light,
        plate_light_stops=plate_light,
        feature_stops=feature,
        plate_feature_stops=plate_feature,
        colour=_colour_error(colours[1] * key, colours[2] * key, weight),
        plate_colour=_colour_error(colours[0] * key, colours[2] * key, weight),
        done=done,
        stray=stray,
        regions=_by_part(np.abs(made - wanted), np.abs(own - wanted), weight, parts or {}),
    )


def face_parts(points: FloatArray, *, shape: tuple[int, int]) -> dict[str, FloatArray]:
    """The parts of a face, each (height, width) 0 or 1, none over another: eyes, brows, mouth, nose, outline, skin.

    Args:
        points: (468 or more, 2 or more) landmarks, pixels of the array.
        shape: of the array.
    """
    height = float(np.linalg.norm(points[10, :2] - points[152, :2]))
    left = face_region(points, shape=shape, inset=0.0, mouth=True)
    found: dict[str, FloatArray] = {}
    for name, loops, grown in _PARTS:
        drawn = np.ones(shape, np.uint8)
        for loop in loops:
            hull = cv2.convexHull(np.ascontiguousarray(points[list(loop), :2], dtype=np.float32))
            cv2.fillPoly(drawn, [np.round(hull).astype(np.int32)], 0)
        near = cv2.distanceTransform(drawn, cv2.DIST_L2, 5) <= grown * height
        found[name] = left * near
        left = left * ~near
    inner = face_region(points, shape=shape, inset=_OUTLINE, mouth=True)
    return found | {"outline": left * (1.0 - inner), "skin": left * inner}


def face_region(points: FloatArray, *, shape: tuple[int, int], inset: float = 0.06, mouth: bool = False) -> FloatArray:
    """Where a swap is expected to cover the face, if nothing were in front of it: (height, width) 0 or 1.

    The oval of the face, taken in from its edge, where mattes are soft, without the mouth's opening, which stays the
    plate's.

    Args:
        points: (468 or more, 2 or more) landmarks, pixels of the array, seen or hidden.
        shape: of the array.
        inset: how far from the oval, as a fraction of face height.
        mouth: True takes the mouth's opening in.
    """
    height = float(np.linalg.norm(points[10, :2] - points[152, :2]))
    oval, opening = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    # The outline of a turned head crosses itself, so the hull of all points: what the face can cover.
    hull = cv2.convexHull(np.ascontiguousarray(points[:468, :2], dtype=np.float32))
    cv2.fillPoly(oval, [np.round(hull).astype(np.int32)], 1)
    if not mouth:
        cv2.fillPoly(opening, [np.round(points[list(LOOPS["mouth"]), :2]).astype(np.int32)], 1)
    reach = inset * height
    # Carried on past the border: a face cut by the picture has no edge there.
    inside = cv2.distanceTransform(np.pad(oval, 1, mode="edge"), cv2.DIST_L2, 5)[1:-1, 1:-1] > reach
    region: FloatArray = inside.astype(np.float32)
    if opening.any():
        region *= cv2.distanceTransform(1 - opening, cv2.DIST_L2, 5) > 0.015 * height
    return region


def registered(picture: FloatArray, points: FloatArray, *, onto: FloatArray) -> FloatArray:
    """A picture with its features moved to where the truth's are: what is left of an error is not of placing.

    Args:
        picture: (height, width, 3).
        points: (n, 2) landmarks found on it, pixels of the array.
        onto: (n, 2) the same landmarks found on the truth, by the same model so that its habits cancel.

    Returns:
        (height, width, 3), sampled bilinearly; outside the landmarks as it was.
    """
    from scipy.interpolate import LinearNDInterpolator

    height, width = picture.shape[:2]
    step = 2  # displacements are smooth
    y, x = np.mgrid[0:height:step, 0:width:step]
    away = LinearNDInterpolator(onto.astype(np.float64), (points - onto).astype(np.float64), fill_value=0.0)(x, y)
    sigma = 0.01 * float(np.ptp(onto[:, 1])) / step
    smooth = ndimage.gaussian_filter(away, (sigma, sigma, 0.0)).astype(np.float32)
    whole = cv2.resize(smooth, (step * smooth.shape[1], step * smooth.shape[0]), interpolation=cv2.INTER_LINEAR)
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved: FloatArray = cv2.remap(
        picture,
        across + whole[:height, :width, 0],
        down + whole[:height, :width, 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return moved


def holdout_iou(
    matte: FloatArray,
    occluder: FloatArray,
    *,
    region: FloatArray,
    near_pixels: float,
    others: FloatArray | None = None,
) -> float | None:
    """How well the swap left one occluder to the plate: intersection over union of soft mattes, 1 is exact.

    With k = 1 - matte (what the swap left to the plate) and o the occluder's true coverage:
    sum min(k, o) / sum max(k, o), over the face within `near_pixels` of the occluder. Farther away, what is left
    to the plate is another metric's (`left_to_plate`).

    Args:
        matte: (height, width) 0 to 1, the swap's.
        occluder: (height, width) 0 to 1, true.
        region: (height, width) 0 to 1, as `face_region` gives it.
        near_pixels: how far around the occluder; 4 % of face height is usual.
        others: (height, width) 0 to 1, true coverage by other things in front; where it is above 0.05 nothing counts.

    Returns:
        The ratio; None where less than 16 pixels of the occluder lie over the face.
    """
    weight = region if others is None else region * (others <= 0.05)
    if float((occluder * weight).sum(dtype=np.float64)) < 16.0:
        return None
    distance = cv2.distanceTransform((occluder <= 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    weight = weight * ((distance <= near_pixels) | (occluder > 0.0))
    kept = np.clip(1.0 - matte, 0.0, 1.0)
    both = float((np.minimum(kept, occluder) * weight).sum(dtype=np.float64))
    either = float((np.maximum(kept, occluder) * weight).sum(dtype=np.float64))
    return both / either


def left_to_plate(matte: FloatArray, visible: FloatArray, *, region: FloatArray) -> float | None:
    """Share of the visible face that the swap left to the plate, 0 to 1: holdouts where nothing is in front.

    Args:
        matte: (height, width) 0 to 1, the swap's.
        visible: (height, width) 0 to 1, true coverage by the visible face.
        region: (height, width) 0 to 1, as `face_region` gives it.

    Returns:
        The share; None where less than 64 pixels are visible.
    """
    weight = visible * region
    total = float(weight.sum(dtype=np.float64))
    if total < _FEWEST:
        return None
    return float((np.clip(1.0 - matte, 0.0, 1.0) * weight).sum(dtype=np.float64)) / total


def _way_gone(changed: np.ndarray, asked: np.ndarray, weight: FloatArray) -> tuple[float | None, float | None]:
    """`TrueError.done` and `TrueError.stray`."""
    power = float((weight * asked * asked).sum())
    if power <= 1e-6 * float(weight.sum(dtype=np.float64)):
        return None, None
    done = float((weight * asked * changed).sum()) / power
    return done, float(np.sqrt((weight * (changed - done * asked) ** 2).sum() / power))


def _by_part(
    made: np.ndarray, own: np.ndarray, weight: FloatArray, parts: Mapping[str, FloatArray]
) -> dict[str, RegionError]:
    whole = max(float((made * weight).sum()), 1e-12)
    found = {}
    for name, part in parts.items():
        here = weight * part
        total = float(here.sum(dtype=np.float64))
        if total >= 1.0:
            error, plate = float((made * here).sum()), float((own * here).sum())
            found[name] = RegionError(error / total, plate / total, error / whole)
    return found


def _median(values: np.ndarray, weight: FloatArray) -> float:
    inside = weight > 0.5
    return float(np.median(values[inside if inside.any() else weight > 0.0]))


def _smooth(rgb: FloatArray, sigma: float) -> FloatArray:
    clean = np.clip(np.nan_to_num(rgb, nan=0.0, posinf=65504.0, neginf=0.0), 0.0, 65504.0)
    smooth: FloatArray = ndimage.gaussian_filter(clean, (sigma, sigma, 0.0))
    return smooth


def _colour_error(one: np.ndarray, other: np.ndarray, weight: FloatArray) -> float:
    """Mean dE2000 of `one` brought to the luminance of `other`, weighed."""
    from skimage.color import deltaE_ciede2000, xyz2lab

    seen = weight > 0.02
    first, second = one[seen], other[seen]
    # Light that display white would clip is left out of the colour, not clipped to another hue.
    scale = (second @ np.asarray(_LUMA) + 1e-3) / (first @ np.asarray(_LUMA) + 1e-3)
    labs = [xyz2lab((rgb @ _TO_XYZ.T)[None], illuminant="D65") for rgb in (first * scale[:, None], second)]
    away = deltaE_ciede2000(*labs)[0]  # type: ignore[no-untyped-call]  # scikit-image annotates nothing
    return float(np.average(away, weights=weight[seen]))
