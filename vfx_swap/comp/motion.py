"""Motion blur: seen in the plate as detail lost in one direction, put on the swap alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.comp.distance import distance_inside

__all__ = [
    "Detail",
    "MotionBlur",
    "Spectra",
    "Travel",
    "band_frequencies",
    "blur_along",
    "compare_detail",
    "compared_part",
    "find_blur",
    "line_kernel",
    "make_spectra",
    "measure_motion_blur",
    "read_detail",
    "spectra_of",
]

LUMA = (0.2126, 0.7152, 0.0722)
LEAST_AREA = 64 * 64
"""Pixels to compare; in fewer, noise passes for blur."""
BROAD = 0.06
"""Blur that holds shading, as a fraction of the compared part's smaller side: both faces have it, blurred or not."""
TAPER = 0.2
"""Soft border of the compared part, likewise: a hard one has a spectrum of its own."""
LOWEST, HIGHEST = 3.0, 0.22
"""Frequencies compared: from cycles over the smaller side to cycles a pixel; above, grain is most there is."""
GRAIN_BANDS = ((0.27, 0.33), (0.42, 0.48))
"""Cycles a pixel where the plate's spectrum is its grain."""
GLARE = 20.0
"""Times the middle brightness: more is a hot pixel or a lamp, not a face."""
SECTORS = 24
FINE_STEP, BAND_STEP = 1.1, 1.5
"""Ratios of the frequencies at which a blur is worked out, and of the bands in which it is compared."""
LIKENESS = 0.15
"""Variance of the logarithm of power, by sector and band, between two sharp faces in one pose."""
SHORTEST, LONGEST = 2.0, 0.35
"""Blurs looked for: pixels, and fraction of the compared part's smaller side."""
LENGTHS = 16
ANGLE_STEP = 10.0
"""Degrees between the first angles tried."""
LEAST_GAIN, MOST_LEFT = 8.0, 0.5
"""What a blur must explain: so much of the misfit in variances, and so much of the whole that no more is left."""
LEFT_ALIKE, LEFT_UNLIKE = 0.7, 0.35
"""The same where the track goes as the blur does, and where it goes otherwise. On digital doubles and the demo, 70
frames with blurs under 3 pixels leave 0.68 and more, but for one that leaves 0.48 and whose track goes otherwise. Heads
that turn leave 0.22 to 0.58 at blurs of 6 to 12 pixels. Blurred by 5 pixels in one direction nine of ten leave 0.3 to
0.66, by 8 pixels 0.17 to 0.32, by 20 pixels 0.1 to 0.26."""
UNSURE = 0.08
"""Width of what may be left below those, over which a blur comes to be believed whole."""
ALIKE = 15.0
"""Degrees between blur and track that are alike: of blurs of 5 pixels, the angle is found to within 14."""
SOFTEST = 1.0
"""Blur (sigma, px) of white noise that grain has at the most: of soft grain there is more the lower the frequency."""
SHARPER = 1.5
"""Logarithm of power that the plate's detail may have over the face's: with more, it is the face that is blurred."""
FAINTEST = 1e-6
"""Power of the plate's detail over the face's, below which there is none."""
FLOOR = 1e-20


@dataclass(frozen=True)
class MotionBlur:
    """A blur along a straight line."""

    length_pixels: float
    angle_degrees: float
    """Of the line: 0 along x, positive towards +y (down), in [0, 180)."""


@dataclass(frozen=True)
class Travel:
    """How far a face goes from the frame before to the frame after, by its landmarks."""

    x_pixels: float
    y_pixels: float
    """Down."""

    @property
    def pixels(self) -> float:
        """Its length."""
        return math.hypot(self.x_pixels, self.y_pixels)

    def is_like(self, blur: MotionBlur) -> bool:
        """True where a shutter open between those frames may give that blur: along the way, and no longer.

        Either end is known to about a pixel.
        """
        way = math.degrees(math.atan2(self.y_pixels, self.x_pixels))
        turn = abs((blur.angle_degrees - way + 90.0) % 180.0 - 90.0)
        unsure = math.degrees(math.atan2(SHORTEST, self.pixels))
        return turn <= ALIKE + unsure and blur.length_pixels <= self.pixels + SHORTEST


NONE = MotionBlur(length_pixels=0.0, angle_degrees=0.0)


def measure_motion_blur(
    plate: FloatArray, face: FloatArray, weight: FloatArray, *, travel: Travel | None = None
) -> MotionBlur:
    """The motion blur that the plate has and the face lacks.

    The two show the same pose, so their power spectra are alike but for blur and grain. A line of length L
    multiplies power by sinc^2(L f), f along the line (R. Gonzalez and R. Woods, "Digital Image Processing",
    section on motion blur); the length and angle are taken that bring the face's spectrum, by sectors and bands
    of frequency, nearest to the plate's. A loss that is the same in all directions is no motion, and is fitted
    beside it; so is the plate's grain.

    A blur that only half explains the misfit is believed where the face travels that way; one that nothing but a
    strange likeness speaks for, against the track, is not.

    Args:
        plate: (height, width, 3) scene-linear, finite.
        face: (height, width, 3) the swap in the same place.
        weight: (height, width) both are compared where it is at least one half.
        travel: of the face, in these pixels; None: not known.

    Returns:
        The blur; of length 0 where none is sure, or the part is too small to tell.
    """
    spectra = compare_detail(plate, face, weight)
    return NONE if spectra is None else find_blur(spectra, travel=travel)


def compared_part(shown: np.ndarray) -> tuple[slice, slice] | None:
    """The rows and columns that hold what is shown, (height, width) bool; None where that is too small to tell."""
    if int(shown.sum()) < LEAST_AREA:
        return None
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    at = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return None if HIGHEST * min(shown[at].shape) < LOWEST * BAND_STEP**2 else at


def find_blur(spectra: Spectra, *, travel: Travel | None = None) -> MotionBlur:
    """The blur that brings the face's spectra nearest to the plate's; none where it explains too little.

    Args:
        spectra: of plate and face.
        travel: of the face; None: not known.
    """
    longest, sharp = LONGEST * spectra.side, float(spectra.misfit(np.zeros(1), np.zeros(1))[0])
    if sharp < LEAST_GAIN or longest <= SHORTEST or float(spectra.plate.sum()) < FAINTEST * float(spectra.face.sum()):
        return NONE
    left, blur = _best(spectra, longest=longest)
    most = MOST_LEFT if travel is None else LEFT_ALIKE if travel.is_like(blur) else LEFT_UNLIKE
    # Believed by and by: one that is seen in a frame and just not in the next would pop.
    sure = _rise(sharp - left, LEAST_GAIN, 2.0 * LEAST_GAIN) * (1.0 - _rise(left / sharp, most - UNSURE, most))
    return NONE if sure <= 0.0 else replace(blur, length_pixels=sure * blur.length_pixels)


def _rise(value: float, start: float, end: float) -> float:
    """0 up to `start`, 1 from `end`, a straight line between."""
    return min(max((value - start) / (end - start), 0.0), 1.0)


def _best(spectra: Spectra, *, longest: float) -> tuple[float, MotionBlur]:
    """Least misfit, and the blur that gives it: from a coarse grid to a fine one."""
    angles, lengths = np.arange(0.0, 180.0, ANGLE_STEP), np.geomspace(SHORTEST, longest, LENGTHS)
    ratio, step = float(lengths[1] / lengths[0]), ANGLE_STEP
    while True:
        tried = np.array([(length, angle) for length in lengths for angle in angles])
        misfit = spectra.misfit(tried[:, 0], tried[:, 1])
        length, angle = (float(value) for value in tried[int(np.argmin(misfit))])
        if step < 1.0:
            break
        ratio, step = math.sqrt(ratio), 0.5 * step
        angles = angle + step * np.arange(-1.0, 2.0)
        lengths = np.clip(length * ratio ** np.arange(-1.0, 2.0), SHORTEST, longest)
    return float(misfit.min()), MotionBlur(length_pixels=length, angle_degrees=angle % 180.0)


def blur_along(picture: FloatArray, blur: MotionBlur) -> FloatArray:
    """A picture (height, width[, c]) blurred along a line: a shutter open for the whole length, borders repeated."""
    if blur.length_pixels < 0.05:
        return picture
    return np.asarray(
        cv2.filter2D(picture, -1, line_kernel(blur), borderType=cv2.BORDER_REPLICATE), dtype=np.float32
    ).reshape(picture.shape)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Power of plate and face by sector and band of frequency."""

    plate: np.ndarray
    """(SECTORS, bands)."""
    face: np.ndarray
    """(SECTORS, fine bands)."""
    grain: np.ndarray
    """(SECTORS, bands) power of the plate's grain."""
    weight: np.ndarray
    """(SECTORS, bands) inverse variance of the logarithm of power; 0 where there is no frequency."""
    frequencies: np.ndarray
    """(fine bands,) cycles a pixel."""
    starts: np.ndarray
    """(bands,) index of the first fine band of each."""
    side: int
    """Of what was compared, the smaller, in pixels."""

    def misfit(self, lengths: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Weighted squares of the difference in log power, (n,), for n blurs of the face (pixels, degrees)."""
        blurred, loss = self._fitted(lengths, angles)
        difference = np.log(self.plate + FLOOR) - np.log(np.exp(loss) * blurred + self.grain + FLOOR)
        total: np.ndarray = (self.weight * difference**2).sum(axis=(1, 2))
        return total

    def softer(self, blur: MotionBlur) -> float:
        """Square of the Gaussian sigma, in pixels, by which the plate is softer than the face under a blur.

        What it loses alike in all directions, band by band: a line in the square of frequency, whose slope is
        `-4 pi^2 sigma^2` (the power of a Gaussian), beside a contrast of its own. Negative where it is the face that
        is softer.
        """
        blurred, loss = self._fitted(np.array([blur.length_pixels]), np.array([blur.angle_degrees]))
        shown = np.exp(loss[0]) * blurred[0]
        slope = shown / (shown + self.grain + FLOOR)
        weight = (self.weight * slope**2).sum(axis=0)
        square = np.add.reduceat(self.frequencies**2, self.starts) / np.diff([*self.starts, len(self.frequencies)])
        weight = weight / max(float(weight.sum()), FLOOR)
        middle, mean = float((weight * square).sum()), float((weight * loss[0, 0]).sum())
        spread = max(float((weight * (square - middle) ** 2).sum()), FLOOR)
        tilt = float((weight * (square - middle) * (loss[0, 0] - mean)).sum()) / spread
        return -tilt / (4.0 * math.pi**2)

    def _fitted(self, lengths: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, SECTORS, bands) the face's power under n blurs, and (n, 1, bands) what it still loses, in log."""
        blurred = self._blurred(lengths, angles)
        log_plate = np.log(self.plate + FLOOR)
        signal = np.maximum(self.plate - self.grain, 0.0).sum(axis=0) + 1e-3 * self.grain.sum(axis=0) + FLOOR
        loss = np.log(signal / (blurred.sum(axis=1) + FLOOR))[:, None, :]
        for _ in range(8):  # Gauss and Newton, for the loss in each band that is the same in all directions
            shown = np.exp(loss) * blurred
            whole = shown + self.grain + FLOOR
            slope = shown / whole
            step = (self.weight * slope * (log_plate - np.log(whole))).sum(axis=1, keepdims=True)
            sure = np.maximum((self.weight * slope**2).sum(axis=1, keepdims=True), 1e-6)
            loss = np.minimum(loss + np.clip(step / sure, -2.0, 2.0), SHARPER)
        return blurred, loss

    def _blurred(self, lengths: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """(n, SECTORS, bands) the face's power under n blurs."""
        # A sector is wide enough that a zero lies in part of it only: three directions of each.
        sector = np.arange(SECTORS)[:, None] + np.array([-1 / 3, 0.0, 1 / 3])
        # A line looks the same turned round by half, and a grid of blurs meets few lengths and directions, often.
        turn = (sector * (180.0 / SECTORS) - angles[:, None, None] + 90.0) % 180.0 - 90.0
        turns, turn_at = np.unique(np.round(np.abs(turn), 9), return_inverse=True)
        every, length_at = np.unique(lengths, return_inverse=True)
        along = every[:, None, None] * np.cos(np.radians(turns))[:, None] * self.frequencies
        power = np.sinc(along) ** 2
        kept = power[length_at[:, None, None], turn_at.reshape(turn.shape)].mean(axis=2)
        summed: np.ndarray = np.add.reduceat(kept * self.face, self.starts, axis=2)
        return summed


def compare_detail(plate: FloatArray, face: FloatArray, weight: FloatArray) -> Spectra | None:
    """Power of two pictures of one place, by direction and fineness.

    Args:
        plate: (height, width, 3) scene-linear, finite.
        face: (height, width, 3) the other.
        weight: (height, width) both are compared where it is at least one half.

    Returns:
        None where the part is too small to tell.
    """
    check_array("plate", plate, shape=(None, None, 3))
    check_array("face", face, shape=plate.shape)
    check_array("weight", weight, shape=plate.shape[:2])
    shown = weight >= 0.5
    if (at := compared_part(shown)) is None:
        return None
    return spectra_of(*(read_detail(rgb[at], shown[at]) for rgb in (plate, face)))


@dataclass(frozen=True, eq=False)
class Detail:
    """Power of one picture's detail."""

    points: np.ndarray
    """(SECTORS, fine bands) number of frequencies in each."""
    power: np.ndarray
    """Their sum."""
    levels: tuple[float, ...]
    """Medians over each of `GRAIN_BANDS`."""
    side: int
    """Smaller side of what was read, in pixels."""


def read_detail(rgb: FloatArray, shown: np.ndarray) -> Detail:
    """The detail of a picture.

    Args:
        rgb: (height, width, 3) scene-linear, finite.
        shown: (height, width) bool, what of it is read.
    """
    side = min(shown.shape)
    rise = np.clip(distance_inside(np.pad(shown, 1))[1:-1, 1:-1] / (TAPER * side), 0.0, 1.0)
    window = np.asarray(rise * rise * (3.0 - 2.0 * rise), dtype=np.float32)
    spectrum = _power(rgb, window, broad=BROAD * side)
    y, x = np.fft.fftfreq(shown.shape[0])[:, None], np.fft.rfftfreq(shown.shape[1])[None]
    frequency, angle = np.hypot(x, y), np.arctan2(y, x)
    lowest, count = LOWEST / side, len(band_frequencies(side))
    used = (frequency >= lowest) & (frequency < HIGHEST)
    fine = (np.log(frequency[used] / lowest) / math.log(HIGHEST / lowest) * count).astype(int).clip(0, count - 1)
    sector = np.floor(angle[used] / np.pi * SECTORS + 0.5).astype(int) % SECTORS
    points, power = (
        np.bincount(sector * count + fine, values, SECTORS * count).reshape(SECTORS, count)
        for values in (np.ones(fine.size), spectrum[used])
    )
    levels = tuple(float(np.median(spectrum[(frequency >= a) & (frequency < b)])) for a, b in GRAIN_BANDS)
    return Detail(points=points, power=power, levels=levels, side=side)


def spectra_of(plate: Detail, face: Detail) -> Spectra:
    """Two pictures' detail side by side."""
    return make_spectra(plate.points, plate.power, face.power, grain_levels=plate.levels, side=plate.side)


def band_frequencies(side: int) -> np.ndarray:
    """(fine bands,) frequencies of the fine bands of a part whose smaller side is `side` pixels, cycles a pixel."""
    lowest = LOWEST / side
    count = math.ceil(math.log(HIGHEST / lowest) / math.log(FINE_STEP))
    frequencies: np.ndarray = lowest * (HIGHEST / lowest) ** ((np.arange(count) + 0.5) / count)
    return frequencies


def make_spectra(
    points: np.ndarray, plate: np.ndarray, face: np.ndarray, *, grain_levels: tuple[float, ...], side: int
) -> Spectra:
    """Spectra from sums over sectors and fine bands.

    Args:
        points: (SECTORS, fine bands) number of frequencies in each.
        plate: (SECTORS, fine bands) the plate's power.
        face: (SECTORS, fine bands) the face's.
        grain_levels: medians of the plate's power over each of `GRAIN_BANDS`.
        side: smaller side of the compared part, in pixels.
    """
    frequencies = band_frequencies(side)
    bands = round(math.log(HIGHEST * side / LOWEST) / math.log(BAND_STEP))
    starts = np.arange(bands) * len(frequencies) // bands
    grain = np.add.reduceat(points * _grain(grain_levels, frequencies), starts, axis=1)
    points, power = (np.add.reduceat(values, starts, axis=1) for values in (points, plate))
    # No more grain than there is power in the emptier half of the sectors, where it is most of it.
    grain = np.minimum(grain, points * np.median(power / np.maximum(points, 1.0), axis=0))
    return Spectra(
        plate=power,
        face=face,
        grain=grain,
        weight=np.where(points > 0.0, 1.0 / (2.0 / np.maximum(points, 1.0) + LIKENESS), 0.0),
        frequencies=frequencies,
        starts=starts,
        side=side,
    )


def _grain(levels: tuple[float, ...], wanted: np.ndarray) -> np.ndarray:
    """Mean power of the plate's grain at the frequencies wanted: white noise under a Gaussian, read at the top."""
    # Power of noise is exponential: its mean lies above its median by 1 / log 2.
    lower, upper = (max(level / math.log(2.0), FLOOR) for level in levels)
    low, high = (0.5 * (a + b) for a, b in GRAIN_BANDS)
    softness = min(max(math.log(lower / upper) / (high**2 - low**2), 0.0), (2.0 * math.pi * SOFTEST) ** 2)
    grain: np.ndarray = lower * np.exp(softness * (low**2 - wanted**2))
    return grain


def _power(rgb: FloatArray, window: FloatArray, *, broad: float) -> np.ndarray:
    """Power spectrum of detail relative to its surroundings: in proportion to light, as blur is."""
    lit = np.maximum(rgb, 0.0).astype(np.float64)
    luma = LUMA[0] * lit[..., 0] + LUMA[1] * lit[..., 1] + LUMA[2] * lit[..., 2]
    middle = max(float(np.median(luma)), 1e-6)
    luma, floor = np.minimum(luma, GLARE * middle), 0.05 * middle
    detail = np.minimum(luma / (cv2.GaussianBlur(luma.astype(np.float32), (0, 0), broad) + floor), 4.0)
    detail = (detail - float((detail * window).sum() / max(float(window.sum()), 1e-9))) * window
    power: np.ndarray = np.abs(np.fft.rfft2(detail)) ** 2
    return power


def line_kernel(blur: MotionBlur) -> FloatArray:
    """(n, n) kernel of a blur: a line one pixel wide, antialiased, sum 1."""
    half = blur.length_pixels / 2.0
    radius = math.ceil(half) + 1
    angle = math.radians(blur.angle_degrees)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    along = x * math.cos(angle) + y * math.sin(angle)
    across = -x * math.sin(angle) + y * math.cos(angle)
    kernel = np.clip(half + 0.5 - np.abs(along), 0.0, 1.0) * np.clip(1.0 - np.abs(across), 0.0, 1.0)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)
