"""The client: the same calls to a server and to this process acting as one, for plain and for asynchronous code.

with connect("127.0.0.1:50051") as client:
report = client.render(load_shot("sh010.toml"), progress=print)
"""

from __future__ import annotations

from vfx_swap.client.connecting import Connection, connect, open_client
from vfx_swap.client.face import AsyncClient
from vfx_swap.client.plain import Client

__all__ = ["AsyncClient", "Client", "Connection", "connect", "open_client"]
