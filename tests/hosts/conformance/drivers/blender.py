"""The Blender extension in real Blender, without a window: the Image editor, a Blender for each press of a button."""

from __future__ import annotations

import tempfile
from pathlib import Path

from vfx_swap_bridge.paths import existing, frame_file

from tests.hosts.blender.blenders import Blender, blender_of, extension
from tests.hosts.conformance.driver import Asked, Outcome, Seen

__all__ = ["BlenderDriver"]


class BlenderDriver:
    """What lasts between presses is what Blender keeps: preferences and files."""

    name = "blender"

    def __init__(self) -> None:
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def start(self, *, command: list[str], server: str, folder: Path, maps: str = "") -> None:
        del folder  # its files lie where each render says
        self.close()
        self._scratch = tempfile.TemporaryDirectory()
        place = Path(self._scratch.name)
        venv = blender_of("4.5")
        self._blender = Blender(venv, extension(place, venv), server, place, tuple(command))
        self._maps = maps

    def describe(self) -> Seen:
        told = self._blender.run("what_there_is")
        return Seen(tuple(told["engines"]), frozenset(told["knobs"]), told["identities"])

    def render(self, asked: Asked) -> Outcome:
        output = Path(asked.output)
        told = self._blender.run(
            "one_render",
            plate=frame_file(asked.plate, asked.first),
            name=output.name.partition("_v")[0],
            folder=str(output.parent),
            identity=asked.identity,
            maps=self._maps,
            first=asked.first,
            last=asked.last,
            cancel=asked.cancel,
        )
        frames = existing(told["result"]) if told["result"] else []
        return Outcome(told["state"], tuple(Path(frame_file(told["result"], one)) for one in frames), told["text"])

    def close(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None
