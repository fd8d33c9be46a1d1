"""The shot's light settings that grade a face: exposure, temperature and tint."""

from __future__ import annotations

import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["grade", "light_gain", "planckian_xy"]

NEUTRAL_MIRED = 1e6 / 6504.0
"""The daylight that Rec.709's white stands for, as a temperature."""
_XYZ_TO_REC709 = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
"""CIE XYZ to linear Rec.709, D65 (ITU-R BT.709, IEC 61966-2-1)."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])
LEAST_MIRED, MOST_MIRED = 1e6 / 25000.0, 1e6 / 1667.0


def planckian_xy(mired: float) -> tuple[float, float]:
    """Chromaticity of a black body, by the cubic fit of Kim et al. (US patent 7024034, 2006), 1667 to 25000 K.

    Args:
        mired: 1e6 / kelvin; held to the fit's range.
    """
    kelvin = 1e6 / min(max(mired, LEAST_MIRED), MOST_MIRED)
    t = 1e3 / kelvin
    if kelvin <= 4000.0:
        x = ((-0.2661239 * t - 0.2343589) * t + 0.8776956) * t + 0.179910
    else:
        x = ((-3.0258469 * t + 2.1070379) * t + 0.2226347) * t + 0.240390
    if kelvin <= 2222.0:
        y = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    elif kelvin <= 4000.0:
        y = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    else:
        y = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    return x, y


def light_gain(*, exposure_stops: float, temperature_mired: float, tint: float) -> np.ndarray:
    """Factors on linear Rec.709 red, green and blue, (3,) float64.

    Args:
        exposure_stops: stops of light added.
        temperature_mired: shift of the light's colour from 6504 K along the black-body locus; positive is
            warmer. Luminance of a neutral is kept.
        tint: stops of green taken away; positive is more magenta.
    """
    gain = np.ones(3)
    if temperature_mired != 0.0:
        gain = _white(NEUTRAL_MIRED + temperature_mired) / _white(NEUTRAL_MIRED)
    gain = gain * np.array([1.0, 2.0**-tint, 1.0])
    gain = gain / float(_LUMA @ gain) if temperature_mired != 0.0 or tint != 0.0 else gain
    scaled: np.ndarray = gain * 2.0**exposure_stops
    return scaled


def grade(rgb: FloatArray, *, gain: np.ndarray, to_rec709: np.ndarray | None = None) -> FloatArray:
    """Scene-linear values in any primaries under factors of linear Rec.709, as `light_gain` gives them.

    A factor that is the same for all three is the same in any primaries, and is applied as it is.

    Args:
        rgb: (..., 3), unbounded.
        gain: (3,).
        to_rec709: (3, 3) from the values' primaries to those of Rec.709; None: they are Rec.709.

    Returns:
        (..., 3) float32.
    """
    if to_rec709 is None or gain[0] == gain[1] == gain[2]:
        return np.asarray(rgb * gain.astype(np.float32), dtype=np.float32)
    matrix = (np.linalg.inv(to_rec709) @ (gain[:, None] * to_rec709)).astype(np.float32)
    # Term by term: BLAS may sum otherwise on another number of threads.
    parts = [row[0] * rgb[..., 0] + row[1] * rgb[..., 1] + row[2] * rgb[..., 2] for row in matrix]
    return np.stack(parts, axis=-1)


def _white(mired: float) -> np.ndarray:
    x, y = planckian_xy(mired)
    white: np.ndarray = np.maximum(_XYZ_TO_REC709 @ np.array([x / y, 1.0, (1.0 - x - y) / y]), 0.02)
    return white
