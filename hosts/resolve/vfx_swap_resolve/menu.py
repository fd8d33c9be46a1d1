"""What Resolve's menu starts: the window where there is one, else the clips are swapped with the settings on file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from vfx_swap_resolve.calls import has_method
from vfx_swap_resolve.link import Link
from vfx_swap_resolve.run import sentence, swap_clips
from vfx_swap_resolve.settings import Settings, load, save, settings_path
from vfx_swap_resolve.window import Window
from vfx_swap_resolve.work import open_app

__all__ = ["NO_WINDOW", "start"]

NO_WINDOW = "VFX_SWAP_RESOLVE_NO_WINDOW"
"""Set to anything: no window, even where there could be one."""


def start(
    *,
    resolve: Any,
    fusion: Any = None,
    bmd: Any = None,
    page: str = "edit",
    environ: Mapping[str, str] = os.environ,
    say: Callable[[str], Any] = print,
    link: Callable[[Settings], Any] = Link,
) -> int:
    """Run; never raises, since what a script raises is shown to nobody.

    Args:
        resolve: as Resolve's menu gives it.
        fusion: likewise; its UIManager draws the window.
        bmd: likewise; its UIDispatcher runs it.
        page: `edit`, or `fusion`: results become Loaders.
        environ: the environment.
        say: prints to the console.
        link: makes the way to the agent.

    Returns:
        How many clips failed; 1 where nothing could be begun.
    """
    path = settings_path(environ)
    settings = load(path)
    if page == "fusion":
        settings = replace(settings, place="loader", which="playhead")
    try:
        open_app(resolve)
        ui = None if environ.get(NO_WINDOW) else _ui(fusion)
        way = link(settings)
        try:
            if ui is None or bmd is None:
                return swap_clips(open_app(resolve), settings, way, say=say)
            Window(resolve, ui, bmd.UIDispatcher(ui), settings, way, keep=lambda new: save(path, new)).run()
        finally:
            way.close()
    except Exception as error:  # noqa: BLE001  # the console is all there is
        say(f"Vfx Swap: {sentence(error)}")
        return 1
    return 0


def _ui(fusion: Any) -> Any:
    """The UIManager; None in a Resolve that has none."""
    return fusion.UIManager if fusion is not None and has_method(fusion, "UIManager") else None
