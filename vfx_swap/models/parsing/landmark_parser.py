"""A parser without weights: regions by landmarks, what covers the face by the light on it.

landmarks --> mesh --> skin fitted to its light (`reprojection.skin`), up to the hairline (`forehead`)
           --> hair over the face: what is no skin and hangs in from its outline
landmarks --> outlines of eyes, brows, lips, mouth and nose; a brow is what is dark in its outline
spectacles are those that the analyse pass found. Ears, neck, cloth, hats and hair beside the face: not known, all 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.geometry.mesh import LOOPS
from vfx_swap.geometry.raster import Raster, rasterise
from vfx_swap.geometry.sample import sample
from vfx_swap.geometry.warps import fit_similarity
from vfx_swap.models.cards import Card
from vfx_swap.models.facemesh.canonical import CanonicalMesh, read_canonical_mesh
from vfx_swap.models.front.view import linear_light
from vfx_swap.models.parsing.forehead import forehead
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.hair import hair_over
from vfx_swap.models.reprojection.openings import filled_corners
from vfx_swap.models.reprojection.skin import SkinFit, fit_skin, sheen
from vfx_swap.models.reprojection.soft import blur, grow, smoothstep
from vfx_swap.models.reprojection.texture import atlas_for
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.types import LANDMARK_COUNT, Face, ModelImage, Warp

__all__ = ["LandmarkParser", "load_landmark_parser"]

ATLAS = 256
"""Side of the UV picture that skin is fitted in."""
LARGEST, SMALLEST, STEP = 2048, 192, 32
"""Sides of the crop, in pixels: the plate's own where they fit."""
SOFTNESS = 0.0035
"""Standard deviation of an outline's edge, as a fraction of face height."""
NORMAL_ROUNDS = 30
"""Smoothing of the normals that light is fitted to."""
BROW_MARGIN = 0.012
"""By how much a brow's outline is grown, as a fraction of face height: hairs stand out of it."""
BROW_DARK = (0.6, 1.8)
"""Spreads of log luminance by which a brow is darker than skin."""
SHUT = (0.03, 0.07)
"""Areas of an eye, in squares of its width, from shut to open; at rest it is about 0.25."""
INWARD = (0.15, 0.4)
"""How far inside the outline a highlight is the skin's and not hair's, in the atlas' region `edge`."""
SHADE_COLOUR, SHADE_DARK = (1.5, 3.0), (9.0, 13.0)
"""Spreads of colour within which what is dark is shaded skin, and of luminance up to which. Measured: a cap's shadow
lies 1.4 off in colour and 8 in luminance, a brown fringe 9 off in colour."""
FAIR = 0.3
"""Share of a brow's outline that is dark, under which the brow is too fair to be told from skin: its outline counts."""

_UPPER_LIP = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    *(308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78),
)
_LOWER_LIP = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    *(308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78),
)
_NOSE = (
    *(168, 193, 188, 174, 217, 209, 49, 129, 64, 98, 97, 2),
    *(326, 327, 294, 358, 279, 429, 437, 399, 412, 417),
)
_OUTLINES: Mapping[str, tuple[int, ...]] = {
    "l_eye": LOOPS["eye_image_left"],
    "r_eye": LOOPS["eye_image_right"],
    "mouth": LOOPS["mouth"],
    "u_lip": _UPPER_LIP,
    "l_lip": _LOWER_LIP,
    "l_brow": LOOPS["brow_image_left"],
    "r_brow": LOOPS["brow_image_right"],
}
"""In the order in which they take their pixels, before skin takes the rest."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A face in its crop, and in UV."""

    raster: Raster
    uv: FloatArray
    """(k, 2) at the raster's pixels."""
    fit: SkinFit
    height: float

    def picture(self, texels: FloatArray, atlas: Atlas) -> FloatArray:
        """A UV picture (size, size) as the crop sees it, 0 beside the mesh."""
        return self.raster.picture(sample(texels, atlas.lookup(self.uv)))


class LandmarkParser:
    """Regions from landmarks and light (protocol `Parser`)."""

    def __init__(self, *, id: str, mesh: CanonicalMesh) -> None:
        """A parser.

        Args:
            id: the card's id.
            mesh: the canonical face mesh.
        """
        self.id = id
        self._atlas = atlas_for(mesh, size=ATLAS)

    def warp_for(self, face: Face, /) -> Warp:
        """FFHQ's crop, upright, in pixels as large as the plate's.

        Raises:
            NoFaceError: the face's landmarks fall together.
        """
        points, template = five_points(face.points), template_named("ffhq_512")
        probe = fit_similarity(points, template.pixels(512), width=512, height=512)
        side = 512.0 / float(np.hypot(*probe.matrix[:, 0]))
        size = int(np.clip(STEP * round(side / STEP), SMALLEST, LARGEST))
        return fit_similarity(points, template.pixels(size), width=size, height=size)

    def parse(
        self, image: ModelImage, points: FloatArray, /, *, hidden: Mapping[str, FloatArray] | None = None
    ) -> FloatArray:
        """Regions of a crop: see `Parser`."""
        check_array("points", points, shape=(LANDMARK_COUNT, 3))
        shape = (int(image.rgb.shape[0]), int(image.rgb.shape[1]))
        covered = {} if hidden is None else dict(hidden)
        seen = self._look(image, points, covered)
        out = np.zeros((len(REGIONS), *shape), np.float32)
        solid = seen.raster.picture(np.ones(len(seen.raster.rows), np.float32))
        left = np.clip(blur(solid, max(0.8, SOFTNESS * seen.height)), 0.0, 1.0)
        glasses = covered.get("glasses")
        if glasses is not None:
            out[region_index("eye_g")] = glasses
            left = left * (np.float32(1.0) - glasses)
        for name, region in (("hair", self._hair(seen)), *self._features(seen, points, shape)):
            part = left * region
            out[region_index(name)] = part
            left = left - part
        out[region_index("skin")] = np.maximum(left, self._forehead(seen, image, points, left, covered, taken=out))
        out[0] = np.clip(1.0 - out[1:].sum(axis=0), 0.0, 1.0)
        return out

    @staticmethod
    def _forehead(
        seen: _Seen,
        image: ModelImage,
        points: FloatArray,
        skin: FloatArray,
        covered: Mapping[str, FloatArray],
        *,
        taken: FloatArray,
    ) -> FloatArray:
        """(h, w) bare skin up to the hairline, where no region has been taken."""
        bare = skin
        for matte in covered.values():
            bare = bare * (1.0 - matte)
        above = forehead(linear_light(image.rgb), points, np.asarray(bare, np.float32), seen.height)
        return np.asarray(np.minimum(above, 1.0 - taken.sum(axis=0)), np.float32)

    def _look(self, image: ModelImage, points: FloatArray, covered: Mapping[str, FloatArray]) -> _Seen:
        """Light and skin in UV."""
        atlas, (height, width) = self._atlas, image.rgb.shape[:2]
        positions = atlas.mesh.positions(points)
        tall = max(4.0, float(np.linalg.norm(points[10, :2] - points[152, :2])))
        facing = atlas.at_texels(atlas.mesh.normals(positions))[:, 2]
        normals = atlas.at_texels(atlas.mesh.normals(positions, rounds=NORMAL_ROUNDS))
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        spread = max(0.4, 0.5 * tall / atlas.size)
        texels = atlas.at_texels(positions)[:, :2]
        shown = sample(blur(linear_light(image.rgb), spread), texels)
        visible = np.ones(len(facing), np.float32)
        for matte in covered.values():
            wide = np.clip(2.0 * blur(matte, spread + 0.004 * tall), 0.0, 1.0).astype(np.float32)
            visible = visible * (1.0 - sample(wide, texels))
        raster = rasterise(positions, atlas.mesh.triangles, height=height, width=width)
        return _Seen(
            raster=raster,
            uv=raster.interpolate(atlas.mesh.uv, atlas.mesh.triangles),
            fit=fit_skin(shown, normals, facing, atlas, visible=visible),
            height=tall,
        )

    def _hair(self, seen: _Seen) -> FloatArray:
        """(h, w) hair over the face: what is no skin and hangs in from the outline, above the mouth."""
        atlas, size = self._atlas, self._atlas.size
        # Beside the mesh nothing is seen: its border is no hair for that.
        skin = blur(atlas.picture(seen.fit.skin, fill=1.0), 0.004 * size)
        bare = 1.0 - smoothstep(skin, 0.3, 0.7)
        # A lamp's reflection on a forehead is no skin either; at the outline it may well be hair in that lamp.
        shine = grow(atlas.picture(sheen(seen.fit)), 0.01 * size) * smoothstep(atlas.regions["edge"], *INWARD)
        bare = bare * (1.0 - np.clip(2.0 * shine, 0.0, 1.0))
        bare = bare * (1.0 - blur(atlas.picture(_shadow(seen.fit)), 0.004 * size))
        return np.clip(seen.picture(hair_over(np.asarray(bare, np.float32), seen.fit, atlas), atlas), 0.0, 1.0)

    def _features(self, seen: _Seen, points: FloatArray, shape: tuple[int, int]) -> list[tuple[str, FloatArray]]:
        """(h, w) of each outline, where the mesh shows it: the far eye of a profile is none."""
        atlas = self._atlas
        soft = max(0.5, SOFTNESS * seen.height)
        dark = seen.picture(atlas.picture(-seen.fit.distance[:, 2]), atlas)
        out = []
        for name, indices in _OUTLINES.items():
            drawn = filled_corners([points[list(indices), :2]], shape, soft)
            if "brow" in name:
                drawn = _brow(drawn, dark, seen.height)
            elif "eye" in name:
                drawn = drawn * _open(points[list(indices), :2])
            shown = seen.picture(_in_uv(indices, atlas), atlas)
            out.append((name, drawn * np.clip(2.0 * shown, 0.0, 1.0)))
        # A nose stands out: seen from the side its outline crosses itself, so it is drawn on the face.
        out.append(("nose", np.clip(seen.picture(_in_uv(_NOSE, atlas, grown=0.0), atlas), 0.0, 1.0)))
        return out


def _shadow(fit: SkinFit) -> FloatArray:
    """(k,) 0 to 1: darker than skin and of its colour, as a cap's shadow is; hair has a colour of its own."""
    colour = np.hypot(fit.distance[:, 0], fit.distance[:, 1])
    dark = -fit.distance[:, 2]
    return np.asarray(
        (1.0 - smoothstep(colour, *SHADE_COLOUR)) * smoothstep(dark, 0.5, 1.5) * (1.0 - smoothstep(dark, *SHADE_DARK)),
        np.float32,
    )


def _open(corners: FloatArray) -> np.float32:
    """0 for a shut eye, whose lids' rims enclose a sliver, 1 for an open one."""
    width = float(np.ptp(corners @ _along(corners)))
    opening = float(cv2.contourArea(corners.astype(np.float32))) / max(width * width, 1e-6)
    return np.float32(smoothstep(np.float32(opening), *SHUT))


def _along(corners: FloatArray) -> FloatArray:
    """(2,) unit vector from a loop's first corner to the one farthest from it."""
    away = corners - corners[0]
    far = away[int(np.argmax((away**2).sum(axis=1)))]
    return np.asarray(far / max(float(np.linalg.norm(far)), 1e-6), np.float32)


def _brow(drawn: FloatArray, dark: FloatArray, height: float) -> FloatArray:
    """A brow's outline with the dark hairs just beside it; the outline alone where the brow is too fair to tell."""
    inside = float(drawn.sum())
    hairs = np.asarray(smoothstep(dark, *BROW_DARK), np.float32)
    if inside <= 0.0 or float((hairs * drawn).sum()) < FAIR * inside:
        return drawn
    wide = blur(grow(drawn, BROW_MARGIN * height), 0.5 * BROW_MARGIN * height)
    # Sheen makes a part of a brow as bright as skin: its outline holds it together.
    return np.asarray(np.maximum(np.clip(wide, 0.0, 1.0) * hairs, drawn), np.float32)


def _in_uv(indices: tuple[int, ...], atlas: Atlas, *, grown: float = 0.03) -> FloatArray:
    """(size, size) an outline in UV, soft, grown by a fraction of the side."""
    # Control points of the fine mesh are its first vertices.
    corners = atlas.mesh.uv[list(indices)] * atlas.size - 0.5
    flat = np.zeros((atlas.size, atlas.size), np.uint8)
    cv2.fillPoly(flat, [np.round(corners * 16).astype(np.int32)], 1, shift=4)
    wide = flat.astype(np.float32) if grown <= 0.0 else grow(flat.astype(np.float32), grown * atlas.size)
    return blur(wide, 0.007 * atlas.size)


def load_landmark_parser(card: Card, files: Mapping[str, Path], _options: LoadOptions) -> LandmarkParser:
    """The parser of a card.

    Raises:
        ModelMismatchError: the bundle holds no canonical mesh.
    """
    return LandmarkParser(id=card.id, mesh=read_canonical_mesh(files["bundle"]))
