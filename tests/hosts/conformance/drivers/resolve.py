"""Vfx Swap's window in a fake Resolve: its buttons are pressed, its words are read."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.hosts.conformance.driver import Asked, Outcome, Seen
from tests.hosts.resolve.fake_resolve import FakeResolve, item_on, media_of
from tests.hosts.resolve.fake_ui import FakeFusion

if str(ROOT / "hosts" / "resolve") not in sys.path:
    sys.path.insert(0, str(ROOT / "hosts" / "resolve"))

__all__ = ["ResolveDriver"]

SECONDS = 60.0


class ResolveDriver:
    """A timeline with one clip, and the menu's script."""

    name = "resolve"

    def start(self, *, command: list[str], server: str, folder: Path, maps: str = "") -> None:
        self._base = {"agent": shlex.join(command), "server": server, "maps": maps, "handles": 0}
        self._config = tempfile.TemporaryDirectory()

    def describe(self) -> Seen:
        found: list[Seen] = []

        def look(window: Any) -> None:
            items = window.GetItems()
            knobs = {one.ToolTip.rpartition("(")[2].rstrip(")"): one for name, one in items.items() if "Knob" in name}
            people = (text.rpartition(" (") for text in items["Identity"].choices[1:])
            engines = tuple(knobs["engine"].choices) if "engine" in knobs else ()
            found.append(Seen(engines, frozenset(knobs), {name: words.rstrip(")") for name, _, words in people}))

        resolve = FakeResolve()
        item_on(resolve, media_of(resolve, Path("/nowhere"), 1, 6), start=0, duration=3, left=0)
        self._open(resolve, look)
        return found[0]

    def render(self, asked: Asked) -> Outcome:
        resolve = FakeResolve()
        plate = Path(asked.plate)
        media = media_of(resolve, plate.parent, 1, 6)
        path = re.sub(r"#+", "[0001-0006]", asked.plate)
        media.properties["File Path"] = path
        start = asked.first - 1
        item: Any = item_on(resolve, media, start=1000, duration=asked.last - start, left=start)
        said: list[str] = []

        def press(window: Any) -> None:
            items = window.GetItems()
            items["IdentityFile"].Text = asked.identity
            items["Identity"].CurrentIndex = 0
            items["Folder"].Text = os.path.dirname(asked.output)
            window.On.Render.Clicked({})
            self._wait(items, window, cancel=asked.cancel)
            said.append(items["Status"].Text)

        self._open(resolve, press)
        if item.GetTakesCount() == 2:
            return Outcome("done", _files(item.media), said[0])
        return Outcome("cancelled" if "stopped" in said[0] else "failed", text=said[0])

    def close(self) -> None:
        config = getattr(self, "_config", None)
        if config is not None:
            config.cleanup()

    def _open(self, resolve: FakeResolve, user: Any) -> None:
        from vfx_swap_resolve.menu import start
        from vfx_swap_resolve.settings import Settings, save, settings_path

        environ = {"XDG_CONFIG_HOME": self._config.name}
        save(settings_path(environ), Settings.of({**self._base, "knobs": {"cast[].reshape": 0.0}}))
        self._fusion = FakeFusion()
        self._fusion.dispatcher.script = user
        said: list[str] = []
        assert start(resolve=resolve, fusion=self._fusion, bmd=self._fusion, environ=environ, say=said.append) == 0, (
            said
        )

    def _wait(self, items: Any, window: Any, *, cancel: bool) -> None:
        deadline = time.monotonic() + SECONDS
        while not items["Render"].Enabled:
            assert time.monotonic() < deadline, items["Status"].Text
            self._fusion.dispatcher.On.Timeout({})
            if cancel and re.search(r": [1-9]\d* of \d", items["Status"].Text):
                window.On.Cancel.Clicked({})
                cancel = False
            time.sleep(0.01)


def _files(media: Any) -> tuple[Path, ...]:
    path = media.properties["File Path"]
    match = re.search(r"\[(\d+)-(\d+)\]", path)
    assert match is not None
    numbers = range(int(match[1]), int(match[2]) + 1)
    return tuple(Path(path.replace(match[0], f"{number:04d}")) for number in numbers)
