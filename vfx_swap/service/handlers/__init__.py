"""What a worker does of each kind of task. Nothing here is imported by the front."""

from __future__ import annotations

from vfx_swap.service.handlers.table import WorkerHandlers, open_handlers

__all__ = ["WorkerHandlers", "open_handlers"]
