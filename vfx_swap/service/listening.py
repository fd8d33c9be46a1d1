"""Binds a gRPC server to its addresses: sockets that only their owner reaches, ports that are not shared unawares."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

from vfx_swap.errors import CannotRunError
from vfx_swap.service.addresses import Address
from vfx_swap.service.private_folder import make_private
from vfx_swap.service.settings import ServerSettings

__all__ = ["bind", "server_options"]

CONNECTION_CALLS = 256
"""Calls that one connection may have open; more wait on the client's side."""


def server_options(settings: ServerSettings) -> list[tuple[str, int]]:
    """Options of gRPC for these settings. Give `settings.limits.calls` as `maximum_concurrent_rpcs`."""
    limits, alive = settings.limits, settings.keepalive
    return [
        # Two servers on one port would each get half of the calls; the second must fail instead.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.max_metadata_size", limits.metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes + 8192),
        # Before a client is known: neither a handshake nor one connection may hold much for long.
        ("grpc.server_handshake_timeout_ms", 20_000),
        ("grpc.max_concurrent_streams", min(CONNECTION_CALLS, limits.calls)),
        ("grpc.keepalive_time_ms", round(alive.seconds * 1000)),
        ("grpc.keepalive_timeout_ms", round(alive.timeout_seconds * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", round(alive.client_seconds * 1000)),
    ]


def bind(server: Any, *, settings: ServerSettings, credentials: Any = None) -> tuple[Address, ...]:
    """Bind a server, before it is started, to all addresses of its settings.

    TCP addresses are encrypted where there are credentials; Unix sockets never are: their mode, 0600 in a folder of
    0700, says who may connect.

    Args:
        server: of grpc.aio.
        settings: with the addresses.
        credentials: of gRPC, or None.

    Returns:
        The addresses, ports that were 0 filled in.

    Raises:
        CannotRunError: an address is taken, or cannot be bound.
    """
    bound = []
    for address in settings.addresses:
        if not address.is_local and credentials is None:
            mend = "Add [tls] to the server file"
            raise CannotRunError(
                "other machines can reach this address, and it is not encrypted", where=address, mend=mend
            )
        if address.kind == "unix" and address.path is not None:
            bound.append(_bind_unix(server, address, address.path))
            continue
        try:
            if credentials is None:
                port = server.add_insecure_port(str(address))
            else:
                port = server.add_secure_port(str(address), credentials)
        except RuntimeError as error:  # gRPC says no more than that it failed
            raise _cannot_bind(address) from error
        bound.append(Address("tcp", host=address.host, port=port))
    return tuple(bound)


def _bind_unix(server: Any, address: Address, path: Path) -> Address:
    make_private(path.parent, where=address)
    if _answers(path):
        # gRPC would unlink the socket of a server that runs and take its place.
        raise CannotRunError("another server listens there", where=address, mend="Stop it, or choose another path")
    if os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
        raise CannotRunError("there is a file of this name, which is no socket", where=address, mend="Remove it")
    try:
        server.add_insecure_port(str(address))
        path.chmod(0o600)
    except (RuntimeError, OSError) as error:
        raise _cannot_bind(address) from error
    return address


def _answers(path: Path) -> bool:
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except TimeoutError:
            return True  # its queue of connections is full: somebody is there
        except OSError as error:
            return error.errno == errno.EAGAIN
    return True


def _cannot_bind(address: Address) -> CannotRunError:
    """Why an address could not be bound, found by trying it again by hand."""
    reason = "it could not be bound"
    if address.kind == "tcp":
        with contextlib.suppress(OSError):
            family, kind, protocol, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[
                0
            ]
            with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
                try:
                    probe.bind(where)
                except OSError as error:
                    reason = error.strerror or reason
    return CannotRunError(f"cannot listen: {reason}", where=address, mend="Choose another address, or stop who has it")
