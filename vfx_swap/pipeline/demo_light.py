"""Light, highlights and grain of the demo shot: a flat-lit photograph made scene-linear and lit anew.

Every field here is made at the portrait's own resolution from the depth of its landmarks; light is smooth, so
nothing is lost, and the plate's pixels pick it up through the same warp as the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import interpolate, ndimage

from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.demo_motion import MotionState

__all__ = ["LIN_REC709_TO_ACESCG", "LightField", "SurfaceField", "add_grain", "make_surface", "shade", "srgb_to_linear"]

LIN_REC709_TO_ACESCG = np.array(
    [
        [0.6130974024, 0.3395231462, 0.0473794514],
        [0.0701937225, 0.9163538791, 0.0134523985],
        [0.0206155929, 0.1095697729, 0.8698146342],
    ],
    dtype=np.float32,
)
"""ITU-R BT.709 primaries at D65 to AP1 at ACES white, Bradford adaptation (S-2014-004, and OCIO's ACES configs)."""

_KEY_COLOUR = np.array([1.0, 0.76, 0.52], dtype=np.float32)
_FILL = np.array([0.44, 0.50, 0.60], dtype=np.float32)
_KEY_INTENSITY = 1.35
_WRAP = 0.2
_SPECULAR_INTENSITY = 1.7
_SPECULAR_SHARPNESS = 34.0
_GRAIN_FLOOR = 0.0014
_GRAIN_GAIN = 2.6e-4
_GRAIN_CHANNELS = np.array([1.0, 0.9, 1.35], dtype=np.float32)
"""Blue grains most, green least, as in colour negative."""


@dataclass(frozen=True, eq=False)
class SurfaceField:
    """What the light falls on, over the padded portrait."""

    normals: FloatArray
    """(height, width, 3) unit; x right, y down, z to the camera."""
    face: FloatArray
    """(height, width) 0 to 1: where `normals` are those of the face."""
    gloss: FloatArray
    """(height, width) 0 to 1: how much of a specular lobe the surface shows."""


@dataclass(frozen=True, eq=False)
class LightField:
    """Light at one time: (height, width, 4), RGB gain on the picture, and the specular's strength."""

    gain: FloatArray


def srgb_to_linear(encoded: FloatArray) -> FloatArray:
    """IEC 61966-2-1: [0, 1] sRGB-encoded to [0, 1] linear Rec.709."""
    low = encoded / np.float32(12.92)
    high = ((encoded + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    linear: FloatArray = np.where(encoded <= np.float32(0.04045), low, high)
    return linear


def make_surface(points: FloatArray, *, shape: tuple[int, int], offset: tuple[float, float]) -> SurfaceField:
    """Normals and gloss over a picture, from the landmarks' depth.

    Args:
        points: (478, 3) landmarks in portrait pixels, z smaller is nearer.
        shape: height, width of the field.
        offset: portrait pixel (x, y) at the field's index (0, 0).
    """
    height, width = shape
    x, y = np.meshgrid(np.arange(width) + offset[0], np.arange(height) + offset[1])
    skin = points[:468].astype(np.float64)
    depth = interpolate.LinearNDInterpolator(skin[:, :2], -skin[:, 2])(x, y)
    inside = np.isfinite(depth)
    face = ndimage.gaussian_filter(ndimage.binary_erosion(inside, iterations=5).astype(np.float64), 4.0)
    # Off the face a head is an ellipsoid; the two meet as normals, since as depths they would leave a step to shine.
    centre, radius = np.array([226.0, 105.0]), np.array([80.0, 94.0])
    bulge = 58.0 * np.sqrt(np.clip(1.0 - ((x - centre[0]) / radius[0]) ** 2 - ((y - centre[1]) / radius[1]) ** 2, 0, 1))
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    depth = depth[tuple(nearest)]
    normals = face[..., None] * _normals(ndimage.gaussian_filter(depth, 2.4))
    normals += (1.0 - face)[..., None] * _normals(ndimage.gaussian_filter(bulge, 10.0))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    gloss = face * ndimage.gaussian_filter(_gloss(points, x, y), 3.0)
    return SurfaceField(normals.astype(np.float32), face.astype(np.float32), gloss.astype(np.float32))


def shade(surface: SurfaceField, state: MotionState, *, offset: tuple[float, float]) -> LightField:
    """The light of one moment over the picture: cool fill, and the warm key as it sweeps by."""
    azimuth = np.deg2rad(state.key_azimuth_degrees)
    elevation = np.deg2rad(state.key_elevation_degrees)
    key = np.array([np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    roll = np.deg2rad(state.head_roll_degrees + state.camera_roll_degrees)
    # Normals turn with the head, so the light turns the other way in the head's own frame.
    key[:2] = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) @ key[:2]
    lit = np.clip((surface.normals @ key.astype(np.float32) + _WRAP) / (1.0 + _WRAP), 0.0, None)
    height, width = lit.shape
    across = (np.arange(width, dtype=np.float32) + offset[0] - 226.0) / 256.0
    falloff = np.clip(1.0 + 0.55 * np.sin(azimuth) * across, 0.35, 1.7)[None, :]
    diffuse = (lit * falloff)[..., None]
    half = key + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    lobe = np.clip(surface.normals @ half.astype(np.float32), 0.0, 1.0) ** _SPECULAR_SHARPNESS
    gain = np.empty((height, width, 4), dtype=np.float32)
    gain[..., :3] = _FILL + _KEY_INTENSITY * diffuse * _KEY_COLOUR
    gain[..., 3] = _SPECULAR_INTENSITY * lobe * surface.gloss
    return LightField(gain)


def add_grain(rgb: FloatArray, *, seed: tuple[int, int]) -> FloatArray:
    """Grain as of film: per channel, softened over neighbours, partly common to all channels, growing with light.

    The standard deviation is sqrt(floor^2 + gain * light): some 4 % at 18 % grey, 20 % in deep shadow, 2 % at white.

    Args:
        rgb: (height, width, 3) scene-linear.
        seed: of the shot, and the frame number.
    """
    height, width = rgb.shape[:2]
    random = np.random.Generator(np.random.PCG64(seed))
    noise = random.standard_normal((height, width, 4), dtype=np.float32)
    kernel = np.array([0.18, 1.0, 0.18], dtype=np.float32)
    kernel /= np.float32(np.sqrt(np.sum(kernel.astype(np.float64) ** 2)))
    for axis in (0, 1):
        noise = ndimage.correlate1d(noise, kernel, axis=axis, mode="wrap")
    mixed = np.float32(np.sqrt(0.75)) * noise[..., :3] + np.float32(0.5) * noise[..., 3:]
    sigma = np.sqrt(np.float32(_GRAIN_FLOOR**2) + np.float32(_GRAIN_GAIN) * np.clip(rgb, 0.0, None))
    grained: FloatArray = rgb + sigma * _GRAIN_CHANNELS * mixed
    return grained


def _normals(depth: np.ndarray) -> np.ndarray:
    """Unit normals, (height, width, 3), of a surface by its height towards the camera."""
    down, across = np.gradient(depth)
    normals = np.stack([-across, -down, np.ones_like(depth)], axis=-1)
    unit: np.ndarray = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    return unit


def _gloss(points: FloatArray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Oilier skin: forehead, nose, cheekbones and chin, as soft spots about landmarks; 0.2 to 1."""
    spots = {9: 13.0, 151: 14.0, 4: 8.0, 195: 8.0, 50: 11.0, 280: 11.0, 199: 9.0}
    gloss = np.full(x.shape, 0.2)
    for index, size in spots.items():
        near = ((x - points[index, 0]) ** 2 + (y - points[index, 1]) ** 2) / (2.0 * size**2)
        gloss = np.maximum(gloss, np.exp(-near))
    # Eyes and mouth are wet, but their lobe is not the skin's: keep the photograph's own glints.
    for group in ((33, 133, 159, 145), (263, 362, 386, 374), (61, 291, 0, 17)):
        centre = points[list(group), :2].mean(axis=0)
        wide = 0.62 * float(np.ptp(points[list(group), 0]))
        near = ((x - centre[0]) / wide) ** 2 + ((y - centre[1]) / (0.55 * wide)) ** 2
        gloss = gloss * (1.0 - np.exp(-(near**2)))
    return gloss
