"""Certificates: what is wrong with them is told before a start; new ones are shown to the next client, unasked."""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.service.authority import Authority
from tests.service.doorway import doorway
from vfx_swap.errors import SettingsError
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.settings import Tls
from vfx_swap.service.tls import CertificateSource, read_certificates, server_credentials

NOW = datetime.now(UTC)


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls(tmp_path: Path, authority: Authority) -> Tls:
    certificate, key = authority.server(tmp_path)
    return Tls(certificate=str(certificate), key=str(key))


def problems(tls: Tls, now: datetime = NOW) -> list[str]:
    try:
        read_certificates(tls, now=now)
    except SettingsError as error:
        return [f"{one.key}: {one.what}" for one in error.problems]
    return []


def test_a_pair_that_fits_is_taken(tls: Tls) -> None:
    held = read_certificates(tls, now=NOW)
    assert held.not_after - NOW > timedelta(days=29)
    assert list(held.notes(now=NOW)) == []
    (note,) = held.notes(now=NOW + timedelta(days=20))
    assert "renew it" in note


def test_what_is_wrong_is_told_at_once(tls: Tls, tmp_path: Path, authority: Authority) -> None:
    assert "ended on" in problems(tls, NOW + timedelta(days=40))[0]
    assert "holds only from" in problems(tls, NOW - timedelta(days=40))[0]
    Path(tls.key).chmod(0o604)
    assert "can be read or changed by others" in problems(tls)[0]
    Path(tls.key).chmod(0o640)
    assert problems(tls) == [], "a group such as ssl-cert may read it"
    (tmp_path / "other").mkdir()
    other = authority.server(tmp_path / "other")
    assert "is not the key of" in problems(Tls(certificate=tls.certificate, key=str(other[1])))[0]
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "junk").chmod(0o600)
    junk = str(tmp_path / "junk")
    found = problems(Tls(certificate=junk, key=junk, client_ca=str(tmp_path / "missing")))
    assert [one.split(": ")[0] for one in found] == ["tls.certificate", "tls.client_ca", "tls.key"]


def test_an_encrypted_key_is_refused(tls: Tls) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(tls.key).read_bytes(), password=None)
    form = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"x"))
    Path(tls.key).write_bytes(text)
    assert "is encrypted" in problems(tls)[0]


def test_changed_files_are_given_once(tls: Tls, tmp_path: Path, authority: Authority) -> None:
    source = CertificateSource(tls)
    first = source.current
    assert source.fresh() is None
    authority.server(tmp_path)
    fresh = source.fresh()
    assert fresh is not None
    assert fresh.certificate != first.certificate
    assert source.fresh() is None


def test_a_change_that_does_not_fit_is_logged_and_not_taken(
    tls: Tls, tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    source = CertificateSource(tls)
    before = source.current
    old_key = Path(tls.key).read_bytes()
    authority.server(tmp_path)
    new_key = Path(tls.key).read_bytes()
    Path(tls.key).write_bytes(old_key)  # half-way: the certificate is new, the key is not
    with caplog.at_level(logging.ERROR):
        assert source.fresh() is None
    assert "new certificates are not taken" in caplog.text
    assert source.current is before
    Path(tls.key).write_bytes(new_key)
    assert source.fresh() is not None, "the pair is whole"
    Path(tls.certificate).unlink()
    assert source.fresh() is None
    assert source.current.key == new_key


def test_the_next_client_is_shown_the_new_certificate(tls: Tls, tmp_path: Path, authority: Authority) -> None:
    def shown(port: int) -> int:
        text = ssl.get_server_certificate(("127.0.0.1", port), timeout=20)
        return x509.load_pem_x509_certificate(text.encode()).serial_number

    async def body() -> list[int]:
        credentials = server_credentials(CertificateSource(tls))
        async with asyncio.timeout(60), doorway(AccessControl(None), {}, credentials=credentials) as served:
            first = await asyncio.to_thread(shown, served.port)
            same = await asyncio.to_thread(shown, served.port)
            await asyncio.to_thread(authority.server, tmp_path)
            return [first, same, await asyncio.to_thread(shown, served.port)]

    first, same, later = asyncio.run(body())
    assert first == same
    assert later != first
    assert later == x509.load_pem_x509_certificate(Path(tls.certificate).read_bytes()).serial_number
