"""Pictures of the fake Nuke: enough of its engine that a Write really writes the plate an agent then reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO as oiio

if TYPE_CHECKING:
    from tests.hosts.nuke.fake_graph import Root

__all__ = ["FakePictures", "file_of"]

COMPRESSIONS = {"Zip (1 scanline)": "zips", "Zip (16 scanlines)": "zip", "none": "none", "RLE": "rle"}
CHANNELS = {"R": "rgba.red", "G": "rgba.green", "B": "rgba.blue", "A": "rgba.alpha"}
ENDINGS = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}


def file_of(pattern: str, frame: int, view: str) -> str:
    """A file name as Nuke expands it."""
    assert "\\" not in pattern, f"backslashes are not taken: {pattern}"
    named = pattern.replace("%V", view).replace("%v", view[:1])
    named = re.sub(r"#+", lambda found: f"{frame:0{len(found[0])}d}", named)
    return re.sub(r"%0?(\d*)d", lambda found: f"{frame:0{found[1] or 1}d}", named)


class FakePictures:
    """What needs pixels."""

    root: Root

    def range_of(self, node: Any) -> tuple[int, int]:
        """First and last frame of what comes out of a node."""
        above = self._above(node)
        if node.Class() == "Read":
            return node["first"].value(), node["last"].value()
        if above is None:
            return self.root["first_frame"].value(), self.root["last_frame"].value()
        first, last = self.range_of(above)
        offset = node["time_offset"].value() if node.Class() == "TimeOffset" else 0
        return first + offset, last + offset

    def channels_of(self, node: Any) -> list[str]:
        """As Nuke names those of the file: `matte.1.A` is `matte_1.alpha`."""
        while node is not None and node.Class() != "Read":
            node = self._above(node)
        path = None if node is None else file_of(node["file"].value(), node["first"].value(), "main")
        if path is None or not Path(path).is_file():
            return ["rgba.red", "rgba.green", "rgba.blue"]
        file: Any = oiio.ImageInput.open(path)
        names: list[str] = []
        part = 0
        while file.seek_subimage(part, 0):
            names += file.spec(part).channelnames
            part += 1
        file.close()
        return [self._channel(name) for name in names]

    def _channel(self, name: str) -> str:
        if name in CHANNELS:
            return CHANNELS[name]
        layer, _, last = name.rpartition(".")
        return f"{layer.replace('.', '_')}.{ENDINGS.get(last, last)}"

    def _above(self, node: Any) -> Any:
        """What a node passes on."""
        kind = node.Class()
        if kind == "Input":
            return node.parent().input(0)
        if kind == "Group":
            return node.node("Output1")
        if kind == "Switch":
            return node.input(round(node["which"].value()))
        return node.input(0)

    def _picture(self, node: Any, frame: int, view: str) -> tuple[Any, Any]:
        """Pixels and header."""
        if node is None:
            raise RuntimeError("has no input")
        if node.Class() == "Read":
            path = file_of(node["file"].value(), min(max(frame, node["first"].value()), node["last"].value()), view)
            file: Any = oiio.ImageInput.open(path)
            if file is None:
                raise RuntimeError(f"{node.name()}: {path}: no such file")
            pixels, spec = file.read_image(oiio.FLOAT), file.spec()
            file.close()
            return pixels, spec
        moved = frame - (node["time_offset"].value() if node.Class() == "TimeOffset" else 0)
        pixels, spec = self._picture(self._above(node), moved, view)
        if node.Class() == "Grade":
            with np.errstate(invalid="ignore", over="ignore"):
                pixels = pixels * np.float32(node["white"].value())
        return pixels, spec

    def render(self, node: Any, start: int, end: int, incr: int, views: list[str]) -> None:
        """What `nuke.execute` writes."""
        if node["disable"].value():
            raise RuntimeError(f"{node.name()} is disabled")
        assert node["file_type"].value() == "exr", "only EXR is written here"
        allowed = (node["views"].value() or "main").split()
        for view in [view for view in views if view in allowed or node["views"].value() == ""]:
            for frame in range(start, end + 1, incr):
                pixels, spec = self._picture(node.input(0), frame, view)
                path = Path(file_of(node["file"].value(), frame, view))
                if node["create_directories"].value():
                    path.parent.mkdir(parents=True, exist_ok=True)
                out = spec.copy()
                half = node["datatype"].value() == "16 bit half"
                out.set_format(oiio.HALF if half else oiio.FLOAT)
                out.attribute("compression", COMPRESSIONS[node["compression"].value()])
                if node["metadata"].value() != "all metadata":
                    out.erase_attribute("smpte:TimeCode")
                file: Any = oiio.ImageOutput.create("openexr")
                assert file.open(str(path), out), file.geterror()
                assert file.write_image(pixels)
                assert file.close()
