"""Fitting a crop to a face, cutting it from the plate and laying it back.

Convention (`types.Warp`): `crop = matrix @ (x, y, 1)` from plate pixels to crop pixels; x right, y down;
pixel centres at integers on both sides; outside the plate a crop repeats the border.

OpenCV's cubic kernels round the fraction of a pixel to 1/32 (measured on 5.0.0: 0.048 off on a ramp of
slope 1), its linear and nearest ones round nothing: so the cubic here is built from linear samples.
Nothing overshoots: it is held within the four pixels around the sample, so that a specular does not ring
into negatives.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import NoFaceError
from vfx_swap.types import Crop, Warp, Window

__all__ = [
    "EXACT",
    "Filter",
    "crop_points",
    "cut_crop",
    "fit_similarity",
    "footprint",
    "increment_crop",
    "invert_matrix",
    "lay_back",
    "low_pass_kernel",
    "plate_points",
    "reduction",
    "sampled",
]

Filter: TypeAlias = Literal["linear", "cubic"]
"""linear: bilinear. cubic: Catmull-Rom, held within the four pixels around the sample."""

EXACT = 1e-6
"""Sample positions this close to pixel centres (px) are taken as on them: bits are copied."""
_BAD_POINTS = "Delete the face from the tracks file, or track again."


def fit_similarity(points: np.ndarray, template: np.ndarray, *, width: int, height: int) -> Warp:
    """The rotation, uniform scale and shift that best bring points of the plate onto a template.

    Least squares in closed form, never a mirror image: S. Umeyama, "Least-squares estimation of
    transformation parameters between two point patterns", IEEE PAMI 13(4), 1991, eq. 40-42.

    Args:
        points: (n, 2) plate pixels, n >= 2.
        template: (n, 2) crop pixels, in the same order.
        width: of the crop.
        height: of the crop.

    Raises:
        NoFaceError: points that are not finite or fall together, so no fit exists.
        ValueError: the two differ in shape.
    """
    source = np.asarray(points, dtype=np.float64)
    wanted = np.asarray(template, dtype=np.float64)
    if source.shape != wanted.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(f"points and template must both be (n, 2), got {source.shape} and {wanted.shape}")
    if not np.isfinite(source).all():
        raise NoFaceError("a face's landmarks are not finite", mend=_BAD_POINTS)
    source_mean, wanted_mean = source.mean(axis=0), wanted.mean(axis=0)
    centred = source - source_mean
    variance = float((centred**2).sum()) / len(source)
    if not variance > 1e-12 * (1.0 + float((source_mean**2).sum())):
        raise NoFaceError("a face's landmarks fall together in one point", mend=_BAD_POINTS)
    covariance = (wanted - wanted_mean).T @ centred / len(source)
    left, spread, right = np.linalg.svd(covariance)
    sign = np.array([1.0, 1.0 if np.linalg.det(left) * np.linalg.det(right) >= 0.0 else -1.0])
    rotation = left @ np.diag(sign) @ right
    scale = float((spread * sign).sum()) / variance
    linear = scale * rotation
    shift = wanted_mean - linear @ source_mean
    return Warp(np.column_stack([linear, shift]), width, height)


def invert_matrix(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix the other way round, float64.

    Raises:
        ValueError: the matrix flattens the plane.
    """
    linear = np.asarray(matrix, dtype=np.float64)[:, :2]
    if not abs(np.linalg.det(linear)) > 0.0:
        raise ValueError(f"the matrix {matrix!r} cannot be inverted")
    # Whole-pixel warps must stay whole: an inverse by LAPACK is off by an ulp for rotations by 90 degrees.
    back = np.linalg.inv(linear)
    if np.array_equal(linear, np.round(linear)) and abs(abs(np.linalg.det(linear)) - 1.0) < 1e-9:
        back = np.round(back)
    return np.column_stack([back, -back @ np.asarray(matrix, dtype=np.float64)[:, 2]])


def crop_points(points: np.ndarray, warp: Warp) -> np.ndarray:
    """Plate pixels to crop pixels: (n, 2) to (n, 2) float64."""
    moved: np.ndarray = np.asarray(points, dtype=np.float64) @ warp.matrix[:, :2].T + warp.matrix[:, 2]
    return moved


def plate_points(points: np.ndarray, warp: Warp) -> np.ndarray:
    """Crop pixels to plate pixels: (n, 2) to (n, 2) float64."""
    back = invert_matrix(warp.matrix)
    moved: np.ndarray = np.asarray(points, dtype=np.float64) @ back[:, :2].T + back[:, 2]
    return moved


def footprint(warp: Warp, data_window: Window, *, margin: int = 1) -> Window:
    """The part of a data window that a crop can touch; empty when the crop lies outside.

    Args:
        warp: the crop's.
        data_window: plate pixels.
        margin: pixels added on each side, for the crop's soft edge.
    """
    corners = np.array([[-1.0, -1.0], [warp.width, -1.0], [-1.0, warp.height], [warp.width, warp.height]])
    seen = plate_points(corners, warp)
    left, top = np.floor(seen.min(axis=0)).astype(int) - margin
    right, bottom = np.ceil(seen.max(axis=0)).astype(int) + margin + 1
    return Window(int(left), int(top), int(right - left), int(bottom - top)).intersect(data_window)


def sampled(warp: Warp, data_window: Window) -> Window:
    """The part of a data window that decides a crop's pixels: cut from it alone, a crop is the same.

    To the bit where the warp is by whole pixels; else to the rounding of sample positions (1e-9 px).

    Args:
        warp: the crop's.
        data_window: plate pixels.
    """
    return footprint(warp, data_window, margin=1 + _reach(reduction(invert_matrix(warp.matrix))))


def cut_crop(
    rgb: FloatArray, *, data_window: Window, warp: Warp, colour_space: str, resample: Filter = "cubic"
) -> Crop:
    """Cut a crop out of a plate; a reduction is filtered first, so that nothing aliases.

    A warp by whole pixels (and quarter turns) copies bits. Pixels that are not finite do not spread:
    a sample is inf or NaN only where the pixel nearest to it is.

    Args:
        rgb: (height, width, 3) of the data window.
        data_window: where `rgb` lies, plate pixels.
        warp: plate pixels to crop pixels, and the crop's size.
        colour_space: of `rgb`, written on the crop.
        resample: interpolation.

    Returns:
        Crop: its alpha is 1 inside the data window and falls to 0 within a pixel of its border.
    """
    check_array("rgb", rgb, shape=(data_window.height, data_window.width, 3))
    overlap = _shift_overlap(warp, data_window)
    if overlap is not None:
        return _cut_shifted(rgb, data_window, warp, overlap, colour_space)
    back = invert_matrix(warp.matrix)
    back[:, 2] -= (data_window.x, data_window.y)
    x, y = _grid(back, warp.width, warp.height)
    cut = _resample(rgb, x, y, scale=reduction(back), resample=resample)
    return Crop(cut, _inside(x, y, data_window.width, data_window.height), warp, colour_space)


def lay_back(crop: Crop, *, data_window: Window, resample: Filter = "cubic") -> tuple[FloatArray, FloatArray]:
    """Lay a crop back into the plate's pixels, unpremultiplied, with its alpha.

    Pass `footprint(crop.warp, plate_window)` as the window to work only where the crop lies.

    Args:
        crop: what to lay back.
        data_window: plate pixels wanted.
        resample: interpolation of the colour; alpha is always bilinear, so it never leaves [0, 1].

    Returns:
        rgb (height, width, 3) and alpha (height, width), of the data window; both 0 outside the crop.
    """
    rgb = np.zeros((data_window.height, data_window.width, 3), dtype=np.float32)
    alpha = np.zeros((data_window.height, data_window.width), dtype=np.float32)
    window = footprint(crop.warp, data_window)
    if window.is_empty or not crop.alpha.size:
        return rgb, alpha
    overlap = _shift_overlap(crop.warp, window)
    if overlap is not None:
        at, within = overlap.slices(data_window), overlap.slices(_seen(crop.warp))
        alpha[at] = np.clip(crop.alpha[within], np.float32(0.0), np.float32(1.0))
        rgb[at] = crop.rgb[within]
        return rgb, alpha
    forward = crop.warp.matrix.copy()
    forward[:, 2] += forward[:, :2] @ np.array([window.x, window.y], dtype=np.float64)
    x, y = _grid(forward, window.width, window.height)
    scale = reduction(forward)
    at = window.slices(data_window)
    inside = _inside(x, y, crop.warp.width, crop.warp.height)
    laid = _resample(crop.alpha[..., np.newaxis], x, y, scale=scale, resample="linear")[..., 0] * inside
    # The low-pass sums to 1 but for rounding.
    alpha[at] = np.clip(laid, np.float32(0.0), np.float32(1.0))
    rgb[at] = np.where(inside[..., np.newaxis] > 0.0, _resample(crop.rgb, x, y, scale=scale, resample=resample), 0.0)
    return rgb, alpha


def _shift_overlap(warp: Warp, window: Window) -> Window | None:
    """The pixels of a window that a crop shows, where it is the plate moved by whole pixels; None for any other."""
    linear, shift = warp.matrix[:, :2], warp.matrix[:, 2]
    if not (np.array_equal(linear, np.eye(2)) and np.array_equal(shift, np.round(shift))):
        return None
    overlap = _seen(warp).intersect(window)
    return None if overlap.is_empty else overlap


def _seen(warp: Warp) -> Window:
    """The plate pixels of a crop moved by whole pixels."""
    return Window(-int(warp.matrix[0, 2]), -int(warp.matrix[1, 2]), warp.width, warp.height)


def _cut_shifted(rgb: FloatArray, window: Window, warp: Warp, overlap: Window, colour_space: str) -> Crop:
    """`cut_crop` by slices: the bits are those of the plain way, at a tenth of its cost."""
    seen, alpha = _seen(warp), np.zeros((warp.height, warp.width), dtype=np.float32)
    alpha[overlap.slices(seen)] = 1.0
    beyond = (
        (overlap.y - seen.y, seen.bottom - overlap.bottom),
        (overlap.x - seen.x, seen.right - overlap.right),
        (0, 0),
    )
    cut = rgb[overlap.slices(window)]
    cut = np.pad(cut, beyond, mode="edge") if any(map(any, beyond)) else cut.copy()
    return Crop(cut, alpha, warp, colour_space)


def increment_crop(before: Crop, after: Crop) -> Crop:
    """What a swapper changed: `after - before`, exactly 0 where it changed nothing or nothing is finite.

    Laid back and added to the plate (`comp.over.comp_increment`), it leaves every bit of the plate that
    the swapper left, although the crop itself was resampled twice.

    Raises:
        ValueError: the two are not the same crop.
    """
    same = np.array_equal(before.warp.matrix, after.warp.matrix) and before.rgb.shape == after.rgb.shape
    if not same or before.colour_space != after.colour_space:
        raise ValueError(f"an increment needs two versions of one crop, got {before!r} and {after!r}")
    with np.errstate(invalid="ignore", over="ignore"):
        change = after.rgb - before.rgb
    keep = np.isfinite(change)
    return Crop(np.where(keep, change, np.float32(0.0)), after.alpha, after.warp, after.colour_space)


def _grid(matrix: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each output pixel's centre falls in the input: x and y, (height, width) float64."""
    columns, rows = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)[:, np.newaxis]
    x = matrix[0, 0] * columns + (matrix[0, 1] * rows + matrix[0, 2])
    y = matrix[1, 0] * columns + (matrix[1, 1] * rows + matrix[1, 2])
    return x, y


def reduction(matrix: np.ndarray) -> float:
    """Input pixels per output pixel along the direction where there are most; `matrix` leads from output to input."""
    return float(np.linalg.svd(matrix[:, :2], compute_uv=False)[0])


def _inside(x: np.ndarray, y: np.ndarray, width: int, height: int) -> FloatArray:
    """1 on and between the pixel centres of a picture, falling to 0 one pixel outside of them."""
    across = np.minimum(x + 1.0, width - x)
    down = np.minimum(y + 1.0, height - y)
    # Snapped, so that a whole-pixel warp gives exactly 1 in spite of rounding.
    cover = np.clip(np.minimum(across, down), 0.0, 1.0)
    snapped: FloatArray = np.where(cover > 1.0 - EXACT, 1.0, np.where(cover < EXACT, 0.0, cover)).astype(np.float32)
    return snapped


def _resample(picture: FloatArray, x: np.ndarray, y: np.ndarray, *, scale: float, resample: Filter) -> FloatArray:
    """Sample a picture (h, w, c) at positions x, y; the border repeats; not-finite pixels do not spread."""
    height, width = picture.shape[:2]
    if not x.size or not picture.size:
        return np.zeros((*x.shape, picture.shape[2]), dtype=np.float32)
    pad = _reach(scale)
    left, right = (int(np.clip(edge, 0, width - 1)) for edge in (math.floor(x.min()) - pad, math.ceil(x.max()) + pad))
    top, bottom = (int(np.clip(edge, 0, height - 1)) for edge in (math.floor(y.min()) - pad, math.ceil(y.max()) + pad))
    region = picture[top : bottom + 1, left : right + 1]
    x, y = x - left, y - top
    nearest_x, nearest_y = np.rint(x), np.rint(y)
    if max(float(np.abs(x - nearest_x).max()), float(np.abs(y - nearest_y).max())) < EXACT and scale < 1.0 + EXACT:
        return _gather(np.ascontiguousarray(region), nearest_x, nearest_y)
    good = np.isfinite(region)
    if good.all():
        return _interpolate(_blur(region, scale), x, y, resample)
    held = _interpolate(_blur(np.where(good, region, np.float32(0.0)), scale), x, y, "linear")
    share = _interpolate(_blur(good.astype(np.float32), scale), x, y, "linear")
    plain = held / np.maximum(share, np.float32(1e-6))
    nearest = _gather(np.ascontiguousarray(region), nearest_x, nearest_y)
    # Cubic wherever no bad pixel is in reach, so that one NaN does not soften the whole picture.
    sound = share > 1.0 - 1e-6
    sharp = _interpolate(_blur(np.where(good, region, np.float32(0.0)), scale), x, y, resample)
    return np.where(np.isfinite(nearest), np.where(sound, sharp, plain), nearest)


def _reach(scale: float) -> int:
    """Input pixels around a sample that the filters of a reduction by `scale` read."""
    return 3 + math.ceil(3.0 * scale)


def low_pass_kernel(scale: float) -> np.ndarray | None:
    """(n,) float64: low-pass before a reduction by `scale`, None where there is none.

    A Gaussian of 0.5 sqrt(scale^2 - 1) px, which is 0 at full size. It takes the new Nyquist frequency to 0.4
    at a half and to 0.3 in the limit.
    """
    if scale <= 1.0 + 1e-3:
        return None
    sigma = 0.5 * math.sqrt(scale * scale - 1.0)
    radius = max(1, math.ceil(3.0 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    return np.asarray(kernel)


def _blur(region: FloatArray, scale: float) -> FloatArray:
    kernel = low_pass_kernel(scale)
    if kernel is None:
        return region
    blurred = cv2.sepFilter2D(region, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32).reshape(region.shape)


def _gather(region: FloatArray, x: np.ndarray, y: np.ndarray) -> FloatArray:
    """Whole pixels, bits copied, border repeated; x and y are whole numbers."""
    return _fetch(region, x, y, cv2.INTER_NEAREST)


def _fetch(region: FloatArray, x: np.ndarray, y: np.ndarray, flag: int) -> FloatArray:
    """One sample a position by OpenCV, border repeated."""
    height, width, channels = region.shape
    # Clipped here: OpenCV keeps whole positions in 16 bits.
    column = np.clip(x, 0.0, width - 1.0).astype(np.float32)
    row = np.clip(y, 0.0, height - 1.0).astype(np.float32)
    taken = cv2.remap(region, column, row, flag, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, dtype=np.float32).reshape(*x.shape, channels)


def _interpolate(region: FloatArray, x: np.ndarray, y: np.ndarray, resample: Filter) -> FloatArray:
    """Bilinear, or Catmull-Rom (Keys 1981, a = -0.5) held within the four pixels around the sample.

    The 16 taps are fetched as 9 bilinear samples: the two middle weights have one sign, so one sample
    between their pixels gives their sum.
    """
    region = np.ascontiguousarray(region)
    if resample == "linear":
        return _fetch(region, x, y, cv2.INTER_LINEAR)
    x, y = np.clip(x, 0.0, region.shape[1] - 1.0), np.clip(y, 0.0, region.shape[0] - 1.0)
    base_x, base_y = np.floor(x), np.floor(y)
    out = np.zeros((*x.shape, region.shape[2]), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        across, down = _cubic_taps(base_x, x - base_x), _cubic_taps(base_y, y - base_y)
        for at_y, weight_y in down:
            for at_x, weight_x in across:
                out += (weight_x * weight_y)[..., np.newaxis] * _fetch(region, at_x, at_y, cv2.INTER_LINEAR)
    low = _gather(_over_2x2(region, np.minimum), base_x, base_y)
    high = _gather(_over_2x2(region, np.maximum), base_x, base_y)
    held: FloatArray = np.clip(out, low, high)
    return held


def _cubic_taps(base: np.ndarray, t: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Positions and weights of the three samples along one axis."""
    before = ((-0.5 * t + 1.0) * t - 0.5) * t
    second = ((-1.5 * t + 2.0) * t + 0.5) * t
    after = (0.5 * t - 0.5) * t * t
    middle = 1.0 - before - after
    positions = (base - 1.0, base + second / middle, base + 2.0)
    weights = (before.astype(np.float32), middle.astype(np.float32), after.astype(np.float32))
    return tuple(zip(positions, weights, strict=True))


def _over_2x2(region: FloatArray, choose: np.ufunc) -> FloatArray:
    """The least or greatest of each pixel and its neighbours to the right and below."""
    padded = np.pad(region, ((0, 1), (0, 1), (0, 0)), mode="edge")
    rows = choose(padded[:-1], padded[1:])
    chosen: FloatArray = np.ascontiguousarray(choose(rows[:, :-1], rows[:, 1:]))
    return chosen
