"""The default swapper: the identity's skin, seen from the performer's pose, under the plate's light.

Everything is scene-linear and at the plate's own resolution; no network paints a pixel.

    plate crop --sampled in UV--> skin fit: light, what is skin, what lies in front
    texture x light (harmonic fit + half of what smooth difference remains) --rendered--> face
    + the plate's own highlights;   alpha: mesh edge, texture's coverage, holdouts, the plate's mouth
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import cv2
import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.geometry.pyramid import Pyramid, make_pyramid, texels_per_pixel
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.facemesh.expressions import expression_shapes
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.carried import Worn, cast_shadows, finer_detail, highlights
from vfx_swap.models.reprojection.eyes import Eye, follow_gaze, reference_eyes
from vfx_swap.models.reprojection.hair import hair_over
from vfx_swap.models.reprojection.makeup import kept_makeup
from vfx_swap.models.reprojection.openings import EYES, LASHES, eye_gain, opening, shut_line
from vfx_swap.models.reprojection.reshape import (
    Proportions,
    at_rest,
    compare_proportions,
    reshaped_points,
    shut_eyes,
    shut_lids,
)
from vfx_swap.models.reprojection.skin import SkinFit, fit_skin, in_shade, sheen, spectacle_rims, thin_parts
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep
from vfx_swap.models.reprojection.texture import NORMAL_ROUNDS, atlas_for, frontal_reference
from vfx_swap.types import Crop, Face, Identity, Warp

__all__ = ["PreparedReprojection", "ReprojectionOptions", "ReprojectionSwapper"]

LIGHT_SIZE = 256
"""Side of the UV picture that light and holdouts are worked out in."""
MARGIN = 0.25
"""Plate around the face in the crop, in face heights: room for motion blur and a grown matte."""
RESIDUAL_SIGMA = 0.10
"""Blur of the light that the harmonic fit leaves over, as a fraction of the UV side (0.12 face heights)."""
RESIDUAL_SHARE, RESIDUAL_LIMIT = 0.5, 0.5
"""How much of it is put on, and its bound in log."""
PROFILE = (15.0, 40.0)
"""Degrees off the camera between which proportions are left to the performer: a nose in profile stands out over what
lies behind, and made shorter there would leave the performer's own tip standing beside it."""
RIMS_SEEN = (30.0, 45.0)
"""Degrees off the camera between which rims of spectacles are no longer told from the far side of a face."""


@dataclass(frozen=True)
class ReprojectionOptions:
    """What a shot may set."""

    feather: float = 0.05
    """Width of the matte's soft edge, in face heights."""
    holdout_hair: bool = True
    """Hair over the face stays in front."""
    holdout_glasses: bool = False
    """Rims of spectacles stay in front; otherwise they are painted over."""
    match_light: bool = True
    """Put the plate's light on the identity; False keeps the identity's mean skin colour under flat light."""
    reshape: float = 0.0
    """0 to 1: pull the performer's proportions toward the identity's."""
    makeup: float = 0.0
    """0 to 1: how much of the performer's make-up and paint stays."""


@dataclass(frozen=True, eq=False)
class PreparedReprojection:
    """An identity in the plate's colour space."""

    texture: Pyramid
    """Of (size, size, 3), relative to mean skin, plate's primaries."""
    texture_small: FloatArray
    """The same at LIGHT_SIZE."""
    coverage: FloatArray
    """(LIGHT_SIZE, LIGHT_SIZE)."""
    skin_colour: FloatArray
    """(3,) plate's primaries."""
    proportions: Proportions | None
    """From the performer's to the identity's; None where nothing is reshaped."""
    from_rec709: FloatArray
    """(3, 3) linear Rec.709, in which skin is known, to the plate's primaries."""
    eyes: tuple[Eye, Eye] | None
    """That reference's eyes; None when it does not show them."""
    photographed_pixels: float
    """Height in pixels of the face in the largest reference."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the plate shows of the performer, in the light atlas."""

    fit: SkinFit
    facing: FloatArray
    """(size, size) smoothed: 1 towards the camera."""
    rims: FloatArray
    light: FloatArray
    """(size, size, 3) scene-linear colour of mean skin."""
    makeup: FloatArray | None
    """(size, size, 3) log gain that puts the performer's make-up on the identity; None drops it."""
    visible: FloatArray
    """(size, size) 0 where something is in front, which the comp holds out."""


class ReprojectionSwapper:
    """The engine `reprojection` (protocol `Swapper`)."""

    id = "reprojection"

    def __init__(
        self, *, mesh: CanonicalMesh, config: ColourConfig, options: ReprojectionOptions, kernels: Kernels = NUMPY
    ) -> None:
        """Args:
        mesh: the canonical face mesh.
        config: OCIO config, for the way from the identity's Rec.709 to the plate's primaries.
        options: the shot's.
        kernels: of the device that crops lie on. What is worked out in UV does not grow with the plate, and is
            numpy's on any device.
        """
        self.options = options
        self._kernels = kernels
        self._config = config
        self._mesh = mesh
        self._atlas: Atlas = atlas_for(mesh, size=LIGHT_SIZE)
        self.lights: Mapping[int, HarmonicLight] = {}

    def under(self, lights: Mapping[int, HarmonicLight]) -> Self:
        """The same swapper, for a track whose light is known.

        Args:
            lights: frame -> the plate's light, in linear Rec.709; frames that are absent are read by themselves.
        """
        lit = copy.copy(self)
        lit.lights = lights
        return lit

    def prepare(
        self, identity: Identity, *, colour_space: str, performer: FloatArray | None = None
    ) -> PreparedReprojection:
        """The identity's texture in the plate's primaries, and how far its proportions are from the performer's.

        Raises:
            ColourSpaceError: unknown space, or one that is not linear.
        """
        matrix = self._config.matrix(source=LINEAR_REC709, destination=colour_space).astype(np.float32)
        skin = np.maximum(matrix @ identity.texture.skin_colour, 1e-4).astype(np.float32)
        relative = np.maximum((identity.texture.rgb * identity.texture.skin_colour) @ matrix.T, 0.0) / skin
        texture = np.ascontiguousarray(relative, dtype=np.float32)
        small = (LIGHT_SIZE, LIGHT_SIZE)
        frontal = frontal_reference(identity.references)
        rest = at_rest(frontal.points, frontal.expression, mesh=self._mesh, shapes=expression_shapes())
        return PreparedReprojection(
            texture=Pyramid(tuple(self._kernels.array(level) for level in make_pyramid(texture).levels)),
            texture_small=np.asarray(cv2.resize(texture, small, interpolation=cv2.INTER_AREA), dtype=np.float32),
            coverage=np.asarray(
                cv2.resize(identity.texture.weight, small, interpolation=cv2.INTER_AREA), dtype=np.float32
            ),
            skin_colour=skin,
            proportions=None if performer is None else compare_proportions(performer, rest, mesh=self._mesh),
            from_rec709=matrix,
            eyes=reference_eyes(frontal, self._atlas.mesh),
            photographed_pixels=max(float(np.linalg.norm(r.points[10] - r.points[152])) for r in identity.references),
        )

    def warp_for(self, face: Face, /) -> Warp:
        """A window of whole plate pixels around the face: nothing is resampled."""
        points = face.points[:, :2]
        reach = MARGIN * max(face.height, 1.0)
        low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
        left, top = np.floor(low).astype(int)
        right, bottom = np.ceil(high).astype(int) + 1
        matrix = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]], dtype=np.float64)
        return Warp(matrix, int(right - left), int(bottom - top))

    def swap(self, crop: Crop, face: Face, prepared: PreparedReprojection, /) -> Crop:
        """The identity's face on the crop; alpha is 0, and the crop's own bits stand, where nothing is changed."""
        kernels, xp, on = self._kernels, self._kernels.xp, self._kernels.array
        shift = np.array([crop.warp.matrix[0, 2], crop.warp.matrix[1, 2], 0.0], dtype=np.float32)
        own = face.points + shift
        clean = _mended(crop.rgb, kernels)
        atlas, height = self._atlas, max(face.height, 1.0)
        positions = atlas.mesh.positions(own)
        ahead = _faces_camera(face, RIMS_SEEN)
        seen = self._look(clean, positions, prepared, height, crop.front, ahead, self.lights.get(face.frame))
        alpha_uv = self._alpha(seen, prepared)

        # The identity's face, by the performer's landmarks with the identity's proportions.
        amount = self.options.reshape * _faces_camera(face, PROFILE)
        points = shut_lids(reshaped_points(own, prepared.proportions, amount=amount), face.expression)
        shape = positions if points is own else atlas.mesh.positions(points)
        raster = kernels.rasterise(shape, atlas.mesh.triangles, height=clean.shape[0], width=clean.shape[1])
        uv = raster.interpolate(atlas.mesh.uv, atlas.mesh.triangles)
        lids = opening(points, EYES, raster, 0.004 * height, kernels=kernels)
        read_at = follow_gaze(points, raster, uv, prepared.eyes, lids, kernels=kernels)
        footprint = texels_per_pixel(shape, atlas.mesh, size=prepared.texture.size)[:, None]
        footprint = raster.interpolate(footprint, atlas.mesh.triangles)[:, 0]
        at_light = atlas.lookup(uv)
        light = kernels.sample(on(seen.light), at_light)
        swapped = kernels.sample_pyramid(prepared.texture, read_at, footprint) * light
        shut = max(shut_eyes(face.expression).values())
        if shut > 0.0:
            swapped += shut * shut_line(on(atlas.regions["eyes"]), at_light, lids, kernels) * (LASHES * light - swapped)

        if self.options.match_light:
            gain = eye_gain(clean, own, swapped, points, raster, height=height, kernels=kernels)
            swapped *= (1.0 + (gain - 1.0) * lids)[:, None]

        # What is the performer's moves with the skin it lies on; the matte stays with the plate's pixels.
        skin_at = None if points is own else raster.interpolate(positions[:, :2], atlas.mesh.triangles)
        worn = Worn(clean, raster, skin_at, kernels)
        if seen.makeup is not None:
            swapped *= xp.exp(kernels.sample(on(seen.makeup), at_light))
        # A glint on a frame is no highlight of skin.
        clear = 1.0 - np.clip(blur(grow(seen.rims, 0.015 * atlas.size), 0.008 * atlas.size), 0.0, 1.0)
        skin_uv = atlas.picture(seen.fit.skin) * clear
        skin = kernels.sample(on(skin_uv), at_light)
        bare = skin * (1.0 - kernels.sample(on(atlas.regions["guard"]), at_light))
        swapped *= finer_detail(worn, bare, photographed_pixels=prepared.photographed_pixels, height=height)
        if self.options.match_light:
            swapped *= cast_shadows(worn, light, bare, height=height)
            shiny = np.maximum(skin_uv, self._shiny(seen, clear))
            swapped += highlights(worn, light, kernels.sample(on(shiny), at_light), height=height)
        at_plate = at_light if points is own else atlas.lookup(self._own_uv(positions, raster, uv))
        alpha = kernels.sample(on(alpha_uv), at_plate)
        # Teeth, tongue and darkness stay the plate's, and move with the lips.
        mouth = opening(points, ("mouth",), raster, 0.005 * height, kernels=kernels)
        if points is own:
            alpha = alpha * (1.0 - mouth)
        else:
            inside = xp.flatnonzero(mouth > 0.0)
            swapped[inside] += mouth[inside, None] * (worn.sharp(inside) - swapped[inside])
        rgb = xp.array(crop.rgb)
        rgb[raster.rows, raster.columns] = swapped
        return replace(crop, rgb=rgb, alpha=raster.picture(alpha) * crop.alpha)

    def _own_uv(self, positions: FloatArray, raster: Any, uv: Array) -> Array:
        """(k, 2) UV of the performer's own shape at a raster's pixels; beside that shape, `uv`."""
        kernels, mesh, (height, width) = self._kernels, self._atlas.mesh, raster.shape
        own = kernels.rasterise(positions, mesh.triangles, height=height, width=width)
        whole = own.picture(own.interpolate(mesh.uv, mesh.triangles), fill=np.nan)
        there = whole[raster.rows, raster.columns]
        return kernels.xp.where(kernels.xp.isfinite(there), there, uv)

    def _look(
        self,
        rgb: Array,
        positions: FloatArray,
        prepared: PreparedReprojection,
        height: float,
        front: Array | None,
        ahead: float,
        solved: HarmonicLight | None,
    ) -> _Seen:
        """Light, skin and what lies in front, in UV."""
        atlas = self._atlas
        facing = atlas.at_texels(atlas.mesh.normals(positions))[:, 2]
        normals = atlas.at_texels(atlas.mesh.normals(positions, rounds=NORMAL_ROUNDS))
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        spread = max(0.4, 0.5 * height / atlas.size)
        kernels, texels = self._kernels, self._kernels.array(atlas.at_texels(positions)[:, :2])
        shown = kernels.plain(kernels.sample(kernels.blur(rgb, spread), texels))
        # What skin looks like is known in Rec.709: the same plate must be read alike in any primaries.
        to_rec709 = np.linalg.inv(prepared.from_rec709).astype(np.float32)
        # What lies in front may have skin's colour, as a hand has: light is no more read there than make-up.
        visible = np.ones(len(facing), np.float32)
        if front is not None:
            hidden = kernels.xp.clip(2.0 * kernels.blur(front, spread + 0.004 * height), 0.0, 1.0)
            visible -= kernels.plain(kernels.sample(hidden, texels))
        fit = fit_skin(shown @ to_rec709.T, normals, facing, atlas, visible=visible, fit_light=kernels.fit_light)
        # From the side the bridge is out of sight, and what is dark in its place is the far cheek.
        rims = thin_parts(spectacle_rims(fit, atlas, whole=True)) * np.float32(ahead)
        if not self.options.match_light:
            flat = np.broadcast_to(prepared.skin_colour, (atlas.size, atlas.size, 3))
            light = np.ascontiguousarray(flat, dtype=np.float32)
        else:
            lit = fit if solved is None else replace(fit, light=solved, shade=solved.shade(normals))
            light = self._light(shown, lit, facing, grow(rims, 0.01 * atlas.size), prepared)
        makeup = None
        if self.options.makeup > 0.0:
            relative = atlas.picture(shown / np.maximum(fit.shade @ prepared.from_rec709.T, 1e-6))
            makeup = kept_makeup(relative, fit, rims, prepared.texture_small, atlas, share=self.options.makeup)
            makeup = makeup * atlas.picture(visible)[..., None]
        # Light is read on skin that it falls on; what lies in a cap's shade is neither hair nor lit, but skin.
        fit = replace(fit, skin=np.maximum(fit.skin, in_shade(fit, atlas) * visible))
        turned, there = atlas.picture(normals[:, 2]), atlas.picture(visible)
        return _Seen(fit=fit, facing=turned, rims=rims, light=light, makeup=makeup, visible=there)

    def _light(
        self, shown: FloatArray, fit: SkinFit, facing: FloatArray, rims: FloatArray, prepared: PreparedReprojection
    ) -> FloatArray:
        """Harmonic light plus half of the smooth difference that is left between plate and relit texture."""
        atlas = self._atlas
        shade = atlas.picture(np.maximum(fit.shade @ prepared.from_rec709.T, 1e-6))
        relit = np.maximum(prepared.texture_small * shade, 1e-4)
        left_over = np.clip(np.log(np.maximum(atlas.picture(shown), 1e-4) / relit), -0.7, 0.7)
        weight = atlas.picture(fit.skin * smoothstep(facing, 0.2, 0.5)) * prepared.coverage * (1.0 - rims)
        weight = np.asarray(weight * (1.0 - atlas.regions["guard"]) * (atlas.regions["edge"] > 0.05), dtype=np.float32)
        sigma = RESIDUAL_SIGMA * atlas.size
        total = blur(weight, sigma)
        smooth = blur(left_over * weight[..., None], sigma) / np.maximum(total, 1e-4)[..., None]
        smooth *= np.clip(total * 8.0, 0.0, 1.0)[..., None]
        share = RESIDUAL_SHARE * np.clip(smooth, -RESIDUAL_LIMIT, RESIDUAL_LIMIT)
        # Outside the mesh the last colour is carried on, so that sampling at the border does not darken.
        inside = atlas.picture(np.ones(len(fit.skin), np.float32))
        lit = shade * np.exp(share)
        spread = (
            blur(np.asarray(lit * inside[..., None], np.float32), 2.0) / np.maximum(blur(inside, 2.0), 1e-4)[..., None]
        )
        return np.asarray(np.where(inside[..., None] > 0.0, lit, spread), dtype=np.float32)

    def _alpha(self, seen: _Seen, prepared: PreparedReprojection) -> FloatArray:
        """(size, size) the swapper's matte in UV."""
        atlas, options, size = self._atlas, self.options, self._atlas.size
        # `depth` is 1 at 0.48 face heights inside the mesh: the widest feather leaves a middle that is whole.
        soft_end = min(0.0075 + max(options.feather, 0.002) * 1.5 / 0.48, 0.75)
        border = smoothstep(atlas.regions["depth"], 0.0075, soft_end)
        hair = np.zeros_like(border)
        if options.holdout_hair:
            skin = blur(atlas.picture(seen.fit.skin), 0.006 * size)
            hair = hair_over(np.asarray(1.0 - smoothstep(skin, 0.3, 0.7)), seen.fit, atlas) * seen.visible
        coverage = prepared.coverage
        rims = np.clip(blur(grow(seen.rims, 0.010 * size), 0.006 * size) * 1.5, 0.0, 1.0)
        if options.holdout_glasses:
            front = np.maximum(hair, blur(grow(seen.rims, 0.006 * size), 0.004 * size))
        else:
            front = hair * (1.0 - rims)
            coverage = np.maximum(coverage, rims * smoothstep(atlas.regions["edge"], 0.03, 0.3))
            border = np.maximum(border, rims * smoothstep(atlas.regions["edge"], 0.0, 0.2))
        turned = smoothstep(seen.facing, 0.05, 0.3)
        return np.asarray(border * coverage * turned * (1.0 - front), dtype=np.float32)

    def _shiny(self, seen: _Seen, clear: FloatArray) -> FloatArray:
        """(size, size) where what is brighter than skin is a highlight of it: no feature, glint or thing in front."""
        atlas = self._atlas
        bare = seen.visible * clear * (1.0 - atlas.regions["guard"])
        return np.asarray(atlas.picture(sheen(seen.fit)) * bare, dtype=np.float32)


def _faces_camera(face: Face, degrees: tuple[float, float]) -> float:
    """1 for a head that is turned from the camera by less than the first of `degrees`, 0 by more than the second."""
    turned = np.asarray(max(abs(face.pose.yaw_degrees), abs(face.pose.pitch_degrees)), dtype=np.float32)
    return 1.0 - float(smoothstep(turned, *degrees))


def _mended(rgb: Array, kernels: Kernels) -> Array:
    """A crop without negatives, and with the mean of what surrounds them in place of pixels that are not finite.

    Left at any large number, an inf would glare over its neighbours in every blur.
    """
    xp = kernels.xp
    finite = xp.isfinite(rgb)
    good = finite[..., 0] & finite[..., 1] & finite[..., 2]
    clean = xp.maximum(rgb if good.all() else xp.where(good[..., None], rgb, 0.0), 0.0)
    for sigma in (1.0, 4.0, 16.0):
        if good.all():
            break
        total, share = kernels.blur(clean, sigma), kernels.blur(xp.float32(good), sigma)
        found = ~good & (share > 1e-3)
        clean[found] = total[found] / share[found][:, None]
        good = good | found
    return clean
