"""Without a window: the clips are swapped one after the other, and what happens is printed to the console."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vfx_swap_resolve.settings import Settings
from vfx_swap_resolve.work import App, Work, begin, chosen, take_up

if TYPE_CHECKING:
    from vfx_swap_resolve.clips import Clip
    from vfx_swap_resolve.link import Link

__all__ = ["sentence", "swap_clips"]

_POLL_SECONDS = 0.25


def sentence(error: BaseException) -> str:
    """An error as artists read it."""
    text = str(error) or type(error).__name__
    return text if getattr(error, "what", "") else f"{type(error).__name__}: {text}"


def swap_clips(
    app: App, settings: Settings, link: Link, *, say: Callable[[str], Any], wait: Callable[[float], Any] = time.sleep
) -> int:
    """Swap the chosen clips; one that fails does not keep the others from it.

    Returns:
        How many failed.

    Raises:
        ResolveError: there is no clip to swap.
    """
    failed = 0
    for clip in chosen(app, settings):
        try:
            _swap(app, clip, settings, link, say, wait)
        except Exception as error:  # noqa: BLE001  # told, and on to the next clip
            say(f"{clip.name}: {sentence(error)}")
            failed += 1
    return failed


def _swap(
    app: App, clip: Clip, settings: Settings, link: Link, say: Callable[[str], Any], wait: Callable[[float], Any]
) -> None:
    work: Work | None = take_up(app, clip, link)
    if work is None:
        work = begin(app, clip, settings, link, wait=wait)
    said = ""
    while not work.finished:
        text = work.look()
        if text != said:
            say(text)
            said = text
        if not work.finished:
            wait(_POLL_SECONDS)
    placed = work.finish()
    for warning in placed.warnings:
        say(f"{clip.name}: warning: {warning}")
    say(f"{clip.name}: {placed.where}")
