"""Serves the metrics by HTTP on a loopback address: one page, one request a connection, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Self

from vfx_swap.errors import CannotRunError
from vfx_swap.service.addresses import Address
from vfx_swap.service.metrics import Metrics

__all__ = ["MetricsPage"]

_LOG = logging.getLogger(__name__)
_HEAD_BYTES = 8192
_SECONDS = 10.0
"""For a request to arrive and its answer to leave: a reader that hangs holds nothing for long."""
_CONNECTIONS = 16
_TEXT = "text/plain; charset=utf-8"


class MetricsPage:
    """The page, while the block runs.

    Args:
        metrics: what is shown.
        address: where; port 0 takes one that is free, which `address` then tells.
    """

    def __init__(self, metrics: Metrics, *, address: Address) -> None:
        self._metrics = metrics
        self.address = address
        self._server: asyncio.Server | None = None
        self._open = 0

    async def __aenter__(self) -> Self:
        """Begin to serve.

        Raises:
            CannotRunError: the address cannot be bound.
        """
        try:
            self._server = await asyncio.start_server(
                self._answer, self.address.host, self.address.port, limit=_HEAD_BYTES
            )
        except OSError as error:
            what = f"cannot serve metrics: {error.strerror or error}"
            raise CannotRunError(what, where=self.address, mend="Choose another metrics.listen") from error
        self.address = Address("tcp", host=self.address.host, port=self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            async with asyncio.timeout(_SECONDS):
                status, kind, body = await self._page(reader)
                head = (
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                    "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode("ascii") + body)
                await writer.drain()
        except (TimeoutError, OSError) as error:
            _LOG.debug("a reader of the metrics went away: %s", error)
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _page(self, reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
        if self._open > _CONNECTIONS:
            return "503 Service Unavailable", _TEXT, b"too many readers\n"
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return "400 Bad Request", _TEXT, b"not a request\n"
        first, *rows = head.split("\r\n")
        method, _, rest = first.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method != "GET":
            return "405 Method Not Allowed", _TEXT, b"GET only\n"
        if path != "/metrics":
            return "404 Not Found", _TEXT, b"see /metrics\n"
        fields = {name.strip().lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
        body, kind = self._metrics.page(accept=fields.get("accept", ""))
        return "200 OK", kind, body
