"""Reading a picture between its pixels, on a lattice of positions: what warps are made of.

OpenCV's cubic kernels round the fraction of a pixel to 1/32 (measured on 5.0.0: 0.048 off on a ramp of
slope 1), its linear and nearest ones round nothing: so the cubic here is built from linear samples.
Nothing overshoots: it is held within the four pixels around the sample, so that a specular does not ring
into negatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.types import Window

__all__ = ["EXACT", "Filter", "Lattice", "low_pass_kernel", "reach", "reduction", "resampled"]

Filter: TypeAlias = Literal["linear", "cubic"]
"""linear: bilinear. cubic: Catmull-Rom, held within the four pixels around the sample."""

EXACT = 1e-6
"""Sample positions this close to pixel centres (px) are taken as on them: bits are copied."""
BAND = 16384
"""Samples worked out at once: what a core's cache holds. No bit depends on it."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Where the pixels of an output fall in an input."""

    matrix: np.ndarray
    """(2, 3) float64, output pixels to input pixels."""
    width: int
    height: int

    @property
    def whole(self) -> Window:
        """All of it."""
        return Window(0, 0, self.width, self.height)

    def positions(self, part: Window) -> tuple[np.ndarray, np.ndarray]:
        """Where each output pixel's centre of a part falls: x and y, (height, width) float64, as of the whole."""
        columns = np.arange(part.x, part.right, dtype=np.float64)
        rows = np.arange(part.y, part.bottom, dtype=np.float64)[:, np.newaxis]
        x = self.matrix[0, 0] * columns + (self.matrix[0, 1] * rows + self.matrix[0, 2])
        y = self.matrix[1, 0] * columns + (self.matrix[1, 1] * rows + self.matrix[1, 2])
        return x, y

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the four corners, between which all lie: x and y, (4,) each."""
        across, down = max(self.width - 1, 0), max(self.height - 1, 0)
        found = [self.positions(Window(x, y, 1, 1)) for x in (0, across) for y in (0, down)]
        return np.array([x[0, 0] for x, _ in found]), np.array([y[0, 0] for _, y in found])

    def is_whole(self) -> bool:
        """True where every position is on a pixel's centre, but for `EXACT`.

        Positions are a linear function: they are where the corners and the first pixel's neighbours are.
        """
        x, y = self.corners()
        right, below = min(1, self.width - 1), min(1, self.height - 1)
        beside = [self.positions(Window(*at, 1, 1)) for at in ((right, 0), (0, below))]
        each = np.concatenate([x, y, *(np.array([one[0][0, 0], one[1][0, 0]]) for one in beside)])
        return bool(np.abs(each - np.rint(each)).max() < EXACT)


def reduction(matrix: np.ndarray) -> float:
    """Input pixels per output pixel along the direction where there are most; `matrix` leads from output to input."""
    return float(np.linalg.svd(matrix[:, :2], compute_uv=False)[0])


def resampled(picture: FloatArray, lattice: Lattice, part: Window, *, how: Filter) -> FloatArray:
    """Sample a picture at a part of a lattice; a reduction is filtered first, so that nothing aliases.

    The border repeats; pixels that are not finite do not spread. A part has the bits of the whole.

    Args:
        picture: (h, w, c).
        lattice: into the picture's pixels.
        part: of the lattice.
        how: interpolation.

    Returns:
        (part's height, part's width, c).
    """
    height, width = picture.shape[:2]
    if part.is_empty or not picture.size:
        return np.zeros((part.height, part.width, picture.shape[2]), dtype=np.float32)
    scale = reduction(lattice.matrix)
    pad, (all_x, all_y) = reach(scale), lattice.corners()
    left, right = (
        int(np.clip(edge, 0, width - 1)) for edge in (math.floor(all_x.min()) - pad, math.ceil(all_x.max()) + pad)
    )
    top, bottom = (
        int(np.clip(edge, 0, height - 1)) for edge in (math.floor(all_y.min()) - pad, math.ceil(all_y.max()) + pad)
    )
    region = picture[top : bottom + 1, left : right + 1]
    x, y = lattice.positions(part)
    x, y = x - left, y - top
    if scale < 1.0 + EXACT and lattice.is_whole():
        return _gather(np.ascontiguousarray(region), np.rint(x), np.rint(y))
    good = np.isfinite(region)
    if good.all():
        return _interpolate(_blur(region, scale), x, y, how)
    held = _interpolate(_blur(np.where(good, region, np.float32(0.0)), scale), x, y, "linear")
    share = _interpolate(_blur(good.astype(np.float32), scale), x, y, "linear")
    plain = held / np.maximum(share, np.float32(1e-6))
    nearest = _gather(np.ascontiguousarray(region), np.rint(x), np.rint(y))
    # Cubic wherever no bad pixel is in reach, so that one NaN does not soften the whole picture.
    sound = share > 1.0 - 1e-6
    sharp = _interpolate(_blur(np.where(good, region, np.float32(0.0)), scale), x, y, how)
    return np.where(np.isfinite(nearest), np.where(sound, sharp, plain), nearest)


def reach(scale: float) -> int:
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
    return _remapped(region, _held(x, region.shape[1]), _held(y, region.shape[0]), flag)


def _held(at: np.ndarray, length: int) -> FloatArray:
    """Positions inside the picture: OpenCV keeps whole ones in 16 bits."""
    held: FloatArray = np.clip(at, 0.0, length - 1.0).astype(np.float32)
    return held


def _remapped(
    region: FloatArray, column: FloatArray, row: FloatArray, flag: int, *, into: FloatArray | None = None
) -> FloatArray:
    """One sample a position, which lies in the picture."""
    taken = cv2.remap(region, column, row, flag, dst=into, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, dtype=np.float32).reshape(*column.shape, region.shape[2])


def _interpolate(region: FloatArray, x: np.ndarray, y: np.ndarray, how: Filter) -> FloatArray:
    """Bilinear, or Catmull-Rom (Keys 1981, a = -0.5) held within the four pixels around the sample."""
    region = np.ascontiguousarray(region)
    if how == "linear":
        return _fetch(region, x, y, cv2.INTER_LINEAR)
    channels = region.shape[2]
    if channels == 3:
        # OpenCV takes four channels a third as long as three, to the same bits.
        region = np.asarray(cv2.cvtColor(region, cv2.COLOR_RGB2RGBA), np.float32)
    out = np.empty((*x.shape, channels), dtype=np.float32)
    step = min(max(1, BAND // max(1, x.shape[1])), max(1, x.shape[0]))
    cubic, room = _Cubic.of(region), _Room.of(step, x.shape[1], region.shape[2])
    for start in range(0, x.shape[0], step):
        band = slice(start, start + step)
        out[band] = _catmull_rom(cubic, x[band], y[band], room.rows(len(x[band])))[..., :channels]
    return out


@dataclass(frozen=True, eq=False)
class _Cubic:
    """A picture as the cubic reads it, (h, w, c) each; the border repeats."""

    region: FloatArray
    across: FloatArray
    """Its second difference along rows: left + right - 2 own."""
    down: FloatArray
    """The same along columns."""
    both: FloatArray
    """The same of `across` along columns."""
    low: FloatArray
    """The least of a pixel, its right, its lower and its lower right neighbour."""
    high: FloatArray
    """The greatest of them."""

    @classmethod
    def of(cls, region: FloatArray) -> _Cubic:
        """Of a finite picture."""

        def bent(picture: FloatArray, kernel: np.ndarray) -> FloatArray:
            found = cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
            return np.asarray(found, np.float32).reshape(region.shape)

        row = np.array([[1.0, -2.0, 1.0]])
        across, four = bent(region, row), np.ones((2, 2), np.uint8)
        extremes = (
            np.asarray(of(region, four, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE), np.float32)
            for of in (cv2.erode, cv2.dilate)
        )
        low, high = (one.reshape(region.shape) for one in extremes)
        return cls(region, across, bent(region, row.T), bent(across, row.T), low, high)


@dataclass(frozen=True, eq=False)
class _Room:
    """Memory for one band of samples, used again by the next: fresh memory costs more than the sums."""

    wide: np.ndarray
    """(2, height, width) float64."""
    axes: np.ndarray
    """(2, 3, height, width) float32: for columns and rows, position, pixel, weight of the second difference."""
    colour: np.ndarray
    """(5, height, width, channels) float32."""

    @classmethod
    def of(cls, height: int, width: int, channels: int) -> _Room:
        """Room for so many rows and columns."""
        return cls(
            np.empty((2, height, width)),
            np.empty((2, 3, height, width), np.float32),
            np.empty((5, height, width, channels), np.float32),
        )

    def rows(self, count: int) -> _Room:
        """Of so many rows."""
        return _Room(self.wide[:, :count], self.axes[:, :, :count], self.colour[:, :count])


def _catmull_rom(cubic: _Cubic, x: np.ndarray, y: np.ndarray, room: _Room) -> FloatArray:
    """Some rows of `_interpolate`.

    Along one axis Catmull-Rom at t between two pixels is `L(p) - t (1 - t) / 2 L(d)`: L interpolates linearly, d is the
    second difference (Hermite's form with tangents (p[i + 1] - p[i - 1]) / 2, gathered by t (1 - t)). Along both axes
    four bilinear samples at one place do what 16 taps do.
    """
    (at_x, pixel_x, bend_x), (at_y, pixel_y, bend_y) = room.axes
    out, bent, taken, weight_x, weight_y = room.colour
    channels = out.shape[-1]
    _places(x, cubic.region.shape[1], room.wide, room.axes[0])
    _places(y, cubic.region.shape[0], room.wide, room.axes[1])
    # A weight a channel, side by side: numpy is slow where the last axis of one of two is 1.
    cv2.merge([bend_x] * channels, weight_x)
    cv2.merge([bend_y] * channels, weight_y)
    with np.errstate(over="ignore", invalid="ignore"):
        for plain, curved, found in ((cubic.region, cubic.across, out), (cubic.down, cubic.both, bent)):
            _remapped(plain, at_x, at_y, cv2.INTER_LINEAR, into=found)
            _remapped(curved, at_x, at_y, cv2.INTER_LINEAR, into=taken)
            np.multiply(taken, weight_x, out=taken)
            np.subtract(found, taken, out=found)
        np.multiply(bent, weight_y, out=bent)
        np.subtract(out, bent, out=out)
    _remapped(cubic.low, pixel_x, pixel_y, cv2.INTER_NEAREST, into=taken)
    # Not `maximum`: where a difference of two light sources leaves float32, the pixels around still bound it.
    np.fmax(out, taken, out=out)
    _remapped(cubic.high, pixel_x, pixel_y, cv2.INTER_NEAREST, into=taken)
    held: FloatArray = np.fmin(out, taken, out=out)
    return held


def _places(at: np.ndarray, length: int, wide: np.ndarray, found: np.ndarray) -> None:
    """Where samples lie along one axis, and how much of the second difference they take.

    Args:
        at: (height, width) float64 positions.
        length: of the picture along the axis.
        wide: (2, height, width) float64, written over.
        found: (3, height, width) float32, filled: position inside the picture, the pixel before it, t (1 - t) / 2.
    """
    place, pixel = wide
    # OpenCV keeps whole positions in 16 bits: outside the picture they are not given to it.
    np.minimum(np.maximum(at, 0.0, out=place), length - 1.0, out=place)
    found[0] = place
    np.floor(place, out=pixel)
    found[1] = pixel
    place -= pixel
    np.subtract(1.0, place, out=pixel)
    pixel *= place
    pixel *= 0.5
    found[2] = pixel
