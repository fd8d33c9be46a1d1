"""The identity's skin in canonical UV: its own light taken out, only what the references really show.

Per reference: light is fitted to skin and divided out; what is not skin (fringe, hat, spectacles) and what
is seen too flat is dropped. References merge by how well each shows a texel; what none shows is mirrored
from the other side, then filled smoothly, and its weight says so: there the plate is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.raster import rasterise
from vfx_swap.geometry.sample import sample
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.reprojection.atlas import Atlas, make_atlas
from vfx_swap.models.reprojection.filling import filled_texture, lips_apart, under_the_nose
from vfx_swap.models.reprojection.hair import hanging
from vfx_swap.models.reprojection.skin import SkinFit, fit_skin, spectacle_rims
from vfx_swap.models.reprojection.soft import blur, grow, masked_blur, smoothstep
from vfx_swap.types import Reference, SkinTexture

__all__ = ["TEXTURE_SIZE", "atlas_for", "build_texture", "by_merit", "frontal_reference"]

TEXTURE_SIZE = 1024
"""Side of the texture: about one texel a pixel for a face 900 px high."""
NORMAL_ROUNDS = 30
"""Smoothing of the normals that light is fitted to."""
HIGHLIGHT_COLOUR = (0.0, 0.3)
"""Log luminance over mean skin between which a texel's colour gives way to mean skin's."""
DARK_SKIN, DARK_IRIS = (-1.6, -0.5), (-3.2, -2.2)
"""Log luminance over mean skin between which colour comes in: skin, and eyes, whose irises are dark and have colour."""
BEHIND_LENS = 0.4
"""How far the performer's eyes are kept where the reference shows the identity's behind lenses."""
FACING = (0.33, 0.58)
"""Cosines to the camera between which a reference begins to show skin: flatter, it shows streaks."""
HIGHLIGHT = 0.3
"""Log luminance over mean skin above which a reference's own highlight is compressed (softly, to +0.2)."""
COLOUR_LIMIT, FEATURE_COLOUR_LIMIT = 0.3, 0.8
"""Bounds, in log, on how far a texel's colour may stray from mean skin: skin, and lips and eyes."""
DETAIL_TARGET = 0.17
"""Robust spread of fine log luminance of well photographed skin; contrast of a reference is drawn to it."""
PORES, PORES_MOST = 0.006, 0.025
"""Scale, as a fraction of the side, under which luminance is pores, and the most it may spread: a sharpened or
compressed photograph has two to three times that, and crackles (both portraits: 0.02 and 0.08)."""
STRANDS = (-2.5, -1.2)
"""Spreads of log luminance under which what hangs in from the outline is hair."""
BROW_REACH, ROUNDED = 0.045, 0.12
"""How far beyond the brows' outline the face is covered in any case, and the radius of the bays that are closed, as
fractions of the side."""
HAIR_SIDE = 0.01
"""How far hair darkens the skin beside it, as a fraction of the side."""
BARE = (0.1, 0.3)
"""Share of skin around a feature between which nothing lies before it."""
SHINES, SHINE_SHARE = (0.3, 0.6), 1.0
"""Log luminance over mean skin between which a pale texel is a reflection, and how much of that is taken off."""
LEAST_SKIN = 1.2
"""Luminance over mean skin's that is left of what shines: about it sheen that is too faint to be told stays, and what
is taken off farther shows as a stain."""
STRAND_WIDTH = 0.014
"""Width of the widest single strand of a fringe, as a fraction of the side."""
SIDES = (0.35, 0.6)
"""Depth inside the outline between which strands no longer hang over a cheek."""
STRAND_DEPTH, FRINGE = (0.05, 0.15), (0.04, 0.12)
"""How much darker than the skin beside it a strand is, in log luminance, and the share of skin that strands
cover, between which a forehead is taken to lie behind a fringe: freckles and wrinkles are no upright lines."""
MERIT_HALF_SIZE, MERIT_EXPRESSION = 0.25, 0.03
"""What half the size, and one expression weight in full, cost a reference against its facing (the cosine)."""
ENOUGH = (0.55, 0.8)
"""Cosines to the camera of a photograph between which a lesser one has no more to say."""
KNOWN = (0.3, 0.8)
"""Trust of a texel between which it counts as shown."""
OUTER = (0.35, 0.6)
"""Depth inside the outline between which a face is its sides, which a turned head shows better."""
APART_SIGMAS, APART_MOST = (0.3, 0.1, 0.05), 0.7
"""Blurs, as fractions of the side, widest first, and bound in log, of what sets two references apart."""


def atlas_for(mesh: CanonicalMesh, *, size: int) -> Atlas:
    """The atlas of the canonical mesh, row 0 at the forehead."""
    uv_down = np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1).astype(np.float32)
    return make_atlas(uv=uv_down, triangles=mesh.triangles, size=size)


def frontal_reference(references: Sequence[Reference]) -> Reference:
    """The reference that leads: it faces the camera, is large, and its face is at rest."""
    return by_merit(references)[0]


def by_merit(references: Sequence[Reference]) -> list[Reference]:
    """References, the best first: turned little, photographed large, and at rest; of equals the earlier."""
    largest = max(_height(reference) for reference in references)

    def merit(reference: Reference) -> float:
        turned = np.radians([reference.pose.yaw_degrees, reference.pose.pitch_degrees])
        smaller = float(np.log2(max(largest / max(_height(reference), 1.0), 1.0)))
        acting = float(np.clip(reference.expression[1:], 0.0, 1.0).sum())
        return float(np.cos(turned).prod()) - MERIT_HALF_SIZE * smaller - MERIT_EXPRESSION * acting

    return sorted(references, key=merit, reverse=True)


def _height(reference: Reference) -> float:
    """Of the face, in pixels."""
    return float(np.linalg.norm(reference.points[10, :2] - reference.points[152, :2]))


@dataclass(frozen=True, eq=False)
class _View:
    """What one reference gives: relative log luminance and colour, and how far to trust it."""

    luminance: FloatArray
    colour: FloatArray
    trust: FloatArray
    coverage: FloatArray
    skin_colour: FloatArray
    facing: FloatArray


def build_texture(references: Sequence[Reference], *, mesh: CanonicalMesh, size: int = TEXTURE_SIZE) -> SkinTexture:
    """Build the identity's skin texture.

    Args:
        references: photographs, one or more; more angles show more of the face.
        mesh: the canonical mesh.
        size: side of the texture in texels.

    Raises:
        ValueError: no reference.
    """
    if not references:
        raise ValueError("a texture needs at least one reference")
    atlas = atlas_for(mesh, size=size)
    views = [_view(reference, atlas) for reference in by_merit(references)]
    outer = 1.0 - smoothstep(atlas.regions["depth"], *OUTER)
    luminance, colour, trust, facing = views[0].luminance, views[0].colour, views[0].trust, views[0].facing
    for view in views[1:]:
        # Where a better photograph looks straight at skin it stands alone: two that differ by a hair make mush.
        # The middle of the face and its features come from the leading one as far as it shows them.
        flat = outer * (1.0 - smoothstep(facing, *ENOUGH))
        wanted = np.maximum(1.0 - smoothstep(trust, *KNOWN), flat)
        share = view.trust * wanted * (1.0 - atlas.regions["guard"])
        luminance, colour = _joined(luminance, colour, trust, view, share, size)
        trust, facing = np.maximum(trust, view.trust), np.maximum(facing, view.facing * view.trust)
    coverage = np.max([view.coverage for view in views], axis=0)
    relative = np.exp(luminance[..., None] + colour).astype(np.float32)
    filled = filled_texture(relative, trust, atlas)
    return SkinTexture(rgb=filled, weight=np.asarray(coverage, dtype=np.float32), skin_colour=views[0].skin_colour)


def _joined(
    luminance: FloatArray, colour: FloatArray, trust: FloatArray, view: _View, share: FloatArray, size: int
) -> tuple[FloatArray, FloatArray]:
    """Log luminance and colour with a further view laid in by its share.

    What the fit of light left in each photograph differs from the next: smooth differences, read where both
    show skin and carried on beyond, are taken out of the one that comes in, or their border would show.
    """
    both = np.asarray(trust * view.trust, dtype=np.float32)
    held = np.concatenate([luminance[..., None], colour], axis=-1)
    new = np.concatenate([view.luminance[..., None], view.colour], axis=-1)
    apart = np.asarray(np.clip(new - held, -APART_MOST, APART_MOST), dtype=np.float32)
    smooth = np.zeros_like(apart)
    for sigma in APART_SIGMAS:
        near = np.clip(blur(both, sigma * size) * 20.0, 0.0, 1.0)[..., None]
        smooth += near * (masked_blur(apart, both, sigma * size) - smooth)
    joined = held + share[..., None] * (new - smooth - held)
    return np.asarray(joined[..., 0], dtype=np.float32), np.asarray(joined[..., 1:], dtype=np.float32)


def _view(reference: Reference, atlas: Atlas) -> _View:
    positions = atlas.mesh.positions(reference.points)
    texels = atlas.at_texels(positions)
    facing = atlas.at_texels(atlas.mesh.normals(positions))[:, 2]
    smooth = atlas.at_texels(atlas.mesh.normals(positions, rounds=NORMAL_ROUNDS))
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-6)
    height = float(np.linalg.norm(reference.points[10, :2] - reference.points[152, :2]))
    shown = sample(_reduced(reference.rgb, height / atlas.size), texels[:, :2], cubic=True)
    fit = fit_skin(shown, smooth, facing, atlas)

    hard_rims = spectacle_rims(fit, atlas)
    rims = _soft_rims(hard_rims, atlas)
    seen = _visible(positions, texels, facing, smooth[:, 2], reference, atlas)
    shown_skin = _shown_skin(fit, hard_rims, atlas) * seen
    trust = shown_skin * (1.0 - rims)
    coverage = _coverage(shown_skin, atlas)
    if hard_rims.any():
        # Eyes behind lenses are dark, small and full of reflections: the performer's are better.
        behind = np.float32(BEHIND_LENS) * smoothstep(atlas.regions["eyes"], 0.5, 1.0)
        trust, coverage = trust * (1.0 - behind), coverage * (1.0 - behind)
    luminance, colour = _detail(shown, fit, trust, atlas, behind_lenses=bool(hard_rims.any()))
    core = fit.skin > 0.7
    skin_colour = fit.shade[core].mean(axis=0) if core.any() else fit.shade.mean(axis=0)
    return _View(
        luminance=luminance,
        colour=colour,
        trust=np.asarray(trust, dtype=np.float32),
        coverage=coverage,
        skin_colour=skin_colour.astype(np.float32),
        facing=atlas.picture(np.maximum(smooth[:, 2], 0.0)),
    )


def _reduced(rgb: FloatArray, pixels_per_texel: float) -> FloatArray:
    """The reference low-passed to what the texture can hold, so that large photographs do not alias."""
    clean = np.maximum(np.nan_to_num(rgb, nan=0.0, posinf=1e4, neginf=0.0), 0.0).astype(np.float32)
    return blur(clean, 0.5 * pixels_per_texel) if pixels_per_texel > 1.2 else clean


def _visible(
    positions: FloatArray,
    texels: FloatArray,
    facing: FloatArray,
    smooth_facing: FloatArray,
    reference: Reference,
    atlas: Atlas,
) -> FloatArray:
    """(size, size) how well the reference's camera sees each texel: turned to it, and nothing in front."""
    height, width = reference.rgb.shape[:2]
    scale = min(1.0, 512.0 / max(height, width))
    small = positions * np.float32(scale)
    raster = rasterise(small, atlas.mesh.triangles, height=int(height * scale), width=int(width * scale))
    depth = raster.picture(raster.depth, fill=np.inf)
    face = max(float(np.ptp(small[:, 1])), 1.0)
    at = np.round(texels[:, :2] * scale).astype(int)
    inside = ((at >= 0) & (at < [depth.shape[1], depth.shape[0]])).all(axis=1)
    at = np.clip(at, 0, [depth.shape[1] - 1, depth.shape[0] - 1])
    hidden = texels[:, 2] * scale > depth[at[:, 1], at[:, 0]] + 0.03 * face
    middle = smoothstep(atlas.region("edge"), 0.6, 1.0)
    turned = np.maximum(smoothstep(facing, *FACING), smoothstep(smooth_facing, 0.3, 0.5) * middle)
    return atlas.picture(np.asarray(turned * inside * ~hidden, dtype=np.float32))


def _shown_skin(fit: SkinFit, rims: FloatArray, atlas: Atlas) -> FloatArray:
    """(size, size) 1 where the reference shows skin or a feature, 0 on hair and hats.

    The middle of the face below the brows' top is taken as face: hair seldom lies there, wrinkles do; but not
    where a whole area has no skin, such as a hand or a microphone.
    """
    size = atlas.size
    row = np.asarray(np.arange(size) / size, dtype=np.float32)[:, None]
    core = smoothstep(atlas.regions["edge"], 0.6, 1.0) * smoothstep(row, 0.24, 0.29)
    guard = atlas.regions["guard"]
    probable = atlas.picture(fit.skin)
    skin = blur(probable, 0.004 * size)
    # A wrinkle is thin: where nothing at all is skin something lies before the face, its features too.
    around = masked_blur(probable[..., None], 1.0 - guard, 0.03 * size)[..., 0]
    bare = smoothstep(around, *BARE)
    hair = (1.0 - smoothstep(skin, 0.35, 0.75)) * (1.0 - guard * bare) * (1.0 - core * bare)
    # Strands that hang in beside the eyes are dark and of one piece with the outline; brows and eyes stay.
    dark = 1.0 - smoothstep(atlas.picture(fit.distance[:, 2]), *STRANDS)
    strands = (1.0 - smoothstep(skin, 0.35, 0.75)) * dark * (1.0 - smoothstep(row, 0.55, 0.65))
    # So do arms and rims of spectacles, which are filled and not left to the plate: not with spectacles on.
    features = np.clip(sum(atlas.regions[name] for name in ("eyes", "brows")), 0.0, 1.0)
    strands = np.asarray(strands * (1.0 - np.clip(2.0 * features, 0.0, 1.0)) * (not rims.any()), dtype=np.float32)
    hair = np.maximum(hair, strands * hanging(strands, atlas))
    # Skin beside hair is dark with its shadow and its thinnest strands: it is no ground to fill from.
    hangs = (hair > 0.5) * hanging(hair, atlas) * (not rims.any())
    beside = blur(grow(np.asarray(hangs, np.float32), HAIR_SIDE * size), HAIR_SIDE * size)
    hair = np.maximum(hair, beside * (1.0 - guard * bare))
    inside = atlas.picture(np.ones(len(fit.skin), np.float32))
    return np.asarray((1.0 - hair) * inside, dtype=np.float32)


def _soft_rims(rims: FloatArray, atlas: Atlas) -> FloatArray:
    return blur(grow(rims, 0.006 * atlas.size), 0.004 * atlas.size) * (1.0 - atlas.regions["eyes"])


def _coverage(shown_skin: FloatArray, atlas: Atlas) -> FloatArray:
    """The area a reference covers as a whole, soft at its border and without pinholes."""
    size = atlas.size
    side = 2 * int(0.02 * size) + 1
    brush = np.ones((side, side), np.uint8)
    solid = cv2.morphologyEx((shown_skin > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, brush)
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, brush)
    # The performer's brows go whole or not at all: half of one beside the identity's is a ghost.
    solid |= (grow(atlas.regions["brows"], BROW_REACH * size) > 0.5).astype(np.uint8)
    solid = _rounded(solid, ROUNDED * size)
    inner = cv2.distanceTransform(np.pad(solid, 1), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1] / size
    # A blur's kernel sums to 1 but for rounding.
    return np.minimum(blur(smoothstep(inner.astype(np.float32), 0.0, 0.035), 0.01 * size), np.float32(1.0))


def _rounded(solid: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """An area without bays narrower than twice `radius` texels, such as one between brow and cheek."""
    outside = cv2.distanceTransform(
        np.pad(1 - solid, round(radius) + 1, constant_values=1), cv2.DIST_L2, cv2.DIST_MASK_5
    )
    grown = (outside < radius).astype(np.uint8)
    back = cv2.distanceTransform(grown, cv2.DIST_L2, cv2.DIST_MASK_5) > radius
    margin = round(radius) + 1
    return np.asarray(np.maximum(solid, back[margin:-margin, margin:-margin].astype(np.uint8)), dtype=np.uint8)


def _detail(
    shown: FloatArray, fit: SkinFit, trust: FloatArray, atlas: Atlas, *, behind_lenses: bool
) -> tuple[FloatArray, FloatArray]:
    """Log luminance (size, size) and log colour (size, size, 3) over mean skin.

    Luminance is the plain sum of the channels over that of the light: in saturated photographs the weak
    channels hold grading and compression, not skin.
    """
    size = atlas.size
    matt = _matt(shown, fit.shade)
    luminance = atlas.picture(np.log(np.clip(matt.sum(1) / fit.shade.sum(1), 0.02, 8.0)))
    luminance = _without_strands(luminance, atlas)
    luminance = np.where(
        luminance > HIGHLIGHT, HIGHLIGHT + 0.2 * np.tanh((luminance - HIGHLIGHT) / 0.2), luminance
    ).astype(np.float32)
    luminance = under_the_nose(luminance, trust, atlas)
    fine = luminance - masked_blur(luminance[..., None], trust, 0.02 * size)[..., 0]
    bare = (trust > 0.9) & (atlas.regions["guard"] < 0.05)
    spread = 1.4826 * float(np.median(np.abs(fine[bare]))) if bare.any() else DETAIL_TARGET
    gain = float(np.clip((DETAIL_TARGET / max(spread, 1e-3)) ** 0.5, 0.75, 1.35))
    luminance = luminance + np.float32(gain - 1.0) * fine
    pores = luminance - masked_blur(luminance[..., None], trust, PORES * size)[..., 0]
    rough = 1.4826 * float(np.median(np.abs(pores[bare]))) if bare.any() else PORES_MOST
    calmed = np.float32(min(1.0, PORES_MOST / max(rough, 1e-4)) - 1.0)
    luminance = luminance + calmed * pores * (1.0 - atlas.regions["guard"])

    logs = atlas.picture(np.log(np.clip(matt / fit.shade, 0.02, 8.0)))
    colour = logs - (logs @ np.asarray(LUMA, np.float32))[..., None]
    # In the dark of lashes and folds colour is noise; in highlights it is the lamp's, not the skin's.
    skin_only = 1.0 - np.clip(2.0 * atlas.regions["eyes"], 0.0, 1.0)
    # Irises are dark and have colour; behind lenses it is the lens' and the lids'.
    iris = smoothstep(atlas.regions["eyes"], 0.8, 1.0) * np.float32(not behind_lenses)
    dark = smoothstep(luminance, *DARK_SKIN) * (1.0 - iris) + smoothstep(luminance, *DARK_IRIS) * iris
    colour *= dark[..., None]
    colour *= (1.0 - smoothstep(luminance, *HIGHLIGHT_COLOUR) * skin_only)[..., None]
    features = np.clip(atlas.regions["lips"] + atlas.regions["eyes"], 0.0, 1.0)[..., None]
    smooth = masked_blur(colour, trust, 0.01 * size)
    sharp = masked_blur(colour, np.maximum(trust, features[..., 0]), 0.004 * size)
    mixed = smooth + (sharp - smooth) * features
    bound = COLOUR_LIMIT + (FEATURE_COLOUR_LIMIT - COLOUR_LIMIT) * features
    middle = np.median(colour[bare], axis=0) if bare.any() else np.zeros(3, np.float32)
    return lips_apart(luminance, np.asarray(bound * np.tanh((mixed - middle) / bound), dtype=np.float32), atlas)


def _matt(shown: FloatArray, shade: FloatArray) -> FloatArray:
    """(k, 3) a photograph's texels without the lamp's reflection on skin that shines.

    Skin's own colour is its shade's, a reflection's is white: the two shares that come nearest to a texel's three
    channels (least squares), and the second taken off where both add (dichromatic model, Shafer 1985).
    """
    clean = np.maximum(shown, 1e-4)
    skin = shade / shade.sum(axis=1, keepdims=True)
    white = np.float32(1.0 / 3.0)
    ss, sw, ww = (skin * skin).sum(1), (skin * white).sum(1), np.float32(3.0) * white * white
    cs, cw = (clean * skin).sum(1), (clean * white).sum(1)
    determinant = np.maximum(ss * ww - sw * sw, 1e-6)
    reflected = np.maximum((ss * cw - sw * cs) / determinant, 0.0)
    bright = smoothstep(np.log(clean.sum(1) / shade.sum(1)), *SHINES)
    # What is left is skin: where its colour is known badly more would be taken off than the lamp put on.
    most = np.maximum(clean.sum(1) - LEAST_SKIN * shade.sum(1), 0.0)
    off = SHINE_SHARE * bright * np.minimum(reflected, most)
    return np.asarray(np.maximum(clean - off[:, None] * white, 0.2 * clean), np.float32)


def _without_strands(luminance: FloatArray, atlas: Atlas) -> FloatArray:
    """Log luminance of skin behind a thin fringe: upright dark lines are drawn over by the skin beside them."""
    size = atlas.size
    width = 2 * round(0.5 * STRAND_WIDTH * size) + 1
    beside = cv2.morphologyEx(luminance, cv2.MORPH_CLOSE, np.ones((1, width), np.uint8))
    along = cv2.morphologyEx(luminance, cv2.MORPH_CLOSE, np.ones((width, 1), np.uint8))
    # A spot is darker than what lies above it too; a strand is not.
    upright = smoothstep(np.asarray(beside - along, np.float32), *STRAND_DEPTH)
    row = np.asarray(np.arange(size) / size, dtype=np.float32)[:, None]
    # Over the forehead, and down the sides of the face.
    sides = (1.0 - smoothstep(atlas.regions["depth"], *SIDES)) * (1.0 - smoothstep(row, 0.55, 0.6))
    hangs = np.maximum(1.0 - smoothstep(row, 0.38, 0.44), sides)
    off = np.asarray((1.0 - atlas.regions["guard"]) * hangs, dtype=np.float32)
    fringe = smoothstep(masked_blur((upright * off)[..., None], off, 0.025 * size)[..., 0], *FRINGE) * off
    between = off * (1.0 - smoothstep(np.asarray(beside - luminance, np.float32), 0.03, 0.1))
    drawn = masked_blur(luminance[..., None], between, 0.01 * size)[..., 0]
    return np.asarray(luminance + fringe * (drawn - luminance), dtype=np.float32)
