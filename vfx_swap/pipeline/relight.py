"""The shot's light on any engine's crop: the plate's light in place of the answer's own, lamps, an environment.

Diffuse light alone is changed, by the tracked mesh's normals and the shadows that the face throws on itself: what is
brighter than skin under its light is a highlight, and stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import UnsupportedImageError
from vfx_swap.light.harmonics import LUMA, HarmonicLight
from vfx_swap.light.key_light import KEY_SOFTNESS, key_of
from vfx_swap.light.relight import Environment, Lamp, direction_of, environment_of, lamp_light, mean_light
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.face_shadows import ShadowedFace
from vfx_swap.models.kernels import Kernels
from vfx_swap.pipeline.identity import read_photograph
from vfx_swap.settings import Lighting
from vfx_swap.types import Crop, Face

__all__ = ["Relight", "open_environment", "relit", "wants_relight"]

MATCH_STOPS = 3.0
"""Bound on how far an engine's answer may be lit otherwise than the plate, either way: what is beyond stays."""
DARKEST, BRIGHTEST = 2.0**-6, 2.0**6
"""Bounds on what relighting does to a pixel."""
DIFFUSE = 1.4
"""Luminance over that of mean skin in its place from which the rest is a highlight: skin's own paint varies less."""

SHADOWED = 0.5
"""How deep the shadows of a light that was only read are taken to be: its lamp is known to ten degrees, and a shadow
laid beside its place counts twice. (`scripts/bench light`, answers: 2.99 times lower at 0, 3.04 at 0.5, 2.89 at 1.)"""
CARRY = (0.3, 0.1, 0.03, 0.01)
"""Blurs, widest first, that carry light on beyond the mesh, as fractions of the face's height."""


@dataclass(frozen=True, eq=False)
class Relight:
    """What relighting a track needs that does not change from frame to frame."""

    surface: FaceSurface
    environment: Environment | None = None
    """In linear Rec.709."""
    matches: bool = False
    """Whether the engine's answer brings a light of its own that is taken off."""
    flat: bool = False
    """Whether the engine's answer lies under flat light instead of the plate's."""


def wants_relight(lighting: Lighting, *, matches: bool) -> bool:
    """Whether any frame of a shot needs more than a grade.

    Args:
        lighting: of the shot.
        matches: whether the engine's answers bring their own light.
    """
    return bool(lighting.light) or lighting.environment is not None or (matches and lighting.match == "plate")


def open_environment(path: str, *, config: ColourConfig) -> Environment:
    """The environment of a latlong HDRI, in linear Rec.709.

    Raises:
        InputError: it cannot be read.
        UnsupportedImageError: it is not twice as wide as high, or black.
    """
    latlong = read_photograph(Path(path), config=config, colour_space=None, warn=lambda _text: None)
    height, width = latlong.shape[:2]
    if not 1.9 * height <= width <= 2.1 * height:
        what = f"a latlong is twice as wide as high; this picture is {width} x {height}"
        raise UnsupportedImageError(what, where=path, mend="Convert the HDRI to a latlong (equirectangular) picture")
    try:
        return environment_of(latlong)
    except ValueError as error:
        raise UnsupportedImageError(str(error), where=path, mend="Give an HDRI with light in it") from error


def relit(
    before: Crop,
    after: Crop,
    face: Face,
    *,
    kernels: Kernels,
    lighting: Lighting,
    relight: Relight,
    light: HarmonicLight | None,
    to_rec709: np.ndarray | None,
) -> Crop:
    """The engine's answer under the shot's light.

    Args:
        before: the plate's crop.
        after: the engine's answer.
        face: in the plate.
        kernels: what the crops are arrays of.
        lighting: at this frame, without keys.
        relight: of the track.
        light: the plate's light, solved over the track, in linear Rec.709; None: it is read off this frame.
        to_rec709: (3, 3) from the crop's primaries; None: they are Rec.709's.

    Returns:
        The answer with other colours where it was painted; as it is where too little skin is seen to tell its light.
    """
    surface = relight.surface
    plate = light or surface.read(before, face, kernels=kernels, to_rec709=to_rec709)
    if plate is None:
        return after
    positions = surface.positions(face)
    normals, laid = surface.normals(positions), surface.laid_normals(positions)
    shadowed = surface.shadows.on(positions, laid)
    lit = _into(plate.shade(normals), to_rec709)
    under = lit * _shadow(plate, laid, shadowed)
    unit = _into(mean_light(plate)[None], to_rec709)[0]
    own = np.broadcast_to(unit, under.shape) if relight.flat else under
    if relight.matches and lighting.match == "plate":
        answer = surface.read(replace(after, front=before.front), face, kernels=kernels, to_rec709=to_rec709)
        if answer is not None:
            most = 2.0**MATCH_STOPS
            ratio = np.clip(_into(answer.shade(normals), to_rec709) / lit, 1.0 / most, most)
            own = lit * ratio * _shadow(answer, laid, shadowed)
    wanted = own if relight.flat else under
    if relight.environment is not None:
        radiance = relight.environment.towards(
            shadowed.directions, rotation_degrees=lighting.environment_rotation_degrees
        )
        wanted = unit * np.maximum(_into(shadowed.around(radiance), to_rec709), 0.0)
    for lamp in _lamps(lighting):
        arrives = shadowed.lamp(lamp.direction, lamp.softness)
        wanted = wanted + unit * lamp_light(lamp, laid) * arrives[:, None]
    gain = np.clip(wanted / np.maximum(own, 1e-6), DARKEST, BRIGHTEST)
    if np.array_equal(gain, np.ones_like(gain)):
        return after
    mean = own @ np.asarray(LUMA, np.float32)
    return _lit(after, positions, np.concatenate([gain, mean[:, None]], axis=1), surface, kernels, face=face)


def _shadow(light: HarmonicLight, normals: FloatArray, shadowed: ShadowedFace) -> FloatArray:
    """(n, 1) what the face's own shadows leave of a light that was read: of its key, and of the even light about it."""
    key = key_of(light)
    lamp = lamp_light(Lamp(key.direction, np.full(3, key.intensity, np.float32), KEY_SOFTNESS), normals)[:, 0]
    arrives = lamp * shadowed.lamp(key.direction, KEY_SOFTNESS) + np.float32(key.even) * shadowed.even
    share = arrives / np.maximum(lamp + np.float32(key.even), 1e-3)
    return np.asarray(1.0 + SHADOWED * (share - 1.0), np.float32)[:, None]


def _lamps(lighting: Lighting) -> list[Lamp]:
    return [
        Lamp(
            direction=direction_of(one.azimuth_degrees, one.elevation_degrees),
            colour=np.asarray(one.colour, np.float32) * np.float32(one.intensity),
            softness=one.softness,
        )
        for one in lighting.light
    ]


def _lit(
    after: Crop, positions: FloatArray, values: FloatArray, surface: FaceSurface, kernels: Kernels, *, face: Face
) -> Crop:
    """The answer under gains (n, 3) of the mesh's vertices; the fourth column is the luminance of skin there."""
    xp, matrix = kernels.xp, after.warp.matrix
    placed = positions.astype(np.float64)
    placed[:, :2] = placed[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    raster = kernels.rasterise(
        placed.astype(np.float32), surface.mesh.triangles, height=after.warp.height, width=after.warp.width
    )
    if not len(raster.rows):
        return after
    logs = np.log(np.maximum(values, 1e-6)).astype(np.float32)
    there = raster.picture(raster.interpolate(logs, surface.mesh.triangles))
    covered = raster.picture(xp.ones(len(raster.rows)))
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    field = xp.exp(_carried_on(there, covered, kernels, size=max(face.height * scale, 4.0)))
    red, green, blue = LUMA
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        rgb = after.rgb
        luminance = red * rgb[..., 0] + green * rgb[..., 1] + blue * rgb[..., 2]
        share = xp.minimum(DIFFUSE * field[..., 3] / xp.maximum(luminance, 1e-6), 1.0)
        lit = rgb * (1.0 + (field[..., :3] - 1.0) * share[..., None])
    painted = (after.alpha > 0.0) & xp.isfinite(luminance)
    return replace(after, rgb=xp.where(painted[..., None], lit, rgb))


def _carried_on(values: Array, covered: Array, kernels: Kernels, *, size: float) -> Array:
    """(h, w, c) values of the covered pixels, carried on smoothly beyond the mesh: an engine's matte may reach there.

    Args:
        values: 0 where nothing is covered.
        covered: (h, w) 1 where a value is.
        kernels: of the arrays.
        size: the face's height in pixels of the crop.
    """
    xp, carried = kernels.xp, None
    for sigma in CARRY:
        total = kernels.blur(covered, sigma * size)
        share = xp.maximum(total, 1e-4)[..., None]
        # In two parts: blurs are of at most three channels.
        parts = [kernels.blur(part, sigma * size) / share for part in (values[..., :2], values[..., 2:])]
        near = xp.concatenate(parts, axis=-1)
        sure = xp.clip(8.0 * total, 0.0, 1.0)[..., None]
        carried = near if carried is None else carried + sure * (near - carried)
    return xp.where(covered[..., None] > 0.0, values, carried)


def _into(rgb: FloatArray, to_rec709: np.ndarray | None) -> FloatArray:
    """(n, 3) of linear Rec.709 in the crop's primaries, above 0."""
    if to_rec709 is None or np.allclose(to_rec709, np.eye(3), atol=1e-7):
        return np.asarray(np.maximum(rgb, 1e-6), np.float32)
    matrix = np.linalg.inv(to_rec709).astype(np.float32)
    parts = [row[0] * rgb[:, 0] + row[1] * rgb[:, 1] + row[2] * rgb[:, 2] for row in matrix]
    return np.asarray(np.maximum(np.stack(parts, axis=-1), 1e-6), np.float32)
