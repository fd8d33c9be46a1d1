"""Fitting a crop to a face, cutting it from the plate and laying it back.

Convention (`types.Warp`): `crop = matrix @ (x, y, 1)` from plate pixels to crop pixels; x right, y down;
pixel centres at integers on both sides; outside the plate a crop repeats the border.
"""

from __future__ import annotations

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import NoFaceError
from vfx_swap.geometry.resample import EXACT, Filter, Lattice, low_pass_kernel, reach, reduction, resampled
from vfx_swap.types import Crop, Warp, Window

__all__ = [
    "crop_points",
    "cut_crop",
    "fit_similarity",
    "footprint",
    "increment_crop",
    "invert_matrix",
    "lay_back",
    "plate_points",
    "sampled",
    "shown_part",
]

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
    return footprint(warp, data_window, margin=1 + reach(reduction(invert_matrix(warp.matrix))))


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
    lattice = Lattice(back, warp.width, warp.height)
    x, y = lattice.positions(lattice.whole)
    cut = resampled(rgb, lattice, lattice.whole, how=resample)
    return Crop(cut, _inside(x, y, data_window.width, data_window.height), warp, colour_space)


def lay_back(
    crop: Crop, *, data_window: Window, only: Window | None = None, resample: Filter = "cubic"
) -> tuple[FloatArray, FloatArray]:
    """Lay a crop back into the plate's pixels, unpremultiplied, with its alpha.

    Pass `footprint(crop.warp, plate_window)` as the window to work only where the crop lies.

    Args:
        crop: what to lay back.
        data_window: plate pixels wanted.
        only: of these, the ones that are worked out and returned, with the bits that they have in the whole
            (`shown_part`); None: all.
        resample: interpolation of the colour; alpha is always bilinear, so it never leaves [0, 1].

    Returns:
        rgb (height, width, 3) and alpha (height, width), of the data window or `only`; both 0 outside the crop.
    """
    wanted = data_window if only is None else only.intersect(data_window)
    rgb = np.zeros((wanted.height, wanted.width, 3), dtype=np.float32)
    alpha = np.zeros((wanted.height, wanted.width), dtype=np.float32)
    whole = footprint(crop.warp, data_window)
    window = whole.intersect(wanted)
    if window.is_empty or not crop.alpha.size:
        return rgb, alpha
    overlap = _shift_overlap(crop.warp, window)
    if overlap is not None:
        at, within = overlap.slices(wanted), overlap.slices(_seen(crop.warp))
        alpha[at] = np.clip(crop.alpha[within], np.float32(0.0), np.float32(1.0))
        rgb[at] = crop.rgb[within]
        return rgb, alpha
    forward = crop.warp.matrix.copy()
    forward[:, 2] += forward[:, :2] @ np.array([whole.x, whole.y], dtype=np.float64)
    lattice = Lattice(forward, whole.width, whole.height)
    part = Window(window.x - whole.x, window.y - whole.y, window.width, window.height)
    at = window.slices(wanted)
    inside = _inside(*lattice.positions(part), crop.warp.width, crop.warp.height)
    laid = resampled(crop.alpha[..., np.newaxis], lattice, part, how="linear")[..., 0] * inside
    # The low-pass sums to 1 but for rounding.
    alpha[at] = np.clip(laid, np.float32(0.0), np.float32(1.0))
    colour = resampled(crop.rgb, lattice, part, how=resample)
    colour[inside <= 0.0] = 0.0
    rgb[at] = colour
    return rgb, alpha


def shown_part(warp: Warp, data_window: Window, *, rows: slice, columns: slice, beyond: float = 0.0) -> Window:
    """The plate pixels that some of a crop's pixels can show in when it is laid back.

    Args:
        warp: the crop's.
        data_window: plate pixels.
        rows: of the crop.
        columns: of the crop.
        beyond: plate pixels added on each side.

    Returns:
        Of the data window; empty where rows or columns are.
    """
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return Window(data_window.x, data_window.y, 0, 0)
    kernel = low_pass_kernel(reduction(warp.matrix))
    # Bilinear samples reach one pixel, a low-pass as far as its kernel.
    spread = 1 + (0 if kernel is None else len(kernel) // 2)
    left, right = columns.start - spread, columns.stop - 1 + spread
    top, bottom = rows.start - spread, rows.stop - 1 + spread
    seen = plate_points(np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float64), warp)
    low = np.floor(seen.min(axis=0) - beyond).astype(int) - 1
    high = np.ceil(seen.max(axis=0) + beyond).astype(int) + 2
    return Window(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])).intersect(data_window)


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


def _inside(x: np.ndarray, y: np.ndarray, width: int, height: int) -> FloatArray:
    """1 on and between the pixel centres of a picture, falling to 0 one pixel outside of them."""
    across = np.minimum(x + 1.0, width - x)
    down = np.minimum(y + 1.0, height - y)
    # Snapped, so that a whole-pixel warp gives exactly 1 in spite of rounding.
    cover = np.clip(np.minimum(across, down), 0.0, 1.0)
    snapped: FloatArray = np.where(cover > 1.0 - EXACT, 1.0, np.where(cover < EXACT, 0.0, cover)).astype(np.float32)
    return snapped
