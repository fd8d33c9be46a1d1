"""Where a client connects to, and how it says who it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from vfx_swap.client.face import AsyncClient
from vfx_swap.client.plain import Client
from vfx_swap.client.retry import Patience
from vfx_swap.client.stubs import Stubs
from vfx_swap.errors import MissingInputError, UsageError
from vfx_swap.service.addresses import Address
from vfx_swap.service.settings import CHUNK_BYTES

__all__ = ["Connection", "connect", "open_channel", "open_client"]

MESSAGE_BYTES = CHUNK_BYTES + 65536
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # Not oftener than a server takes it (keepalive.client_seconds), and well within `face.CALL_SECONDS`: gRPC 1.85 was
    # once seen to leave a loaded client's connection asleep until its next timer, which must not be the call's own end.
    ("grpc.keepalive_time_ms", 40_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A server that is back is found in seconds; gRPC would wait up to two minutes between two looks.
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


@dataclass(frozen=True)
class Connection:
    """A server's address and what to show it."""

    address: str
    """`HOST:PORT` or `unix:/path`."""
    token: str = ""
    """What `vfx-swap token add` gave; empty: none."""
    ca: Path | None = None
    """PEM of the authorities that the server's certificate is checked by; None: the system's."""
    certificate: Path | None = None
    """PEM of this client's certificate, where the server asks for one."""
    key: Path | None = None
    """PEM of its private key."""
    tls: bool | None = None
    """None: where other machines could listen in, that is everywhere but on loopback and Unix sockets."""

    @classmethod
    def from_environment(cls, address: str, *, environment: Mapping[str, str] | None = None) -> Connection:
        """A connection with what the environment says: `VFX_SWAP_TOKEN_FILE`, `VFX_SWAP_CA`, `VFX_SWAP_CERTIFICATE`,
        `VFX_SWAP_KEY`.

        Raises:
            MissingInputError: a file that is named is not there.
        """
        given = os.environ if environment is None else environment

        def path(name: str) -> Path | None:
            text = given.get(name, "")
            return Path(text) if text else None

        file = path("VFX_SWAP_TOKEN_FILE")
        token = "" if file is None else _read(file).decode("utf-8", errors="replace").strip()
        ca, certificate, key = (path(f"VFX_SWAP_{name}") for name in ("CA", "CERTIFICATE", "KEY"))
        # Who brings an authority of their own means to check it, on loopback too.
        return cls(address, token, ca, certificate, key, tls=True if ca is not None else None)


def open_channel(connection: Connection) -> Any:
    """A `grpc.aio` channel. Nothing is sent yet.

    Raises:
        UsageError: the address is none, or a token would travel in the clear to another machine.
        MissingInputError: a file of certificates is not there.
    """
    address = Address.parse(connection.address)
    encrypted = not address.is_local if connection.tls is None else connection.tls and address.kind == "tcp"
    if connection.token and not encrypted and not address.is_local:
        what = f"a token would travel unencrypted to {connection.address}"
        raise UsageError(what, mend="Leave tls as it is, or connect by loopback")
    target = str(address) if address.kind == "tcp" else f"unix:{address.path}"
    if not encrypted:
        return grpc.aio.insecure_channel(target, options=OPTIONS, interceptors=_bearers(connection.token))
    if (connection.certificate is None) != (connection.key is None):
        raise UsageError("a client certificate and its key come together", mend="Give both, or neither")
    credentials = grpc.ssl_channel_credentials(
        root_certificates=None if connection.ca is None else _read(connection.ca),
        private_key=None if connection.key is None else _read(connection.key),
        certificate_chain=None if connection.certificate is None else _read(connection.certificate),
    )
    return grpc.aio.secure_channel(target, credentials, options=OPTIONS, interceptors=_bearers(connection.token))


def connect(connection: Connection | str, *, patience: Patience | None = None) -> Client:
    """A client of a server, for plain code.

    Args:
        connection: or its address alone; then the environment says the rest.
        patience: for calls that may be made again.
    """
    given = Connection.from_environment(connection) if isinstance(connection, str) else connection

    async def make() -> AsyncClient:
        return open_client(given, patience=patience)

    return Client(make)


def open_client(connection: Connection, *, patience: Patience | None = None) -> AsyncClient:
    """A client of a server, for asynchronous code; made within the loop that it lives in."""
    channel = open_channel(connection)
    return AsyncClient(Stubs.of_channel(channel), close=channel.close, patience=patience)


class _Bearer:
    """Adds a token to the metadata of every call. GRPC asks for one class for each kind of call."""

    def __init__(self, token: str) -> None:
        self._value = ("authorization", f"Bearer {token}")

    def _with_token(self, details: Any) -> Any:
        return grpc.aio.ClientCallDetails(
            method=details.method,
            timeout=details.timeout,
            metadata=grpc.aio.Metadata(*(details.metadata or ()), self._value),
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )


class _UnaryUnary(_Bearer, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


class _UnaryStream(_Bearer, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


class _StreamUnary(_Bearer, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request_iterator)


class _StreamStream(_Bearer, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request_iterator)


def _bearers(token: str) -> list[Any]:
    return [kind(token) for kind in (_UnaryUnary, _UnaryStream, _StreamUnary, _StreamStream)] if token else []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingInputError(f"cannot be read: {error.strerror}", where=path, mend="Check the path") from error
