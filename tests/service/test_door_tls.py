"""The door over TLS: a token, a client certificate, and neither."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.service.authority import Authority
from tests.service.doorway import (
    HANDLERS,
    LONG,
    SUBMIT,
    TODAY,
    bearer,
    control,
    doorway,
    error_of,
)
from vfx_swap.errors import (
    RoleError,
    UnauthenticatedError,
)
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.access_file import add_token
from vfx_swap.service.settings import Tls
from vfx_swap.service.tls import CertificateSource, server_credentials


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "access.toml"


def tls_of(folder: Path, authority: Authority, *, mutual: bool) -> Tls:
    certificate, key = authority.server(folder)
    client_ca = str(authority.write(folder / "clients.pem")) if mutual else None
    return Tls(certificate=str(certificate), key=str(key), client_ca=client_ca)


def over_tls(access: AccessControl, tls: Tls, clients: list[Any], metadata: Any = ()) -> list[Any]:
    """What SubmitShot answers to clients with these credentials, or the code it fails with."""

    async def body() -> list[Any]:
        found: list[Any] = []
        credentials = server_credentials(CertificateSource(tls))
        async with asyncio.timeout(LONG), doorway(access, HANDLERS, credentials=credentials) as served:
            for client in clients:
                where = f"localhost:{served.port}"
                channel = grpc.aio.insecure_channel(where) if client is None else grpc.aio.secure_channel(where, client)
                async with channel:
                    try:
                        found.append(await channel.unary_unary(SUBMIT)(b"x", metadata=metadata, timeout=LONG))
                    except grpc.aio.AioRpcError as failure:
                        known = "grpc-status-details-bin" in dict(failure.trailing_metadata() or ())
                        found.append(error_of(failure) if known else failure.code().name)
        return found

    return asyncio.run(body())


def test_tls_with_a_token(file: Path, tmp_path: Path) -> None:
    authority, stranger = Authority(), Authority()
    token = add_token(file, name="comp", roles=["render"], today=TODAY)
    good = grpc.ssl_channel_credentials(authority.certificate)
    wrong = grpc.ssl_channel_credentials(stranger.certificate)
    found = over_tls(control(file), tls_of(tmp_path, authority, mutual=False), [good, wrong, None], bearer(token))
    assert found == [b"comp x", "UNAVAILABLE", "UNAVAILABLE"]


def test_mutual_tls_knows_clients_by_their_certificates(file: Path, tmp_path: Path) -> None:
    authority, stranger = Authority(), Authority()
    file.write_text(
        'schema = "vfx_swap/access.1"\n'
        '[[certificate]]\nname = "ws-01.studio"\nroles = ["render"]\n'
        '[[certificate]]\nname = "just a name"\nroles = ["watch"]\n'
        '[[certificate]]\nname = "old.studio"\nroles = ["render"]\nexpires = 2026-11-19\n'
    )

    def shows(signed_by: Authority, *names: str) -> Any:
        certificate, key = signed_by.client(*names)
        return grpc.ssl_channel_credentials(authority.certificate, key, certificate)

    found = over_tls(
        control(file),
        tls_of(tmp_path, authority, mutual=True),
        [
            shows(authority, "anything", "ws-01.studio"),
            shows(authority, "just a name"),
            shows(authority, "nobody", "ws-02.studio"),
            shows(authority, "old", "old.studio"),
            shows(stranger, "anything", "ws-01.studio"),
            grpc.ssl_channel_credentials(authority.certificate),
        ],
    )
    assert found[0] == b"ws-01.studio x"
    assert isinstance(found[1], RoleError)
    assert isinstance(found[2], UnauthenticatedError)
    assert "'ws-02.studio', 'nobody'" in found[2].what
    assert "expired on 2026-11-19" in found[3].what
    assert found[4:] == ["UNAVAILABLE", "UNAVAILABLE"]


def test_a_wrong_token_is_not_mended_by_a_good_certificate(file: Path, tmp_path: Path) -> None:
    authority = Authority()
    file.write_text('schema = "vfx_swap/access.1"\n[[certificate]]\nname = "ws-01"\nroles = ["render"]\n')
    certificate, key = authority.client("ws-01")
    shown = grpc.ssl_channel_credentials(authority.certificate, key, certificate)
    (found,) = over_tls(control(file), tls_of(tmp_path, authority, mutual=True), [shown], bearer("vfxs_wrong"))
    assert isinstance(found, UnauthenticatedError)
