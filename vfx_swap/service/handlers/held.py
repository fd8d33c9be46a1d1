"""What a worker holds from task to task: warm models, mapped files, sessions."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from vfx_swap.errors import ProtocolError
from vfx_swap.pipeline.today import local_today
from vfx_swap.pipeline.warm import WarmTools
from vfx_swap.service.link import Message
from vfx_swap.service.pool import OpenFiles

if TYPE_CHECKING:
    from vfx_swap.pipeline.session import Session

__all__ = ["Held", "free_device_memory", "text_of"]


@dataclass(eq=False)
class Held:
    """A worker's belongings."""

    device: str
    warm: WarmTools
    files: OpenFiles = field(default_factory=OpenFiles)
    sessions: dict[str, Session | Exception] = field(default_factory=dict)
    """By name; where one could not be opened again, why."""
    today: Callable[[], date] = local_today
    _letting_go: threading.Lock = field(default_factory=threading.Lock)

    def unload(self, engine: str) -> bool:
        """Let go of an engine, and of what its GPU keeps for it."""
        known = self.warm.unload(engine)
        free_device_memory()
        return known

    def let_go(self) -> None:
        """Free memory: every engine that no session works with, and what is kept for later."""
        with self._letting_go:  # frames are swapped side by side, and may run short together
            for engine in self.warm.holds:
                self.warm.unload(engine)
            gc.collect()
            free_device_memory()

    def close(self) -> None:
        """Let go of everything."""
        self.sessions.clear()
        self.warm.close()
        self.files.close()


def free_device_memory() -> None:
    """Give back what torch keeps of a GPU's memory for later."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def text_of(body: Message, key: str) -> str:
    """A text that a body must have.

    Raises:
        ProtocolError: it has none.
    """
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"a task's body has no {key}")
    return value
