"""One frame, swapped and written with all layers that do not need a parser, for tools that rebuild it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.pipeline.shot_fakes import write_exr
from tests.pipeline.test_frame_layers import head, picture
from vfx_swap.arrays import FloatArray
from vfx_swap.io.read import read_picture
from vfx_swap.io.write import write_picture
from vfx_swap.pipeline.engines import face_mesh
from vfx_swap.pipeline.frame_layers import SURFACE_LAYERS, make_surface, surface_layers
from vfx_swap.pipeline.swap import CastFace, swap_frame
from vfx_swap.settings import Cast, Grain, Shot
from vfx_swap.types import Crop, Face, Frame, Identity, Warp, Window

__all__ = ["Written", "write_result"]

WINDOW = Window(0, 0, 320, 180)


class Tinted:
    """A swapper that tints a soft round of the plate."""

    id = "tinted"

    def prepare(self, identity: Identity, *, colour_space: str, performer: FloatArray | None = None) -> None:
        """Nothing."""

    def warp_for(self, face: Face, /) -> Warp:
        """The plate's own pixels."""
        return Warp(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), WINDOW.width, WINDOW.height)

    def swap(self, crop: Crop, face: Face, prepared: None, /) -> Crop:
        """Less blue, more red."""
        y, x = np.mgrid[: WINDOW.height, : WINDOW.width]
        away = np.hypot(x - face.points[4, 0], (y - face.points[4, 1]) * 0.8)
        alpha = np.clip((60.0 - away) / 20.0, 0.0, 1.0).astype(np.float32)
        return Crop(
            crop.rgb * np.array([1.6, 1.0, 0.5], np.float32) + np.float32(0.1), alpha, crop.warp, crop.colour_space
        )


@dataclass(frozen=True, eq=False)
class Written:
    """A result on disk, and what is in it."""

    path: Path
    plate_path: Path
    plate: FloatArray
    """(height, width, 3) as its halves are."""
    rgb: FloatArray
    channels: dict[str, np.ndarray]
    """Full name -> (height, width), of all parts."""

    @property
    def types(self) -> dict[str, str]:
        """Full name -> pixel type."""
        return {name: plane.dtype.name for name, plane in self.channels.items()}

    def channel(self, name: str) -> FloatArray:
        """(height, width) float32."""
        return self.channels[name].astype(np.float32)

    def stacked(self, layer: str, names: str) -> FloatArray:
        """(height, width, len(names)) float32."""
        return np.stack([self.channel(f"{layer}.{name}") for name in names], axis=-1)


def write_result(folder: Path) -> Written:
    """Swap and write a frame: `plate.exr`, `result.exr`."""
    write_exr(folder / "plate.exr", picture(WINDOW).astype(np.float16))
    plate = read_picture(folder / "plate.exr")
    face = head(yaw=20.0, x=160.0, y=90.0, scale=7.0)
    frame = Frame(1, plate.rgb(), WINDOW, WINDOW, "ACEScg")
    cast = (Cast(identity="a.identity", position="all"),)
    shot = Shot(name="sh", plate="p.exr", output="o.exr", cast=cast, grain=Grain(match="none"))
    result = swap_frame(frame, [CastFace(1, face, Tinted(), None, 1.0)], shot=shot, want_patch=True)
    assert result.patch is not None
    layers = {"matte.1.A": result.matte}
    layers |= {f"patch.{name}": result.patch[..., index].copy() for index, name in enumerate("RGBA")}
    layers |= surface_layers(make_surface(face_mesh()), frame, {1: face}, tracks=[1], wanted=SURFACE_LAYERS)
    write_picture(folder / "result.exr", plate, rgb=result.frame.rgb, matte=result.matte, layers=layers)
    written = read_picture(folder / "result.exr")
    channels = {name: part.channel(name) for part in written.parts for name in part.channels}
    return Written(folder / "result.exr", folder / "plate.exr", plate.rgb(), written.rgb(), channels)
