"""What runs on a node of a Ray cluster: one renderer, which stays warm. Imported there by name: install it there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator

from vfx_swap import __version__
from vfx_swap.farm.lines import Line
from vfx_swap.farm.request import ChunkRequest
from vfx_swap.farm.warm import WarmRenderer
from vfx_swap.pipeline.shot import RENDER_REVISION

__all__ = ["ChunkActor"]


class ChunkActor:
    """One worker of a cluster. `run` and `stop` are called at the same time, `run` never twice."""

    def __init__(self, open_renderer: Callable[[], WarmRenderer]) -> None:
        """
        Args:
            open_renderer: makes the renderer, on the node.
        """
        self._renderer = open_renderer()
        self._stopped = threading.Event()

    def hello(self) -> dict[str, str | int]:
        """Who this is, and of which version: chunks of two versions would not have the same bits."""
        return {"version": __version__, "revision": RENDER_REVISION, "host": socket.gethostname(), "pid": os.getpid()}

    def run(self, request: ChunkRequest) -> Iterator[Line]:
        """Render a chunk; the lines as `render --json` writes them."""
        yield from self._renderer.lines(request, cancelled=self._stopped.is_set)

    def stop(self) -> None:
        """End the chunk in hand after its frame."""
        self._stopped.set()
