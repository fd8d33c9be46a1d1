"""Which colour space a plate is in, and who said so.

In this order: the user; the file's header (`colorInteropID`, then `chromaticities`, then a colour space
that the format itself states, then a movie's tags); the kind of file. OCIO's own file rules are never
asked: those of the built-in configs call every EXR ACES2065-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.types import ColourHints

__all__ = ["ColourDecision", "DecidedBy", "PlateKind", "decide_colour_space"]

PlateKind: TypeAlias = Literal["float", "integer", "movie"]
DecidedBy: TypeAlias = Literal["user", "header", "kind"]

_BY_KIND: Mapping[PlateKind, str] = {
    "float": "lin_rec709_scene",
    "integer": "srgb_rec709_scene",
    "movie": "ocio:itu709_rec709_scene",
}

# OpenImageIO puts these on a file that says nothing; they are the reader's habit, not the file's word.
_FORMAT_DEFAULTS: Mapping[PlateKind, frozenset[str]] = {
    "float": frozenset({"linear", "scene_linear", "lin_rec709", "lin_rec709_scene", "lin_srgb"}),
    "integer": frozenset({"srgb", "srgb_rec709_scene", "srgb_rec709_display", "srgb_tx", "srgb_texture"}),
    "movie": frozenset(),
}
_SAYS_NOTHING = frozenset({"", "unknown", "data", "raw", "none"})
_NO_TAG = frozenset({"", "unknown", "unspecified", "reserved", "reserved0", "0", "2"})
# How OpenImageIO names the transfer of a DPX header.
_OTHER_SPELLINGS: Mapping[str, str] = {
    "rec709": "ocio:itu709_rec709_scene",
    "itu709_rec709_scene": "ocio:itu709_rec709_scene",
    "linear": "lin_rec709_scene",
}

_D60 = (0.32168, 0.33767)
_D65 = (0.3127, 0.3290)
# Red, green, blue x and y, white: SMPTE ST 2065-1, ACES S-2014-004, ITU-R BT.709/BT.2020, SMPTE EG 432-1,
# Adobe RGB (1998), and the camera makers' white papers for their wide gamuts.
_PRIMARIES: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("lin_ap1_scene", (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *_D60)),
    ("lin_ap0_scene", (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, *_D60)),
    ("lin_rec709_scene", (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)),
    ("lin_rec2020_scene", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65)),
    ("lin_p3d65_scene", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65)),
    ("lin_adobergb_scene", (0.640, 0.330, 0.210, 0.710, 0.150, 0.060, *_D65)),
    ("ocio:lin_awg3_scene", (0.6840, 0.3130, 0.2210, 0.8480, 0.0861, -0.1020, *_D65)),
    ("ocio:lin_awg4_scene", (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, *_D65)),
    ("ocio:lin_rwg_scene", (0.780308, 0.304253, 0.121595, 1.493994, 0.095612, -0.084589, *_D65)),
    ("ocio:lin_sgamut3_scene", (0.730, 0.280, 0.140, 0.855, 0.100, -0.050, *_D65)),
    ("ocio:lin_sgamut3cine_scene", (0.766, 0.275, 0.225, 0.800, 0.089, -0.087, *_D65)),
    ("ocio:lin_vgamut_scene", (0.730, 0.280, 0.165, 0.840, 0.100, -0.030, *_D65)),
    ("ocio:lin_dwg_scene", (0.8000, 0.3130, 0.1682, 0.9877, 0.0790, -0.1155, *_D65)),
)
_PRIMARIES_TOLERANCE = 1.5e-3
"""Headers round to three or four digits, and spell white both 0.3127 and 0.31271."""

# ITU-T H.273 code points and FFmpeg's names for them, as a movie's stream carries them.
_MOVIE_PRIMARIES: Mapping[str, str] = {
    "1": "bt709", "bt709": "bt709",
    "5": "bt709", "bt470bg": "bt709", "6": "bt709", "smpte170m": "bt709", "7": "bt709", "smpte240m": "bt709",
    "9": "bt2020", "bt2020": "bt2020",
    "11": "p3", "smpte431": "p3", "12": "p3", "smpte432": "p3",
}  # fmt: skip
_MOVIE_TRANSFER: Mapping[str, str] = {
    "1": "bt709", "bt709": "bt709", "6": "bt709", "smpte170m": "bt709", "7": "bt709", "smpte240m": "bt709",
    "14": "bt709", "bt2020-10": "bt709", "15": "bt709", "bt2020-12": "bt709",
    "4": "g22", "bt470m": "g22", "gamma22": "g22",
    "8": "linear", "linear": "linear",
    "13": "srgb", "iec61966-2-1": "srgb",
    "16": "pq", "smpte2084": "pq", "18": "hlg", "arib-std-b67": "hlg",
}  # fmt: skip
_MOVIE_SPACES: Mapping[tuple[str, str], str] = {
    ("bt709", "bt709"): "ocio:itu709_rec709_scene",
    ("bt709", "g22"): "g22_rec709_scene",
    ("bt709", "linear"): "lin_rec709_scene",
    ("bt709", "srgb"): "srgb_rec709_scene",
    ("bt2020", "linear"): "lin_rec2020_scene",
    ("bt2020", "pq"): "pq_rec2020_display",
    ("bt2020", "hlg"): "hlg_rec2020_display",
    ("p3", "linear"): "lin_p3d65_scene",
    ("p3", "srgb"): "srgb_p3d65_scene",
}


@dataclass(frozen=True)
class ColourDecision:
    """A plate's colour space, and why."""

    name: str
    """The config's own name for the space the file's values are in."""
    decided_by: DecidedBy
    warnings: tuple[str, ...]
    """Sentences for the reader: what was assumed, and what was said but not used."""


def decide_colour_space(
    config: ColourConfig, *, user: str | None, hints: ColourHints, kind: PlateKind
) -> ColourDecision:
    """Decide the colour space of a plate's values.

    Args:
        config: OCIO config.
        user: the user's setting; None or empty: not said.
        hints: what the file's header or stream says.
        kind: `float`, `integer` or `movie`.

    Raises:
        ColourSpaceError: the user named a space that does not exist.
    """
    if user:
        return ColourDecision(config.canonical(user), "user", ())
    warnings: list[str] = []
    name = _from_header(config, hints, kind, warnings)
    if name is not None:
        return ColourDecision(config.canonical(name), "header", tuple(warnings))
    name = config.canonical(_BY_KIND[kind])
    if kind == "float":
        warnings.append(f"the file does not say its colour space: taken as {name!r}; set colour_space if it is another")
    return ColourDecision(name, "kind", tuple(warnings))


def _from_header(config: ColourConfig, hints: ColourHints, kind: PlateKind, warnings: list[str]) -> str | None:
    interop = (hints.interop_id or "").strip()
    if interop.casefold() not in _SAYS_NOTHING:
        if config.has(interop):
            return interop
        warnings.append(f"the header's colorInteropID {interop!r} is unknown to the OCIO config and not used")
    if kind == "float":
        name = _from_chromaticities(hints.chromaticities, warnings)
        if name is not None and config.has(name):
            return name
    stated = (hints.oiio_colour_space or "").strip()
    stated = _OTHER_SPELLINGS.get(stated.casefold(), stated)
    if stated.casefold() not in _SAYS_NOTHING | _FORMAT_DEFAULTS[kind] and stated != interop:
        if config.has(stated):
            return stated
        warnings.append(f"the header's colour space {stated!r} is unknown to the OCIO config and not used")
    return _from_movie_tags(config, hints, warnings) if kind == "movie" else None


def _from_chromaticities(given: tuple[float, ...] | None, warnings: list[str]) -> str | None:
    if given is None:
        return None
    for name, primaries in _PRIMARIES:
        if len(given) == 8 and all(abs(a - b) <= _PRIMARIES_TOLERANCE for a, b in zip(given, primaries, strict=True)):
            return name
    shown = " ".join(f"{number:g}" for number in given)
    warnings.append(f"the header's chromaticities ({shown}) match no colour space known here and are not used")
    return None


def _from_movie_tags(config: ColourConfig, hints: ColourHints, warnings: list[str]) -> str | None:
    primaries = _tag(hints.movie_primaries, _MOVIE_PRIMARIES)
    transfer = _tag(hints.movie_transfer, _MOVIE_TRANSFER)
    if primaries is None and transfer is None:
        return None
    pair = (primaries or "bt709", transfer or "bt709")
    name = _MOVIE_SPACES.get(pair)
    if name is None or not config.has(name):
        warnings.append(
            f"the movie is tagged {pair[0]} primaries with a {pair[1]} curve, for which there is no colour space here: "
            "taken as Rec.709 video; set colour_space if that is wrong"
        )
        return None
    if pair[1] in ("pq", "hlg"):
        warnings.append(
            f"the movie is tagged {pair[1].upper()}: its light is taken from the display, not from the scene"
        )
    return name


def _tag(said: str | None, known: Mapping[str, str]) -> str | None:
    """A movie's tag in our words, as it stands when it is unknown here, None when there is none."""
    text = (said or "").strip().casefold()
    return None if text in _NO_TAG else known.get(text, text)
