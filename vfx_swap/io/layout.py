"""Find red, green, blue and alpha among the channels of a picture, whatever they are called.

Order of search, over all parts: (1) `R, G, B` without a layer; (2) a layer that stands for the whole
picture (`rgba`, `rgb`, `beauty`, ...), or any layer in a part so named; (3) the first layer that has all
three. Channel names are matched without regard to case, and `red`, `green`, `blue` count too. Layers
that vfx-swap itself writes are never taken for the plate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vfx_swap.errors import UnsupportedImageError

__all__ = ["OWN_LAYERS", "RgbLayout", "find_rgb"]

OWN_LAYERS = (
    *("matte", "patch", "stmap", "stmap_inverse", "regions"),
    *("face_uv", "face_normals", "face_depth", "face_confidence"),
)
"""First words of the layers vfx-swap writes."""

_WHOLE_PICTURE = ("", "rgba", "rgb", "beauty", "combined", "color", "colour", "c", "main", "default", "bg", "plate")
_COLOURS = (("r", "red"), ("g", "green"), ("b", "blue"), ("a", "alpha"))


@dataclass(frozen=True)
class RgbLayout:
    """Where the colour is."""

    part: int
    """Index of the part."""
    rgb: tuple[str, str, str]
    """Full names of the three channels."""
    alpha: str | None = None

    @property
    def layer(self) -> str:
        """Name of the layer, such as `beauty` or `scene.Combined`; empty for plain `R`, `G`, `B`."""
        return self.rgb[0].rpartition(".")[0]


def _layers_of(channels: Sequence[str]) -> dict[str, dict[int, str]]:
    """Layer -> {0: red, 1: green, 2: blue, 3: alpha} -> full channel name."""
    layers: dict[str, dict[int, str]] = {}
    for channel in channels:
        layer, _, last = channel.rpartition(".")
        for place, names in enumerate(_COLOURS):
            if last.lower() in names:
                layers.setdefault(layer, {}).setdefault(place, channel)
    return layers


def _rank(layer: str, part_name: str) -> int:
    """Smaller is more likely to be the picture itself."""
    last = layer.rpartition(".")[2].lower()
    if not layer:
        # A part's name says what plain R, G, B in it are: `beauty` before `normals`.
        return 0 if part_name.lower() in _WHOLE_PICTURE else 1
    return 2 + _WHOLE_PICTURE.index(last) if last in _WHOLE_PICTURE else 100


def find_rgb(
    parts: Sequence[tuple[str, Sequence[str]]], *, where: object = None, layer: str | None = None
) -> RgbLayout:
    """The layout of a picture's colour.

    Args:
        parts: name and channels of each part.
        where: named in the error.
        layer: take this layer, or the layer of the part with this name, and no other.

    Raises:
        UnsupportedImageError: no part has red, green and blue, or none in that layer.
    """
    found: list[tuple[int, RgbLayout]] = []
    for index, (part_name, channels) in enumerate(parts):
        for name, places in _layers_of(channels).items():
            if not {0, 1, 2} <= places.keys():
                continue
            if layer is None and name.partition(".")[0].lower() in OWN_LAYERS:
                continue
            if layer is not None and layer not in (name, part_name):
                continue
            found.append((_rank(name, part_name), RgbLayout(index, (places[0], places[1], places[2]), places.get(3))))
    if found:
        # min is stable: among equals the first part, and in it the first layer, wins.
        return min(found, key=lambda item: item[0])[1]
    names = ", ".join(name for _, channels in parts for name in channels)
    wanted = "red, green and blue" if layer is None else f"red, green and blue in layer {layer!r}"
    raise UnsupportedImageError(
        f"no {wanted} among its channels ({names})", where=where, mend="Give a plate with R, G and B channels"
    )
