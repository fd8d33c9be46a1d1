"""The client: the same calls to a server and to this process acting as one, for plain and for asynchronous code."""

from __future__ import annotations

from vfx_swap.client.face import AsyncClient
from vfx_swap.client.plain import Client

__all__ = ["AsyncClient", "Client"]
